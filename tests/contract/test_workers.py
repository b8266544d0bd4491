"""Workers of the tests: all that becomes of tests is told once, and what a worker takes with it is a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import ROOT

CONFTEST = "from forked_workers import pytest_addoption, pytest_runtestloop"
MIXED = """
import os, pytest
def test_passes(tmp_path): print("made", tmp_path, os.getppid() == {parent!r})
def test_fails(): print("before"); assert 1 == 2
def test_is_skipped(): pytest.skip("for a reason")
@pytest.mark.xfail(strict=True)
def test_is_expected_to_fail(): assert 0
@pytest.fixture
def torn():
    yield
    raise ValueError("torn")
def test_leaves(torn): pass
"""
DYING = """
import os
def test_lives(): pass
def test_dies(): os._exit(5)
def test_comes_later(): pass
"""

STAYING = """
import threading
def wait_for_ever(): threading.Event().wait()
def test_leaves_a_thread(): threading.Thread(target=wait_for_ever).start()
"""


def run(folder: Path, *words: str, **files: str) -> tuple[int, str]:
    """Exit code and output of pytest over some files, with two workers."""
    for name, text in {"conftest": CONFTEST, **files}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--workers", "2", "-rA", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_everything_is_told_as_if_one_process_had_run_it(tmp_path: Path) -> None:
    code, told = run(tmp_path, test_a=MIXED.format(parent=os.getpid()), test_b=MIXED.format(parent=os.getpid()))
    assert code == 1
    assert "2 failed, 4 passed, 2 skipped, 2 xfailed, 2 errors" in told
    for words in ("before", "ValueError: torn", "for a reason", "assert 1 == 2"):
        assert told.count(words) >= 2, words
    # In folders of workers, and in processes that are no children of this one.
    assert len(re.findall(r"made \S*/worker-\d/test_passes\d False", told)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_files_that_stay_together_are_one_piece_of_work(tmp_path: Path) -> None:
    """Two files that stay together leave nothing to a second worker, so that none is forked."""
    unit = tuple(str(tmp_path / f"test_{name}.py") for name in "ab")
    conftest = f"{CONFTEST}\nimport slow_files\nslow_files.TOGETHER = ({unit!r},)"
    one = "def test_one(tmp_path): print('made', tmp_path)"
    code, told = run(tmp_path, conftest=conftest, test_a=one, test_b=one)
    assert (code, told.count("made /"), len(re.findall(r"/worker-\d/test_one", told))) == (0, 2, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_a_worker_takes_with_it_is_a_failure(tmp_path: Path) -> None:
    code, told = run(tmp_path, test_a=DYING, test_b="def test_other(): pass")
    assert code == 1
    assert "the worker ended in this test, with exit code 5" in told
    assert "tests that were not run, since a worker ended before: 1" in told
    assert "1 failed, 2 passed" in told


CRASHING = """
import os, signal
def test_crashes():
    os.kill(os.getpid(), signal.SIGSEGV)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_worker_that_crashes_leaves_what_its_threads_were_doing(tmp_path: Path) -> None:
    code, told = run(tmp_path, test_a=CRASHING, test_b="def test_other(): pass")
    assert code == 1
    assert "the worker ended in this test, with exit code -11" in told
    assert re.search(r"Fatal Python error: Segmentation fault(.*\n)*.*in test_crashes", told)


STOPPING = """
def test_fails(): assert 0
def test_comes_later(): pass
"""


@pytest.mark.parametrize(
    ("words", "other", "ended"), [((), "def test_other(): pass", (0, "2 passed")), (("-x",), STOPPING, (1, "1 passed"))]
)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_worker_that_does_not_end_says_where_it_waits_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], other: str, ended: tuple[int, str]
) -> None:
    monkeypatch.setenv("STILLHUNT_TEST_LEAVING_SECONDS", "0.5")
    code, told = run(tmp_path, *words, test_a=STAYING, test_b=other)
    assert (code, ended[1] in told) == (ended[0], True), told
    assert "did not end within 0.5 s of the last test" in told
    assert "in wait_for_ever" in told
