"""Settings of the report, and list prices."""

from __future__ import annotations

from pydantic import Field

from stillhunt.base.config_group import SettingsGroup


class Price(SettingsGroup):
    """List price of one model."""

    input: float = Field(ge=0, description="Price of a million input tokens.")
    output: float = Field(ge=0, description="Price of a million output tokens.")


class ReportSettings(SettingsGroup):
    """What the report shows, and list prices."""

    currency: str = Field("USD", description="Currency of the list prices.", max_length=8)
    prices: dict[str, Price] = Field(
        default_factory=dict,
        description="List price of a million tokens by model; models that it does not name use default_price.",
    )
    default_price: Price = Field(
        Price(input=3.0, output=15.0), description="List price of models that prices does not name."
    )
    excerpts: bool = Field(
        True, description="Show short redacted excerpts of prompts. Switch it off for reports that leave your team."
    )
    excerpt_chars: int = Field(320, ge=40, le=2000, description="Maximum number of characters of one excerpt.")
