"""Hundreds of different attempts to extract hidden text, by one account or group within a short time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet

from stillhunt.base.dataset import Dataset
from stillhunt.base.wording import fill
from stillhunt.watch.early_signs import passes
from stillhunt.watch.early_signs.parameters import EARLY
from stillhunt.watch.early_signs.signs import Seen

# hours: stretch in which different attempts to extract hidden text are counted (a phase of probing is short;
# researchers try a few attempts on many days)
_ATTEMPT_HOURS = 48


_SENTENCE = "{attempts:#} different attempts to extract hidden instructions or reasoning within {hours:#} hours"


def extraction_attempts(
    sketches: Dataset, groups: Mapping[str, frozenset[str]], silent: AbstractSet[str]
) -> Iterator[Seen]:
    """Groups, and accounts of no group, that made many different attempts within a short time."""
    by_account = _attempts_of(sketches)
    members = {group: own & by_account.keys() for group, own in groups.items()}
    grouped = frozenset[str]().union(*members.values())
    singles = [("", {account}) for account in sorted(by_account) if account not in grouped | silent]
    for group, own in [*members.items(), *singles]:
        hour, attempts = _densest(by_account, own)
        if attempts >= EARLY.least_attempts:
            said = fill(_SENTENCE, attempts=attempts, hours=_ATTEMPT_HOURS)
            yield Seen("extraction_attempts", group, own, "", hour, said)


def most_attempts(sketches: Dataset) -> int:
    """The most attempts of one account within `attempt_hours`, for the benchmark that sets `least_attempts`."""
    by_account = _attempts_of(sketches)
    return max((_densest(by_account, {account})[1] for account in by_account), default=0)


def _attempts_of(sketches: Dataset) -> dict[str, dict[int, int]]:
    """Account -> hour -> attempts that it made in it for the first time."""
    rows = sketches.gather(passes.count_attempts, passes.ATTEMPTS, None, passes.ATTEMPT_COLUMNS)
    by_account: dict[str, dict[int, int]] = defaultdict(dict)
    for account, hour, attempts in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        by_account[account][hour] = attempts
    return by_account


def _densest(by_account: Mapping[str, Mapping[int, int]], accounts: Collection[str]) -> tuple[int, int]:
    """First hour of the stretch in which some accounts made the most attempts, and their number."""
    together: dict[int, int] = defaultdict(int)
    for account in accounts:
        for hour, attempts in by_account[account].items():
            together[hour] += attempts
    hours = sorted(together)
    begin, inside, best = 0, 0, (0, 0)
    for hour in hours:
        inside += together[hour]
        while hours[begin] <= hour - _ATTEMPT_HOURS:
            inside -= together[hours[begin]]
            begin += 1
        best = max(best, (inside, -hours[begin]))
    return -best[1], best[0]
