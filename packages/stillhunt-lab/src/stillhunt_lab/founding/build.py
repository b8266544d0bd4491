"""Writes the founding case: three labs among honest accounts, in memory that does not grow with the world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import ConfigError
from stillhunt.tools import Progress, Silent
from stillhunt_lab.founding.blocks import plan_blocks
from stillhunt_lab.founding.sorted_log import SortedLog
from stillhunt_lab.worlds.assemble import assemble
from stillhunt_lab.worlds.build import new_world_folder, write_tables
from stillhunt_lab.worlds.scene import open_scene

DAYS = 14


@dataclass(frozen=True)
class FoundingSpec:
    """Which size of the founding case.

    Args:
        scale: part of the full number of accounts, above 0 and up to 1; accounts behave the same at every scale.
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

    Args:
        out: folder to make; may exist if empty.
        progress: receiver of progress; silent when None.

    Raises:
        OutputError: the folder holds something, or cannot be written.
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
