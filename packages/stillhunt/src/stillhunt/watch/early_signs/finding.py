"""From a hunt's case tables and sketches to early signs.

Three things are looked for, which reports of real campaigns tell of: a group whose accounts take up a new model within
a day of its appearance; a group that tries a model with a few requests of a few accounts, and then moves there within
a day; and hundreds of different attempts at one kind of extraction within two days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.dataset import Dataset
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import HOUR
from stillhunt.base.wording import fill
from stillhunt.link.requests.arrays import Flags, Ints, values
from stillhunt.score.stats.beta_binomial import BetaPrior, share_ratio
from stillhunt.watch.early_signs.signs import EarlySign, Seen, SignKind


class EarlySignParameters(NamedTuple):
    """When something is an early sign."""

    least_attempts: int
    least_burst: int
    burst_ratio: float
    usual_strength: float
    moved: tuple[float, float]
    least_bits: float


EARLY = read_parameters(EarlySignParameters, "watch.early_signs")


_BURST_HOURS = 24  # hours: length of a burst on a model (campaigns were seen to move within a day)
# share: most accounts of the group that take part in the probe (a few scouts; where all try a model for themselves,
# nobody probes for the others)
_PROBE_ACCOUNTS = 0.25
# accounts: members of a group that use a model for the first time within the burst (few tell nothing, as with the
# evidence from new models)
_LEAST_MEMBERS = 4
# hours: how long a group must have been at work before its first use of a model, for that to tell anything (a log that
# has just begun shows everybody's first use of every model)
_HOURS_BEFORE = 48
# Bursts that are compared with other accounts at a hunt, and models of a group, the busiest first (bounds what hostile
# names of models can cost)
_MOST_QUESTIONS = 64
# hours: stretch in which different attempts to extract hidden text are counted (a phase of probing is short;
# researchers try a few attempts on many days)
_ATTEMPT_HOURS = 48
# Signs that are kept at a hunt, those of most accounts first (more cannot be read; bounds what hostile traffic can
# cost)
_MOST_SIGNS = 200
ATTEMPT = 1 << 4 | 1 << 7
"""Conduct flags of an attempt to extract hidden text: EXTRACTION_PROBE, TRANSLATE_TRACE (`extract/text/conduct.py`)."""
ATTEMPT_COLUMNS = ("account_id", "timestamp", "prompt_hash", "conduct")
ATTEMPTS = pa.schema([("account_id", pa.string()), ("hour", pa.int64()), ("attempts", pa.int64())])
USE_COLUMNS = ("account_id", "timestamp", "model")
USE = pa.schema([("account_id", pa.string()), ("model", pa.string()), ("hour", pa.int64()), ("requests", pa.int64())])
STARTS = pa.schema([("model", pa.string()), ("hour", pa.int64())])
COMPARED = pa.schema([("question", pa.int64()), ("active", pa.int64()), ("moved", pa.int64())])


@dataclass(frozen=True)
class Burst:
    """A time at which the members of a group may have begun to use a model together."""

    model: str
    hour: int  # first hour, since 1970
    hours: int
    hours_before: int  # an account counts where it was at work so long before


@dataclass(frozen=True)
class BurstComparison:
    """What comparison accounts are asked."""

    bursts: tuple[Burst, ...]
    aside: pa.Array  # ids of accounts in any campaign or group left alone, which are not compared with


def count_attempts(table: pa.Table, _context: None) -> pa.Table:
    """Different attempts of each account to extract hidden text, by the hour in which each was first made."""
    flagged = (values(table, "conduct") & np.uint32(ATTEMPT)) > 0
    own = _by_hour(table.select(ATTEMPT_COLUMNS[:3]).filter(pa.array(flagged)))
    firsts = own.group_by(["account_id", "prompt_hash"]).aggregate([("hour", "min")])
    counted = firsts.group_by(["account_id", "hour_min"]).aggregate([([], "count_all")])
    return pa.table([counted["account_id"], counted["hour_min"], counted["count_all"]], schema=ATTEMPTS)


def member_use(table: pa.Table, members: pa.Array) -> pa.Table:
    """Requests of members by account, model and hour."""
    own = _by_hour(table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=members)))
    counted = own.group_by(["account_id", "model", "hour"]).aggregate([([], "count_all")])
    return pa.table([counted[name] for name in ("account_id", "model", "hour", "count_all")], schema=USE)


def first_uses(table: pa.Table, models: pa.Array) -> pa.Table:
    """First hour of some models in one partition; null is the model of the first hour of all."""
    hours = _by_hour(table.select(USE_COLUMNS[1:]))
    wanted = hours.filter(pc.is_in(hours["model"], value_set=models))
    firsts = wanted.group_by(["model"]).aggregate([("hour", "min")])
    first = pa.table([[None], [pc.min(hours["hour"]).as_py()]], schema=STARTS)
    return pa.concat_tables([pa.table([firsts["model"], firsts["hour_min"]], schema=STARTS), first])


def compare_use(table: pa.Table, comparison: BurstComparison) -> pa.Table:
    """For each burst, how many comparison accounts were at work then, and how many of these began with its model."""
    hours = _by_hour(table.filter(pc.invert(pc.is_in(table["account_id"].cast(pa.string()), comparison.aside))))
    by_account = hours.group_by(["account_id"]).aggregate([("hour", "min")])
    began = dict(zip(by_account["account_id"].to_pylist(), by_account["hour_min"].to_pylist(), strict=True))
    first = hours.group_by(["account_id", "model"]).aggregate([("hour", "min")])
    rows = []
    for number, burst in enumerate(comparison.bursts):
        end = burst.hour + burst.hours
        inside = pc.and_(pc.greater_equal(hours["hour"], burst.hour), pc.less(hours["hour"], end))
        there = hours["account_id"].filter(inside).unique().to_pylist()
        active = {account for account in there if began[account] <= burst.hour - burst.hours_before}
        takers = first.filter(pc.equal(first["model"], burst.model))
        took = zip(takers["account_id"].to_pylist(), takers["hour_min"].to_pylist(), strict=True)
        moved = sum(burst.hour <= hour < end and account in active for account, hour in took)
        rows.append((number, len(active), moved))
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table([pa.array(column, pa.int64()) for column in columns], schema=COMPARED)


def _by_hour(table: pa.Table) -> pa.Table:
    """The rows with the hour since 1970 in place of the timestamp, and strings as such."""
    hour: Ints = values(table, "timestamp", pa.int64()) // HOUR
    rest = {name: table[name] for name in table.column_names if name != "timestamp"}
    for name in ("account_id", "model"):
        if name in rest:
            rest[name] = rest[name].cast(pa.string())
    return pa.table({**rest, "hour": hour})


_SENTENCES: Mapping[SignKind, str] = {
    "new_model": "Model {model} appeared, and {moved:#} of {active:member} at work began with it within a day; "
    "{usual:%} of the other accounts at work did",
    "probe_and_burst": "{probe:request} of {scouts:account} tried model {model}, which was new to the group; then "
    "{moved:#} of {active:member} at work began with it within a day, with {burst:request} in all; {usual:%} of the "
    "other accounts at work did",
}
_MODEL_CHARS = 64


@dataclass(frozen=True)
class _Use:
    """What the members of a group did, one row for each account, model and hour."""

    account: Ints
    model: Ints
    hour: Ints  # since 1970
    requests: Ints  # of that account to that model in that hour

    def where(self, rows: Flags | Ints) -> _Use:
        return _Use(self.account[rows], self.model[rows], self.hour[rows], self.requests[rows])

    def of(self, accounts: list[int]) -> _Use:
        """Rows of some accounts, ascending; the rows of `self` are in order of accounts."""
        begins, ends = (np.searchsorted(self.account, accounts, side) for side in ("left", "right"))
        rows = [np.arange(begin, end) for begin, end in zip(begins, ends, strict=True)]
        return self.where(np.concatenate(rows))

    def first_hours(self, accounts: int) -> Ints:
        """First hour of each account; the largest number where it has no row."""
        first = np.full(accounts, np.iinfo(np.int64).max)
        np.minimum.at(first, self.account, self.hour)
        return first


@dataclass(frozen=True)
class _Move:
    """Members that begin with a model within one burst."""

    kind: SignKind
    group: str
    burst: Burst
    moved: Ints
    active: int
    figures: Mapping[str, Any]


def unusual_moves(sketches: Dataset, groups: Mapping[str, frozenset[str]], aside: pa.Array) -> Iterator[Seen]:
    """Groups whose members moved to a model together, to one that is new to all or that few of them had tried.

    `aside`: ids of accounts of any group, which are not compared with.
    """
    large = {group: own for group, own in groups.items() if len(own) >= _LEAST_MEMBERS}
    accounts = sorted(frozenset[str]().union(*large.values()))
    if not accounts:
        return
    members = pa.array(accounts, pa.string())
    rows = sketches.gather(member_use, USE, members, USE_COLUMNS).sort_by("account_id")
    models = pa.array(sorted(rows["model"].unique().to_pylist()), pa.string())
    firsts = sketches.gather(first_uses, STARTS, models, USE_COLUMNS)
    firsts = firsts.group_by(["model"]).aggregate([("hour", "min")])
    starts = dict(zip(firsts["model"].to_pylist(), firsts["hour_min"].to_pylist(), strict=True))
    account, model = (
        pc.index_in(rows[name], value_set=among).to_numpy().astype(np.int64)
        for name, among in (("account_id", members), ("model", models))
    )
    use = _Use(account, model, values(rows, "hour"), values(rows, "requests"))
    place_of = {account: place for place, account in enumerate(accounts)}
    found: list[_Move] = []
    for group, own in large.items():
        found += _moves_of(group, use.of(sorted(place_of[account] for account in own)), models.to_pylist(), starts)
    found = sorted(found, key=lambda move: (-len(move.moved), move.group, move.burst.model))
    for move, usual in _beside_others(sketches, found[:_MOST_QUESTIONS], aside):
        model = formatting.shorten(formatting.escape_controls(move.burst.model), _MODEL_CHARS)
        figures = {**move.figures, "model": model, "moved": len(move.moved), "active": move.active, "usual": usual}
        who = [accounts[place] for place in move.moved]
        said = fill(_SENTENCES[move.kind], **figures)
        yield Seen(move.kind, move.group, who, move.burst.model, move.burst.hour, said)


def _moves_of(group: str, use: _Use, models: list[str], starts: Mapping[str | None, int]) -> Iterator[_Move]:
    """Moves of one group to models that were new to all or to the group.

    `starts`: first hour of each model in the log, and under None that of the log.
    """
    began = int(use.hour.min(initial=np.iinfo(np.int64).max))
    names, row = np.unique(use.model, return_inverse=True)
    busiest = np.argsort(-np.bincount(row, use.requests), kind="stable")[:_MOST_QUESTIONS]
    for place in np.sort(names[busiest]).tolist():
        own = use.where(use.model == place)
        first, launch = int(own.hour.min()), starts[models[place]]
        if first - began < _HOURS_BEFORE:
            continue
        move = None
        if launch - starts[None] >= _HOURS_BEFORE:
            move = _find_burst_move("new_model", group, use, own, _make_burst(models[place], launch))
        if move is None:
            move = _probed_move(group, use, own, models[place])
        if move is not None:
            yield move


def _probed_move(group: str, use: _Use, own: _Use, model: str) -> _Move | None:
    """The first burst that is large beside all use of the model before it, by few accounts."""
    most_scouts = _PROBE_ACCOUNTS * len(np.unique(use.account))
    hours = np.unique(own.hour)
    for start in hours[1:].tolist():
        before = own.where(own.hour < start)
        scouts = len(np.unique(before.account))
        if scouts > most_scouts:
            return None
        burst = int(own.requests[(own.hour >= start) & (own.hour < start + _BURST_HOURS)].sum())
        probe = int(before.requests.sum())
        if burst >= max(EARLY.least_burst, EARLY.burst_ratio * probe):
            figures = {"probe": probe, "scouts": scouts, "burst": burst}
            return _find_burst_move("probe_and_burst", group, use, own, _make_burst(model, start), figures)
    return None


def _make_burst(model: str, hour: int) -> Burst:
    return Burst(model, hour, _BURST_HOURS, _HOURS_BEFORE)


def _find_burst_move(
    kind: SignKind, group: str, use: _Use, own: _Use, burst: Burst, figures: Mapping[str, Any] | None = None
) -> _Move | None:
    """The move of one burst; None where too few members began with the model in it.

    `kind`: as of a move, like the group, the burst and the figures.
    """
    end, size = burst.hour + burst.hours, int(use.account.max()) + 1
    there = np.zeros(size, bool)
    there[use.account[(use.hour >= burst.hour) & (use.hour < end)]] = True
    active = there & (use.first_hours(size) <= burst.hour - burst.hours_before)
    first = own.first_hours(size)
    moved = np.flatnonzero(active & (first >= burst.hour) & (first < end))
    if len(moved) < _LEAST_MEMBERS:
        return None
    return _Move(kind, group, burst, moved, int(active.sum()), figures or {})


def _beside_others(sketches: Dataset, moves: list[_Move], aside: pa.Array) -> Iterator[tuple[_Move, float]]:
    """Moves that are unusual beside what other accounts did in the same hours, with the share of these that moved."""
    if not moves:
        return
    context = BurstComparison(tuple(move.burst for move in moves), aside)
    counted = sketches.gather(compare_use, COMPARED, context, USE_COLUMNS)
    counted = counted.group_by(["question"]).aggregate([("active", "sum"), ("moved", "sum")]).sort_by("question")
    others = zip(counted["active_sum"].to_pylist(), counted["moved_sum"].to_pylist(), strict=True)
    for move, (active, moved) in zip(moves, others, strict=True):
        usual = (moved + 1.0) / (active + 2.0)
        honest, moving = BetaPrior(usual, EARLY.usual_strength), BetaPrior(*EARLY.moved)
        if share_ratio(len(move.moved), move.active, honest, moving) >= 2.0**EARLY.least_bits:
            yield move, usual


_SENTENCE = "{attempts:#} different attempts to extract hidden instructions or reasoning within {hours:#} hours"


def extraction_attempts(
    sketches: Dataset, groups: Mapping[str, frozenset[str]], silent: AbstractSet[str]
) -> Iterator[Seen]:
    """Groups, and accounts of no group, that made many different attempts within a short time."""
    by_account = attempts_by_account(sketches)
    members = {group: own & by_account.keys() for group, own in groups.items()}
    grouped = frozenset[str]().union(*members.values())
    singles = [("", {account}) for account in sorted(by_account) if account not in grouped | silent]
    for group, own in [*members.items(), *singles]:
        hour, attempts = densest(by_account, own)
        if attempts >= EARLY.least_attempts:
            said = fill(_SENTENCE, attempts=attempts, hours=_ATTEMPT_HOURS)
            yield Seen("extraction_attempts", group, own, "", hour, said)


def attempts_by_account(sketches: Dataset) -> dict[str, dict[int, int]]:
    """Account -> hour -> attempts that it made in it for the first time."""
    rows = sketches.gather(count_attempts, ATTEMPTS, None, ATTEMPT_COLUMNS)
    by_account: dict[str, dict[int, int]] = defaultdict(dict)
    for account, hour, attempts in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        by_account[account][hour] = attempts
    return by_account


def densest(by_account: Mapping[str, Mapping[int, int]], accounts: Collection[str]) -> tuple[int, int]:
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


def early_signs(sketches: Dataset, tables: Mapping[str, pa.Table], now: int) -> list[EarlySign]:
    """Early signs of campaigns, whatever the verdict on the group that shows them.

    Accounts of declared programmes raise none. Groups are those of this hunt: an operation whose accounts the search
    does not tie together shows as single accounts or not at all.

    Returns:
        Signs under the ids that the hunt gave, those of most accounts first.
    """
    accounts, listed = tables["accounts"], tables["members"]
    allowed = set(accounts.filter(accounts["sanctioned"])["account_id"].to_pylist())
    members: dict[str, set[str]] = defaultdict(set)
    for group, account in zip(listed["campaign_id"].to_pylist(), listed["account_id"].to_pylist(), strict=True):
        members[group].add(account)
    groups = {group: frozenset(own - allowed) for group, own in sorted(members.items())}
    aside = pa.array(sorted(set(listed["account_id"].to_pylist())), pa.string())
    seen = [*unusual_moves(sketches, groups, aside), *extraction_attempts(sketches, groups, allowed)]
    signs = [
        EarlySign("", one.kind, one.group, sorted(one.accounts), one.model, one.hour * HOUR, now, one.statement)
        for one in seen
    ]
    return sorted(signs, key=lambda one: (-len(one.accounts), one.kind, one.accounts))[:_MOST_SIGNS]
