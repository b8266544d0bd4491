"""What decisions on cases do in the decision log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import SanctionedSettings
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.actions import ACTIONS, REASON_TEXTS, WITHOUT_FLAG, Action, rank
from stillhunt.decide.cases.changes import ActOnCampaign, CampaignMember
from stillhunt.decide.entries import Kind, LogEntry, end_of, standing
from stillhunt.decide.names import note_of
from stillhunt.decide.persons import person_entry
from stillhunt.decide.spared import SPARED_ROLES

LeftOut = Literal["sanctioned", "pool", "victim", "not_flagged"]
LEFT_OUT_MEANINGS: dict[LeftOut, str] = {
    "sanctioned": "belongs to a declared programme",
    "pool": "customers stand behind it, and more than a tag would hit them",
    "victim": "somebody uses it without its owner, whom more than a tag would hit",
    "not_flagged": "its own verdict is not act",
}
"""Why an action leaves an account out -> what that means, said of one account."""


@dataclass(frozen=True)
class ActionPlan:
    """On whom an action acts.

    Attributes:
        accounts: on whom it acts, in the order of the members.
        left_out: why accounts are left out -> how many; each account counts once.
    """

    accounts: tuple[str, ...]
    left_out: Mapping[LeftOut, int]


def campaign_members(
    facts: pa.Table, campaign_id: str, sanctioned: SanctionedSettings | None = None
) -> tuple[CampaignMember, ...]:
    """The members of a campaign as a snapshot has them, for `plan_action` and ActOnCampaign.

    Args:
        facts: ACCOUNT_FACTS, such as `Findings.facts`.
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


def plan_action(members: Iterable[CampaignMember], action: Action) -> ActionPlan:
    """On which members an action acts: those whose own verdict is act.

    Never on accounts of declared programmes; above tag, never on those that customers or victims stand behind.
    """
    reasons = {member.account_id: _left_out(member, action) for member in members}
    accounts = tuple(account for account, reason in reasons.items() if reason is None)
    return ActionPlan(accounts, dict(Counter(reason for reason in reasons.values() if reason is not None)))


def _left_out(member: CampaignMember, action: Action) -> LeftOut | None:
    if member.sanctioned:
        return "sanctioned"
    if rank(action) > rank(WITHOUT_FLAG) and member.role in SPARED_ROLES:
        return "victim" if member.role == "victim" else "pool"
    return None if member.flagged else "not_flagged"


def planned(change: ActOnCampaign) -> ActionPlan:
    """The plan of a change that acts on somebody.

    Raises:
        CaseError: it would act on nobody.
        ConfigError: its action or its reason is none.
    """
    for given, known, where in ((change.action, ACTIONS, "action"), (change.reason, REASON_TEXTS, "reason")):
        if given not in known:
            raise ConfigError(f"there is no such {where}", where=where, next_step=f"choose of {', '.join(known)}")
    plan = plan_action(change.members, change.action)
    if not plan.accounts:
        kinds = [f"{formatting.count(number)} {name}" for name, number in plan.left_out.items()]
        raise CaseError(
            f"this would act on no account; left out: {formatting.join_words(kinds) if kinds else 'none'}",
            where="members",
            next_step="watch the campaign, or decide about its accounts one by one",
        )
    return plan


def act_entries(
    campaign_id: str, change: ActOnCampaign, plan: ActionPlan, by: str, log: Sequence[LogEntry], now: int
) -> Iterator[LogEntry]:
    """Entries that act on accounts; what cases decided about them for this campaign before ends.

    Args:
        now: microseconds since 1970.

    Raises:
        ConfigError: it has no end.
    """
    made = person_entry("", change.action, (by, change.note), (now, change.days), "case", change.reason)
    accounts = set(plan.accounts)
    for entry in standing(log, now):
        if entry.kind == "case" and entry.campaign_id == campaign_id and entry.account_id in accounts:
            yield end_of(entry, by, note_of("decided anew"), now)
    for account in plan.accounts:
        yield replace(made, account_id=account, campaign_id=campaign_id, snapshot=change.snapshot)


def ends_of_campaign(
    log: Sequence[LogEntry], campaign_id: str, kinds: Sequence[Kind], why: tuple[str, str], now: int
) -> Iterator[LogEntry]:
    """Entries that end what stands for a campaign.

    Args:
        why: name of the analyst, and what was decided.
        now: microseconds since 1970.
    """
    for entry in standing(log, now):
        if entry.kind in kinds and entry.campaign_id == campaign_id:
            yield _ended(entry, why, now)


def reversed_entries(
    log: Sequence[LogEntry],
    span: tuple[int, int],
    why: tuple[str, str],
    now: int,
    declared: frozenset[str] = frozenset(),
) -> Iterator[LogEntry]:
    """Entries that take back what a change wrote to the log: what it began ends, and what it ended begins again.

    A decision comes back for the rest of its time, and not where another of its kind stands for the account by now, nor
    for an account of a declared programme.

    Args:
        log: what is known about the accounts of what the change wrote.
        span: the first and the last place of it.
        why: name of the analyst, and what was decided.
        now: microseconds since 1970.
    """
    written = [entry for entry in log if span[0] <= entry.seq <= span[1]]
    known = {entry.seq: entry for entry in log}
    stands = {entry.seq: entry for entry in standing(log, now)}
    begun = [stands.pop(entry.seq) for entry in written if entry.seq in stands]
    yield from (_ended(entry, why, now) for entry in begun)
    taken = {(entry.kind, entry.account_id) for entry in stands.values()}
    for end in written:
        earlier = known[end.undoes] if end.kind == "undo" else None
        if earlier is None or earlier.expires_at <= now or earlier.account_id in declared:
            continue
        if (earlier.kind, earlier.account_id) in taken:
            continue
        again = replace(earlier, seq=0, made_at=now, starts_at=max(now, earlier.starts_at), undoes=end.seq)
        yield replace(again, author=_author(earlier, why[0]), note=_note(why))


def _ended(entry: LogEntry, why: tuple[str, str], now: int) -> LogEntry:
    return end_of(entry, _author(entry, why[0]), _note(why), now)


def _note(why: tuple[str, str]) -> str:
    return note_of(f"{why[0]}: {why[1]}")


def _author(entry: LogEntry, person: str) -> str:
    """Who ends a decision, or brings it back: of a rule's, the rule.

    An end that a person signs keeps rules from the account for `appeals.let_through_days`. They are kept from a
    dismissed campaign as long as it is dismissed, and from its accounts for no other reason.
    """
    return entry.author if entry.kind == "rule" else person
