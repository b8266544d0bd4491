"""Bodies that are decoded at once, while other clients wait: the worst of them costs a millisecond or so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from stillhunt_server.receiving.bodies import BodyError, Records, unpacked
from stillhunt_server.receiving.decoding import BodyForm, records_of
from stillhunt_server.receiving.export_fields import fields_of


class AtOnceLimits(NamedTuple):
    """Which bodies are decoded at once, while other clients wait."""

    # bytes: longest body that is decoded at once, whatever it holds: JSON arrays and OTLP in JSON, too (measured: the
    # worst costs 1.0 ms: benchmarks/live/decoding_cost.py)
    any_bytes: int = 1 << 10
    # bytes: the same for JSON objects on few lines, and for protobuf of few and mostly long parts (measured: the worst
    # costs 0.3 and 0.8 ms, and 100 spans of 780 bytes 0.08: benchmarks/live/decoding_cost.py)
    object_bytes: int = 80 << 10
    # Most lines of JSON; most fields of an OTLP request in protobuf and of its resources, together (a gateway sends
    # single calls, and a resource with its spans takes four fields)
    few: int = 64
    # Most bytes below 16 in protobuf: each part of up to 15 bytes begins with its length, which is one (measured: 100
    # spans have 3,900; 6,000 empty spans with long ones cost 0.8 ms: benchmarks/live/decoding_cost.py)
    short_bytes: int = 6000


AT_ONCE_LIMITS = AtOnceLimits()
_SHORT = 16
"""Length from which a part is long; see `short_bytes`."""
_PACKED_SHARE = 4
"""Packed bodies are decoded at once up to this part of `object_bytes`: many frames cost time without becoming long.
Judgement: text is packed to a quarter or less."""


def small_records(body: bytes, form: BodyForm) -> Records | None:
    """Records of a body that costs a millisecond or so; None for one that others should not wait for.

    Raises:
        BodyError: none of it can be used.
    """
    limits = AT_ONCE_LIMITS
    if form.encoding:
        if len(body) > limits.object_bytes // _PACKED_SHARE:
            return None
        try:
            body = unpacked(body, form.encoding, limits.object_bytes, most_members=1)
        except BodyError:  # a process will say what is wrong with it
            return None
        form = BodyForm(form.signal, form.protobuf)
    if len(body) > limits.any_bytes:
        if len(body) > limits.object_bytes:
            return None
        if not (_has_long_parts(body) if form.protobuf else not form.signal and _has_few_objects(body)):
            return None
    return records_of(body, form, len(body))


def _has_few_objects(body: bytes) -> bool:
    """Whether a text has few lines, of which the first stands in braces, so that no tolerant reader is asked."""
    if body[:1] != b"{" or body.count(b"\n") + body.count(b"\r") > AT_ONCE_LIMITS.few:
        return False
    return body.partition(b"\n")[0].partition(b"\r")[0].rstrip()[-1:] == b"}"


def _has_long_parts(body: bytes) -> bool:
    """Whether an OTLP request has few resources and scopes, and mostly long parts."""
    short = int(np.count_nonzero(np.frombuffer(body, np.uint8) < _SHORT))
    if short > AT_ONCE_LIMITS.short_bytes:
        return False
    try:
        few = AT_ONCE_LIMITS.few
        return sum(1 for _ in islice(_upper_fields(body), few + 1)) <= few
    except ValueError:  # protobuf that only a whole reader understands
        return False


def _upper_fields(body: bytes) -> Iterator[int]:
    """Where the fields of a request begin, and those of its resources."""
    for begin, end, head in fields_of(body):
        yield begin
        if head:
            for inner, _, _ in fields_of(body, begin + head, end):
                yield inner
