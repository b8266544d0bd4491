"""Members of a group that begin with a model within a day of each other, beside what other accounts did then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.dataset import Dataset
from stillhunt.base.wording import fill
from stillhunt.link.requests.arrays import Flags, Ints, values
from stillhunt.score.stats.beta_binomial import BetaPrior, share_ratio
from stillhunt.watch.early_signs import passes
from stillhunt.watch.early_signs.parameters import EARLY
from stillhunt.watch.early_signs.passes import Burst
from stillhunt.watch.early_signs.signs import Seen, SignKind

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
    """What the members of a group did, one row for each account, model and hour.

    Attributes:
        hour: since 1970.
        requests: of that account to that model in that hour.
    """

    account: Ints
    model: Ints
    hour: Ints
    requests: Ints

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

    Args:
        aside: ids of accounts of any group, which are not compared with.
    """
    large = {group: own for group, own in groups.items() if len(own) >= _LEAST_MEMBERS}
    accounts = sorted(frozenset[str]().union(*large.values()))
    if not accounts:
        return
    members = pa.array(accounts, pa.string())
    rows = sketches.gather(passes.member_use, passes.USE, members, passes.USE_COLUMNS).sort_by("account_id")
    models = pa.array(sorted(rows["model"].unique().to_pylist()), pa.string())
    firsts = sketches.gather(passes.first_uses, passes.STARTS, models, passes.USE_COLUMNS)
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

    Args:
        starts: first hour of each model in the log, and under None that of the log.
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
            move = _move("new_model", group, use, own, _burst(models[place], launch))
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
            return _move("probe_and_burst", group, use, own, _burst(model, start), figures)
    return None


def _burst(model: str, hour: int) -> Burst:
    return Burst(model, hour, _BURST_HOURS, _HOURS_BEFORE)


def _move(
    kind: SignKind, group: str, use: _Use, own: _Use, burst: Burst, figures: Mapping[str, Any] | None = None
) -> _Move | None:
    """The move of one burst; None where too few members began with the model in it.

    Args:
        kind: as of a move, like the group, the burst and the figures.
        figures: what the sentence says beside the counts.
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
    context = passes.BurstComparison(tuple(move.burst for move in moves), aside)
    counted = sketches.gather(passes.compare_use, passes.COMPARED, context, passes.USE_COLUMNS)
    counted = counted.group_by(["question"]).aggregate([("active", "sum"), ("moved", "sum")]).sort_by("question")
    others = zip(counted["active_sum"].to_pylist(), counted["moved_sum"].to_pylist(), strict=True)
    for move, (active, moved) in zip(moves, others, strict=True):
        usual = (moved + 1.0) / (active + 2.0)
        honest, moving = BetaPrior(usual, EARLY.usual_strength), BetaPrior(*EARLY.moved)
        if share_ratio(len(move.moved), move.active, honest, moving) >= 2.0**EARLY.least_bits:
            yield move, usual
