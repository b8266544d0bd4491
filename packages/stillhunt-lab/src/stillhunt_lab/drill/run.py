"""Runs a drill: plants a grid of campaigns, each into a copy of the log, and hunts look by look."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt import Config, ConfigError, InputError
from stillhunt.tools import DAY, TIMESTAMP, Progress, Silent
from stillhunt_lab.baselines.method import MIN_ACCOUNTS, is_correct_call
from stillhunt_lab.drill.own_logs import HonestTraffic, LogsToDrill, OwnLogs, learn_honest_traffic, read_own_logs
from stillhunt_lab.drill.plant import CAMPAIGN_KINDS, Cell, DrillContext, Kind, Planted, plant
from stillhunt_lab.drill.sentences import PROMPTS_READ, split_prompts

_RANKS = {"none": 0, "review": 1, "act": 2}


@dataclass(frozen=True)
class Outcome:
    """What one hunt made of the planted campaign.

    Args:
        correct: whether it was called correctly and enough of its accounts are flagged to say so.
        verdict: strongest verdict of the campaigns that are mostly its accounts; "unseen" where there is none.
        touched: other accounts with verdict act, those flagged without any plant left out.
    """

    correct: bool
    verdict: str
    flagged: int
    touched: int


def judge(tables: Mapping[str, Any], planted: Planted, suspects: frozenset[str]) -> Outcome:
    """Compare one hunt with what was planted.

    `suspects`: accounts flagged without any plant; never counted as touched.
    """
    own = frozenset(planted.account_ids)
    members: dict[str, list[str]] = {}
    for campaign, account in _zip_table_columns(tables["members"], "campaign_id", "account_id"):
        members.setdefault(campaign, []).append(account)
    flagged = {
        account for account, is_flagged in _zip_table_columns(tables["accounts"], "account_id", "flagged") if is_flagged
    }
    verdict, correct = "unseen", False
    for campaign, given in _zip_table_columns(tables["campaigns"], "campaign_id", "verdict"):
        ids = members.get(campaign, [])
        caught = len(own.intersection(ids))
        if 2 * caught > len(ids) and _RANKS[given] >= _RANKS.get(verdict, 0):
            verdict = given
        if given == "act" and is_correct_call(len(ids), caught):
            correct |= len(flagged.intersection(own, ids)) >= MIN_ACCOUNTS
    return Outcome(correct, verdict, len(flagged & own), len(flagged - own - suspects))


def _zip_table_columns(table: Any, *names: str) -> Any:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


LOOKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 3 / 4)
"""Shares of a campaign's harvest after which the log is cut and hunted; the last look is at the full log."""


@dataclass(frozen=True)
class DrillSpec:
    """The grid.

    Args:
        paces: harvest requests per account and day.
        cover: share of the planted accounts' traffic that is not harvest.
        queue: harvest requests of one campaign at most; it ends when they are done.
    """

    sizes: tuple[int, ...] = (10, 30, 100, 300)
    paces: tuple[float, ...] = (4.0, 12.0, 40.0)
    kinds: tuple[Kind, ...] = CAMPAIGN_KINDS
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
        if not self.kinds or not set(self.kinds) <= set(CAMPAIGN_KINDS):
            raise ConfigError(
                f"kinds is {', '.join(self.kinds) or 'empty'}",
                where="drill",
                next_step=f"choose from {', '.join(CAMPAIGN_KINDS)}",
            )
        if not 0 <= self.cover <= 0.9:
            raise ConfigError(f"cover is {self.cover}", where="drill", next_step="give a share from 0 to 0.9")


@dataclass(frozen=True)
class CellResult:
    """One planted campaign and what became of it.

    Args:
        found: called correctly in the full log, with at least five of its accounts flagged.
        verdict: strongest verdict of a campaign that is mostly its accounts; "unseen" where there is none.
        first_call: harvest requests until the first look from which on every look calls it correctly; None if never.
        touched: honest accounts that are flagged in the full log with it, and not without it.
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

    `requests`, `accounts`: what the user's logs hold, as drilled on. `suspects`: accounts flagged without any plant;
    left out of all counts.
    """

    spec: DrillSpec
    cells: tuple[CellResult, ...]
    requests: int
    accounts: int
    is_sample: bool
    days: float
    suspects: int
    hunts: int

    def smallest_found(self, kind: Kind, pace: float) -> int | None:
        """The smallest size of the grid from which on every size was found; None if the largest was not."""
        smallest = None
        for cell in sorted(self.cells, key=lambda one: -one.accounts):
            if (cell.kind, cell.pace) == (kind, pace):
                if not cell.found:
                    break
                smallest = cell.accounts
        return smallest


