"""`stillhunt open`: a case folder in the browser, to read; and the demo's data folder, to work on."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.memory import keep_little_memory
from stillhunt.cli.ports import check_port
from stillhunt.cli.terminal import message_console
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import open_database
from stillhunt.web.console.app import case_app
from stillhunt.web.console.context import Console
from stillhunt.web.console.key_guard import KeyGuard
from stillhunt.web.console.snapshot import CaseSource, FixedSource, LatestSource
from stillhunt.web.people.sessions import Viewer
from stillhunt.web.server import address, run_server, server_of

DEMO_USER = "demo"


def run_open(case: Path, listen: str, settings_file: Path | None) -> None:
    """Show a case folder in the browser until the process is stopped; nothing can be changed.

    Args:
        listen: ADDRESS:PORT.
        settings_file: settings, for the key by which addresses are hashed.

    Raises:
        StillhuntError: there is no such case, or the port cannot be used.
    """
    config = Config.load(file=settings_file)
    _check_place(listen)
    keep_little_memory()
    _serve(Console(FixedSource(case), config), listen, Viewer("", "viewer", secrets.token_urlsafe(16), 0))


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
    _serve(console, listen, Viewer(DEMO_USER, "admin", secrets.token_urlsafe(16), 0))


def _check_place(listen: str) -> None:
    """Refuse an address that cannot be used, or that others than this machine reach: the key would pass in the open."""
    host, _ = address(listen)
    if host not in ("localhost", "::1") and not host.startswith("127."):
        raise ConfigError(
            "these pages are for this machine alone",
            where=listen,
            next_step="listen on 127.0.0.1, and come from elsewhere through a tunnel of ssh",
        )
    check_port(listen)


def _serve(console: Console, listen: str, viewer: Viewer) -> None:
    key = secrets.token_urlsafe(16)
    guard: Callable[[Any], Any] = partial(KeyGuard, key=key, viewer=viewer)
    shown = console.source.current()
    if shown is not None:
        console.derived(shown)
    message_console().print(f"Open http://{escape(listen)}/?key={key}\nStop with Ctrl-C.")
    run_server(server_of(case_app(console, guard), listen))
