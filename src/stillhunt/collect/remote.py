"""Files of object stores, read where they lie: s3://, gs://, abfss:// and whatever else pyarrow has a file system for.

Credentials come from where pyarrow finds them (environment, profile, instance role) or stand in the address; they are
part of no name that is shown or written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.fs

from stillhunt.base.errors import InputError

MARK = "://"


@dataclass(frozen=True)
class RemoteFile:
    """One object; has those methods of a Path that reading needs.

    Attributes:
        store: the file system.
        key: its name there.
        size: bytes.
    """

    store: Any
    key: str
    size: int

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rsplit("/", 1)[-1]

    def open(self, mode: str = "rb") -> BinaryIO:
        """Its bytes from the beginning.

        Raises:
            OSError: the store does not give them.
        """
        del mode
        return cast("BinaryIO", self.store.open_input_stream(self.key, compression=None))

    def at_random(self) -> Any:
        """Its bytes in any order, for Parquet."""
        return self.store.open_input_file(self.key)

    def is_file(self) -> bool:
        """True: the store said so when it was asked what there is."""
        return True


Place = Path | RemoteFile
"""Where a file lies."""


def size_of(place: Place) -> int:
    """Bytes of a file."""
    return place.size if isinstance(place, RemoteFile) else place.stat().st_size


def changed_at(place: Place) -> int:
    """When a file was last changed, microseconds since 1970; 0 where its store does not tell."""
    if isinstance(place, Path):
        return place.stat().st_mtime_ns // 1000
    return (place.store.get_file_info(place.key).mtime_ns or 0) // 1000


def for_parquet(place: Place) -> Any:
    """What pyarrow's Parquet reader is given for a file."""
    return place.at_random() if isinstance(place, RemoteFile) else place


def remote_files(address: str, looks_like_data: Callable[[str], bool]) -> list[tuple[str, RemoteFile]]:
    """Objects at an address: one object, or those below a prefix whose names look like logs.

    Args:
        address: a URI; may hold `endpoint_override` and other options of pyarrow's file systems.
        looks_like_data: whether a file of this name is read when it lies in a folder.

    Returns:
        (name relative to the prefix, object), in order of names.

    Raises:
        InputError: no such store, nothing there, or no permission.
    """
    shown = address.split(MARK, 1)[0] + MARK + address.split(MARK, 1)[1].rsplit("@", 1)[-1].split("?", 1)[0]
    try:
        store, root = pa.fs.FileSystem.from_uri(address)
        info = store.get_file_info(root)
        if info.type == pa.fs.FileType.File:
            return [(root.rsplit("/", 1)[-1], RemoteFile(store, root, info.size))]
        listed = store.get_file_info(pa.fs.FileSelector(root, recursive=True, allow_not_found=True))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"the store cannot be read: {reason.replace(address, shown)[:300]}",
            where=shown,
            next_step="check address, credentials and region; pyarrow's file systems take options as "
            "s3://bucket/logs?region=eu-west-1&endpoint_override=host:port",
        ) from error
    prefix = root.rstrip("/") + "/"
    found = [
        (entry.path.removeprefix(prefix), RemoteFile(store, entry.path, entry.size))
        for entry in listed
        if entry.type == pa.fs.FileType.File
        and looks_like_data(entry.path)
        and not any(part.startswith((".", "_")) for part in entry.path.removeprefix(prefix).split("/"))
    ]
    if not found:
        raise InputError("nothing is there that looks like a log", where=shown, next_step="check bucket and prefix")
    return sorted(found, key=lambda pair: pair[0])
