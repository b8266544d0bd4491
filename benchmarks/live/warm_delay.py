"""How much later an operation is found when hunts by the clock are warm: hours after its first request.

    python benchmarks/live/warm_delay.py                   four worlds
    python benchmarks/live/warm_delay.py --worlds first-6 --seed 5

The operation begins a week into the world, just after a search. Printed is when a search first finds it (review or
act), by the hour: if one runs each hour; if searches run at signs and every so many hours (`watch.cold_hours`); and if
only what is new since the base is searched. It is supposed that what is found stays found.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from warm import build, options_of, print_row

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.units import HOUR
from stillhunt.collect import open_requests
from stillhunt.extract import sketch_requests
from stillhunt.pipeline import hunt
from stillhunt.watch.recurring_texts import RecurringTexts

WORLDS = ("first-1", "first-3", "first-5", "second-3")
DAYS_BEFORE, HOURS = 7, 48
BOUNDS = (3, 6, 12, 24)
COLUMNS = ("world", "signs in 48 h", "each hour", *(f"at signs or after {bound} h" for bound in BOUNDS),
           "only what is new")  # fmt: skip


class Begun:
    """Requests of a world whose operation begins after a week.

    Args:
        name: of the world, generator and rung.
        scratch: folder for files.
    """

    def __init__(self, name: str, accounts: int, seed: int, scratch: Path) -> None:
        world = build(name, accounts, seed)
        self.members = {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}
        times = world.requests["timestamp"].cast(pa.int64()).to_numpy()
        self.begin = int(times.min()) + DAYS_BEFORE * 24 * HOUR
        own = pc.is_in(world.requests["account_id"], pa.array(sorted(self.members))).to_numpy()
        kept = ~own | (times > self.begin)
        self.requests, self.times = world.requests.filter(pa.array(kept)), times[kept]
        self.file, self.accounts = scratch / "requests.parquet", scratch / "accounts.parquet"
        pq.write_table(world.accounts, self.accounts)

    def write(self, first: float, last: float) -> bool:
        """Write the requests between two hours after the beginning; whether there are any."""
        inside = (self.times > self.begin + first * HOUR) & (self.times <= self.begin + last * HOUR)
        pq.write_table(self.requests.filter(pa.array(inside)), self.file)
        return bool(inside.any())

    def finds(self, first: float, last: float) -> bool:
        """Whether a hunt over these requests shows a group most of which is of the operation."""
        self.write(first, last)
        case = hunt(str(self.file), str(self.accounts), Config.load({}, environ={}))
        shown = case.campaigns.filter(pc.not_equal(case.campaigns["verdict"], "none"))["campaign_id"].to_pylist()
        for name in shown:
            members = case.members.filter(pc.equal(case.members["campaign_id"], name))["account_id"].to_pylist()
            if 2 * len(self.members.intersection(members)) > len(members):
                return True
        return False

    def signs(self) -> list[float]:
        """Hours in which the process that follows the spool sees a sign, by quarters."""
        texts, found = RecurringTexts(), []
        with DuckDBEngine(threads=1) as engine:
            for quarter in range(4 * HOURS):
                if not self.write(quarter / 4, (quarter + 1) / 4):
                    continue
                log = open_requests(str(self.file), mapping=None, config=Config(), engine=engine, progress=Silent())
                if sum(texts.add_requests(sketch_requests(batch, Config())) for batch in log.batches()):
                    found.append((quarter + 1) / 4)
                log.close()
        return found


def first_hour(found: Callable[[int], bool]) -> int | None:
    """The first hour at which something is found, by halving; None where it is not in the last one."""
    if not found(HOURS):
        return None
    low, high = 0, HOURS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def measure(name: str, accounts: int, seed: int) -> list[object]:
    """One row."""
    with tempfile.TemporaryDirectory() as scratch:
        begun = Begun(name, accounts, seed, Path(scratch))
        signs = np.array(begun.signs())
        each = first_hour(lambda hours: begun.finds(-24 * DAYS_BEFORE - 1, hours))
        new = first_hour(lambda hours: begun.finds(0, hours))
    if each is None:
        return [name, len(signs), *["not found"] * (len(COLUMNS) - 2)]
    bounded = []
    for bound in BOUNDS:
        searched = 0.0  # when the last search was
        while searched < each:
            later = signs[signs > searched]
            searched = min(searched + bound, float(later[0]) if len(later) else np.inf)
        bounded.append(searched)
    return [name, len(signs), each, *bounded, "not in 48 h" if new is None else new]


if __name__ == "__main__":
    options = options_of(__doc__, WORLDS).parse_args()
    print_row(COLUMNS)
    print_row(["---"] * len(COLUMNS))
    for name in options.worlds:
        print_row(measure(name, options.accounts, options.seed))
