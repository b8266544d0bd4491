"""Evidence packs in the data folder expire as the settings say, and a hold keeps them and the cases of its time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import add_hold, release_hold
from stillhunt.watch.retention import Expired, expire
from watch.data_folders import DAY, NOW, moment, snapshot

KEPT = Config(watch={"window_days": 5, "snapshot_days": 10, "history_days": 1000}, dossier={"pack_days": 100})


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def store(folder: DataFolder) -> Iterator[WatchDatabase]:
    database = WatchDatabase("", folder.database)
    yield database
    database.close()


def pack(folder: DataFolder, days_ago: float, name: str = "c-12ab") -> Path:
    made = datetime.fromtimestamp(moment(days_ago) / 1e6, UTC)
    path = folder.path / "packs" / f"{name}-{made:%Y%m%dT%H%M%S}Z.zip"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"PK")
    return path


def test_packs_go_by_the_time_in_their_name(folder: DataFolder, store: WatchDatabase) -> None:
    old, young = pack(folder, 101), pack(folder, 99)
    assert expire(folder, store, KEPT, NOW) == Expired(packs=1)
    assert not old.exists()
    assert young.exists()
    assert not expire(folder, store, KEPT, NOW)


def test_other_files_and_links_in_the_folder_of_packs_stay(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    packs = pack(folder, 0).parent
    outside = tmp_path / "c-1-20200101T000000Z.zip"
    outside.write_bytes(b"PK")
    strange = [
        packs / name
        for name in ("notes.txt", "c-20201301T000000Z.zip", "c-20200101T000000.zip", "20200101T000000Z.zip")
    ]
    for path in strange:
        path.write_bytes(b"x")
    (packs / "c-9-20200101T000000Z.zip").symlink_to(outside)
    (packs / "c-8-20200101T000000Z.zip").mkdir()
    assert not expire(folder, store, KEPT, NOW)
    assert all(path.exists() for path in (*strange, outside))


def test_a_folder_of_packs_that_is_a_link_is_not_followed(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    kept = elsewhere / "c-1-20200101T000000Z.zip"
    kept.write_bytes(b"PK")
    (folder.path / "packs").symlink_to(elsewhere)
    assert not expire(folder, store, KEPT, NOW)
    assert kept.exists()


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        (moment(210), moment(190), True),  # when it was made
        (moment(214), moment(213), True),  # traffic that it may show: 5 days of window, of a snapshot 10 days old
        (moment(217), moment(216), False),
        (moment(199) + DAY, None, False),
        (None, None, True),
    ],
)
def test_a_hold_keeps_packs_and_cases_of_its_time(
    folder: DataFolder, store: WatchDatabase, first: int | None, last: int | None, holds: bool
) -> None:
    path = pack(folder, 200)
    case = snapshot(folder, store, 1, 200, window=14)
    snapshot(folder, store, 2, 0)
    number = add_hold(folder, store, "court, file 7", (first, last), NOW)
    assert expire(folder, store, KEPT, NOW) == (Expired() if holds else Expired(snapshots=1, packs=1))
    assert path.exists() is case.exists() is holds
    release_hold(store, number, NOW)
    expire(folder, store, KEPT, NOW)
    assert not path.exists()
    assert not case.exists()
