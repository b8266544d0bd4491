"""Signing in with OpenID Connect, at a real provider, and at one that lies."""

from __future__ import annotations

import base64
import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import ValidationError

from server.people.browsers import HOST, Browser, Console, console, read_audit
from server.people.oidc_providers import Rogue, provider_process, rogue_provider
from stillhunt.base.config_console import ConsoleSettings
from stillhunt.base.errors import ConfigError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt_server.people import oidc
from stillhunt_server.people.people import people_of
from stillhunt_server.people.routes import PENDING_COOKIE
from stillhunt_server.people.users import add_user, all_users, disable_user

SECRET = "a b:c/\u00e9"  # noqa: S105 - known to providers of tests alone


def settings(issuer: str, **changes: Any) -> dict[str, Any]:
    return {
        "sign_in": "oidc",
        "oidc_issuer": issuer,
        "oidc_client_id": "console",
        "oidc_client_secret": SECRET,
        "url": HOST,
        **changes,
    }


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider_process() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def liar() -> Iterator[Rogue]:
    with rogue_provider() as rogue:
        yield rogue


@pytest.fixture
def rogue(liar: Rogue) -> Rogue:
    fresh = Rogue(issuer=liar.issuer, key=liar.key)
    liar.__dict__.update(fresh.__dict__)
    return liar


@pytest.fixture
def lied_to(tmp_path: Path, rogue: Rogue) -> Iterator[Console]:
    with console(tmp_path, **settings(rogue.issuer)) as opened:
        yield opened


def come_back(browser: Browser, subject: str, path: str = "/") -> httpx.Response:
    """Go to the real provider, sign in there as somebody, and come back."""
    away = browser.get("/oidc/start", params={"next": path})
    assert away.status_code == 303, away.text
    consent = httpx.post(away.headers["location"], data={"sub": subject})
    assert consent.headers["location"].startswith(f"{HOST}/oidc/return?")
    return browser.get(consent.headers["location"].removeprefix(HOST))


def asked_of(away: httpx.Response) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(away.headers["location"]).query).items()}


def come_back_with(
    opened: Console, rogue: Rogue, made: Callable[[str], Any], **changes: str
) -> tuple[Browser, httpx.Response]:
    """Go to the rogue and come back; its token is made of the nonce."""
    browser = opened.browser()
    asked = asked_of(browser.get("/oidc/start"))
    rogue.answer = {"id_token": made(asked["nonce"]), "access_token": "x", "token_type": "Bearer"}
    answer = browser.get("/oidc/return", params={"code": "c", "state": asked["state"], **changes})
    return browser, answer


def test_somebody_signs_in_at_a_real_provider(tmp_path: Path, issuer: str) -> None:
    with console(tmp_path, **settings(issuer)) as opened:
        browser = opened.browser()
        assert browser.get("/users").headers["location"] == "/sign-in?next=%2Fusers"
        assert browser.get("/sign-in").json()["ways"] == ["oidc"]
        answer = come_back(browser, "17", "/users?a=1&b=%20")
        assert (answer.status_code, answer.headers["location"]) == (303, "/users?a=1&b=%20")
        assert browser.get("/").json()["name"] == "anna"
        assert [(user.name, user.role, user.subject) for user in all_users(opened.database)] == [
            ("anna", "viewer", f"{issuer} 17")
        ]
        assert [row.what for row in read_audit(opened.database)] == ["signed_in", "user_added"]
        assert browser.sign_in("anna").status_code == 404


def test_roles_come_from_a_claim_with_each_sign_in(tmp_path: Path, issuer: str) -> None:
    roles = {"hunters": "analyst", "boss": "admin"}
    with console(tmp_path, **settings(issuer, oidc_role_claim="groups", oidc_roles=roles)) as opened:
        for subject, role in (("17", "analyst"), ("18", "viewer")):
            browser = opened.browser()
            come_back(browser, subject)
            assert browser.get("/").json()["role"] == role
        changed = opened.people.settings.model_copy(update={"oidc_role_claim": "realm.roles"})
        object.__setattr__(opened.people.oidc, "_settings", changed)
        come_back(browser, "17")
        assert browser.get("/").json()["role"] == "admin"
        object.__setattr__(opened.people.oidc, "_settings", changed.model_copy(update={"default_role": "none"}))
        refused = come_back(opened.browser(), "18")
        assert (refused.status_code, "set-cookie" in refused.headers) == (403, True)
        assert "You have no role" in refused.json()["error"]


