"""Request bodies: read within bounds, unpacked within bounds, checked to be decodable, cut into records."""

from __future__ import annotations

import json
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import zstandard
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stillhunt_server.receiving.export_fields import whole_fields

GZIP_OR_ZLIB = 47
"""Window bits with which zlib recognises gzip and zlib by itself."""
MOST_MEMBERS = 10_000
"""Parts of a gzip body; block-wise packers make one for 64 KB, senders of logs one in all. Judgement."""
_PIECE_BYTES = 1 << 16
SHOWN_PROBLEMS = 5
UNDECODABLE = (msgspec.DecodeError, RecursionError)
"""What is raised for a text that is no JSON, or that is nested so deeply that it is meant to do harm."""


# Most records of one body; one that holds more is refused (derived: 64 MB by 320 bytes, a record with time, account,
# model and a short prompt)
_MOST_RECORDS = 200_000


class BodyError(Exception):
    """A body that cannot be used.

    Args:
        reason: in the counts of what was refused; that of the status where it is empty.
    """

    def __init__(self, status: int, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.reason = reason


@dataclass(frozen=True)
class Records:
    """What a body holds."""

    data: bytes  # bytes for the spool; empty where nothing is to be kept
    accepted: int
    refused: int = 0
    problems: tuple[str, ...] = ()  # why, for the first of these
    reason: str = "not decodable"  # the same in the counts of what was refused


def unpacked(body: bytes, encoding: str, longest: int, most_members: int = MOST_MEMBERS) -> bytes:
    """The body without its Content-Encoding.

    Args:
        encoding: value of the header, empty for none.
        most_members: parts that gzip or zlib may have packed one by one.

    Raises:
        BodyError: the encoding is not known, the body is not so encoded, or it unpacks to more.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    try:
        if name in ("gzip", "x-gzip", "deflate"):
            return _inflate_packed_body(body, longest, most_members)
        if name == "zstd":
            return _unpacked_zstd(body, longest)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BodyError(400, f"the body is not {name}, as its Content-Encoding says") from error
    raise BodyError(415, f"Content-Encoding {name[:40]!r} is not known; send gzip, zstd or none")


def _inflate_packed_body(body: bytes, longest: int, most_members: int) -> bytes:
    """What gzip or zlib packed; pieces keep the rest that zlib copies after each member short."""
    view, at, size, parts, members = memoryview(body), 0, 0, list[bytes](), 0
    while at < len(body):
        members += 1
        if members > most_members:
            raise zlib.error("too many members")
        unpacker = zlib.decompressobj(GZIP_OR_ZLIB)
        while not unpacker.eof:
            piece = view[at : at + _PIECE_BYTES]
            if not piece:
                raise zlib.error("cut short")
            parts.append(unpacker.decompress(piece, longest + 1 - size))
            size += len(parts[-1])
            if size > longest:
                raise _too_long(longest)
            at += len(piece) - len(unpacker.unused_data)
    return b"".join(parts)


def _unpacked_zstd(body: bytes, longest: int) -> bytes:
    """What zstd packed. A frame of random bytes is read behind it: it comes out whole only if nothing was cut off."""
    mark = secrets.token_bytes(16)
    marked = body + zstandard.ZstdCompressor(write_checksum=True).compress(mark)
    most = longest + len(mark)
    with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(marked, read_across_frames=True) as reader:
        parts, size = [], 0
        while piece := reader.read(min(1 << 20, most + 1 - size)):
            parts.append(piece)
            size += len(piece)
            if size > most:
                raise _too_long(longest)
    unpacked_body = b"".join(parts)
    if not unpacked_body.endswith(mark):
        raise zstandard.ZstdError("cut short")
    return unpacked_body[: -len(mark)]


def _too_long(longest: int) -> BodyError:
    return BodyError(413, f"the body unpacks to more than {longest} bytes (serve.max_body_mb)")


def _check_count(records: int) -> None:
    if records > _MOST_RECORDS:
        raise BodyError(413, f"the body holds more than {_MOST_RECORDS:,} records or lines; send smaller batches")


def json_lines(body: bytes) -> Records:
    """Records of a body of JSON lines, of one JSON array, or of one JSON object.

    Raises:
        BodyError: none of it can be decoded.
    """
    body = body.strip()
    try:
        if body[:1] == b"[":
            return _keep_usable_records(
                [(bytes(one).strip(), "") for one in msgspec.json.decode(body, type=list[msgspec.Raw])]
            )
        return _keep_usable_records([(bytes(msgspec.json.decode(body, type=msgspec.Raw)), "")])
    except UNDECODABLE:  # it is no single JSON text, or one that only tolerant servers accept
        _check_count(max(body.count(b"\n"), body.count(b"\r")))
        lines = [(line, _find_line_problem(line)) for line in map(bytes.strip, body.splitlines()) if line]
        if all(problem for _, problem in lines):
            whole = _decode_tolerated_body(body)
            if whole is not None:
                return _keep_usable_records([_as_json(one) for one in (whole if isinstance(whole, list) else [whole])])
        return _keep_usable_records(lines)


def _find_line_problem(line: bytes) -> str:
    """Why a line is no record; empty where it is one.

    What stands in braces is kept even if it is no strict JSON: model servers accept NaN and lone surrogates, and
    whoever adds them to a call must not hide it by that. The hunt reads it, or rejects it with a reason.
    """
    if line[:1] == b"{" and line[-1:] == b"}":
        return ""
    try:
        msgspec.json.decode(line, type=msgspec.Raw)
    except UNDECODABLE as error:
        return str(error)[:200]
    return ""


def _decode_tolerated_body(body: bytes) -> Any:
    """A whole body as tolerant servers read it; None where it is no JSON, or nested so deeply that it does harm."""
    try:
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _as_json(value: Any) -> tuple[bytes, str]:
    """A value that a tolerant reader gave, as it reads it again; or why it cannot be written."""
    try:
        return json.dumps(value, separators=(",", ":")).encode(), ""
    except RecursionError:  # it is nested less deeply than a reader can follow, and more deeply than a writer can
        return b"", "nested too deeply"


def _keep_usable_records(found: Sequence[tuple[bytes, str]]) -> Records:
    """Records from JSON texts, each with what is wrong with it."""
    _check_count(len(found))
    kept: list[bytes] = []
    problems: list[str] = []
    for number, (text, problem) in enumerate(found, 1):
        if problem or text[:1] != b"{":
            problems.append(f"record {number}: {problem or 'not an object'}")
        else:
            kept.append(_one_line(text))
    if problems and not kept:
        raise BodyError(400, f"no record can be decoded as a JSON object; {problems[0]}")
    return Records(b"".join(kept), len(kept), len(problems), tuple(problems[:SHOWN_PROBLEMS]))


def _one_line(text: bytes) -> bytes:
    """A JSON text as one line: line breaks in it can only stand between its parts.

    Zero bytes are escaped, as the spool wants them; there, sixty megabytes of them would keep everybody waiting.
    """
    return text.replace(b"\r", b" ").replace(b"\n", b" ").replace(b"\0", rb"\u0000") + b"\n"


_REQUESTS: dict[str, Any] = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest}
_RESOURCES = {"traces": "resourceSpans", "logs": "resourceLogs"}


def otlp_protobuf(body: bytes, signal: str) -> Records:
    """Records of an OTLP export request in protobuf.

    Raises:
        BodyError: it cannot be decoded.
    """
    try:
        request = _REQUESTS[signal].FromString(body)
    except DecodeError as error:
        raise BodyError(400, f"the body is no OTLP export request of {signal}") from error
    if signal == "traces":
        count = sum(len(scope.spans) for one in request.resource_spans for scope in one.scope_spans)
    else:
        count = sum(len(scope.log_records) for one in request.resource_logs for scope in one.scope_logs)
    _check_count(count)
    # Unknown fields at the top would break the framing of the file in which requests follow each other.
    try:
        return Records(whole_fields(body) if count else b"", count)
    except ValueError as error:
        raise BodyError(400, f"the body holds {error}") from error


def otlp_json(body: bytes, signal: str) -> Records:
    """Records of an OTLP export request in JSON; entries that are no objects are refused, the others kept.

    Raises:
        BodyError: it cannot be decoded.
    """
    name = _RESOURCES[signal]
    other = "resource_spans" if signal == "traces" else "resource_logs"
    try:
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        found = whole.get(name) or whole.get(other)
        resources = [] if found is None else list(map(bytes, msgspec.json.decode(found, type=list[msgspec.Raw])))
    except UNDECODABLE as error:
        tolerated = _decode_tolerated_body(body)
        listed = (tolerated.get(name) or tolerated.get(other)) if isinstance(tolerated, dict) else None
        if not isinstance(listed, list):
            text = f"the body is no OTLP export request of {signal} in JSON: {str(error)[:200]}"
            raise BodyError(400, text) from error
        resources = [_as_json(one)[0] for one in listed]
    kept = [one for one in resources if one.lstrip()[:1] == b"{"]
    refused = len(resources) - len(kept)
    if not kept:
        return Records(b"", 0, refused, (f"{name} holds no object",) if refused else ())
    count = sum(one.count(b'"spanId"') + one.count(b'"timeUnixNano"') for one in kept)
    _check_count(max(count, len(kept)))
    line = _one_line(b'{"%s":[%s]}' % (name.encode(), b",".join(kept)))
    return Records(line, max(count, 1), refused, (f"{refused} entries of {name} are no objects",) if refused else ())
