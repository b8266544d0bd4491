"""Parts that are closed: by whoever wrote them, or later, where their process died."""

import fcntl
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stillhunt.watch.folder import sync_folder
from stillhunt.watch.spool.ledger import PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import OPEN, open_parts
from stillhunt.watch.spool.sums import sums_path, verify_part

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Recovered:
    """A part that a process left open when it died."""

    path: Path
    size: int  # bytes that were kept; 0 where there were none, so that the part is gone
    cut: int  # bytes behind them, which were never acknowledged
    damage: str  # what is wrong with what was acknowledged, in one sentence; empty where nothing is


def close_left_behind(spool: Path) -> list[Recovered]:
    """Close the parts that no process holds any more: cut each back to what was acknowledged, and rename it.

    Returns what was closed, but for empty ones; a part that cannot be read or written now is left for a later look.
    """
    recovered = []
    for path in open_parts(spool):
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # its writer closed it meanwhile, or nothing can be written now: another look will close it
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                found = _recover_part(spool, handle, path)
                recovered += [found] if found.size or found.cut or found.damage else []
        except OSError:
            continue  # its writer has it, or nothing can be written now
        finally:
            os.close(handle)
    return recovered


def _recover_part(spool: Path, handle: int, path: Path) -> Recovered:
    found, size = verify_part(handle, path), os.fstat(handle).st_size
    os.ftruncate(handle, found.size)
    final = final_path(path)
    name = SpoolLedger(spool).name_of(final)
    entry = PartEntry(name, found.size, found.records, sha256_of(handle), damage=found.damage)
    close_part(spool, handle, path, entry)
    return Recovered(final, found.size, size - found.size, found.damage)


def close_part(spool: Path, handle: int, path: Path, entry: PartEntry) -> None:
    """Enter a part in the ledger and give it its final name, or remove it where it is empty.

    Where the ledger cannot be written, the sums of the part stay, and the next hunt enters it.

    Raises:
        OSError: it cannot be closed now.
    """
    empty = not os.fstat(handle).st_size
    if not empty:
        os.fsync(handle)
    entered = empty and not entry.damage
    if not entered:
        with suppress(OSError):
            SpoolLedger(spool).append([entry])
            entered = True
    if empty:
        path.unlink(missing_ok=True)
    else:
        path.rename(final_path(path))
    sync_folder(path.parent)
    if entered:
        sums_path(path).unlink(missing_ok=True)


def final_path(path: Path) -> Path:
    """The name of a part once it is closed."""
    return path.with_name(path.name.removesuffix(OPEN))


def sha256_of(handle: int) -> str:
    """Digest of a whole file, in hexadecimal digits."""
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(handle, _PIECE_BYTES, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
