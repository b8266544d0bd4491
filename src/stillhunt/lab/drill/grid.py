"""The door of the drill: a grid of campaigns planted into the operator's own logs, hunted look by look."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.progress import Advance, Progress, Silent
from stillhunt.base.schema import TIMESTAMP
from stillhunt.lab.drill.judge import Sight, judge
from stillhunt.lab.drill.manner import Manner, learn_manner
from stillhunt.lab.drill.own_logs import OwnLogs, Source, read_own_logs
from stillhunt.lab.drill.plant import KINDS, SUBJECTS, Cell, Ground, Kind, Planted, plant
from stillhunt.lab.drill.texts import PROMPTS_READ, take_apart
from stillhunt.lab.wrappers import load_skills

LOOKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4)
"""Shares of a round's harvest after which the log is cut and hunted, before the look at the whole log."""


@dataclass(frozen=True)
class DrillSpec:
    """The grid.

    Args:
        sizes: accounts of a campaign.
        paces: harvest requests per account and day.
        kinds: what stands around the items.
        cover: share of the planted accounts' traffic that is not harvest.
        queue: harvest requests of one campaign at most; it ends when they are done.
        seed: seed of everything that is planted.
    """

    sizes: tuple[int, ...] = (10, 30, 100, 300)
    paces: tuple[float, ...] = (4.0, 12.0, 40.0)
    kinds: tuple[Kind, ...] = KINDS
    cover: float = 0.0
    queue: int = 10_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values, least in (
            ("sizes", self.sizes, 2),
            ("paces", self.paces, 0.1),
            ("queue", (self.queue,), 100),
        ):
            if not values or len(set(values)) < len(values) or min(values) < least:
                raise ConfigError(
                    f"{name} is {', '.join(map(str, values)) or 'empty'}",
                    where="drill",
                    next_step=f"give different numbers of {least} or more",
                )
        if not self.kinds or not set(self.kinds) <= set(KINDS):
            raise ConfigError(
                f"kinds is {', '.join(self.kinds) or 'empty'}", where="drill", next_step=f"choose of {', '.join(KINDS)}"
            )
        if not 0 <= self.cover <= 0.9:
            raise ConfigError(f"cover is {self.cover}", where="drill", next_step="give a share from 0 to 0.9")


def quick_spec() -> DrillSpec:
    """A grid of six cells, to see what a drill is."""
    return DrillSpec(sizes=(20, 60), paces=(12.0,))


@dataclass(frozen=True)
class CellResult:
    """One planted campaign and what became of it.

    Args:
        kind, accounts, pace: the cell.
        requests: harvest requests planted.
        found: called correctly in the whole log.
        verdict: strongest verdict of a campaign that is mostly its accounts; "unseen" where there is none.
        recall: share of its accounts that are flagged.
        first_call: harvest requests until the first look from which on every look calls it correctly; None if never.
        touched: honest accounts flagged with it that are not flagged without it.
    """

    kind: Kind
    accounts: int
    pace: float
    requests: int
    found: bool
    verdict: str
    recall: float
    first_call: int | None
    touched: int


@dataclass(frozen=True)
class DrillResult:
    """The power curve.

    Args:
        spec: grid.
        cells: one result a cell, in order of kind, pace and size.
        requests, accounts: what the operator's logs hold, as drilled on.
        is_sample: whether that is a sample of the accounts.
        days: length of the logs.
        suspects: accounts flagged without any plant; left out of all counts.
        touched_elsewhere: honest accounts newly flagged in campaigns without a planted account, over all rounds.
        hunts: hunts done.
    """

    spec: DrillSpec
    cells: tuple[CellResult, ...]
    requests: int
    accounts: int
    is_sample: bool
    days: float
    suspects: int
    touched_elsewhere: int
    hunts: int

    def smallest_found(self, kind: Kind, pace: float) -> int | None:
        """Accounts from which on every size of the grid was found; None if not even the largest was."""
        smallest = None
        for cell in sorted(self.cells, key=lambda one: -one.accounts):
            if (cell.kind, cell.pace) == (kind, pace):
                if not cell.found:
                    break
                smallest = cell.accounts
        return smallest


