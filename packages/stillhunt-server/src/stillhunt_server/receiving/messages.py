"""Records as messages of a broker: what a message holds, and messages of what was received."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import zstandard

from stillhunt.watch.spool.parts import Stream, is_source_name
from stillhunt_server.receiving.bodies import Records, json_lines, otlp_json, otlp_protobuf, unpacked
from stillhunt_server.receiving.export_fields import fields_of
from stillhunt_server.receiving.receiver import JSON, PROTOBUF

KINDS = ("traces", "logs", "litellm")
"""Last words of a subject that say what its messages hold; under any other, they are records in JSON."""
SOURCE_HEADER, KIND_HEADER = "stillhunt-source", "stillhunt-kind"
"""Headers of messages that a receiver of ours made."""
MESSAGE_BYTES = 512 << 10
"""Bytes of records in one message before they are packed; a longer record is a message by itself. Derived: half of
what brokers take by default, 1 MB, so that even records that cannot be packed fit."""


class BrokerMessage(NamedTuple):
    """A message of any broker."""

    subject: str  # its subject or topic
    data: bytes
    headers: Mapping[str, str]  # name in lower case -> value


def decode_message(message: BrokerMessage, source: str, longest: int, *, ours: bool = False) -> tuple[Stream, Records]:
    """What a message holds, and the file of the spool that it belongs to.

    Args:
        source: of messages that name none.
        longest: most bytes after unpacking.
        ours: receivers of ours made the messages, so that their headers say source and kind.

    Raises:
        BodyError: it cannot be decoded.
    """
    headers, kind = message.headers, message.subject.rpartition(".")[2]
    if ours:
        kind = headers.get(KIND_HEADER, kind)
        named = headers.get(SOURCE_HEADER, "")
        source = named if is_source_name(named) else source
    kind = kind if kind in KINDS else "jsonl"
    content_type = headers.get("content-type", JSON).partition(";")[0].strip().lower()
    body = unpacked(message.data, headers.get("content-encoding", ""), longest)
    if kind in ("traces", "logs"):
        protobuf = content_type == PROTOBUF
        records = otlp_protobuf(body, kind) if protobuf else otlp_json(body, kind)
        return Stream(source, kind, "pb" if protobuf else "jsonl"), records
    return Stream(source, kind, "jsonl"), json_lines(body)


def encode_messages(stream: Stream, data: bytes, subject: str, longest: int) -> list[BrokerMessage]:
    """Messages that hold records, packed.

    Args:
        data: whole records, as a part of the spool holds them.
        longest: most bytes that the broker takes in one message.

    Raises:
        OSError: EMSGSIZE, one record is too long for the broker.
    """
    headers = {
        "content-type": PROTOBUF if stream.ending == "pb" else JSON,
        "content-encoding": "zstd",
        SOURCE_HEADER: stream.source,
        KIND_HEADER: stream.kind,
    }
    packer = zstandard.ZstdCompressor(write_checksum=True)
    found = [BrokerMessage(subject, packer.compress(piece), headers) for piece in _cut_into_pieces(stream, data)]
    if any(len(one.data) > longest for one in found):
        raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    return found


def _cut_into_pieces(stream: Stream, data: bytes) -> Iterator[bytes]:
    """Whole records, about MESSAGE_BYTES at a time."""
    ends = (end for _, end, _ in fields_of(data)) if stream.ending == "pb" else _iterate_line_ends(data)
    begin = last = 0
    for end in ends:
        if end - begin > MESSAGE_BYTES and last > begin:
            yield data[begin:last]
            begin = last
        last = end
    if last > begin:
        yield data[begin:last]


def _iterate_line_ends(data: bytes) -> Iterator[int]:
    at = 0
    while at := data.find(b"\n", at) + 1:
        yield at
