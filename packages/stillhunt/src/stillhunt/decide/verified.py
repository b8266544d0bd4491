"""The decisions that stood when the log was last verified, in a file: a changed or lost log must not let them end.

The file has the place and the hash of the last entry, too, so that a log is noticed whose end was cut off, or that was
replaced by another one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stillhunt.base.errors import CaseError
from stillhunt.base.table_files import write_whole
from stillhunt.decide.table import DecisionTable, table_of
from stillhunt.ledger.chain import LEDGER_START, LedgerPlace

VERIFIED_FILE = "decisions.verified"
_PLACE, _MADE = b"stillhunt_place", b"stillhunt_made"
_MAGIC_BYTES = 8
"""Of an Arrow file before its schema."""
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class VerifiedDecisions:
    """What was verified."""

    last: LedgerPlace  # the last entry; LEDGER_START for a log without entries
    table: DecisionTable
    # whether later entries may be added to the table: it has all that a table made anew would have
    goes_on: bool = True

    @property
    def revision(self) -> str:
        """Place and hash in short."""
        return f"{self.last.seq}-{self.last.digest[:16]}" if self.last.seq else "0"


def write_verified(path: Path, verified: VerifiedDecisions, allowed: frozenset[str], now: int) -> None:
    """Keep what was verified.

    `allowed`: accounts of declared programmes, about which the table has no decisions of rules. Raises OutputError: it
    cannot be written.
    """
    about = {_PLACE: json.dumps(verified.last).encode(), _MADE: json.dumps([now, sorted(allowed)]).encode()}
    rows = verified.table.rows().replace_schema_metadata(about)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, rows.schema) as file:
        file.write_table(rows)
    content = sink.getvalue().to_pybytes()
    write_whole(path, (hashlib.sha256(content).digest(), content))


def read_verified(path: Path, allowed: frozenset[str] = frozenset(), now: int = 0) -> VerifiedDecisions | None:
    """What was kept; None where nothing was.

    `now`: microseconds since 1970; a table that was made later may lack what had ended by then. Raises CaseError: it is
    damaged.
    """
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _make_damaged_file_error(path, error.strerror or "it cannot be read") from error
    if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
        raise _make_damaged_file_error(path, "its checksum is wrong")
    try:
        rows = pa.ipc.open_file(pa.py_buffer(content[_DIGEST_BYTES:])).read_all()
        about = rows.schema.metadata or {}
        made_at, left_out = json.loads(about.get(_MADE, b"[null, []]"))
        goes_on = made_at is not None and made_at <= now and left_out == sorted(allowed)
        return VerifiedDecisions(_place_in(about), table_of(rows, allowed), goes_on)
    except (pa.ArrowInvalid, ValueError, KeyError, TypeError) as error:
        raise _make_damaged_file_error(path, "this version does not know its form") from error


def kept_place(path: Path) -> LedgerPlace:
    """The last entry that was verified; LEDGER_START where nothing was kept. Raises CaseError: the file is damaged."""
    try:
        with path.open("rb") as file:
            file.seek(_DIGEST_BYTES + _MAGIC_BYTES)
            return _place_in(pa.ipc.read_schema(pa.PythonFile(file)).metadata or {})
    except FileNotFoundError:
        return LEDGER_START
    except OSError as error:
        raise _make_damaged_file_error(path, error.strerror or "it cannot be read") from error
    except (pa.ArrowInvalid, ValueError, KeyError, TypeError) as error:
        raise _make_damaged_file_error(path, "this version does not know its form") from error


def _place_in(about: Mapping[bytes, bytes]) -> LedgerPlace:
    seq, digest = json.loads(about[_PLACE])
    return LedgerPlace(int(seq), str(digest)) if seq else LEDGER_START


def _make_damaged_file_error(path: Path, why: str) -> CaseError:
    return CaseError(
        f"the file of verified decisions is damaged ({why}), so nobody can tell whether the end of the log is missing; "
        "compare the last hash of the log, and accept the log where it is right",
        where=str(path),
        next_step="restore it from a backup, or accept the log as it is",
        command_step="restore it from a backup, or run 'stillhunt decisions verify --accept'",
    )
