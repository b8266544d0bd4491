"""A case folder of 24,000 harvesting accounts and 16 million requests, made of a real hunt over a tenth of it.

    stillhunt lab world --case founding --scale 0.1 founding
    stillhunt hunt founding/requests --accounts founding/accounts.parquet --settings founding/stillhunt.toml --out case
    python benchmarks/console/large_case.py case large       two minutes and 8 GB of memory

Real are all tables of the hunt: its campaigns, members, findings, excerpts, timelines, origins, and every account
and group that is in no campaign. Multiplied are the campaigns with a verdict: each member becomes ten accounts, with
its slices, requests, details, addresses and the findings about it; their ids, and those of requests, are made anew
from the real ones, so that none is there twice. Four of the ten send each request twice. Sums follow (accounts,
requests, tokens, value, timeline, origins); scores, bits and sentences stay those of the tenth, so no number in a
sentence is that of the large case. Accounts were opened, and seen, some minutes apart from the one that they are made
of. The same hunt gives the same folder, byte by byte, written by the product's own writer.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.triage import Case

TIMES = 10
ID_DIGITS = 16
ID = rf"^(?P<head>.*?)(?P<digits>[0-9a-f]{{{ID_DIGITS}}})(?P<tail>.*)$"
"""Ids of the lab: so many hexadecimal digits, and what stands before and behind them."""
TWICE = range(2, 10**6, 2)
"""Copies that send each request twice, so that there are 16 million of them for 24,000 accounts."""
MINUTES_APART = 7
DIGITS = np.frombuffer(b"0123456789abcdef", np.uint8)
VALUES = np.zeros(256, np.uint64)
VALUES[DIGITS] = np.arange(16, dtype=np.uint64)
SHIFTS = np.arange(ID_DIGITS - 1, -1, -1, dtype=np.uint64) * np.uint64(4)
MIXER = 0x9E3779B97F4A7C15
"""Golden ratio of 64 bits, the step of splitmix64: different bits for each number."""
Renamed = Callable[[Any], Any]


def main() -> None:
    """Read the hunt's case, multiply it, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hunt", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=int, default=TIMES)
    options = parser.parse_args()
    began = time.perf_counter()
    large = multiplied(Case.read(options.hunt), options.times)
    large.write(options.out, force=True)
    in_campaigns = large.members.filter(pc.is_in(large.members["campaign_id"], value_set=_accused(large)))
    print(
        f"{pc.count_distinct(in_campaigns['account_id']).as_py():,} accounts in campaigns, "
        f"{large.accounts.num_rows:,} in all, {large.harvest.num_rows:,} harvested requests, "
        f"{large.evidence.num_rows:,} findings, {large.slices.num_rows:,} slices; {time.perf_counter() - began:.0f} s"
    )
    for row in large.campaigns.select(["campaign_id", "verdict", "accounts", "requests"]).to_pylist():
        print("{campaign_id}  {verdict:6}  {accounts:>7,} accounts  {requests:>10,} requests".format(**row))


def multiplied(case: Case, times: int) -> Case:
    """A case in which each member of a campaign stands for several.

    Args:
        case: of the hunt.
        times: accounts for each.
    """
    accused, of_requests = _accused(case), times + len([one for one in range(1, times) if one in TWICE])
    members = pc.unique(case.members.filter(pc.is_in(case.members["campaign_id"], value_set=accused))["account_id"])
    tables = dict(case.tables)
    for name in ("accounts", "members", "slices", "harvest", "evidence"):
        tables[name] = _copies(tables[name], _to_copy(name, tables[name], accused, members), times)
    tables["campaigns"] = _scaled(
        _scaled(tables["campaigns"], accused, times, ("accounts",)),
        *(accused, of_requests, ("requests", "output_tokens", "list_value", "estimated_requests")),
    )
    place = tables["operators"].schema.get_field_index("accounts")
    together = pc.multiply(tables["operators"]["accounts"], times)
    tables["operators"] = tables["operators"].set_column(place, tables["operators"].schema.field(place), together)
    run = {**case.run, "counts": {**case.run.get("counts", {}), "accounts": tables["accounts"].num_rows}}
    run["counts"]["requests"] = int(pc.sum(tables["accounts"]["requests"]).as_py())
    views = dict(case.views)
    views["timeline"] = _scaled(
        _scaled(case.timeline, accused, times, ("accounts",)), accused, of_requests, ("requests",)
    )
    views["origins"] = _scaled(
        _scaled(case.origins, accused, times, ("accounts",)), accused, of_requests, ("requests",)
    )
    taken = ("requests", "samples", "output_tokens", "list_value")
    views["taken"] = _scaled(case.taken, accused, of_requests, taken)
    for name in ("member_details", "addresses", "cited"):
        views[name] = _copies(views[name], _to_copy(name, views[name], accused, members), times)
    return Case(tables, run=run, **views)


