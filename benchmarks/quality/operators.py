"""Whether campaigns are tied to their operators: specialists, rivals, and rivals found as one for their cover traffic.

Examples, from the repository's root:

    python benchmarks/quality/operators.py                        all kinds of worlds, three seeds
    python benchmarks/quality/operators.py rivals --seeds 50      no tie between true rivals
    python benchmarks/quality/operators.py FOLDER...              worlds on disk: requests/, accounts, truth/

Kinds of worlds, from both generators: `specialists` (one operator whose accounts work on one queue each), `rivals` (two
operators), `cover` (two careful operators with cover traffic). Their truth is one name an operator.

Columns: campaigns found; pairs of campaigns of one operator that are together in one, of all such pairs; pairs of
rivals that are together, which is the error that matters; B-cubed F1 of the accounts in campaigns by operator; the same
by campaign, as it would be without ties. Campaigns are those with the verdicts act and review, an operator is that of
most of its accounts. Exit code 1 where rivals are tied.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pyarrow as pa

import stillhunt
from stillhunt_lab.bench.measures import bcubed_f1
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

FIRST_SEED = 601
HEADER = f"{'world':<24}{'found':>6}{'tied':>9}{'rivals tied':>12}{'B3 operators':>13}{'B3 campaigns':>13}"


@dataclass(frozen=True)
class Measured:
    """One world.

    Attributes:
        campaigns: campaigns with the verdicts act and review.
        tied, pairs: pairs of campaigns of one true operator that are tied, and all.
        false_ties, rivals: the same of two true operators.
        by_operator, by_campaign: B-cubed F1 of harvesting accounts in campaigns; None where there are none.
    """

    campaigns: int
    tied: int
    pairs: int
    false_ties: int
    rivals: int
    by_operator: float | None
    by_campaign: float | None


def first_world(seed: int, accounts: int, campaigns: tuple[CampaignSpec, ...]) -> World:
    """A world of the first generator."""
    return build_world(WorldSpec(accounts=accounts, seed=seed, campaigns=campaigns))


def worlds_of(kind: str, seed: int, accounts: int) -> Iterator[tuple[str, Callable[[], World]]]:
    """Name and maker of each world of a kind; rivals alternate between rungs with the seed."""

    def first(*campaigns: CampaignSpec) -> Callable[[], World]:
        return lambda: first_world(seed, accounts, campaigns)

    def second(**options: int) -> Callable[[], World]:
        return lambda: build_second_world(SecondSpec(accounts=accounts, seed=seed, **options))

    if kind == "specialists":
        for rung in (2, 3, 6):
            yield f"first {rung}", first(CampaignSpec(rung, 100, skills=4, specialised=True))
        for rung in (1, 2):
            yield f"second {rung}", second(rung=rung, campaign_accounts=100, specialists=4)
    elif kind == "rivals":
        rungs = (1 + seed % 6, 1 + (seed // 6) % 6)
        yield f"first {rungs[0]} {rungs[1]}", first(*(CampaignSpec(rung, 40) for rung in rungs))
        yield f"second {1 + seed % 5}", second(rung=1 + seed % 5, campaigns=2, campaign_accounts=40)
    else:
        for rungs in ((6, 6), (10, 6)):
            yield f"first {rungs[0]} {rungs[1]}", first(*(CampaignSpec(rung, 60) for rung in rungs))
        yield "second 10", second(rung=10, campaigns=2, campaign_accounts=60)


def measure(case: stillhunt.Case, truth: Mapping[str, str]) -> Measured:
    """Compare the operators of a case with the truth.

    Args:
        case: what was found.
        truth: account -> operators, joined by "|"; empty for honest accounts.
    """
    found = set(case.campaigns["campaign_id"].to_pylist())
    members: dict[str, list[str]] = {name: [] for name in sorted(found)}
    for account, campaign in zip(
        case.members["account_id"].to_pylist(), case.members["campaign_id"].to_pylist(), strict=True
    ):
        if campaign in found:
            members[campaign].append(account)
    table = case.operators.filter(pa.compute.equal(case.operators["relation"], "one_operator"))
    operator = dict(zip(table["campaign_id"].to_pylist(), table["operator_id"].to_pylist(), strict=True))
    true = {name: Counter(truth[a] for a in accounts).most_common(1)[0][0] for name, accounts in members.items()}
    tied = pairs = false = rivals = 0
    for first, second in combinations(members, 2):
        together = first in operator and operator[first] == operator.get(second)
        if true[first] and true[first] == true[second]:
            tied, pairs = tied + together, pairs + 1
        else:
            false, rivals = false + together, rivals + 1
    main = dict(zip(case.accounts["account_id"].to_pylist(), case.accounts["campaign_id"].to_pylist(), strict=True))
    harvesting = [account for account, name in main.items() if name in found and truth[account]]
    expected = [truth[account] for account in harvesting]
    scores = [
        bcubed_f1(expected, group) if harvesting else None
        for group in (
            [operator.get(main[account], main[account]) for account in harvesting],
            [main[account] for account in harvesting],
        )
    ]
    return Measured(len(found), tied, pairs, false, rivals, *scores)


def hunt(world: World, threads: int) -> Measured:
    """Hunt in a world and measure its operators."""
    config = stillhunt.Config.load({"threads": threads, "sanctioned": {"organizations": list(world.sanctioned)}})
    truth = world.truth_accounts
    operators = dict(zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True))
    return measure(stillhunt.hunt(world.requests, world.accounts, config), operators)


def row_text(name: str, one: Measured) -> str:
    """One row of the table."""
    shares = "".join(f"{'-' if share is None else f'{share:.3f}':>13}" for share in (one.by_operator, one.by_campaign))
    tied, false = f"{one.tied}/{one.pairs}", f"{one.false_ties}/{one.rivals}"
    return f"{name:<24}{one.campaigns:>6}{tied:>9}{false:>12}{shares}"


def mean_of(rows: list[Measured]) -> Measured:
    """Sums of counts and means of shares."""
    shares = [
        [value for value in values if value is not None]
        for values in zip(*((row.by_operator, row.by_campaign) for row in rows), strict=True)
    ]
    counts = [
        sum(values)
        for values in zip(*((r.campaigns, r.tied, r.pairs, r.false_ties, r.rivals) for r in rows), strict=True)
    ]
    return Measured(*counts, *(sum(values) / len(values) if values else None for values in shares))


def main() -> int:
    """Run, print, and say with the exit code whether rivals were tied."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["specialists", "rivals", "cover"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--accounts", type=int, default=800, help="honest accounts of each world")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    print(HEADER, flush=True)
    false = 0
    for what in arguments.what:
        rows = []
        if Path(what).is_dir():
            from hunt_worlds import stored_world

            made = [(Path(what).name, lambda what=what: stored_world(Path(what)))]
        else:
            seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
            made = [
                (f"{what} {name} {seed}", make)
                for seed in seeds
                for name, make in worlds_of(what, seed, arguments.accounts)
            ]
        for name, make in made:
            rows.append(hunt(make(), arguments.threads))
            print(row_text(name, rows[-1]), flush=True)
        print(row_text(f"{what}: all", mean_of(rows)), flush=True)
        false += sum(row.false_ties for row in rows)
    return int(false > 0)


if __name__ == "__main__":
    sys.exit(main())