def test_nobody_new_comes_in_without_a_role(tmp_path: Path, issuer: str) -> None:
    with console(tmp_path, **settings(issuer, default_role="none")) as opened:
        assert come_back(opened.browser(), "17").status_code == 403
        assert all_users(opened.database) == []
        add_user(opened.database, "Anna K.", "analyst", "test", subject=f"{issuer} 17")
        browser = opened.browser()
        assert come_back(browser, "17").status_code == 303
        assert browser.get("/").json()["name"] == "Anna K."
        disable_user(opened.database, "Anna K.", "test")
        assert come_back(opened.browser(), "17").status_code == 403
        failed = [row.about for row in read_audit(opened.database) if row.what == "sign_in_failed"]
        assert failed == [f"no role, or disabled: {issuer} 17"] * 2


def test_the_code_is_exchanged_with_pkce_and_the_secret(lied_to: Console, rogue: Rogue) -> None:
    browser = lied_to.browser()
    away = browser.get("/oidc/start")
    asked = asked_of(away)
    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "code_challenge_method")} == {
        "response_type": "code",
        "client_id": "console",
        "redirect_uri": f"{HOST}/oidc/return",
        "code_challenge_method": "S256",
    }
    rogue.answer = {"id_token": rogue.sign(rogue.claims(asked["nonce"]))}
    assert browser.get("/oidc/return", params={"code": "c&d", "state": asked["state"]}).status_code == 303
    ((sent, authorization),) = rogue.asked
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"][0].encode()).digest()).decode()
    assert challenge.rstrip("=") == asked["code_challenge"]
    assert (sent["code"], sent["redirect_uri"], sent["grant_type"]) == (
        ["c&d"],
        [f"{HOST}/oidc/return"],
        ["authorization_code"],
    )
    assert "client_secret" not in sent
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"console:a%20b%3Ac%2F%C3%A9"
    others = asked_of(lied_to.browser().get("/oidc/start"))
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(others.values())


def test_the_secret_is_posted_where_the_provider_wants_that(lied_to: Console, rogue: Rogue) -> None:
    rogue.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    come_back_with(lied_to, rogue, lambda nonce: rogue.sign(rogue.claims(nonce)))
    ((sent, authorization),) = rogue.asked
    assert (sent["client_id"], sent["client_secret"], authorization) == (["console"], [SECRET], "")


OTHER = RSAKey.generate_key(2048, {"kid": "one"})
NOW = int(time.time())
WRONG_CLAIMS: dict[str, tuple[str, dict[str, Any]]] = {
    "another nonce": ("InvalidClaimError", {"nonce": "x"}),
    "no nonce": ("MissingClaimError", {"nonce": None}),
    "another audience": ("InvalidClaimError", {"aud": "another"}),
    "no audience": ("MissingClaimError", {"aud": None}),
    "many audiences": ("MissingClaimError", {"aud": ["console", "another"]}),
    "another party": ("InvalidClaimError", {"azp": "another"}),
    "another issuer": ("InvalidClaimError", {"iss": "https://evil.test"}),
    "no issuer": ("MissingClaimError", {"iss": None}),
    "expired": ("ExpiredTokenError", {"iat": NOW - 999, "exp": NOW - 99}),
    "no expiry": ("MissingClaimError", {"exp": None}),
    "an expiry that is no number": ("InvalidClaimError", {"exp": "never"}),
    "of the future": ("InvalidClaimError", {"iat": NOW + 9999, "exp": NOW + 99999}),
    "not yet": ("InvalidClaimError", {"nbf": NOW + 9999}),
    "no subject": ("MissingClaimError", {"sub": None}),
    "an empty subject": ("who you are", {"sub": ""}),
    "a subject that is a list": ("InvalidClaimError", {"sub": ["17"]}),
    "a long subject": ("who you are", {"sub": "1" * 256}),
    "a subject with controls": ("who you are", {"sub": "17\0"}),
    "a hash of another access token": ("InvalidClaimError", {"at_hash": "x" * 22}),
}
"""Claims that must not sign anybody in, though they are signed, and why not."""


