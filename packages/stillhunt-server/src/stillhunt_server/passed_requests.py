"""Requests that another process answers: messages of ASGI over a Unix socket, with a connection for each request."""

from __future__ import annotations

import asyncio
import logging
import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from stillhunt_server.receiving.receiver import Receive, Scope, Send

_LENGTH = struct.Struct("!I")
_PASSED = (
    "type asgi http_version method scheme path raw_path query_string root_path headers client server".split()  # noqa: SIM905 - a list of short words
)
"""Names of a scope that the other process needs; the rest are objects of this one."""
_DISCARDED = 1 << 16
_LOG = logging.getLogger("uvicorn.error")  # whose lines give kind and place, and quote nothing


async def pass_request(socket: Path, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the process that listens at a socket answer a request.

    Raises:
        OSError: nobody listens there, or the process ended before its answer did.
    """
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(_frame_message({name: scope[name] for name in _PASSED if name in scope}))
        asking = asyncio.ensure_future(_pass_body(receive, writer))
        try:
            await _pass_answer(reader, send)
        except IncompleteReadError as error:
            if not asking.done():  # otherwise its client has gone, and nobody waits for the answer
                raise ConnectionResetError("the other process ended") from error
        finally:
            asking.cancel()
            await asyncio.wait([asking])
    finally:
        await _close(writer)


async def _pass_body(receive: Receive, writer: StreamWriter) -> None:
    """Pass on what the client sends; the connection ends when the client goes."""
    with suppress(OSError):  # the other process has answered already
        while (message := await receive())["type"] == "http.request":
            writer.write(_frame_message(message))
            await writer.drain()
    writer.close()


async def _pass_answer(reader: StreamReader, send: Send) -> None:
    more = True
    while more:
        message = await _read_message(reader)
        await send(message)
        more = message["type"] == "http.response.start" or message.get("more_body", False)


async def listen_for_requests(application: Callable[[Scope, Receive, Send], Awaitable[None]], socket: Path) -> None:
    """Answer requests that come over a socket, until the task is cancelled.

    Args:
        application: of ASGI.
        socket: path that nobody else can reach.
    """

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        async def receive() -> Any:
            try:
                return await _read_message(reader)
            except (IncompleteReadError, OSError):
                return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            with suppress(OSError):  # its reader has gone
                writer.write(_frame_message(message))
                await writer.drain()

        try:
            await application(await _read_message(reader), receive, send)
        except IncompleteReadError:
            pass  # its client has gone before it was asked
        except Exception:  # the next request is answered
            _LOG.exception("answering a page")
        # The other end closes first: otherwise what it still writes of the body would fail, and the answer be lost.
        with suppress(OSError):
            writer.write_eof()
            while await reader.read(_DISCARDED):
                pass
        await _close(writer)

    server = await asyncio.start_unix_server(answer, socket)
    async with server:
        await server.serve_forever()


async def _close(writer: StreamWriter) -> None:
    writer.close()
    with suppress(OSError):  # the other end has gone
        await writer.wait_closed()


def _frame_message(message: Any) -> bytes:
    data = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(data)) + data


async def _read_message(reader: StreamReader) -> Any:
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return msgspec.msgpack.decode(await reader.readexactly(size))
