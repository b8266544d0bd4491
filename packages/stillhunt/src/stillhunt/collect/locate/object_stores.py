"""Files in object stores, read in place: s3://, gs://, abfss:// and all other file systems of pyarrow.

Credentials come from where pyarrow finds them (environment, profile, instance role) or from the address. They appear in
no name that is shown or written.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.fs

from stillhunt.base.errors import InputError
from stillhunt.collect.locate.database import StoredTable

MARK = "://"
PLAIN_OPTIONS = frozenset(("region", "scheme", "endpoint_override", "tls_verify_certificates"))
"""Options of an address that are not secret."""
SHORTEST_SECRET = 4
"""Fewest characters of a part of an address that is hidden in messages; shorter ones would blot out words."""


@dataclass(frozen=True)
class RemoteFile:
    """One object, with the methods of a Path that reading needs."""

    store: Any
    key: str  # name of the object in it
    size: int
    home: str = ""  # kind of store and endpoint, since equal keys mean the same object only within one store

    @property
    def name(self) -> str:
        """Last part of the key."""
        return self.key.rsplit("/", 1)[-1]

    def open(self, mode: str = "rb") -> BinaryIO:
        """Its bytes from the beginning."""
        del mode
        return cast("BinaryIO", self.store.open_input_stream(self.key, compression=None))

    def at_random(self) -> Any:
        """Its bytes in any order, for Parquet."""
        return self.store.open_input_file(self.key)

    def version(self) -> str:
        """What the store calls this content of the object (its ETag); empty where it does not say."""
        with self.store.open_input_file(self.key) as opened:  # asks for the object's head only
            found: bytes = opened.metadata().get("ETag", b"")
        return found.decode("utf-8", "replace")

    def is_file(self) -> bool:
        """True, as the store said when it listed its objects."""
        return True


Place = Path | RemoteFile | StoredTable  # place of a file, or of a table that is read like one


def size_of(place: Place) -> int:
    """Bytes of a file; 0 for a table of a database."""
    if isinstance(place, Path):
        return place.stat().st_size
    return place.size if isinstance(place, RemoteFile) else 0


def changed_at(place: Place) -> int:
    """Time of the last change of a file, microseconds since 1970; 0 if its store or database does not say."""
    if isinstance(place, Path):
        return place.stat().st_mtime_ns // 1000
    return (place.store.get_file_info(place.key).mtime_ns or 0) // 1000 if isinstance(place, RemoteFile) else 0


def for_parquet(place: Place) -> Any:
    """A file in the form that pyarrow's Parquet reader takes."""
    return place.at_random() if isinstance(place, RemoteFile) else place


def local_path(address: str) -> str:
    """The path of a file:// address; an InputError if it names another machine, or is not valid."""
    try:
        return str(pa.fs.FileSystem.from_uri(address)[1])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            "the address is not one of this machine's files",
            where=hide_credentials(address),
            next_step="write it as file:///FOLDER",
        ) from error


def _parse_address_options(address: str) -> dict[str, str]:
    pairs = (option.partition("=") for option in address.partition("?")[2].split("&"))
    return {name: value for name, _, value in pairs}


def hide_credentials(address: str) -> str:
    """An address without credentials, which may stand before the @ and in the options."""
    scheme, _, rest = address.partition(MARK)
    place, _, options = rest.partition("?")
    # An @ after a question mark belongs to a password that was not encoded, or to an option: show nothing of it.
    return f"{scheme}{MARK}..." if "@" in options else f"{scheme}{MARK}{place.rsplit('@', 1)[-1]}"


def _without_secrets(reason: str, address: str) -> str:
    """An error message of a store without the secrets in the address, as they stand there or decoded."""
    user = address.partition(MARK)[2].rpartition("@")[0]
    secrets = {user, *user.split(":", 1), *re.split("[:?]", user)}
    secrets |= {value for name, value in _parse_address_options(address).items() if name not in PLAIN_OPTIONS}
    secrets |= {unquote(secret) for secret in secrets}
    secrets |= {quote(secret, safe="") for secret in secrets}
    reason = reason.replace(address, hide_credentials(address))
    for secret in sorted(secrets, key=len, reverse=True):
        reason = reason.replace(secret, "***") if len(secret) >= SHORTEST_SECRET else reason
    return reason


def reason_of(error: Exception, address: str) -> str:
    """The first line of what a store says, without the secrets of its address."""
    return _without_secrets((str(error).strip() or type(error).__name__).splitlines()[0], address)[:300]


def remote_files(address: str, looks_like_data: Callable[[str], bool]) -> list[tuple[str, RemoteFile]]:
    """One object at an address (a URI with pyarrow's options), or those below it whose names look like logs.

    An InputError if there is no such store, no object, or no permission.
    """
    shown = hide_credentials(address)
    try:
        store, root = pa.fs.FileSystem.from_uri(address)
        info = store.get_file_info(root)
        home = f"{store.type_name}{MARK}{_parse_address_options(address).get('endpoint_override', '')}"
        if info.type == pa.fs.FileType.File:
            return [(root.rsplit("/", 1)[-1], RemoteFile(store, root, info.size, home))]
        listed = store.get_file_info(pa.fs.FileSelector(root, recursive=True, allow_not_found=True))
    except (pa.ArrowException, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"the store cannot be read: {reason_of(error, address)}",
            where=shown,
            next_step="check address, credentials and region; options of pyarrow's file systems are written as "
            "s3://bucket/logs?region=eu-west-1&endpoint_override=host:port",
        ) from error
    prefix = root.rstrip("/") + "/"
    found = [
        (entry.path.removeprefix(prefix), RemoteFile(store, entry.path, entry.size, home))
        for entry in listed
        if entry.type == pa.fs.FileType.File
        and looks_like_data(entry.path)
        and not any(part.startswith((".", "_")) for part in entry.path.removeprefix(prefix).split("/"))
    ]
    if not found:
        raise InputError(
            "no object at this address looks like a log", where=shown, next_step="check the bucket and the prefix"
        )
    return sorted(found, key=lambda pair: pair[0])
