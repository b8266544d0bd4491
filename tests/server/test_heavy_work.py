"""Work in another process: what it returns and raises comes back, and a process that ended is started again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.decide.running import policy_of
from stillhunt.watch.folder import POLICY_FILE, DataFolder
from stillhunt_server import heavy_work
from stillhunt_server.case_views.harvest_rows import HarvestRows
from stillhunt_server.heavy_work import HeavyWork


@pytest.fixture
def work() -> Iterator[HeavyWork]:
    work = HeavyWork()
    yield work
    work.stop()


def test_what_is_done_elsewhere_comes_back_with_its_errors(work: HeavyWork, tmp_path: Path) -> None:
    child = work.call(os.getpid)
    assert child != os.getpid()
    with pytest.raises(CaseError, match="damaged") as refused:
        work.call(HarvestRows, tmp_path)
    assert refused.value.next_step == "run the hunt again, or restore the folder"
    folder = DataFolder(tmp_path / "data")
    (folder.path / POLICY_FILE).write_text("a policy with a slip")
    with pytest.raises(ConfigError, match="next: ") as slip:
        work.call(policy_of, folder, Config())
    assert slip.value.where.startswith(str(folder.path / POLICY_FILE))
    with pytest.raises(OutputError):
        work.call(exec, "from stillhunt.watch.shared.lease import LeaseLostError; raise LeaseLostError()")
    with pytest.raises(RuntimeError, match=r"^ValueError$"):
        work.call(int, "an account id")
    assert work.call(print, "not an answer") is None
    assert work.call(os.getpid) == child
    os.kill(child, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(child)])  # it cannot be written to any more
    assert work.call(os.getpid) != child


def test_a_process_that_ends_within_an_answer_is_started_again(work: HeavyWork) -> None:
    with pytest.raises(CaseError, match="the process that works this page out has ended"):
        work.call(exec, "import os, pickle; os.write(1, pickle.dumps('long' * 99)[:-9]); os._exit(1)")
    assert work.call(os.getpid) != os.getpid()


def test_a_slow_call_keeps_nobody_waiting(work: HeavyWork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "slow")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(work.call, exec, f"open({str(tmp_path / 'slow')!r}).read()")
        with os.fdopen(os.open(tmp_path / "slow", os.O_WRONLY), "w"):  # which waits until the other end is read
            assert work.call(os.getpid) != os.getpid()
            monkeypatch.setattr(heavy_work, "FREE_SECONDS", 0.0)
            work._free.get()  # somebody else asks the second one
            with pytest.raises(CaseError, match="other pages are being worked out"):
                work.call(os.getpid)
        slow.result()


def test_a_call_without_end_is_ended(work: HeavyWork, monkeypatch: pytest.MonkeyPatch) -> None:
    work.call(os.getpid)  # it runs, so that the limit is of the call
    monkeypatch.setattr(heavy_work, "LONGEST_SECONDS", 0.01)
    with pytest.raises(CaseError, match="has ended"):
        work.call(exec, "import signal; signal.pause()")


def test_nothing_is_started_once_it_is_stopped(work: HeavyWork, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(work.call, exec, f"import signal; open({str(begun)!r}, 'x'); signal.pause()")
        while not begun.exists():
            pass
        work.stop()
        with pytest.raises(CaseError, match="has ended"):  # a second process would find the file
            slow.result()


def test_the_process_ends_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heavy_work, "UNASKED_SECONDS", 0.0)
    begin, end = os.pipe()
    with os.fdopen(begin, "rb") as orders, os.fdopen(end, "wb"):
        monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": orders}))
        heavy_work.main()
