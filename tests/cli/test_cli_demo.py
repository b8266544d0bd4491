"""The demo clears only what an earlier demo left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from stillhunt.base.errors import OutputError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt_lab.commands.demo import clear_earlier_demo

LOG = Path("world/requests/part-0000.parquet")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """What a demo writes, as far as it is looked at."""
    for name in (LOG, Path("world/accounts.parquet"), Path("world/truth/accounts.parquet"), Path("case/report.html")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(str(name))
    write_run(tmp_path, (tmp_path / LOG).read_bytes())
    return tmp_path


def write_run(demo: Path, log: bytes) -> None:
    """The record of a hunt of this log."""
    run = {"case_version": CASE_VERSION, "inputs": [{"name": LOG.name, "sha256": hashlib.sha256(log).hexdigest()}]}
    (demo / "case" / "run.json").write_text(json.dumps(run))


def refused(demo: Path, message: str = "not a demo") -> None:
    """Nothing is removed from this folder."""
    before = sorted(demo.rglob("*"))
    with pytest.raises(OutputError, match=message):
        clear_earlier_demo(demo)
    assert sorted(demo.rglob("*")) == before


def test_earlier_demo_is_replaced(demo: Path) -> None:
    clear_earlier_demo(demo)
    assert list(demo.iterdir()) == []


def test_demo_that_was_interrupted_is_replaced(demo: Path) -> None:
    for file in (demo / "case").iterdir():
        file.unlink()
    (demo / "case").rmdir()
    clear_earlier_demo(demo)
    assert list(demo.iterdir()) == []


def test_case_of_real_logs_is_refused(demo: Path) -> None:
    write_run(demo, b"real traffic")
    refused(demo)
    (demo / "case" / "run.json").write_text('{"case_version": 1}')
    refused(demo)


def test_case_without_a_world_is_refused(demo: Path) -> None:
    for path in sorted((demo / "world").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    refused(demo)


@pytest.mark.parametrize("name", ["thesis.txt", "world/thesis.txt", "world/requests/real.parquet"])
def test_anything_else_is_refused(demo: Path, name: str) -> None:
    (demo / name).touch()
    refused(demo)


def test_export_in_the_case_of_the_demo_is_refused(demo: Path) -> None:
    (demo / "case" / "members.csv").touch()
    refused(demo, r"members\.csv")


def test_a_new_folder_needs_nothing(tmp_path: Path) -> None:
    clear_earlier_demo(tmp_path / "new")
    assert not (tmp_path / "new").exists()
