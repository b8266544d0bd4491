"""`stillhunt open`: a case folder in the browser, to read; and the demo's data folder, to work on."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from stillhunt.base.config import Config
from stillhunt.base.container_memory import keep_little_memory
from stillhunt.base.errors import ConfigError
from stillhunt.commands import OPEN_LISTEN, SettingsOption, message_console
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import open_database
from stillhunt_server.console.app import case_app
from stillhunt_server.console.context import Console
from stillhunt_server.console.key_guard import KeyGuard
from stillhunt_server.console.snapshot import CaseSource, FixedSource, LatestSource
from stillhunt_server.people.sessions import Viewer
from stillhunt_server.server import address, check_port, run_server, server_of

DEMO_USER = "demo"


def open_case(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen, on this machine.")
    ] = OPEN_LISTEN,
    settings_file: SettingsOption = None,
) -> None:
    """Show a case folder in the browser, read-only.

    Prints an address with a key, since other users of this machine can reach the same port. Nothing can be changed
    there: work on campaigns needs the data folder of 'stillhunt serve'.
    """
    config = Config.load(file=settings_file)
    _check_place(listen)
    keep_little_memory()
    _serve_opened_console(
        Console(FixedSource(case), config), listen, Viewer("", "viewer", secrets.token_urlsafe(16), 0)
    )


def serve_demo(folder: DataFolder, config: Config, listen: str) -> None:
    """Show the demo's data folder in the browser, with work on its campaigns, until the process is stopped.

    Args:
        listen: ADDRESS:PORT.

    Raises:
        StillhuntError: the port cannot be used.
    """
    _check_place(listen)
    keep_little_memory()
    database = open_database(folder.path, "")
    source: CaseSource = LatestSource(folder)
    console = Console(source, config, folder, database)
    _serve_opened_console(console, listen, Viewer(DEMO_USER, "admin", secrets.token_urlsafe(16), 0))


def _check_place(listen: str) -> None:
    """Refuse an address that cannot be used, or that others than this machine reach: the key would pass in the open."""
    host, _ = address(listen)
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise ConfigError(
            "these pages are only for this machine",
            where=listen,
            next_step="listen on 127.0.0.1, and reach it from elsewhere through an ssh tunnel",
        )
    check_port(listen)


def _serve_opened_console(console: Console, listen: str, viewer: Viewer) -> None:
    key = secrets.token_urlsafe(16)
    guard: Callable[[Any], Any] = partial(KeyGuard, key=key, viewer=viewer)
    shown = console.source.current()
    if shown is not None:
        console.derived(shown)
    message_console().print(f"Open http://{escape(listen)}/?key={key}\nStop with Ctrl-C.")
    run_server(server_of(case_app(console, guard), listen))
