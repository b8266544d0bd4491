"""Forms that browsers post: read within bounds before anything else is done, and left for whoever answers."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from stillhunt.web.receiver import Receive

MOST_FORM_BYTES = 1 << 20
"""Longest form: the narrative of a case, each character of which may take nine bytes as it is sent."""
MOST_STRANGER_BYTES = 4 << 10
"""The same of somebody who is not signed in: a name, a password and a path. 2,000 connections hold 8 MB of them."""
_FORM_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


async def read_body(receive: Receive, most: int = MOST_FORM_BYTES) -> bytes | None:
    """The body of a request; None where it is longer than it may be, or its client has gone.

    Args:
        most: bytes that it may be long.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read to the next reader, as if nobody had read it.

    Args:
        receive: of ASGI; what comes after the body still comes from it.
    """
    given = False

    async def receive_again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def form_fields(content_type: str, body: bytes) -> dict[str, list[str]]:
    """Fields of a form; none where the body is something else, or has more than a thousand."""
    if content_type.partition(";")[0].strip().lower() != _FORM_TYPE:
        return {}
    try:
        text = body.decode("ascii", errors="replace")
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}


def posted(request: Request, name: str) -> str:
    """A field of the form that was posted; "" where it is absent.

    Args:
        request: that passed the guard, which has read the form into `request.state.form`.
    """
    values = getattr(request.state, "form", {}).get(name)
    return str(values[0]) if values else ""
