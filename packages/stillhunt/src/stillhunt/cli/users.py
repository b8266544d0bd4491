"""The commands about people of the console; passwords are typed or piped in, and never an argument."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, SettingsOption

commands = typer.Typer(no_args_is_help=True, help="People who sign in to the console.")

UserDataOption = Annotated[Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of the watch.")]
UserNameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
_DEFAULT = Path("stillhunt-data")


class RoleChoice(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"


@commands.command("add")
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
    data: UserDataOption = _DEFAULT,
    settings_file: SettingsOption = None,
) -> None:
    """Add somebody who may sign in; asks for a password, where passwords are used.

    Piped in, the password is the first line of stdin. With console.sign_in = proxy, NAME is what the proxy calls them.
    """
    from stillhunt.cli.usering import UsersOrder, run_user_add  # start-up time

    run_user_add(UsersOrder(data, settings_file), name, role.value, subject)


@commands.command("list")
def user_list(data: UserDataOption = _DEFAULT, settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List all users, also those who may not sign in."""
    from stillhunt.cli.usering import UsersOrder, run_user_list  # start-up time

    run_user_list(UsersOrder(data, settings_file), as_json=as_json)


@commands.command("role")
def user_role(
    name: UserNameArgument,
    role: Annotated[RoleChoice, typer.Argument(metavar="ROLE", help="viewer, analyst or admin.")],
    data: UserDataOption = _DEFAULT,
    settings_file: SettingsOption = None,
) -> None:
    """Give a user another role; it counts at once."""
    from stillhunt.cli.usering import UsersOrder, run_user_role  # start-up time

    run_user_role(UsersOrder(data, settings_file), name, role.value)


@commands.command("password")
def user_password(
    name: UserNameArgument, data: UserDataOption = _DEFAULT, settings_file: SettingsOption = None
) -> None:
    """Give a user another password, typed or piped in; all their sessions end."""
    from stillhunt.cli.usering import UsersOrder, run_user_password  # start-up time

    run_user_password(UsersOrder(data, settings_file), name)


@commands.command("disable")
def user_disable(name: UserNameArgument, data: UserDataOption = _DEFAULT, settings_file: SettingsOption = None) -> None:
    """Let a user sign in no more; all their sessions end. What they did keeps their name."""
    from stillhunt.cli.usering import UsersOrder, run_user_disable  # start-up time

    run_user_disable(UsersOrder(data, settings_file), name)


@commands.command("enable")
def user_enable(name: UserNameArgument, data: UserDataOption = _DEFAULT, settings_file: SettingsOption = None) -> None:
    """Let a user who was disabled sign in again."""
    from stillhunt.cli.usering import UsersOrder, run_user_enable  # start-up time

    run_user_enable(UsersOrder(data, settings_file), name)