def drill(
    source: Source, spec: DrillSpec, config: Config | None = None, progress: Progress | None = None
) -> DrillResult:
    """Plant every campaign of the grid into a copy of the logs in memory, hunt, and count.

    Campaigns of one size and pace, one of each kind, share a log: they have no account, address, card, subject or
    template in common, so that one hunt serves them all.

    Args:
        source: the operator's logs; read, never written.
        spec: grid.
        config: settings of the hunts.
        progress: told of reading and of each hunt.

    Raises:
        InputError: the logs cannot be read, or are too small or too large to drill on.
        ConfigError: a setting is wrong.
    """
    progress = progress or Silent()
    config = config or Config.load()
    config = config.model_copy(update={"report": config.report.model_copy(update={"excerpts": False})})
    own = read_own_logs(source, config, progress)
    with progress.stage("baseline hunt", None, "requests") as advance:
        baseline = stillhunt.hunt(own.requests, own.accounts, config)
        advance(own.requests.num_rows)
    accounts = baseline.tables["accounts"]
    suspects = frozenset(accounts.filter(accounts["flagged"])["account_id"].to_pylist())
    ground = _ground(own, learn_manner(own, suspects), spec)
    rounds = [(size, pace) for size in spec.sizes for pace in spec.paces]
    cells: list[CellResult] = []
    elsewhere = hunts = 0
    with progress.stage("drilling", len(rounds) * (len(LOOKS) + 1), "hunts") as advance:
        for size, pace in rounds:
            planted = _plant_round(ground, spec, size, pace)
            table = _Round(own, planted, suspects, config, advance)
            results, others = table.results()
            cells += results
            elsewhere += others
            hunts += table.hunts
    order = {kind: at for at, kind in enumerate(spec.kinds)}
    return DrillResult(
        spec=spec,
        cells=tuple(sorted(cells, key=lambda cell: (order[cell.kind], cell.pace, cell.accounts))),
        requests=own.requests.num_rows,
        accounts=accounts.num_rows,
        is_sample=own.is_sample,
        days=(ground.manner.last - ground.manner.first) / 86_400e6,
        suspects=len(suspects),
        touched_elsewhere=elsewhere,
        hunts=hunts + 1,
    )


def _ground(own: OwnLogs, manner: Manner, spec: DrillSpec) -> Ground:
    """Sentences of the honest accounts' prompts, in an order drawn at random."""
    rng = np.random.default_rng([spec.seed, 0])
    owners = np.repeat(np.arange(len(manner.rows_of)), [len(rows) for rows in manner.rows_of])
    chosen = rng.permutation(len(owners))[:PROMPTS_READ]
    rows = np.concatenate(manner.rows_of)[chosen]
    prompts = own.requests["prompt"].take(pa.array(rows)).to_pylist()
    stock = take_apart(list(zip(owners[chosen].tolist(), prompts, strict=True)))
    return Ground(own, manner, stock, spec.cover, spec.queue)


def _plant_round(ground: Ground, spec: DrillSpec, size: int, pace: float) -> list[Planted]:
    if size > len(ground.manner.rows_of):
        raise InputError(
            f"a campaign of {size} accounts is larger than the {len(ground.manner.rows_of)} honest ones of the logs",
            where="drill",
            next_step="drill on more of the log, or give smaller --sizes",
        )
    skills = np.random.default_rng([spec.seed, 1, size, round(1000 * pace)]).permutation(len(load_skills())).tolist()
    planted = []
    for kind in spec.kinds:
        cell = Cell(kind, size, pace)
        place = SUBJECTS * KINDS.index(kind)
        rng = np.random.default_rng([spec.seed, 2, zlib.crc32(cell.name.encode())])
        planted.append(plant(ground, cell, tuple(skills[place : place + SUBJECTS]), rng))
    return planted


class _Round:
    """The hunts over one log with its planted campaigns."""

    def __init__(
        self, own: OwnLogs, planted: list[Planted], suspects: frozenset[str], config: Config, advance: Advance
    ) -> None:
        self._planted = planted
        self._suspects = suspects
        self._config = config
        self._advance = advance
        papers = [table for table in (own.accounts, *(one.accounts for one in planted)) if table is not None]
        self._accounts = pa.concat_tables(papers) if papers else None
        self._requests = pa.concat_tables([own.requests, *(one.requests for one in planted)])
        self.hunts = 0

    def results(self) -> tuple[list[CellResult], int]:
        """One result a campaign, and honest accounts touched elsewhere; looks go back in time while any is called."""
        final, elsewhere = self._look(None)
        standing = {at: len(one.harvest_times) for at, one in enumerate(self._planted) if final[at].correct}
        every = np.sort(np.concatenate([one.harvest_times for one in self._planted]))
        open_ = set(standing)
        for share in reversed(LOOKS):
            if not open_:
                break
            moment = int(every[min(int(share * len(every)), len(every) - 1)])
            sights, _ = self._look(moment)
            open_ = {at for at in open_ if sights[at].correct}
            for at in open_:
                standing[at] = int(np.searchsorted(self._planted[at].harvest_times, moment))
        self._advance(len(LOOKS) + 1 - self.hunts)
        return [
            CellResult(
                kind=one.cell.kind,
                accounts=one.cell.accounts,
                pace=one.cell.pace,
                requests=len(one.harvest_times),
                found=final[at].correct,
                verdict=final[at].verdict,
                recall=final[at].flagged / one.cell.accounts,
                first_call=standing.get(at),
                touched=final[at].touched,
            )
            for at, one in enumerate(self._planted)
        ], elsewhere

    def _look(self, moment: int | None) -> tuple[list[Sight], int]:
        """Hunt what the log held at a moment; all of it where that is None."""
        requests = self._requests
        if moment is not None:
            requests = requests.filter(pc.less(requests["timestamp"], pa.scalar(moment, TIMESTAMP)))
        case = stillhunt.hunt(requests, self._accounts, self._config)
        self.hunts += 1
        self._advance(1)
        return judge(case.tables, self._planted, self._suspects)