@pytest.mark.parametrize(("why", "changes"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_claims_that_are_wrong_sign_nobody_in(
    lied_to: Console, rogue: Rogue, why: str, changes: dict[str, Any]
) -> None:
    nobody(lied_to, rogue, why, lambda nonce: rogue.sign(rogue.claims(nonce, **changes)))


def test_a_signature_that_is_wrong_signs_nobody_in(lied_to: Console, rogue: Rogue) -> None:
    public = OctKey.import_key(rogue.key.as_pem(private=False).replace(b"BEGIN", b"B"))
    shared = OctKey.import_key(SECRET * 8)

    def changed(nonce: str) -> str:
        header, _, signature = rogue.sign(rogue.claims(nonce)).split(".")
        return f"{header}.{rogue.sign(rogue.claims(nonce, sub='1')).split('.')[1]}.{signature}"

    def cut(nonce: str) -> str:
        return rogue.sign(rogue.claims(nonce)).rpartition(".")[0] + "."

    nobody(lied_to, rogue, "BadSignatureError", lambda nonce: rogue.sign(rogue.claims(nonce), OTHER))
    nobody(lied_to, rogue, "BadSignatureError", changed)
    nobody(lied_to, rogue, "BadSignatureError", cut)
    nobody(lied_to, rogue, "InvalidKeyIdError", lambda nonce: rogue.sign(rogue.claims(nonce), OTHER, kid="two"))
    for key in (public, shared):
        nobody(
            lied_to,
            rogue,
            "UnsupportedAlgorithmError",
            lambda nonce, key=key: rogue.sign(rogue.claims(nonce), key, "HS256"),
        )
    nobody(lied_to, rogue, "Error", lambda nonce: rogue.unsigned(rogue.claims(nonce)))
    for nonsense in (None, 17, "a.b.c", "[" * 5000, ["a"], ""):
        nobody(lied_to, rogue, "Error", lambda _nonce, nonsense=nonsense: nonsense)


def nobody(opened: Console, rogue: Rogue, why: str, made: Callable[[str], Any]) -> None:
    """Nobody is signed in with this token, and this is said."""
    browser, answer = come_back_with(opened, rogue, made)
    assert answer.status_code == 403
    assert why in answer.json()["error"]
    assert browser.get("/").status_code == 303
    assert all_users(opened.database) == []


@pytest.mark.parametrize(
    "changes",
    [{}, {"aud": ["console"]}, {"aud": ["console", "another"], "azp": "console"}],
    ids=["plain", "list", "party"],
)
def test_an_id_token_that_is_right_signs_somebody_in(lied_to: Console, rogue: Rogue, changes: dict[str, Any]) -> None:
    browser, answer = come_back_with(lied_to, rogue, lambda nonce: rogue.sign(rogue.claims(nonce, **changes)))
    assert answer.status_code == 303
    assert browser.get("/").json()["name"] == "17"


def test_clocks_may_differ_a_little(lied_to: Console, rogue: Rogue, monkeypatch: pytest.MonkeyPatch) -> None:
    def just_over(nonce: str) -> str:
        return rogue.sign(rogue.claims(nonce, exp=int(time.time()) - 1))

    monkeypatch.setattr(oidc, "LEEWAY_SECONDS", 600)
    assert come_back_with(lied_to, rogue, just_over)[1].status_code == 303
    monkeypatch.setattr(oidc, "LEEWAY_SECONDS", 0)
    assert come_back_with(lied_to, rogue, just_over)[1].status_code == 403


def test_the_way_back_counts_once_and_in_the_browser_that_went(lied_to: Console, rogue: Rogue) -> None:
    def good(nonce: str) -> str:
        return rogue.sign(rogue.claims(nonce))

    for changes in ({"state": "x"}, {"state": ""}, {"state": "\u00e9"}, {"error": "access_denied"}, {"code": ""}):
        assert come_back_with(lied_to, rogue, good, **changes)[1].status_code == 403
    assert come_back_with(lied_to, rogue, good, iss="https://evil.test")[1].status_code == 403
    assert come_back_with(lied_to, rogue, good, iss=rogue.issuer)[1].status_code == 303
    rogue.asked.clear()
    browser, other = lied_to.browser(), lied_to.browser()
    asked = asked_of(browser.get("/oidc/start"))
    other.get("/oidc/start")
    rogue.answer = {"id_token": good(asked["nonce"])}
    back = {"code": "c", "state": asked["state"]}
    assert other.get("/oidc/return", params=back).status_code == 403  # of an attacker, sent to somebody else
    assert lied_to.browser().get("/oidc/return", params=back).status_code == 403
    assert rogue.asked == []
    assert browser.get("/oidc/return", params=back).status_code == 303
    assert browser.get("/oidc/return", params=back).status_code == 403


SURROGATE = base64.urlsafe_b64encode(b'{"state": "\\ud800", "nonce": "n", "verifier": "v", "next": "/"}').decode()


@pytest.mark.parametrize(
    "pending", ["", "x", "e30", "bnVsbA", "W1tbW1tbW1tb" * 500, "\u00e9", "eyJzdGF0ZSI6MX0", SURROGATE]
)
def test_a_cookie_that_is_not_ours_is_refused(lied_to: Console, pending: str) -> None:
    browser = lied_to.browser()
    headers = {b"cookie": f"{PENDING_COOKIE}={pending}".encode()}
    answer = browser.get("/oidc/return", params={"code": "c", "state": "s"}, headers=headers)
    assert answer.status_code == 403
    assert "sign in again" in answer.json()["error"]


def test_a_provider_that_changes_its_key_is_read_again(lied_to: Console, rogue: Rogue) -> None:
    client: Any = lied_to.people.oidc
    now = [1000.0]
    client._ticks = lambda: now[0]

    def good(nonce: str) -> str:
        return rogue.sign(rogue.claims(nonce), kid=str(rogue.key.kid))

    assert come_back_with(lied_to, rogue, good)[1].status_code == 303
    first, rogue.key = rogue.key, RSAKey.generate_key(2048, {"kid": "two"})
    assert come_back_with(lied_to, rogue, good)[1].status_code == 403  # it was read a moment ago
    assert rogue.discoveries == 1
    now[0] += 11
    assert come_back_with(lied_to, rogue, good)[1].status_code == 303
    assert come_back_with(lied_to, rogue, good)[1].status_code == 303
    assert rogue.discoveries == 2
    rogue.key = first


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.test"}, {"jwks_uri": None}, {"token_endpoint": None}, {"padding": "x" * (1 << 20)}],
    ids=["issuer", "keys", "token", "long"],
)
def test_a_provider_that_cannot_be_used_is_said(lied_to: Console, rogue: Rogue, metadata: dict[str, Any]) -> None:
    rogue.metadata = metadata
    answer = lied_to.browser().get("/oidc/start")
    assert answer.status_code == 502
    assert "provider" in answer.json()["error"]


def test_a_provider_that_is_away_is_said(tmp_path: Path) -> None:
    with console(tmp_path, **settings("http://127.0.0.1:1")) as opened:
        assert opened.browser().get("/oidc/start").status_code == 502


def test_without_the_library_the_setting_is_refused(database: WatchDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "authlib.oidc.core", None)
    with pytest.raises(ConfigError) as refused:
        people_of(database, ConsoleSettings(**settings("https://issuer.test")))
    assert "stillhunt-server[oidc]" in str(refused.value.next_step)


def test_the_settings_must_be_complete_and_safe() -> None:
    right = settings("https://issuer.test/realms/a")
    assert SECRET not in repr(ConsoleSettings(**right))
    for name in ("oidc_issuer", "oidc_client_id", "url"):
        with pytest.raises(ValidationError):
            ConsoleSettings(**{**right, name: ""})
    for issuer in ("http://issuer.test", "ftp://issuer.test", "https://issuer.test?x", "issuer.test"):
        with pytest.raises(ValidationError):
            ConsoleSettings(**{**right, "oidc_issuer": issuer})
    with pytest.raises(ValidationError):
        ConsoleSettings(**right, oidc_roles={"boss": "root"})
