"""The door for the operator's customer table: whatever the user has -> ACCOUNTS, one row per account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Progress
from stillhunt.base.schema import ACCOUNTS
from stillhunt.collect.fields import ACCOUNT_FIELDS, REQUIRED_ACCOUNT_FIELDS, field_map
from stillhunt.collect.rejects import Rejects
from stillhunt.collect.requests import NOTHING_USABLE, open_inputs
from stillhunt.collect.standardise import Rules, standardise_accounts

OTHER_ROW_KEPT = "another row of this account differs; the one with the smallest content hash is kept"


def open_accounts(
    source: Any, *, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> tuple[pa.Table | None, pa.Table]:
    """Read the accounts table.

    Args:
        source: as for `open_requests`; None where there is none.
        mapping: our column -> theirs; entries for request columns are passed over.
        config: settings; the identity key must be the one of the requests for addresses to compare.
        engine: scans relations of its own kind.
        progress: told how far reading is.

    Returns:
        (ACCOUNTS sorted by account_id, or None; REJECTS). Of rows of one account that differ, the one with the
        smallest content hash stays; equal ones collapse.

    Raises:
        InputError: the table cannot be used at all.
        ConfigError: the mapping names a column that does not exist with us.
    """
    if source is None:
        return None, Rejects().table()
    fields = field_map(ACCOUNT_FIELDS, mapping)
    opened = open_inputs(source, fields, REQUIRED_ACCOUNT_FIELDS, config, engine)
    rules, rejects = Rules.of(config), opened.rejects
    tables, contents, places = [], [], []
    with progress.stage("reading accounts", None, "rows") as advance:
        for index in sorted(opened.readers):
            for raw in opened.readers[index].batches(ACCOUNT_FIELDS, rejects):
                table, texts, rows = standardise_accounts(raw, rules, rejects)
                tables.append(table)
                contents += texts
                places += [(raw.source, raw.place(int(row))) for row in rows]
                advance(raw.rows)
    merged = pa.concat_tables([ACCOUNTS.empty(), *tables]).combine_chunks()
    if merged.num_rows == 0 and rejects.rows:
        raise InputError("no row of the accounts table can be used", where=rejects.first, next_step=NOTHING_USABLE)
    kept = _one_row_per_account(merged.column("account_id").to_pylist(), contents, places, rejects)
    return ACCOUNTS.check(merged.take(pa.array(kept, pa.int64()))), rejects.table()


def _one_row_per_account(
    ids: list[str], contents: list[str], places: list[tuple[str, str]], rejects: Rejects
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    by_account: dict[str, list[int]] = {}
    for row, account in enumerate(ids):
        by_account.setdefault(account, []).append(row)
    kept = []
    for account in sorted(by_account):
        rows = by_account[account]
        best = rows[0]
        if len(rows) > 1:
            best = min(rows, key=lambda row: (_content_hash(contents[row]), row))
            for row in rows:
                if contents[row] != contents[best]:
                    source, place = places[row]
                    rejects.add(source, f"{place}, column account_id", OTHER_ROW_KEPT, f"account_id={account}")
        kept.append(best)
    return np.array(kept, np.int64)


def _content_hash(content: str) -> bytes:
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).digest()
