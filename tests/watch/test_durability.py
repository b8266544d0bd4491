"""Errors that a review of durability found: each lost records, or stopped the watch, before it was mended."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stillhunt.base.config import Config, ServeSettings
from stillhunt.base.errors import OutputError
from stillhunt.triage import Case
from stillhunt.watch import schedule as schedule_module
from stillhunt.watch.child import HuntOutcome, hunt_in_child
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.schedule import HuntSchedule, after_hunt
from stillhunt.watch.snapshots import all_snapshots, latest_snapshot, name_of, remove_unrecorded
from stillhunt.watch.spool import closing as closing_module
from stillhunt.watch.spool import parts as parts_module
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, closed_parts, new_part, open_parts
from stillhunt_server import tokens as tokens_module
from stillhunt_server.receiving import committer as committer_module
from stillhunt_server.receiving import open_part as open_part_module
from stillhunt_server.receiving.bodies import BodyError, otlp_protobuf
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.traffic import Limits
from stillhunt_server.tokens import INGEST, KnownTokens, make_token
from watch.small_world import lines

LINES = Stream("gateway", "jsonl", "jsonl")
NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


def commit(committer: Committer, record: bytes) -> Exception | None:
    """Submit one record and wait for what is said of it."""
    answers: list[Exception | None] = []
    came = threading.Event()

    def done(error: Exception | None) -> None:
        answers.append(error)
        came.set()

    committer.submit(LINES, record, done)
    assert came.wait(10)
    return answers[0]


def spooled(spool: Path) -> list[bytes]:
    return sorted(line for part in closed_parts(spool) for line in part.read_bytes().splitlines())


def test_a_part_that_a_hunt_finds_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[[int, int], None] = fcntl.flock
    looked = []

    def after_a_hunt(handle: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not looked:  # the writer's lock, before it has it
            looked.append(close_left_behind(tmp_path))
        real(handle, operation)

    monkeypatch.setattr(parts_module.fcntl, "flock", after_a_hunt)
    handle, path = new_part(tmp_path, LINES, NOW)
    os.write(handle, b"acknowledged\n")
    os.close(handle)
    assert looked == [[]]
    assert path.read_bytes() == b"acknowledged\n"


def test_nothing_is_appended_to_a_part_that_could_not_be_cut_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer = Committer(tmp_path)
    assert commit(committer, b"first\n") is None

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        real_write = os.write
        broken.setattr(committer_module.os, "write", lambda handle, data: real_write(handle, data[:3]))
        broken.setattr(committer_module.os, "fdatasync", fails)
        broken.setattr(committer_module.os, "ftruncate", fails)
        assert isinstance(commit(committer, b"torn"), OSError)
    assert commit(committer, b"second\n") is None
    committer.stop()
    close_left_behind(tmp_path)
    assert spooled(tmp_path) == [b"first", b"second"]


def test_the_writer_outlives_errors_that_nobody_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committer = Committer(tmp_path)

    def fails(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as broken:
        broken.setattr(open_part_module, "new_part", fails)
        assert isinstance(commit(committer, b"one\n"), OSError)
    assert commit(committer, b"two\n") is None
    committer.stop()
    assert spooled(tmp_path) == [b"two"]


def test_a_part_that_cannot_be_made_durable_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as broken:
        broken.setattr(parts_module, "sync_folder", fails)
        for _ in range(5):
            with pytest.raises(OSError, match="No space"):
                new_part(tmp_path, LINES, NOW)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert open_parts(tmp_path) == []


def test_what_follows_a_block_of_zeros_was_never_acknowledged(tmp_path: Path) -> None:
    handle, path = new_part(tmp_path, LINES, NOW)
    path.write_bytes(b"kept\n" + b"half" + b"\0" * 4096 + b"half\nwhole\n")
    os.close(handle)
    close_left_behind(tmp_path)
    assert spooled(tmp_path) == [b"kept"]


def test_what_cannot_be_closed_now_is_closed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for record in (b"one\n", b"two\n"):
        handle, _ = new_part(tmp_path, LINES, NOW)
        os.write(handle, record)
        os.close(handle)

    def fails(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr(closing_module, "close_part", fails)
        assert close_left_behind(tmp_path) == []
    assert len(close_left_behind(tmp_path)) == 2
    assert spooled(tmp_path) == [b"one", b"two"]


def made(spool: Path, at: datetime) -> Path:
    handle, path = new_part(spool, LINES, at)
    os.write(handle, b"1\n")
    os.close(handle)
    closed = close_left_behind(spool)[0].path
    assert closed.name == path.name.removesuffix(".open")
    return closed


def in_window(spool: Path, now: datetime) -> list[Path]:
    return closed_parts(spool, now - timedelta(days=14), now)


def test_a_clock_that_is_set_back_hides_nothing(tmp_path: Path) -> None:
    first = made(tmp_path, NOW)
    second = made(tmp_path, NOW - timedelta(days=400))
    assert in_window(tmp_path, NOW) == [first, second]
    assert second.parent == first.parent  # so it is not deleted as too old either
    assert in_window(tmp_path, NOW + timedelta(days=15)) == []


def test_a_clock_that_was_ahead_keeps_nothing_for_longer(tmp_path: Path) -> None:
    first = made(tmp_path, NOW)
    ahead = made(tmp_path, NOW + timedelta(days=3650))
    right = made(tmp_path, NOW)
    behind = made(tmp_path, NOW - timedelta(days=400))
    assert in_window(tmp_path, NOW) == [first, ahead, right, behind]
    later = NOW + timedelta(days=20)
    newest = made(tmp_path, later)
    assert in_window(tmp_path, later) == [newest]


def test_parts_of_one_source_are_numbered_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    parts = [made(tmp_path, NOW + timedelta(hours=hours)) for hours in (0, 5, -3, 2)]
    assert closed_parts(tmp_path) == parts
    (tmp_path / "gateway" / "mine").mkdir()
    (tmp_path / "gateway" / "mine" / "part-of-another.jsonl").write_bytes(b"1\n")
    assert len(closed_parts(tmp_path)) == 5


def test_a_clock_that_is_ahead_for_a_moment_deletes_nothing(tmp_path: Path) -> None:
    folder, config = DataFolder(tmp_path / "data"), Config()
    database = WatchDatabase("", folder.database)
    part = made(folder.spool, NOW)
    clock = NOW.timestamp()
    os.utime(part, (clock, clock))

    def hunted_at(days: float) -> bool:
        now = int((clock + days * 86_400) * 1e6)
        after_hunt(HuntPlan(folder, config, (), now), database, HuntOutcome(), 0)
        return part.exists()

    assert hunted_at(0)
    assert hunted_at(400)
    assert hunted_at(400)
    assert hunted_at(1)
    assert [hunted_at(40) for _ in range(200)].count(False) > 0  # a clock that stays there is right
    database.close()


def test_a_group_in_a_protobuf_body_is_refused_and_not_half_kept() -> None:
    entry = b"\x0a\x00"
    group = b"\x5b\x5c"  # field 11 as a group, which decoders accept and pass over
    span = b"\x0a\x06\x12\x04\x12\x02\x2a\x00"
    assert otlp_protobuf(entry + span, "traces").accepted == 1
    with pytest.raises(BodyError, match="a field that no OTLP export request has"):
        otlp_protobuf(entry + group + span, "traces")


def test_a_schedule_outlives_a_week_of_failures_and_a_lost_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule_module, "hunt_in_child", lambda *_: HuntOutcome(failure="no"))

    def lost(_plan: HuntPlan, _outcome: HuntOutcome, _failures: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    schedule = HuntSchedule(HuntPlan(DataFolder(tmp_path / "data"), Config()), after=lost, clock=lambda: 1000.0)
    schedule.progress.failures = 2000
    schedule._run_scheduled_hunt()
    assert schedule.progress.next_at == pytest.approx(1000.0 + 15 * 60)


def test_a_hunt_that_cannot_be_started_is_a_failed_hunt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "gone"))
    outcome = hunt_in_child(HuntPlan(DataFolder(tmp_path / "data"), Config(), (), 1))
    assert "cannot be started" in outcome.failure


def test_snapshots_outlive_a_lost_database(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    for number in (5, 6, 7):
        (folder.snapshots / name_of(number)).mkdir()
    assert remove_unrecorded(folder, 6) == 7
    assert [one.sequence for one in all_snapshots(folder)] == [5, 6]
    assert remove_unrecorded(folder, None) == 7  # another database, or an empty one
    assert [one.sequence for one in all_snapshots(folder)] == [5, 6]


def test_a_role_is_had_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DataFolder(tmp_path / "data")

    def fails(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("stillhunt.watch.folder.os.pwrite", fails)
    with folder.role("hunt"), pytest.raises(OutputError, match="another process"), folder.role("hunt"):
        pass


def test_tokens_hold_while_another_program_locks_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr("stillhunt.watch.database.store.BUSY_SECONDS", 0.3)
    database = WatchDatabase("", tmp_path / "stillhunt.db")
    token = make_token(database, "gateway", frozenset((INGEST,)))
    tokens = KnownTokens(database)
    tokens.refresh()
    database.close()
    with sqlite3.connect(tmp_path / "stillhunt.db", isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        tokens.keep_fresh()
        assert time.monotonic() - began < 0.25
        assert tokens.of(token) is not None
        tokens._reader.join(10)  # type: ignore[union-attr]  # it was just started
        assert "locked" in tokens.failure
    other.close()
    tokens.keep_fresh()
    tokens._reader.join(10)  # type: ignore[union-attr]  # as above
    assert (tokens.failure, tokens.of(token) is not None) == ("", True)
    database.close()


def test_the_size_of_the_spool_is_measured_while_parts_are_closed(tmp_path: Path) -> None:
    class Listed(type(tmp_path)):  # type: ignore[misc]  # the concrete class of this system
        def glob(self, _pattern: str) -> list[Path]:
            return [self / "gone.open"]

    limits = Limits(ServeSettings(spool_gb=1.0, free_gb=0.0), Listed(tmp_path))
    assert limits.full() == ""


def test_a_torn_state_is_made_anew(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    handle, _ = new_part(folder.spool, LINES, datetime.now(UTC))
    os.write(handle, b"".join(lines()))
    os.close(handle)
    plan = HuntPlan(folder, Config(), (), time.time_ns() // 1000)
    first = hunt_now(plan)
    assert first is not None
    key = (folder.state / "identity.key").read_bytes()
    (kept,) = [path for path in folder.state.iterdir() if len(path.name) == 64]
    for path in kept.iterdir():
        if path.name != "facts":
            path.write_bytes(b"\0" * path.stat().st_size)  # what a power failure may leave of a renamed file
    second = hunt_now(plan)
    assert second is not None
    assert second == latest_snapshot(folder)
    assert Case.read(first.case).accounts.equals(Case.read(second.case).accounts)
    assert (folder.state / "identity.key").read_bytes() == key
    shutil.rmtree(folder.path)
