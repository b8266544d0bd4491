"""The search for workloads: which bare slices were dealt from one plan?

A plan gives its workers the same mixture of subjects and nearly the same amount of work, in all or on each day of
work. A mixture model tells workers from customers: subjects multinomial around the plan's mixture against a taste of
each customer's own, load and daily rate narrow around the plan's against the density of all slices (crowd). Every
region of load and rate that is dense enough seeds an expectation-maximisation; the distinct solutions stand. Subjects
are those of one half of the conversations, and the other half judges. Client stacks take no part in forming a plan, so
that they can testify.

Many seeds run side by side (lanes of the kernels): a pass over the slices then serves all of them. What a lane comes to
does not depend on the others.

Sources: EM for mixtures (Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.workload.background_model import Crowd, Plan, cell_work
from stillhunt.link.workload.kernels import EMPTY, Lanes, Singles, Words, cell_sums, judge, sums_by, weigh

SMOOTHING = 5.0
"""Questions of everybody's mixture that are added to a plan's."""
STEP = 0.25
LEAST_SHARE = 0.01
"""Of all slices, that a plan is thought to hold at first."""
ROUNDS = 30
GLANCE = 3
"""Rounds by which a seed shows whether it leads anywhere."""
LANES = 64
LEAST_LANES = 16
"""Lanes come in multiples of this."""
MOST_WEIGHTS = 1 << 25
"""Probabilities held at a time; bounds memory."""
MOST_TRIED = 30
SAME_TRIAL = 0.8
"""Share of a seed's slices that a better seed already holds, from which they lead to the same plan."""
MOST_PLANS = 12
SETTLED = 1e-3
OVERLAP = 0.3
"""Share of a plan's slices that a stronger plan may already hold."""


@dataclass(frozen=True)
class Laws:
    """What plans look like, one lane each.

    Attributes:
        topics: mixtures of subjects, shape (TOPICS, lanes).
        load, rate: logarithms of their workers' load and daily rate.
        share: share of all slices that each holds.
    """

    topics: Floats
    load: Floats
    rate: Floats
    share: Floats

    def chosen(self, lanes: Ints | Flags | slice) -> Laws:
        """Some of the lanes.

        Args:
            lanes: which.
        """
        # Kernels read row by row, and picking columns would leave them column by column.
        topics = np.ascontiguousarray(self.topics[:, lanes])
        return Laws(topics, self.load[lanes], self.rate[lanes], self.share[lanes])

    def updated(self, lanes: Ints, new: Laws) -> Laws:
        """The same with some lanes replaced.

        Args:
            lanes: which.
            new: their laws.
        """
        topics, load, rate, share = self.topics.copy(), self.load.copy(), self.rate.copy(), self.share.copy()
        topics[:, lanes], load[lanes], rate[lanes], share[lanes] = new.topics, new.load, new.rate, new.share
        return Laws(topics, load, rate, share)


@dataclass(frozen=True)
class Trial:
    """Where one seed has come to.

    Attributes:
        bits: by which its plan explains all slices.
        formed: its slices, one bit a row of the crowd.
        size: their number.
        before: law under which they were found (one lane).
        law: law of those slices (one lane).
    """

    bits: float
    formed: Words
    size: int
    before: Laws
    law: Laws


