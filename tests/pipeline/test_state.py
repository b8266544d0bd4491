"""A hunt with kept sketches gives what a hunt without them gives, whatever became of the files in between."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from state_logs import (
    Files,
    assert_same_case,
    compare,
    crooked_rows,
    keep,
    kept_folders,
    settings,
    shuffled_rows,
    small_world,
    write_rows,
)

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.collect.decode.lines import JsonReader
from stillhunt.collect.read import digests
from stillhunt_lab.worlds.build import World
from thoroughness import examples

CHANGES = 5
DRAWN = [(14, True), (20, False)][: examples(1, 2)]
"""The first draw does each of the five things once, with text and Parquet; the second has no conversations."""


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


@pytest.fixture(scope="module")
def rows(world: World) -> list[dict[str, Any]]:
    return crooked_rows(world)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not say which files it maps")
def test_what_is_kept_of_resent_history_is_let_go_before_the_hunt(
    world: World, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    files, state = tmp_path / "logs", tmp_path / "state"
    files.mkdir()
    write_rows(files / "a.parquet", rows)
    mapped: list[str] = []

    def look(*_: object) -> None:
        lines = Path("/proc/self/maps").read_text("utf-8").splitlines()
        mapped.extend(Path(line).name for line in lines if str(state) in line)

    for _ in range(2):
        stillhunt.hunt(str(files), world.accounts, settings(world, state), after=look)
    assert mapped == ["rejects.arrow"]


@pytest.mark.parametrize(("seed", "conversations"), DRAWN)
def test_files_that_come_go_and_change(world: World, tmp_path: Path, seed: int, conversations: bool) -> None:
    files = Files(tmp_path / "logs", crooked_rows(world, conversations=conversations), random.Random(seed))
    done = []
    compare(files.folder, world, tmp_path / "state")
    for _ in range(CHANGES):
        done.append(files.change())
        try:
            compare(files.folder, world, tmp_path / "state")
        except AssertionError as error:
            raise AssertionError(f"after {done}: {error}") from error


def test_conversations_over_files(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """Threads of 20 accounts run through all files; a new file changes how later ones are cut."""
    files = Files(tmp_path / "logs", rows, random.Random(12), (".jsonl",))
    keep(files.folder, world, tmp_path / "state")
    files.add()
    case = compare(files.folder, world, tmp_path / "state")
    assert case.run["counts"]["requests"] > 100


@pytest.mark.parametrize(("ending", "conversations"), [(".jsonl", True), (".parquet", False)])
def test_files_in_order_of_time_leave_what_is_kept(
    world: World, tmp_path: Path, ending: str, conversations: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new file continues threads of the ones before; those are neither sketched nor read again."""
    rows = crooked_rows(world, conversations=conversations)[:900]
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    for number, first in enumerate(range(0, 900, 300)):
        write_rows(logs / f"{number}{ending}", rows[first : first + 300])
        before = kept_folders(state) if state.exists() else {}
        (compare if first == 600 else keep)(logs, world, state)
        assert before.items() <= kept_folders(state).items()
        assert len(kept_folders(state)) == number + 1
    read: list[str] = []
    plain = JsonReader.batches
    monkeypatch.setattr(JsonReader, "batches", lambda self, *given: (read.append(self.name), plain(self, *given))[1])
    stillhunt.hunt(str(logs), world.accounts, settings(world, state, report={"excerpts": False}))
    assert read == []


def test_history_of_accounts_without_conversations(world: World, tmp_path: Path) -> None:
    """The later file alone has other prompts than behind the earlier one."""
    rows = crooked_rows(world, conversations=False)
    logs = tmp_path / "logs"
    logs.mkdir()
    write_rows(logs / "b.parquet", rows[560:])
    keep(logs, world, tmp_path / "state")
    write_rows(logs / "a.jsonl", rows[:560])
    compare(logs, world, tmp_path / "state")
    (logs / "b.parquet").unlink()
    compare(logs, world, tmp_path / "state")


