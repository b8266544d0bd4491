"""Records as objects of a shared store: receivers put them there, and hunters fetch them into their own spools."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import time
from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from stillhunt.watch.folder import OWNER_ONLY, sync_folder, write_synced
from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt.watch.shared.objects import ObjectStore, StoredObject
from stillhunt.watch.spool.parts import HOUR_NAME, Stream, is_source_name
from stillhunt_server.receiving.committer import SpoolBusyError
from stillhunt_server.receiving.object_merging import has_all_parts
from stillhunt_server.receiving.object_names import RECORDS, RecordName, is_hour_name, parse_record_name
from stillhunt_server.receiving.sinks import RecordSink, StoredTogether
from stillhunt_server.receiving.traffic import Limits, Traffic

FETCHED = "fetched"
"""Folder of a data folder with the names of the objects that are in its spool, a file for each source and hour."""
DAMAGED_FAULT, FETCH_FAULT = "store objects", "store"
_MOST_GONE = 64
"""Names of objects that are gone and still kept. Judgement: a file is not written anew for fewer."""
_STAMP = "%Y%m%dT%H%M%S%f"


class FetchPace(NamedTuple):
    """How often a hunter looks for new objects."""

    # seconds between two looks at the hours that may still grow (a link of a new account is known within seconds)
    look_seconds: float = 5.0
    # seconds between two looks at all hours (a receiver whose clock is wrong writes into another hour)
    whole_seconds: float = 300.0
    # minutes for which an hour that has ended may still grow (uploads that are repeated, clocks that differ)
    late_minutes: float = 10.0
    # bytes that are fetched, synced and noted together
    batch_bytes: int = 32 << 20


FETCH_PACE = FetchPace()


class RecordObjects:
    """Puts records of one stream into the store as one object, named by time, content and what it is."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def store_records(self, stream: Stream, data: bytes, records: int) -> None:
        """Store whole records.

        Raises:
            OSError: they may not have been stored.
        """
        now = datetime.now(UTC)
        digest = hashlib.sha256(data).hexdigest()[:32]
        name = RecordName(now.strftime(_STAMP), max(records, 1), digest, stream.kind, stream.ending)
        self._store.put_object(f"{RECORDS}/{stream.source}/{now.strftime(HOUR_NAME)}/{name.text}", data)


