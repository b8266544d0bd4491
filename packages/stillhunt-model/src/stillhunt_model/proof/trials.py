"""The register of trials: which suspect was asked about which campaign, written before it is asked.

The number of pairs is fixed when the register is made, since every p-value is multiplied by it. Each line has the hash
of the one before it, and a file beside has that of the last one, so that no line is changed, dropped or cut off
unnoticed. It protects against accidents: whoever can write the folder can write another register.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt import ConfigError, OutputError
from stillhunt.tools import write_whole
from stillhunt_model.orders.register import write_line

TRIALS_FILE, LAST_TRIAL_FILE = "trials.jsonl", "trials.last"
_LOCK_FILE = "trials.lock"
_VERSION = 1
_MOST_BYTES = 1 << 30
"""Bytes of a register; a million pairs take some 700 MB."""


@dataclass(frozen=True)
class PlannedTrial:
    """What is fixed before a suspect is asked about one campaign; nobody can choose any of it after the result.

    Attributes:
        answers_sha256: of the harvested answers that the tests are given, from `texts_digest`.
        honest_sha256: of the answers to honest accounts that they are given.
        references: fingerprints, in the order in which they were named.
    """

    suspect: str
    campaign: str
    answers_sha256: str
    honest_sha256: str
    teacher: str
    references: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class TrialPlace:
    """One pair of suspect and campaign in the register.

    Attributes:
        number: of the pair, from 1.
        pairs: for which the register was made.
        line_hash: SHA-256 of the pair's line, which names that of the line before: it fixes all that came before.
    """

    number: int
    pairs: int
    line_hash: str


@dataclass
class _Lines:
    """What a register holds.

    Attributes:
        pairs: for which it was made; 0 where there is none yet.
        last: hash of the last line; empty without one.
        before: hash of the line before the last one; empty without one.
        known: hash in the file beside, which may be `before` where a process died between the two writes; None
            without that file.
        size: bytes up to the end of the last whole line.
    """

    pairs: int = 0
    used: int = 0
    last: str = ""
    before: str = ""
    known: str | None = None
    size: int = 0
    hashes: set[str] = field(default_factory=set)

    def follow(self, line: bytes) -> None:
        """Count one more whole line."""
        self.before, self.last = self.last, hashlib.sha256(line).hexdigest()
        self.hashes.add(self.last)
        self.size += len(line)


class TrialRegister:
    """The register of one model folder.

    Args:
        folder: the model folder; made when the first pair is entered.
        pairs: setting `model.pairs`; of a register that is there it must be the same.
    """

    def __init__(self, folder: Path, pairs: int) -> None:
        self.path = folder / TRIALS_FILE
        self._pairs = pairs

    def left(self) -> int:
        """Pairs that may still be tried; the whole register is checked.

        Raises:
            ConfigError: it was made for another number of pairs, or it was changed.
        """
        if not self.path.parent.is_dir():
            return self._pairs
        with self._locked():
            return self._pairs - self._read().used

    def enter(self, trials: Sequence[PlannedTrial], now: datetime) -> list[TrialPlace]:
        """Use one place for each trial; to be called before the suspect is asked anything.

        Returns:
            The places. They stay used, whatever comes of it, and the same pair uses another one next time.

        Raises:
            ConfigError: too few places are left (none is then used), or the register is that of another number of
                pairs, or it was changed.
            OutputError: it cannot be written.
        """
        with self._locked():
            lines = self._read()
            if len(trials) > self._pairs - lines.used:
                raise ConfigError(
                    f"the register has {self._pairs - lines.used:,} of {self._pairs:,} places left, and "
                    f"{len(trials):,} are needed",
                    where=str(self.path),
                    next_step="name fewer campaigns. A full register stays full: a new one in another model.folder is "
                    "a new promise about the error rate, and whoever relies on its results must know of both",
                )
            at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if not lines.pairs:
                self._append(lines, {"kind": "register", "version": _VERSION, "pairs": self._pairs, "at": at})
            places = []
            for one in trials:
                lines.used += 1
                trial = {"kind": "trial", "number": lines.used, "at": at, **asdict(one)}
                places.append(TrialPlace(lines.used, self._pairs, self._append(lines, trial)))
            return places

    def conclude(self, place: TrialPlace, result: Mapping[str, Any]) -> None:
        """Write down what came of a trial.

        Args:
            place: from `enter`.

        Raises:
            ConfigError: the register was changed since.
            OutputError: it cannot be written.
        """
        with self._locked():
            lines = self._read()
            if place.line_hash not in lines.hashes:
                raise self._changed("it no longer has the trial of which this is the result")
            self._append(lines, {"kind": "result", "number": place.number, **result})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time; each holds it for one line or two."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.path.parent / _LOCK_FILE
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> _Lines:
        lines = _Lines()
        try:
            if self.path.exists() and self.path.stat().st_size > _MOST_BYTES:
                raise self._changed("it is far too long")
            content = self.path.read_bytes() if self.path.exists() else b""
            last = self.path.with_name(LAST_TRIAL_FILE)
            lines.known = last.read_text(encoding="ascii", errors="replace").strip() if last.exists() else None
        except OSError as error:
            raise self._unwritable(error) from error
        *whole, _ = content.split(b"\n")  # what follows the last line feed was left by a process that died in writing
        for line in whole:
            self._take(lines, line + b"\n")
        if whole and lines.known is None:
            raise self._changed(f"{LAST_TRIAL_FILE} beside it is missing")
        if lines.known not in (lines.last, lines.before) and (whole or lines.known is not None):
            raise self._changed("its end is missing, or more than one line follows its known end")
        if lines.pairs and lines.pairs != self._pairs:
            raise ConfigError(
                f"the register was made for {lines.pairs:,} pairs of suspect and campaign, and model.pairs is "
                f"{self._pairs:,}",
                where=str(self.path),
                next_step=f"set model.pairs = {lines.pairs}: the number that was stated first holds for all trials",
            )
        return lines

    def _take(self, lines: _Lines, line: bytes) -> None:
        try:
            entry = json.loads(line)
            kind, before, number = entry["kind"], entry["before"], entry.get("number")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._changed(f"line {len(lines.hashes) + 1} is not one of a register") from error
        first = not lines.hashes
        if before != lines.last or first != (kind == "register"):
            raise self._changed(f"line {len(lines.hashes) + 1} does not follow from the one before it")
        if first:
            if entry.get("version") != _VERSION or not isinstance(entry.get("pairs"), int):
                raise self._changed("another version wrote it")
            lines.pairs = entry["pairs"]
        elif kind == "trial":
            lines.used += 1
            if number != lines.used:
                raise self._changed(f"trial {lines.used} is missing")
        lines.follow(line)

    def _append(self, lines: _Lines, entry: Mapping[str, Any]) -> str:
        """Write one line to the disk, then that it is the last one."""
        self._note_last(lines)  # so that it never lags by two, whenever a process dies
        line = json.dumps({**entry, "before": lines.last}, sort_keys=True, allow_nan=False).encode() + b"\n"
        try:
            write_line(self.path, line, lines.size)
        except OSError as error:
            raise self._unwritable(error) from error
        lines.follow(line)
        self._note_last(lines)
        return lines.last

    def _note_last(self, lines: _Lines) -> None:
        if lines.known != lines.last:
            write_whole(self.path.with_name(LAST_TRIAL_FILE), [lines.last.encode() + b"\n"])
            lines.known = lines.last

    def _changed(self, what: str) -> ConfigError:
        return ConfigError(
            f"the register of trials was changed or damaged: {what}",
            where=str(self.path),
            next_step="restore it from a backup; without it nobody knows how often suspects were tried",
        )

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"the register of trials cannot be written: {error.strerror or error}",
            where=str(self.path),
            next_step="set model.folder to a folder of yours; nothing was asked without an entry",
        )