def test_rejects_of_text_files_are_told_once(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_rows(logs / "a.jsonl", rows[-200:])
    first = keep(logs, world, tmp_path / "state")
    case = compare(logs, world, tmp_path / "state")
    assert_same_case(first, case)
    assert case.run["counts"]["rejects"] > 0


def test_rejects_of_two_files_of_one_name(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    paths = [tmp_path / place / "log.parquet" for place in "xy"]
    for path, first in zip(paths, (-3, -200), strict=True):
        path.parent.mkdir()
        write_rows(path, rows[first : first + 197])
    plain = stillhunt.hunt([str(path) for path in paths], None, settings(world))
    for _ in range(2):
        kept = stillhunt.hunt([str(path) for path in paths], None, settings(world, tmp_path / "state"))
        assert_same_case(kept, plain)


def test_a_file_that_is_damaged_in_part(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_rows(logs / "a.parquet", rows[:560])
    content = bytearray((logs / "a.parquet").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(400)
    (logs / "a.parquet").write_bytes(bytes(content))
    write_rows(logs / "b.parquet", rows[560:800])
    (logs / "c.parquet").write_bytes(b"PAR1 no such thing PAR1")
    first = keep(logs, world, tmp_path / "state")
    case = compare(logs, world, tmp_path / "state")
    assert_same_case(first, case)
    assert case.run["counts"]["rejects"] > 0


def test_tables_in_memory_are_hunted_and_not_kept(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", rows[:400])
    state = tmp_path / "state"
    for first in (400, 640):
        sources = [world.requests.slice(first), str(tmp_path / "a.parquet")]
        kept = stillhunt.hunt(sources, world.accounts, settings(world, state))
        assert_same_case(kept, stillhunt.hunt(sources, world.accounts, settings(world)))
    # The table may hold a conversation of the file, so that the file's sketches are good for this hunt alone.
    assert len(kept_folders(state)) <= 1


def test_settings_of_reading_make_new_folders_and_others_do_not(
    world: World, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    write_rows(logs / "a.parquet", rows[:360])
    keep(logs, world, state)
    assert len(kept_folders(state)) == 1
    compare(logs, world, state, score={"prior_bits": -20.0}, threads=1)
    assert len(kept_folders(state)) == 1
    compare(logs, world, state, seed=9)
    assert len(kept_folders(state)) == 2
    stillhunt.hunt(str(logs), None, settings(world, state, collect={"max_text_bytes": 2000}))
    assert len(kept_folders(state)) == 3


def test_the_order_of_rows_makes_a_new_file_and_the_same_case(
    world: World, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    write_rows(logs / "a.parquet", rows[:900])
    first = keep(logs, world, state)
    write_rows(logs / "a.parquet", shuffled_rows(rows[:900], 1))
    second = compare(logs, world, state)
    for name in ("campaigns", "members", "harvest", "evidence", "accounts", "slices"):
        assert first.tables[name].equals(second.tables[name]), name


def test_a_file_replaced_behind_its_times_is_read_anew(
    world: World, rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other bytes, the same size and mtime: the digest remembered of it must not be believed."""
    monkeypatch.setattr(digests, "SAFE_NANOSECONDS", -(10**12))
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    path = logs / "a.jsonl"
    write_rows(path, rows[:400])
    keep(logs, world, state)
    before, content = path.stat(), path.read_bytes().splitlines(keepends=True)
    for _ in range(1_000_000):  # until the file system's clock has moved on
        path.write_bytes(b"".join([*content[:240], *content[:240], *content[240:]])[: before.st_size])
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        if path.stat().st_ctime_ns != before.st_ctime_ns:
            break
    again = compare(logs, world, state)
    assert_same_case(keep(logs, world, state), again)
    assert len(kept_folders(state)) == 2


def test_a_state_folder_inside_the_logs_is_no_log(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", rows[:200])
    for _ in range(2):
        case = stillhunt.hunt(str(tmp_path), world.accounts, settings(world, tmp_path / "state"))
        assert [one["name"] for one in case.run["inputs"]] == ["a.parquet"]


def test_the_place_of_the_state_is_not_told(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", rows[:200])
    case = stillhunt.hunt(str(tmp_path / "a.parquet"), None, settings(world, tmp_path / "of somebody"))
    assert "of somebody" not in repr(case.run)


def test_a_state_that_is_a_file_is_refused(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", rows[:200])
    with pytest.raises(OutputError) as caught:
        stillhunt.hunt(str(tmp_path / "a.parquet"), None, settings(world, tmp_path / "a.parquet"))
    assert "a.parquet" in str(caught.value)


def test_two_logs_may_share_a_state_folder(world: World, tmp_path: Path) -> None:
    rows = crooked_rows(world, conversations=False)
    state = tmp_path / "state"
    for number, name in enumerate("xy"):
        (tmp_path / name).mkdir()
        for part in range(2):
            first = 480 * number + 240 * part
            write_rows(tmp_path / name / f"{part}.parquet", rows[first : first + 240])
    for hunt in (keep, compare):
        for name in "xy":
            hunt(tmp_path / name, world, state)
    assert len(kept_folders(state)) == 4
    assert len(json.loads((state / "together").read_text())) == 2


def test_another_key_reads_all_anew(world: World, rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """Hashes of addresses under two keys cannot be compared, so sketches of one are no use to the other."""
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    write_rows(logs / "a.parquet", rows[:600])
    keep(logs, world, state)
    (state / "identity.key").unlink()
    write_rows(logs / "b.parquet", rows[600:])
    compare(logs, world, state)


def test_plain_settings_keep_nothing(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stillhunt.hunt(pa.Table.from_pylist(world.requests.slice(0, 400).to_pylist()), None, Config())
    assert not list(tmp_path.iterdir())
