"""The decisions that stood when the log was last verified, in a file: a changed or lost log must not let them end.

The file has the place and the hash of the last entry, too, so that a log is noticed whose end was cut off, or that was
replaced by another one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stillhunt.base.errors import CaseError
from stillhunt.base.whole_files import write_whole
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.table import DecisionTable, table_of

VERIFIED_FILE = "decisions.verified"
_PLACE = b"stillhunt_place"
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class VerifiedDecisions:
    """What was verified.

    Attributes:
        seq: place of the last entry; 0 for a log without entries.
        digest: its hash; "" for a log without entries.
    """

    seq: int
    digest: str
    table: DecisionTable

    @property
    def revision(self) -> str:
        """Place and hash in short."""
        return f"{self.seq}-{self.digest[:16]}" if self.seq else "0"


def write_verified(path: Path, verified: VerifiedDecisions) -> None:
    """Keep what was verified.

    Raises:
        OutputError: it cannot be written.
    """
    place = json.dumps([verified.seq, verified.digest]).encode()
    rows = verified.table.rows().replace_schema_metadata({_PLACE: place})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as file:
        file.write_table(rows)
    content = sink.getvalue().to_pybytes()
    write_whole(path, (hashlib.sha256(content).digest(), content))


def read_verified(path: Path, allowed: frozenset[str] = frozenset()) -> VerifiedDecisions | None:
    """What was kept; None where nothing was.

    Args:
        allowed: accounts of declared programmes, about which rules say nothing.

    Raises:
        CaseError: it is damaged.
    """
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, error.strerror or "it cannot be read") from error
    if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
        raise _damaged(path, "its checksum is wrong")
    try:
        rows = pa.ipc.open_file(pa.py_buffer(content[_DIGEST_BYTES:])).read_all()
        seq, digest = json.loads((rows.schema.metadata or {})[_PLACE])
        return VerifiedDecisions(int(seq), str(digest), table_of(rows, allowed))
    except (pa.ArrowInvalid, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, "this version does not know its form") from error


def lost_since(verified: VerifiedDecisions, log: list[LogEntry]) -> str:
    """What is wrong with a log, compared with what was verified of it before; empty where it goes on from there."""
    if not verified.seq:
        return ""
    if len(log) < verified.seq:
        return f"it had {verified.seq} entries and has {len(log)}"
    if log[verified.seq - 1].digest != verified.digest:
        return f"entry {verified.seq} is another one than before"
    return ""


def _damaged(path: Path, why: str) -> CaseError:
    return CaseError(
        f"the file of verified decisions is damaged ({why}), so nobody can tell whether the end of the log is missing; "
        "compare the last hash of the log, and accept the log where it is right",
        where=str(path),
        next_step="restore it from a backup, or accept the log as it is",
        command_step="restore it from a backup, or run 'stillhunt decisions verify --accept'",
    )
