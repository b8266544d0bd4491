"""Changes of the work on campaigns: each is one transaction, and of two at once one is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, insert, select, update

from stillhunt.base import formatting
from stillhunt.base.config import SanctionedSettings
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.units import DAY
from stillhunt.decide.actions import ACTIONS, DECISION_TEXTS, REASON_TEXTS, WITHOUT_FLAG, Action, rank
from stillhunt.decide.case_work import CaseWork
from stillhunt.decide.entries import Kind, LogEntry, end_of, standing
from stillhunt.decide.log import log_locked, of_campaign
from stillhunt.decide.names import note_of, storable
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, person_entry
from stillhunt.decide.rules import SHARED_ROLES
from stillhunt.decide.second_person import approval_entries, waits_for_approval
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS, DECISIONS
from stillhunt.watch.database.tables_console import CASE_EVENTS, CASES
from stillhunt_server.casework.changes import (
    ActOnCampaign,
    ApproveAction,
    CampaignMember,
    CaseDecision,
    Change,
    DeclineAction,
    DismissCampaign,
    Step,
    WatchCampaign,
    step_of,
)
from stillhunt_server.casework.history import REMARKS, STATE_FIELDS, WorkEvent, event_of_row, seen_work
from stillhunt_server.casework.texts import person_text

LeftOut = Literal["sanctioned", "pool", "victim", "not_flagged", "not_chosen"]
LEFT_OUT_MEANINGS: dict[LeftOut, str] = DECISION_TEXTS["left_out"]
"""Why an action leaves an account out -> what that means, said of one account."""


@dataclass(frozen=True)
class ActionPlan:
    """On whom an action acts."""

    accounts: tuple[str, ...]
    left_out: Mapping[LeftOut, int]  # why accounts are left out -> how many; each account counts once


def campaign_members(
    facts: pa.Table, campaign_id: str, sanctioned: SanctionedSettings | None = None
) -> tuple[CampaignMember, ...]:
    """The members of a campaign as a snapshot has them, for `plan_action` and ActOnCampaign.

    Args:
        sanctioned: programmes that the settings declare now; the snapshot may be older than these.
    """
    own = facts.filter(pc.equal(facts["campaign_id"], campaign_id))
    accounts, organizations = (sanctioned.accounts, sanctioned.organizations) if sanctioned is not None else ((), ())
    return tuple(
        CampaignMember(
            row["account_id"],
            row["flagged"],
            row["sanctioned"] or row["account_id"] in accounts or row["organization_id"] in organizations,
            row["role"],
        )
        for row in own.select(["account_id", "flagged", "sanctioned", "role", "organization_id"]).to_pylist()
    )


def plan_action(members: Iterable[CampaignMember], action: Action, chosen: frozenset[str] | None = None) -> ActionPlan:
    """On which members an action acts: those that a person chose, else those whose own verdict is act.

    Never on accounts of declared programmes; above tag, never on those that customers or victims stand behind.
    """
    reasons = {member.account_id: why_left_out(member, action, chosen) for member in members}
    accounts = tuple(account for account, reason in reasons.items() if reason is None)
    return ActionPlan(accounts, dict(Counter(reason for reason in reasons.values() if reason is not None)))


def why_left_out(member: CampaignMember, action: Action, chosen: frozenset[str] | None = None) -> LeftOut | None:
    """Why an action leaves a member out; None where it acts on it."""
    if chosen is not None and member.account_id not in chosen:
        return "not_chosen"
    if member.sanctioned:
        return "sanctioned"
    if rank(action) > rank(WITHOUT_FLAG) and member.role in SHARED_ROLES:
        return "victim" if member.role == "victim" else "pool"
    return None if member.flagged or chosen is not None else "not_flagged"


def describe_left_out(plan: ActionPlan) -> list[str]:
    """How many accounts an action leaves out, and why, in words."""
    return [
        f"{formatting.plural(number, 'account')}: {LEFT_OUT_MEANINGS[why]}" for why, number in plan.left_out.items()
    ]


def planned(change: ActOnCampaign) -> ActionPlan:
    """The plan of a change that acts on somebody.

    Raises:
        CaseError: it would act on nobody.
        ConfigError: its action or its reason is none.
    """
    for given, known, where in ((change.action, ACTIONS, "action"), (change.reason, REASON_TEXTS, "reason")):
        if given not in known:
            raise ConfigError(f"there is no such {where}", where=where, next_step=f"choose one of: {', '.join(known)}")
    plan = plan_action(change.members, change.action, change.chosen)
    if not plan.accounts:
        kinds = "; ".join(describe_left_out(plan))
        raise CaseError(
            f"this would act on no account; left out: {kinds or 'none'}",
            where="members",
            next_step="choose accounts in the list of members, or watch the campaign",
        )
    return plan


def act_entries(
    campaign_id: str, change: ActOnCampaign, plan: ActionPlan, by: str, cases: Iterable[LogEntry], now: int
) -> Iterator[LogEntry]:
    """Entries that act on accounts; what cases decided about them for this campaign before ends.

    Where it waits for a second person, what is in force stays until it is approved, and what waits for this campaign
    ends.

    Args:
        cases: what cases decided for the campaign, and stands.
    """
    made = person_entry(
        "", change.action, DecisionAuthor(by, change.note), DecisionSpan(now, change.days), "case", change.reason
    )
    accounts = set(plan.accounts)
    for entry in cases:
        if waits_for_approval(entry) if change.waits else entry.account_id in accounts:
            yield end_of(entry, by, note_of("decided anew"), now)
    for account in plan.accounts:
        yield replace(made, account_id=account, campaign_id=campaign_id, snapshot=change.snapshot, dry_run=change.waits)


def ends_of_campaign(
    log: Sequence[LogEntry], campaign_id: str, kinds: Sequence[Kind], by: DecisionAuthor, now: int
) -> Iterator[LogEntry]:
    """Entries that end what stands for a campaign."""
    for entry in standing(log, now):
        if entry.kind in kinds and entry.campaign_id == campaign_id:
            yield _end_decision_entry(entry, by, now)


def reversed_entries(
    log: Sequence[LogEntry],
    span: tuple[int, int],
    by: DecisionAuthor,
    now: int,
    declared: frozenset[str] = frozenset(),
) -> Iterator[LogEntry]:
    """Entries that take back what a change wrote to the log: what it began ends, and what it ended begins again.

    A decision comes back for the rest of its time, and not where another of its kind stands for the account by now, nor
    for an account of a declared programme.

    Args:
        log: what is known about the accounts of what the change wrote.
        span: the first and the last place of it.
    """
    written = [entry for entry in log if span[0] <= entry.seq <= span[1]]
    known = {entry.seq: entry for entry in log}
    stands = {entry.seq: entry for entry in standing(log, now)}
    begun = [stands.pop(entry.seq) for entry in written if entry.seq in stands]
    yield from (_end_decision_entry(entry, by, now) for entry in begun)
    taken = {(entry.kind, entry.account_id) for entry in stands.values()}
    for end in written:
        earlier = known[end.undoes] if end.kind == "undo" else None
        if earlier is None or earlier.expires_at <= now or earlier.account_id in declared:
            continue
        if (earlier.kind, earlier.account_id) in taken:
            continue
        again = replace(earlier, seq=0, made_at=now, starts_at=max(now, earlier.starts_at), undoes=end.seq)
        author = earlier.author if waits_for_approval(earlier) else _choose_end_author(earlier, by.name)
        yield replace(again, author=author, note=_format_author_note(by))


def _end_decision_entry(entry: LogEntry, by: DecisionAuthor, now: int) -> LogEntry:
    return end_of(entry, _choose_end_author(entry, by.name), _format_author_note(by), now)


def _format_author_note(by: DecisionAuthor) -> str:
    return note_of(f"{by.name}: {by.note}")


def _choose_end_author(entry: LogEntry, person: str) -> str:
    """Who ends a decision, or brings it back: of a rule's, the rule.

    An end that a person signs keeps rules from the account for `appeals.let_through_days`. They are kept from a
    dismissed campaign as long as it is dismissed, and from its accounts for no other reason.
    """
    return entry.author if entry.kind == "rule" else person


_DISMISSAL_ENDS: tuple[Kind, ...] = ("rule", "case")
"""Whose decisions end with a dismissal; an operator's override is about the account, whatever the campaign is."""


