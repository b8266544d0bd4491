"""The null of the search and the months it promises: constants of score/verdict/budget.py, and what they keep.

Examples, from the repository's root:

    python benchmarks/quality/budget.py --rows FOLDER                 all of it
    python benchmarks/quality/budget.py --rows FOLDER --months 0      without hunting a month hour by hour

1. Honest worlds of two lengths give the tail of the candidates' bits at one look, with bounds.
2. One honest world, hunted at each of 720 hours, gives how many more groups rise above a bar in a month than at one
   look.
3. Months are simulated at the level of the search (100 of 720 looks each), compared with the month that was hunted, and
   held against the budget at several sizes.
Hunts are kept in FOLDER for each state of the detector's source.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from candidates import WorldKind, gather
from looks import Stretch, gather_looks
from tails import (
    Floats,
    Restlessness,
    Search,
    Tail,
    fit_tail,
    mean_interval,
    months,
    numbered,
    path_table,
    restlessness,
    tail_shape,
)

from stillhunt.score.verdict.budget import HONEST_SEARCH, SearchNull, expected_false, required_bits

ACCOUNTS = 2_000
SHORT, LONG = 14, 28
SHORT_SEED, LONG_SEED, MONTH_SEED = 6_501, 6_301, 4_001
MONTH_ACCOUNTS = 500
LEVEL = 5.0
"""Bits at which the constants state the tail."""
LEVELS = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
ENOUGH = 10
"""Candidates above a level from which the tail is fitted there. The highest such level counts: the worlds' tail grows
lighter with height, and the line through its highest part is the one that is carried on."""
BARS = (4.0, 5.0, 6.0, 7.0)
LEAST = -2.0
"""Mean bits of the groups whose straying counts: lower ones never come near a bar."""
RUNS = 100


@dataclass(frozen=True)
class Month:
    """A month that was hunted hour by hour.

    Attributes:
        path: looks x groups.
        accounts: accounts of the world.
    """

    path: Floats
    accounts: int

    def at_one_look(self, bar: float) -> float:
        """Mean number of groups above the bar at a look."""
        return float((self.path > bar).sum(axis=1).mean())

    def distinct(self, bar: float) -> int:
        """Groups that stood above the bar at any look."""
        return int((self.path > bar).any(axis=0).sum())


def honest_tail(candidates: pa.Table, level: float | None = None) -> Tail:
    """Tail of the candidates that could be flagged, of honest worlds of one size.

    Args:
        candidates: their rows.
        level: bits from which it is fitted; None = the highest of LEVELS with ENOUGH candidates above.
    """
    world, worlds = numbered(candidates["world"].to_pylist())
    could = ~candidates["open"].to_numpy(zero_copy_only=False)
    bits = candidates["bits"].to_numpy()
    if level is None:
        level = max((one for one in LEVELS if (bits[could] > one).sum() >= ENOUGH), default=LEVELS[0])
    return fit_tail(bits[could], world[could], worlds, candidates["accounts"][0].as_py(), level)


def print_tails(name: str, candidates: pa.Table) -> Tail:
    """Table of tails above several levels; returns the one that is fitted."""
    bits = candidates["bits"].to_numpy()[~candidates["open"].to_numpy(zero_copy_only=False)]
    worlds = len(set(candidates["world"].to_pylist()))
    print(f"\n{name}: {worlds} honest worlds, {len(bits)} candidates that could be flagged, strongest {bits.max():.1f}")
    print(f"{'above':>7}{'count':>7}{'per 1,000':>11}{'upper':>8}{'scale':>8}{'upper':>8}")
    for level in LEVELS:
        tail = honest_tail(candidates, level)
        print(
            f"{level:>7.0f}{tail.count:>7}{tail.per_thousand:>11.2f}{tail.per_thousand_upper:>8.2f}"
            f"{tail.scale:>8.2f}{tail.scale_upper:>8.2f}"
        )
    fitted = honest_tail(candidates)
    shape, error = tail_shape(bits, fitted.level)
    print(
        f"fitted above {fitted.level:g}; generalised Pareto shape {shape:+.2f} (standard error {error:.2f}; "
        "0 = exponential, below = lighter)"
    )
    return fitted


def hunted_months(folder: Path, count: int, threads: int) -> list[Month]:
    """Months of hourly looks at small honest worlds."""
    found = []
    for number in range(count):
        stretch = Stretch(MONTH_SEED + number, 720, 1, MONTH_ACCOUNTS)
        rows = gather_looks(folder, [stretch], threads)
        path = path_table(rows["look"].to_numpy(), rows["track"].to_numpy(), rows["bits"].to_numpy())
        found.append(Month(path, MONTH_ACCOUNTS))
    return found


def print_months(all_months: list[Month], scale: float) -> Restlessness:
    """What months of looks add to one look: counted above low bars, and from the groups' strays."""
    restless = restlessness([month.path for month in all_months], LEAST)
    print(f"\nmonths hunted hour by hour: {len(all_months)}, {MONTH_ACCOUNTS} accounts each")
    print(f"{'bar':>7}{'at one look':>13}{'in the month':>14}{'factor':>8}")
    for bar in (2.0, 3.0, *BARS, 8.0, 9.0):
        once = sum(month.at_one_look(bar) for month in all_months)
        distinct = sum(month.distinct(bar) for month in all_months)
        print(f"{bar:>7.0f}{once:>13.2f}{distinct:>14}{distinct / once if once else float('nan'):>8.1f}")
    spread = restless.strays[np.isfinite(restless.strays)].std()
    print(
        f"{len(restless.strays)} groups of mean {LEAST:g} bits or more stray by {spread:.2f} bits (deviation), "
        f"{restless.highest.max():.1f} at most: factor {restless.month_factor(scale):.1f}, upper bound "
        f"{restless.month_factor_upper(scale):.1f}, for a tail of {scale:.2f} bits"
    )
    return restless


