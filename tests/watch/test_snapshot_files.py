"""A file of the latest snapshot that is damaged is a fault, and the next hunt makes a sound snapshot."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt.base.config import Config
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now, signatures_in_force
from stillhunt.watch.signatures.signature import SIGNATURES_FILE
from stillhunt.watch.snapshots import CHECKSUMS_FILE, checksums_of, latest_snapshot
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt.watch.subject.rows import rewrite_snapshot
from stillhunt_server.fault_looks import SNAPSHOT_FAULT, SnapshotFiles
from watch.small_world import harvesters, lines

NOW = int(datetime.now(UTC).timestamp() * 1e6)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = DataFolder(tmp_path_factory.mktemp("snapshot") / "data")
    handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
    os.write(handle, b"".join(lines()))
    os.close(handle)
    assert hunt_now(HuntPlan(folder, Config(), (), NOW)) is not None
    return folder.path


@pytest.fixture
def folder(hunted: Path, tmp_path: Path) -> DataFolder:
    shutil.copytree(hunted, tmp_path / "data", symlinks=True)
    return DataFolder(tmp_path / "data")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_each_file_of_the_latest_snapshot_is_watched(folder: DataFolder) -> None:
    asked: list[int] = []
    files, snapshot = SnapshotFiles(folder, lambda: asked.append(1)), latest_snapshot(folder)
    assert snapshot is not None
    assert files.faults() == {}
    names = [*checksums_of(snapshot), CHECKSUMS_FILE]
    assert {"watch.json", SIGNATURES_FILE, "case/accounts.parquet", "case/run.json"} <= set(names)
    assert len(names) == sum(path.is_file() for path in snapshot.path.rglob("*"))
    for name in names:
        path, whole = snapshot.path / name, (snapshot.path / name).read_bytes()
        damage = [flip, Path.unlink] if name != CHECKSUMS_FILE else [flip]
        for strike in damage:
            strike(path)
            said = files.faults()[SNAPSHOT_FAULT]
            assert said.startswith("snapshot 1 is damaged"), name
            assert name == CHECKSUMS_FILE or name in said
            assert SNAPSHOT_FAULT in SnapshotFiles(folder).faults(), "after a restart, too"
            path.write_bytes(whole)
            assert files.faults() == {}
    assert asked == [1], "one hunt is asked for, however long it is damaged"


def test_a_snapshot_or_a_link_that_is_gone_is_a_fault(folder: DataFolder) -> None:
    files = SnapshotFiles(folder)
    folder.latest.unlink()
    assert "link" in files.faults()[SNAPSHOT_FAULT]
    folder.switch_latest("00000001")
    assert files.faults() == {}
    shutil.rmtree(folder.snapshots / "00000001")
    assert SNAPSHOT_FAULT in files.faults()


def test_a_snapshot_of_an_older_version_is_no_fault(folder: DataFolder) -> None:
    (folder.snapshots / "00000001" / CHECKSUMS_FILE).unlink()
    assert SnapshotFiles(folder).faults() == {}


def test_the_next_hunt_mends_it_and_no_signature_is_lost(folder: DataFolder) -> None:
    files, names = SnapshotFiles(folder), [one.campaign_id for one in signatures_in_force(folder, 0, NOW).signatures]
    assert hunt_now(HuntPlan(folder, Config(), (), NOW + 1)) is not None
    flip(folder.snapshots / "00000002" / SIGNATURES_FILE)
    (folder.snapshots / "00000002" / SIGNATURES_FILE).write_bytes(b"{")
    shutil.rmtree(folder.spool)
    folder.spool.mkdir()
    assert SNAPSHOT_FAULT in files.faults()
    assert names
    assert [one.campaign_id for one in signatures_in_force(folder, 0, NOW).signatures] == names
    handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
    os.write(handle, b"".join(lines()))
    os.close(handle)
    assert hunt_now(HuntPlan(folder, Config(), (), NOW + 2)) is not None
    assert files.faults() == {}
    assert [one.campaign_id for one in signatures_in_force(folder, 0, NOW).signatures] == names


def test_erasure_leaves_it_whole(folder: DataFolder) -> None:
    files, snapshot = SnapshotFiles(folder), latest_snapshot(folder)
    assert snapshot is not None
    rewrite_snapshot(snapshot, min(harvesters()))
    assert files.faults() == {}
