"""The HTTP server, and where each path leads."""

from __future__ import annotations

import errno
import gc
import json
import logging
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt_server.receiving.connections import BoundedProtocol, OpenConnections
from stillhunt_server.receiving.descriptors import most_connections, raise_descriptor_limit
from stillhunt_server.receiving.receiver import INLETS, Receive, Receiver, Scope, Send

if TYPE_CHECKING:  # it brings what hunts need, 150 MB, which a process that only shows a case does without
    from stillhunt_server.api.gateways import Gateways

IDLE_SECONDS = 30
"""How long a connection is kept open between requests. Judgement; collectors post every few seconds."""
_BACKLOG = 256
"""Connections that the system accepts before the server looks at them, and that it then takes at once: fewer than
descriptors that are kept free."""
COLLECT_AFTER = (50_000, 20, 100)
"""Objects made, and younger collections, after which Python collects garbage; requests leave hardly any."""

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def dispatcher(
    receiver: Receiver | None, pages: Application, gateways: Gateways | None = None, console: Application | None = None
) -> Application:
    """One application: inlets go straight to the receiver, what gateways ask to them, and people to the console.

    Args:
        receiver: None in a process that receives nothing.
        pages: paths for machines, and the start and stop of the server.
        gateways: None in a process that answers none.
        console: pages for people; None in a process that has none.
    """

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if receiver is not None and scope["type"] == "http" and scope["path"] in INLETS:
            await receiver(scope, receive, send)
        elif gateways is not None and scope["type"] == "http" and gateways.takes(scope["path"]):
            await gateways(scope, receive, send)
        elif console is not None and scope["type"] == "http" and not is_for_machines(scope["path"]):
            await console(scope, receive, send)
        else:
            await pages(scope, receive, send)

    return application


def is_for_machines(path: str) -> bool:
    """Whether a path is asked by programs: health, metrics and the API."""
    return path in ("/healthz", "/readyz", "/metrics") or path.startswith("/v1/")


def run_server(server: uvicorn.Server) -> None:
    """Serve until the process is told to stop."""
    prepare_serving()
    server.run()


def prepare_serving() -> None:
    """Make this process one that serves for long, once all that it needs is loaded."""
    # Each full collection walks the objects of all libraries, half a million, while every client waits. Without this,
    # the receiver took 38 % of what an empty handler takes, with it 56 to 78 %.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    _quiet_library()


class _ErrorLines(logging.Handler):
    """Unexpected errors of the server as lines of JSON: their kind and place, never what they quote."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line."""
        error = record.exc_info[1] if record.exc_info else None
        place = traceback.extract_tb(error.__traceback__)[-1] if error is not None and error.__traceback__ else None
        where = f"{Path(place.filename).name}:{place.lineno}" if place is not None else record.name
        kind = type(error).__name__ if error is not None else record.levelname
        at = datetime.now(UTC).isoformat(timespec="seconds")
        sys.stderr.write(json.dumps({"at": at, "event": "error", "error": kind, "where": where}) + "\n")


def _quiet_library() -> None:
    """Without this, each malformed request of anybody would write a line of raw text between the events."""
    library = logging.getLogger("uvicorn")
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).propagate = name != "uvicorn"
    library.handlers = [_ErrorLines(logging.ERROR)]


def address(listen: str) -> tuple[str, int]:
    """Host and port of the setting `serve.listen`.

    Raises:
        ConfigError: it is not of the form ADDRESS:PORT.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise ConfigError(
            f"{listen!r} is not of the form ADDRESS:PORT",
            where="setting serve.listen",
            next_step="write 127.0.0.1:8686, or 0.0.0.0:8686 for all interfaces",
        )
    return host.strip("[]"), int(port)


def check_port(listen: str) -> None:
    """Refuse an address that cannot be listened on.

    Args:
        listen: ADDRESS:PORT.

    Raises:
        OutputError: another program listens there, or it is none of this machine.
    """
    host, port = address(listen)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        raise OutputError(
            f"another program listens on {listen}" if busy else f"{listen} cannot be used: {error.strerror}",
            where="setting serve.listen",
            next_step="choose another address in the setting serve.listen",
            command_step="name another with --listen",
        ) from error


def server_of(application: Application, listen: str) -> uvicorn.Server:
    """A server for an application; not started yet.

    Raises:
        ConfigError: the address cannot be read.
    """
    raise_descriptor_limit()
    host, port = address(listen)
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "http": partial(BoundedProtocol, opened=OpenConnections(most_connections())),
        "ws": "none",
        "backlog": _BACKLOG,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": 10,
        "proxy_headers": False,
    }
    return uvicorn.Server(uvicorn.Config(application, **options))
