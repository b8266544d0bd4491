"""Hostile bodies beside gateways that ask: none of them may delay an answer, take the memory, or be answered with 500.

Each kind is posted by two senders at once while `/v1/decide` and `/healthz` are asked all the time. The machine may be
busy with other work, and to send sixty megabytes is work, too: so the same bytes go to another server first, one that
throws them away. The bound is on what is added to that, and a kind falls if it is passed three times. Both are printed.

It needs curl; KINDS=16 (a part of a group's name) leaves out the others.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import zstandard

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from ingest import EMPTY
from served import Served, free_port, served
from trials import Fell, Trial

DECIDE_SECONDS, HEALTH_SECONDS = 0.05, 0.2
"""Most that an attack may add to an answer."""
MOST_RESIDENT = 1 << 30
"""Bytes of memory of the server and of what it started, together."""
SENDERS = 2
ASK_EVERY = 0.01
LEAST_SECONDS = 0.5
ATTEMPTS = 3
PROTOBUF = "application/x-protobuf"
Made = Callable[[], bytes]
"""Makes a body when it is its turn: together they do not fit into memory."""
Body = tuple[str, Made, dict[str, str]]
"""Path, body and headers."""


class Asker(threading.Thread):
    """Asks one path again and again, over one connection, and keeps how long each answer took."""

    def __init__(self, server: Served, method: str, path: str, body: bytes = b"") -> None:
        super().__init__(daemon=True)
        self._server, self._request = server, (method, path, body, {"Authorization": f"Bearer {server.token}"})
        self.ended = threading.Event()
        self.taken: list[float] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        """Ask until it is over."""
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        while not self.ended.is_set():
            began = time.monotonic()
            try:
                connection.request(*self._request)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.wrong.append(str(answer.status))
            except OSError as error:
                self.wrong.append(type(error).__name__)
                connection.close()
            self.taken.append(time.monotonic() - began)
            self.ended.wait(ASK_EVERY)
        connection.close()


def quantile(values: list[float], share: float) -> float:
    """A quantile of some values; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


def watched(server: Served, attack: Callable[[], None]) -> tuple[list[float], list[float], list[str]]:
    """Delays of /v1/decide and /healthz during an attack, and answers that were not 200."""
    askers = [Asker(server, "POST", "/v1/decide", b'{"account_id": "a-1"}'), Asker(server, "GET", "/healthz")]
    for asker in askers:
        asker.start()
    began = time.monotonic()
    attack()
    time.sleep(max(0.0, LEAST_SECONDS - (time.monotonic() - began)))
    for asker in askers:
        asker.ended.set()
    for asker in askers:
        asker.join()
    return askers[0].taken, askers[1].taken, askers[0].wrong + askers[1].wrong


def posted(port: int, token: str, body: Body, file: Path) -> list[int]:
    """Statuses of the answers to SENDERS that post at once; 0 where the connection was closed.

    They are processes of their own: threads of this one would keep the askers waiting.
    """
    path, _, headers = body
    sent = {"Authorization": f"Bearer {token}", "Expect": "", **headers}
    words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "200", "--data-binary", f"@{file}"]
    words += [word for name, value in sent.items() for word in ("-H", f"{name}: {value}")]
    words.append(f"http://127.0.0.1:{port}{path}")
    senders = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(SENDERS)]
    return [int(sender.communicate()[0] or 0) for sender in senders]


