"""Signing in with OpenID Connect: authorization code flow with PKCE, state and nonce.

Followed are OpenID Connect Core 1.0 (sections 3.1.2 and 3.1.3), RFC 7636 (PKCE) and RFC 9207 (issuer in the answer).
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from stillhunt.base.config_console import ConsoleSettings
from stillhunt.base.errors import ConfigError
from stillhunt.base.installing import install_command
from stillhunt.watch.database.audit import record_look
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.people.sessions import SessionStore
from stillhunt_server.people.users import PERSON_ROLES, user_of_subject

PENDING_SECONDS = 600
"""How long somebody may take at the provider. Judgement."""
TOKEN_SIGNATURES = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures of id tokens that count: none with a shared secret, and none without one."""
LEEWAY_SECONDS = 60
"""By which the clocks of the provider and this machine may differ. Judgement; the specification says a few minutes."""
_KEPT_SECONDS = 3600.0
_REREAD_SECONDS = 10.0
_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 1 << 20
_LONGEST_PENDING = 4096
_SUBJECT_CHARACTERS = 255  # OpenID Connect Core 1.0, section 2


def oidc_subject(issuer: str, sub: str) -> str:
    """Who somebody is whom an issuer calls so; no other issuer can name them."""
    return f"{issuer} {sub}"


