"""The search for work queues: which untemplated slices were drawn from one?

A work queue gives its workers the same topic mixture and nearly the same amount of work, in all or per working day. A
mixture model separates workers from customers: the topics of a worker are multinomial around the queue's mixture, those
of a customer follow a preference of the account's own; the load and daily rate of a worker lie close to the queue's,
those of a customer follow the density of all slices (`background_model.py`). Every region of load and rate that is
dense enough seeds an expectation-maximisation; the distinct solutions stand. One fold of the conversations forms
queues, the other judges them. Clients take no part in forming a queue, so that they can testify later.

Many seeds run side by side (lanes of the kernels), so that one pass over the slices serves all of them. The result of a
lane does not depend on the others.

Source: expectation-maximisation for mixtures (Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import read_parameters
from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.workload.background_model import BackgroundModel, WorkQueue, cell_work
from stillhunt.link.workload.mixture_kernels import EMPTY, Lanes, Singles, Words, cell_sums, judge, sums_by, weigh


class QueueParameters(NamedTuple):
    """The search for work queues."""

    max_share: float
    max_slice_bits: float


P = read_parameters(QueueParameters, "link.queues")


# Questions of the common topic mixture that are added to a queue's (a small queue must not rule a topic out)
QUEUE_SMOOTHING = 5.0
_SEED_STEP = 0.25  # Distance between seeds in log load and log rate (about the spread of one queue's workers)
# Share of all slices that a queue is thought to hold at first, at least (a seed of few slices must be able to grow)
_MIN_FIRST_SHARE = 0.01
# Share of all slices that a queue is thought to hold later, at least (keeps a lane from dying of one weak round)
_MIN_SHARE = 0.002
# share of the fewest members: expected slices, in parts of the fewest that a queue needs, below which a trial is given
# up (it will not recover)
_MIN_HELD = 0.5
# Rounds of expectation-maximisation by which a seed shows whether it leads anywhere (most of the way is made in the
# first rounds)
_GLANCE_ROUNDS = 3
_ROUNDS = 30  # Rounds of expectation-maximisation at most (trials settle earlier; bounds time)
# Largest change of a membership probability at which a trial has settled (far below what decides membership)
_SETTLED = 0.001
# Times that seeds are followed to the end, the second time without the slices of queues found (bounds time)
_SEARCHES = 2
_TAKEN_BITS = 10_000.0  # Bits by which a slice that a queue has is likelier its own account's (far above any slice's)
_MAX_TRIALS = 30  # trials: seeds that are followed to the end (bounds time)
# Share of a seed's slices that a better seed already holds, above which both lead to the same queue (neighbouring seeds
# meet)
_SAME_TRIAL = 0.8
_MAX_QUEUES = 12  # Work queues that are kept for one request style and fold (bounds time)
# Share of a queue's slices that a stronger queue may already hold (more is the same queue once again)
_MAX_OVERLAP = 0.3


QUEUE_LANES = 64
LANE_STEP = 16
"""Lanes come in multiples of this."""
WEIGHTS_HELD = 1 << 25
"""Probabilities held at a time; bounds memory, changes no result."""


@dataclass(frozen=True)
class Laws:
    """Properties of work queues, one lane each."""

    topics: Floats  # topic mixtures, shape (TOPICS, lanes)
    # load, rate: logarithms of their workers' load and daily rate
    load: Floats
    rate: Floats
    share: Floats  # share of all slices that each holds

    def chosen(self, lanes: Ints | Flags | slice) -> Laws:
        """Some of the lanes."""
        # Kernels read row by row, and picking columns would leave them column by column.
        topics = np.ascontiguousarray(self.topics[:, lanes])
        return Laws(topics, self.load[lanes], self.rate[lanes], self.share[lanes])

    def updated(self, lanes: Ints, new: Laws) -> Laws:
        """The same with some lanes replaced."""
        topics, load, rate, share = self.topics.copy(), self.load.copy(), self.rate.copy(), self.share.copy()
        topics[:, lanes], load[lanes], rate[lanes], share[lanes] = new.topics, new.load, new.rate, new.share
        return Laws(topics, load, rate, share)


@dataclass(frozen=True)
class Trial:
    """The state of one seed's expectation-maximisation."""

    bits: float
    formed: Words  # its slices, one bit a row of the background model
    size: int
    before: Laws
    law: Laws


