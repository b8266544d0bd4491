"""Second looks: a share of decided campaigns is looked at again by somebody who is not shown what was decided.

Golden cases, of which an administrator knows what is right, stand among them, and nothing tells them apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.case_work import read_work
from stillhunt.decide.field_rates import ExactShare, exact_share
from stillhunt.decide.names import name_key
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASE_EVENTS
from stillhunt_server.casework.changes import KeepSecondLook
from stillhunt_server.casework.changing import change_work
from stillhunt_server.casework.history import WorkEvent, event_of_row

DRAWN_SHARE = 0.05
"""Share of decisions that are drawn. Judgement: after a hundred decisions, five answers; few enough to be taken."""
SECOND_ANSWERS = {"act": "act on it", "watch": "watch it", "dismiss": "dismiss it"}
"""What a second look may answer, as the kinds of decisions are called; and in words."""
GOLDEN = 0
"""In place of the version of a decision: the look is at a golden case."""
_DECIDING = (*SECOND_ANSWERS, "reopen", "undo", "second_look")


@dataclass(frozen=True)
class Agreement:
    """How far second looks agree with the decisions that they were about."""

    looks: int
    agreed: int
    share: ExactShare | None  # with its exact 95 % interval; None where there was no look
    differing: tuple[tuple[str, str, str], ...]  # campaign, what was decided, what the second look answered


def is_drawn(event: WorkEvent) -> bool:
    """Whether a decision gets a second look; nobody can know it before the decision is made, as its time decides."""
    text = f"{event.campaign_id}\0{event.version}\0{event.at}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8]) < DRAWN_SHARE * 2**64


def waiting_looks(database: WatchDatabase, person: str, golden: Mapping[str, str]) -> list[str]:
    """Campaigns of which this person is asked what they would decide; the oldest decision first.

    Those whose latest decision was drawn, and golden cases that they have not looked at; none that they decided. A
    golden case that nobody decided is left out: it would be told apart.

    Args:
        golden: campaign -> the right answer, as `console.golden_cases` has them.
    """
    key, events = name_key(person), list(_deciding_events(database))
    latest = _latest_of_each_campaign(events)
    drawn = [one for one in latest.values() if one.kind in SECOND_ANSWERS and is_drawn(one)]
    times = {one.campaign_id: one.at for one in drawn if key not in _decided_by(one)}
    known = {one.campaign_id for one in events if key in _decided_by(one)}
    for campaign in golden.keys() - known:
        if campaign in latest:
            times.setdefault(campaign, latest[campaign].at)
    return sorted(times, key=lambda campaign: (times[campaign], campaign))


def keep_second_look(
    database: WatchDatabase,
    campaign: str,
    answer: str,
    note: str,
    person: str,
    now: int,
    golden: Mapping[str, str],
) -> bool | None:
    """Keep what somebody would have decided.

    Returns:
        Of a golden case, whether the answer is right; None of another.

    Raises:
        ConfigError: the answer is none.
        CaseError: the campaign does not wait for a second look of this person.
    """
    if answer not in SECOND_ANSWERS:
        step = f"choose one of: {', '.join(SECOND_ANSWERS)}"
        raise ConfigError("this is no answer", where="answer", next_step=step)
    if campaign not in waiting_looks(database, person, golden):
        step = "take one that the queue names"
        raise CaseError("this campaign waits for no second look of yours", where="campaign", next_step=step)
    right, version = golden.get(campaign), read_work(database, campaign).version
    if right is None:
        latest = _latest_of_each_campaign(_deciding_events(database))[campaign]
        look = KeepSecondLook(answer, latest.kind, latest.version, note)
    else:
        look = KeepSecondLook(answer, right, GOLDEN, note)
    change_work(database, campaign, version, look, person, now)
    return None if right is None else answer == right


def measure_agreement(database: WatchDatabase, *, golden: bool = False) -> Agreement:
    """How often a second look agrees with what was decided, or with what is known to be right.

    It misleads where people look up what was decided: the page of a second look hides it, and the queue shows it.

    Args:
        golden: count golden cases, and not the others.
    """
    looks = [one for one in _deciding_events(database) if one.kind == "second_look" and _is_golden(one) == golden]
    pairs = [(one.campaign_id, one.after["first"], one.after["answer"]) for one in looks]
    differing = tuple(pair for pair in pairs if pair[1] != pair[2])
    agreed = len(pairs) - len(differing)
    return Agreement(len(pairs), agreed, exact_share(agreed, len(pairs)), differing)


def _deciding_events(database: WatchDatabase) -> Iterator[WorkEvent]:
    event = CASE_EVENTS.c
    wanted = select(CASE_EVENTS).where(event.kind.in_(_DECIDING)).order_by(event.campaign_id, event.version)
    return map(event_of_row, database.read(wanted))


def _latest_of_each_campaign(events: Iterable[WorkEvent]) -> dict[str, WorkEvent]:
    """The latest decision of each campaign, or the look after it; a look at a golden case is about none."""
    return {one.campaign_id: one for one in events if not _is_golden(one)}


def _is_golden(event: WorkEvent) -> bool:
    return event.kind == "second_look" and event.after["of"] == GOLDEN


def _decided_by(event: WorkEvent) -> set[str]:
    """Keys of the names of who decided, and who approved it."""
    return {name_key(event.by), name_key(event.after.get("act", {}).get("decided_by", ""))}
