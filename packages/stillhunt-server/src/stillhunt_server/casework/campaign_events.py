"""What hunts and people did about a campaign, and when members of it happened and were known."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, select

from stillhunt.base import formatting
from stillhunt.base.units import HOUR
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.decide.names import RULE_PREFIX
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, DECISIONS, LINKED_ACCOUNTS, SNAPSHOT_ROWS
from stillhunt.watch.records import history
from stillhunt_server.case_views import case_timeline
from stillhunt_server.case_views.case_timeline import CaseEvent, describe_newcomers
from stillhunt_server.casework.event_words import describe_hunt_event, describe_work_event
from stillhunt_server.casework.history import work_events
from stillhunt_server.casework.in_force import ACTION_WORDS

_SAID: dict[str, str] = sentences_beside(case_timeline.__file__)["timeline"]
_AUTHOR_CHARS = 60
_REASON_CHARS = 200
ACCOUNTS_OF_EVENT = 5
"""Accounts that an event names. Judgement: one line of a table; the others are in the list of members."""


def campaign_events(database: WatchDatabase, campaign: str, members: pa.Table) -> list[CaseEvent]:
    """What the database knows of a campaign: finds of some of its members, decisions, replacements, hunts and work.

    Args:
        members: account_id and first_seen of the members that a reader looks at.
    """
    found = [
        CaseEvent(at, at, "hunt", f"{describe_hunt_event(row['event'])}. {formatting.sentence(row['reason'])}")
        for row in history(database, campaign)
        for at in [_moment_of(row["at"])]
    ]
    found += _list_finds(database, campaign, members)
    decided = list(_list_decisions(database, campaign, members))
    found += decided
    found += _list_replacements(database, campaign, members, decided)
    for one in work_events(database, campaign):
        if one.kind not in ("act", "open", "propose"):  # what an act did is told by its decisions
            at, note = _moment_of(one.at), f": {formatting.shorten(one.note, 200)}" if one.note else ""
            words = f"{formatting.shorten(one.by, _AUTHOR_CHARS)} {describe_work_event(one)}{note}"
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
            stops = not dry_run and action not in ("observe", "tag")
            after = describe_newcomers(members, at) if stops else ""
            yield CaseEvent(at, at, "decision", f"{words}. {after}".strip(), stops=stops, decision=words)


def _list_replacements(
    database: WatchDatabase, campaign: str, members: pa.Table, decided: Iterable[CaseEvent]
) -> Iterator[CaseEvent]:
    """Accounts that were linked to the campaign as they sent, by the hour, each with the last decision before it began.

    When one began is its first request as a member; of one that no hunt has made a member, when it was linked. It
    misleads where customers share what the campaign's signature looks at: a link is no verdict.
    """
    row, member = LINKED_ACCOUNTS.c, CAMPAIGN_MEMBERS.c
    own = and_(member.campaign_id == row.campaign_id, member.account_id == row.account_id)
    belongs = select(member.account_id).where(own).exists().label("belongs")
    wanted = select(row.account_id, row.at, row.reasons, belongs).where(row.campaign_id == campaign)
    began_at = dict(zip(*(members[name].to_pylist() for name in ("account_id", "first_seen")), strict=True))
    stops = sorted((one for one in decided if one.stops), key=lambda one: one.at)
    grouped: dict[tuple[int, int, bool], list[tuple[str, datetime, datetime, str]]] = {}
    for one in database.read(wanted.order_by(row.at, row.account_id)):
        if one["belongs"] and one["account_id"] not in began_at:
            continue  # a member that the reader does not look at
        known = _moment_of(one["at"])
        first_seen = began_at.get(one["account_id"])
        began = first_seen or known
        place = bisect_right(stops, began, key=lambda stop: stop.at)
        reason = next(iter(json.loads(one["reasons"])), "")
        group = (place, one["at"] // HOUR, first_seen is not None)
        grouped.setdefault(group, []).append((one["account_id"], began, known, reason))
    for (place, _, is_seen), linked in grouped.items():
        began, known = min(one[1] for one in linked), max(one[2] for one in linked)
        before = stops[place - 1] if place else None
        later = round((began - before.at).total_seconds() / 3600) if before is not None else 0
        words = fill(
            _SAID["replaced" if before is not None else "linked"],
            accounts=len(linked),
            what=fill(_SAID["began" if is_seen else "was_linked"], accounts=len(linked)),
            hours=later,
            decision=before.decision if before is not None else "",
        )
        because = formatting.sentence(formatting.sentence_case(formatting.shorten(linked[0][3], _REASON_CHARS)))
        accounts = tuple(one[0] for one in linked[:ACCOUNTS_OF_EVENT])
        yield CaseEvent(began, known, "replacement", f"{words} {because}".strip(), accounts=accounts)


def _moment_of(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1e6, UTC)
