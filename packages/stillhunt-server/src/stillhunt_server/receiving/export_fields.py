"""The fields of an export request of OTLP in protobuf, as it arrives."""

from __future__ import annotations

from collections.abc import Iterator

from stillhunt.watch.spool.parts import FIELD_HEAD, measure_field


def whole_fields(message: bytes) -> bytes:
    """The entries of an OTLP export request, without other fields that a sender may have put beside them.

    Raises:
        ValueError: it holds a form of field that cannot be passed over, a group.
    """
    return b"".join(message[begin:end] for begin, end, head in fields_of(message) if head)


def fields_of(message: bytes, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, int, int]]:
    """The fields of a protobuf message, or of one that stands within it.

    Args:
        end: where it ends; with them, if it is None.

    Yields:
        (begin, end, bytes of tag and length if it is field 1 and holds bytes, else 0) of each.

    Raises:
        ValueError: it holds a form of field that cannot be passed over, a group.
    """
    at, end = begin, len(message) if end is None else end
    while at < end:
        used, entry = measure_field(message[at : at + FIELD_HEAD])
        if used == 0:
            raise ValueError("a field that no OTLP export request has")
        yield at, at + used, entry
        at += used
