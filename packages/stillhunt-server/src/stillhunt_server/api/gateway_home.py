"""What forms of plugins share with those that are built in: where a server keeps what it knows, and how they answer."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.receiving.receiver import Send

SIGN_UP_PATH = "/v1/signup"
"""Path of a form that says what is known of a new customer."""
_JSON = b"application/json"


@dataclass(frozen=True)
class GatewayHome:
    """Where a server keeps what it knows, for forms of plugins that look there."""

    folder: DataFolder
    database: WatchDatabase
    config: Config


async def reply(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    """Send one answer, a body as JSON."""
    if body:
        headers = [*headers, (b"content-type", _JSON)]
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
