"""What hunts and people did about a campaign, and when members of it happened and were known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.decide.names import RULE_PREFIX
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, DECISIONS, SNAPSHOT_ROWS
from stillhunt.watch.records import history
from stillhunt_server.case_views import case_timeline
from stillhunt_server.case_views.case_timeline import CaseEvent, describe_newcomers
from stillhunt_server.casework.history import work_events
from stillhunt_server.casework.in_force import ACTION_WORDS

_SAID: dict[str, str] = sentences_beside(case_timeline.__file__)["timeline"]
_AUTHOR_CHARS = 60


def campaign_events(database: WatchDatabase, campaign: str, members: pa.Table) -> list[CaseEvent]:
    """What the database knows of a campaign: finds of some of its members, decisions about them, hunts and work.

    Args:
        members: account_id and first_seen of the members that a reader looks at.
    """
    found = [
        CaseEvent(at, at, "hunt", f"{formatting.sentence_case(row['event'])}: {formatting.sentence(row['reason'])}")
        for row in history(database, campaign)
        for at in [_moment_of(row["at"])]
    ]
    found += _list_finds(database, campaign, members)
    found += _list_decisions(database, campaign, members)
    for one in work_events(database, campaign):
        if one.kind not in ("act", "open", "propose"):  # what an act did is told by its decisions
            at, note = _moment_of(one.at), f": {formatting.shorten(one.note, 200)}" if one.note else ""
            words = f"{formatting.shorten(one.by, _AUTHOR_CHARS)}, {one.kind}{note}"
            found.append(CaseEvent(at, at, "work", words, "#case"))
    return found


def _list_finds(database: WatchDatabase, campaign: str, members: pa.Table) -> Iterator[CaseEvent]:
    """For each hunt, how many members it found, with when the first of them had begun."""
    row, made = CAMPAIGN_MEMBERS.c, {one["sequence"]: one["made_at"] for one in database.read(select(SNAPSHOT_ROWS))}
    rows = database.read(select(row.account_id, row.first_snapshot).where(row.campaign_id == campaign))
    known = pa.table({name: [one[name] for one in rows] for name in ("account_id", "first_snapshot")})
    if not known.num_rows:
        return
    place = pc.index_in(members["account_id"], value_set=known["account_id"].combine_chunks())
    taken = members.append_column("snapshot", known["first_snapshot"].take(place))
    by_hunt = taken.filter(pc.is_valid(taken["snapshot"])).group_by("snapshot")
    for one in by_hunt.aggregate([("first_seen", "min"), ("account_id", "count")]).sort_by("snapshot").to_pylist():
        if one["snapshot"] in made and one["first_seen_min"] is not None:
            words = fill(_SAID["found"], members=one["account_id_count"])
            yield CaseEvent(one["first_seen_min"], _moment_of(made[one["snapshot"]]), "found", words)


def _list_decisions(database: WatchDatabase, campaign: str, members: pa.Table) -> Iterator[CaseEvent]:
    """Decisions that were made at once, by one author, about those members; with who began after them."""
    row = DECISIONS.c
    alike = (row.made_at, row.action, row.author, row.dry_run)
    wanted = select(*alike, row.account_id).where(row.campaign_id == campaign, row.kind != "undo")
    rows = database.read(wanted.order_by(row.seq))
    accounts = pa.array([one["account_id"] for one in rows], pa.string())
    about = np.asarray(pc.is_in(accounts, value_set=members["account_id"].combine_chunks()))
    counted: dict[tuple[int, str, str, bool], int] = {}
    for one, own in zip(rows, about.tolist(), strict=True):
        key = (one["made_at"], one["action"], one["author"], bool(one["dry_run"]))
        counted[key] = counted.get(key, 0) + own
    for (made_at, action, author, dry_run), number in counted.items():
        if number:
            at = _moment_of(made_at)
            words = fill(
                _SAID[("dry" if author.startswith(RULE_PREFIX) else "waits") if dry_run else "decided"],
                action=formatting.sentence_case(ACTION_WORDS.get(action, action)),
                accounts=number,
                author=formatting.shorten(author, _AUTHOR_CHARS),
            )
            after = "" if dry_run or action in ("observe", "tag") else describe_newcomers(members, at)
            yield CaseEvent(at, at, "decision", f"{words}. {after}".strip())


def _moment_of(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
