"""Whether a data folder holds what was acknowledged, and whether its case is that of a plain hunt; for faults.py."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from fault_rig import Rig, Server, wait_for

import stillhunt
from stillhunt.triage import Case
from stillhunt.triage.folder import canonical_order
from stillhunt.watch.lineage.settle import with_lasting_ids
from stillhunt.watch.snapshots import Snapshot, latest_snapshot
from stillhunt.watch.spool.parts import closed_parts, open_parts


def check(rig: Rig, lines: Mapping[str, bytes]) -> tuple[list[str], dict[str, int]]:
    """Restart cleanly, hunt, and compare.

    Args:
        rig: after its stop.
        lines: requests by id, as they were sent.

    Returns:
        (what is wrong, figures: arrived, copies and campaigns as in a round).
    """
    snapshot = _clean_hunt(rig)
    arrived, copies, wrong = _arrived(rig.folder.spool, lines)
    lost = rig.load.acknowledged - arrived
    if lost:
        wrong.append(f"{len(lost)} acknowledged requests are not in the spool, such as {min(lost)}")
    if unsent := arrived - rig.load.sent:
        wrong.append(f"{len(unsent)} requests were never sent")
    log = rig.place / "plain.jsonl"
    log.write_bytes(b"".join(line for name, line in lines.items() if name in arrived))
    plain, watched = stillhunt.hunt(str(log), config=rig.config), Case.read(snapshot.case)
    counted = pc.sum(watched.accounts["requests"]).as_py()
    if counted != len(arrived):
        wrong.append(f"{counted} requests are counted, {len(arrived)} arrived")
    figures = {"arrived": len(arrived), "copies": copies, "campaigns": plain.campaigns.num_rows}
    return wrong + differences(plain, watched), figures


def _clean_hunt(rig: Rig) -> Snapshot:
    before = latest_snapshot(rig.folder)
    server = Server(rig.folder.path, (), rig.place)
    server.start()
    try:
        wait_for(lambda: latest_snapshot(rig.folder) != before, 120)
    finally:
        server.end(signal.SIGTERM)
    snapshot = latest_snapshot(rig.folder)
    if snapshot is None:
        raise RuntimeError("there is no snapshot")
    return snapshot


def _arrived(spool: Path, lines: Mapping[str, bytes]) -> tuple[set[str], int, list[str]]:
    """Ids of the requests in the spool, how many more lines there are, and what should not be there."""
    wrong = [f"{path.name} is still open" for path in open_parts(spool)]
    found: set[str] = set()
    number = 0
    for part in closed_parts(spool):
        for line in part.read_bytes().splitlines(keepends=True):
            try:
                name = json.loads(line)["request_id"]
            except (ValueError, KeyError):
                wrong.append(f"{part.name} holds a line that is none: {line[:80]!r}")
                continue
            found.add(name)
            number += 1
            if lines.get(name) != line:
                wrong.append(f"{part.name} holds another request {name} than was sent")
    return found, number - len(found), wrong


def differences(plain: Case, watched: Case) -> list[str]:
    """Tables of two cases that differ, but for the ids of campaigns.

    Args:
        plain: of a plain hunt.
        watched: of a hunt on schedule, whose campaigns have lasting ids.
    """
    ids = _contents(plain)
    watched = with_lasting_ids(watched, {old: ids.get(key, old) for key, old in _contents(watched).items()})
    found = []
    for name, table in plain.tables.items():
        mine, other = (canonical_order(name, one) for one in (table, watched.tables[name]))
        mine, other = (pa.table({c: one[c].combine_chunks() for c in one.column_names}) for one in (mine, other))
        columns = [c for c in mine.column_names if not mine[c].equals(other[c])]
        if columns:
            found.append(f"{name}: {mine.num_rows} and {other.num_rows} rows; {', '.join(columns)} differ")
    return found


def _contents(case: Case) -> dict[tuple[frozenset[str], frozenset[str]], str]:
    """Campaigns by what they are made of: members and harvested requests."""
    members: dict[str, set[str]] = {}
    for row in case.members.to_pylist():
        members.setdefault(row["campaign_id"], set()).add(row["account_id"])
    requests: dict[str, set[str]] = {}
    for row in case.harvest.select(["campaign_id", "request_id"]).to_pylist():
        requests.setdefault(row["campaign_id"], set()).add(row["request_id"])
    return {(frozenset(accounts), frozenset(requests.get(name, ()))): name for name, accounts in members.items()}
