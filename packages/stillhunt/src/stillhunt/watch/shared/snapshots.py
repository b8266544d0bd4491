"""Snapshots in the shared store: the hunter puts them there, and consoles, deciders and other hunters fetch them."""

import shutil
import tempfile
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection, select

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.extract import STATE_KEY, identity_key
from stillhunt.watch.database.store import WatchDatabase, write_meta
from stillhunt.watch.database.tables import META
from stillhunt.watch.folder import OWNER_ONLY, DataFolder, sync_folder, write_synced
from stillhunt.watch.shared.objects import ObjectStore, is_object_store, open_object_store
from stillhunt.watch.snapshots import Snapshot, damaged_files, latest_snapshot, name_of

SHARED_ROW = "shared_snapshot"  # row of META with the name under which the latest snapshot is in the store
SNAPSHOT_OBJECTS, KEY_OBJECT = "snapshots", "identity.key"
KEPT_SNAPSHOTS = 3
"""Snapshots that stay in the store. Judgement: who fetches one has time until two more are made."""


def shared_store(config: Config) -> ObjectStore | None:
    """The store in which snapshots are shared; None where none is set. Raises ConfigError: it cannot be used."""
    address = config.watch.shared or (config.serve.store if is_object_store(config.serve.store) else "")
    return open_object_store(address) if address else None


def offer_snapshot(store: ObjectStore, snapshot: Snapshot, term: int) -> str:
    """Put a snapshot into the store, before it is published.

    `term`: of the lease, so that one who lost it overwrites nothing. Returns its name there. Raises OutputError: the
    store cannot be used now.
    """
    name = f"{name_of(snapshot.sequence)}-{term}"
    try:
        for path in sorted(snapshot.path.rglob("*")):
            if path.is_file():
                relative = path.relative_to(snapshot.path).as_posix()
                store.put_object(f"{SNAPSHOT_OBJECTS}/{name}/{relative}", path.read_bytes())
        for old in store.list_folders(SNAPSHOT_OBJECTS)[:-KEPT_SNAPSHOTS]:
            for one in store.list_objects(f"{SNAPSHOT_OBJECTS}/{old}"):
                store.remove_object(one.name)
    except OSError as error:
        raise _make_store_error(error) from error
    return name


def record_shared_snapshot(connection: Connection, name: str) -> None:
    """Publish the name in the transaction that publishes the snapshot."""
    write_meta(connection, SHARED_ROW, name)


def fetch_shared_snapshot(folder: DataFolder, database: WatchDatabase, store: ObjectStore) -> bool:
    """Make the published snapshot the latest one of this folder, where it is another one.

    Returns whether it was fetched. Raises OutputError: the store or the database cannot be used now, or what is there
    is not what was written.
    """
    rows = database.read(select(META.c.value).where(META.c.name == SHARED_ROW))
    name = rows[0]["value"] if rows else ""
    here, sequence = latest_snapshot(folder), name.partition("-")[0]
    if not sequence.isdigit() or (here is not None and here.sequence >= int(sequence) and here.path.is_dir()):
        return False
    hidden = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder.snapshots))
    try:
        _copy_snapshot_files(store, f"{SNAPSHOT_OBJECTS}/{name}", hidden)
        target = folder.snapshots / name_of(int(sequence))
        if damaged_files(Snapshot(int(sequence), hidden)) or not any(hidden.iterdir()):
            raise OSError("the shared snapshot is not complete")
        shutil.rmtree(target, ignore_errors=True)
        hidden.rename(target)
        sync_folder(folder.snapshots)
        folder.switch_latest(target.name)
    except OSError as error:
        raise _make_store_error(error) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return True


def _copy_snapshot_files(store: ObjectStore, prefix: str, target: Path) -> None:
    for one in store.list_objects(prefix):
        relative = PurePosixPath(one.name).relative_to(prefix)
        if ".." in relative.parts:
            continue  # nobody but a hunter writes there, and a hunter writes no such name
        path = target / relative
        path.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        write_synced(path, store.get_object(one.name))


def share_state_key(folder: DataFolder, store: ObjectStore) -> None:
    """Have the same key of hashes as the other hunters: that of the store, or else this folder's own, put there.

    Raises OutputError: the store cannot be used now.
    """
    path = folder.state / STATE_KEY
    try:
        try:
            key = store.get_object(KEY_OBJECT)
        except FileNotFoundError:
            return store.put_object(KEY_OBJECT, identity_key(folder.state).encode())  # drawn where there is none
        if not path.exists() or path.read_bytes() != key:
            write_synced(path, key)
    except OSError as error:
        raise _make_store_error(error) from error


def _make_store_error(error: OSError) -> OutputError:
    return OutputError(
        f"the shared store cannot be used: {error.strerror or error}",
        where="setting serve.store",
        next_step="repair the store; it is tried again",
    )
