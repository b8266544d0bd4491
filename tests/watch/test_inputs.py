"""Logs that are watched in place: a folder is read by the rules of a hunt, and what is not there yet is waited for."""

from __future__ import annotations

import os
from pathlib import Path

from stillhunt.watch.inputs import watched_files

START = 1_772_000_000_000_000


def test_a_folder_is_read_as_a_hunt_reads_it_and_old_files_are_left_out(tmp_path: Path) -> None:
    for name in ("new.jsonl", "old.jsonl", "README.md", ".hidden.jsonl", "deeper/new.parquet"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
        os.utime(path, (0, START / 1e6 + (-1 if name.startswith("old") else 1)))
    found = [file.path.name for file in watched_files([str(tmp_path)], START) if isinstance(file.path, Path)]
    assert sorted(found) == ["new.jsonl", "new.parquet"]


def test_what_is_empty_or_not_there_yet_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / "empty"), str(tmp_path / "*.jsonl"), str(tmp_path / "later")]
    assert watched_files(paths, START) == []
    (tmp_path / "first.jsonl").write_text("{}")
    assert len(watched_files(paths, START)) == 1


def test_a_link_to_nowhere_or_to_itself_is_left_to_the_hunt(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"request_id": "1"}\n')
    (tmp_path / "b.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "c.jsonl").symlink_to("c.jsonl")
    assert tmp_path / "a.jsonl" in [one.path for one in watched_files([str(tmp_path)], 0)]
