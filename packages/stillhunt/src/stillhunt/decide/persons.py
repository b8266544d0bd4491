"""Decisions of persons: on a case, over everything else, and the end of any decision."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import NamedTuple

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.ids import kept_id
from stillhunt.base.units import DAY
from stillhunt.decide.actions import Action, ReasonCode
from stillhunt.decide.entries import Kind, LogEntry, end_of, standing
from stillhunt.decide.log import log_locked
from stillhunt.decide.names import name_of_person, note_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS

LONGEST_DAYS = 3650
_SURROGATES = re.compile("[\ud800-\udfff]")
MOST_ACCOUNT_CHARACTERS = 4096
"""Longest id of an account about which a person may decide; gateways and the API take no longer one."""


class DecisionAuthor(NamedTuple):
    """Name of the person who decides, and why, for colleagues."""

    name: str
    note: str


class DecisionSpan(NamedTuple):
    """Now, and for how many days from now a decision is in force."""

    now: int
    days: float


def decide_as_person(
    database: WatchDatabase,
    account: str,
    action: Action,
    by: DecisionAuthor,
    span: DecisionSpan,
    kind: Kind = "case",
    reason: ReasonCode = "operator_decision",
    second_person: Collection[Action] = (),
) -> LogEntry:
    """Append a person's decision about an account; where a second person has to approve it, it is not in force yet.

    Args:
        account: kept as tables keep ids, with invisible characters made visible.
        action: what happens; weaker than what is in force, it lets the account through.
        kind: case, or override where it is to count before everything else.
        second_person: actions that wait for a second person, as the policy has them.

    Raises:
        ConfigError: it has no author, no end, or no account that can be one.
    """
    entry = person_entry(_check_account_id(account), action, by, span, kind, reason)
    entry = replace(entry, dry_run=action in second_person)
    with log_locked(database) as log:
        (made,) = log.append([entry])
    return made


def person_entry(
    account: str, action: Action, by: DecisionAuthor, span: DecisionSpan, kind: Kind, reason: ReasonCode
) -> LogEntry:
    """A person's decision, to be appended, without place and hash; a ConfigError if it has no author or no end."""
    author = _check_author_name(by.name)
    if not 0 < span.days <= LONGEST_DAYS:
        step = f"give days between 0 and {LONGEST_DAYS:,}"
        raise ConfigError("a decision needs an end", where="days", next_step=step)
    end = span.now + int(span.days * DAY)
    return LogEntry(0, span.now, kind, account, action, reason, author, False, span.now, end, note=note_of(by.note))


def undo(database: WatchDatabase, seq: int, author: str, note: str, now: int) -> LogEntry:
    """Append the end of a decision; a CaseError if no such decision stands."""
    name = _check_author_name(author)
    with log_locked(database) as log:
        stands = [entry for entry in standing(log.read(DECISIONS.c.seq == seq), now) if entry.seq == seq]
        if not stands:
            step = "look at what is in force for its number"
            raise CaseError(f"no decision {seq} stands", where="decision log", next_step=step)
        (made,) = log.append([end_of(stands[0], name, note_of(note), now)])
    return made


def _check_author_name(name: str) -> str:
    return name_of_person(name, "a decision needs the name of who makes it", "author")


def _check_account_id(given: str) -> str:
    if not given or len(given) > MOST_ACCOUNT_CHARACTERS or _SURROGATES.search(given):
        raise ConfigError(
            "this can be no id of an account",
            where="account",
            next_step=f"give one of 1 to {MOST_ACCOUNT_CHARACTERS:,} characters, in UTF-8, as the case shows it",
        )
    return kept_id(given)
