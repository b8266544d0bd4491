"""Settings of the console: how people sign in, and for how long."""

from __future__ import annotations

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

    sign_in: Literal["local", "oidc", "proxy"] = Field(
        "local",
        description="How people sign in: local (names and passwords of `stillhunt user`), oidc (a provider of OpenID "
        "Connect; stillhunt[oidc]) or proxy (a header of a proxy that has signed them in).",
    )
    session_hours: float = Field(
        12.0, gt=0, le=24 * 30, description="Hours after which somebody has to sign in again. A day of work."
    )
    idle_hours: float = Field(
        1.0,
        gt=0,
        le=24 * 30,
        description="Hours without a request after which somebody has to sign in again; one, as NIST SP 800-63B-4 "
        "advises for the second level of assurance.",
    )
    url: str = Field(
        "",
        max_length=1024,
        description="Address at which people reach the console, such as https://hunt.example.com: needed for OpenID "
        "Connect, and behind a proxy that changes Host. Empty: what the request says.",
    )
    default_role: Literal["none", "viewer", "analyst"] = Field(
        "viewer",
        description="Role of somebody whom the provider or the proxy names for the first time, or whose claim has no "
        "role. none: only those whose claim has a role, or whom an administrator added, come in.",
    )
    oidc_issuer: str = Field(
        "", max_length=1024, description="Issuer of OpenID Connect; its settings are read from /.well-known below it."
    )
    oidc_client_id: str = Field("", max_length=256, description="Name of this console at the issuer.")
    oidc_client_secret: str = Field(
        "", max_length=1024, repr=False, description="Its secret there. Empty: a public client, with PKCE alone."
    )
    oidc_role_claim: str = Field(
        "roles",
        max_length=256,
        description="Claim of the id token that holds roles or groups; dots lead into it, as in realm_access.roles.",
    )
    oidc_roles: dict[str, PersonRole] = Field(
        default_factory=dict,
        description="Value of that claim -> role; the highest counts, anew with each sign-in. Empty: an administrator "
        "gives roles.",
    )
    proxy_header: str = Field(
        "x-forwarded-user",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="Header in which the proxy names who is signed in. It must remove what a client sent under it.",
    )
    proxy_addresses: tuple[Annotated[str, Field(max_length=64)], ...] = Field(
        (),
        description="Addresses or networks of proxies: that header and X-Forwarded-For count from them alone. Whoever "
        "can connect from there can be anybody. Set it for every proxy, also where it only does TLS.",
    )

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
    def _complete(self) -> Self:
        if self.sign_in == "oidc" and not (self.oidc_issuer and self.oidc_client_id and self.url):
            raise ValueError("OpenID Connect needs console.oidc_issuer, console.oidc_client_id and console.url")
        issuer = urlsplit(self.oidc_issuer)
        if self.sign_in == "oidc" and issuer.scheme != "https" and issuer.hostname not in _LOOPBACK:
            raise ValueError("console.oidc_issuer must begin with https://, or else anybody between can sign in")
        if self.sign_in == "proxy" and not self.proxy_addresses:
            raise ValueError("signing in by a proxy needs console.proxy_addresses: anybody else could set the header")
        return self
