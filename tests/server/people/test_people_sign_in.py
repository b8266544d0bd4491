"""Signing in with a password: how often it may be tried, what is said, and what is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.people.browsers import PASSWORD, Console, add_three, console, read_audit
from stillhunt_server.people import sign_in
from stillhunt_server.people.sign_in import TRIES_OF_ADDRESS, TRIES_OF_NAME, TRIES_WINDOW, SignInDesk, TryLimit


class Ticks:
    """Seconds that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def limited(local: Console, ticks: Ticks) -> Console:
    desk = SignInDesk(local.database, local.people.sessions, ticks)
    object.__setattr__(local.people, "desk", desk)
    return local


def wrong(opened: Console, name: str, address: str, times: int = 1) -> list[int]:
    browser = opened.browser(address)
    return [browser.sign_in(name, "a wrong password").status_code for _ in range(times)]


def test_a_wrong_password_says_as_much_as_a_wrong_name(local: Console) -> None:
    answers = [local.browser().sign_in(name, "a wrong password") for name in ("anna", "nobody", "")]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["error"] == "Name or password is wrong."
    assert not any("set-cookie" in answer.headers for answer in answers)


def test_a_name_has_to_wait_after_wrong_passwords(limited: Console, ticks: Ticks) -> None:
    addresses = [f"198.51.100.{number}" for number in range(TRIES_OF_NAME)]
    assert [wrong(limited, "anna", address) for address in addresses] == [[401]] * TRIES_OF_NAME
    refused = limited.browser("203.0.113.1").sign_in("anna")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "90")
    assert refused.json()["error"] == "Too many wrong passwords; try again in 2 minutes."
    assert limited.browser("198.51.100.0").sign_in("vera").status_code == 303  # others do not wait
    ticks.now += TRIES_WINDOW / TRIES_OF_NAME
    assert limited.browser("203.0.113.1").sign_in("anna").status_code == 303


def test_who_waits_for_a_name_may_sign_in_under_another(limited: Console) -> None:
    for number in range(TRIES_OF_NAME):
        wrong(limited, "anna", f"198.51.100.{number}")
    assert set(wrong(limited, "anna", "203.0.113.1", TRIES_OF_ADDRESS + 1)) == {429}
    assert limited.browser("203.0.113.1").sign_in("vera").status_code == 303


def test_a_name_that_does_not_exist_has_to_wait_in_the_same_way(limited: Console) -> None:
    addresses = [f"198.51.100.{number}" for number in range(TRIES_OF_NAME + 1)]
    assert [wrong(limited, "nobody", address)[0] for address in addresses] == [401] * TRIES_OF_NAME + [429]


def test_an_address_has_to_wait_whatever_names_it_tries(limited: Console, ticks: Ticks) -> None:
    tried = [wrong(limited, f"name {number}", "198.51.100.1")[0] for number in range(TRIES_OF_ADDRESS + 1)]
    assert tried == [401] * TRIES_OF_ADDRESS + [429]
    assert limited.browser("198.51.100.1").sign_in("anna").status_code == 429
    assert limited.browser("198.51.100.2").sign_in("anna").status_code == 303
    ticks.now += TRIES_WINDOW
    assert limited.browser("198.51.100.1").sign_in("anna").status_code == 303


def test_a_home_has_one_address_of_ipv6(limited: Console) -> None:
    tried = [wrong(limited, f"name {number}", f"2001:db8::{number:x}")[0] for number in range(TRIES_OF_ADDRESS + 1)]
    assert tried[-1] == 429


def test_signing_in_costs_no_tries(limited: Console) -> None:
    assert {limited.browser().sign_in("anna").status_code for _ in range(TRIES_OF_ADDRESS + 5)} == {303}


def test_an_address_that_others_claim_does_not_count(limited: Console) -> None:
    for number in range(TRIES_OF_ADDRESS):
        browser = limited.browser("198.51.100.1")
        browser.client.headers["x-forwarded-for"] = f"203.0.113.{number}"
        browser.sign_in(f"name {number}", "a wrong password")
    assert limited.browser("198.51.100.1").sign_in("anna").status_code == 429


def test_behind_a_trusted_proxy_each_client_has_its_own_tries(tmp_path: Path) -> None:
    with console(tmp_path, proxy_addresses=("10.0.0.1",)) as opened:
        add_three(opened.database)
        for number in range(TRIES_OF_ADDRESS + 1):
            browser = opened.browser("10.0.0.1")
            browser.client.headers["x-forwarded-for"] = "evil, 203.0.113.9"
            last = browser.sign_in(f"name {number}", "a wrong password")
        assert last.status_code == 429
        other = opened.browser("10.0.0.1")
        other.client.headers["x-forwarded-for"] = "203.0.113.10"
        assert other.sign_in("anna").status_code == 303


