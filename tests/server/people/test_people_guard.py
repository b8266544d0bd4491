"""The guard: nobody sees a page without signing in, sends a form from elsewhere, or does what needs another role."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import HTTPConnection

from server.people.browsers import HOST, Browser, Console, console
from stillhunt.base.config_console import ConsoleSettings
from stillhunt_server.people.guard import MOST_FORM_BYTES, SECURITY_HEADERS, form_fields
from stillhunt_server.people.origins import client_address, local_path, networks_of


def signed_in(console: Console, name: str = "anna") -> Browser:
    browser = console.browser()
    assert browser.sign_in(name).status_code == 303
    return browser


def test_who_is_not_signed_in_is_led_to_the_page_for_it_and_back(local: Console) -> None:
    browser = local.browser()
    answer = browser.get("/?sort=score&page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2F%3Fsort%3Dscore%26page%3D2")
    assert browser.get(answer.headers["location"]).json()["next"] == "/?sort=score&page=2"
    answer = browser.sign_in("anna", next="/?sort=score&page=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?sort=score&page=2")
    assert browser.get("/").json()["name"] == "anna"


def test_scripts_are_told_and_not_led(local: Console) -> None:
    answer = local.browser().get("/", headers={"hx-request": "true", "hx-current-url": f"{HOST}/users?a=1"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in?next=%2Fusers%3Fa%3D1")
    assert local.browser().get("/", headers={"accept": "application/json"}).status_code == 401


def test_a_path_that_does_not_exist_is_not_told_to_strangers(local: Console) -> None:
    assert local.browser().get("/no-such-page").status_code == 303
    assert signed_in(local).get("/no-such-page").status_code == 404


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/app.css", "/no-such-page", "/change"])
def test_every_answer_has_the_security_headers(local: Console, path: str) -> None:
    for browser in (local.browser(), signed_in(local)):
        for answer in (browser.get(path), browser.post(path, {}), browser.post(path, {}, headers={"origin": "null"})):
            assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == dict(SECURITY_HEADERS)
            kept = path.startswith("/static/") and answer.status_code == 200
            assert answer.headers["cache-control"] == ("max-age=60" if kept else "no-store")


def test_files_are_open_and_no_way_around_to_pages(local: Console) -> None:
    assert local.browser().get("/static/app.css").text == "body"
    assert local.browser().get("/static/../users").status_code == 303


def test_a_role_that_is_too_low_is_refused(local: Console) -> None:
    viewer, analyst, admin = (signed_in(local, name) for name in ("vera", "anna", "adam"))
    assert viewer.post("/change", {"form_token": viewer.token()}).status_code == 403
    assert analyst.post("/change", {"form_token": analyst.token()}).status_code == 200
    assert [browser.get("/users").status_code for browser in (viewer, analyst, admin)] == [403, 403, 200]


def test_a_form_without_the_token_of_its_session_is_refused(local: Console) -> None:
    anna, adam = signed_in(local), signed_in(local, "adam")
    note = {"note": "watch this"}
    for token in ("", "guess", adam.token(), "\u00e9"):
        assert anna.post("/change", {**note, "form_token": token}).status_code == 403
    assert anna.post("/change", note).status_code == 403
    answer = anna.post("/change", {**note, "form_token": anna.token()})
    assert answer.json()["note"] == "watch this"
    assert anna.post("/change", note, headers={"x-form-token": anna.token()}).status_code == 200
    assert anna.post("/change", json={"form_token": anna.token()}).status_code == 403  # a form field, nothing else


def test_the_handler_reads_the_body_that_the_guard_has_read(local: Console) -> None:
    anna = signed_in(local)
    token = anna.token()
    note = "\u65e5\u672c" * 1000
    answer = anna.post("/change", {"note": note, "form_token": token})
    assert answer.json()["note"] == note
    assert answer.json()["bytes"] > 9 * len(note)
    assert anna.post("/change", json={"a": 1}, headers={"x-form-token": token}).json() == {"note": "", "bytes": 7}


def test_a_form_that_is_too_long_is_not_read_to_its_end(local: Console) -> None:
    anna = signed_in(local)
    given = []

    async def endless():  # type: ignore[no-untyped-def]  # httpx takes any of it
        for _ in range(1000):
            given.append(1)
            yield b"a" * 65_536

    answer = anna.post("/change", content=endless(), headers={"x-form-token": anna.token()})
    assert answer.status_code == 413
    assert len(given) <= MOST_FORM_BYTES // 65_536 + 2


def test_a_form_of_a_stranger_is_short(local: Console) -> None:
    browser = local.browser()
    assert browser.post("/sign-in", {"name": "anna", "password": "x", "next": "/" + "a" * 4000}).status_code == 401
    assert browser.post("/sign-in", {"name": "anna", "password": "x", "next": "/" + "a" * 4100}).status_code == 413
    browser.sign_in("anna")
    sent = {"form_token": browser.token(), "note": "a" * 100_000}
    assert browser.post("/change", sent).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("https://hunt.test", 200),
        ("https://HUNT.test:443", 200),
        ("http://127.0.0.1:8686", 200),
        ("http://localhost:8686", 200),
        ("http://[::1]:8686", 200),
        ("http://evil.test", 421),
        ("http://hunt.test.evil.test", 421),
        ("http://localhost.evil.test", 421),
    ],
)
def test_the_console_answers_under_its_own_name_alone(tmp_path: Path, host: str, status: int) -> None:
    with console(tmp_path, url="https://hunt.test") as opened:
        assert opened.browser(base=host).get("/sign-in").status_code == status
        assert opened.browser(base=host).get("/static/app.css").status_code == status


def test_what_is_weak_is_said() -> None:
    assert ConsoleSettings().warnings() == []
    (said,) = ConsoleSettings(url="https://hunt.test").warnings()
    assert "console.proxy_addresses" in said
    assert ConsoleSettings(url="https://hunt.test", proxy_addresses=("127.0.0.1",)).warnings() == []
    (said,) = ConsoleSettings(sign_in="proxy", proxy_addresses=("127.0.0.1",)).warnings()
    assert "console.url" in said


def test_a_form_of_another_site_is_refused(local: Console) -> None:
    anna = signed_in(local)
    fields = {"form_token": anna.token()}

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return anna.post("/change", fields, headers=named).status_code

    assert status(origin=HOST) == status(sec_fetch_site="same-origin") == status() == 200
    assert status(origin=HOST.upper()) == 200
    for origin in ("http://evil.test", "null", "", f"{HOST}.evil.test", "http://console.test:81", "http://[", "x"):
        assert status(origin=origin) == 403, origin
    for site in ("cross-site", "same-site", "nonsense"):
        assert status(sec_fetch_site=site, origin=HOST) == 403
    stranger = local.browser()
    fields = {"name": "anna", "password": "seven green bicycles"}
    assert stranger.post("/sign-in", fields, headers={"origin": "http://evil.test"}).status_code == 403


def test_a_session_that_is_over_is_led_to_sign_in_and_changes_nothing(local: Console) -> None:
    anna = signed_in(local)
    fields = {"form_token": anna.token()}
    assert anna.post("/sign-out", fields).status_code == 303
    answer = anna.post("/change", fields, headers={"referer": f"{HOST}/users?x=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fusers%3Fx%3D1")


ELSEWHERE = ("//evil.test", "/\\evil.test", "https://evil.test", "/\t/evil.test", "javascript:alert(1)", "evil", "")
ODD = ("/\r\nx: y", "\\\\evil.test", "/a\u2028b", "/" * 3000, " /", "/ok\\..\\x")


@pytest.mark.parametrize("text", ELSEWHERE + ODD)
def test_nobody_is_led_elsewhere(local: Console, text: str) -> None:
    assert local_path(text) == "/"
    browser = local.browser()
    answer = browser.sign_in("anna", next=text)
    if answer.status_code == 413:  # it is longer than a stranger's form may be
        answer = browser.sign_in("anna")
    assert answer.headers["location"] == "/"
    assert browser.get("/sign-in", params={"next": text}).headers["location"] == "/"


@settings(max_examples=100, derandomize=True)
@given(st.text(alphabet="/\\:.ae@?#%\t\n ", max_size=12))
def test_any_text_leads_to_this_host(text: str) -> None:
    path = local_path(text)
    assert httpx.URL(f"{HOST}/x").join(path).host == "console.test"
    assert path.startswith("/")
    assert path[1:2] not in ("/", "\\")


def test_cookies_are_hidden_from_scripts_and_of_this_site(local: Console) -> None:
    cookie = local.browser().sign_in("anna").headers["set-cookie"]
    assert cookie.startswith("stillhunt_session=")
    assert all(part in cookie.lower() for part in ("httponly", "samesite=lax", "path=/"))
    assert "secure" not in cookie.lower()
    over_tls = local.browser(base="https://console.test")
    cookie = over_tls.sign_in("anna").headers["set-cookie"]
    assert cookie.startswith("__Host-stillhunt_session=")
    assert "secure" in cookie.lower()
    assert over_tls.get("/").json()["name"] == "anna"
    value = over_tls.client.cookies["__Host-stillhunt_session"]
    planted = local.browser(base="https://console.test")
    planted.client.cookies.set("stillhunt_session", value)
    assert planted.get("/").status_code == 303  # over TLS, a cookie that anybody could have set does not count


def test_other_connections_are_closed(local: Console) -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    local.runner.run(local.app({"type": "websocket", "path": "/"}, None, send))  # type: ignore[arg-type]  # nobody asks it
    assert sent == [{"type": "websocket.close"}]


def test_form_fields_are_bounded() -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    assert form_fields(kind, b"a=1&a=2&b=%C3%A9&c=") == {"a": ["1", "2"], "b": ["\u00e9"], "c": [""]}
    assert form_fields(kind, b"&".join(b"a=1" for _ in range(1001))) == {}
    assert form_fields("multipart/form-data", b"a=1") == {}
    assert form_fields(kind, b"\xff=%ff") == {"\ufffd": ["\ufffd"]}


def connection(peer: str, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    return HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})


def test_the_address_of_a_client_is_what_a_trusted_proxy_says() -> None:
    proxies = networks_of(("10.0.0.0/8", "::1"))
    assert client_address(connection("192.0.2.9", "203.0.113.5"), proxies) == "192.0.2.9"
    assert client_address(connection("10.1.1.1", "203.0.113.5"), proxies) == "203.0.113.5"
    assert client_address(connection("10.1.1.1", "1.1.1.1, 203.0.113.5, 10.2.2.2"), proxies) == "203.0.113.5"
    assert client_address(connection("10.1.1.1", "1.1.1.1", "203.0.113.5"), proxies) == "203.0.113.5"
    assert client_address(connection("::ffff:10.1.1.1", "203.0.113.5"), proxies) == "203.0.113.5"
    assert client_address(connection("10.1.1.1", "1.1.1.1, unknown"), proxies) == "10.1.1.1"
    assert client_address(connection("10.1.1.1"), proxies) == "10.1.1.1"
    assert client_address(connection("2001:db8:1:2:3:4:5:6"), proxies) == "2001:db8:1:2::/64"
    assert client_address(connection("testclient"), proxies) == ""
