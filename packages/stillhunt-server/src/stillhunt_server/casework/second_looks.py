"""Second looks: a share of decided campaigns is looked at again by somebody who is not shown what was decided."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
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


def waiting_looks(database: WatchDatabase, person: str) -> list[str]:
    """Campaigns whose latest decision was drawn, and is not this person's; the oldest decision first."""
    found = [
        one
        for one in _latest_of_each_campaign(database)
        if one.kind in SECOND_ANSWERS and is_drawn(one) and name_key(person) not in _decided_by(one)
    ]
    return [one.campaign_id for one in sorted(found, key=lambda one: one.at)]


def keep_second_look(database: WatchDatabase, campaign: str, answer: str, note: str, person: str, now: int) -> None:
    """Keep what somebody would have decided.

    Raises:
        ConfigError: the answer is none.
        CaseError: the campaign does not wait for a second look of this person.
    """
    if answer not in SECOND_ANSWERS:
        step = f"choose one of: {', '.join(SECOND_ANSWERS)}"
        raise ConfigError("this is no answer", where="answer", next_step=step)
    latest = {one.campaign_id: one for one in _latest_of_each_campaign(database)}
    if campaign not in waiting_looks(database, person):
        step = "take one that the queue names"
        raise CaseError("this campaign waits for no second look of yours", where="campaign", next_step=step)
    version = read_work(database, campaign).version
    look = KeepSecondLook(answer, latest[campaign].kind, latest[campaign].version, note)
    change_work(database, campaign, version, look, person, now)


def measure_agreement(database: WatchDatabase) -> Agreement:
    """How often a second look agrees with what was decided.

    It misleads where people look up what was decided: the page of a second look hides it, and the queue shows it.
    """
    looks = [one for one in _deciding_events(database) if one.kind == "second_look"]
    pairs = [(one.campaign_id, one.after["first"], one.after["answer"]) for one in looks]
    differing = tuple(pair for pair in pairs if pair[1] != pair[2])
    agreed = len(pairs) - len(differing)
    return Agreement(len(pairs), agreed, exact_share(agreed, len(pairs)), differing)


def _deciding_events(database: WatchDatabase) -> Iterator[WorkEvent]:
    event = CASE_EVENTS.c
    wanted = select(CASE_EVENTS).where(event.kind.in_(_DECIDING)).order_by(event.campaign_id, event.version)
    return map(event_of_row, database.read(wanted))


def _latest_of_each_campaign(database: WatchDatabase) -> list[WorkEvent]:
    return list({one.campaign_id: one for one in _deciding_events(database)}.values())


def _decided_by(event: WorkEvent) -> set[str]:
    """Keys of the names of who decided, and who approved it."""
    return {name_key(event.by), name_key(event.after.get("act", {}).get("decided_by", ""))}
