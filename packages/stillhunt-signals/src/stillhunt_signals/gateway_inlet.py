"""`POST /v1/gateway/signals?signal=NAME`: bodies that webhooks push are appended to the file that the signal names."""

import asyncio
import hashlib
import hmac
import os
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec

from stillhunt import StillhuntError
from stillhunt_server.plugins import GatewayForm, Gateways, RefusedError, reply
from stillhunt_signals.appending import append_whole
from stillhunt_signals.signals.declared import PUSHED_ENDINGS, Signal, declared_signals

PUSHED_PATH = "/v1/gateway/signals"
MOST_PUSHED_BYTES = 1 << 20
"""Longest body. Judgement: those of Stripe have a few kilobytes."""
MOST_FILE_BYTES = 1 << 30
"""Longest file, so that a sender fills no disk. Judgement: some hundred thousand bodies."""
SIGNED_SECONDS = 300
"""Seconds by which the time of a signature may differ from now, as Stripe's own libraries have it."""
_SIGNED, _MOST_SIGNATURES = b"stripe-signature", 8
_APPENDING = threading.Lock()


async def take_pushed_body(gateways: Gateways, scope: Any, receive: Any, send: Any) -> None:
    """Keep one body, from who has a token or whose signature is right; 200 says that the disk has it."""
    name = parse_qs(scope["query_string"].decode("latin-1")).get("signal", [""])[0]
    signal, why = _find_signal(gateways, name)
    signed = next((value for key, value in scope["headers"] if key == _SIGNED), b"").decode("latin-1")
    if not (signed and signal is not None and signal.secret):
        gateways.check_token(scope)
        signed = ""
    if scope["method"] != "POST":
        raise RefusedError(405, "send with POST")
    if signal is None:
        raise why
    body = await gateways.body(receive, scope, MOST_PUSHED_BYTES)
    if signed and not is_signed_body(signal.secret, signed, body, time.time()):
        raise RefusedError(401, "the signature is not of this body, with the secret of this signal, of now")
    try:
        line = msgspec.json.format(body, indent=-1) + b"\n"
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError(400, "the body is no JSON") from error
    await asyncio.to_thread(_append_body, Path(signal.source), line)
    gateways.answered[PUSHED_PATH, "kept"] += 1
    await reply(send, 200, b'{"kept":true}', [])


def is_signed_body(secret: str, header: str, body: bytes, now: float) -> bool:
    """Whether a `Stripe-Signature` is that of a body (https://docs.stripe.com/webhooks/signatures).

    `header`: `t=SECONDS,v1=HEX`, with a v1 for each secret while it is rolled. `now`: seconds since 1970.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    at = next((value for key, _, value in parts if key == "t"), "")
    if not (at.isascii() and at.isdigit()) or abs(now - int(at[:15])) > SIGNED_SECONDS:
        return False
    wanted = hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    given = [value.encode("latin-1") for key, _, value in parts if key == "v1"][:_MOST_SIGNATURES]
    return any(hmac.compare_digest(one, wanted) for one in given)


def _find_signal(gateways: Gateways, name: str) -> tuple[Signal | None, RefusedError]:
    """The signal that is pushed to, or why there is none."""
    if gateways.home is None:
        return None, RefusedError(503, "this server has no settings of signals")
    try:
        found = next((one for one in declared_signals(gateways.home.config) if one.name == name), None)
    except StillhuntError as error:
        return None, RefusedError(503, f"{error.what}; next: {error.next_step}")
    if found is not None and not found.source.endswith(PUSHED_ENDINGS):
        found = None
    return found, RefusedError(400, "give ?signal=NAME of a signal that is declared with a .jsonl file in `from`")


def _append_body(path: Path, line: bytes) -> None:
    try:
        with _APPENDING:
            if path.exists() and path.stat().st_size + len(line) > MOST_FILE_BYTES:
                raise RefusedError(503, f"{path.name} has {MOST_FILE_BYTES >> 30} GiB, and takes no more: move it away")
            append_whole(path, line, durable=True)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise RefusedError(503, f"the body is not kept, and the file is as it was: {said}; send it again") from error


PUSHED = GatewayForm("signals", PUSHED_PATH, take_pushed_body, plain_status=True, proves_itself=True)
"""The form of the server that takes what webhooks push."""
