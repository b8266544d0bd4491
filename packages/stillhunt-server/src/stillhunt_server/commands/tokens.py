"""`stillhunt token`: make, list, rotate and revoke tokens."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.commands import (
    DEFAULT_DATA,
    DataOption,
    JsonFlag,
    NewDataOption,
    SettingsOption,
    minute_of,
    output_console,
    print_columns,
    print_json,
    read_clock,
)
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.known_database import open_database
from stillhunt_server.tokens import make_token, revoke_token, rotate_token

token_commands = typer.Typer(
    no_args_is_help=True, help="Tokens for programs that send records to 'serve' or control it."
)


class Scope(StrEnum):
    """What a token may be used for."""

    INGEST = "ingest"
    DECIDE = "decide"
    APPEAL = "appeal"
    ADMIN = "admin"


@token_commands.command("add")
def token_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for, such as the gateway's name.")],
    data: NewDataOption = DEFAULT_DATA,
    source: Annotated[
        str, typer.Option("--source", metavar="SOURCE", help="Folder of the spool for what is sent with it.")
    ] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope",
            help="ingest: send records; decide: ask what is decided, for gateways; appeal: file appeals, for a "
            "customer portal; admin: everything but sending. May be repeated; 'ingest' without it.",
        ),
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="The same as '--scope ingest --scope admin'.")] = False,
    settings_file: SettingsOption = None,
) -> None:
    """Make a token and print it; it cannot be shown again."""
    scopes = [Scope.INGEST, Scope.ADMIN] if admin else scope or [Scope.INGEST]
    values = frozenset(one.value for one in scopes)
    made = make_token(_database(DataFolder(data), settings_file), name, values, source)
    output_console().print(made)


@token_commands.command("list")
def token_list(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """List the tokens, without showing their values."""
    shown = [
        {
            "id": row["token_id"],
            "name": row["name"],
            "scopes": row["scopes"],
            "source": row["source"],
            "made": minute_of(row["made_at"]),
            "revoked": row["revoked_at"] is not None and row["revoked_at"] <= read_clock(),
            "ends": row["revoked_at"] and minute_of(row["revoked_at"]),
        }
        for row in _database(existing_folder(data), settings_file).read(select(TOKENS).order_by(TOKENS.c.made_at))
    ]
    if as_json:
        print_json(shown)
        return
    rows = [[*(str(one[name]) for name in ("id", "scopes", "source", "made")), _name(one)] for one in shown]
    print_columns(output_console(), [["id", "scopes", "source", "made", "name"], *rows])


@token_commands.command("rotate")
def token_rotate(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id from 'token list'.")],
    hours: Annotated[
        float, typer.Option("--hours", metavar="HOURS", help="How long the old token stays valid.")
    ] = 24.0,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Replace a token and print the new one; the old one stays valid for some hours."""
    made = rotate_token(_database(existing_folder(data), settings_file), token_id, hours)
    if made is None:
        raise _unknown("token rotate")
    output_console().print(made)


@token_commands.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id from 'token list'.")],
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Revoke a token; it is refused within seconds."""
    if not revoke_token(_database(existing_folder(data), settings_file), token_id):
        raise _unknown("token revoke")


def _unknown(command: str) -> ConfigError:
    return ConfigError(
        "there is no valid token with this id",
        where=command,
        next_step="'stillhunt token list' shows their ids",
    )


def _name(shown: dict[str, object]) -> str:
    if shown["revoked"]:
        return f"{shown['name']} (revoked)"
    return f"{shown['name']} (ends {shown['ends']})" if shown["ends"] else str(shown["name"])


def _database(folder: DataFolder, settings_file: Path | None) -> WatchDatabase:
    return open_database(folder.path, Config.load(file=settings_file).watch.database)
