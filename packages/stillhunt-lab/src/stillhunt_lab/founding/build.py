"""Writes the founding case: three labs among honest accounts, in memory that does not grow with the world."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt import ConfigError
from stillhunt.tools import HOUR, Progress, Silent
from stillhunt_lab.founding.labs import LABS, Lab, build_lab_block
from stillhunt_lab.worlds.assemble import assemble
from stillhunt_lab.worlds.build import ROWS_PER_FILE, new_world_folder, write_part, write_tables
from stillhunt_lab.worlds.personas import SANCTIONED, build_persona, persona_counts
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, open_scene

_PERIOD = 6 * HOUR
_TRUTH = ("request_id", "account_id", "campaign")


class SortedLog:
    """A log that is built by accounts and written by time.

    `scratch`: folder for the blocks, which exists; it is empty again after `write`.
    """

    def __init__(self, scene: Scene, scratch: Path) -> None:
        self._inner_edges = np.arange(ORIGIN + _PERIOD, scene.end, _PERIOD)
        self._scratch = scratch
        self._blocks: list[Path] = []

    def add(self, requests: pa.Table, truth: pa.Table) -> None:
        """Take the rows of one block.

        `truth`: request_id, account_id and campaign of the same rows.
        """
        rows = requests.append_column("campaign", truth["campaign"])
        times = rows["timestamp"].cast(pa.int64()).to_numpy()
        edges = [0, *np.searchsorted(times, self._inner_edges).tolist(), len(times)]
        path = self._scratch / f"block-{len(self._blocks):04d}.parquet"
        with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
            for first, end in pairwise(edges):
                writer.write_table(rows.slice(first, end - first), row_group_size=max(len(times), 1))
        self._blocks.append(path)

    def write(self, folder: Path, advance: Callable[[int], None]) -> int:
        """Write the log and the truth of its requests by time, and remove the blocks."""
        total = number = 0
        files = [pq.ParquetFile(path) for path in self._blocks]
        schema = pa.schema([(name, pa.string()) for name in _TRUTH])
        with pq.ParquetWriter(folder / "truth" / "requests.parquet", schema, compression="zstd") as truth:
            for period in range(len(self._inner_edges) + 1):
                rows = pa.concat_tables([file.read_row_group(period) for file in files])
                rows = rows.take(pc.sort_indices(rows, [("timestamp", "ascending"), ("request_id", "ascending")]))
                truth.write_table(rows.select(_TRUTH))
                requests = rows.drop_columns("campaign")
                for first in range(0, requests.num_rows, ROWS_PER_FILE):
                    write_part(requests.slice(first, ROWS_PER_FILE), folder, number)
                    number += 1
                total += rows.num_rows
                advance(rows.num_rows)
        for file, path in zip(files, self._blocks, strict=True):
            file.close()
            path.unlink()
        return total


HONEST_ACCOUNTS = 290_000
"""Honest accounts at full scale: with 14 days, they send more than all three labs together."""
_HONEST_BLOCK = 10_000
_SEEDS_PER_WORLD = 4_096
_WORLD_WIDE = ("release", "incident", "public templates")
"""Streams of chance that all blocks share; every other one is a block's own."""


@dataclass(kw_only=True)
class BlockScene(Scene):
    """The scene of one block: the world's map, models and public templates, and chance and ids of its own."""

    world: Scene

    def rng(self, name: str) -> np.random.Generator:
        """The random numbers of one named part: those of the world for what all blocks share."""
        return self.world.rng(name) if name in _WORLD_WIDE else super().rng(name)


@dataclass(frozen=True)
class AccountBlock:
    """Accounts that are built together.

    `number`: place in the world; separates chance and ids. `lab`: their operator; None = honest accounts of every
    persona.
    """

    number: int
    accounts: int
    lab: Lab | None

    def build(self, world: Scene) -> tuple[Scene, list[tuple[People, Draft]], set[str]]:
        """The block's scene, its people with their requests, and the organisations under contract among them."""
        seed = (world.seed + 1) * _SEEDS_PER_WORLD + self.number
        scene = BlockScene(
            seed, world.days, world.grammar, world.places, world.clients, world.popularity, world=world
        )  # fmt: skip
        if self.lab is not None:
            return scene, [build_lab_block(scene, world, self.lab, self.accounts)], set()
        parts, contracts = [], set()
        for recipe, count in persona_counts(self.accounts):
            if count:
                people, draft = build_persona(scene, recipe, count)
                parts.append((people, draft))
                if recipe.persona in SANCTIONED:
                    contracts.update(people.organization.tolist())
        return scene, parts, contracts


def plan_blocks(scale: float) -> list[AccountBlock]:
    """All blocks of the world, honest ones and those of the labs.

    `scale`: part of the full number of accounts, above 0 and up to 1.
    """
    return [AccountBlock(number, accounts, lab) for number, (accounts, lab) in enumerate(_iterate_block_sizes(scale))]


def _iterate_block_sizes(scale: float) -> Iterator[tuple[int, Lab | None]]:
    for lab, accounts, block in ((None, HONEST_ACCOUNTS, _HONEST_BLOCK), *((x, x.accounts, x.block) for x in LABS)):
        total = max(8, round(accounts * scale))
        blocks = -(-total // block)
        yield from ((total * (k + 1) // blocks - total * k // blocks, lab) for k in range(blocks))


DAYS = 14


@dataclass(frozen=True)
class FoundingSpec:
    """Which size of the founding case.

    `scale`: part of the full number of accounts, above 0 and up to 1; accounts behave the same at every scale.
    """

    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.scale <= 1.0:
            raise ConfigError(f"scale is {self.scale}", where="FoundingSpec", next_step="use more than 0, at most 1")


@dataclass(frozen=True)
class WorldSize:
    """What was written."""

    requests: int
    accounts: int


def write_founding_case(spec: FoundingSpec, out: Path, progress: Progress | None = None) -> WorldSize:
    """Build the founding case block by block and write its folder; the same spec gives the same bytes.

    Raises OutputError: the folder holds something, or cannot be written.
    """
    world = open_scene(spec.seed, DAYS)
    blocks = plan_blocks(spec.scale)
    shown = progress or Silent()
    accounts, truth, contracts = [], [], set[str]()
    with new_world_folder(out) as folder:
        scratch = folder / "scratch"
        scratch.mkdir()
        log = SortedLog(world, scratch)
        with shown.stage("building world", sum(block.accounts for block in blocks), "accounts") as advance:
            for block in blocks:
                scene, parts, sanctioned = block.build(world)
                requests, customers, truth_accounts, truth_requests = assemble(scene, parts)
                log.add(requests, truth_requests)
                accounts.append(customers)
                truth.append(truth_accounts)
                contracts |= sanctioned
                advance(block.accounts)
        customer_table, persona_table = (_by_id(tables) for tables in (accounts, truth))
        write_tables(folder, customer_table, persona_table, tuple(sorted(contracts)))
        with shown.stage("writing the world", None, "requests") as advance:
            rows = log.write(folder, advance)
        scratch.rmdir()
    return WorldSize(rows, customer_table.num_rows)


def _by_id(tables: list[pa.Table]) -> pa.Table:
    """All rows by account id: the order must tell neither blocks nor personas."""
    table = pa.concat_tables(tables)
    return table.take(pc.sort_indices(table["account_id"]))
