"""What bodies cost the thread that answers everybody: hostile ones of every form at their worst, and usual ones.

    python benchmarks/live/decoding_cost.py            a table; about a minute

"Whole" is what 64 KB would cost if they were decoded by the server whatever they hold, for each KB. "At once" is what
`at_once.small_records` takes, which looks at a body and decodes it or leaves it to a process: the worst of several
sizes up to the bounds, and that size. Times are CPU time of the thread, medians of nine. The bounds of `web.at_once`
come from here.

A server that runs keeps freed memory: bodies cause no page faults there. A process that has just been started gives it
back each time, and takes three times as long for many small parts. So memory is made to be kept here, too.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import zstandard

sys.path.insert(0, str(Path(__file__).parents[1] / "attack"))

from bodies import in_span, inner_spans, long_parts, protobufs, texts
from served import SpanBatches

from stillhunt_server.receiving.at_once import AT_ONCE_LIMITS, small_records
from stillhunt_server.receiving.bodies import BodyError
from stillhunt_server.receiving.decoding import BodyForm, records_of

WHOLE_BYTES = 64 << 10
SIZES = (1 << 10, 4 << 10, 12 << 10, 16 << 10, 20 << 10, 32 << 10, 64 << 10, 80 << 10)
ROOM = 48
"""Bytes by which a body may be longer than it was asked for."""
KEPT_BYTES = 16 << 20
"""What is allocated once and freed; then the C library keeps up to twice as much at hand."""
TIMES = 9
Sized = Callable[[int], bytes]


def microseconds(call: Callable[[], object]) -> float:
    """CPU time of a call in this thread, the median of TIMES."""
    taken = []
    for _ in range(TIMES):
        began = time.thread_time()
        with suppress(BodyError):
            call()
        taken.append(time.thread_time() - began)
    return sorted(taken)[TIMES // 2] * 1e6


def hostile() -> Iterator[tuple[str, str, BodyForm, Sized]]:
    """(form, name, form as it is said, body of about so many bytes)."""
    for name in texts(100):
        yield "JSON records", name, BodyForm(), partial(_made, texts, name)
        yield "OTLP in JSON", name, BodyForm("traces"), partial(_listed, name)
    for name in protobufs(10_000):
        yield "protobuf", name, BodyForm("traces", protobuf=True), partial(_made, protobufs, name)
    for part, tag, around in (
        ("spans", b"\x12", inner_spans),
        ("links", b"\x6a", in_span),
        ("attributes", b"\x4a", in_span),
    ):
        made = partial(_short_and_long, tag, around)
        yield "protobuf", f"the most short {part}, then long ones", BodyForm("traces", protobuf=True), made
    packs = (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.compress))
    for encoding, pack in packs:
        yield "packed", f"{encoding}, empty members", BodyForm(encoding=encoding), partial(_repeated, pack(b""))
        whole = partial(_packed, pack)
        yield "packed", f"{encoding}, long lines", BodyForm(encoding=encoding), whole


def _made(makers: Callable[[int], dict[str, Callable[[], bytes]]], name: str, size: int) -> bytes:
    return makers(size - ROOM)[name]()


def _listed(name: str, size: int) -> bytes:
    return b'{"resourceSpans":[' + texts(size - ROOM)[name]() + b"]}"


def _repeated(one: bytes, size: int) -> bytes:
    return one * (size // len(one))


def _packed(pack: Callable[[bytes], bytes], size: int) -> bytes:
    return pack((b'{"a":"' + b"word " * 200 + b'"}\n') * (size // 1100))


def _short_and_long(tag: bytes, around: Callable[[bytes], bytes], size: int) -> bytes:
    short = min(AT_ONCE_LIMITS.short_bytes - 20, size // 2 - ROOM)
    return around((tag + b"\x00") * short + long_parts(tag, size - 2 * short - ROOM))


def usual() -> Iterator[tuple[str, str, BodyForm, bytes]]:
    """(form, name, form as it is said, body) of what gateways send."""
    call = {"request_id": "1", "account_id": "a", "model": "m1", "prompt": "word " * 600}
    yield "JSON records", "a call", BodyForm(), json.dumps(call).encode()
    yield "JSON records", "20 calls on lines", BodyForm(), b"\n".join([json.dumps(call).encode()] * 20)
    yield "JSON records", "20 calls in an array (LiteLLM)", BodyForm(), json.dumps([call] * 20).encode()
    for spans in (1, 10, 100):
        body = SpanBatches(spans).next()
        yield "protobuf", f"{spans} spans", BodyForm("traces", protobuf=True), body
        yield "packed", f"{spans} spans, gzip", BodyForm("traces", protobuf=True, encoding="gzip"), gzip.compress(body)


def main() -> None:
    """Print the table."""
    bytes(KEPT_BYTES)
    print(f"{'form':13} {'body':45} {'whole us/KB':>11} {'at once us':>10} {'of bytes':>9}")
    for form, name, said, made in hostile():
        body = made(WHOLE_BYTES)
        whole = microseconds(lambda body=body, said=said: records_of(body, said, 1 << 30)) / len(body) * 1024
        costs = [(microseconds(lambda b=b, said=said: small_records(b, said)), len(b)) for b in map(made, SIZES)]
        worst, size = max(costs)
        print(f"{form:13} {name:45} {whole:11.1f} {worst:10.0f} {size:9,}", flush=True)
    print("usual bodies: us for the whole, us at once")
    for form, name, said, body in usual():
        whole = microseconds(lambda body=body, said=said: records_of(body, said, 1 << 30))
        taken = microseconds(lambda body=body, said=said: small_records(body, said))
        where = "at once" if small_records(body, said) is not None else "in a process"
        print(f"{form:13} {name:45} {whole:11.1f} {taken:10.0f} {len(body):9,} {where}")


if __name__ == "__main__":
    main()
