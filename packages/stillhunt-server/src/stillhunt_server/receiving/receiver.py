"""The inlets: POST a body, get an answer once its records are on disk."""

from __future__ import annotations

import asyncio
import errno
import json
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stillhunt.base.errors import StillhuntError
from stillhunt.watch.spool.parts import Stream
from stillhunt.watch.spool.room import write_problem
from stillhunt_server.receiving.at_once import AT_ONCE_LIMITS, small_records
from stillhunt_server.receiving.bodies import BodyError, Records
from stillhunt_server.receiving.committer import Done, SpoolBusyError
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.decoders import Decoders, UnexpectedError
from stillhunt_server.receiving.decoding import BodyForm
from stillhunt_server.receiving.descriptors import most_connections
from stillhunt_server.receiving.sinks import RecordSink
from stillhunt_server.receiving.traffic import Limits, Traffic
from stillhunt_server.tokens import INGEST, KnownTokens, Token

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_SECONDS = 60.0
"""Longest time for the body of one request to arrive: a client that is slower is cut off. Judgement."""
MOST_HELD_BYTES = 256 << 20
"""Bytes of bodies that are in memory at a time, as they were sent or, later, as they are written; one body of the
longest size always has room. Judgement: with two more that are being decoded, it is half a gigabyte."""
MOST_QUEUED = 64
"""Bodies of one token that wait to be decoded; further ones are sent again later. Judgement: twice the connections of a
busy collector."""
RETRY_SECONDS = 5
"""Wait that is asked of a client that was refused for lack of room or speed. Judgement."""
JSON, PROTOBUF = "application/json", "application/x-protobuf"


@dataclass(frozen=True)
class Inlet:
    """One path."""

    kind: str
    signal: str = ""  # "traces" or "logs" for OTLP; empty for JSON records
    slow_down: int = 429  # status for a sender that is too fast


INLETS = {
    "/v1/traces": Inlet("traces", "traces"),
    "/v1/logs": Inlet("logs", "logs"),
    "/v1/ingest/litellm": Inlet("litellm", slow_down=503),  # LiteLLM drops a batch that is answered with 429
    "/v1/ingest/jsonl": Inlet("jsonl"),
}
"""Path -> what is received there. The first two are OTLP's own paths."""
CALL_KINDS = frozenset(("litellm", "jsonl"))
"""Kinds of which each record is a call; a trace has several spans for one."""


@dataclass
class _Memory:
    """Bytes of bodies in memory: how many there may be, and how many there are."""

    most: int
    held: int = 0


class _HeldBytes:
    """The bytes of one body; senders of large ones are asked to wait where there are too many at a time."""

    def __init__(self, memory: _Memory) -> None:
        self._memory, self._own = memory, 0

    def add(self, size: int) -> None:
        self._own += size
        self._memory.held += size
        if self._memory.held > self._memory.most:
            raise BodyError(503, "more arrives at a time than this server holds in memory", "memory")

    def become(self, size: int) -> None:
        """Hold what was made of the body in place of it."""
        self.release()
        self.add(size)

    def release(self) -> None:
        self._memory.held -= self._own
        self._own = 0


