"""Read customer tables in any form as ACCOUNTS, one row per account."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I64
from stillhunt.base.column_files import mapped_column
from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Progress
from stillhunt.base.schema import ACCOUNTS
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.normalise.standardise import Rules, account_contents, standardise_accounts
from stillhunt.collect.read.inputs import NO_USABLE_ACCOUNT, open_inputs
from stillhunt.collect.values.fields import ACCOUNT_FIELDS, REQUIRED_ACCOUNT_FIELDS, field_map
from stillhunt.collect.values.rejects import Rejects

OTHER_ROW_KEPT = "another row of this account differs; the one with the smallest content hash is kept"


def open_accounts(
    source: Any, *, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> tuple[pa.Table | None, pa.Table]:
    """Read the accounts table.

    Args:
        source: as for `open_requests`, or files that were found among the logs; None if there is no table. Tables of
            several formats complete each other; a table with our columns comes first.
        mapping: our column -> the table's column; entries for request columns are ignored.
        config: settings; with the identity key of the requests, so that addresses compare.

    Returns:
        (ACCOUNTS sorted by account_id, or None; REJECTS). Of different rows of one account, the one with the smallest
        content hash is kept; equal rows count once.

    Raises:
        InputError: the table cannot be used at all.
        ConfigError: the mapping names a column that we do not have.
    """
    if source is None:
        return None, Rejects().table()
    fields = field_map(ACCOUNT_FIELDS, mapping)
    # A format that the user named is that of the request logs.
    config = config.model_copy(update={"collect": config.collect.model_copy(update={"format": ""})})
    opened = open_inputs(source, fields, REQUIRED_ACCOUNT_FIELDS, config, engine, customers=True)
    for sentence in opened.unmapped:
        progress.note(f"accounts: {sentence}")
    rules, rejects = Rules.of(config), opened.rejects
    parts: dict[str, list[_Part]] = {}
    with progress.stage("reading accounts", None, "rows") as advance:
        for index in sorted(opened.readers):
            for raw in opened.readers[index].batches(ACCOUNT_FIELDS, rejects):
                table, hidden, rows = standardise_accounts(raw, rules, rejects)
                kind = opened.format_of(index)
                parts.setdefault(kind, []).append(_Part(table, hidden, rows, raw.source, raw.place))
                advance(raw.rows)
    table = ACCOUNTS.empty()
    for kind in sorted(parts, key=lambda name: (name != CANONICAL_FORMAT, name)):
        table = _complete_accounts(table, _merge_account_parts(parts.pop(kind), rejects))
    if table.num_rows == 0 and rejects.rows:
        raise InputError("no row of the accounts table can be used", where=rejects.first, **NO_USABLE_ACCOUNT)
    return ACCOUNTS.check(table), rejects.table()


def _complete_accounts(table: pa.Table, other: pa.Table) -> pa.Table:
    """Accounts of both tables, sorted; if both have an account, the second fills gaps of the first."""
    if table.num_rows == 0 or other.num_rows == 0:
        return table if other.num_rows == 0 else other
    match = pc.index_in(table["account_id"], value_set=other["account_id"].combine_chunks())
    more = other.take(match)
    columns = [pc.coalesce(table[name], more[name]) for name in table.column_names]
    new = other.filter(pc.invert(pc.is_in(other["account_id"], value_set=table["account_id"].combine_chunks())))
    both = pa.concat_tables([pa.table(columns, schema=table.schema), new])
    return both.sort_by("account_id").combine_chunks()


@dataclass(frozen=True)
class _Part:
    """Rows of one batch: their values, the texts that were hashed for them, and their places."""

    table: pa.Table
    hidden: pa.Table
    rows: I64
    source: str
    place: Callable[[int], str]


def _merge_account_parts(parts: list[_Part], rejects: Rejects) -> pa.Table:
    """One row per account, sorted; made column by column, so that many millions of rows are never held twice."""
    merged = pa.concat_tables([ACCOUNTS.empty(), *(part.table for part in parts)])
    kept = pa.array(_one_row_per_account(merged, parts, rejects), pa.int64())
    parts.clear()
    left = dict(zip(merged.column_names, merged.columns, strict=True))
    del merged
    taken = {name: mapped_column(left.pop(name).combine_chunks().take(kept)) for name in ACCOUNTS.names}
    return pa.table(taken, schema=ACCOUNTS.arrow)


def _one_row_per_account(merged: pa.Table, parts: Sequence[_Part], rejects: Rejects) -> I64:
    """Rows to keep, by account; other rows of an account go to rejects if they differ from the kept one."""
    ids = merged.column("account_id").combine_chunks()
    order = pc.sort_indices(ids).to_numpy()
    if merged.num_rows < 2:
        return np.asarray(order, np.int64)
    ids = ids.take(pa.array(order))
    follows = np.append(False, pc.equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False))
    if not follows.any():
        return np.asarray(order, np.int64)
    starts = np.flatnonzero(~follows)
    sizes = np.diff(starts, append=order.size)
    kept: I64 = order[starts].astype(np.int64)
    several = np.flatnonzero(sizes > 1)
    rows = order[np.repeat(sizes > 1, sizes)].astype(np.int64)
    hidden = pa.concat_tables([part.hidden for part in parts]).take(pa.array(rows))
    contents = account_contents(merged.take(pa.array(rows)), hidden)
    firsts = np.cumsum([0, *(part.rows.size for part in parts)])
    done = 0
    for group in several:
        size = int(sizes[group])
        own = dict(sorted(zip(rows[done : done + size].tolist(), contents[done : done + size], strict=True)))
        hashes = {
            row: hashlib.blake2b(own[row].encode("utf-8", "surrogatepass"), digest_size=16).digest() for row in own
        }
        best = min(own, key=lambda row: (hashes[row], row))
        for row, content in own.items():
            if content != own[best]:
                at = int(np.searchsorted(firsts, row, side="right")) - 1
                place = parts[at].place(int(parts[at].rows[row - firsts[at]]))
                account = ids[int(starts[group])].as_py()
                rejects.add(parts[at].source, f"{place}, column account_id", OTHER_ROW_KEPT, f"account_id={account}")
        kept[group] = best
        done += size
    return kept
