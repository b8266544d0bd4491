"""When a method first names a campaign: the log is replayed, and the method looks at it again and again.

Looking after every hour of two weeks is 336 hunts a world. The looks are therefore spent in two passes: first at
times at which the harvest has grown by a quarter, each with the look one hour later that it must survive; then hour
by hour between the last time that failed and the first that held. A call that came, held for an hour and was gone
again before the next time of the first pass is missed, so the figure can only be too late.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines import Method, MethodResult, MethodSettings
from stillhunt_lab.baselines.method import is_correct_call
from stillhunt_lab.bench.measures import Truth

GROWTH = 1.25
FIRST_LOOK = 20
"""Harvested requests before the first look: five accounts with four each, the least that is judged."""


@dataclass(frozen=True)
class FirstCall:
    """When one true campaign was first named correctly."""

    campaign: str
    harvested: int
    requests: int | None  # harvested requests before the first correct call; None where there was none
    hours: float | None  # hours from its first harvested request to that look; None where there was none
    looks: int
    wrong_looks: int  # looks of these at which a group to act on was named that is no true campaign


def called_campaigns(result: MethodResult, truth: Truth) -> tuple[set[str], int]:
    """The true campaigns that a result names, by the rule of `correct_call`, and its other groups."""
    members: defaultdict[str, list[str]] = defaultdict(list)
    for account, group in result.groups.items():
        members[group].append(account)
    called, wrong = set(), 0
    for accounts in members.values():
        served = Counter(name for account in accounts for name in truth.serves.get(account, ()))
        name, count = min(served.items(), key=lambda item: (-item[1], item[0]), default=("", 0))
        if is_correct_call(len(accounts), count):
            called.add(name)
        else:
            wrong += 1
    return called, wrong


def first_calls(
    method: Method, log: tuple[pa.Table, pa.Table], truth: Truth, settings: MethodSettings
) -> list[FirstCall]:
    """Replay a log for a method."""
    requests = log[0]
    times: Array = requests["timestamp"].cast(pa.int64()).to_numpy()
    names = [truth.campaign[request] for request in requests["request_id"].to_pylist()]
    start, last = int(times.min()), int(times.max())
    looks: dict[int, tuple[set[str], int]] = {}

    def is_called(name: str, hour: int) -> bool:
        if hour not in looks:
            looks[hour] = called_campaigns(method(*_log_until(log, times, start + hour * HOUR), settings), truth)
        return name in looks[hour][0]

    calls = []
    for name in sorted(set(names) - {""}):
        harvest = np.sort(times[np.array([other == name for other in names])])
        before = set(looks)
        hour = _first_standing(partial(is_called, name), _list_replay_hours(harvest, start, last))
        seen = None if hour is None else int(np.searchsorted(harvest, start + hour * HOUR))
        waited = None if hour is None else (start + hour * HOUR - int(harvest[0])) / HOUR
        taken = [hour for hour in looks if hour not in before]
        wrong = sum(looks[hour][1] > 0 for hour in taken)
        calls.append(FirstCall(name, len(harvest), seen, waited, len(taken), wrong))
    return calls


def _list_replay_hours(harvest: Array, start: int, last: int) -> list[int]:
    """Hours of the first pass since the start of the log: at each the harvest has grown by a quarter; then the end."""
    wanted, hours, end = float(FIRST_LOOK), [], -((start - last) // HOUR)
    while wanted < len(harvest):
        hours.append(int(-((start - harvest[int(wanted)]) // HOUR)))
        wanted *= GROWTH
    return [*sorted({hour for hour in hours if hour < end - 1}), max(end - 1, 1)]


def _first_standing(is_called: Callable[[int], bool], hours: list[int]) -> int | None:
    """The first hour at which the call holds, then and an hour later; None where there is none."""
    failed = 0
    for hour in hours:
        if is_called(hour) and is_called(hour + 1):
            for earlier in range(failed + 1, hour):
                if is_called(earlier) and is_called(earlier + 1):
                    return earlier
            return hour
        failed = hour
    return None


def _log_until(log: tuple[pa.Table, pa.Table], times: Array, end: int) -> tuple[pa.Table, pa.Table]:
    """The requests before a time and the accounts opened before it."""
    requests, accounts = log
    known = requests.filter(pa.array(times < end))
    if "created_at" in accounts.column_names:
        opened = accounts["created_at"].cast(pa.int64())
        accounts = accounts.filter(pc.fill_null(pc.less(opened, end), True))
    return known, accounts
