"""Small objects that are merged when their hour has ended: nobody counts a record twice or loses one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import stillhunt
from server.shared_stores import address_of, bucket_server  # noqa: F401 - a fixture
from stillhunt.base.config_live import ServeSettings
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.objects import ObjectStore, open_object_store
from stillhunt.watch.spool.parts import Stream, all_parts, closed_parts
from stillhunt_server.receiving import object_records
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.object_merging import MERGE_PACE, ObjectMerger
from stillhunt_server.receiving.object_names import RECORDS
from stillhunt_server.receiving.object_records import FETCHED, FetchedNames, ObjectFetcher, RecordObjects
from stillhunt_server.receiving.traffic import Limits, Traffic
from watch.small_world import lines

CALLS, EACH, OBJECTS = Stream("gateway-eu", "jsonl", "jsonl"), 10, 30
LATER = timedelta(hours=4)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.service)])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """A store with 30 small objects of records, one of spans, and a damaged one."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(object_records, "_MOST_GONE", 0)
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        made = open_object_store((tmp_path / "shared").as_uri())
    else:
        made = open_object_store(address_of(request.getfixturevalue("bucket_server"), tmp_path.name))
    put_some(made, 0, OBJECTS)
    RecordObjects(made).store_records(Stream("gateway-eu", "traces", "pb"), b"\n\x00", 1)
    return made


def put_some(store: ObjectStore, first: int, last: int) -> None:
    for at in range(first, last):
        RecordObjects(store).store_records(CALLS, b"".join(lines()[at * EACH : at * EACH + EACH]), EACH)


def fetch(store: ObjectStore, path: Path) -> int:
    """What a hunter with this data folder fetches."""
    folder = DataFolder(path)
    committer = Committer(folder.spool)
    limits = Limits(ServeSettings(), folder.spool)
    names = FetchedNames(path / FETCHED)
    try:
        return ObjectFetcher(store, committer, names, limits, Traffic(), 14.0).fetch_new()
    finally:
        committer.stop()


def merge(store: ObjectStore, most_bytes: int = MERGE_PACE.most_bytes) -> int:
    pace = MERGE_PACE._replace(most_bytes=most_bytes)
    return ObjectMerger(store, lambda: True, pace).merge_ended_hours(datetime.now(UTC) + LATER)


def spooled(path: Path) -> list[bytes]:
    parts = all_parts(DataFolder(path).spool)
    return sorted(b"".join(part.read_bytes() for part in parts).splitlines(keepends=True))


def counted(path: Path) -> int:
    parts = [str(part) for part in closed_parts(DataFolder(path).spool) if part.name.endswith("jsonl")]
    return int(stillhunt.hunt(parts).run["counts"]["requests"])


def test_who_has_the_parts_passes_over_the_whole(store: ObjectStore, tmp_path: Path) -> None:
    assert fetch(store, tmp_path / "had all") == EACH * OBJECTS + 1
    assert merge(store) == 1
    assert len(store.list_objects(RECORDS)) == 2
    assert merge(store) == 0
    assert fetch(store, tmp_path / "had all") == 0
    (names,) = (tmp_path / "had all" / FETCHED / "gateway-eu").iterdir()
    assert len(names.read_text().split()) == 2  # what is gone is forgotten
    assert fetch(store, tmp_path / "had none") == EACH * OBJECTS + 1
    assert spooled(tmp_path / "had all") == spooled(tmp_path / "had none")


def test_who_has_some_of_the_parts_counts_each_record_once(store: ObjectStore, tmp_path: Path) -> None:
    fetch(store, tmp_path / "had some")
    put_some(store, OBJECTS, OBJECTS + 5)
    assert merge(store, most_bytes=40_000) > 3
    assert 0 < fetch(store, tmp_path / "had some") < EACH * (OBJECTS + 5)  # only the objects that have a new part
    assert counted(tmp_path / "had some") == EACH * (OBJECTS + 5)
    assert fetch(store, tmp_path / "had some") == 0


def test_a_kill_between_storing_and_removing_loses_nothing(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(store, tmp_path / "had all")

    def killed(_name: str) -> None:
        raise OSError("as if it had been killed here")

    with monkeypatch.context() as patch:
        patch.setattr(store, "remove_object", killed)
        with pytest.raises(OSError, match="killed here"):
            merge(store)
    assert len(store.list_objects(RECORDS)) == OBJECTS + 2
    assert fetch(store, tmp_path / "had all") == 0
    assert fetch(store, tmp_path / "had none") == 2 * EACH * OBJECTS + 1
    assert counted(tmp_path / "had none") == EACH * OBJECTS
    assert merge(store) == 1  # the same object again, and now its parts go
    assert len(store.list_objects(RECORDS)) == 2


def test_what_is_damaged_is_left_as_it_is(store: ObjectStore, tmp_path: Path) -> None:
    damaged = store.list_objects(RECORDS)[3].name
    store.put_object(damaged, b"something else\n")
    assert merge(store) == 1
    assert damaged in {one.name for one in store.list_objects(RECORDS)}
    assert fetch(store, tmp_path / "h") == EACH * (OBJECTS - 1) + 1


def test_an_hour_that_may_still_grow_is_left_alone(store: ObjectStore) -> None:
    assert ObjectMerger(store, lambda: True).merge_ended_hours(datetime.now(UTC)) == 0


def test_only_the_hunter_with_the_lease_merges(store: ObjectStore) -> None:
    asked: list[bool] = []

    def leads() -> bool:
        asked.append(True)
        return False

    merger = ObjectMerger(store, leads, MERGE_PACE._replace(after_hours=-2.0, look_seconds=0.01))
    merger.thread.report_to(ServiceFaults())
    merger.start()
    while len(asked) < 3:
        pass
    merger.stop()
    assert len(store.list_objects(RECORDS)) == OBJECTS + 1