def _accused(case: Case) -> pa.Array:
    return case.campaigns["campaign_id"].combine_chunks()


def _to_copy(name: str, table: pa.Table, accused: pa.Array, members: pa.Array) -> Any:
    """Which rows are about members of campaigns; findings about a whole campaign stay single."""
    if name in ("accounts", "slices"):
        return pc.is_in(table["account_id"], value_set=members)
    if name == "evidence":
        table_of = pc.is_in(table["campaign_id"], value_set=accused)
        return pc.and_(table_of, pc.is_valid(table["account_id"]))
    return pc.is_in(table["campaign_id"], value_set=accused)


def _copies(table: pa.Table, which: Any, times: int) -> pa.Table:
    """The table with its rows once, and those that are copied so many times less one under other ids."""
    source = table.filter(which)
    parts = [table]
    for number in range(1, times):
        parts.append(_renamed(source, number))
        if number in TWICE and "request_id" in table.column_names:
            again = pa.chunked_array([renamed_ids(one, times) for one in parts[-1]["request_id"].chunks], pa.string())
            parts.append(parts[-1].set_column(table.schema.get_field_index("request_id"), "request_id", again))
    return pa.concat_tables([part.cast(table.schema) for part in parts])


def _renamed(table: pa.Table, number: int) -> pa.Table:
    """Rows about other accounts: their ids, and those of their slices and requests, made anew; moments moved."""
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if field.name in ("account_id", "slice_id", "request_id"):
            column = pa.chunked_array([renamed_ids(chunk, number) for chunk in column.chunks], field.type)
        elif field.name == "request_ids":
            column = pa.chunked_array([_renamed_lists(chunk, number) for chunk in column.chunks], field.type)
        elif field.name in ("created_at", "first_seen", "last_seen"):
            moved = pc.add(column, pa.scalar(number * MINUTES_APART * 60_000_000, pa.duration("us")))
            column = moved.cast(field.type)
        elif field.name in ("requests", "harvest_requests", "request_count") and number in TWICE:
            column = pc.multiply(column, pa.scalar(2, field.type))
        table = table.set_column(place, field, column)
    return table


def _renamed_lists(lists: pa.ListArray, number: int) -> pa.ListArray:
    start, stop = lists.offsets[0].as_py(), lists.offsets[-1].as_py()
    values = renamed_ids(lists.values.slice(start, stop - start), number)
    return pa.ListArray.from_arrays(pc.subtract(lists.offsets, start), values)


def renamed_ids(ids: pa.StringArray, number: int) -> pa.StringArray:
    """Ids of the same form with other digits: their sixteen hexadecimal digits, mixed with a number.

    Args:
        ids: all of the lab's forms, such as `rq-0123456789abcdef` and `projects/0123456789abcdef/models/12`.
        number: of the copy.
    """
    if not len(ids):
        return ids
    parts = pc.extract_regex(ids, ID)
    if parts.null_count:
        raise ValueError("an id without sixteen hexadecimal digits")
    text = np.frombuffer("".join(parts.field("digits").to_pylist()).encode(), np.uint8).reshape(-1, ID_DIGITS)
    codes = (VALUES[text] << SHIFTS).sum(axis=1, dtype=np.uint64)
    mixed = codes ^ np.uint64(number * MIXER & (1 << 64) - 1)
    text = DIGITS[(mixed[:, None] >> SHIFTS) & np.uint64(15)]
    offsets = np.arange(0, text.size + 1, ID_DIGITS, dtype=np.int32)
    digits = pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(text))
    return pc.binary_join_element_wise(parts.field("head"), digits, parts.field("tail"), "")


def _scaled(table: pa.Table, accused: pa.Array, times: int, names: tuple[str, ...]) -> pa.Table:
    """Sums of campaigns that are multiplied."""
    factor = pc.if_else(pc.is_in(table["campaign_id"], value_set=accused), times, 1)
    for name in names:
        place = table.schema.get_field_index(name)
        scaled = pc.multiply(table[name], factor.cast(table.schema.field(name).type))
        table = table.set_column(place, table.schema.field(name), scaled)
    return table


if __name__ == "__main__":
    main()
