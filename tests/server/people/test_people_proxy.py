"""Signing in by the header of a proxy: it counts from the proxy alone, and only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from server.people.browsers import Browser, Console, application, console
from stillhunt.base.config_console import ConsoleSettings
from stillhunt_server.people.people import people_of, proxy_subject
from stillhunt_server.people.users import add_user, all_users, disable_user, set_role

PROXY = "10.20.0.7"
BEHIND: dict[str, Any] = {"sign_in": "proxy", "proxy_addresses": ("10.20.0.0/16", "::1")}


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Console]:
    with console(tmp_path, **BEHIND) as opened:
        yield opened


def named(opened: Console, name: str, address: str = PROXY) -> Browser:
    browser = opened.browser(address)
    browser.client.headers["x-forwarded-user"] = name
    return browser


def test_the_proxy_names_who_it_is_and_they_are_added_at_first_sight(proxied: Console) -> None:
    assert named(proxied, "anna").get("/").json()["role"] == "viewer"
    assert named(proxied, "anna", "::1").get("/").json()["name"] == "anna"
    assert named(proxied, "bob", "::ffff:10.20.0.9").get("/").json()["name"] == "bob"
    assert [user.name for user in all_users(proxied.database)] == ["anna", "bob"]


@pytest.mark.parametrize("address", ["192.0.2.1", "10.21.0.1", "127.0.0.1", "::2", "unix"])
def test_the_header_of_anybody_else_does_not_count(proxied: Console, address: str) -> None:
    assert named(proxied, "anna", address).get("/").status_code == 403
    browser = named(proxied, "anna", address)
    browser.client.headers["x-forwarded-for"] = PROXY
    assert browser.get("/").status_code == 403
    assert all_users(proxied.database) == []


def test_no_header_or_two_are_nobody(proxied: Console) -> None:
    nobody = proxied.browser(PROXY)
    assert nobody.get("/").status_code == 403
    twice = [("x-forwarded-user", "anna"), ("X-Forwarded-User", "adam")]
    assert nobody.get("/", headers=twice).status_code == 403
    for name in ("", " ", "a\tb", "x" * 129):
        assert named(proxied, name).get("/").status_code == 403
    assert all_users(proxied.database) == []


def test_names_of_all_scripts_are_read(proxied: Console) -> None:
    raw = {b"x-forwarded-user": "J\u00fcrgen \u5c71\u7530".encode()}
    assert proxied.browser(PROXY).get("/", headers=raw).json()["name"] == "J\u00fcrgen \u5c71\u7530"


def test_forms_need_their_token_here_too(proxied: Console, tmp_path: Path) -> None:
    anna, bob = named(proxied, "anna"), named(proxied, "bob")
    token = anna.token()
    set_role(proxied.database, "anna", "analyst", "test")
    proxied.people.proxy._known.clear()  # type: ignore[union-attr]  # a second later
    assert anna.post("/change", {"form_token": bob.token()}).status_code == 403
    assert anna.post("/change", {}).status_code == 403
    assert anna.post("/change", {"form_token": token}).status_code == 200
    other = Console(people_of(proxied.database, proxied.people.settings), proxied.app, proxied.runner)
    other.app = application(other.people)  # a second process of the same folder
    assert named(other, "anna").token() == token


def test_whom_an_administrator_added_has_that_role(tmp_path: Path) -> None:
    with console(tmp_path, **BEHIND, default_role="none") as opened:
        add_user(opened.database, "adam", "admin", "test", subject=proxy_subject("adam"))
        add_user(opened.database, "local", "admin", "test", "seven green bicycles")
        assert named(opened, "adam").get("/").json()["role"] == "admin"
        assert named(opened, "anna").get("/").status_code == 403
        assert named(opened, "local").get("/").status_code == 403  # has a password, and is nobody to the proxy
        assert len(all_users(opened.database)) == 2


def test_who_is_disabled_stays_out(proxied: Console) -> None:
    anna = named(proxied, "anna")
    anna.get("/")
    disable_user(proxied.database, "anna", "test") if add_admin(proxied) else None
    proxied.people.proxy._known.clear()  # type: ignore[union-attr]  # a second later
    assert anna.get("/").status_code == 403


def add_admin(opened: Console) -> bool:
    add_user(opened.database, "adam", "admin", "test", subject=proxy_subject("adam"))
    return True


def test_there_is_nothing_to_type_or_to_plant(proxied: Console) -> None:
    browser = named(proxied, "anna")
    assert browser.post("/sign-in", {"name": "a", "password": "b"}).status_code == 404
    assert browser.get("/sign-in").headers["location"] == "/"
    cookie = proxied.people.sessions.begin(all_users(proxied.database)[0].user_id)
    stranger = proxied.browser("192.0.2.1")
    stranger.client.cookies.set("stillhunt_session", cookie)
    assert stranger.get("/").status_code == 403
    assert stranger.get("/sign-in").json()["ways"] == ["proxy"]


def test_the_settings_must_name_the_proxy() -> None:
    for wrong in ({"sign_in": "proxy"}, {"proxy_addresses": ["10.0.0.0/33"]}, {"proxy_addresses": ["10.0.0.1/8"]}):
        with pytest.raises(ValidationError):
            ConsoleSettings(**wrong)
    with pytest.raises(ValidationError):
        ConsoleSettings(url="https://hunt.test/console")
    assert ConsoleSettings(url="https://Hunt.test/").url == "https://hunt.test"
