"""Logs of any size from captures of real software: repeated, every copy with ids of its own.

The captures may not be shipped; where they do not lie beside the repository there are none.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from stillhunt.collect.decode.record_readers import messages
from stillhunt.collect.formats.otlp.entries import Export, entries
from stillhunt.collect.formats.otlp.identity import call_id_of

CAPTURES = Path(__file__).parents[3] / "shared" / "vendor_samples"
_ANSWER_IDS = ("gen_ai.response.id", "langfuse.observation.metadata.response_id")
_ID_FIELDS = frozenset(("id", "litellm_call_id", "trace_id", "request_id", "x-request-id"))
"""Fields of other JSON logs that name a call."""
_LINES = ("litellm_callback/*.jsonl.gz", "litellm_generic_api/*.jsonl.gz", "nginx/*.jsonl.gz", "envoy/*.jsonl.gz")
_LONGEST_MESSAGE = 1 << 30
_CHANGED = 12
"""Characters at the end of an id of a call that differ from copy to copy."""


def captured() -> dict[str, Path]:
    """Name -> file, of the captures as JSON lines and of OpenTelemetry's protobuf; empty where there are none."""
    found = sorted((CAPTURES / "otlp").glob("*/*.*"))
    wanted = [path for path in found if re.search(r"\.(jsonl|pb)(\.gz)?$", path.name)]
    wanted += [path for pattern in _LINES for path in sorted(CAPTURES.glob(pattern))]
    return {str(path.relative_to(CAPTURES)).removesuffix(".gz"): path for path in wanted}


def write(path: Path, megabytes: int, target: Path) -> None:
    """A log of that size.

    Args:
        path: the capture.
        megabytes: at least so many.
        target: the file to write.
    """
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    traced = path.is_relative_to(CAPTURES / "otlp")
    ids = dict(_ids(data, protobuf=".pb" in path.suffixes) if traced else _named(data))
    longest_first = sorted(ids, key=lambda one: (-len(one), one))
    parts = re.split(b"(" + b"|".join(map(re.escape, longest_first)) + b")", data)
    size = copy = 0
    with target.open("wb") as file:
        while size < megabytes * 10**6:
            renamed = {one: _renamed(one, copy, binary=binary) for one, binary in ids.items()}
            size += file.write(b"".join([renamed.get(part, part) for part in parts]))
            copy += 1


def _ids(data: bytes, *, protobuf: bool) -> Iterator[tuple[bytes, bool]]:
    """Ids as they stand in the log, and whether as bytes."""
    decode = msgspec.json.Decoder(Export).decode
    records: list[Any] = (
        [value for value, _, _ in messages(iter([data]), _LONGEST_MESSAGE) if value]
        if protobuf
        else [decode(line) for line in data.splitlines()]
    )
    for record in records:
        for entry in entries(record):
            for one in filter(None, (entry.trace, entry.span, entry.parent)):
                yield (one, True) if protobuf else (one.hex().encode(), False)
            ids = (call_id_of(entry.attributes), *map(entry.attributes.get, _ANSWER_IDS))
            yield from ((one.encode(), False) for one in ids if isinstance(one, str) and len(one) > _CHANGED)


def _named(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Ids of the calls of a log that is no trace."""
    waiting = [msgspec.json.decode(line) for line in data.splitlines()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            named = (value[name] for name in _ID_FIELDS & value.keys())
            yield from ((one.encode(), False) for one in named if isinstance(one, str) and len(one) > _CHANGED)


def _renamed(one: bytes, copy: int, *, binary: bool) -> bytes:
    """An id of the same length and kind."""
    digest = blake2b(one, key=str(copy).encode()).digest()
    if binary:
        return digest[: len(one)]
    if re.fullmatch(b"[0-9a-f]{16}|[0-9a-f]{32}", one):
        return digest.hex().encode()[: len(one)]
    return one[:-_CHANGED] + digest.hex().encode()[:_CHANGED]
