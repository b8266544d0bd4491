"""How many connections this process can have: each needs a file descriptor, and so do files, databases and children."""

from __future__ import annotations

import resource

CONNECTIONS = 2000
"""Most connections at a time. Judgement."""
EACH = 2
"""Descriptors of a connection: its own, and that to the process which makes the page that it asks for."""
OTHER_DESCRIPTORS = 400
"""Descriptors that are kept for everything else, and for connections that are about to be closed. Judgement: a server
that hunts has some 60, and up to 256 connections are accepted before one is closed."""
_LEAST = 32


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as the system allows it: shells give it 1,024 of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = EACH * CONNECTIONS + OTHER_DESCRIPTORS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """Connections that this process can have at a time."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS
    return max(_LEAST, min(CONNECTIONS, (soft - OTHER_DESCRIPTORS) // EACH))


def descriptor_warning() -> str:
    """What is to be said where there can be fewer connections than usual; empty where there can not."""
    most = most_connections()
    if most == CONNECTIONS:
        return ""
    wanted = EACH * CONNECTIONS + OTHER_DESCRIPTORS
    return (
        f"the system allows this process so few open files that it takes {most} connections at a time, and not "
        f"{CONNECTIONS}: raise the hard limit (ulimit -Hn, or LimitNOFILE of systemd) to {wanted}"
    )
