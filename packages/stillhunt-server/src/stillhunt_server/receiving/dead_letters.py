"""Dead letters: what a fault of ours kept from being stored as a record, kept as it came, so that nothing is lost."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import NamedTuple

from stillhunt.watch.folder import OWNER_ONLY, sync_folder, write_synced
from stillhunt.watch.spool.dead_letters import LETTER_ENDING, letters_of

_HALF_WRITTEN = ".part"


class DeadLetterLimits(NamedTuple):
    """How much is kept of what could not be stored as records."""

    # Most dead letters in the folder; further ones stay with their senders (one fault makes many letters that say the
    # same; nobody reads a thousand)
    most_letters: int = 1000
    # Most bytes of all dead letters; further ones stay with their senders (four bodies of the longest size that is
    # allowed by default)
    most_bytes: int = 256 << 20


LETTER_LIMITS = DeadLetterLimits()


class DeadLetters:
    """A folder with one file for each letter: a line of JSON that says what it is, and then its bytes as they came.

    Any thread may keep one. Nothing is read back by stillhunt: a letter is for whoever mends the fault, and can then be
    sent again.

    Args:
        folder: where they lie; it is made with the first of them.
    """

    def __init__(self, folder: Path, limits: DeadLetterLimits = LETTER_LIMITS) -> None:
        self._folder, self._limits = folder, limits
        self._lock = threading.Lock()
        self._number = 0

    def keep(self, source: str, data: bytes, reason: str) -> bool:
        """Keep one letter, synced to the disk.

        Args:
            source: folder of the spool that it would have gone to.
            reason: the kind of the fault, such as "RecursionError"; nothing that the letter holds.

        Returns:
            Whether it was kept. If not, there are too many already, or the disk fails: the sender must keep it.
        """
        head = json.dumps({"at": time.time_ns() // 1000, "source": source, "reason": reason, "bytes": len(data)})
        with self._lock:
            try:
                sizes = [path.stat().st_size for path, _ in letters_of(self._folder)]
                room = self._limits.most_bytes - sum(sizes)
                if len(sizes) >= self._limits.most_letters or len(data) > room:
                    return False
                self._write_dead_letter(head.encode() + b"\n" + data)
            except OSError:
                return False
        return True

    def count(self) -> int:
        """How many there are."""
        return len(letters_of(self._folder))

    def _write_dead_letter(self, letter: bytes) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=OWNER_ONLY)
            sync_folder(self._folder.parent)
        self._number += 1
        final = self._folder / f"{time.time_ns():020d}-{os.getpid()}-{self._number}{LETTER_ENDING}"
        beside = final.with_suffix(_HALF_WRITTEN)
        try:
            write_synced(beside, letter)
            beside.rename(final)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)
