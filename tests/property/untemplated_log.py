"""Sketches of a log without templates: the workers of one work queue, who also send cover traffic, among customers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.schema import SKETCHES
from stillhunt.base.shape import TIMESTAMP

WORKERS = 24
CUSTOMERS = 90
COVER = 12
SUBJECTS = 64
DAYS = 14
DAY = 86_400_000_000


@dataclass(frozen=True)
class UntemplatedLog:
    """A log and what is true of it.

    Attributes:
        sketches: SKETCHES, in canonical order.
        workers: accounts of the work queue.
        harvest: ids of the requests that the work queue drawn from one work queue out.
    """

    sketches: pa.Table
    workers: frozenset[str]
    harvest: frozenset[str]


def build_untemplated_log(seed: int = 3) -> UntemplatedLog:
    """About 5,500 requests of 114 accounts over two weeks."""
    rng = np.random.default_rng(seed)
    queue = rng.dirichlet(np.full(SUBJECTS, 1.0))
    rows: list[dict[str, Any]] = []
    for number in range(WORKERS + CUSTOMERS):
        preference = rng.dirichlet(np.full(SUBJECTS, 0.1))
        if number < WORKERS:
            rows += [_row(rng, number, s, "curl/8") for s in rng.choice(SUBJECTS, rng.poisson(60), p=queue)]
            # Cover of one amount on all accounts would be a work queue itself.
            cover = int(rng.integers(COVER // 2, COVER * 3 // 2, endpoint=True))
            rows += [_row(rng, number, s, None) for s in rng.choice(SUBJECTS, cover, p=preference)]
        else:
            load, client = int(rng.lognormal(3.2, 1.0)) + 1, f"sdk/{number % 3}"
            rows += [_row(rng, number, s, client) for s in rng.choice(SUBJECTS, load, p=preference)]
    for number, row in enumerate(rows):
        row.update(request_id=f"r{number:05d}", conversation=number + 1, prompt_hash=number + 1, content_hash=number)
        row.update(origin_row=number, account_key=_key(row["account_id"]), request_key=_key(row["request_id"]))
    sent = [row for row in rows if row["user_agent"] == "curl/8"]
    rows.sort(key=lambda row: (row["account_id"], row["timestamp"], row["request_id"]))
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in SKETCHES.names}
    columns["timestamp"] = pa.array(columns["timestamp"], pa.int64()).cast(TIMESTAMP)
    return UntemplatedLog(
        SKETCHES.build(**columns),
        frozenset(row["account_id"] for row in sent),
        frozenset(row["request_id"] for row in sent),
    )


def _key(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def _row(rng: np.random.Generator, account: int, subject: int, client: str | None) -> dict[str, Any]:
    """One question; programs set a temperature, people at a keyboard send no client string and none."""
    row: dict[str, Any] = dict.fromkeys(SKETCHES.names)
    row.update(dict.fromkeys(("conduct", "script", "origin_file"), 0))
    row.update({name: [] for name in ("phrases", "system_phrases")})
    row.update(
        source="default",
        account_id=f"acc-{account:03d}",
        timestamp=int(rng.integers(0, DAYS * DAY)),
        turn=0,
        model="large",
        user_agent=client,
        temperature=None if client is None else 0.7,
        output_tokens=500,
        topic_words=sorted({int(word) for word in subject * 12 + rng.integers(0, 12, 8)}),
        words=40,
    )
    return row


def with_accounts(sketches: pa.Table, names: dict[str, str]) -> pa.Table:
    """The sketches under other account ids, in canonical order again."""
    renamed = [names[account] for account in sketches["account_id"].to_pylist()]
    table = sketches
    for name, column in (("account_id", renamed), ("account_key", [_key(account) for account in renamed])):
        field = sketches.schema.field(name)
        table = table.set_column(sketches.schema.get_field_index(name), field, pa.array(column, field.type))
    return table.sort_by([(name, "ascending") for name in ("account_id", "timestamp", "source", "request_id")])
