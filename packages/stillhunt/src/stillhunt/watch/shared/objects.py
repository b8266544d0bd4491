"""Whole objects in a store that several machines reach: a bucket, or a shared folder.

An object is written once under a name of its own and never changed. So nothing needs locks, and NFS will do.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.fs

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.collect.locate.object_stores import MARK, hide_credentials, local_path, reason_of
from stillhunt.watch.folder import OWNER_ONLY, sync_folder, write_synced

_LOCAL = "file://"
_HALF_WRITTEN = ".part"


class StoredObject(NamedTuple):
    """One object as it is listed."""

    name: str  # relative to the store, with `/` between its parts
    size: int  # bytes


class ObjectStore(Protocol):
    """Objects by name. All methods raise OSError where the store cannot be used now."""

    def put_object(self, name: str, data: bytes) -> None:
        """Store an object; when this returns, it lasts."""

    def get_object(self, name: str) -> bytes:
        """The content of an object; FileNotFoundError where there is none."""

    def list_objects(self, under: str) -> list[StoredObject]:
        """Objects whose name begins with `under` and a slash, ascending by name."""

    def list_folders(self, under: str) -> list[str]:
        """The next parts of the names that begin with `under` and a slash, where more follows; ascending."""

    def remove_object(self, name: str) -> None:
        """Remove an object; nothing happens where there is none."""


def open_object_store(address: str) -> ObjectStore:
    """The store at an address: file:///FOLDER, s3://BUCKET/PREFIX, gs://... or abfss://..., with pyarrow's options.

    Raises ConfigError: it cannot be read as one.
    """
    try:
        if address.startswith(_LOCAL):
            return _FolderObjects(Path(local_path(address)))
        delayed = address.startswith("s3://") and "allow_delayed_open" not in address
        # one request in place of three, which a multipart upload takes
        whole = f"{address}{'&' if '?' in address else '?'}allow_delayed_open=true" if delayed else address
        store, root = pa.fs.FileSystem.from_uri(whole)
    except (pa.ArrowException, InputError, OSError, ValueError, NotImplementedError) as error:
        said = error.what if isinstance(error, InputError) else reason_of(error, address)
        raise ConfigError(
            f"the store cannot be used: {said}",
            where=f"setting serve.store: {hide_credentials(address)}",
            next_step="write file:///FOLDER, or s3://BUCKET/PREFIX?region=REGION with the options of pyarrow",
        ) from error
    return _RemoteObjects(address, store, root.rstrip("/"))


def is_object_store(address: str) -> bool:
    """Whether the setting `serve.store` names a store of objects."""
    return MARK in address


class _FolderObjects:
    """Objects as files; each is renamed into place when it is whole and synced."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _check_root(self) -> None:
        """A folder that is not mounted must not look like an empty one."""
        if not self._root.is_dir():
            raise OSError(errno.EIO, "the shared folder is gone, or not mounted")

    def put_object(self, name: str, data: bytes) -> None:
        self._check_root()
        path = self._root / name
        new = [one for one in path.parents if not one.is_dir()]
        path.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        beside = path.with_name(f".{secrets.token_hex(8)}{_HALF_WRITTEN}")  # what is only half there is never listed
        try:
            write_synced(beside, data)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        for folder in (path.parent, *(made.parent for made in new)):
            sync_folder(folder)

    def get_object(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def list_objects(self, under: str) -> list[StoredObject]:
        self._check_root()
        found = []
        for current, folders, names in os.walk(self._root / under):
            folders[:] = [one for one in folders if not one.startswith(".")]
            for name in names:
                path = Path(current) / name
                if not name.startswith(".") and path.is_file() and not path.is_symlink():
                    found.append(StoredObject(path.relative_to(self._root).as_posix(), path.stat().st_size))
        return sorted(found)

    def list_folders(self, under: str) -> list[str]:
        self._check_root()
        place = self._root / under
        if not place.is_dir():
            return []
        return sorted(one.name for one in place.iterdir() if one.is_dir() and not one.name.startswith("."))

    def remove_object(self, name: str) -> None:
        path = self._root / name
        path.unlink(missing_ok=True)
        with suppress(OSError):  # it holds others, or somebody just puts one there
            for folder in list(path.relative_to(self._root).parents)[:-1]:
                (self._root / folder).rmdir()


class _RemoteObjects:
    """Objects in a bucket, by a file system of pyarrow."""

    def __init__(self, address: str, store: Any, root: str) -> None:
        self._address, self._store, self._root = address, store, root

    def put_object(self, name: str, data: bytes) -> None:
        with self._told():
            stream = self._store.open_output_stream(f"{self._root}/{name}", compression=None)
            stream.write(data)
            stream.close()  # not on an error above: that would complete a part of it

    def get_object(self, name: str) -> bytes:
        with self._told(), self._store.open_input_stream(f"{self._root}/{name}", compression=None) as stream:
            return bytes(stream.read())

    def list_objects(self, under: str) -> list[StoredObject]:
        listed = self._list_entries(under, recursive=True)
        files = (one for one in listed if one.type == pa.fs.FileType.File)
        return sorted(StoredObject(one.path.removeprefix(f"{self._root}/"), one.size) for one in files)

    def list_folders(self, under: str) -> list[str]:
        listed = self._list_entries(under, recursive=False)
        return sorted(one.base_name for one in listed if one.type == pa.fs.FileType.Directory)

    def remove_object(self, name: str) -> None:
        with self._told():
            try:
                self._store.delete_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    def _list_entries(self, under: str, *, recursive: bool) -> list[Any]:
        selector = pa.fs.FileSelector(f"{self._root}/{under}".rstrip("/"), recursive=recursive, allow_not_found=True)
        with self._told():
            return list(self._store.get_file_info(selector))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the store without its credentials."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise OSError(errno.EIO, f"the object store fails: {reason_of(error, self._address)}") from None
