"""Decisions of persons that wait for a second person: recorded, and in force once somebody else has approved them.

What waits stands in the log as a decision that is never in force. Its approval is another entry, by who approves it,
which renews it; so neither can be missing or changed later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.entries import LogEntry, standing
from stillhunt.decide.log import log_locked
from stillhunt.decide.names import name_key, name_of_person, note_of
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS


def waits_for_approval(entry: LogEntry) -> bool:
    """Whether an entry that stands is what one person decided and a second has not approved."""
    return entry.dry_run and entry.kind in ("case", "override")


def describe_unforced(entry: LogEntry) -> str:
    """Why an entry was never in force, in words that follow its kind; "" where it could be."""
    if not entry.dry_run:
        return ""
    return ", to be approved" if waits_for_approval(entry) else ", dry run"


def approve_decision(database: WatchDatabase, seq: int, author: str, note: str, now: int) -> LogEntry:
    """Put a decision about one account in force that waits for a second person.

    Args:
        author: who approves it.

    Raises:
        CaseError: no such decision waits, or it is part of one about a campaign.
        ConfigError: the same person made it.
    """
    with log_locked(database) as log:
        waiting = [one for one in _list_waiting(log.read(DECISIONS.c.seq == seq), now) if one.seq == seq]
        if waiting and waiting[0].campaign_id:
            step = f"approve it on the page of campaign {waiting[0].campaign_id}"
            raise CaseError("this is part of a decision about a campaign", where=f"decision {seq}", next_step=step)
        (made,) = log.append(approval_entries(waiting, author, note, now))
    return made


def approval_entries(log: Iterable[LogEntry], author: str, note: str, now: int) -> Iterator[LogEntry]:
    """Entries that put in force what waits, from now on and for as long as was decided; without places and hashes.

    Args:
        log: entries of one decision, about one account or several.
        author: who approves it.

    Raises:
        CaseError: nothing waits.
        ConfigError: the same person made it, or nobody approves it.
    """
    waiting = _list_waiting(log, now)
    person = name_of_person(author, "an approval needs the name of who gives it", "author")
    if not waiting:
        step = "look at what stands: it was approved, declined or ended, or never waited"
        raise CaseError("no such decision waits for a second person", where="decision log", next_step=step)
    if any(name_key(one.author) == name_key(person) for one in waiting):
        step = "ask a colleague; you may withdraw it"
        raise ConfigError("you decided this yourself: somebody else approves it", where="author", next_step=step)
    for one in waiting:
        said = "; ".join(part for part in (note, f"decided by {one.author}", one.note) if part)
        yield replace(
            one, seq=0, made_at=now, author=person, dry_run=False, starts_at=now,
            expires_at=now + one.expires_at - one.starts_at, undoes=one.seq, note=note_of(said), before="", digest="",
        )  # fmt: skip


def _list_waiting(log: Iterable[LogEntry], now: int) -> list[LogEntry]:
    return [one for one in standing(log, now) if waits_for_approval(one)]
