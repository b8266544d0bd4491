"""Settings of alerts: what is told, to whom, and how often at most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, field_validator, model_validator

from stillhunt.base.config_group import SettingsGroup

AlertKind = Literal[
    "campaign_new",
    "campaign_rises",
    "campaign_review",
    "campaign_merged",
    "campaign_split",
    "campaign_returned",
    "accounts_replaced",
    "early_sign",
    "mention",
    "hunt_failing",
    "hunt_recovered",
    "disk_limit",
    "budget_limit",
    "enforcement_fault",
    "service_fault",
    "fault_ended",
]
"""What an alert can be about."""
_Kinds = Annotated[
    tuple[AlertKind, ...], Field((), description="Kinds of alerts that go there, as in howto/alerts.md. Empty: all.")
]
_Address = Annotated[str, Field(max_length=254, pattern=r"^[^\s<>,;:\"\\()\x00-\x1f\x7f]+@[^\s<>,;@\x00-\x1f\x7f]+$")]


def is_web_address(url: str) -> bool:
    """Whether a text is an address of the web with a host: http or https, nothing that could break a line."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        return False


class WebhookSettings(SettingsGroup):
    """A web address to which alerts are posted."""

    url: str = Field(max_length=2048)
    secret: str = Field("", max_length=1024, repr=False)
    form: Literal["json", "slack"] = "json"
    kinds: _Kinds = ()

    @field_validator("url")
    @classmethod
    def _goes_to_the_web(cls, url: str) -> str:
        if not is_web_address(url):
            raise ValueError("this is no http:// or https:// address")
        return url


class EmailSettings(SettingsGroup):
    """The mail server that sends alerts, and to whom."""

    host: str = Field("", max_length=253)
    port: int = Field(587, ge=1, le=65_535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    user: str = Field("", max_length=256)
    password: str = Field("", max_length=1024, repr=False)
    sender: str = Field("", max_length=254)
    to: tuple[_Address, ...] = ()
    kinds: _Kinds = ()

    @model_validator(mode="after")
    def _check_mail_settings(self) -> EmailSettings:
        if self.host and not (self.to and "@" in self.sender and self.sender.isprintable() and " " not in self.sender):
            raise ValueError("alerts by e-mail need sender and to")
        if self.password and self.tls == "none":
            raise ValueError("a password is not sent without encryption: set alerts.email.tls to starttls or tls")
        return self


class AlertFile(SettingsGroup):
    """A file of JSON lines for a SIEM."""

    path: str = Field(min_length=1, max_length=4096)
    form: Literal["ocsf", "ecs"] = "ocsf"
    kinds: _Kinds = ()


class AlertSettings(SettingsGroup):
    """Messages about what a hunt newly found, and about hunts that fail."""

    webhooks: tuple[WebhookSettings, ...] = ()
    email: EmailSettings = Field(default_factory=EmailSettings)
    files: tuple[AlertFile, ...] = ()
    console: str = Field("", max_length=2048)
    review: bool = False
    quiet_hours: float = Field(24.0, ge=0, le=8760)
    hunt_failures: int = Field(3, ge=1, le=1000)
    keep_days: float = Field(400.0, gt=0, le=3650)

    _plugins: Mapping[str, Mapping[str, Any]] = PrivateAttr(default_factory=dict)

    def of_plugin(self, name: str) -> Mapping[str, Any]:
        """The table `[plugins.NAME]` of the settings; empty where there is none."""
        return self._plugins.get(name, {})

    def with_plugins(self, plugins: Mapping[str, Mapping[str, Any]]) -> AlertSettings:
        """The same settings, which know those of plugins."""
        known = self.model_copy()
        known._plugins = plugins
        return known

    @field_validator("console")
    @classmethod
    def _leads_to_the_web(cls, url: str) -> str:
        if url and not is_web_address(url):
            raise ValueError("this is no http:// or https:// address")
        return url
