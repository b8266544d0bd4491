"""Logs that grow where they lie: what is new is in the next hunt, and what stands is not read again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.collect.sources.test_remote import BUCKET, Store, served

from stillhunt.base.config import Config
from stillhunt.collect.read import digests
from stillhunt.triage import Case
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from watch.small_world import lines

Hashed = list[str]
"""Names of the files whose bytes were read for their digest."""


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Hashed:
    seen: Hashed = []
    hash_file = digests.hash_file

    def noting(found: digests.FoundFile) -> tuple[str, int]:
        seen.append(found.name)
        return hash_file(found)

    monkeypatch.setattr(digests, "hash_file", noting)
    monkeypatch.setattr(digests, "SAFE_NANOSECONDS", 0)
    return seen


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    for store in served(monkeypatch):
        store.tell("reset", b"")
        store.client.create_bucket(Bucket=BUCKET)
        yield store


def hunted(folder: DataFolder, watched: str) -> int:
    """Requests of the next snapshot."""
    snapshot = hunt_now(HuntPlan(folder, Config(), (watched,), time.time_ns() // 1000))
    assert snapshot is not None
    assert snapshot.facts()["rejected"] == 0
    assert not (folder.state / "base").exists()  # no hunt over logs in place is warm
    return int(snapshot.facts()["requests"])


def test_a_prefix_that_grows_is_followed_and_old_objects_are_not_fetched_again(
    store: Store, tmp_path: Path, hashed: Hashed
) -> None:
    folder, address = DataFolder(tmp_path / "data"), store.address(f"{BUCKET}/api")

    def put(name: str, content: tuple[bytes, ...]) -> None:
        store.client.put_object(Bucket=BUCKET, Key=f"api/{name}", Body=b"".join(content))

    put("2026-03-01.jsonl", lines()[:300])
    assert hunted(folder, address) == 300
    put("2026-03-02.jsonl", lines()[300:500])
    assert hunted(folder, address) == 500
    assert hashed == ["2026-03-01.jsonl", "2026-03-02.jsonl"]
    assert hunted(folder, address) == 500
    assert len(hashed) == 2
    put("2026-03-02.jsonl", lines()[300:400])  # written anew, shorter
    assert hunted(folder, address) == 400
    assert hashed[2:] == ["2026-03-02.jsonl"]
    held = b"".join(path.read_bytes() for path in folder.path.rglob("*") if path.is_file())
    assert b"testing-access-key" not in held


def test_a_file_that_is_appended_to_is_followed(tmp_path: Path, hashed: Hashed) -> None:
    folder, logs = DataFolder(tmp_path / "data"), tmp_path / "logs"
    logs.mkdir()
    (logs / "old.jsonl").write_bytes(b"".join(lines()[:500]))
    growing = logs / "today.jsonl"
    growing.write_bytes(b"".join(lines()[500:700]))
    threading.Event().wait(0.01)
    assert hunted(folder, str(logs)) == 700
    with growing.open("ab") as file:
        file.write(b"".join(lines()[700:900]))
    assert hunted(folder, str(logs)) == 900
    assert sorted(hashed) == ["old.jsonl", "today.jsonl", "today.jsonl"]


def test_a_line_that_is_half_written_is_whole_in_the_next_hunt(tmp_path: Path) -> None:
    folder, logs = DataFolder(tmp_path / "data"), tmp_path / "logs"
    logs.mkdir()
    growing, whole = logs / "today.jsonl", b"".join(lines()[:300])
    growing.write_bytes(whole[:-40])
    snapshot = hunt_now(HuntPlan(folder, Config(), (str(logs),), time.time_ns() // 1000))
    assert snapshot is not None
    assert snapshot.facts()["requests"] == 299
    assert Case.read(snapshot.case).rejects.num_rows == 1
    growing.write_bytes(whole)
    assert hunted(folder, str(logs)) == 300
