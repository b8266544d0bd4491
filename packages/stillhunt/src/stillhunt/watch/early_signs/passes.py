"""Passes over the sketches of a hunt from which early signs are made; each runs on one partition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.units import HOUR
from stillhunt.link.requests.arrays import Ints, values

ATTEMPT = 1 << 4 | 1 << 7
"""Conduct flags of an attempt to extract hidden text: EXTRACTION_PROBE, TRANSLATE_TRACE (`extract/text/conduct.py`)."""
ATTEMPT_COLUMNS = ("account_id", "timestamp", "prompt_hash", "conduct")
ATTEMPTS = pa.schema([("account_id", pa.string()), ("hour", pa.int64()), ("attempts", pa.int64())])
USE_COLUMNS = ("account_id", "timestamp", "model")
USE = pa.schema([("account_id", pa.string()), ("model", pa.string()), ("hour", pa.int64()), ("requests", pa.int64())])
STARTS = pa.schema([("model", pa.string()), ("hour", pa.int64())])
COMPARED = pa.schema([("question", pa.int64()), ("active", pa.int64()), ("moved", pa.int64())])


@dataclass(frozen=True)
class Burst:
    """A time at which the members of a group may have begun to use a model together.

    Attributes:
        hour: first hour, since 1970.
        hours_before: an account counts where it was at work so long before.
    """

    model: str
    hour: int
    hours: int
    hours_before: int


@dataclass(frozen=True)
class BurstComparison:
    """What comparison accounts are asked.

    Attributes:
        aside: ids of accounts in any campaign or group left alone, which are not compared with.
    """

    bursts: tuple[Burst, ...]
    aside: pa.Array


def count_attempts(table: pa.Table, _context: None) -> pa.Table:
    """Different attempts of each account to extract hidden text, by the hour in which each was first made.

    Args:
        table: `ATTEMPT_COLUMNS` of one partition.
    """
    flagged = (values(table, "conduct") & np.uint32(ATTEMPT)) > 0
    own = _by_hour(table.select(ATTEMPT_COLUMNS[:3]).filter(pa.array(flagged)))
    firsts = own.group_by(["account_id", "prompt_hash"]).aggregate([("hour", "min")])
    counted = firsts.group_by(["account_id", "hour_min"]).aggregate([([], "count_all")])
    return pa.table([counted["account_id"], counted["hour_min"], counted["count_all"]], schema=ATTEMPTS)


def member_use(table: pa.Table, members: pa.Array) -> pa.Table:
    """Requests of members by account, model and hour.

    Args:
        table: `USE_COLUMNS` of one partition.
        members: ids of the members of all groups.
    """
    own = _by_hour(table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=members)))
    counted = own.group_by(["account_id", "model", "hour"]).aggregate([([], "count_all")])
    return pa.table([counted[name] for name in ("account_id", "model", "hour", "count_all")], schema=USE)


def first_uses(table: pa.Table, models: pa.Array) -> pa.Table:
    """First hour of some models in one partition; null is the model of the first hour of all.

    Args:
        table: `USE_COLUMNS` of one partition.
    """
    hours = _by_hour(table.select(USE_COLUMNS[1:]))
    wanted = hours.filter(pc.is_in(hours["model"], value_set=models))
    firsts = wanted.group_by(["model"]).aggregate([("hour", "min")])
    first = pa.table([[None], [pc.min(hours["hour"]).as_py()]], schema=STARTS)
    return pa.concat_tables([pa.table([firsts["model"], firsts["hour_min"]], schema=STARTS), first])


def compare_use(table: pa.Table, comparison: BurstComparison) -> pa.Table:
    """For each burst, how many comparison accounts were at work then, and how many of these began with its model.

    Args:
        table: `USE_COLUMNS` of one partition.
        comparison: the questions, and who is not asked.
    """
    hours = _by_hour(table.filter(pc.invert(pc.is_in(table["account_id"].cast(pa.string()), comparison.aside))))
    by_account = hours.group_by(["account_id"]).aggregate([("hour", "min")])
    began = dict(zip(by_account["account_id"].to_pylist(), by_account["hour_min"].to_pylist(), strict=True))
    first = hours.group_by(["account_id", "model"]).aggregate([("hour", "min")])
    rows = []
    for number, burst in enumerate(comparison.bursts):
        end = burst.hour + burst.hours
        inside = pc.and_(pc.greater_equal(hours["hour"], burst.hour), pc.less(hours["hour"], end))
        there = hours["account_id"].filter(inside).unique().to_pylist()
        active = {account for account in there if began[account] <= burst.hour - burst.hours_before}
        takers = first.filter(pc.equal(first["model"], burst.model))
        took = zip(takers["account_id"].to_pylist(), takers["hour_min"].to_pylist(), strict=True)
        moved = sum(burst.hour <= hour < end and account in active for account, hour in took)
        rows.append((number, len(active), moved))
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, pa.int64()) for column in columns], schema=COMPARED)


def _by_hour(table: pa.Table) -> pa.Table:
    """The rows with the hour since 1970 in place of the timestamp, and strings as such."""
    hour: Ints = values(table, "timestamp", pa.int64()) // HOUR
    rest = {name: table[name] for name in table.column_names if name != "timestamp"}
    for name in ("account_id", "model"):
        if name in rest:
            rest[name] = rest[name].cast(pa.string())
    return pa.table({**rest, "hour": hour})