class SignInRefusedError(Exception):
    """Somebody is not signed in."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class _Provider:
    metadata: Mapping[str, Any]
    keys: Any
    read_at: float


class OpenIdClient:
    """This console at a provider of OpenID Connect.

    Raises:
        ConfigError: the library is not installed.
    """

    def __init__(
        self,
        database: WatchDatabase,
        settings: ConsoleSettings,
        sessions: SessionStore,
        threads: DatabaseThreads,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            import authlib.oidc.core  # an optional part
            import joserfc.jwt  # noqa: F401 - an optional part, of which it is only asked whether it is there
        except ModuleNotFoundError as error:
            raise ConfigError(
                "OpenID Connect needs a library that is not installed",
                where="setting console.sign_in",
                next_step=install_command("oidc"),
            ) from error
        self._database, self._settings, self._sessions, self._ticks = database, settings, sessions, ticks
        self._threads = threads
        self._id_token = authlib.oidc.core.CodeIDToken
        self._provider: _Provider | None = None

    async def start(self, next_path: str) -> tuple[str, str]:
        """Where somebody is sent to sign in.

        Returns:
            The address at the provider, and the value of a cookie that has to come back with them.

        Raises:
            SignInRefusedError: the provider cannot be reached.
        """
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # an optional part

        provider = await self._read_provider()
        pending = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")} | {"next": next_path}
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self._redirect,
            "scope": "openid profile email",
            "state": pending["state"],
            "nonce": pending["nonce"],
            "code_challenge": create_s256_code_challenge(pending["verifier"]),
            "code_challenge_method": "S256",
        }
        address = provider.metadata["authorization_endpoint"]
        url = f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"
        return url, base64.urlsafe_b64encode(json.dumps(pending).encode()).decode().rstrip("=")

    async def finish(self, answer: Mapping[str, str], pending: str) -> tuple[str, str]:
        """Sign somebody in who comes back from the provider.

        Args:
            answer: parameters of the address at which they come back.
            pending: the cookie of `start`, as it came back.

        Returns:
            The cookie of their session, and where they are led.

        Raises:
            SignInRefusedError: they are not signed in.
        """
        kept = _unpack_pending_cookie(pending)
        if not hmac.compare_digest(answer.get("state", "").encode(), kept["state"].encode()):
            raise SignInRefusedError("This answer belongs to another attempt; sign in again.")
        if "error" in answer or not answer.get("code"):
            raise SignInRefusedError("The provider did not sign you in.")
        if "iss" in answer and answer["iss"] != self._settings.oidc_issuer:
            raise SignInRefusedError("This answer comes from another provider.")
        provider = await self._read_provider()
        tokens = await self._exchange_sign_in_code(provider, answer["code"], kept["verifier"])
        claims = await self._verify_id_token(provider, tokens, kept["nonce"])
        return await self._threads.run(self._signed_in, claims), kept["next"]

    @property
    def _redirect(self) -> str:
        return f"{self._settings.url}/oidc/return"

    def _signed_in(self, claims: Mapping[str, Any]) -> str:
        subject = str(claims["sub"])
        if not 0 < len(subject) <= _SUBJECT_CHARACTERS or not subject.isprintable():
            raise SignInRefusedError("The provider does not say who you are.")
        names = (claims.get(name) for name in ("preferred_username", "email", "name"))
        name = next((one for one in names if isinstance(one, str) and one.strip()), subject)
        wanted = oidc_subject(self._settings.oidc_issuer, subject)
        role, mapped = self._role_of(claims), bool(self._settings.oidc_roles)
        user = user_of_subject(self._database, wanted, name, role, keep_role=not mapped)
        if user is None:
            record_look(self._database, "", "sign_in_failed", f"no role, or disabled: {wanted}")
            raise SignInRefusedError("You have no role in this console; ask an administrator.")
        record_look(self._database, user.name, "signed_in", f"by {self._settings.oidc_issuer}")
        return self._sessions.begin(user.user_id)

    def _role_of(self, claims: Mapping[str, Any]) -> str:
        found: Any = claims.get(self._settings.oidc_role_claim)
        if found is None:
            found = claims
            for part in self._settings.oidc_role_claim.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
        values = found if isinstance(found, list) else [found]
        roles = {self._settings.oidc_roles.get(value) for value in values if isinstance(value, str)}
        return next((role for role in reversed(PERSON_ROLES) if role in roles), self._settings.default_role)

    async def _exchange_sign_in_code(self, provider: _Provider, code: str, verifier: str) -> Mapping[str, Any]:
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect}
        sent |= {"code_verifier": verifier}
        name, secret = self._settings.oidc_client_id, self._settings.oidc_client_secret
        ways = provider.metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = None
        if secret and "client_secret_basic" in ways:
            basic = httpx.BasicAuth(quote(name, safe=""), quote(secret, safe=""))  # RFC 6749, section 2.3.1
        else:
            sent |= {"client_id": name} | ({"client_secret": secret} if secret else {})
        return await _request_provider_json("POST", provider.metadata["token_endpoint"], data=sent, auth=basic)

    async def _verify_id_token(self, provider: _Provider, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Claims of an id token whose signature, issuer, audience, times and nonce are right."""
        from joserfc import jwt  # an optional part
        from joserfc.errors import JoseError  # an optional part

        settings, text = self._settings, str(tokens.get("id_token", ""))
        try:
            try:
                token = jwt.decode(text, provider.keys, algorithms=TOKEN_SIGNATURES)
            except (JoseError, ValueError):  # providers change their keys
                token = jwt.decode(text, (await self._read_provider(again=True)).keys, algorithms=TOKEN_SIGNATURES)
            claims = self._id_token(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": settings.oidc_issuer},
                    "aud": {"essential": True, "value": settings.oidc_client_id},
                    "exp": {"essential": True},
                    "nonce": {"essential": True, "value": nonce},
                },
                {"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": tokens.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignInRefusedError(f"The provider's answer cannot be trusted ({type(error).__name__}).") from error
        return dict(claims)

    async def _read_provider(self, *, again: bool = False) -> _Provider:
        """What the provider says of itself, and its keys; read again each hour, and where a key is not known."""
        from joserfc.errors import JoseError  # an optional part
        from joserfc.jwk import KeySet  # an optional part

        kept, now = self._provider, self._ticks()
        if kept is not None and now - kept.read_at < (_REREAD_SECONDS if again else _KEPT_SECONDS):
            return kept
        issuer = self._settings.oidc_issuer
        metadata = await _request_provider_json("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != issuer:
            raise SignInRefusedError("The provider's name for itself differs from console.oidc_issuer.")
        try:
            keys = (await _request_provider_json("GET", str(metadata["jwks_uri"])))["keys"]
            usable = [key for key in keys if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"]
            provider = _Provider(metadata, KeySet.import_key_set({"keys": usable}), now)
            if not all(isinstance(metadata[name], str) for name in ("authorization_endpoint", "token_endpoint")):
                raise ValueError("no address")
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignInRefusedError("The provider's settings cannot be read.") from error
        self._provider = provider
        return provider


def _unpack_pending_cookie(pending: str) -> dict[str, str]:
    """What `start` put into its cookie; from anybody."""
    try:
        if len(pending) > _LONGEST_PENDING:
            raise ValueError("too long")
        kept = json.loads(base64.urlsafe_b64decode(pending + "=" * (-len(pending) % 4)))
        found = {name: str(kept[name]) for name in ("state", "nonce", "verifier", "next")}
        "".join(found.values()).encode()  # a lone surrogate is nothing that `start` writes
        return found
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignInRefusedError("Signing in took too long, or was begun elsewhere; sign in again.") from error


async def _request_provider_json(method: str, url: str, **options: Any) -> Mapping[str, Any]:
    """The provider's answer, an object of JSON of bounded length."""
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, headers={"accept": "application/json"}) as client,
            client.stream(method, url, **options) as response,
        ):
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_ANSWER:
                    raise ValueError("too long")
            response.raise_for_status()
        answer = json.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
        raise SignInRefusedError("The provider cannot be reached, or refuses; try again later.") from error
    if not isinstance(answer, dict):
        raise SignInRefusedError("The provider's answer cannot be read.")
    return answer
