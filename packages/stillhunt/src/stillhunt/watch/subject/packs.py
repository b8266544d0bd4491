"""Evidence packs in a data folder: what they call an account, which of them name it, and until when they are kept."""

import hashlib
import hmac
import re
import stat
import zipfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.key_files import PSEUDONYMS_FILE, keys_folder, read_secret
from stillhunt.base.table_files import table_of_parquet
from stillhunt.base.units import DAY, SECOND

PACKS = "packs"  # folder of the data folder in which packs lie
PACK_FILE = re.compile(r"[\w.-]{1,100}-(\d{8}T\d{6})Z\.zip")
_STAMP = "%Y%m%dT%H%M%S"
_LONGEST_ENTRY = 1 << 30
_DIGITS = 16
"""Hexadecimal digits of a pseudonym; stillhunt-evidence makes them, and its tests compare both."""


def packs_of(data: Path) -> Iterator[tuple[Path, int]]:
    """Packs with the time when each was made, microseconds since 1970, ascending by name; links are passed over."""
    folder = data / PACKS
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        named = PACK_FILE.fullmatch(path.name)
        if named is None or not stat.S_ISREG(path.lstat().st_mode):
            continue
        with suppress(ValueError):  # a name with a month 13 is not ours
            made = datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC)
            yield path, int(made.timestamp()) * SECOND


def pack_span(made: int, config: Config) -> tuple[int, int]:
    """The time that a pack may be about: the window of a snapshot that was as old as snapshots may be, to its making.

    `config`: settings; watch.window_days and watch.snapshot_days.
    """
    return made - int((config.watch.window_days + config.watch.snapshot_days) * DAY), made


def names_in_packs(config: Config, account: str) -> tuple[str, ...] | None:
    """What packs call an account: its id in full ones, its pseudonym in others, for which the key must be here.

    Raises ConfigError: the key cannot be read, or others may read it.
    """
    path = keys_folder(config) / PSEUDONYMS_FILE
    if not path.is_file():
        return None
    text = f"account\0{account}".encode("utf-8", "surrogatepass")
    return account, "a-" + hmac.new(read_secret(path), text, hashlib.sha256).hexdigest()[:_DIGITS]


def pack_names(path: Path, names: Collection[str]) -> bool:
    """Whether a pack holds any of some names, whole, in a table; True too where it cannot be read."""
    wanted = pa.array(sorted(names), pa.string())
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith(".parquet") and entry.file_size < _LONGEST_ENTRY:
                    table = table_of_parquet(archive.read(entry))
                    if any(_has_wanted_value(table[name], wanted) for name in table.column_names):
                        return True
    except (OSError, zipfile.BadZipFile, pa.ArrowException, NotImplementedError):
        return True
    return False


def _has_wanted_value(column: pa.ChunkedArray, wanted: pa.Array) -> bool:
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    if not pa.types.is_string(column.type):
        return False
    return bool(pc.any(pc.is_in(column, value_set=wanted)).as_py())