def texts(size: int) -> dict[str, Made]:
    """Hostile JSON of about so many bytes, by name."""
    return {
        "empty objects on lines": lambda: b"{}\n" * (size // 3),
        "lines that are no JSON": lambda: b"x\n" * (size // 2),
        "carriage returns": lambda: b"x\r" * (size // 2),
        "objects on carriage returns": lambda: b"{}\r" * (size // 3),
        "line ends alone": lambda: b"{}" + b"\n" * size + b"{}",
        "array of empty objects": lambda: b"[" + b"{}," * (size // 3) + b"{}]",
        "array with NaN": lambda: b"[NaN" + b",{}" * (size // 3) + b"]",
        "numbers with NaN": lambda: b'{"a":\n[NaN' + b",0" * (size // 2) + b"]}",
        "deep lists with NaN": lambda: b'{"a":\n[NaN' + (b"," + b"[" * 400 + b"]" * 400) * (size // 801) + b"]}",
        "open brackets": lambda: b"[" * size,
        "deep objects": lambda: b'{"a":' * (size // 12) + b"1" + b"}" * (size // 12),
        "closed brackets": lambda: b'{"a":' + b"[" * (size // 2) + b"]" * (size // 2) + b"}",
        "one string": lambda: b'{"a":"' + b"a" * size + b'"}',
        "one number": lambda: b'{"a":' + b"1" * size + b"}",
        "escapes": lambda: b'{"a":"' + b"\\u0041" * (size // 6) + b'"}',
        "half a surrogate each": lambda: b'{"a":\n"' + b"\\ud800" * (size // 6) + b'", "b": NaN}',
        "bytes that are no UTF-8": lambda: b'{"a":\n"' + b"\xff" * size + b'", "b": NaN}',
        "NUL bytes": lambda: b'{"a":"' + b"\0" * size + b'"}',
        "spaces": lambda: b" " * size,
        "keys": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(size // 12)) + b"}",
        "one key again and again": lambda: b"{" + b'"a":1,' * (size // 6) + b'"a":1}',
        "noise": lambda: np.random.default_rng(size).bytes(size),
    }


def protobufs(size: int) -> dict[str, Made]:
    """The same in protobuf."""
    span = b"\x0a\x06\x12\x04\x12\x02\x2a\x00"
    return {
        "empty resources": lambda: b"\x0a\x00" * (size // 2),
        "empty scopes": lambda: _field(b"\x12\x00" * (size // 2)),
        "empty spans": lambda: inner_spans(b"\x12\x00" * (size // 2)),
        "spans with lengths of three bytes": lambda: inner_spans(b"\x12\x80\x80\x00" * (size // 4)),
        "long spans of unknown numbers": lambda: inner_spans(long_parts(b"\x12", size)),
        "empty attributes": lambda: in_span(b"\x4a\x00" * (size // 2)),
        "empty links": lambda: in_span(b"\x6a\x00" * (size // 2)),
        "long links of unknown numbers": lambda: in_span(long_parts(b"\x6a", size)),
        "unknown numbers in a span": lambda: in_span(b"\x20\x20" * (size // 2)),
        "unknown numbers": lambda: span + b"\x98\x06\x01" * (size // 3),
        "unknown bytes": lambda: span + b"\x9a\x06\x00" * (size // 3),
        "groups": lambda: b"\x0b" * (size // 2) + b"\x0c" * (size // 2),
        "a length without end": lambda: b"\x0a\xff\xff\xff\xff\x0f" + b"x" * size,
        "nested values": lambda: _nested(300) * max(1, size // 2000),
        "noise as protobuf": lambda: np.random.default_rng(size).bytes(size),
    }


def inner_spans(spans: bytes) -> bytes:
    """An export request around fields of a scope."""
    return _field(b"\x12" + _length(spans))


def in_span(fields: bytes) -> bytes:
    """An export request around fields of a span."""
    return inner_spans(b"\x12" + _length(fields))


def long_parts(tag: bytes, size: int) -> bytes:
    """Parts just long enough not to count as short ones (`web.at_once`), with what costs most to read."""
    return (tag + b"\x10" + b"\x20" * 16) * (size // 18)


def _length(content: bytes) -> bytes:
    size, head = len(content), bytearray()
    while size >= 0x80:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((*head, size)) + content


def _field(content: bytes) -> bytes:
    return b"\x0a" + _length(content)


def _nested(levels: int) -> bytes:
    value = b""
    for _ in range(levels):
        value = b"\x2a" + _length(b"\x0a" + _length(value))
    return _field(b"\x12" + _length(b"\x12" + _length(b"\x4a" + _length(b"\x0a\x01a\x12" + _length(value)))))


def _members(content: bytes) -> bytes:
    return b"".join(gzip.compress(content[at : at + 10]) for at in range(0, 200_000, 10))


PACKED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "gzip twice": ("gzip", lambda content: gzip.compress(gzip.compress(content))),
    "gzip of many members": ("gzip", _members),
    "deflate of empty members": ("deflate", lambda content: zlib.compress(b"") * min(2000, len(content))),
    "gzip cut short": ("gzip", lambda content: gzip.compress(content)[:-9]),
    "deflate": ("deflate", zlib.compress),
    "zstd": ("zstd", zstandard.compress),
    "another encoding": ("br", lambda content: content[:1000]),
}


def kinds() -> Iterator[tuple[str, str, Body]]:
    """(group, name, body) of each kind."""
    json_type = {"Content-Type": "application/json"}
    for size, said in ((1000, "1 kB"), (16_000, "16 kB"), (65_000, "65 kB"), (60_000_000, "60 MB")):
        for name, content in texts(size).items():
            yield f"JSON of {said}", name, ("/v1/ingest/jsonl", content, json_type)
    for size, said in ((16_000, "16 kB"), (81_000, "81 kB"), (30_000_000, "30 MB")):
        for name, content in protobufs(size).items():
            yield f"protobuf of {said}", name, ("/v1/traces", content, {"Content-Type": PROTOBUF})
    for source in ("empty objects on lines", "array of empty objects", "one string"):
        made = texts(63_000_000)[source]
        for name, (encoding, pack) in PACKED.items():
            headers = {"Content-Encoding": encoding, **json_type}
            yield "packed", f"{name}, {source}", ("/v1/ingest/litellm", partial(_packed, pack, made), headers)
    bomb = partial(_packed, zstandard.compress, lambda: bytes(1 << 30))
    yield "packed", "a gigabyte of zeros", ("/v1/logs", bomb, {"Content-Encoding": "zstd", **json_type})
    for name in ("array of empty objects", "deep objects", "open brackets", "numbers with NaN"):
        wrapped = partial(_within, b'{"resourceSpans":', texts(16_000_000)[name], b"}")
        yield "OTLP in JSON", name, ("/v1/traces", wrapped, json_type)
    for size in (900_000, 7_900_000):
        for name in ("array of empty objects", "closed brackets", "escapes", "one number"):
            asked = partial(_within, b'{"account_id":"a","texts":[', texts(size)[name], b"]}")
            yield f"questions of {size / 1e6:.1f} MB", name, ("/v1/decide", asked, json_type)


def _packed(pack: Callable[[bytes], bytes], made: Made) -> bytes:
    return pack(made())


def _within(begin: bytes, made: Made, end: bytes) -> bytes:
    return begin + made() + end


def trials(seed: int) -> Iterator[Trial]:
    """One trial for each kind of body, against one server; the last ones look at what the server became."""
    del seed
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        parts = ("--only", "ingest", "--only", "web")
        server = opened.enter_context(served(scratch / "data", parts))
        sink = opened.enter_context(_sink())
        server.call("POST", "/v1/decide", b'{"account_id": "a-1"}')
        worst: dict[str, list[float]] = {"decide": [], "healthz": [], "decide alone": [], "healthz alone": []}
        number = 0
        chosen = os.environ.get("KINDS", "")
        for number, (group, name, body) in enumerate(one for one in kinds() if chosen in one[0]):  # noqa: B007 - said at the end
            yield Trial(group, name, lambda body=body: _attacked(server, sink, body, worst))
        yield Trial("afterwards", "memory", lambda: _memory(server))
        yield Trial("afterwards", "good records are taken", lambda: _taken(server))
        for said, values in worst.items():
            shown = ", ".join(f"{q:g}: {quantile(values, q) * 1e3:.0f}" for q in (0.5, 0.9, 0.99, 1))
            print(f"   {said}: milliseconds of the worst answer of each of {number + 1} kinds, by quantile: {shown}")


@contextmanager
def _sink() -> Iterator[int]:
    """Port of a server that reads bodies and throws them away."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", EMPTY, f"127.0.0.1:{port}"])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _attacked(server: Served, sink: int, body: Body, worst: dict[str, list[float]]) -> None:
    with tempfile.NamedTemporaryFile() as file:
        path = Path(file.name)
        path.write_bytes(body[1]())
        for attempt in range(ATTEMPTS):
            try:
                _attempted(server, sink, (body, path), worst)
            except Slow:
                if attempt + 1 == ATTEMPTS:
                    raise
            else:
                return


class Slow(Fell):
    """An answer came late."""


def _attempted(server: Served, sink: int, sent: tuple[Body, Path], worst: dict[str, list[float]]) -> None:
    statuses: list[int] = []
    alone = watched(server, lambda: posted(sink, "", *sent))
    beside = watched(server, lambda: statuses.extend(posted(server.port, server.token, *sent)))
    if beside[2]:
        raise Fell(f"gateways and health were answered with {sorted(set(beside[2]))}")
    if strange := {status for status in statuses if status in (0, 500)}:
        raise Fell(f"bodies were answered with {sorted(strange)}")
    for place, name, most in ((0, "decide", DECIDE_SECONDS), (1, "healthz", HEALTH_SECONDS)):
        worst[f"{name} alone"].append(max(alone[place]))
        worst[name].append(max(beside[place]))
        if max(beside[place]) - max(alone[place]) > most:
            raise Slow(f"{name} took {max(beside[place]) * 1e3:.0f} ms, {max(alone[place]) * 1e3:.0f} ms without")


def _memory(server: Served) -> None:
    everyone = [server.process, *server.process.children(recursive=True)]
    used = sum(one.memory_info().rss for one in everyone)
    print(f"   memory of the server and what it started: {used / 1e6:.0f} MB")
    if used > MOST_RESIDENT:
        raise Fell(f"it has {used / 1e6:.0f} MB")


def _taken(server: Served) -> None:
    answer = json.loads(server.call("POST", "/v1/ingest/jsonl", b'{"request_id": "1"}\n' * 1000))
    if answer["accepted"] != 1000:
        raise Fell(str(answer))
    with suppress(FileNotFoundError):
        if letters := list((server.data / "dead-letters").iterdir()):
            raise Fell(f"{len(letters)} dead letters")