def at_level(tail: Tail) -> float:
    """Upper bound of the rate, on the tail's line carried to LEVEL."""
    return tail.per_thousand_upper * float(np.exp((tail.level - LEVEL) / tail.scale_upper))


def fitted_null(short: Tail, long: Tail, factor: float) -> SearchNull:
    """The constants: upper bounds of both lengths, powers of length between and beyond them."""
    return SearchNull(
        level=LEVEL,
        per_thousand=round(at_level(short), 2),
        scale=round(short.scale_upper, 2),
        days=float(SHORT),
        rate_growth=round(max(float(np.log2(at_level(long) / at_level(short))), 0.0), 2),
        scale_growth=round(max(float(np.log2(long.scale_upper / short.scale_upper)), 0.0), 2),
        month=round(factor, 1),
    )


def compare_simulation(month: Month, restless: Restlessness) -> None:
    """The short cut against a hunted month: distinct groups above each bar, from the month's own tail at one look."""
    bars = [*BARS, 8.0]
    above = month.path[month.path > LEVEL] - LEVEL
    search = Search(month.at_one_look(LEVEL), LEVEL, float(above.mean()))
    counts, once = months(RUNS, search, bars, restless, np.random.default_rng(11))
    print("\nsimulated months against the hunted one: groups above the bar")
    print(f"{'':>7}{'at one look':>22}{'in the month':>38}")
    print(f"{'bar':>7}{'hunted':>11}{'simulated':>11}{'hunted':>11}{'simulated':>11}{'95 % of months':>16}")
    for place, bar in enumerate(bars):
        low, high = np.percentile(counts[:, place], [2.5, 97.5])
        print(
            f"{bar:>7.0f}{month.at_one_look(bar):>11.2f}{once[:, place].mean():>11.2f}{month.distinct(bar):>11}"
            f"{counts[:, place].mean():>11.1f}{low:>9.0f} -{high:>5.0f}"
        )


def hold_budget(null: SearchNull, tail: Tail, restless: Restlessness) -> None:
    """False campaigns in 100 simulated months, at several sizes and budgets, under the tail as measured and its bound.

    Args:
        null: constants under test.
        tail: tail of one look.
        restless: how bits move from look to look.
    """
    looks = restless.strays.shape[1]
    print(f"\n{RUNS} honest months of {looks} looks, simulated; mean false campaigns (95 % interval), worst month")
    print(f"{'accounts':>10}{'budget':>8}{'bits':>7}  {'tail as measured':<30}tail at its upper bound")
    for accounts in (2_000, 20_000, 200_000, 2_000_000):
        for allowed in (1.0, 10.0):
            bar = required_bits(accounts, SHORT, allowed, null)
            texts = []
            for rate, scale in ((tail.per_thousand, tail.scale), (tail.per_thousand_upper, tail.scale_upper)):
                search = Search(rate * accounts / 1000.0, tail.level, scale)
                counts, _ = months(RUNS, search, [bar], restless, np.random.default_rng(accounts))
                mean, low, high = mean_interval(counts[:, 0])
                texts.append(f"{mean:.2f} ({low:.2f}-{high:.2f}), {counts.max()}")
            print(f"{accounts:>10,}{allowed:>8g}{bar:>7.1f}  {texts[0]:<30}{texts[1]}")


def hold_hunted(null: SearchNull, all_months: list[Month]) -> None:
    """Distinct honest groups that the hunted months put above the bar of each budget, all verdict rules but it off."""
    print("\nhunted months: honest groups above the bar of a budget, if the budget were the only rule")
    for allowed in (1.0, 3.0, 10.0, 30.0):
        bar = required_bits(MONTH_ACCOUNTS, SHORT, allowed, null)
        found = [month.distinct(bar) for month in all_months]
        expected = expected_false(bar, MONTH_ACCOUNTS, SHORT, null)
        print(f"  budget {allowed:>4g}: {bar:.1f} bits, expected at most {expected:.1f}, found {found}")


def main(words: list[str] | None = None) -> int:
    """Measure, print the constants, test what they promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where hunts are kept")
    parser.add_argument("--honest", type=int, default=12, help="honest worlds of 14 days of each generator")
    parser.add_argument("--long", type=int, default=6, help="honest worlds of 28 days of each generator")
    parser.add_argument("--months", type=int, default=1, help="months to hunt hour by hour")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    arguments = parser.parse_args(words)
    rows, threads = arguments.rows, arguments.threads
    short_worlds, long_worlds = (
        [WorldKind(0, seed + n, ACCOUNTS, days, generator) for n in range(worlds) for generator in ("first", "second")]
        for seed, days, worlds in ((SHORT_SEED, SHORT, arguments.honest), (LONG_SEED, LONG, arguments.long))
    )
    short = print_tails("14 days", gather(rows, short_worlds, threads)[0])
    long = print_tails("28 days", gather(rows, long_worlds, threads)[0])
    all_months = hunted_months(rows, arguments.months, threads)
    if not all_months:
        return 0
    # At the bound of the scale, as the rate is: scale x log(factor) grows with the scale, so the pair is the safe one.
    restless = print_months(all_months, short.scale_upper)
    null = fitted_null(short, long, restless.month_factor_upper(short.scale_upper))
    print(f"\nfitted: HONEST_SEARCH = {null}\nin force:               {HONEST_SEARCH}")
    for month in all_months:
        compare_simulation(month, restless)
    hold_budget(null, short, restless)
    hold_hunted(null, all_months)
    return 0


if __name__ == "__main__":
    sys.exit(main())