def change_work(
    database: WatchDatabase, campaign_id: str, seen_version: int, change: Change, by: str, now: int
) -> CaseWork:
    """Change the work on a campaign, if nobody else changed it since it was read.

    What a decision does in the decision log is kept together with it, or not at all.

    Args:
        seen_version: version of the work that was read; 0 where there was none.

    Returns:
        The work after the change; as it was, without an event, where a change other than a comment or a decision
        changes nothing.

    Raises:
        WorkConflict: somebody changed it since; nothing is written.
        CaseError: there is no such campaign, it acts on no account, or a case that is not decided is reopened.
        ConfigError: a text is too long or missing, or a choice is none.
    """
    person = person_text(by, "by")
    with log_locked(database) as log:
        connection = log.connection
        work = seen_work(connection, campaign_id, seen_version)
        if not work.version:
            _check_campaign(connection, campaign_id)
        step = step_of(work, change)
        if not isinstance(change, CaseDecision):
            if step.kind not in REMARKS and not step.said and not _list_changed_fields(work, step):
                return work
        else:
            known = log.read(of_campaign(campaign_id))
            step, entries = _decide_change(campaign_id, change, step, known, person, now)
            step = _add_log_span(step, log.append(entries))
        return _write_case_change(connection, work, step, person, now)


