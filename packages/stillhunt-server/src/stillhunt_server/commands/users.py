"""`stillhunt user`: people of the console; passwords are typed or piped in, and never an argument."""

from __future__ import annotations

import getpass
import sys
from enum import StrEnum
from typing import Annotated

import typer

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.commands import (
    DEFAULT_DATA,
    DataOption,
    JsonFlag,
    SettingsOption,
    login_name,
    minute_of,
    opened_database,
    output_console,
    print_columns,
    print_json,
    safe_lines,
)
from stillhunt_server.people.oidc import oidc_subject
from stillhunt_server.people.people import proxy_subject
from stillhunt_server.people.users import (
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

user_commands = typer.Typer(no_args_is_help=True, help="People who sign in to the console.")

UserNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


class RoleChoice(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"


@user_commands.command("add")
def user_add(
    name: UserNameArgument,
    role: Annotated[
        RoleChoice,
        typer.Option("--role", help="viewer: read; analyst: work on cases, too; admin: everything."),
    ] = RoleChoice.VIEWER,
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="SUB", help="With console.sign_in = oidc: the claim sub of their id token."),
    ] = None,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Add a user who may sign in; asks for a password, if passwords are used.

    If stdin is piped, its first line is the password. With console.sign_in = proxy, NAME is what the proxy calls them.
    """
    console = Config.load(file=settings_file).console
    if (console.sign_in == "oidc") != (subject is not None):
        raise ConfigError(
            "the claim sub is needed if people sign in with OpenID Connect, and only then",
            where="user add",
            next_step="give the claim of their id token, or let them sign in and change their role then",
            command_step="give it with --subject, or let them sign in, and then 'stillhunt user role'",
        )
    with opened_database(data, settings_file) as database:
        if console.sign_in == "local":
            add_user(database, name, role.value, _by(), password=_typed_password())
        else:
            known = proxy_subject(name) if subject is None else oidc_subject(console.oidc_issuer, subject)
            add_user(database, name, role.value, _by(), subject=known)


@user_commands.command("list")
def user_list(data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List all users, including those who may not sign in."""
    with opened_database(data, settings_file) as database:
        shown = [_shown(user) for user in all_users(database)]
    if as_json:
        print_json(shown)
        return
    names = ("role", "signs_in", "made", "disabled", "name")
    rows = [[safe_lines(str(one[name] if one[name] is not None else "-")) for name in names] for one in shown]
    print_columns(output_console(), [[name.replace("_", " ") for name in names], *rows])


@user_commands.command("role")
def user_role(
    name: UserNameArgument,
    role: Annotated[RoleChoice, typer.Argument(metavar="ROLE", help="viewer, analyst or admin.")],
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Give a user another role; it takes effect at once."""
    with opened_database(data, settings_file) as database:
        set_role(database, name, role.value, _by())


@user_commands.command("password")
def user_password(
    name: UserNameArgument, data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None
) -> None:
    """Change the password of a user, typed or piped in; all their sessions end."""
    with opened_database(data, settings_file) as database:
        set_password(database, name, _typed_password(), _by())


@user_commands.command("disable")
def user_disable(name: UserNameArgument, data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None) -> None:
    """Stop a user from signing in; all their sessions end. What they did keeps their name."""
    with opened_database(data, settings_file) as database:
        disable_user(database, name, _by())


@user_commands.command("enable")
def user_enable(name: UserNameArgument, data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None) -> None:
    """Let a user who was disabled sign in again."""
    with opened_database(data, settings_file) as database:
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
        "made": minute_of(user.made_at),
        "disabled": None if user.disabled_at is None else minute_of(user.disabled_at),
    }
