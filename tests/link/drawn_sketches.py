"""SKETCHES given row by row, and cut into account partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.dataset import Dataset, LocalDataset, Source
from stillhunt.base.schema import SKETCHES
from stillhunt.base.shape import TIMESTAMP
from stillhunt.link.requests.index_requests import INDEXED, NUMBERED
from stillhunt.link.templates.clusters import CLUSTERED
from stillhunt.link.templates.recurring_phrases import KNOWN_PHRASES
from stillhunt.link.topics.topics import TOPIC

Prompt = dict[str, Any]
CANONICAL = [(name, "ascending") for name in ("account_id", "timestamp", "source", "request_id")]
TYPES = {
    field.name: field.type for s in (SKETCHES.arrow, INDEXED, NUMBERED, KNOWN_PHRASES, CLUSTERED, TOPIC) for field in s
}


def key_of(*names: str) -> int:
    """A fixed hash of texts."""
    return int.from_bytes(hashlib.blake2b("\n".join(names).encode(), digest_size=8).digest(), "little")


def sketches_of(prompts: list[Prompt]) -> pa.Table:
    """SKETCHES of prompts given by account, phrases and words; each is of its own text and conversation unless said."""
    rows = []
    for number, prompt in enumerate(prompts):
        row: dict[str, Any] = dict.fromkeys(SKETCHES.names)
        row.update(
            request_id=f"r{number:06d}",
            source="default",
            timestamp=number,
            conversation=number + 1,
            model="m",
            content_hash=number,
            prompt_hash=number + 1,
            phrases=[],
            system_phrases=[],
            topic_words=[],
            conduct=0,
            words=20,
            script=0,
            origin_file=0,
            origin_row=number,
        )
        row.update(prompt)
        row.update(account_key=key_of(row["account_id"]), request_key=key_of(row["source"], row["request_id"]))
        rows.append(row)
    rows.sort(key=lambda row: (row["account_id"], row["timestamp"]))
    columns = {name: [row[name] for row in rows] for name in SKETCHES.names}
    columns["timestamp"] = pa.array(columns["timestamp"], pa.int64()).cast(TIMESTAMP)
    return SKETCHES.build(**columns)


def renamed(sketches: pa.Table, names: dict[str, str]) -> pa.Table:
    """The sketches under other account ids, in canonical order again."""
    ids = [names[name] for name in sketches["account_id"].to_pylist()]
    table = sketches
    for name, column in (("account_id", ids), ("account_key", [key_of(one) for one in ids])):
        field = sketches.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, pa.array(column, field.type))
    return table.sort_by(CANONICAL)


def parted(sketches: pa.Table, parts: int, seed: int | None = None) -> LocalDataset:
    """The sketches in partitions, each account in one; some hold nobody where accounts are few.

    Args:
        sketches: SKETCHES in any order.
        parts: number of partitions.
        seed: of the order of rows; as they come when None.
    """
    rows = np.arange(sketches.num_rows)
    if seed is not None:
        rows = np.random.default_rng(seed).permutation(rows)
    part = sketches["account_key"].to_numpy()[rows] % np.uint64(parts)
    pieces = [sketches.take(pa.array(rows[part == number])).combine_chunks() for number in range(parts)]
    return LocalDataset([_source(piece) for piece in pieces], SKETCHES.names, 2)


def _source(piece: pa.Table) -> Source:
    def read(columns: Sequence[str] | None) -> pa.Table:
        return piece if columns is None else piece.select(list(columns))

    return read


def rows_of(rows: Dataset, *names: str) -> pa.Table:
    """Columns of the requests of all partitions, in canonical order."""
    keys = [name for name, _ in CANONICAL]
    wanted = [*keys, *(name for name in names if name not in keys)]
    schema = pa.schema([(name, TYPES[name]) for name in wanted])
    return rows.gather(lambda table, _: table, schema, None, wanted).sort_by(CANONICAL).select(list(names))