class FetchedNames:
    """Names of objects that are in the spool. A name is noted after its records, so a kill makes a copy and no loss.

    Args:
        folder: where they are kept; it is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[str, str], set[str]] = {}

    def of_hour(self, source: str, hour: str) -> set[str]:
        """Names of one source and hour."""
        if (source, hour) not in self._known:
            try:
                lines = (self._folder / source / hour).read_text("ascii", "replace").split("\n")
            except FileNotFoundError:
                lines = [""]
            self._known[source, hour] = set(lines[:-1])  # what stands behind the last line end was cut by a kill
        return self._known[source, hour]

    def note(self, source: str, hour: str, names: Sequence[str]) -> None:
        """Note what is in the spool now."""
        path = self._folder / source / hour
        if not path.exists():
            path.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, ("\n" + "\n".join(names) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_folder(path.parent)
        self.of_hour(source, hour).update(names)

    def forget_others(self, source: str, hour: str, there: Set[str]) -> None:
        """Forget objects that are gone, because they were merged; not each time that there are some."""
        known = self.of_hour(source, hour)
        gone = known - there
        if len(gone) > _MOST_GONE:
            known -= gone
            beside = self._folder / source / f".{hour}"
            write_synced(beside, "".join(f"{name}\n" for name in sorted(known)).encode())
            beside.replace(self._folder / source / hour)

    def forget_before(self, hour: str) -> None:
        """Forget hours whose records are deleted everywhere."""
        for key in [one for one in self._known if one[1] < hour]:
            del self._known[key]
        for path in self._folder.glob("*/*"):
            if path.name < hour:
                path.unlink(missing_ok=True)


class ObjectFetcher:
    """Fetches new objects into the spool of this machine until it is stopped.

    Args:
        days: age from which hours are left out, since the spool keeps nothing so old.
        limits: whether there is room; while there is none, objects stay where they are.
        traffic: counts them, and says why nothing comes.
    """

    def __init__(
        self,
        store: ObjectStore,
        committer: RecordSink,
        names: FetchedNames,
        limits: Limits,
        traffic: Traffic,
        days: float,
        pace: FetchPace = FETCH_PACE,
    ) -> None:
        self._store, self._committer, self._names = store, committer, names
        self._limits, self._traffic, self._pace = limits, traffic, pace
        self._days, self._whole_at = days, 0.0
        self._faults = ServiceFaults()
        self._stopping = threading.Event()
        self.thread = KeptThread("fetch", self._fetch_until_stopped, self._stopping.is_set)

    def start(self, faults: ServiceFaults) -> None:
        """Begin, and report faults there."""
        self._faults = faults
        self.thread.report_to(faults)
        self.thread.start()

    def stop(self) -> None:
        """Finish what was fetched, and end."""
        self._stopping.set()
        self.thread.join()

    def fetch_new(self) -> int:
        """Look once, and fetch what is new.

        Returns:
            Records that were fetched.

        Raises:
            OSError: the store or the disk cannot be used now.
            SpoolBusyError: more is written than the disk can take.
        """
        now = datetime.now(UTC)
        whole = time.monotonic() >= self._whole_at
        late = (now - timedelta(hours=1, minutes=self._pace.late_minutes)).strftime(HOUR_NAME)
        oldest = (now - timedelta(days=self._days)).strftime(HOUR_NAME)
        fetched = 0
        for source in filter(is_source_name, self._store.list_folders(RECORDS)):
            for hour in self._store.list_folders(f"{RECORDS}/{source}"):
                if is_hour_name(hour) and hour >= (oldest if whole else late):
                    fetched += self._fetch_hour(source, hour)
        if whole:
            self._names.forget_before(oldest)
            self._whole_at = time.monotonic() + self._pace.whole_seconds
        return fetched

    def _fetch_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                if full := self._limits.full():
                    raise OSError(errno.ENOSPC, full)
                self.fetch_new()
                self._faults.end(FETCH_FAULT)
            except SpoolBusyError:
                pass  # the next look goes on
            except OSError as error:
                why = error.strerror or type(error).__name__
                self._faults.begin(FETCH_FAULT, f"nothing new is fetched from serve.store: {why}")
            self._stopping.wait(self._pace.look_seconds)

    def _fetch_hour(self, source: str, hour: str) -> int:
        known, fetched = self._names.of_hour(source, hour), 0
        batch: list[StoredObject] = []
        listed = self._store.list_objects(f"{RECORDS}/{source}/{hour}")
        for one in listed:
            text, name = one.name.rpartition("/")[2], parse_record_name(one.name)
            if not name.records or text in known:
                continue
            if name.parts and has_all_parts(name, known):
                self._names.note(source, hour, [text])
                continue
            batch.append(one)
            if sum(each.size for each in batch) >= self._pace.batch_bytes:
                fetched += self._fetch_batch(source, hour, batch)
                batch = []
            if self._stopping.is_set():
                return fetched
        fetched += self._fetch_batch(source, hour, batch) if batch else 0
        self._names.forget_others(source, hour, {one.name.rpartition("/")[2] for one in listed})
        return fetched

    def _fetch_batch(self, source: str, hour: str, batch: Sequence[StoredObject]) -> int:
        """Fetch objects into the spool, and note their names when they are synced."""
        began, waiting, fetched, size = time.monotonic(), StoredTogether(), 0, 0
        for one in batch:
            name, data = parse_record_name(one.name), self._store.get_object(one.name)
            if hashlib.sha256(data).hexdigest()[:32] != name.digest:
                # The receiver died while it uploaded, and acknowledged nothing; or somebody changed it.
                self._traffic.refused[source, "damaged object"] += 1
                self._faults.begin(DAMAGED_FAULT, f"an object of source {source} is not what its name says: left out")
                continue
            waiting.submit(self._committer, Stream(source, name.kind, name.ending), data, name.records)
            fetched, size = fetched + name.records, size + len(data)
        waiting.wait()
        self._names.note(source, hour, [one.name.rpartition("/")[2] for one in batch])
        self._traffic.accepted(source, fetched, size, time.monotonic() - began)
        return fetched