def _decide_change(
    campaign_id: str,
    change: CaseDecision,
    step: Step,
    log: Sequence[LogEntry],
    person: str,
    now: int,
) -> tuple[Step, list[LogEntry]]:
    """The step of a decision with what it says of accounts, and its entries for the decision log."""
    cases = [one for one in standing(log, now) if one.kind == "case" and one.campaign_id == campaign_id]
    waiting = [one for one in cases if waits_for_approval(one)]
    match change:
        case ActOnCampaign():
            plan = planned(change)
            said = {name: getattr(change, name) for name in ("action", "days", "reason")}
            said |= {"accounts": len(plan.accounts), "left_out": dict(plan.left_out)}
            entries = list(act_entries(campaign_id, change, plan, person, cases, now))
        case ApproveAction():
            spared = [one for one in waiting if one.account_id in change.declared]
            waiting = [one for one in waiting if one not in spared]
            entries = list(approval_entries(waiting, person, step.note, now))
            entries += [end_of(one, person, note_of("of a declared programme by now"), now) for one in spared]
            first, accounts = waiting[0], {one.account_id for one in waiting}
            said = {"action": first.action, "days": (first.expires_at - first.starts_at) / DAY, "reason": first.reason}
            said |= {"accounts": len(accounts), "decided_by": first.author}
            before = [one for one in cases if not waits_for_approval(one) and one.account_id in accounts]
            entries = [*(end_of(one, person, note_of("decided anew"), now) for one in before), *entries]
        case DeclineAction():
            if not waiting:
                raise CaseError(
                    "nothing waits for a second person", where="this campaign", next_step="look at what stands"
                )
            return step, [end_of(one, person, note_of(step.note or "declined"), now) for one in waiting]
        case WatchCampaign() | DismissCampaign():
            kinds: tuple[Kind, ...] = ("case",) if isinstance(change, WatchCampaign) else _DISMISSAL_ENDS
            why = f"the campaign is {step.fields['status']} {step.fields['reason']}".rstrip()
            return step, list(ends_of_campaign(log, campaign_id, kinds, DecisionAuthor(person, why), now))
    return replace(step, said={**step.said, "act": said}), entries


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
        declared: accounts of declared programmes, as the settings have them now.

    Raises:
        WorkConflict: somebody changed it since; nothing is written.
        CaseError: there is nothing to undo.
    """
    person = person_text(by, "by")
    with log_locked(database) as log:
        connection = log.connection
        work = seen_work(connection, campaign_id, seen_version)
        latest = _latest_change(connection, campaign_id)
        step = Step("undo", _put_back(latest), said={"undoes": latest.version} if latest else {})
        span = latest.after.get("log") if latest else None
        if latest is None or not (span or _list_changed_fields(work, step)):
            raise CaseError(
                "there is nothing to undo",
                where=f"version {work.version}",
                next_step="comments stay; change the case again",
            )
        author = DecisionAuthor(person, f"{latest.kind} of the campaign is undone")
        if step.fields.get("status") == "dismissed":  # also what rules began since it was reopened
            known = log.read(of_campaign(campaign_id))
            step = _add_log_span(step, log.append(ends_of_campaign(known, campaign_id, _DISMISSAL_ENDS, author, now)))
        elif span:
            accounts = select(DECISIONS.c.account_id).where(DECISIONS.c.seq.between(*span))
            known = log.read(DECISIONS.c.account_id.in_(accounts))
            step = _add_log_span(step, log.append(reversed_entries(known, (span[0], span[1]), author, now, declared)))
        return _write_case_change(connection, work, step, person, now)


def _check_campaign(connection: Connection, campaign_id: str) -> None:
    known = select(CAMPAIGN_ROWS.c.campaign_id).where(CAMPAIGN_ROWS.c.campaign_id == campaign_id)
    if storable(campaign_id) != campaign_id or connection.execute(known).first() is None:
        raise CaseError(
            f"no campaign has the id '{formatting.shorten(campaign_id, 64)}'",
            where="campaigns of the data folder",
            next_step="look for it in the queue",
        )


def _latest_change(connection: Connection, campaign_id: str) -> WorkEvent | None:
    events = select(CASE_EVENTS).where(CASE_EVENTS.c.campaign_id == campaign_id, CASE_EVENTS.c.kind.not_in(REMARKS))
    row = connection.execute(events.order_by(CASE_EVENTS.c.version.desc()).limit(1)).mappings().first()
    return event_of_row(row) if row is not None else None


def _put_back(event: WorkEvent | None) -> dict[str, Any]:
    before = dict(event.before) if event is not None else {}
    return {**before, "labels": tuple(before["labels"])} if "labels" in before else before


def _list_changed_fields(work: CaseWork, step: Step) -> list[str]:
    return [name for name in STATE_FIELDS if name in step.fields and step.fields[name] != getattr(work, name)]


def _add_log_span(step: Step, made: Sequence[LogEntry]) -> Step:
    """The step with the place in the log of what it appended."""
    return replace(step, said={**step.said, "log": [made[0].seq, made[-1].seq]}) if made else step


def _write_case_change(connection: Connection, work: CaseWork, step: Step, person: str, now: int) -> CaseWork:
    """Write the row with the next version, and the event."""
    changed = _list_changed_fields(work, step)
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
