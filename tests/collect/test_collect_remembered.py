"""History across files that are not read again: the cuts of a search over all pairs, whatever was known before."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from gathering import config, content, opened, row, write_lines, write_parquet
from test_collect_history import LONG, expected_rests, random_rows

from stillhunt.collect.decode.lines import JsonReader
from stillhunt.collect.history.incremental_history import Notes
from stillhunt.collect.history.kernels import enter_prompts, find_prompts
from stillhunt.collect.history.resent_prefixes import MAX_CONTINUATIONS, new_entries, new_seen_prompts
from thoroughness import examples

PARTS = 6


class Memory:
    """What a state folder would hold of some files, by their names."""

    def __init__(self) -> None:
        self.notes: dict[str, Notes] = {}
        self.together: frozenset[str] = frozenset()
        self.handed_on: dict[tuple[str, str], Any] = {}

    def hunt(self, paths: list[Path], **collect: Any) -> tuple[dict[str, str], list[str]]:
        """Prompt of each request as handed on, and the files in which history was searched."""
        log = opened([str(path) for path in paths], settings=config(batch_rows=7, **collect))
        names = sorted(path.name for path in paths)
        known = {index: self.notes[name] for index, name in enumerate(names) if name in self.notes}
        together = frozenset(index for index, name in enumerate(names) if name in self.together)
        digests = log.history.settle(known, together)
        rows = pa.concat_tables(log.batches()).to_pylist()
        for index, name in enumerate(names):
            own = content([{**r, "turn": None} for r in rows if r["origin_file"] == index])
            assert self.handed_on.setdefault((name, digests[index]), own) == own, "one digest, two contents"
        found = {index: log.history.take_notes(index) for index in range(len(names))}
        searched = [
            name for i, name in enumerate(names) if found[i]["followers"] is not known.get(i, {}).get("followers")
        ]
        # Followers hold among the files of one hunt alone, marks for ever.
        self.notes = {name: {"marks": notes["marks"]} for name, notes in self.notes.items()}
        self.notes |= {name: found[index] for index, name in enumerate(names)}
        self.together = frozenset(names)
        return {r["request_id"]: r["prompt"] for r in rows}, searched


def written(folder: Path, parts: list[list[dict[str, Any]]], draw: random.Random) -> list[Path]:
    folder.mkdir(exist_ok=True)
    write = {".parquet": write_parquet, ".jsonl": write_lines}
    endings = [draw.choice(sorted(write)) for _ in parts]
    return [write[end](folder / f"{n}{end}", part) for n, (end, part) in enumerate(zip(endings, parts, strict=True))]


@pytest.mark.parametrize("seed", range(examples(12)))
def test_files_that_come_and_go_are_cut_as_all_pairs_say(tmp_path: Path, seed: int) -> None:
    times, conversations = (3, 25)[seed // 6 % 2], bool(seed // 3 % 2)
    draw, rows = random.Random(seed), random_rows(seed, times)
    for one in rows:
        one["conversation_id"] = one["conversation_id"] if conversations else None
    if seed % 2:
        rows.sort(key=lambda r: (r["timestamp"], -1 if r["turn"] is None else r["turn"]))
    parts = [rows[n::PARTS] if seed % 3 == 0 else rows[n * 10 : n * 10 + 10] for n in range(PARTS)]
    paths = written(tmp_path, parts, draw)
    memory = Memory()
    for _ in range(6):
        chosen = sorted(draw.sample(range(PARTS), draw.randrange(1, PARTS + 1)))
        prompts, _searched = memory.hunt([paths[n] for n in chosen])
        there = [one for n in chosen for one in parts[n]]
        assert [prompts[one["request_id"]] for one in there] == expected_rests(there)


def test_only_new_files_are_read_where_files_come_in_time_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call sends the one before again; text files are read at most once for this, known ones not at all."""
    rows = [row(n, prompt=LONG + "and more; " * n) for n in range(40)]
    paths = [write_lines(tmp_path / f"{n}.jsonl", rows[n * 10 : n * 10 + 10]) for n in range(4)]
    memory, read = Memory(), []
    plain = JsonReader.batches
    monkeypatch.setattr(JsonReader, "batches", lambda self, *given: (read.append(self.name), plain(self, *given))[1])
    memory.hunt(paths[:2])
    for count in (3, 4, 4):
        read.clear()
        log = opened([str(path) for path in paths[:count]])
        known = {n: memory.notes[f"{n}.jsonl"] for n in range(count) if f"{n}.jsonl" in memory.notes}
        log.history.settle(known, frozenset(known))
        assert read == [f"{n}.jsonl" for n in range(count) if n not in known]
        assert all(log.history.take_notes(n)["followers"] is known[n]["followers"] for n in known)
        memory.hunt(paths[:count])


