"""Logs of plain traffic made up quickly, whatever their size; the scripts beside it bend them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS_PER_FILE = 250_000
START_MICROS = 1_740_787_200_000_000
DAYS = 30
ROWS_PER_ACCOUNT = 32
VOCABULARY = 30_000
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("account_id", pa.string()),
        ("model", pa.string()),
        ("client_ip", pa.string()),
        ("user_agent", pa.string()),
        ("prompt", pa.large_string()),
        ("input_tokens", pa.int32()),
        ("output_tokens", pa.int32()),
    ]
)

Columns = dict[str, Any]
Bend = Callable[[Columns], None]
"""Changes the columns of a stretch."""


def vocabulary(seed: int = 7) -> pa.Array:
    """Made-up words of two to ten letters."""
    draw = np.random.default_rng(seed)
    consonants, vowels = np.array(list("bdfghklmnprstvz")), np.array(list("aeiou"))
    parts = np.char.add(draw.choice(consonants, (VOCABULARY, 5)), draw.choice(vowels, (VOCABULARY, 5)))
    sizes = draw.integers(1, 6, VOCABULARY)
    return pa.array(["".join(row[:size]) for row, size in zip(parts, sizes, strict=True)])


def texts(draw: np.random.Generator, words: pa.Array, lengths: Any) -> pa.Array:
    """Texts of so many words each, frequent words more often (Zipf-like)."""
    picks = (len(words) ** draw.random(int(lengths.sum()))).astype(np.int32) - 1
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, words.take(pa.array(picks)))
    return pc.binary_join(lists, " ").cast(pa.large_string())


def numbered(form: str, numbers: Any) -> pa.Array:
    """A name for each number."""
    name = pa.array(np.asarray(numbers, np.int64)).cast(pa.string())
    return pc.binary_join_element_wise(form, name, "")


def addresses(numbers: Any) -> pa.Array:
    """An IPv4 address for each number below 2^24, all in 20.0.0.0/8 and above."""
    parts = [pa.array((numbers >> shift) & 255).cast(pa.string()) for shift in (16, 8, 0)]
    return pc.binary_join_element_wise("20", *parts, ".")


def plain_columns(draw: np.random.Generator, words: pa.Array, first: int, rows: int, total: int) -> Columns:
    """A stretch of ordinary traffic in time order: each account has a few addresses and one client."""
    accounts = (max(total // ROWS_PER_ACCOUNT, 1) * draw.random(rows) ** 2).astype(np.int64)
    step = DAYS * 86_400_000_000 // total
    micros = START_MICROS + (first + np.arange(rows)) * step
    lengths = np.clip(draw.lognormal(3.6, 0.9, rows), 3, 2_000).astype(np.int64)
    return {
        "request_id": numbered("r", first + np.arange(rows)),
        "timestamp": pa.array(micros).cast(pa.timestamp("us", tz="UTC")),
        "account_id": numbered("acc-", accounts),
        "model": numbered("model-", draw.integers(0, 4, rows)),
        "client_ip": addresses(accounts * 256 + draw.integers(0, 3, rows)),
        "user_agent": numbered("client/1.", accounts % 300),
        "prompt": texts(draw, words, lengths),
        "input_tokens": pa.array((lengths * 1.4).astype(np.int32)),
        "output_tokens": pa.array(draw.integers(10, 900, rows).astype(np.int32)),
    }


def stretches(rows: int, seed: int, bend: Bend) -> Iterator[pa.Table]:
    """A log of so many rows, bent."""
    draw, words = np.random.default_rng(seed), vocabulary()
    for first in range(0, rows, ROWS_PER_FILE):
        count = min(ROWS_PER_FILE, rows - first)
        columns = plain_columns(draw, words, first, count, rows)
        bend(columns)
        yield pa.table(columns, schema=SCHEMA)


def write_log(folder: Path, rows: int, seed: int, bend: Bend) -> None:
    """The same in files, with the table of accounts."""
    (folder / "requests").mkdir(parents=True)
    names: set[str] = set()
    for number, table in enumerate(stretches(rows, seed, bend)):
        names |= set(pc.unique(table["account_id"]).to_pylist())
        pq.write_table(
            table, folder / "requests" / f"part-{number:03d}.parquet", compression="zstd", row_group_size=65_536
        )
    known = sorted(names)
    pq.write_table(pa.table({"account_id": known, "payment_fingerprint": cards(known)}), folder / "accounts.parquet")


OPERATIONS, OPERATION_ACCOUNTS, OPERATION_SHARE = 400, 20, 0.1
"""Operations of a bent log, accounts of each, and their share of the requests."""


def bend_operations(columns: Columns) -> None:
    """Make a tenth of the requests those of operations, each with a template, accounts and addresses of its own."""
    rows = len(columns["request_id"])
    draw = np.random.default_rng(columns["timestamp"][0].value)
    taken = np.sort(draw.permutation(rows)[: int(rows * OPERATION_SHARE)])
    operation = draw.integers(0, OPERATIONS, len(taken))
    account = operation * OPERATION_ACCOUNTS + draw.integers(0, OPERATION_ACCOUNTS, len(taken))
    words, fixed = vocabulary(), np.random.default_rng(3)
    templates = texts(fixed, words, np.full(OPERATIONS, 24))
    asked = texts(draw, words, draw.integers(8, 30, len(taken)))
    own = {
        "account_id": numbered("op-", account),
        "client_ip": addresses(0xF00000 + operation * 4 + draw.integers(0, 4, len(taken))),
        "user_agent": numbered("batch/2.", operation % 7),
        "prompt": pc.binary_join_element_wise(
            templates.take(pa.array(operation)), asked, pa.scalar(" ", pa.large_string())
        ),
    }
    mask = np.zeros(rows, bool)
    mask[taken] = True
    for name, values in own.items():
        columns[name] = pc.replace_with_mask(columns[name], pa.array(mask), values.cast(columns[name].type))


def cards(accounts: list[str]) -> list[str]:
    """A card for each account; every 50th has that of the account before."""
    return [f"card-{number - (number % 50 == 49)}" for number in range(len(accounts))]