def find_plans(crowd: Crowd, *, manner: int, least: int) -> list[Plan]:
    """Plans among the slices of one manner, the strongest first.

    Args:
        crowd: the slices.
        manner: their manner.
        least: slices a plan needs.
    """
    fitting = MOST_WEIGHTS // max(len(crowd.slices), 1)
    width = int(np.clip(fitting - fitting % LEAST_LANES, LEAST_LANES, LANES))
    sums = cell_sums(crowd.rows, crowd.cells.starts, len(crowd.everybody))
    seeds = _seeds(crowd, least)
    tried: list[Trial] = []
    for first in range(0, len(seeds), width):
        tried += _glance(crowd, sums, np.stack(seeds[first : first + width], axis=1), least)
    hopeful = _distinct(sorted(tried, key=lambda trial: -trial.bits))
    settled: list[Trial] = []
    for first in range(0, len(hopeful), width):
        settled += _resume(crowd, hopeful[first : first + width], least)
    found = [(trial.bits, _plan(crowd, trial, manner)) for trial in settled]
    # Bytes in this order compare as the positions themselves would.
    found.sort(key=lambda pair: (-pair[0], pair[1].formed.astype(">i8").tobytes()))
    plans: list[Plan] = []
    taken = np.zeros(int(crowd.slices.max(initial=-1)) + 1, bool)
    for _, plan in found:
        if taken[plan.formed].sum() <= OVERLAP * len(plan.formed) and len(plans) < MOST_PLANS:
            taken[plan.formed] = True
            plans.append(plan)
    return plans


def _seeds(crowd: Crowd, least: int) -> list[Flags]:
    """Cells of each region of load and rate that is dense enough."""
    cells, size = crowd.cells, np.diff(crowd.cells.starts)
    seeds = []
    for load in np.arange(cells.loads.min(), cells.loads.max() + STEP, STEP):
        near = np.abs(cells.loads - load)[cells.load] < STEP
        if size[near].sum() < least:
            continue
        for rate in np.arange(0.0, cells.rates.max() + STEP, STEP):
            inside = near & (np.abs(cells.rates - rate)[cells.rate] < STEP)
            if size[inside].sum() >= least:
                seeds.append(inside)
    return seeds


def _glance(crowd: Crowd, sums: Ints, seeds: Flags, least: int) -> list[Trial]:
    """The first rounds of some seeds, shape (cells, lanes); `sums` are each cell's questions by topic."""
    size = np.diff(crowd.cells.starts)
    counted = np.stack([sums[seed].sum(axis=0) for seed in seeds.T], axis=1).astype(np.float64)
    held: Floats = np.where(seeds, size[:, None], 0.0)
    laws = _fit(crowd, counted, held, _first_shares(crowd, held))
    flags = np.zeros((len(size), len(_slots(seeds.shape[1]))), np.float32)
    flags[:, : seeds.shape[1]] = seeds
    weights = np.repeat(flags, size, axis=0)
    return _settle(crowd, laws, weights, least, GLANCE)


def _resume(crowd: Crowd, trials: list[Trial], least: int) -> list[Trial]:
    """The remaining rounds of some trials."""
    slots = _slots(len(trials))
    before = _together([trial.before for trial in trials]).chosen(np.maximum(slots, 0))
    weights = np.zeros((len(crowd.slices), len(slots)), np.float32)
    _, held, _ = weigh(crowd.rows, crowd.taste, crowd.cells.starts, _lanes(crowd, before), weights)
    shares = _first_shares(crowd, held[:, slots >= 0])
    laws = replace(_together([trial.law for trial in trials]), share=shares)
    return _settle(crowd, laws, weights, least, ROUNDS)


def _first_shares(crowd: Crowd, held: Floats) -> Floats:
    shares: Floats = np.maximum(held.sum(axis=0) / len(crowd.slices), LEAST_SHARE)
    return shares


def _together(laws: list[Laws]) -> Laws:
    return Laws(
        np.concatenate([law.topics for law in laws], axis=1),
        *(np.concatenate([getattr(law, name) for law in laws]) for name in ("load", "rate", "share")),
    )


