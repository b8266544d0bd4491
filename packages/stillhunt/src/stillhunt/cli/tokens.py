"""`stillhunt token`: make, list, rotate and revoke tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.known_database import open_database
from stillhunt.watch.tokens import make_token, revoke_token, rotate_token


@dataclass(frozen=True)
class TokensOrder:
    """Whose tokens are meant, as given on the command line."""

    data: Path
    settings_file: Path | None = None


def run_token_add(order: TokensOrder, name: str, source: str, scopes: frozenset[str]) -> None:
    """Make a token and print it.

    Raises:
        ConfigError: the source or a scope is not allowed.
    """
    output_console().print(make_token(_database(order, make=True), name, scopes, source))


def run_token_rotate(order: TokensOrder, token_id: str, hours: float) -> None:
    """Make a token in place of another one and print it.

    Raises:
        CaseError: another one replaces it already.
        ConfigError: no token of this id counts, or the hours are none.
    """
    made = rotate_token(_database(order), token_id, hours)
    if made is None:
        raise _unknown("token rotate")
    output_console().print(made)


def run_token_list(order: TokensOrder, *, as_json: bool) -> None:
    """Print all tokens, but for the tokens themselves."""
    shown = [
        {
            "id": row["token_id"],
            "name": row["name"],
            "scopes": row["scopes"],
            "source": row["source"],
            "made": formatting.minute(datetime.fromtimestamp(row["made_at"] / 1e6, UTC)),
            "revoked": row["revoked_at"] is not None and row["revoked_at"] <= time.time_ns() // 1000,
            "ends": row["revoked_at"] and formatting.minute(datetime.fromtimestamp(row["revoked_at"] / 1e6, UTC)),
        }
        for row in _database(order).read(select(TOKENS).order_by(TOKENS.c.made_at))
    ]
    if as_json:
        print_json(shown)
        return
    rows = [[*(str(one[name]) for name in ("id", "scopes", "source", "made")), _name(one)] for one in shown]
    print_columns(output_console(), [["id", "scopes", "source", "made", "name"], *rows])


def run_token_revoke(order: TokensOrder, token_id: str) -> None:
    """Revoke a token.

    Raises:
        ConfigError: there is none of this id, or it was revoked before.
    """
    if not revoke_token(_database(order), token_id):
        raise _unknown("token revoke")


def _unknown(command: str) -> ConfigError:
    return ConfigError(
        "there is no token of this id that still counts",
        where=command,
        next_step="'stillhunt token list' shows their ids",
    )


def _name(shown: dict[str, object]) -> str:
    if shown["revoked"]:
        return f"{shown['name']} (revoked)"
    return f"{shown['name']} (ends {shown['ends']})" if shown["ends"] else str(shown["name"])


def _database(order: TokensOrder, *, make: bool = False) -> WatchDatabase:
    folder = DataFolder(order.data) if make else existing_folder(order.data)
    return open_database(folder.path, Config.load(file=order.settings_file).watch.database)