@dataclass
class _Turn:
    """Bodies of one token are decoded one after the other, so that no sender keeps another one waiting."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    queued: int = 0


class Receiver:
    """An ASGI application that answers POST on the paths of INLETS."""

    def __init__(
        self,
        committer: RecordSink,
        tokens: KnownTokens,
        limits: Limits,
        traffic: Traffic,
        decoders: Decoders,
        letters: DeadLetters,
    ) -> None:
        self._committer, self._tokens, self._limits, self._traffic = committer, tokens, limits, traffic
        self._decoders, self._letters = decoders, letters
        self._longest = decoders.longest
        self._memory = _Memory(max(MOST_HELD_BYTES, self._longest))
        self._answers = _Answers()
        self._turns: dict[str, _Turn] = defaultdict(_Turn)
        self._at_once = 0
        # Half of all connections, so that gateways and health always have some.
        self._most_at_once = most_connections() // 2

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        inlet = INLETS[scope["path"]]
        held = _HeldBytes(self._memory)
        protobuf, source = False, "-"
        counted = 0
        try:
            if scope["method"] != "POST":
                raise BodyError(405, "send records with POST")
            headers = single_headers(scope)
            protobuf = bool(inlet.signal) and _content_type(headers) == PROTOBUF
            token = self._find_sender_token(headers)
            source = token.source
            if full := self._limits.full():
                raise BodyError(503, full)
            if self._limits.has_spent(token.token_id):
                raise _too_fast(inlet)
            parts = await self._receive_body_parts(receive, headers, held)
            if self._at_once >= self._most_at_once:
                raise BodyError(503, "more requests are under way than this server takes at a time", "busy")
            counted = 1
            self._at_once += counted
            ended = time.monotonic()
            encoding = headers.get(b"content-encoding", b"").decode("latin-1")
            records = await self._decode_body_records(parts, BodyForm(inlet.signal, protobuf, encoding), token)
            del parts
            held.become(len(records.data))
            if self._limits.too_fast(token.token_id, records.accepted):
                raise _too_fast(inlet)
            if records.data:
                ending = "pb" if protobuf else "jsonl"
                await self._store_received_records(Stream(source, inlet.kind, ending), records)
                self._traffic.accepted(source, records.accepted, len(records.data), time.monotonic() - ended)
                if inlet.kind in CALL_KINDS:
                    self._traffic.calls.logged(source, records.accepted)
            if records.refused:
                self._traffic.refused[source, records.reason] += records.refused
            await send_http_answer(send, 200, *_build_success_answer(inlet, records, protobuf=protobuf))
        except BodyError as error:
            await self._refuse_sent_body(send, source, error, protobuf=protobuf)
        except (OSError, StillhuntError) as error:
            # A collector drops what is answered with 500, and sends again what is answered with 503.
            reason = write_problem(error) if isinstance(error, OSError) else "data folder"
            unusable = BodyError(503, "the data folder cannot be used now", reason)
            await self._refuse_sent_body(send, source, unusable, protobuf=protobuf)
        finally:
            self._at_once -= counted
            held.release()

    async def _refuse_sent_body(self, send: Send, source: str, error: BodyError, *, protobuf: bool) -> None:
        self._traffic.refused[source, error.reason or _REASONS.get(error.status, "not decodable")] += 1
        # Whoever is refused before the body came must not hold the connection by sending it slowly.
        close = error.status in (401, 403, 405, 408, 413, 503)
        await send_http_answer(send, error.status, *_build_failure_answer(error, protobuf=protobuf), close=close)

    def _find_sender_token(self, headers: dict[bytes, bytes]) -> Token:
        given = headers.get(b"authorization", b"").decode("latin-1")
        scheme, _, text = given.partition(" ")
        try:
            token = self._tokens.find(text.strip()) if scheme.lower() == "bearer" else None
        except StillhuntError as error:
            raise BodyError(503, "the tokens cannot be read now", "tokens unread") from error
        if token is None:
            raise BodyError(401, "send a token of this server: 'Authorization: Bearer TOKEN'")
        if token.revoked:
            raise BodyError(401, "this token was revoked; ask for a new one")
        if INGEST not in token.scopes:
            raise BodyError(403, "this token may not send records; its scopes lack 'ingest'")
        return token

    async def _receive_body_parts(self, receive: Receive, headers: dict[bytes, bytes], held: _HeldBytes) -> list[bytes]:
        """The body in the parts in which it came: to join a long one keeps others waiting."""
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._longest:
            raise _too_long(self._longest)
        message = await receive()
        parts = [message.get("body", b"")]
        size = len(parts[0])
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while message.get("more_body"):
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise BodyError(400, "the connection ended before the body did")
                    parts.append(message.get("body", b""))
                    held.add(len(parts[-1]))
                    size += len(parts[-1])
                    if size > self._longest:
                        raise _too_long(self._longest)
        except TimeoutError as error:
            raise BodyError(408, f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from error
        if size > self._longest:
            raise _too_long(self._longest)
        return parts

    async def _decode_body_records(self, parts: list[bytes], form: BodyForm, token: Token) -> Records:
        try:
            try:
                small = sum(map(len, parts)) <= AT_ONCE_LIMITS.object_bytes
                found = small_records(b"".join(parts), form) if small else None
            except BodyError:
                raise
            except Exception as error:
                raise UnexpectedError(type(error).__name__) from error
            return await self._in_turn(parts, form, token) if found is None else found
        except UnexpectedError as error:
            kept = await asyncio.to_thread(self._letters.keep, token.source, b"".join(parts), f"{error.kind}, {form}")
            if not kept:
                raise BodyError(503, "the body met a bug in stillhunt, and cannot be kept", "dead letter") from error
            problem = "kept as a dead letter: this is a bug in stillhunt, which the provider should report"
            return Records(b"", 0, 1, (problem,), "dead letter")

    async def _in_turn(self, parts: list[bytes], form: BodyForm, token: Token) -> Records:
        turn = self._turns[token.token_id]
        if turn.queued >= MOST_QUEUED:
            raise BodyError(503, "too many bodies of this token are waiting to be decoded", "busy")
        turn.queued += 1
        try:
            async with turn.lock:
                return await asyncio.to_thread(self._decoders.large_records, parts, form)
        finally:
            turn.queued -= 1

    async def _store_received_records(self, stream: Stream, records: Records) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        try:
            self._committer.submit(stream, records.data, self._answers.of(future), records.accepted)
            await future
        except SpoolBusyError as error:
            raise BodyError(503, "more arrives than the disk can take", "disk too slow") from error
        except OSError as error:
            if error.errno == errno.EMSGSIZE:  # sending it again would not help
                raise BodyError(413, "a record is longer than the store takes", "too long for the store") from error
            raise BodyError(503, f"the record cannot be written: {error.strerror}", write_problem(error)) from error


class _Answers:
    """Hands what the writer's thread reports to the event loop, with one wake-up for all that was written together."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[None], Exception | None]] = deque()

    def of(self, future: asyncio.Future[None]) -> Done:
        """What the writer calls for one record."""
        loop = future.get_loop()

        def done(error: Exception | None) -> None:
            self._waiting.append((future, error))
            if len(self._waiting) == 1:
                with suppress(RuntimeError):  # the server has ended, and the client with it
                    loop.call_soon_threadsafe(self._settle_waiting_futures)

        return done

    def _settle_waiting_futures(self) -> None:
        while self._waiting:
            future, error = self._waiting.popleft()
            if future.done():
                continue  # its client has gone
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