def _settle(crowd: Crowd, laws: Laws, weights: Singles, least: int, rounds: int) -> list[Trial]:
    """Expectation-maximisation until nothing moves; lanes that lose their slices are dropped.

    `weights` has as many lanes as `_slots` of the laws.
    """
    before, slots, lost = laws, _slots(len(laws.share)), np.zeros(len(laws.share), bool)
    for _ in range(rounds):
        current = laws.chosen(np.maximum(slots, 0))
        counted, held, moved = weigh(crowd.rows, crowd.taste, crowd.cells.starts, _lanes(crowd, current), weights)
        total = held.sum(axis=0)
        fitted = _fit(crowd, counted, held, np.clip(total / len(crowd.slices), 0.002, 0.6))
        busy = slots >= 0
        before = before.updated(slots[busy], current.chosen(busy))
        laws = laws.updated(slots[busy], fitted.chosen(busy))
        few = total < least / 2
        lost[slots[busy & few]] = True
        going = busy & ~few & (moved >= SETTLED)
        if not going.any():
            break
        slots = np.where(going, slots, -1)
        narrow = len(_slots(int(going.sum())))
        if narrow < len(slots):
            kept = np.argsort(~going, kind="stable")[:narrow]
            slots, weights = slots[kept], np.ascontiguousarray(weights[:, kept])
    remain = np.flatnonzero(~lost)
    return _judged(crowd, before.chosen(remain), laws.chosen(remain), least)


def _slots(lanes: int) -> Ints:
    """The lanes, filled up with -1 to a width at which the kernels' loops come out even."""
    return np.append(np.arange(lanes), np.full(-lanes % LEAST_LANES, -1))


def _judged(crowd: Crowd, before: Laws, laws: Laws, least: int) -> list[Trial]:
    if not len(laws.share):
        return []
    bits, formed = judge(crowd.rows, crowd.taste, crowd.cells.starts, _lanes(crowd, before), laws.share)
    formed = np.ascontiguousarray(formed.T)
    sizes = np.bitwise_count(formed).sum(axis=1, dtype=np.int64)
    return [
        Trial(float(bits[w]), formed[w], int(sizes[w]), before.chosen(slice(w, w + 1)), laws.chosen(slice(w, w + 1)))
        for w in np.flatnonzero(sizes >= least).tolist()
    ]


def _lanes(crowd: Crowd, laws: Laws) -> Lanes:
    topics = np.concatenate([np.log2(laws.topics), np.zeros((EMPTY, len(laws.share)))])
    return Lanes(topics, cell_work(crowd.cells, laws.load, laws.rate), laws.share)


def _fit(crowd: Crowd, counted: Floats, held: Floats, share: Floats) -> Laws:
    """Laws of slices held by lanes: questions by topic, shape (TOPICS, lanes), and probabilities by cell."""
    cells = crowd.cells
    topics = counted[: len(crowd.everybody)] + SMOOTHING * crowd.everybody[:, None]
    return Laws(
        topics / topics.sum(axis=0),
        _weighted_medians(cells.loads, cells.load, held),
        _weighted_medians(cells.rates, cells.rate, held),
        share,
    )


def _weighted_medians(values: Floats, index: Ints, held: Floats) -> Floats:
    """Median of each lane's cells by what it holds of them; cell d has the value `values[index[d]]`."""
    reached = np.cumsum(sums_by(index, held, len(values)), axis=0)
    medians: Floats = values[(reached < reached[-1] / 2.0).sum(axis=0)]
    return medians


def _distinct(trials: list[Trial]) -> list[Trial]:
    """Trials that lead to different plans, the most hopeful first: seeds near each other meet."""
    kept: list[Trial] = []
    for trial in trials:
        if len(kept) == MOST_TRIED:
            break
        shared = (int(np.bitwise_count(trial.formed & other.formed).sum(dtype=np.int64)) for other in kept)
        if not any(count > SAME_TRIAL * trial.size for count in shared):
            kept.append(trial)
    return kept


def _plan(crowd: Crowd, trial: Trial, manner: int) -> Plan:
    flags = np.unpackbits(trial.formed.astype("<u8").view(np.uint8), bitorder="little", count=len(crowd.slices))
    return Plan(
        manner=manner,
        formed=crowd.slices[np.sort(crowd.order[flags.astype(bool)])],
        topics=trial.law.topics[:, 0],
        load=float(trial.law.load[0]),
        rate=float(trial.law.rate[0]),
        share=float(trial.law.share[0]),
    )
