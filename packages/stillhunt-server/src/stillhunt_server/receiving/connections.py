"""Connections of the HTTP server: what is bounded before a request is complete, and which one makes room for others."""

from __future__ import annotations

import asyncio
import json
import re
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stillhunt_server.receiving.receiver import BODY_SECONDS, JSON, Receive, Scope, Send, send_http_answer

HEADER_BYTES = 512 << 10
"""Bytes after which headers must have ended: two reads of asyncio, as the first may hold the end of another body. The
same holds for what stands between parts of a body, or behind it."""
MOST_HEADERS = 200
"""Headers of one request. Judgement: browsers behind two proxies send 40."""
HEADER_SECONDS = 15.0
"""Longest time until the headers of a request are complete: judgement, against clients that hold connections open."""
ANSWER_SECONDS = 5.0
"""Longer than the receiver waits for a body, so that a slow client is told why before it is cut off."""
MOST_BEYOND = 128
"""Connections beyond the bound that are still answered (with 503) while all others are at work; more are cut off."""
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")


class OpenConnections:
    """The connections of a server that nobody works for at the moment: near the bound, one of them makes room.

    Whoever only connects, or begins and never ends, cannot keep others out: first goes the oldest connection that has
    never sent a whole request, then the one that has been idle for longest, then the oldest whose body has not ended.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.silent: dict[BoundedProtocol, None] = {}
        self.idle: dict[BoundedProtocol, None] = {}
        self.unfinished: dict[BoundedProtocol, None] = {}

    def put(self, connection: BoundedProtocol, kind: dict[BoundedProtocol, None] | None) -> None:
        """Count a connection as the newest of a kind; None for one that is worked for, or has gone."""
        for one in (self.silent, self.idle, self.unfinished):
            one.pop(connection, None)
        if kind is not None:
            kind[connection] = None

    def make_room(self) -> None:
        """Cut off the connection that can be missed most, if there is one."""
        for kind in (self.silent, self.idle, self.unfinished):
            if kind:
                next(iter(kind)).cut_off()
                return


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounds on headers, on the time that they and the body take, and on the number of connections."""

    def __init__(self, *, opened: OpenConnections, **options: Any) -> None:
        super().__init__(**options)
        self._open = opened
        self._unread_bytes = 0
        self._headers_are_over = False
        self._waiting_for_headers: asyncio.TimerHandle | None = None
        self._waiting_for_body: asyncio.TimerHandle | None = None
        self._refusal: tuple[int, str] = (400, "this is no HTTP request that this server understands")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for the first headers; the connection that can be missed most makes room."""
        super().connection_made(transport)
        if len(self.connections) > self._open.most:
            self._open.make_room()
        if len(self.connections) > self._open.most + MOST_BEYOND:
            self.cut_off()
            return
        self._open.put(self, self._open.silent)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._open.put(self, None)
        self._headers_came()
        self._body_came()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Count anew."""
        super().on_message_begin()
        self._unread_bytes = 0
        self._headers_are_over = False
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes; one that sends too many which are neither the end of headers nor a body is cut off."""
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > HEADER_BYTES and (self._waiting_for_headers or self._waiting_for_body):
            self.cut_off()
        elif not (self._waiting_for_headers or self._waiting_for_body or self._is_busy()):
            # Line ends between requests, or a body that nobody read: the clock of an idle connection goes on.
            self._unset_keepalive_if_required()
            self._expect_headers()
            self._open.put(self, self._open.idle)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes after the headers is none, whatever it is called (RFC 9110, section 6.5.1)."""
        if self._headers_are_over:
            return
        super().on_header(name, value)
        if len(self.headers) > MOST_HEADERS:
            self._refuse_http_request(431, f"a request has more than {MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """Check how the request is framed, stop waiting for headers, and begin to wait for the end of the body."""
        self._headers_are_over = True
        self._headers_came()
        self._check_framing()
        self._unread_bytes = 0
        self._waiting_for_body = self.loop.call_later(BODY_SECONDS + ANSWER_SECONDS, self.cut_off)
        self._open.put(self, self._open.unfinished)
        if len(self.connections) > self._open.most:
            self.app = _answer_busy
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body came."""
        self._body_came()
        self._open.put(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request; one whose body has not ended is never waited for."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete and self._waiting_for_body is None:
            self._open.put(self, self._open.idle)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request with the reason, as JSON."""
        del msg
        status, text = self._refusal
        body = json.dumps({"error": text}).encode()
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def cut_off(self) -> None:
        """End the connection without an answer."""
        self._open.put(self, None)
        self.connections.discard(self)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()

    def _is_busy(self) -> bool:
        return self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete)

    def _check_framing(self) -> None:
        """Refuse a request that two readers could read as two different ones."""
        values: dict[bytes, list[bytes]] = {b"host": [], b"transfer-encoding": []}
        for name, value in self.headers:
            if name in values:
                values[name].append(value)
        hosts, codings, version = values[b"host"], values[b"transfer-encoding"], self.parser.get_http_version()
        if codings and version == "1.0":
            self._refuse_http_request(400, "HTTP/1.0 has no Transfer-Encoding")
        if codings and [one.strip().lower() for one in codings] != [b"chunked"]:
            self._refuse_http_request(501, "no other Transfer-Encoding than chunked is understood")
        if len(hosts) != 1 and (hosts or version != "1.0"):
            self._refuse_http_request(400, "a request has one header Host")
        if hosts and not _HOST.fullmatch(hosts[0]):
            self._refuse_http_request(400, "the header Host is malformed")

    def _refuse_http_request(self, status: int, text: str) -> None:
        """Refuse the request; the parser passes it on to `data_received`, which answers."""
        self._refusal = (status, text)
        raise ValueError(text)

    def _expect_headers(self) -> None:
        self._headers_came()
        self._waiting_for_headers = self.loop.call_later(HEADER_SECONDS, self.cut_off)

    def _headers_came(self) -> None:
        if self._waiting_for_headers is not None:
            self._waiting_for_headers.cancel()
            self._waiting_for_headers = None

    def _body_came(self) -> None:
        if self._waiting_for_body is not None:
            self._waiting_for_body.cancel()
            self._waiting_for_body = None


async def _answer_busy(_scope: Scope, _receive: Receive, send: Send) -> None:
    text = b'{"error":"this server has as many connections as it takes; try again soon"}'
    await send_http_answer(send, 503, JSON, text, close=True)
