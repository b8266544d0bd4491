"""Entries of the decision log, each with the hash of the one before it, and what they say at a time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stillhunt.decide.actions import ACTIONS, Action, ReasonCode, rank
from stillhunt.ledger.chain import LEDGER_START, LedgerPlace, placed, verified_end

Kind = Literal["rule", "case", "override", "undo"]
"""A rule decided; a person decided a case; an operator decided whatever the rest says; an earlier one ends."""
PRECEDENCE: tuple[Kind, ...] = ("rule", "case", "override")  # who wins, the last one first


@dataclass(frozen=True)
class LogEntry:
    """One decision, or the end of one."""

    seq: int  # place in the log, from 1; 0 before it is appended
    made_at: int  # when it was made, microseconds since 1970
    kind: Kind
    account_id: str
    action: Action  # what happens; of an undo, what ends
    reason: ReasonCode  # what the customer may be told
    author: str  # "rule:NAME" or the name of a person
    dry_run: bool  # it is recorded only, and never in force
    # starts_at, expires_at: from when until when it is in force, microseconds since 1970
    starts_at: int
    expires_at: int
    campaign_id: str = ""  # lasting id of the campaign; "" where it is about none
    snapshot: int = 0  # number of the snapshot from which it was made; 0 for none
    undoes: int = 0  # seq of the entry that ends by it, or that it renews; 0 for none
    note: str = ""  # why, for colleagues; never shown to the customer
    before: str = ""
    digest: str = ""

    @property
    def place(self) -> LedgerPlace:
        """Its number and its hash."""
        return LedgerPlace(self.seq, self.digest)


@dataclass(frozen=True)
class Broken:
    """Where a log was changed."""

    seq: int  # place of the first entry that does not fit
    what: str


def chained(entries: Iterable[LogEntry], last: LedgerPlace = LEDGER_START) -> list[LogEntry]:
    """Entries, to be appended in this order, with their places and hashes; `last` is that of the log."""
    made = []
    for entry in entries:
        made.append(LogEntry(**placed(vars(entry), last)))
        last = made[-1].place
    return made


def first_broken(entries: Iterable[LogEntry], last: LedgerPlace = LEDGER_START) -> Broken | None:
    """The first entry of a log that was changed, moved, added or left out; None where there is none.

    It cannot see that entries were cut off at the end, nor a log that was written anew with new hashes: compare the
    last hash with one that was kept elsewhere.

    Args:
        last: the entry before them.
    """
    end, wrong = verified_end(map(vars, entries), last)
    return Broken(end.seq + 1, wrong) if wrong else None


def made_until(entries: Iterable[LogEntry], at: int) -> list[LogEntry]:
    """The log as it was at a time, microseconds since 1970."""
    return [entry for entry in entries if entry.made_at <= at]


def has_begun(entry: LogEntry, at: int) -> bool:
    """Whether a decision of the log has begun; one without a delay has, also where a clock was ahead when it was made.

    `at`: microseconds since 1970.
    """
    return entry.starts_at <= max(at, entry.made_at)


def standing(entries: Iterable[LogEntry], at: int) -> list[LogEntry]:
    """Decisions that are neither undone nor expired at a time, in order of the log; begun or not.

    Whatever is in the log was made, also what a clock that is behind takes for later; see `made_until` for the past.

    Args:
        at: microseconds since 1970.
    """
    known = list(entries)
    undone = {entry.undoes for entry in known}
    return [one for one in known if one.kind != "undo" and one.seq not in undone and at < one.expires_at]


def end_of(entry: LogEntry, author: str, note: str, now: int) -> LogEntry:
    """The entry that ends another one; without place and hash.

    `note`: why, for colleagues, as `names.note_of` makes it. `now`: microseconds since 1970.
    """
    return replace(
        entry, seq=0, made_at=now, kind="undo", author=author, starts_at=now, expires_at=now, snapshot=0,
        undoes=entry.seq, note=note, before="", digest="",
    )  # fmt: skip


def in_force(entries: Iterable[LogEntry], at: int, allowed: frozenset[str] = frozenset()) -> Mapping[str, LogEntry]:
    """The decision that counts for each account at a time.

    An operator's override counts before a person's decision on a case, and this before rules; of several of one kind,
    the latest of persons and the strongest of rules. Rules say nothing about accounts of declared programmes.

    Args:
        at: microseconds since 1970.

    Returns:
        Account -> entry, ascending by account; accounts without any are left out.
    """
    best: dict[str, LogEntry] = {}
    for entry in standing(entries, at):
        if entry.dry_run or not has_begun(entry, at) or (entry.kind == "rule" and entry.account_id in allowed):
            continue
        other = best.get(entry.account_id)
        if other is None or weight(entry.kind, entry.action) >= weight(other.kind, other.action):
            best[entry.account_id] = entry
    return dict(sorted(best.items()))


def weight(kind: Kind, action: Action) -> int:
    """Of two decisions about an account the one of more weight counts, and of equal ones the later."""
    return len(ACTIONS) * PRECEDENCE.index(kind) + (rank(action) if kind == "rule" else 0)
