"""Whether a port can be listened on, before anything long is begun."""

from __future__ import annotations

import errno
import socket

from stillhunt.base.errors import OutputError
from stillhunt.web.server import address


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
