"""Sign-ups that were asked about, so that the next ones are compared with them before any hunt sees them.

A file in the data folder has one line each, with keyed hashes and no names. It is appended to without waiting for the
disk: a power failure may lose the last ones, which the accounts table has at the next hunt. Those that a full disk does
not take are said to be unsaved, and tried again. An erasure, which another process does (`held`), blanks lines in their
place and makes the file longer by a line end, so that the process that answers notices it by the length.
"""

import json
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from stillhunt import OutputError
from stillhunt.live import DataFolder
from stillhunt.tools import DAY, fill, write_whole
from stillhunt_signals.appending import append_whole, iterate_whole_lines, lock_against_appending
from stillhunt_signals.sign_up.identifiers import IDENTIFIER_KINDS, PERSONAL_KINDS, Hashes, IdentifierKind

SIGN_UPS_FILE = "sign-ups.jsonl"
KEPT_SIGN_UPS = 200_000
"""Newest sign-ups that are kept: some 100 MB. Judgement: three months of 2,000 a day."""
MOST_WITH_VALUE = 100
"""Newest sign-ups that are found by one card, device or mail: with all of them, a form that always sends the same value
makes every answer slower than the one before. Judgement: policies count to as many."""
LONGEST_FILE = 2
"""Times the sign-ups that are kept from which the file is written anew. Judgement."""
REMEMBERED_DAYS = 400
"""Days for which they are kept, as the history of campaigns."""
UNKNOWN_SIZE = -1
"""Bytes of a file that must be read again."""
_STORED: tuple[IdentifierKind, ...] = ("card", "device", "mail", "address", "network")


class SignUp(NamedTuple):
    """One sign-up."""

    at: int  # microseconds since 1970
    account: int  # keyed hash of its id; 0 where it had none yet
    trial: bool  # whether its plan is a free tier
    hashes: Hashes


