"""A backup is consistent while the folder is in use, is checked, and can be put back."""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from pipeline.state_logs import crooked_rows, small_world
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.cli.app import app
from stillhunt.triage import Case
from stillhunt.watch import backup
from stillhunt.watch.backup import MANIFEST, back_up, restore
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.folder import POLICY_FILE, PROVIDERS_FILES, DataFolder
from stillhunt.watch.holds import KEEPING
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.parts import Stream, ask_to_close, closed_parts
from stillhunt_server.receiving.committer import Committer
from watch.data_folders import NOW, campaign, part, put, snapshot


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def store(folder: DataFolder) -> Iterator[WatchDatabase]:
    database = WatchDatabase("", folder.database)
    yield database
    database.close()


def fill(folder: DataFolder, store: WatchDatabase) -> None:
    part(folder, 1)
    part(folder, 0, name="part-2-otlp.pb")
    put(folder.state / "identity.key", 5, b"secret")
    put(folder.state / ("ab" * 32) / "facts", 5)
    put(folder.path / "my-own-notes.txt", 5)
    for sequence in (1, 2):
        snapshot(folder, store, sequence, 3 - sequence)
    campaign(store, "hunt-1", "active", 1)


def files_below(path: Path) -> dict[str, bytes]:
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def test_everything_that_cannot_be_made_again_is_in_it(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    fill(folder, store)
    before = files_below(folder.path)
    made = back_up(folder, store, tmp_path / "backup")
    assert (made.snapshot, made.database) == (2, True)
    back = restore(made.path, tmp_path / "again")
    assert (back.files, back.size, back.snapshot) == (made.files, made.size, 2)
    after = files_below(tmp_path / "again")
    own = {name for name in before if name.startswith(("spool", "snapshots")) or name == "state/identity.key"}
    assert {name: after[name] for name in own} == {name: before[name] for name in own}
    assert set(after) - {"stillhunt.db"} == own
    again = DataFolder(tmp_path / "again")
    newest = latest_snapshot(again)
    assert newest is not None
    assert newest.sequence == 2
    other = WatchDatabase("", again.database)
    assert newest_sequence(other) == 2
    assert [row["campaign_id"] for row in other.read(select(CAMPAIGN_ROWS))] == ["hunt-1"]
    other.close()


def test_the_policy_is_in_it_also_where_it_is_a_link(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    fill(folder, store)
    (tmp_path / "mounted.toml").write_bytes(b"# a policy")
    (folder.path / POLICY_FILE).symlink_to(tmp_path / "mounted.toml")
    back_up(folder, store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    assert (tmp_path / "again" / POLICY_FILE).read_bytes() == b"# a policy"
    assert not (tmp_path / "again" / POLICY_FILE).is_symlink()


def test_rules_and_sign_ups_are_in_it_and_nothing_beside_them_that_is_a_link(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    fill(folder, store)
    for name in PROVIDERS_FILES[:3]:
        put(folder.path / name, 5, name.encode())
    (folder.path / PROVIDERS_FILES[3]).symlink_to("/etc/hostname")
    back_up(folder, store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    after = files_below(tmp_path / "again")
    assert [after[name] for name in PROVIDERS_FILES[:3]] == [name.encode() for name in PROVIDERS_FILES[:3]]
    assert PROVIDERS_FILES[3] not in after


def test_only_its_owner_can_read_it(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    fill(folder, store)
    back_up(folder, store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    for place in (tmp_path / "backup", tmp_path / "again"):
        for path in (place, *place.rglob("*")):
            if not path.is_symlink():
                assert path.stat().st_mode & 0o077 == 0, path


def test_times_of_files_stay_for_retention_goes_by_them(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    path = part(folder, 9)
    back_up(folder, store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    copied = tmp_path / "again" / path.relative_to(folder.path)
    assert copied.stat().st_mtime_ns == path.stat().st_mtime_ns


@pytest.mark.parametrize(
    ("name", "content", "kept"),
    [
        ("part-1-json.jsonl.open", b'{"id":1}\n{"id":2}\n{"id', b'{"id":1}\n{"id":2}\n'),
        ("part-1-json.jsonl.open", b'{"id', None),
        ("part-1-json.jsonl.open", b"", None),
        ("part-1-traces.pb.open", b"\x0a\x02ab\x0a\x05ab", b"\x0a\x02ab"),
    ],
)
def test_an_open_part_is_copied_up_to_its_last_whole_record(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path, name: str, content: bytes, kept: bytes | None
) -> None:
    path = part(folder, 0, name=name)
    path.write_bytes(content)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        back_up(folder, store, tmp_path / "backup")
    assert path.read_bytes() == content
    restore(tmp_path / "backup", tmp_path / "again")
    found = closed_parts(tmp_path / "again" / "spool")
    assert [one.read_bytes() for one in found] == ([] if kept is None else [kept])
    assert [one.name for one in found] == ([] if kept is None else [name.removesuffix(".open")])


def _set(done: threading.Event, failure: Exception | None) -> None:
    assert failure is None
    done.set()


def test_what_was_acknowledged_before_is_in_it_while_records_come_in(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    """Parts grow, are closed and renamed while they are copied; no record is torn, lost or doubled."""
    committer, begun, stop, acknowledged = Committer(folder.spool), threading.Event(), threading.Event(), []
    stream = Stream("gateway", "json", "jsonl")

    def send() -> None:
        for number in count():
            if stop.is_set():
                return
            done = threading.Event()
            record = json.dumps({"id": number, "text": "x" * 500}).encode() + b"\n"
            committer.submit(stream, record, partial(_set, done))
            assert done.wait(10)
            acknowledged.append(number)
            begun.set()
            if number % 25 == 0:
                ask_to_close(folder.spool)

    sender = threading.Thread(target=send)
    sender.start()
    assert begun.wait(10)
    try:
        for number in range(5):
            seen = len(acknowledged)
            back_up(folder, store, tmp_path / f"backup-{number}")
            parts = closed_parts(tmp_path / f"backup-{number}" / "spool")
            found = [json.loads(line)["id"] for path in parts for line in path.read_bytes().splitlines()]
            assert len(found) == len(set(found))
            assert set(range(seen)) <= set(found)
    finally:
        stop.set()
        sender.join()
        committer.stop()
    assert len(acknowledged) > 10


def test_a_part_that_is_closed_while_it_is_looked_at_is_not_lost(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = part(folder, 0, name="part-1-json.jsonl.open")

    def close_it_just_now(spool: Path) -> list[Path]:
        path.rename(path.with_name(path.name.removesuffix(".open")))
        return [path]

    monkeypatch.setattr(backup, "open_parts", close_it_just_now)
    back_up(folder, store, tmp_path / "backup")
    assert [one.name for one in closed_parts(tmp_path / "backup" / "spool")] == ["part-1-json.jsonl"]


def test_a_snapshot_that_is_not_recorded_yet_is_left_out(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path
) -> None:
    fill(folder, store)
    put(folder.snapshots / "00000003" / "watch.json", 0)
    put(folder.snapshots / ".abc.part" / "watch.json", 0)
    back_up(folder, store, tmp_path / "backup")
    assert sorted(path.name for path in (tmp_path / "backup" / "snapshots").iterdir()) == ["00000001", "00000002"]


def test_nothing_is_deleted_meanwhile(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path, monkeypatch: Any
) -> None:
    def while_copying(*_: Any) -> Any:
        with pytest.raises(OutputError, match=KEEPING), folder.role(KEEPING):
            raise AssertionError
        return iter(())

    monkeypatch.setattr(backup, "_to_copy", while_copying)
    back_up(folder, store, tmp_path / "backup")


def test_links_are_not_followed(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    secret = put(tmp_path / "elsewhere", 0, b"not ours\n")
    hour = part(folder, 0).parent
    (hour / "part-2-json.jsonl").symlink_to(secret)
    (snapshot(folder, store, 1, 0) / "more.json").symlink_to(secret)
    back_up(folder, store, tmp_path / "backup")
    assert b"not ours\n" not in files_below(tmp_path / "backup").values()
    assert not [path for path in (tmp_path / "backup").rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("kind", ["full", "file", "link"])
def test_only_an_empty_place_is_written(folder: DataFolder, store: WatchDatabase, tmp_path: Path, kind: str) -> None:
    fill(folder, store)
    made = back_up(folder, store, tmp_path / "backup")
    target = tmp_path / "target"
    if kind == "full":
        put(target / "mine", 0)
    elif kind == "file":
        put(target, 0)
    else:
        (tmp_path / "empty").mkdir()
        target.symlink_to(tmp_path / "empty")
    with pytest.raises(OutputError, match="not empty"):
        back_up(folder, store, target)
    with pytest.raises(OutputError, match="not empty"):
        restore(made.path, target)
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_an_empty_folder_may_be_there(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    for name in ("backup", "again"):
        (tmp_path / name).mkdir()
    back_up(folder, store, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "again")
    assert latest_snapshot(DataFolder(tmp_path / "again")) is None


def broken_backup(folder: DataFolder, store: WatchDatabase, path: Path, fault: str) -> None:
    fill(folder, store)
    back_up(folder, store, path)
    manifest = json.loads((path / MANIFEST).read_text())
    name = next(name for name in manifest["files"] if name.startswith("spool/"))
    if fault == "a changed byte":
        (path / name).write_bytes(b'{"id":2}\n')
    elif fault == "a missing file":
        (path / name).unlink()
    elif fault == "a link":
        (path / name).rename(path / "aside")
        (path / name).symlink_to(path / "aside")
    elif fault == "a linked folder":
        (path / "spool").rename(path / "aside")
        (path / "spool").symlink_to(path / "aside")
    elif fault == "no manifest":
        (path / MANIFEST).unlink()
    elif fault == "a torn manifest":
        (path / MANIFEST).write_text((path / MANIFEST).read_text()[:-40])
    elif fault == "a newer version":
        (path / MANIFEST).write_text(json.dumps({**manifest, "version": 99}))
    else:
        files = {**manifest["files"], fault: manifest["files"][name]}
        (path / MANIFEST).write_text(json.dumps({**manifest, "files": files}))


@pytest.mark.parametrize(
    "fault",
    [
        "a changed byte",
        "a missing file",
        "a link",
        "a linked folder",
        "no manifest",
        "a torn manifest",
        "a newer version",
        "../evil",
        "/etc/evil",
        "spool/gateway/2026-03-01T00/../../../part-1",
        "snapshots/00000001/../../evil",
        "snapshots/00000001/.hidden",
        "spool/gateway/2026-03-01T00/part-1\n",
        "evil.txt",
    ],
)
def test_a_damaged_or_hostile_backup_is_refused(
    folder: DataFolder, store: WatchDatabase, tmp_path: Path, fault: str
) -> None:
    broken_backup(folder, store, tmp_path / "backup", fault)
    with pytest.raises(CaseError):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_a_hunt_after_restore_finds_the_same(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    rows = crooked_rows(small_world())
    hour = datetime.fromtimestamp(NOW / 1e6, UTC).strftime("%Y-%m-%dT%H")
    for number in range(4):
        lines = "".join(json.dumps(row) + "\n" for row in rows[number::4])
        put(folder.spool / "gateway" / hour / f"part-{number}-json.jsonl", 0, lines.encode())
    config = Config(threads=2)
    assert hunt_now(HuntPlan(folder, config, now=NOW)) is not None
    back_up(folder, store, tmp_path / "backup")
    again = DataFolder(restore(tmp_path / "backup", tmp_path / "again").path)
    cases = []
    for one in (folder, again):
        found = hunt_now(HuntPlan(one, config, now=NOW + 1))
        assert found is not None
        assert found.sequence == 2
        cases.append(Case.read(found.case))
    first, second = cases
    assert first.campaigns.num_rows
    for name, table in first.tables.items():
        assert table.equals(second.tables[name]), name


def test_on_the_command_line(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    fill(folder, store)
    runner = CliRunner()
    made = runner.invoke(app, ["backup", str(folder.path), str(tmp_path / "backup")])
    assert made.exit_code == 0, made.output
    assert "snapshot 2" in made.output
    back = runner.invoke(app, ["restore", str(tmp_path / "backup"), str(tmp_path / "again")])
    assert back.exit_code == 0, back.output
    assert (tmp_path / "again" / "stillhunt.db").exists()
    wrong = runner.invoke(app, ["backup", str(tmp_path / "no-such"), str(tmp_path / "other")])
    assert isinstance(wrong.exception, CaseError)
    assert not (tmp_path / "no-such").exists()
