"""Whether the spool still holds what was acknowledged: each hunt compares it with the ledger.

A steady spool costs a look at the size and the change time of each file; only what is new, or was touched, is read.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.watch.spool.closing import sha256_of
from stillhunt.watch.spool.ledger import EXPIRED, PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import OPEN, closed_parts, open_parts
from stillhunt.watch.spool.sums import sums_path, verify_part

MOST_SAID = 20
"""Differences that a snapshot, a report and a status name. Judgement: a list that is read."""


@dataclass(frozen=True)
class Damage:
    """Something that is not as it was acknowledged."""

    part: str  # SOURCE/HOUR/NAME; empty where it is about the ledger
    statement: str  # what is wrong, in one sentence without a full stop


def check_spool(spool: Path, *, every: bool = False) -> list[Damage]:
    """Compare the spool with its ledger; what nobody compared yet, or what was touched since, is read.

    `every`: read every part, also where nothing tells that it was touched. Returns what is wrong, ascending by part; a
    ledger that cannot be used is among it. Raises OSError: the folder cannot be listed.
    """
    ledger = SpoolLedger(spool)
    # Listed before the ledger is read: a part is entered before it gets its final name, so none seems unknown.
    present = {ledger.name_of(path): path for path in closed_parts(spool)}
    try:
        ledger.append()
        content = ledger.read()
    except OSError as error:
        return [Damage("", f"the ledger of the spool cannot be used, so nothing was compared: {error.strerror}")]
    found, compared = list(_iterate_stuck_parts(spool)), list[PartEntry]()
    if content.broken:
        lines = formatting.plural(content.broken, "line")
        found.append(Damage("", f"{lines} of the spool's ledger cannot be read, and what stood there is not compared"))
    for name, entry in content.entries.items():
        path = present.get(name)
        if entry.gone:
            if entry.gone == EXPIRED:
                present.pop(name, None)  # a deletion that did not come to its end
            continue
        present.pop(name, None)
        wrong, now = _compare_part(path or spool / name, entry, every=every)
        if wrong:
            found.append(Damage(name, wrong))
        elif now != entry:
            compared.append(now)
    for name, path in present.items():
        wrong, now = _adopt_unknown_part(name, path)
        if wrong:
            found.append(Damage(name, wrong))
        else:
            compared.append(now)
    if compared:
        with suppress(OSError):  # it cannot be written now: the next hunt compares them again
            ledger.append(compared)
            for entry in compared:
                sums_path(spool / entry.part).unlink(missing_ok=True)
    return sorted(found, key=lambda one: (one.part, one.statement))


def damage_said(spool: Path) -> list[str]:
    """What is wrong with a spool, in sentences, the first MOST_SAID of them."""
    try:
        found = [one.statement for one in check_spool(spool)]
    except OSError as error:
        return [f"the spool cannot be compared with its ledger: {error.strerror}"]
    more = len(found) - MOST_SAID
    said = f"and {formatting.plural(more, 'more difference')}: 'stillhunt spool' lists all"
    return found[:MOST_SAID] + ([said] if more > 0 else [])


def accept_spool(spool: Path, wrong: Sequence[Damage]) -> None:
    """Take the spool as it is now: what is missing or damaged is no longer reported.

    `spool`: the spool folder; no hunt may run in it. Raises OSError: it cannot be read or written.
    """
    ledger = SpoolLedger(spool)
    damaged = {one.part for one in wrong}
    known = ledger.read().entries
    kept = [entry for name, entry in known.items() if name not in damaged and not entry.gone]
    there = [PartEntry(ledger.name_of(path), path.stat().st_size) for path in closed_parts(spool)]
    ledger.replace([*kept, *(entry for entry in there if entry.part in damaged)])


def _compare_part(path: Path, entry: PartEntry, *, every: bool) -> tuple[str, PartEntry]:
    """What is wrong with a part, and its entry after the comparison."""
    if entry.damage:
        return (f"part {entry.part}: {entry.damage}" if entry.part else entry.damage), entry
    about = _stat_part(path)
    if about is None:
        return f"part {entry.part} is missing: {_describe_held_records(entry)}", entry
    if about.st_size != entry.size:
        has = f"has {formatting.plural(about.st_size, 'byte')} in place of {formatting.count(entry.size)}"
        return f"part {entry.part} {has}: {_describe_held_records(entry)}", entry
    stamp = (about.st_ctime_ns, about.st_ino)
    if not path.exists() or (stamp == entry.stamp and not every):
        return "", entry
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"part {entry.part} cannot be read ({error.strerror}): {_describe_held_records(entry)}", entry
    if entry.sha256 and digest != entry.sha256:
        return f"part {entry.part} was changed: {_describe_held_records(entry)}", entry
    return "", replace(entry, sha256=digest, stamp=stamp)


def _adopt_unknown_part(name: str, path: Path) -> tuple[str, PartEntry]:
    """The entry of a part that the ledger does not know; one with sums was closed when the ledger could not be used."""
    entry = PartEntry(name)
    if not sums_path(path).exists():
        return f"part {name} is not in the ledger: nobody acknowledged it, or the ledger was damaged", entry
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = verify_part(handle, path)
            entry = PartEntry(name, os.fstat(handle).st_size, found.records, sha256_of(handle))
        finally:
            os.close(handle)
    except OSError as error:
        return f"part {name} cannot be read: {error.strerror}", entry
    return (f"part {name}: {found.damage}" if found.damage else ""), entry


def _iterate_stuck_parts(spool: Path) -> Iterator[Damage]:
    """Parts that nobody holds, and that could not be closed all the same: no hunt reads them."""
    for path in open_parts(spool):
        name = path.relative_to(spool).as_posix()
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        except OSError as error:
            yield Damage(name, f"part {name} cannot be opened: {error.strerror}")
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # its writer has it
        finally:
            os.close(handle)
        if path.exists():
            yield Damage(name, f"part {name} cannot be closed, so no hunt reads it")


def _stat_part(path: Path) -> os.stat_result | None:
    """Of a part, under its final name or while it is being closed; None where it is gone."""
    for one in (path, path.with_name(path.name + OPEN), path):
        with suppress(OSError):
            return one.stat()
    return None


def _describe_held_records(entry: PartEntry) -> str:
    if entry.records is None:
        return f"it had {formatting.plural(entry.size, 'byte')}"
    was = formatting.verb(entry.records, "was", "were")
    return f"{formatting.plural(entry.records, 'request')} {was} acknowledged in it"
