"""Honest worlds hunted again and again, as a watch would: which groups stand above a level, and for how long.

A look is a hunt in the requests of the trailing window. Groups of one look are the same as those of the look before
where at least half of the smaller one's accounts are shared.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from candidates import OPEN_KINDS, harvest_bits, source_fingerprint
from watched import WINDOW_DAYS, Watched

from stillhunt.base.units import HOUR
from stillhunt_lab.worlds.build import WorldSpec, build_world

SAME = 0.5
"""Share of the smaller group's accounts in both groups that makes them one."""
PROGRESS_LOOKS = 60


@dataclass(frozen=True)
class Stretch:
    """Looks at one honest world at even distances.

    Attributes:
        seed: seed of the world.
        looks: number of looks.
        step_hours: hours between them.
        accounts: accounts of the world.
    """

    seed: int
    looks: int
    step_hours: int
    accounts: int = 1_000

    @property
    def name(self) -> str:
        """Name of the stretch, also of its file."""
        return f"looks-{self.accounts}-{self.looks}x{self.step_hours}h-{self.seed}"


def gather_looks(folder: Path, stretches: Sequence[Stretch], threads: int) -> pa.Table:
    """Bits of every group at every look; kept in the folder like the candidates.

    Args:
        folder: where rows are kept.
        stretches: what to look at.
        threads: worker threads of a hunt; 0 = one per core.

    Returns:
        stretch, step_hours, look, track (number of the group within its stretch), bits.
    """
    home = folder / source_fingerprint()
    home.mkdir(parents=True, exist_ok=True)
    tables = []
    for place, stretch in enumerate(stretches, start=1):
        path = home / f"{stretch.name}.parquet"
        if not path.exists():
            started = time.perf_counter()
            table = _looked(stretch, threads)
            pq.write_table(table, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
            print(f"  {place}/{len(stretches)} {stretch.name}: {time.perf_counter() - started:.0f} s", flush=True)
        tables.append(pq.read_table(path))
    return pa.concat_tables(tables)


def _looked(stretch: Stretch, threads: int) -> pa.Table:
    span = WINDOW_DAYS * 24 + (stretch.looks - 1) * stretch.step_hours
    watched = Watched(build_world(WorldSpec(stretch.accounts, -(-span // 24), stretch.seed)), threads)
    tracks: list[frozenset[str]] = []
    rows: list[dict[str, Any]] = []
    for look in range(stretch.looks):
        groups = groups_of(watched.tables(watched.begin + (WINDOW_DAYS * 24 + look * stretch.step_hours) * HOUR))
        numbers = follow(tracks, [members for members, _ in groups])
        for number, (_, bits) in zip(numbers, groups, strict=True):
            rows.append({"look": look, "track": number, "bits": bits})
        if look % PROGRESS_LOOKS == PROGRESS_LOOKS - 1:
            print(f"  {stretch.name}: look {look + 1} of {stretch.looks}, {len(tracks)} groups so far", flush=True)
    named = [{"stretch": stretch.name, "step_hours": stretch.step_hours, **row} for row in rows]
    return pa.Table.from_pylist(named)


def groups_of(tables: Mapping[str, pa.Table]) -> list[tuple[frozenset[str], float]]:
    """Members and bits (less the prior) of every candidate that could be flagged."""
    evidence = tables["evidence"]
    bits = harvest_bits(evidence)
    opened = set(evidence.filter(pc.is_in(evidence["kind"], value_set=pa.array(OPEN_KINDS)))["campaign_id"].to_pylist())
    members: dict[str, set[str]] = {}
    listed = tables["members"]
    for campaign, account in zip(listed["campaign_id"].to_pylist(), listed["account_id"].to_pylist(), strict=True):
        members.setdefault(campaign, set()).add(account)
    return [(frozenset(own), bits[c]) for c, own in sorted(members.items()) if c not in opened]


def follow(tracks: list[frozenset[str]], groups: list[frozenset[str]]) -> list[int]:
    """Number of the track that each group continues.

    New tracks are appended, and the members of all are brought up to date. Pairs are made greedily, the largest
    overlap first, each track and each group once.

    Args:
        tracks: latest members of each track; changed.
        groups: members of the groups of one look.
    """
    pairs = []
    for place, group in enumerate(groups):
        for number, track in enumerate(tracks):
            common = len(group & track)
            if common and common >= SAME * min(len(group), len(track)):
                pairs.append((-common, number, place))
    numbers = [-1] * len(groups)
    taken: set[int] = set()
    for _, number, place in sorted(pairs):
        if numbers[place] < 0 and number not in taken:
            numbers[place] = number
            taken.add(number)
    for place, group in enumerate(groups):
        if numbers[place] < 0:
            numbers[place] = len(tracks)
            tracks.append(group)
        tracks[numbers[place]] = group
    return numbers
