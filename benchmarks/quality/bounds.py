"""What each campaign shows at all: the true group, as a candidate, judged by the evidence that the product has.

    python benchmarks/quality/bounds.py --generator second --rungs 6,7,8,9,12
    python benchmarks/quality/bounds.py --generator first --rungs 8,9 --seeds 5

A search can find no more than this. The candidate is made with the truth at hand: its accounts are those that harvest,
its requests those that were harvested, and each of its slices has as many requests as a slice needs. It is judged
twice: without any evidence of wording, and with as much as one slice may have of it on each of its requests. Where even
the second is below the act threshold, no search of any kind would flag the campaign; where the first is above and the
hunt flags nobody, the search falls short.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hunt_worlds import read_rungs

import stillhunt
from stillhunt import pipeline
from stillhunt.base.explanations import odds_against_all
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.score.context.candidate import Candidate, read_candidates
from stillhunt.score.context.log import ScoredLog, read_log
from stillhunt.score.verdict.budget import log_budget
from stillhunt.score.verdict.verdict import Judged, judge
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, build_world, spec_for_rung

FIRST_SEED = 401
HEADER = (
    f"{'world':<16}{'campaign':<10}{'accounts':>9}{'in it':>6}{'median':>7}"
    f"{'bits':>7}{'kept':>6}  {'verdict':<8}{'bits':>7}{'kept':>6}  {'verdict':<8}{'flagged':>8}{'honest':>8}"
)
LEGEND = """accounts: that harvest; in it: with enough harvested requests for a slice; median: their median;
bits, kept, verdict: of the true group without evidence of wording, then with the most there can be;
kept: accounts that the member model keeps; flagged: harvesting accounts that the hunt itself flags;
honest: most bits of a candidate of the hunt in which hardly anybody harvests."""


@dataclass(frozen=True)
class Scored:
    """What a hunt handed to `score`, and the case that it made.

    Attributes:
        traffic, sliced, candidates, customers, totals: as `score_campaigns` gets them.
        config: settings.
        case: the case.
    """

    traffic: pa.Table
    sliced: pa.Table
    candidates: pa.Table
    customers: pa.Table | None
    totals: pa.Table
    config: stillhunt.Config
    case: stillhunt.Case

    def log(self, harvested: Any = None) -> ScoredLog:
        """The log as evidence sees it.

        Args:
            harvested: True for requests that are to be a content cluster of their own; None for the hunt's clusters.
        """
        sliced = self.sliced
        if harvested is not None:
            cluster, untemplated = (sliced.column(name).to_numpy().copy() for name in ("cluster", "untemplated"))
            cluster[harvested], untemplated[harvested] = int(cluster.max(initial=-1)) + 1, False
            for name, values in (("cluster", cluster), ("untemplated", untemplated)):
                sliced = sliced.set_column(sliced.column_names.index(name), sliced.schema.field(name), pa.array(values))
        return read_log(self.traffic, sliced, self.customers, self.totals)

    def judged(self, log: ScoredLog, candidate: Candidate) -> Judged:
        """A candidate as the hunt would judge it.

        Args:
            log: the log.
            candidate: the candidate.
        """
        return judge(
            log,
            candidate,
            self.config.score,
            min_slice_requests=self.config.link.min_slice_requests,
            min_accounts=self.config.resolve.min_accounts,
            required_bits=log_budget(self.totals, self.config.score).required_bits,
        )


def scored(world: World) -> Scored:
    """Hunt in a world, and keep what `score` gets.

    Args:
        world: logs and truth.
    """
    config = stillhunt.Config.load({"sanctioned": {"organizations": list(world.sanctioned)}})
    kept: list[Any] = []
    spine = pipeline.score_campaigns

    def keep(*judged: Any) -> Any:
        kept.extend((*judged[:4], judged[6]))  # without settings and progress
        return spine(*judged)

    pipeline.score_campaigns = keep
    try:
        case = stillhunt.hunt(world.requests, world.accounts, config)
    finally:
        pipeline.score_campaigns = spine
    return Scored(*kept, config, case)


def true_group(log: ScoredLog, rows: Any, least: int) -> Candidate:
    """The accounts of some requests as a candidate, found on both folds, without evidence of wording.

    Args:
        log: the log, in which these requests are the last content cluster.
        rows: harvested requests.
        least: requests that a slice needs.
    """
    account = log.requests.account[rows]
    rows = rows[np.bincount(account, minlength=log.accounts.count)[account] >= least]
    members, place = np.unique(log.requests.account[rows], return_inverse=True)
    none, count = np.zeros(len(members)), len(members)
    cluster = np.full(count, int(log.requests.cluster.max()))
    return Candidate(0, members, cluster, np.arange(count), np.full(count, 3), none, none, rows, place, place)


def world_rows(name: str, world: World) -> Iterator[str]:
    """One row of the table for each campaign of a world.

    Args:
        name: shown in the table.
        world: logs and truth.
    """
    hunt = scored(world)
    truth = world.truth_requests
    place = pc.index_in(hunt.traffic.column("request_id").cast(pa.string()), value_set=truth.column("request_id"))
    campaign = truth.column("campaign").take(place).fill_null("").to_numpy(zero_copy_only=False)
    accounts = hunt.case.tables["accounts"]
    flagged = set(accounts.filter(accounts.column("flagged")).column("account_id").to_pylist())
    honest = most_honest(hunt, campaign == "")
    cap = 2.0 * SLICE_PARAMETERS.view_cap_bits
    for one in sorted(set(campaign.tolist()) - {""}):
        rows = np.flatnonzero(campaign == one)
        log = hunt.log(rows)
        members = log.accounts.ids.take(pa.array(np.unique(log.requests.account[rows]))).to_pylist()
        group = true_group(log, rows, hunt.config.link.min_slice_requests)
        plain = hunt.judged(log, group)
        worded = hunt.judged(log, replace(group, content=group.content + cap))
        yield (
            f"{name:<16}{one:<10}{len(members):>9}{len(group.accounts):>6}{np.median(group.volumes):>7.0f}"
            + "".join(f"{harvest_odds(j):>7.1f}{len(j.candidate.accounts):>6}  {j.verdict:<8}" for j in (plain, worded))
            + f"{len(flagged & set(members)):>8}{honest:>8.1f}"
        )


def harvest_odds(judged: Judged) -> float:
    """Log2 odds of a harvest, whatever is claimed of the group."""
    return odds_against_all(list(judged.weighed.claim.odds.values()))


def most_honest(hunt: Scored, honest: Any) -> float:
    """Most bits of a candidate of the hunt with hardly any harvested request, allowed programmes left out.

    Args:
        hunt: a hunt.
        honest: True for requests of TRAFFIC that were not harvested.
    """
    log = hunt.log()
    allowed = hunt.case.tables["accounts"]
    sanctioned = allowed.filter(allowed.column("sanctioned")).column("account_id")
    outside = ~pc.is_in(log.accounts.ids, value_set=sanctioned.combine_chunks()).to_numpy(zero_copy_only=False)
    candidates = [c for c in read_candidates(hunt.candidates, log) if len(c.rows) and honest[c.rows].mean() > 0.9]
    bits = [harvest_odds(hunt.judged(log, c)) for c in candidates if outside[c.accounts].mean() > 0.5]
    return max(bits, default=float("nan"))


def main(words: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", choices=("first", "second"), default="second")
    parser.add_argument("--rungs", type=read_rungs, default=read_rungs("6,7,8,9,12"), help="6-9 or 6,8,9")
    parser.add_argument("--seeds", type=int, default=3, help="worlds of each rung")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--accounts", type=int, default=2_000, help="honest accounts")
    arguments = parser.parse_args(words)
    print(HEADER)
    for rung in arguments.rungs:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            if arguments.generator == "first":
                world = build_world(spec_for_rung(rung, seed=seed, accounts=arguments.accounts))
            else:
                world = build_second_world(SecondSpec(rung=rung, seed=seed, accounts=arguments.accounts))
            for row in world_rows(f"{arguments.generator} {rung} {seed}", world):
                print(row, flush=True)
    print(LEGEND)
    return 0


if __name__ == "__main__":
    sys.exit(main())
