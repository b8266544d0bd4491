"""Users: roles, passwords that stay secret, and an administrator who is always left."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, select
from typer.testing import CliRunner

from server.people.browsers import PASSWORD, add_three, read_audit
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.cli.app import app
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import PERSONS
from stillhunt_server.people import users
from stillhunt_server.people.sessions import SessionStore
from stillhunt_server.people.users import (
    LEAST_PASSWORD,
    MOST_PASSWORD,
    PERSON_ROLES,
    add_user,
    all_users,
    check_password,
    disable_user,
    enable_user,
    find_user,
    first_admin,
    role_includes,
    set_password,
    set_role,
    user_of_subject,
)
from watch.databases import Opening, opening, server  # noqa: F401 - fixtures, which pytest finds by name


def test_roles_include_those_below() -> None:
    included = {(role, needed) for role in PERSON_ROLES for needed in PERSON_ROLES if role_includes(role, needed)}
    assert included == {
        ("viewer", "viewer"),
        ("analyst", "viewer"),
        ("analyst", "analyst"),
        ("admin", "viewer"),
        ("admin", "analyst"),
        ("admin", "admin"),
    }
    assert not role_includes("", "viewer")
    assert not role_includes("Admin", "viewer")


def test_a_password_is_right_or_wrong_and_kept_as_argon2(database: WatchDatabase) -> None:
    add_three(database)
    found = check_password(database, "anna", PASSWORD)
    assert found is not None
    assert (found.name, found.role, found.has_password) == ("anna", "analyst", True)
    for name, password in (("anna", PASSWORD + "x"), ("anna", ""), ("Anna", PASSWORD), ("nobody", PASSWORD), ("", "")):
        assert check_password(database, name, password) is None
    hostile = ("anna\0", "anna\n", "\ud800", "'; DROP TABLE users; --", "a" * 100_000)
    assert [check_password(database, name, "\ud800" + name) for name in hostile] == [None] * len(hostile)
    kept = database.read(select(PERSONS.c.password))
    assert all(row["password"].startswith("$argon2id$") and PASSWORD not in row["password"] for row in kept)


def test_one_password_may_be_typed_in_several_ways(database: WatchDatabase) -> None:
    add_user(database, "jose", "viewer", "test", "contrase\u00f1a de Jos\u00e9 \ufb01n")
    assert check_password(database, "jose", "contrasen\u0303a de Jose\u0301 fin") is not None


@pytest.mark.parametrize(
    "password",
    ["", "a" * (LEAST_PASSWORD - 1), "b1" * MOST_PASSWORD, "a" * 20, "abababababababab", "stillhunt-anna-password"],
)
def test_a_password_that_anybody_would_try_is_refused(database: WatchDatabase, password: str) -> None:
    with pytest.raises(ConfigError) as refused:
        add_user(database, "anna", "viewer", "test", password)
    assert not password or password not in str(refused.value)
    assert all_users(database) == []


def test_a_hash_of_older_parameters_is_made_anew(database: WatchDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    add_three(database)
    before = database.read(select(PERSONS.c.password).where(PERSONS.c.name == "anna"))
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert check_password(database, "anna", PASSWORD) is not None
    after = database.read(select(PERSONS.c.password).where(PERSONS.c.name == "anna"))
    assert before != after
    assert "t=2" in after[0]["password"]
    assert check_password(database, "anna", PASSWORD) is not None


def test_as_many_hashes_are_made_for_a_name_that_does_not_exist(
    database: WatchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_three(database)
    add_user(database, "other", "viewer", "test", subject="elsewhere")
    disable_user(database, "vera", "test")
    verified: list[str] = []
    real = users._verify_password_hash

    def counted(hashed: str, password: str) -> bool:
        verified.append(hashed.split("$")[3])
        return real(hashed, password)

    monkeypatch.setattr(users, "_verify_password_hash", counted)
    for name in ("anna", "nobody", "other", "vera", "an\0na"):
        check_password(database, name, "a wrong password")
    assert len(verified) == 5
    assert len(set(verified)) == 1  # of the same parameters, too


def test_the_last_administrator_stays(database: WatchDatabase) -> None:
    add_three(database)
    for change in (lambda: set_role(database, "adam", "viewer", "x"), lambda: disable_user(database, "adam", "x")):
        with pytest.raises(CaseError, match="this is the last administrator"):
            change()
    set_role(database, "adam", "admin", "x")
    set_role(database, "anna", "admin", "x")
    disable_user(database, "adam", "x")
    with pytest.raises(CaseError, match="this is the last administrator"):
        set_role(database, "anna", "analyst", "x")
    set_role(database, "adam", "viewer", "x")  # one who is disabled counts for nobody
    assert [(user.name, user.role) for user in all_users(database)] == [
        ("adam", "viewer"),
        ("anna", "admin"),
        ("vera", "viewer"),
    ]


def test_two_administrators_cannot_remove_each_other_at_once(
    opening: Opening,  # noqa: F811 - the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = opening()
    for name in ("ada", "bob"):
        add_user(database, name, "admin", "test", subject=name)
    checked, go_on = threading.Event(), threading.Event()
    real = users.record_within

    def recorded(connection: Connection, who: str, what: str, about: str) -> None:
        if who == "ada":  # has been checked, and is not done yet
            checked.set()
            assert go_on.wait(60)
        real(connection, who, what, about)

    def demote(name: str, by: str) -> str:
        try:
            set_role(database, name, "viewer", by)
        except CaseError as refused:
            return refused.what
        return "done"

    monkeypatch.setattr(users, "record_within", recorded)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(demote, "bob", "ada")
        assert checked.wait(60)
        second = pool.submit(demote, "ada", "bob")
        wait([second], timeout=0.3)  # if nothing held it up, it would be done now
        go_on.set()
        assert (first.result(), second.result()) == ("done", "this is the last administrator")


def test_users_work_the_same_on_both_databases(opening: Opening) -> None:  # noqa: F811 - the fixture
    database = opening()
    add_three(database)
    with pytest.raises(CaseError, match="there is a user of this name"):
        add_user(database, "anna", "viewer", "test", PASSWORD)
    assert check_password(database, "anna\0", PASSWORD) is None
    session = SessionStore(database, 1, 1)
    cookie = session.begin(find_user(database, "anna").user_id)  # type: ignore[union-attr]  # she was just added
    assert session.find(cookie) is not None
    disable_user(database, "anna", "test")
    assert session.find(cookie) is None
    assert first_admin(database) == ""
    assert len(read_audit(database)) == 4


CHANGES = {
    "password": lambda database: set_password(database, "anna", "another long password", "x"),
    "user": lambda database: disable_user(database, "anna", "x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_sessions_end_when_the_password_or_the_user_does(
    database: WatchDatabase, change: Callable[[WatchDatabase], None]
) -> None:
    add_three(database)
    sessions = SessionStore(database, 12, 1)
    cookies = {user.name: sessions.begin(user.user_id) for user in all_users(database)}
    change(database)
    assert [name for name, cookie in cookies.items() if sessions.find(cookie)] == ["adam", "vera"]


def test_who_is_disabled_cannot_sign_in_until_enabled(database: WatchDatabase) -> None:
    add_three(database)
    disable_user(database, "anna", "x")
    assert check_password(database, "anna", PASSWORD) is None
    enable_user(database, "anna", "x")
    assert check_password(database, "anna", PASSWORD) is not None


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[1m", " a", "a  b", "\u202egnp", "a" * 129, "a\0"])
def test_a_name_that_cannot_be_read_is_refused(database: WatchDatabase, name: str) -> None:
    with pytest.raises(ConfigError, match="this cannot be the name of a user"):
        add_user(database, name, "viewer", "test", PASSWORD)


def test_unknown_names_and_roles_are_refused(database: WatchDatabase) -> None:
    add_three(database)
    with pytest.raises(ConfigError, match="no such role"):
        set_role(database, "anna", "root", "x")
    with pytest.raises(CaseError, match="no user of this name"):
        set_role(database, "nobody", "viewer", "x")


def test_every_change_is_in_the_audit(database: WatchDatabase) -> None:
    add_user(database, "anna", "viewer", "adam", PASSWORD)
    set_role(database, "anna", "analyst", "adam")
    set_password(database, "anna", "another long password", "anna")
    disable_user(database, "anna", "adam")
    enable_user(database, "anna", "adam")
    assert [(row.who, row.what, row.about) for row in reversed(read_audit(database))] == [
        ("adam", "user_added", "anna as viewer"),
        ("adam", "user_role", "anna from viewer to analyst"),
        ("anna", "user_password", "anna"),
        ("adam", "user_disabled", "anna"),
        ("adam", "user_enabled", "anna"),
    ]


def test_the_first_start_makes_one_administrator(database: WatchDatabase) -> None:
    password = first_admin(database)
    found = check_password(database, "admin", password)
    assert found is not None
    assert found.role == "admin"
    assert len(password) >= 20
    assert first_admin(database) == ""
    assert len(all_users(database)) == 1


def test_who_signs_in_elsewhere_is_known_by_the_subject_and_not_by_the_name(database: WatchDatabase) -> None:
    add_three(database)
    first = user_of_subject(database, "issuer 1", "adam", "viewer", keep_role=True)
    assert first is not None
    assert (first.name, first.role) == ("adam 2", "viewer")  # no way to become the local administrator
    again = user_of_subject(database, "issuer 1", "renamed", "analyst", keep_role=True)
    assert again == first
    raised = user_of_subject(database, "issuer 1", "adam", "analyst", keep_role=False)
    assert raised is not None
    assert raised.role == "analyst"
    assert user_of_subject(database, "issuer 2", "eve", "none", keep_role=True) is None
    hostile = user_of_subject(database, "issuer 3", "\x1b[31m\u202e \n" + "x" * 500, "viewer", keep_role=True)
    assert hostile is not None
    assert hostile.name.isprintable()
    assert len(hostile.name) <= 128


def test_a_role_that_the_provider_takes_away_ends_the_sessions(database: WatchDatabase) -> None:
    user = user_of_subject(database, "issuer 1", "eve", "admin", keep_role=False)
    assert user is not None
    sessions = SessionStore(database, 12, 1)
    cookie = sessions.begin(user.user_id)
    assert user_of_subject(database, "issuer 1", "eve", "none", keep_role=False) is None
    assert sessions.find(cookie) is None
    disable_user_of(database)
    assert user_of_subject(database, "issuer 1", "eve", "admin", keep_role=False) is None


def disable_user_of(database: WatchDatabase) -> None:
    add_user(database, "left", "admin", "test", subject="left")
    disable_user(database, "eve", "test")


def run(folder: Path, *arguments: str, typed: str = "", settings: str = "") -> Any:
    file = folder / "settings.toml"
    file.write_text(settings, encoding="utf-8")
    given = ["user", *arguments, "--data", str(folder), "--settings", str(file)]
    return CliRunner().invoke(app, given, input=typed)


def test_the_commands_add_change_and_list(database: WatchDatabase, tmp_path: Path) -> None:
    assert run(tmp_path, "add", "anna", "--role", "admin", typed=f"{PASSWORD}\r\nmore\n").exit_code == 0
    assert check_password(database, "anna", PASSWORD) is not None
    assert isinstance(run(tmp_path, "add", "bob", typed="short\n").exception, ConfigError)
    assert isinstance(run(tmp_path, "role", "anna", "viewer").exception, CaseError)
    assert run(tmp_path, "add", "bob", "--role", "admin", typed=PASSWORD).exit_code == 0
    assert run(tmp_path, "role", "anna", "analyst").exit_code == 0
    assert run(tmp_path, "password", "anna", typed="another long password").exit_code == 0
    assert check_password(database, "anna", "another long password") is not None
    assert run(tmp_path, "disable", "anna").exit_code == 0
    shown = json.loads(run(tmp_path, "list", "--json").stdout)
    assert [(one["name"], one["role"], one["disabled"] is None) for one in shown] == [
        ("anna", "analyst", False),
        ("bob", "admin", True),
    ]
    assert run(tmp_path, "enable", "anna").exit_code == 0
    assert "with a password" in run(tmp_path, "list").stdout
    assert all("command line" in row.who for row in read_audit(database))


def test_users_who_sign_in_elsewhere_are_added_without_a_password(database: WatchDatabase, tmp_path: Path) -> None:
    proxy = '[console]\nsign_in = "proxy"\nproxy_addresses = ["10.0.0.1"]\n'
    assert run(tmp_path, "add", "anna", "--role", "admin", settings=proxy).exit_code == 0
    oidc = '[console]\nsign_in = "oidc"\noidc_issuer = "https://i.test"\noidc_client_id = "c"\n'
    oidc += 'url = "https://hunt.test"\n'
    assert isinstance(run(tmp_path, "add", "bob", settings=oidc).exception, ConfigError)
    assert isinstance(run(tmp_path, "add", "bob", "--subject", "s").exception, ConfigError)
    assert run(tmp_path, "add", "bob", "--subject", "17", settings=oidc).exit_code == 0
    found = {user.name: (user.subject, user.has_password) for user in all_users(database)}
    assert found == {"anna": ("proxy anna", False), "bob": ("https://i.test 17", False)}