class RegisteredSignUps:
    """The sign-ups of a data folder, in memory and in their file; used by several threads.

    `now`: microseconds since 1970; older sign-ups than `REMEMBERED_DAYS` are forgotten. `keeps`: whether the file may
    be written, by the one process that answers sign-ups. Another one would overwrite what that process appends.
    """

    def __init__(self, folder: DataFolder, now: int, *, keeps: bool = True) -> None:
        self._path = folder.path / SIGN_UPS_FILE
        self._lock = threading.Lock()
        self._kept: deque[SignUp] = deque()
        self._with: dict[IdentifierKind, dict[int, deque[SignUp]]] = {kind: {} for kind in PERSONAL_KINDS}
        self._lines, self._size = 0, _size_of(self._path)  # of the file, in bytes, as far as this process knows
        self._late: list[SignUp] | None = None
        self._unsaved: deque[SignUp] = deque(maxlen=KEPT_SIGN_UPS)
        self.problem = ""
        """Why the latest sign-ups are not in the file; "" where they are."""
        with suppress(OSError):
            for one in _iterate_stored(self._path):
                self._lines += 1
                if one.at > now - REMEMBERED_DAYS * DAY:
                    self._keep(one)
        if not keeps:
            return
        self.shorten_file(len(self._kept))
        self._size += _end_torn_line(self._path)

    def __len__(self) -> int:
        return len(self._kept)

    def with_value(self, kind: IdentifierKind, value: int) -> list[SignUp]:
        """Earlier sign-ups with the same card, device or mail, the newest `MOST_WITH_VALUE`."""
        with self._lock:
            return list(self._with[kind].get(value, ()))

    def devices(self) -> dict[int, int]:
        """Keyed hash of an account's id -> its device, the latest that was told."""
        with self._lock:
            return {one.account: one.hashes["device"] for one in self._kept if one.account and "device" in one.hashes}

    def register(self, sign_up: SignUp) -> bool:
        """Remember one; a second one of the same account and values is the same.

        Returns:
            Whether it is in the file; else `problem` says why not, and `save` tries it again.
        """
        with self._lock:
            for kind in PERSONAL_KINDS:
                for known in self._with[kind].get(sign_up.hashes.get(kind, 0), ()):
                    if known.account == sign_up.account and known.account and known.hashes == sign_up.hashes:
                        return not self._unsaved
            self._keep(sign_up)
            self._unsaved.append(sign_up)
            if not self.problem:  # while the disk is full, whoever looks tries all of them at once
                self._write_unsaved()
            return not self._unsaved

    def save(self) -> None:
        """Try again to write what is in no file yet. Raises OutputError: the disk is still full, or the like."""
        with self._lock:
            if self._unsaved:
                self._write_unsaved()
            if self.problem:
                raise OutputError(self.problem, where=str(self._path), next_step="free space in the data folder")

    def _write_unsaved(self) -> None:
        try:
            self._size += _append_lines(self._path, self._unsaved)
        except OSError as error:
            many = fill("{n:sign-up} {n:is|are} in memory alone", n=len(self._unsaved))
            self.problem = f"{many}: {error.strerror or error}"
            return
        self.problem = ""
        self._lines += len(self._unsaved)
        if self._late is not None:
            self._late += self._unsaved
        self._unsaved.clear()

    def forget_erased(self) -> None:
        """Forget what another process took out of the file; sign-ups are answered meanwhile.

        Raises OutputError: the file cannot be read, and what was erased is still known.
        """
        try:
            with self._lock:
                size, unsaved = _size_of(self._path), {id(one) for one in self._unsaved}
                if size == self._size:
                    return
                known, self._size = [one for one in self._kept if id(one) not in unsaved], size
            left = {(one.at, one.account) for one in _iterate_stored(self._path)}
        except OSError as error:
            self._size = UNKNOWN_SIZE  # so that the next look tries it again
            raise OutputError(
                f"the file of sign-ups cannot be read: {error.strerror or error}",
                where=str(self._path), next_step="give stillhunt the right to read it",
            ) from error  # fmt: skip
        gone = {id(one): one for one in known if (one.at, one.account) not in left}
        with self._lock:
            self._kept = deque(one for one in self._kept if id(one) not in gone)
            for one in gone.values():
                self._drop_values(one)

    def shorten_file(self, most_lines: int | None = None) -> None:
        """Write the file anew where it has far more than is kept; sign-ups are answered meanwhile.

        `most_lines`: from which it is. Raises OutputError: there is no room for another one beside it, which stays.
        """
        with self._lock:
            most = LONGEST_FILE * KEPT_SIGN_UPS if most_lines is None else most_lines
            if self._lines <= most or self._late is not None:
                return
            kept, self._late = list(self._kept), []
        beside = self._path.with_suffix(".part")
        try:
            write_whole(beside, map(_line_of, kept))
            with self._lock, self._path.open("rb") as replaced:
                lock_against_appending(replaced)  # and against an erasure
                if _size_of(self._path) != self._size:
                    return  # what was erased must be forgotten first, by the next look
                if self._late:
                    _append_lines(beside, self._late)
                beside.replace(self._path)
                self._lines, self._size = len(kept) + len(self._late), _size_of(self._path)
        except OSError as error:
            raise OutputError(
                f"the file of sign-ups cannot be written anew: {error.strerror or error}",
                where=str(self._path), next_step="free space in the data folder",
            ) from error  # fmt: skip
        finally:
            with self._lock:
                self._late = None
            beside.unlink(missing_ok=True)

    def _keep(self, sign_up: SignUp) -> None:
        self._kept.append(sign_up)
        for kind in PERSONAL_KINDS:
            if (value := sign_up.hashes.get(kind)) is not None:
                self._with[kind].setdefault(value, deque(maxlen=MOST_WITH_VALUE)).append(sign_up)
        if len(self._kept) > KEPT_SIGN_UPS:
            self._drop_values(self._kept.popleft())

    def _drop_values(self, sign_up: SignUp) -> None:
        for kind in PERSONAL_KINDS:
            own = self._with[kind].get(sign_up.hashes.get(kind, -1))
            if own and sign_up in own:  # newer ones may have taken its place
                own.remove(sign_up)
                if not own:
                    del self._with[kind][sign_up.hashes[kind]]


def _append_lines(path: Path, sign_ups: Iterable[SignUp]) -> int:
    """Append all of them, or none where the disk does not take them; the bytes. Raises OSError: it does not."""
    content = b"".join(map(_line_of, sign_ups)) or b"\n"
    append_whole(path, content)
    return len(content)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _end_torn_line(path: Path) -> int:
    """End a line that a process left unfinished, so that the next sign-up is no part of it; the bytes of its end."""
    with suppress(OSError), path.open("rb+") as file:
        if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
            return _append_lines(path, ())
    return 0


def _line_of(sign_up: SignUp) -> bytes:
    stored = {kind: sign_up.hashes[kind] for kind in _STORED if kind in sign_up.hashes}
    said = [sign_up.at, sign_up.account, int(sign_up.trial), stored]
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def _iterate_stored(path: Path) -> Iterator[SignUp]:
    """The sign-ups of the file, none where there is no file. Raises OSError: it cannot be read."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        yield from (one for line in iterate_whole_lines(file) if (one := parse_sign_up(line)) is not None)


def parse_sign_up(line: bytes) -> SignUp | None:
    """The sign-up of a line of the file; None where it is torn, erased, or no line that stillhunt can have written."""
    try:
        found: Any = json.loads(line)
        at, account, trial, hashes = found
        whole = all(
            kind in IDENTIFIER_KINDS and type(value) is int and 0 <= value < 1 << 64 for kind, value in hashes.items()
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return SignUp(at, account, bool(trial), hashes) if whole and type(at) is int and type(account) is int else None
