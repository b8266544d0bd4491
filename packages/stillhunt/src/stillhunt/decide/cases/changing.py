"""Changes of the work on campaigns: each is one transaction, and of two at once one is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.decide.cases.acting import act_entries, ends_of_campaign, planned, reversed_entries
from stillhunt.decide.cases.changes import ActOnCampaign, Change, DismissCampaign, Step, WatchCampaign, step_of
from stillhunt.decide.cases.texts import person_text
from stillhunt.decide.cases.work import STATE_FIELDS, CaseWork, WorkEvent, event_of_row, seen_work
from stillhunt.decide.entries import Kind, LogEntry
from stillhunt.decide.log import log_locked, of_campaign
from stillhunt.decide.names import storable
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, DECISIONS
from stillhunt.watch.database.tables_console import CASE_EVENTS, CASES

_DISMISSAL_ENDS: tuple[Kind, ...] = ("rule", "case")
"""Whose decisions end with a dismissal; an operator's override is about the account, whatever the campaign is."""


def change_work(
    database: WatchDatabase, campaign_id: str, seen_version: int, change: Change, by: str, now: int
) -> CaseWork:
    """Change the work on a campaign, if nobody else changed it since it was read.

    What a decision does in the decision log is kept together with it, or not at all.

    Args:
        seen_version: version of the work that was read; 0 where there was none.
        now: microseconds since 1970.

    Returns:
        The work after the change; as it was, without an event, where a change other than a comment or a decision
        changes nothing.

    Raises:
        WorkConflict: somebody changed it since; nothing is written.
        CaseError: there is no such campaign, it acts on no account, or a case that is not decided is reopened.
        ConfigError: a text is too long or missing, or a choice is none.
        OutputError: the database cannot be used, or its decision log was changed.
    """
    person = person_text(by, "by")
    with log_locked(database) as log:
        connection = log.connection
        work = seen_work(connection, campaign_id, seen_version)
        if not work.version:
            _check_campaign(connection, campaign_id)
        step = step_of(work, change)
        if step.kind != "comment" and not step.said and not _changed(work, step):
            return work
        if isinstance(change, ActOnCampaign):
            plan = planned(change)
            said = {name: getattr(change, name) for name in ("action", "days", "reason")}
            said = {"act": {**said, "accounts": len(plan.accounts), "left_out": dict(plan.left_out)}}
            step = replace(step, said={**step.said, **said})
            known = log.read(of_campaign(campaign_id))
            step = _logged(step, log.append(act_entries(campaign_id, change, plan, person, known, now)))
        elif isinstance(change, WatchCampaign | DismissCampaign):
            kinds: tuple[Kind, ...] = ("case",) if isinstance(change, WatchCampaign) else _DISMISSAL_ENDS
            why = person, f"the campaign is {step.fields['status']} {step.fields['reason']}".rstrip()
            known = log.read(of_campaign(campaign_id))
            step = _logged(step, log.append(ends_of_campaign(known, campaign_id, kinds, why, now)))
        return _written(connection, work, step, person, now)


def undo_change(
    database: WatchDatabase,
    campaign_id: str,
    seen_version: int,
    by: str,
    now: int,
    declared: frozenset[str] = frozenset(),
) -> CaseWork:
    """Put back what the latest change changed, as one more change; the undo of an undo does it again.

    Comments are not undone: the latest change before them is. What a decision began in the decision log ends, and what
    it ended comes back for the rest of its time, but not for accounts of declared programmes. It misleads about whom a
    decision that comes back is about: these are the accounts of then.

    Args:
        seen_version: version of the work that was read.
        now: microseconds since 1970.
        declared: accounts of declared programmes, as the settings have them now.

    Raises:
        WorkConflict: somebody changed it since; nothing is written.
        CaseError: there is nothing to undo.
        OutputError: the database cannot be used, or its decision log was changed.
    """
    person = person_text(by, "by")
    with log_locked(database) as log:
        connection = log.connection
        work = seen_work(connection, campaign_id, seen_version)
        latest = _latest_change(connection, campaign_id)
        step = Step("undo", _put_back(latest), said={"undoes": latest.version} if latest else {})
        span = latest.after.get("log") if latest else None
        if latest is None or not (span or _changed(work, step)):
            raise CaseError(
                "there is nothing to undo", where=f"version {work.version}", next_step="comments stay; change it anew"
            )
        why = person, f"{latest.kind} of the campaign is undone"
        if step.fields.get("status") == "dismissed":  # also what rules began since it was reopened
            known = log.read(of_campaign(campaign_id))
            step = _logged(step, log.append(ends_of_campaign(known, campaign_id, _DISMISSAL_ENDS, why, now)))
        elif span:
            accounts = select(DECISIONS.c.account_id).where(DECISIONS.c.seq.between(*span))
            known = log.read(DECISIONS.c.account_id.in_(accounts))
            step = _logged(step, log.append(reversed_entries(known, (span[0], span[1]), why, now, declared)))
        return _written(connection, work, step, person, now)


def _check_campaign(connection: Connection, campaign_id: str) -> None:
    known = select(CAMPAIGN_ROWS.c.campaign_id).where(CAMPAIGN_ROWS.c.campaign_id == campaign_id)
    if storable(campaign_id) != campaign_id or connection.execute(known).first() is None:
        raise CaseError(
            f"no campaign has the id '{formatting.shorten(campaign_id, 64)}'",
            where="campaigns of the data folder",
            next_step="look for it in the queue",
        )


def _latest_change(connection: Connection, campaign_id: str) -> WorkEvent | None:
    events = select(CASE_EVENTS).where(CASE_EVENTS.c.campaign_id == campaign_id, CASE_EVENTS.c.kind != "comment")
    row = connection.execute(events.order_by(CASE_EVENTS.c.version.desc()).limit(1)).mappings().first()
    return event_of_row(row) if row is not None else None


def _put_back(event: WorkEvent | None) -> dict[str, Any]:
    before = dict(event.before) if event is not None else {}
    return {**before, "labels": tuple(before["labels"])} if "labels" in before else before


def _changed(work: CaseWork, step: Step) -> list[str]:
    return [name for name in STATE_FIELDS if name in step.fields and step.fields[name] != getattr(work, name)]


def _logged(step: Step, made: Sequence[LogEntry]) -> Step:
    """The step with the place in the log of what it appended."""
    return replace(step, said={**step.said, "log": [made[0].seq, made[-1].seq]}) if made else step


def _written(connection: Connection, work: CaseWork, step: Step, person: str, now: int) -> CaseWork:
    """Write the row with the next version, and the event."""
    changed = _changed(work, step)
    new = replace(
        work,
        **{name: step.fields[name] for name in changed},
        version=work.version + 1,
        opened_at=work.opened_at if work.version else now,
        changed_at=now,
        changed_by=person,
    )
    row = {**asdict(new), "labels": json.dumps(new.labels)}
    of_case = CASES.c.campaign_id == work.campaign_id
    connection.execute(update(CASES).where(of_case).values(**row) if work.version else insert(CASES).values(**row))
    before = {name: getattr(work, name) for name in changed}
    after = {**{name: getattr(new, name) for name in changed}, **step.said}
    connection.execute(
        insert(CASE_EVENTS).values(
            campaign_id=work.campaign_id,
            version=new.version,
            at=now,
            by=person,
            kind=step.kind,
            note=step.note,
            before=json.dumps(before),
            after=json.dumps(after),
        )
    )
    return new