def test_nobody_can_lock_out_others_behind_a_proxy_that_is_not_named(limited: Console) -> None:
    for number in range(TRIES_OF_ADDRESS + 5):
        assert wrong(limited, f"name {number}", "127.0.0.1") == [401]
    assert limited.browser("127.0.0.1").sign_in("anna").status_code == 303


def test_who_signed_in_before_is_never_kept_out_by_others(limited: Console) -> None:
    own = limited.browser("127.0.0.1")
    assert own.sign_in("anna").status_code == 303
    assert set(wrong(limited, "anna", "127.0.0.1", TRIES_OF_NAME + 1)) == {401, 429}
    assert set(wrong(limited, "anna", "127.0.0.1", 3)) == {429}
    assert own.sign_in("anna").status_code == 303


def test_the_cookie_of_a_known_browser_is_of_one_name_and_has_tries_of_its_own(limited: Console) -> None:
    own, copied = limited.browser("127.0.0.1"), limited.browser("127.0.0.1")
    own.sign_in("anna")
    copied.client.cookies.set("stillhunt_browser", own.client.cookies["stillhunt_browser"])
    assert copied.get("/").status_code == 303  # it signs nobody in
    assert set(wrong(limited, "adam", "127.0.0.1", TRIES_OF_NAME)) == {401}
    assert copied.sign_in("adam").status_code == 429
    tried = [copied.sign_in("anna", "a wrong password").status_code for _ in range(TRIES_OF_NAME + 1)]
    assert tried == [401] * TRIES_OF_NAME + [429]
    for forged in ("", "x", "x" * 86, own.client.cookies["stillhunt_browser"][:-1] + "\u00e9"):
        other = limited.browser("127.0.0.1")
        answer = other.post(
            "/sign-in",
            {"name": "adam", "password": PASSWORD},
            headers={b"cookie": f"stillhunt_browser={forged}".encode("latin-1")},
        )
        assert answer.status_code == 429


def test_memory_does_not_grow_with_names() -> None:
    limit = TryLimit(10, 900, Ticks())
    size = len(limit._levels)
    for number in range(20_000):
        limit.take(f"name {number}" * 50)
    assert len(limit._levels) == len(limit._times) == size


@settings(max_examples=50, derandomize=True)
@given(st.lists(st.floats(0, 2000), max_size=60))
def test_no_more_than_twice_the_tries_fit_in_a_window(waits: list[float]) -> None:
    ticks = Ticks()
    limit, made = TryLimit(10, 900, ticks), []
    for wait in waits:
        ticks.now += wait
        if limit.take("name") == 0:
            made.append(ticks.now)
    for first in made:
        assert sum(first <= at < first + 900 for at in made) <= 20


def test_too_many_at_once_are_told_to_come_back(limited: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "_MOST_WAITING", 0)
    answer = limited.browser().sign_in("anna")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


def test_signing_in_and_out_is_in_the_audit_and_no_password_is(local: Console) -> None:
    browser = local.browser()
    browser.sign_in("anna", "a wrong password")
    browser.sign_in("my secret passphrase", "x")
    browser.sign_in("an\0na\x1b[31m", "x")
    browser.sign_in("anna")
    browser.post("/sign-out", {"form_token": browser.token()})
    rows = [(row.who, row.what, row.about) for row in reversed(read_audit(local.database)) if row.who != "test"]
    assert rows == [
        ("anna", "sign_in_failed", "from 192.0.2.1"),
        ("", "sign_in_failed", "from 192.0.2.1"),
        ("", "sign_in_failed", "from 192.0.2.1"),
        ("anna", "signed_in", "from 192.0.2.1"),
        ("anna", "signed_out", ""),
    ]


def test_signing_out_ends_the_session_also_for_a_copied_cookie(local: Console) -> None:
    browser, thief = local.browser(), local.browser("198.51.100.9")
    browser.sign_in("anna")
    thief.client.cookies.update(browser.client.cookies)
    assert thief.get("/").status_code == 200
    token = browser.token()
    assert browser.post("/sign-out", {"form_token": "x"}).status_code == 403
    assert browser.get("/sign-out").status_code == 405
    answer = browser.post("/sign-out", {"form_token": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "stillhunt_session" not in browser.client.cookies
    assert thief.get("/").status_code == 303


def test_each_sign_in_is_a_new_session(local: Console) -> None:
    cookies = set()
    for _ in range(3):
        browser = local.browser()
        given = browser.sign_in("anna", PASSWORD).headers["set-cookie"].partition(";")[0]
        cookies.add(given)
        browser.client.cookies.clear()
        browser.client.headers["cookie"] = "stillhunt_session=chosen-by-somebody-else"
        cookies.add(browser.sign_in("anna").headers["set-cookie"].partition(";")[0])
    assert len(cookies) == 6