def test_an_earlier_file_makes_only_those_with_like_prompts_be_read(tmp_path: Path) -> None:
    other = "another text of another customer, which begins in quite another way; "
    files = {
        "a": [row(0, prompt=LONG)],
        "b": [row(1, prompt=LONG + "new"), row(2, prompt=other)],
        "c": [row(3, prompt=other + "new")],
    }
    paths = {name: write_parquet(tmp_path / f"{name}.parquet", rows) for name, rows in files.items()}
    memory = Memory()
    assert memory.hunt([paths["b"], paths["c"]])[0] == {"r1": LONG + "new", "r2": other, "r3": "new"}
    prompts, searched = memory.hunt([*paths.values()])
    assert prompts == {"r0": LONG, "r1": "new", "r2": other, "r3": "new"}
    assert searched == ["a.parquet", "b.parquet"]
    prompts, searched = memory.hunt([paths["b"], paths["c"]])
    assert prompts == {"r1": LONG + "new", "r2": other, "r3": "new"}
    assert searched == ["b.parquet"]


def test_continuations_are_counted_over_files_that_are_not_read(tmp_path: Path) -> None:
    rows = [row(0, prompt=LONG), *(row(n, prompt=f"{LONG} item {n:03}") for n in range(1, 30))]
    parts = [rows[:5], rows[5:20], rows[20:]]
    paths = written(tmp_path, parts, random.Random(1))
    memory = Memory()
    memory.hunt([paths[0], paths[2]])
    prompts, searched = memory.hunt(paths)
    assert searched == [paths[1].name, paths[2].name]
    assert sum(text.startswith(LONG) for text in prompts.values()) == 30 - MAX_CONTINUATIONS
    prompts, searched = memory.hunt([paths[0], paths[2]])
    assert searched == []
    assert [prompts[one["request_id"]] for one in parts[0] + parts[2]] == expected_rests(parts[0] + parts[2])


def test_another_key_gives_other_hashes(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(0, prompt=LONG), row(1, prompt=LONG + "new")])
    found = []
    for key in ("one", "one", "other"):
        memory = Memory()
        memory.hunt([path], identity_key=key)
        found.append(memory.notes["a.parquet"]["marks"])
    assert found[0].equals(found[1])
    for name in ("prompt_hash", "end", "first_block", "related"):
        assert not set(found[0][name].to_pylist()) & set(found[2][name].to_pylist())


@pytest.mark.parametrize("seed", range(5))
def test_prompts_are_found_as_in_a_dictionary(seed: int) -> None:
    draw = np.random.default_rng(seed)
    keys = draw.integers(1, 1 << 63, 300).astype(np.uint64)
    keys[100:] = keys[draw.integers(0, 100, 200)]
    orders = draw.integers(0, 50, 300)
    seen, entries = new_seen_prompts(200, timed=True), new_entries(200)
    entries.keys[:] = keys[:200]
    enter_prompts(entries, orders[:200], seen)
    earliest: dict[int, int] = {}
    for key, order in zip(keys[:200].tolist(), orders[:200].tolist(), strict=True):
        earliest[key] = min(order, earliest.get(key, order))
    slots = np.empty(300, np.int64)
    find_prompts(keys, orders, seen, slots)
    for key, order, slot in zip(keys.tolist(), orders.tolist(), slots.tolist(), strict=True):
        assert (slot >= 0) == (earliest.get(key, order) < order)
        assert slot < 0 or int(seen.keys[slot]) == key
