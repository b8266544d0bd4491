"""Digests that are kept between hunts are believed only of files that nobody can have changed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from stillhunt.collect.locate.catalog import FoundFile
from stillhunt.collect.read import digests
from stillhunt.collect.read.digests import DIGESTS_FILE, Digests

HOUR = 3_600_000_000_000


class Hashed:
    """Counts the files that are read for their digest."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self._real = digests.hash_file

    def __call__(self, found: FoundFile) -> tuple[str, int]:
        self.files.append(found.name)
        return self._real(found)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Hashed:
    counted = Hashed()
    monkeypatch.setattr(digests, "hash_file", counted)
    return counted


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files written just now count as written long ago."""
    monkeypatch.setattr(digests, "SAFE_NANOSECONDS", -HOUR)


def look(paths: list[Path], state: Path | str) -> list[tuple[str, int]]:
    """Digests of files as one hunt would learn them."""
    found = Digests([FoundFile(path.name, path) for path in paths], str(state))
    found.begin(range(len(paths)), 2)
    seen = [found.of(index) for index in range(len(paths))]
    found.end()
    return seen


def true_digests(paths: list[Path]) -> list[tuple[str, int]]:
    return [(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size) for path in paths]


def written(folder: Path) -> list[Path]:
    paths = [folder / f"{name}.jsonl" for name in "abc"]
    for path in paths:
        path.write_text(f"content of {path.name}")
    return paths


def rewritten(path: Path, content: bytes) -> None:
    """Other bytes of the same number, with the old mtime put back: only the ctime tells."""
    before = path.stat()
    assert len(content) == before.st_size
    for _ in range(1_000_000):  # until the file system's clock has moved on
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if path.stat().st_ctime_ns != before.st_ctime_ns:
            break
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert after.st_ctime_ns != before.st_ctime_ns


@pytest.mark.usefixtures("settled")
def test_files_that_stand_are_not_read_again(tmp_path: Path, hashed: Hashed) -> None:
    paths = written(tmp_path)
    assert look(paths, tmp_path) == true_digests(paths)
    assert sorted(hashed.files) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert look(paths, tmp_path) == true_digests(paths)
    assert len(hashed.files) == 3


@pytest.mark.usefixtures("settled")
def test_another_content_of_the_same_size_and_mtime_is_seen(tmp_path: Path, hashed: Hashed) -> None:
    paths = written(tmp_path)
    look(paths, tmp_path)
    rewritten(paths[1], paths[1].read_bytes().upper())
    assert look(paths, tmp_path) == true_digests(paths)
    assert hashed.files[3:] == ["b.jsonl"]


@pytest.mark.usefixtures("settled")
def test_another_file_put_in_its_place_is_seen(tmp_path: Path, hashed: Hashed) -> None:
    paths = written(tmp_path)
    look(paths, tmp_path)
    other = tmp_path / "other"
    other.write_bytes(paths[0].read_bytes().upper())
    os.utime(other, ns=(0, paths[0].stat().st_mtime_ns))
    other.replace(paths[0])
    assert look(paths, tmp_path) == true_digests(paths)
    assert hashed.files[3:] == ["a.jsonl"]


def test_a_file_written_a_moment_ago_is_not_remembered(tmp_path: Path, hashed: Hashed) -> None:
    """It may be written again within the same step of the file system's clock, and look the same."""
    paths = written(tmp_path)
    look(paths, tmp_path)
    look(paths, tmp_path)
    assert len(hashed.files) == 6


def test_what_was_remembered_too_early_is_not_believed(
    tmp_path: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(digests, "SAFE_NANOSECONDS", -HOUR)
        look(paths, tmp_path)
    look(paths, tmp_path)
    assert len(hashed.files) == 6


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path)
    real = digests.hash_file

    def disturbed(found: FoundFile) -> tuple[str, int]:
        seen = real(found)
        rewritten(found.path, found.path.read_bytes().swapcase())
        return seen

    with monkeypatch.context() as patch:
        patch.setattr(digests, "hash_file", disturbed)
        look(paths, tmp_path)
    assert look(paths, tmp_path) == true_digests(paths)


DAMAGES = {
    "empty": b"",
    "no text": bytes(range(256)),
    "no list": b"7",
    "another layout": b"[0, {}]",
    "no entries": b"[1, []]",
    "too deep": b"[" * 100_000,
    "half an entry": b'[1, {"a": [[1, 2, 3], 4, "5"]}]',
    "no digest": b'[1, {"a": [[1, 2, 3, 4], 5, "' + b"x" * 64 + b'"]}]',
}


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [*DAMAGES, "half"])
def test_a_damaged_memory_is_none(tmp_path: Path, hashed: Hashed, damage: str) -> None:
    paths = written(tmp_path)
    look(paths, tmp_path)
    whole = (tmp_path / DIGESTS_FILE).read_bytes()
    (tmp_path / DIGESTS_FILE).write_bytes(DAMAGES.get(damage, whole[: len(whole) // 2]))
    for files in (6, 6):
        assert look(paths, tmp_path) == true_digests(paths)
        assert len(hashed.files) == files


@pytest.mark.usefixtures("settled")
def test_other_logs_of_one_state_folder_are_not_forgotten(
    tmp_path: Path, hashed: Hashed, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = written(tmp_path)
    look(paths[:1], tmp_path)
    look(paths[1:], tmp_path)
    look(paths, tmp_path)
    assert len(hashed.files) == 3
    monkeypatch.setattr(digests, "MAX_KNOWN", 2)
    rewritten(paths[2], paths[2].read_bytes().upper())
    look(paths, tmp_path)
    assert len(json.loads((tmp_path / DIGESTS_FILE).read_text())[1]) == 2
    look(paths, tmp_path)
    assert hashed.files[3:] == ["c.jsonl", "a.jsonl"]  # c is new; a was hashed longest ago


@pytest.mark.usefixtures("settled")
def test_the_memory_does_not_tell_where_logs_lie(tmp_path: Path) -> None:
    path = tmp_path / "of somebody\udcff.jsonl"
    path.write_text("content")
    look([path], tmp_path)
    assert "somebody" not in (tmp_path / DIGESTS_FILE).read_text()
    assert sorted(child.name for child in tmp_path.iterdir()) == sorted(
        [DIGESTS_FILE, path.name]
    )  # and nothing beside it


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("state", ["", "not there/at all"])
def test_without_a_folder_everything_is_read(tmp_path: Path, hashed: Hashed, state: str) -> None:
    paths = written(tmp_path)
    for _ in range(2):
        assert look(paths, tmp_path / state if state else "") == true_digests(paths)
    assert len(hashed.files) == 6
