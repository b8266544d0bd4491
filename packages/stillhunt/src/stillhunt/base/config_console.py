"""Settings of the console: how people sign in, and for how long."""

from ipaddress import ip_network
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from stillhunt.base.config_alerts import is_web_address
from stillhunt.base.config_group import SettingsGroup

PersonRole = Literal["viewer", "analyst", "admin"]
"""What somebody may do in the console: read; work on cases, too; all."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConsoleSettings(SettingsGroup):
    """Pages for people, and how they sign in."""

    sign_in: Literal["local", "oidc", "proxy"] = "local"
    session_hours: float = Field(12.0, gt=0, le=24 * 30)
    idle_hours: float = Field(1.0, gt=0, le=24 * 30)
    url: str = Field("", max_length=1024)
    default_role: Literal["none", "viewer", "analyst"] = "viewer"
    oidc_issuer: str = Field("", max_length=1024)
    oidc_client_id: str = Field("", max_length=256)
    oidc_client_secret: str = Field("", max_length=1024, repr=False)
    oidc_role_claim: str = Field("roles", max_length=256)
    oidc_roles: dict[str, PersonRole] = Field(default_factory=dict)
    proxy_header: str = Field("x-forwarded-user", pattern=r"^[A-Za-z0-9-]{1,64}$")
    proxy_addresses: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    checklist: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field((), max_length=20)
    golden_cases: dict[str, Literal["act", "watch", "dismiss"]] = Field(default_factory=dict)
    log_link: str = Field("", max_length=1024, pattern=r"^(https?://\S+\{request_id\}\S*)?$")

    @field_validator("url", "oidc_issuer")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url and (not is_web_address(url) or urlsplit(url).query or urlsplit(url).fragment):
            raise ValueError("this is no http:// or https:// address")
        return url

    @field_validator("url")
    @classmethod
    def _has_no_path(cls, url: str) -> str:
        if urlsplit(url).path.strip("/"):
            raise ValueError("the console is at the root of its address: leave out the path")
        return url.rstrip("/").lower()

    @field_validator("proxy_addresses")
    @classmethod
    def _are_networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for one in addresses:
            ip_network(one)  # raises ValueError, which names the address
        return addresses

    def warnings(self) -> list[str]:
        """What is allowed, and weaker than it could be; one sentence each."""
        found = []
        if self.sign_in == "local" and self.url.startswith("https://") and not self.proxy_addresses:
            found.append(
                "console.url is set, and console.proxy_addresses is not: everybody behind the proxy has its address, "
                "so wrong passwords are counted by name alone. Set it to the address of the proxy, such as 127.0.0.1"
            )
        if self.sign_in == "proxy" and not self.url:
            found.append(
                "console.url is not set: a page of any name that leads to this machine can ask the console as the "
                "proxy does. Set it to the address at which people reach the console"
            )
        return found

    @model_validator(mode="after")
    def _check_sign_in_settings(self) -> Self:
        if self.sign_in == "oidc" and not (self.oidc_issuer and self.oidc_client_id and self.url):
            raise ValueError("OpenID Connect needs console.oidc_issuer, console.oidc_client_id and console.url")
        issuer = urlsplit(self.oidc_issuer)
        if self.sign_in == "oidc" and issuer.scheme != "https" and issuer.hostname not in _LOOPBACK:
            raise ValueError("console.oidc_issuer must begin with https://, or else anybody on the way can sign in")
        if self.sign_in == "proxy" and not self.proxy_addresses:
            raise ValueError("signing in by a proxy needs console.proxy_addresses: anybody else could set the header")
        return self