def find_work_queues(background: BackgroundModel, *, request_style: int, least: int) -> list[WorkQueue]:
    """Work queues among the slices of one request style, the strongest first."""
    fitting = WEIGHTS_HELD // max(len(background.slices), 1)
    width = int(np.clip(fitting - fitting % LANE_STEP, LANE_STEP, QUEUE_LANES))
    sums = cell_sums(background.rows, background.cells.starts, len(background.common))
    seeds = _find_seeds(background, least)
    tried: list[Trial] = []
    for first in range(0, len(seeds), width):
        tried += _glance_at_seeds(background, sums, np.stack(seeds[first : first + width], axis=1), least)
    hopeful = _distinct_trials(sorted(tried, key=lambda trial: -trial.bits))
    queues: list[WorkQueue] = []
    taken = np.zeros(int(background.slices.max(initial=-1)) + 1, bool)
    for _search in range(_SEARCHES):
        # Slices of a strong queue must not pull a weaker one with like topics to it.
        held = taken[background.slices[background.order]]
        free = replace(background, preference=np.where(held, _TAKEN_BITS, background.preference))
        settled: list[Trial] = []
        for first in range(0, len(hopeful), width):
            settled += _resume_trials(free, hopeful[first : first + width], least)
        found = [(trial.bits, _work_queue(background, trial, request_style)) for trial in settled]
        # Bytes in this order compare as the positions themselves would.
        found.sort(key=lambda pair: (-pair[0], pair[1].formed.astype(">i8").tobytes()))
        for _, queue in found:
            if taken[queue.formed].sum() <= _MAX_OVERLAP * len(queue.formed) and len(queues) < _MAX_QUEUES:
                taken[queue.formed] = True
                queues.append(queue)
    return queues


def _find_seeds(background: BackgroundModel, least: int) -> list[Flags]:
    """Cells of each region of load and rate that is dense enough."""
    cells, size = background.cells, np.diff(background.cells.starts)
    seeds = []
    for load in np.arange(cells.loads.min(), cells.loads.max() + _SEED_STEP, _SEED_STEP):
        near = np.abs(cells.loads - load)[cells.load] < _SEED_STEP
        if size[near].sum() < least:
            continue
        for rate in np.arange(0.0, cells.rates.max() + _SEED_STEP, _SEED_STEP):
            inside = near & (np.abs(cells.rates - rate)[cells.rate] < _SEED_STEP)
            if size[inside].sum() >= least:
                seeds.append(inside)
    return seeds


def _glance_at_seeds(background: BackgroundModel, sums: Ints, seeds: Flags, least: int) -> list[Trial]:
    """The first rounds of some seeds, shape (cells, lanes); `sums` are each cell's questions by topic."""
    size = np.diff(background.cells.starts)
    counted = np.stack([sums[seed].sum(axis=0) for seed in seeds.T], axis=1).astype(np.float64)
    held: Floats = np.where(seeds, size[:, None], 0.0)
    laws = _fit_laws(background, counted, held, _first_shares(background, held))
    flags = np.zeros((len(size), len(_lane_slots(seeds.shape[1]))), np.float32)
    flags[:, : seeds.shape[1]] = seeds
    weights = np.repeat(flags, size, axis=0)
    return _settle_lanes(background, laws, weights, least, _GLANCE_ROUNDS)


def _resume_trials(background: BackgroundModel, trials: list[Trial], least: int) -> list[Trial]:
    """The remaining rounds of some trials."""
    slots = _lane_slots(len(trials))
    before = _stack_laws([trial.before for trial in trials]).chosen(np.maximum(slots, 0))
    weights = np.zeros((len(background.slices), len(slots)), np.float32)
    _, held, _ = weigh(
        background.rows, background.preference, background.cells.starts, _lanes_of(background, before), weights
    )
    shares = _first_shares(background, held[:, slots >= 0])
    laws = replace(_stack_laws([trial.law for trial in trials]), share=shares)
    return _settle_lanes(background, laws, weights, least, _ROUNDS)


def _first_shares(background: BackgroundModel, held: Floats) -> Floats:
    shares: Floats = np.maximum(held.sum(axis=0) / len(background.slices), _MIN_FIRST_SHARE)
    return shares


