"""What a log is and what it can tell, without a hunt: for `stillhunt inspect`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from stillhunt.collect.coverage import FamilyCoverage, coverage
from stillhunt.collect.inputs import InputFile
from stillhunt.collect.requests import OPTIONAL_COLUMNS, RequestLog
from stillhunt.collect.sources import SOURCES

SHOWN = (
    "request_id",
    "timestamp",
    "account_id",
    "model",
    *(name for name in sorted(OPTIONAL_COLUMNS) if name != "client_prefix"),
)
"""Columns whose filling is told."""
LOOKED_UP = dict.fromkeys(("asn", "country"), "collect.mmdb, by address")
"""Where columns come from that no log of this format has, if the user gave MMDB files."""


@dataclass(frozen=True)
class InspectedInput:
    """One input.

    Args:
        file: its name, format, rows and what was passed over.
        title: the format in words.
        filled: column -> rows that have a value.
        carries: column -> where the format keeps it.
        notes: traps of the format.
        rejected: rows set aside.
    """

    file: InputFile
    title: str
    filled: Mapping[str, int]
    carries: Mapping[str, str]
    notes: Sequence[str]
    rejected: int


@dataclass(frozen=True)
class Inspection:
    """All inputs of a log.

    Args:
        inputs: in order of names.
        rejects: REJECTS.
        rejected: rows set aside, also those that `rejects` does not keep.
        coverage: what the log can tell, by evidence family.
        accounts: distinct accounts.
        first: time of the first request, microseconds since 1970; None without requests.
        last: time of the last.
    """

    inputs: Sequence[InspectedInput]
    rejects: pa.Table
    rejected: int
    coverage: Sequence[FamilyCoverage]
    accounts: int
    first: int | None
    last: int | None


def inspect_log(
    log: RequestLog, accounts: pa.Table | None, mapping: Mapping[str, str] | None, *, looks_up: bool = False
) -> Inspection:
    """Read a log to its end and count what is in it.

    Args:
        log: freshly opened.
        accounts: ACCOUNTS, None where there is no such table.
        mapping: what the user mapped by hand.
        looks_up: whether `collect.mmdb` fills what the log does not tell of addresses.

    Raises:
        InputError: nothing can be read.
    """
    filled: dict[int, Counter[str]] = defaultdict(Counter)
    ids: set[str] = set()
    times: list[int] = []
    for batch in log.batches():
        index = batch.column("origin_file")[0].as_py()
        for name in SHOWN:
            filled[index][name] += batch.num_rows - batch.column(name).null_count
        ids.update(batch.column("account_id").unique().to_pylist())
        moments = batch.column("timestamp").cast(pa.int64()).to_numpy()
        times += [int(moments.min()), int(moments.max())]
    known = {source.name: source for source in SOURCES}
    inputs = []
    for index, file in enumerate(log.inputs):
        source = known.get(file.format)
        carries = dict(source.carries) if source else {name: name for name in SHOWN}
        facts = log.facts.get(index)
        inputs.append(
            InspectedInput(
                file,
                source.title if source else "table with our columns",
                {name: filled[index][name] for name in SHOWN},
                {**(LOOKED_UP if looks_up else {}), **carries, **(mapping or {})},
                source.notes if source else (),
                facts.rejected if facts else 0,
            )
        )
    rejected, families = log.rejected_rows, coverage(log.present, accounts)
    span = (min(times), max(times)) if times else (None, None)
    return Inspection(inputs, log.rejects(), rejected, families, len(ids), *span)
