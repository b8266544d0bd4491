"""What is done with a body: at once where that costs next to nothing (`at_once`), else in a process that may be ended.

Started as a module, this is that process, which `decoders` asks: orders come over a socket, one after the other, and
outcomes go back.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from stillhunt_server.receiving.bodies import (
    UNDECODABLE,
    BodyError,
    Records,
    json_lines,
    otlp_json,
    otlp_protobuf,
    unpacked,
)

# seconds: cPU time that one body may take; then its process ends, and it is refused (a body of 64 MB with 190,000
# records takes 1.6)
_CPU_SECONDS = 10
# times serve.max_body_mb: address space of a process that decodes, beside what it has when it is started (what was
# unpacked, in pieces and whole, its records, and the lines made of them, twice)
_MEMORY_FACTOR = 8


_LENGTH_BYTES = 8
_NICE = 5
"""By which these processes are less urgent than the server, where they share a core. Judgement."""


@dataclass(frozen=True)
class BodyForm:
    """What a body is said to be."""

    signal: str = ""  # "traces" or "logs" for OTLP; empty for JSON records
    protobuf: bool = False  # whether it is protobuf; only OTLP is
    encoding: str = ""  # Content-Encoding; empty for none


class DecodingOrder(msgspec.Struct):
    """What a process is to do with the body that follows."""

    longest: int  # bytes of a body, before and after unpacking
    form: BodyForm = BodyForm()
    members: dict[str, list[str]] = {}  # members of a JSON object to keep, and of their objects; none for records
    most: int = 0  # bytes of a member that is kept whole


class DecodedOutcome(msgspec.Struct):
    """What came of it; what is to be kept follows."""

    # status, text, reason: of the BodyError; 0 where there is none
    status: int = 0
    text: str = ""
    reason: str = ""
    unexpected: str = ""  # kind of any other exception
    accepted: int = 0
    refused: int = 0
    problems: list[str] = []
    spent: bool = False  # whether the process has used up its memory, and ends


def records_of(body: bytes, form: BodyForm, longest: int) -> Records:
    """Records of a body; only where it is known to be harmless, or in a process of its own.

    Raises:
        BodyError: none of it can be used.
    """
    plain = unpacked(body, form.encoding, longest)
    if form.protobuf:
        return otlp_protobuf(plain, form.signal)
    return otlp_json(plain, form.signal) if form.signal else json_lines(plain)


def shrunk(body: bytes, members: Mapping[str, list[str]], most: int) -> bytes:
    """A JSON object with the named members alone, and of those that are too long, the named members of their objects.

    Args:
        members: name -> names in its object.
        most: bytes of what is kept whole.

    Raises:
        BodyError: it is no JSON object.
    """
    try:
        kept = {}
        for name, raw in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items():
            if name in members and len(raw) <= most:
                kept[name] = raw
            elif members.get(name) and bytes(memoryview(raw)[:1]) == b"{":
                kept[name] = msgspec.Raw(shrunk(bytes(raw), {inner: [] for inner in members[name]}, most))
        return msgspec.json.encode(kept)
    except (msgspec.MsgspecError, *UNDECODABLE, UnicodeDecodeError) as error:
        raise BodyError(400, "the body is no JSON object") from error


def _execute_decoding_order(order: DecodingOrder, body: bytes) -> tuple[DecodedOutcome, bytes]:
    try:
        if order.members:
            return DecodedOutcome(), shrunk(body, order.members, order.most)
        found = records_of(body, order.form, order.longest)
        if len(found.data) > order.longest:  # what a tolerant reader read takes up to six times the room
            raise BodyError(413, f"the body becomes more than {order.longest} bytes (serve.max_body_mb)")
        return DecodedOutcome(accepted=found.accepted, refused=found.refused, problems=list(found.problems)), found.data
    except BodyError as error:
        return DecodedOutcome(error.status, error.text, error.reason), b""
    except MemoryError:
        text = "the body takes too much memory to be decoded; send smaller batches"
        return DecodedOutcome(413, text, "memory", spent=True), b""
    except Exception as error:  # a fault of ours: whoever started this keeps the body, and nobody is told its contents
        return DecodedOutcome(unexpected=type(error).__name__), b""


def send_framed(connection: socket.socket, head: bytes, *parts: bytes) -> None:
    """Send a head and the parts of a body, each of the two behind its length."""
    lengths = len(head).to_bytes(_LENGTH_BYTES) + sum(map(len, parts)).to_bytes(_LENGTH_BYTES)
    connection.sendall(lengths + head)
    for part in parts:
        connection.sendall(part)


def receive_framed(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head and the body that `send_framed` sent.

    Raises:
        EOFError: the other end has gone.
    """
    lengths = _receive_exact_bytes(connection, 2 * _LENGTH_BYTES)
    head = _receive_exact_bytes(connection, int.from_bytes(lengths[:_LENGTH_BYTES]))
    return head, _receive_exact_bytes(connection, int.from_bytes(lengths[_LENGTH_BYTES:]))


def _receive_exact_bytes(connection: socket.socket, size: int) -> bytes:
    parts: list[bytes] = []
    while size:
        parts.append(connection.recv(min(size, 1 << 20)))
        if not parts[-1]:
            raise EOFError
        size -= len(parts[-1])
    return b"".join(parts)


def _serve_decoding_orders(connection: socket.socket) -> None:
    decoder = msgspec.json.Decoder(DecodingOrder)
    while True:
        try:
            head, body = receive_framed(connection)
        except (EOFError, OSError):
            return
        _bound_time()
        outcome, data = _execute_decoding_order(decoder.decode(head), body)
        del body
        send_framed(connection, msgspec.json.encode(outcome), data)
        if outcome.spent:
            return


def _bound_time() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + 1 + _CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))  # the signal ends this process


def _bound_memory(longest: int) -> None:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    most = used + _MEMORY_FACTOR * longest
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(words: list[str]) -> None:
    """Do what is ordered until the other end of the socket goes away.

    Args:
        words: file number of the socket, and the bytes of the longest body.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when it is over
    os.nice(_NICE)
    _bound_memory(int(words[1]))
    with socket.socket(fileno=int(words[0])) as connection:
        _serve_decoding_orders(connection)


if __name__ == "__main__":
    main(sys.argv[1:])
