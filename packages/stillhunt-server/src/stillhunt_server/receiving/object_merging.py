"""Merges the many small objects of an hour that has ended into few large ones, so that a new hunter reads little.

The merged object is stored before its parts are removed, and says by a hash which parts it has. Whoever has these
already passes it over; whoever has some of them fetches all of it, and a hunt counts each record once.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from stillhunt.watch.service_faults import KeptThread
from stillhunt.watch.shared.objects import ObjectStore, StoredObject
from stillhunt.watch.spool.parts import HOUR_NAME, is_source_name
from stillhunt_server.receiving.object_names import RECORDS, RecordName, is_hour_name, parse_record_name


class MergePace(NamedTuple):
    """What is merged when."""

    # hours after the end of an hour (whoever fetches every few seconds has long had its objects)
    after_hours: float = 2.0
    # Most bytes of a merged object (it is held in memory; a day of 1,000 requests a second of 3 kB is 4,000 of them)
    most_bytes: int = 64 << 20
    # seconds between two looks for hours that have ended
    look_seconds: float = 600.0


MERGE_PACE = MergePace()


class ObjectMerger:
    """Merges in a thread of its own, until it is stopped.

    Args:
        leads: whether this process has the lease of the hunter: one of them merges.
    """

    def __init__(self, store: ObjectStore, leads: Callable[[], bool], pace: MergePace = MERGE_PACE) -> None:
        self._store, self._leads, self._pace = store, leads, pace
        self._done: set[tuple[str, str]] = set()
        self._stopping = threading.Event()
        self.thread = KeptThread("merge", self._merge_until_stopped, self._stopping.is_set)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End, after the object that is being made."""
        self._stopping.set()
        self.thread.join()

    def merge_ended_hours(self, now: datetime) -> int:
        """Merge what can be merged; the number of objects that were made.

        Raises:
            OSError: the store cannot be used now.
        """
        made = 0
        last = (now - timedelta(hours=1 + self._pace.after_hours)).strftime(HOUR_NAME)
        for source in filter(is_source_name, self._store.list_folders(RECORDS)):
            for hour in filter(is_hour_name, self._store.list_folders(f"{RECORDS}/{source}")):
                if hour <= last and (source, hour) not in self._done and not self._stopping.is_set():
                    made += self._merge_hour(f"{RECORDS}/{source}/{hour}")
                    self._done.add((source, hour))
        return made

    def _merge_until_stopped(self) -> None:
        while not self._stopping.is_set():
            if self._leads():
                try:
                    self.merge_ended_hours(datetime.now(UTC))
                except OSError:
                    self._done.clear()  # whoever fetches says that the store is away; the next look begins again
            self._stopping.wait(self._pace.look_seconds)

    def _merge_hour(self, prefix: str) -> int:
        made = 0
        for group in self._group_small_objects(self._store.list_objects(prefix)):
            if self._stopping.is_set():
                break
            made += self._merge_group(prefix, group)
        return made

    def _merge_group(self, prefix: str, group: Sequence[StoredObject]) -> int:
        """Merge some objects; those that are not what their names say stay as they are."""
        whole = {}
        for one in group:
            data = self._store.get_object(one.name)
            if hashlib.sha256(data).hexdigest()[:32] == parse_record_name(one.name).digest:
                whole[one.name] = data
        if len(whole) < 2:
            return 0
        names = [parse_record_name(name) for name in whole]
        content = b"".join(whole.values())
        made = names[0]._replace(
            records=sum(name.records for name in names),
            digest=hashlib.sha256(content).hexdigest()[:32],
            parts=f"{names[-1].stamp}-{hash_of_names(whole)}",
        )
        self._store.put_object(f"{prefix}/{made.text}", content)
        for name in whole:
            self._store.remove_object(name)
        return 1

    def _group_small_objects(self, listed: Sequence[StoredObject]) -> Iterator[list[StoredObject]]:
        """Objects of one kind that follow each other, several at a time and not too many bytes."""
        kinds: dict[tuple[str, str], list[StoredObject]] = {}
        for one in listed:
            name = parse_record_name(one.name)
            if name.records and not name.parts:
                kinds.setdefault((name.kind, name.ending), []).append(one)
        for group in kinds.values():
            batch: list[StoredObject] = []
            for one in group:
                if len(batch) > 1 and sum(each.size for each in batch) + one.size > self._pace.most_bytes:
                    yield batch
                    batch = []
                batch.append(one)
            if len(batch) > 1:
                yield batch


def hash_of_names(names: Iterable[str]) -> str:
    """What tells which parts a merged object has."""
    last_parts = (name.rpartition("/")[2] for name in names)
    return hashlib.sha256("\n".join(sorted(last_parts)).encode()).hexdigest()[:16]


def has_all_parts(whole: RecordName, known: Iterable[str]) -> bool:
    """Whether all parts of a merged object are among the names of objects that were fetched."""
    last, _, digest = whole.parts.partition("-")
    parts = []
    for text in known:
        name = parse_record_name(text)
        same = (name.kind, name.ending) == (whole.kind, whole.ending)
        if same and not name.parts and whole.stamp <= name.stamp <= last:
            parts.append(text)
    return bool(parts) and hash_of_names(parts) == digest