def _stack_laws(laws: list[Laws]) -> Laws:
    return Laws(
        np.concatenate([law.topics for law in laws], axis=1),
        *(np.concatenate([getattr(law, name) for law in laws]) for name in ("load", "rate", "share")),
    )


def _settle_lanes(background: BackgroundModel, laws: Laws, weights: Singles, least: int, rounds: int) -> list[Trial]:
    """Expectation-maximisation until nothing moves; lanes that lose their slices are dropped.

    `weights` has as many lanes as `_lane_slots` of the laws.
    """
    before, slots, lost = laws, _lane_slots(len(laws.share)), np.zeros(len(laws.share), bool)
    for _ in range(rounds):
        current = laws.chosen(np.maximum(slots, 0))
        counted, held, moved = weigh(
            background.rows, background.preference, background.cells.starts, _lanes_of(background, current), weights
        )
        total = held.sum(axis=0)
        fitted = _fit_laws(background, counted, held, np.clip(total / len(background.slices), _MIN_SHARE, P.max_share))
        busy = slots >= 0
        before = before.updated(slots[busy], current.chosen(busy))
        laws = laws.updated(slots[busy], fitted.chosen(busy))
        few = total < _MIN_HELD * least
        lost[slots[busy & few]] = True
        going = busy & ~few & (moved >= _SETTLED)
        if not going.any():
            break
        slots = np.where(going, slots, -1)
        narrow = len(_lane_slots(int(going.sum())))
        if narrow < len(slots):
            kept = np.argsort(~going, kind="stable")[:narrow]
            slots, weights = slots[kept], np.ascontiguousarray(weights[:, kept])
    remain = np.flatnonzero(~lost)
    return _judge_laws(background, before.chosen(remain), laws.chosen(remain), least)


def _lane_slots(lanes: int) -> Ints:
    """The lanes, filled up with -1 to a width at which the kernels' loops come out even."""
    return np.append(np.arange(lanes), np.full(-lanes % LANE_STEP, -1))


def _judge_laws(background: BackgroundModel, before: Laws, laws: Laws, least: int) -> list[Trial]:
    if not len(laws.share):
        return []
    bits, formed = judge(
        background.rows, background.preference, background.cells.starts, _lanes_of(background, before), laws.share
    )
    formed = np.ascontiguousarray(formed.T)
    sizes = np.bitwise_count(formed).sum(axis=1, dtype=np.int64)
    return [
        Trial(float(bits[w]), formed[w], int(sizes[w]), before.chosen(slice(w, w + 1)), laws.chosen(slice(w, w + 1)))
        for w in np.flatnonzero(sizes >= least).tolist()
    ]


def _lanes_of(background: BackgroundModel, laws: Laws) -> Lanes:
    topics = np.concatenate([np.log2(laws.topics), np.zeros((EMPTY, len(laws.share)))])
    return Lanes(topics, cell_work(background.cells, laws.load, laws.rate), laws.share, P.max_slice_bits)


def _fit_laws(background: BackgroundModel, counted: Floats, held: Floats, share: Floats) -> Laws:
    """Laws of slices held by lanes: questions by topic, shape (TOPICS, lanes), and probabilities by cell."""
    cells = background.cells
    topics = counted[: len(background.common)] + QUEUE_SMOOTHING * background.common[:, None]
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


def _distinct_trials(trials: list[Trial]) -> list[Trial]:
    """Trials that lead to different work queues, the most hopeful first: seeds near each other meet."""
    kept: list[Trial] = []
    for trial in trials:
        if len(kept) == _MAX_TRIALS:
            break
        shared = (int(np.bitwise_count(trial.formed & other.formed).sum(dtype=np.int64)) for other in kept)
        if not any(count > _SAME_TRIAL * trial.size for count in shared):
            kept.append(trial)
    return kept


def _work_queue(background: BackgroundModel, trial: Trial, request_style: int) -> WorkQueue:
    flags = np.unpackbits(trial.formed.astype("<u8").view(np.uint8), bitorder="little", count=len(background.slices))
    return WorkQueue(
        request_style=request_style,
        formed=background.slices[np.sort(background.order[flags.astype(bool)])],
        topics=trial.law.topics[:, 0],
        load=float(trial.law.load[0]),
        rate=float(trial.law.rate[0]),
        share=float(trial.law.share[0]),
    )
