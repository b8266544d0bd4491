"""`POST /v1/gateway/signals?signal=NAME`: bodies that webhooks push are appended to the file that the signal names."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from stillhunt import StillhuntError
from stillhunt_server.plugins import GatewayForm, Gateways, RefusedError, reply
from stillhunt_signals.appending import append_whole
from stillhunt_signals.signals.declared import declared_signals

PUSHED_PATH = "/v1/gateway/signals"
MOST_PUSHED_BYTES = 1 << 20
"""Longest body. Judgement: those of Stripe have a few kilobytes."""
MOST_FILE_BYTES = 1 << 30
"""Longest file, so that a sender fills no disk. Judgement: some hundred thousand bodies."""
_ENDINGS = (".jsonl", ".ndjson")
_APPENDING = threading.Lock()


async def take_pushed_body(gateways: Gateways, scope: Any, receive: Any, send: Any) -> None:
    """Keep one body, whose token was checked; 200 says that the disk has it."""
    if scope["method"] != "POST":
        raise RefusedError(405, "send with POST")
    path = _file_of(gateways, parse_qs(scope["query_string"].decode("latin-1")).get("signal", [""])[0])
    body = await gateways.body(receive, scope, MOST_PUSHED_BYTES)
    try:
        line = msgspec.json.format(body, indent=-1) + b"\n"
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(400, "the body is no JSON") from error
    await asyncio.to_thread(_append_body, path, line)
    gateways.answered[PUSHED_PATH, "kept"] += 1
    await reply(send, 200, b'{"kept":true}', [])


def _file_of(gateways: Gateways, name: str) -> Path:
    """The file of a declared signal; RefusedError where there is none."""
    if gateways.home is None:
        raise RefusedError(503, "this server has no settings of signals")
    try:
        found = {one.name: one.source for one in declared_signals(gateways.home.config)}.get(name, "")
    except StillhuntError as error:
        raise RefusedError(503, f"{error.what}; next: {error.next_step}") from error
    if not found.endswith(_ENDINGS):
        raise RefusedError(400, "give ?signal=NAME of a signal that is declared with a .jsonl file in `from`")
    return Path(found)


def _append_body(path: Path, line: bytes) -> None:
    try:
        with _APPENDING:
            if path.exists() and path.stat().st_size + len(line) > MOST_FILE_BYTES:
                raise RefusedError(503, f"{path.name} has {MOST_FILE_BYTES >> 30} GiB, and takes no more: move it away")
            append_whole(path, line, durable=True)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise RefusedError(503, f"the body is not kept, and the file is as it was: {said}; send it again") from error


PUSHED = GatewayForm("signals", PUSHED_PATH, take_pushed_body, plain_status=True)
"""The form of the server that takes what webhooks push."""
