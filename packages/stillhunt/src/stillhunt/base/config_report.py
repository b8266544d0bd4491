"""Settings of the report, and list prices."""

from pydantic import Field

from stillhunt.base.config_group import SettingsGroup


class Price(SettingsGroup):
    """List price of one model."""

    input: float = Field(ge=0, description="Price of a million input tokens.")
    output: float = Field(ge=0, description="Price of a million output tokens.")


class ReportSettings(SettingsGroup):
    """What the report shows, and list prices."""

    currency: str = Field("USD", max_length=8)
    prices: dict[str, Price] = Field(default_factory=dict)
    default_price: Price = Price(input=3.0, output=15.0)
    excerpts: bool = True
    excerpt_chars: int = Field(320, ge=40, le=2000)
