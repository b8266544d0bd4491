"""Processes that are killed or stopped at a chosen moment: a hunt at each step of its end, a receiver with a part."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from stillhunt.base.config import Config
from stillhunt.triage import Case
from stillhunt.watch.__main__ import main
from stillhunt.watch.child import order_text
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.inputs import window_parts
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.snapshots import all_snapshots, latest_snapshot
from stillhunt.watch.spool.parts import Stream, new_part, open_parts
from watch.forked_code import Forked, forking
from watch.small_world import lines

LINES = Stream("gateway", "jsonl", "jsonl")
KILLED_AT = {
    "before the snapshot's rename": (
        "pathlib.Path.rename = at(pathlib.Path.rename, lambda path, _: path.parent.name == 'snapshots')"
    ),
    "within the transaction": "records._enter_campaign = at(records._enter_campaign)",
    "between transaction and switch": (
        "folder.DataFolder.switch_latest = at(folder.DataFolder.switch_latest, lambda _, name: name == '00000002')"
    ),
}
"""What kills a hunt when it comes to that point."""
DYING = """
import io, os, pathlib, signal, sys
from stillhunt.watch import folder, hunting, records
from stillhunt.watch.__main__ import main

def at(real, here=lambda *_: True):
    def call(*given, **named):
        if here(*given):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    return call

def hunt(order):
    sys.stdin = io.StringIO(order)
    main()
"""
STARTING = """
import os, subprocess, sys
order = int(sys.argv[1])
child = subprocess.Popen([sys.executable, "-m", "stillhunt.watch", str(os.getpid())], stdin=order)
print(child.pid, flush=True)
child.wait()
"""
RECEIVING = """
import sys, pathlib, threading
from stillhunt_server.receiving.committer import Committer
from stillhunt.watch.spool.parts import Stream
committer = Committer(pathlib.Path(sys.argv[1]))
for line in sys.stdin.buffer:
    came = threading.Event()
    committer.submit(Stream("gateway", "jsonl", "jsonl"), line, lambda error: came.set())
    came.wait()
    print("acknowledged", flush=True)
"""


def plan(folder: DataFolder) -> HuntPlan:
    return HuntPlan(folder, Config(), (), time.time_ns() // 1000)


def spool(folder: DataFolder, sent: tuple[bytes, ...]) -> None:
    handle, _ = new_part(folder.spool, LINES, datetime.now(UTC))
    os.write(handle, b"".join(sent))
    os.close(handle)


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """A folder with one snapshot, and more requests since; tests copy it."""
    folder = DataFolder(tmp_path_factory.mktemp("watch") / "data")
    spool(folder, lines()[:-500])
    assert hunt_now(plan(folder)) is not None
    spool(folder, lines()[-500:])
    return folder


@pytest.fixture(scope="module")
def dying() -> Iterator[Forked]:
    with forking(DYING) as run:
        yield run


@pytest.mark.parametrize("step", KILLED_AT)
def test_a_hunt_that_is_killed_leaves_the_snapshot_before_or_a_whole_one(
    hunted: DataFolder, dying: Forked, tmp_path: Path, step: str
) -> None:
    shutil.copytree(hunted.path, tmp_path / "data", symlinks=True)
    folder = DataFolder(tmp_path / "data")
    assert dying(f"{KILLED_AT[step]}\nhunt({order_text(plan(folder))!r})") == -signal.SIGKILL
    seen = latest_snapshot(folder)
    assert seen is not None
    assert Case.read(seen.case).run["case_version"] == Case.read(hunted.latest / "case").run["case_version"]
    again = hunt_now(plan(folder))
    assert again is not None
    assert again.facts()["requests"] == len(lines())
    database = WatchDatabase("", folder.database)
    assert latest_snapshot(folder) == again == all_snapshots(folder)[-1]
    assert newest_sequence(database) == again.sequence == (3 if step == "between transaction and switch" else 2)
    assert [path.name for path in folder.snapshots.iterdir() if path.name.startswith(".")] == []
    database.close()


def test_a_hunt_ends_with_the_server_that_started_it() -> None:
    order, never = os.pipe()
    server = subprocess.Popen(
        [sys.executable, "-c", STARTING, str(order)], stdout=subprocess.PIPE, text=True, pass_fds=[order]
    )
    assert server.stdout is not None
    hunt = psutil.Process(int(server.stdout.readline()))
    assert hunt.is_running()
    server.kill()
    server.wait()
    hunt.wait(timeout=60)
    assert not hunt.is_running()
    server.stdout.close()
    os.close(order)
    os.close(never)


def test_a_receiver_that_is_stopped_keeps_its_part_and_its_records_come_later(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    receiving = [sys.executable, "-c", RECEIVING, str(folder.spool)]
    with subprocess.Popen(receiving, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiver:
        send_record(receiver, b'{"request_id": "1"}\n')
        now = time.time_ns() // 1000
        receiver.send_signal(signal.SIGSTOP)
        os.waitpid(receiver.pid, os.WUNTRACED)  # until then a thread of it may go on, and close the part when asked
        try:
            assert window_parts(folder, 0, now, wait=0.5) == []  # a hunt neither waits for ever nor takes it away
            assert len(open_parts(folder.spool)) == 1
        finally:
            receiver.send_signal(signal.SIGCONT)
        send_record(receiver, b'{"request_id": "2"}\n')
        receiver.kill()
        receiver.wait()
    parts = window_parts(folder, 0, now)
    assert b"".join(part.read_bytes() for part in parts) == b'{"request_id": "1"}\n{"request_id": "2"}\n'


def send_record(receiver: subprocess.Popen[bytes], record: bytes) -> None:
    assert receiver.stdin is not None
    assert receiver.stdout is not None
    receiver.stdin.write(record)
    receiver.stdin.flush()
    assert receiver.stdout.readline() == b"acknowledged\n"


def test_a_process_of_a_folder_that_is_gone_makes_no_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = order_text(plan(DataFolder(tmp_path / "data")))
    (tmp_path / "data").rename(tmp_path / "away")
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    main()
    assert json.loads(capsys.readouterr().out)["failure"] == "the data folder is gone"
    assert not (tmp_path / "data").exists()