_REASONS = {
    401: "token",
    403: "token",
    408: "too slow",
    413: "too long",
    415: "encoding",
    503: "no room",
    405: "method",
}
"""Status -> reason in the counts of what was refused."""
_SINGLE = (b"authorization", b"content-type", b"content-encoding", b"content-length")


def single_headers(scope: Scope) -> dict[bytes, bytes]:
    """Headers of a request of which those that decide something stand once.

    Raises:
        BodyError: one of them stands twice, so that two readers could read two requests.
    """
    names = [name for name, _ in scope["headers"]]
    for name in _SINGLE:
        if names.count(name) > 1:
            raise BodyError(400, f"the header {name.decode()} stands more than once", "headers")
    return dict(scope["headers"])


def _too_long(longest: int) -> BodyError:
    return BodyError(413, f"the body is longer than {longest} bytes (serve.max_body_mb)")


def _too_fast(inlet: Inlet) -> BodyError:
    return BodyError(inlet.slow_down, "this token sends more records than serve.records_per_second", "rate")


def _content_type(headers: dict[bytes, bytes]) -> str:
    return headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()


def _build_success_answer(inlet: Inlet, records: Records, *, protobuf: bool) -> tuple[str, bytes]:
    said = "; ".join(records.problems)
    if protobuf:
        answer: Any = ExportTraceServiceResponse() if inlet.signal == "traces" else ExportLogsServiceResponse()
        return PROTOBUF, answer.SerializeToString()
    if not inlet.signal and not records.refused:
        return JSON, b'{"accepted": %d, "refused": 0, "problems": []}' % records.accepted
    if not inlet.signal:
        counts = {"accepted": records.accepted, "refused": records.refused, "problems": list(records.problems)}
        return JSON, json.dumps(counts).encode()
    if not records.refused:
        return JSON, b"{}"
    name = "rejectedSpans" if inlet.signal == "traces" else "rejectedLogRecords"
    return JSON, json.dumps({"partialSuccess": {name: str(records.refused), "errorMessage": said}}).encode()


def _build_failure_answer(error: BodyError, *, protobuf: bool) -> tuple[str, bytes]:
    if protobuf:
        text = error.text.encode()[:127]  # google.rpc.Status with field 2, the message, whose length is one byte
        return PROTOBUF, bytes((0x12, len(text))) + text
    return JSON, json.dumps({"error": error.text}).encode()


async def send_http_answer(send: Send, status: int, content_type: str, body: bytes, *, close: bool = False) -> None:
    """Send one answer with what its status asks for.

    Args:
        close: the connection ends with it.
    """
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    if status in (429, 503):
        headers.append((b"retry-after", str(RETRY_SECONDS).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if close:
        headers.append((b"connection", b"close"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
