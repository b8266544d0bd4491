"""`stillhunt user`: add, list and change people of the console."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.databases import opened_database
from stillhunt.cli.terminal import login_name, output_console, print_columns, print_json, safe_lines
from stillhunt.web.people.oidc import oidc_subject
from stillhunt.web.people.people import proxy_subject
from stillhunt.web.people.users import (
    LEAST_PASSWORD,
    MOST_PASSWORD,
    User,
    add_user,
    all_users,
    disable_user,
    enable_user,
    set_password,
    set_role,
)


@dataclass(frozen=True)
class UsersOrder:
    """Whose users are meant, as given on the command line."""

    data: Path
    settings_file: Path | None = None


def run_user_add(order: UsersOrder, name: str, role: str, subject: str | None) -> None:
    """Add a user.

    Args:
        subject: who they are to the provider of OpenID Connect; None where there is none.

    Raises:
        CaseError: there is a user of this name.
        ConfigError: the name or password is not allowed, or the subject is missing or too much.
    """
    console = Config.load(file=order.settings_file).console
    if (console.sign_in == "oidc") != (subject is not None):
        raise ConfigError(
            "the claim sub is needed where people sign in with OpenID Connect, and there alone",
            where="user add",
            next_step="give the claim of their id token, or let them sign in and change their role then",
            command_step="give it with --subject, or let them sign in, and then 'stillhunt user role'",
        )
    with opened_database(order.data, order.settings_file) as database:
        if console.sign_in == "local":
            add_user(database, name, role, _by(), password=_typed_password())
        else:
            known = proxy_subject(name) if subject is None else oidc_subject(console.oidc_issuer, subject)
            add_user(database, name, role, _by(), subject=known)


def run_user_list(order: UsersOrder, *, as_json: bool) -> None:
    """Print all users."""
    with opened_database(order.data, order.settings_file) as database:
        shown = [_shown(user) for user in all_users(database)]
    if as_json:
        print_json(shown)
        return
    names = ("role", "signs_in", "made", "disabled", "name")
    rows = [[safe_lines(str(one[name] if one[name] is not None else "-")) for name in names] for one in shown]
    print_columns(output_console(), [[name.replace("_", " ") for name in names], *rows])


def run_user_role(order: UsersOrder, name: str, role: str) -> None:
    """Give a user another role.

    Args:
        role: what they may do from now on.

    Raises:
        CaseError: there is no such user, or this is the last administrator.
    """
    with opened_database(order.data, order.settings_file) as database:
        set_role(database, name, role, _by())


def run_user_password(order: UsersOrder, name: str) -> None:
    """Give a user another password.

    Raises:
        CaseError: there is no such user.
        ConfigError: the password is not allowed.
    """
    with opened_database(order.data, order.settings_file) as database:
        set_password(database, name, _typed_password(), _by())


def run_user_disable(order: UsersOrder, name: str) -> None:
    """Let a user sign in no more.

    Raises:
        CaseError: there is no such user, or this is the last administrator.
    """
    with opened_database(order.data, order.settings_file) as database:
        disable_user(database, name, _by())


def run_user_enable(order: UsersOrder, name: str) -> None:
    """Let a user sign in again.

    Raises:
        CaseError: there is no such user.
    """
    with opened_database(order.data, order.settings_file) as database:
        enable_user(database, name, _by())


def _typed_password() -> str:
    """A password from the keyboard, asked for twice and not shown, or the first line of stdin."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(4 * MOST_PASSWORD).rstrip("\r\n")
    typed = getpass.getpass(f"Password, at least {LEAST_PASSWORD} characters: ")
    if getpass.getpass("The same again: ") != typed:
        raise ConfigError("the two passwords differ", where="password of the user", next_step="type it again")
    return typed


def _by() -> str:
    """Who does it, for the audit: the user of this machine."""
    try:
        return f"{login_name()} on the command line"
    except (KeyError, OSError, ImportError):  # a container without a name for its user
        return "the command line"


def _shown(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role,
        "signs_in": "with a password" if user.has_password else "elsewhere",
        "made": _minute(user.made_at),
        "disabled": None if user.disabled_at is None else _minute(user.disabled_at),
    }


def _minute(at: int) -> str:
    return formatting.minute(datetime.fromtimestamp(at / 1e6, UTC))
