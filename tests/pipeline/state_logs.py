"""A small log cut into files that come, go and change between hunts, and what two hunts must have in common."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import stillhunt
from stillhunt.base.config import Config
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

RUN_FACTS = ("inputs", "coverage", "counts", "budget", "seed", "sketch_version")


def small_world() -> World:
    """62 accounts and one plain campaign, which is to be acted on; 1,000 requests of two days."""
    campaign = CampaignSpec(2, 12, name="plain", requests_per_account_day=30.0)
    return build_world(WorldSpec(accounts=50, days=2, seed=3, campaigns=(campaign,)))


def crooked_rows(world: World, *, conversations: bool = True) -> list[dict[str, Any]]:
    """The world's requests, with history sent again, repeats, clashing ids and rows that cannot be used.

    Args:
        world: of `small_world`.
        conversations: keep the column; without it, history is told by account alone.
    """
    rows = [{name: value for name, value in row.items() if value is not None} for row in world.requests.to_pylist()]
    rows.sort(key=lambda row: (row["timestamp"], row["request_id"]))
    said: dict[tuple[str, str], str] = {}
    for row in rows:
        row["timestamp"] = row["timestamp"].isoformat()
        # Each account speaks in a few long threads, so that most files share one with another.
        thread = row["account_id"], f"thread {len(row['prompt']) % 3}"
        if len(row["prompt"]) < 200 and row["account_id"].endswith(("1", "2", "3")):
            row["conversation_id"] = thread[1]
            said[thread] = row["prompt"] = (said.get(thread, "") + "\n" + row["prompt"])[-4000:]
    rows += [{**row, "prompt": "another text under the same id"} for row in rows[100:105]]
    rows += [dict(row) for row in rows[500:507]]
    rows += [{**row, "request_id": f"bad-{n}", "timestamp": "no time at all"} for n, row in enumerate(rows[800:806])]
    if not conversations:
        for row in rows:
            row.pop("conversation_id", None)
    return rows


class Files:
    """Files of a log folder, cut at random, some of them text.

    Args:
        folder: where they lie.
        rows: all requests that there are.
        draw: decides everything.
        endings: kinds of files to choose from.
    """

    spotless_text = True
    """Text files get no row that cannot be used."""

    def __init__(
        self,
        folder: Path,
        rows: list[dict[str, Any]],
        draw: random.Random,
        endings: tuple[str, ...] = (".parquet", ".jsonl"),
    ) -> None:
        self.folder = folder
        self._draw = draw
        folder.mkdir()
        rows = list(rows)
        if draw.random() < 0.5:
            draw.shuffle(rows)
        count = draw.randrange(3, 7)
        bounds = [0, *sorted(draw.sample(range(1, len(rows)), count - 1)), len(rows)]
        self._waiting = [rows[first:last] for first, last in pairwise(bounds)]
        self._endings = endings
        self._number = 0
        for _ in range(2):
            self.add()

    def change(self) -> str:
        """Do one thing at random; gives its name."""
        ways: list[Callable[[], None]] = [self.rename, self.duplicate, self.replace]
        if self._waiting:
            ways += [self.add] * 3
        if len(list(self.folder.iterdir())) > 2:
            ways.append(self.remove)
        way = self._draw.choice(ways)
        way()
        return way.__name__

    def add(self) -> None:
        """One more stretch of the log."""
        path = self._name(self._draw.choice(self._endings))
        rows = self._waiting.pop(self._draw.randrange(len(self._waiting)))
        if self.spotless_text and path.suffix == ".jsonl":
            rows = [row for row in rows if not row["request_id"].startswith("bad-")]
        write_rows(path, rows)

    def remove(self) -> None:
        """One file less."""
        self._any().unlink()

    def rename(self) -> None:
        """The same bytes under another name, at another place in the order."""
        path = self._any()
        path.rename(self._name(path.suffix))

    def duplicate(self) -> None:
        """The same bytes twice."""
        path = self._any()
        self._name(path.suffix).write_bytes(path.read_bytes())

    def replace(self) -> None:
        """Another content under the same name: every second row is gone."""
        path = self._any()
        write_rows(path, read_rows(path)[::2])

    def _any(self) -> Path:
        return self._draw.choice(sorted(self.folder.iterdir()))

    def _name(self, ending: str) -> Path:
        self._number += 1
        return self.folder / f"{self._draw.choice('abcdef')}-{self._number}{ending}"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Rows as JSON lines or Parquet, by the name's ending."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema_of(rows)), path, row_group_size=280)


def schema_of(rows: list[dict[str, Any]]) -> pa.Schema:
    """The schema of rows that need not have all columns, the first of them least."""
    every: dict[str, Any] = {}
    for row in rows:
        every |= row
    return pa.Table.from_pylist([every]).schema


def read_rows(path: Path) -> list[dict[str, Any]]:
    """What `write_rows` wrote."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        {name: value for name, value in row.items() if value is not None} for row in pq.read_table(path).to_pylist()
    ]


def settings(world: World, state: Path | None = None, **changes: Any) -> Config:
    """Settings under which the world is hunted."""
    return Config(sanctioned={"organizations": world.sanctioned}, state=str(state or ""), **changes)


def assert_same_case(one: stillhunt.Case, other: stillhunt.Case) -> None:
    """All tables, the excerpts and what run.json says of the inputs."""
    for name in one.tables:
        assert one.tables[name].equals(other.tables[name]), f"{name} differs"
    for name in RUN_FACTS:
        assert one.run[name] == other.run[name], f"{name} of run.json differs"
    for name in ("samples", "timeline"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), f"{name} differ"
        assert left is None or left.equals(right), f"{name} differ"


def compare(files: Path, world: World, state: Path, **changes: Any) -> stillhunt.Case:
    """Hunt with the state folder and without one, which must give the same; gives the case."""
    kept = keep(files, world, state, **changes)
    plain = stillhunt.hunt(str(files), world.accounts, settings(world, **changes))
    assert_same_case(kept, plain)
    return kept


def keep(files: Path, world: World, state: Path, **changes: Any) -> stillhunt.Case:
    """Hunt with the state folder alone, where a later `compare` sees whatever was kept wrongly; gives the case."""
    return stillhunt.hunt(str(files), world.accounts, settings(world, state, **changes))


def kept_folders(state: Path) -> dict[str, tuple[int, int]]:
    """Name of each kept folder, with inode and time of change of its facts."""
    found = {}
    for folder in state.iterdir():
        if len(folder.name) == 64:
            (facts,) = folder.glob("facts*")
            found[folder.name] = (folder.stat().st_ino, facts.stat().st_mtime_ns)
    return found


def shuffled_rows(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Rows in another order."""
    return [rows[place] for place in np.random.default_rng(seed).permutation(len(rows))]