def drill(
    source: LogsToDrill, spec: DrillSpec, config: Config | None = None, progress: Progress | None = None
) -> DrillResult:
    """Plant every campaign of the grid into a copy of the logs in memory, hunt, and count.

    Each campaign is hunted by itself, because campaigns that share a log change one another's figures.

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
    context = _build_drill_context(own, learn_honest_traffic(own, suspects), spec)
    grid = [Cell(kind, size, pace) for kind in spec.kinds for pace in spec.paces for size in sorted(spec.sizes)]
    results: list[CellResult] = []
    hunts = 1
    with progress.stage("drilling", len(grid), "campaigns") as advance:
        for cell in grid:
            looks = _Looks(own, _planted(context, spec, cell), suspects, config)
            results.append(looks.result())
            hunts += looks.hunts
            advance(1)
    return DrillResult(
        spec=spec,
        cells=tuple(results),
        requests=own.requests.num_rows,
        accounts=accounts.num_rows,
        is_sample=own.is_sample,
        days=(context.honest.last - context.honest.first) / DAY,
        suspects=len(suspects),
        hunts=hunts,
    )


def _build_drill_context(own: OwnLogs, honest: HonestTraffic, spec: DrillSpec) -> DrillContext:
    """Sentences of the honest accounts' prompts, in an order drawn at random."""
    rng = np.random.default_rng([spec.seed, 0])
    owners = np.repeat(np.arange(len(honest.rows_of)), [len(rows) for rows in honest.rows_of])
    chosen = rng.permutation(len(owners))[:PROMPTS_READ]
    rows = np.concatenate(honest.rows_of)[chosen]
    prompts = own.requests["prompt"].take(pa.array(rows)).to_pylist()
    sentences = split_prompts(list(zip(owners[chosen].tolist(), prompts, strict=True)))
    return DrillContext(own, honest, sentences, spec.cover, spec.queue)


def _planted(context: DrillContext, spec: DrillSpec, cell: Cell) -> Planted:
    honest = len(context.honest.rows_of)
    if cell.accounts > honest:
        raise InputError(
            f"a campaign of {cell.accounts} accounts is larger than the {honest} honest ones of the logs",
            where="drill",
            next_step="drill on more of the log, or give smaller sizes",
            command_step="drill on more of the log, or give smaller --sizes",
        )
    return plant(context, cell, np.random.default_rng([spec.seed, 1, zlib.crc32(cell.name.encode())]))


class _Looks:
    """The hunts for one planted campaign."""

    def __init__(self, own: OwnLogs, planted: Planted, suspects: frozenset[str], config: Config) -> None:
        self._planted = planted
        self._suspects = suspects
        self._config = config
        papers = [table for table in (own.accounts, planted.accounts) if table is not None]
        self._accounts = pa.concat_tables(papers) if papers else None
        self._requests = pa.concat_tables([own.requests, planted.requests])
        self.hunts = 0

    def result(self) -> CellResult:
        """Hunt the full log, then ever shorter logs for as long as the campaign is called correctly."""
        cell, harvest = self._planted.cell, self._planted.harvest_times
        final = self._hunt_until_moment(None)
        first_call = len(harvest) if final.correct else None
        for share in reversed(LOOKS if final.correct else ()):
            seen = int(share * len(harvest))
            if not self._hunt_until_moment(int(harvest[seen])).correct:
                break
            first_call = int(np.searchsorted(harvest, harvest[seen]))
        return CellResult(
            kind=cell.kind,
            accounts=cell.accounts,
            pace=cell.pace,
            requests=len(harvest),
            found=final.correct,
            verdict=final.verdict,
            recall=final.flagged / cell.accounts,
            first_call=first_call,
            touched=final.touched,
        )

    def _hunt_until_moment(self, moment: int | None) -> Outcome:
        """Hunt what the log held before a moment, microseconds; the full log if it is None."""
        requests = self._requests
        if moment is not None:
            requests = requests.filter(pc.less(requests["timestamp"], pa.scalar(moment, TIMESTAMP)))
        case = stillhunt.hunt(requests, self._accounts, self._config)
        self.hunts += 1
        return judge(case.tables, self._planted, self._suspects)
