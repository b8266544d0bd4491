"""Plain twin of the search for work queues: as first written, one queue and one pair at a time, over full tables.

The product must come to the same work queues and operators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import gammaln

from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.workload.background_model import WorkQueue
from stillhunt.link.workload.operators import Operator
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices

# The numbers of the method, stated here once more: a changed number of the product must make a test fail.
NATS_PER_BIT = float(np.log(2.0))
PREFERENCE_CONCENTRATIONS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
BLUR, CELL = 0.3, 0.05
LOAD_DISPERSION, RATE_SPREAD = 12.0, 0.22
KEEPS_BOTH, KEEPS_LOAD, KEEPS_RATE = 0.6, 0.2, 0.2
SMOOTHING, STEP, MAX_BITS = 5.0, 0.25, 43.0
GLANCE, ROUNDS, SETTLED = 3, 30, 1e-3
SEARCHES = 2
MAX_TRIALS, SAME_TRIAL, MAX_QUEUES, MAX_OVERLAP = 30, 0.8, 12, 0.3
MIN_SPLIT_BITS, MIN_SPREAD, CLIENT_SMOOTHING, POOL_ACCOUNTS = 20.0, 0.12, 0.5, 3
CLIENT_ROUNDS, MAX_CLIENTS = 3, 40


@dataclass(frozen=True)
class BackgroundModel:
    """The slices of one request style, against which work queues stand out.

    Attributes:
        slices: positions of the slices.
        counts: their questions by topic on the fold that forms work queues.
        preference: log-likelihood of those under a topic preference of their own, nats.
        load, rate: logarithms.
        density: density of all slices at each slice's load and rate.
        load_density, rate_density: the same of each alone.
        common: mixture of topics of all slices alike.
    """

    slices: Ints
    counts: Floats
    preference: Floats
    load: Floats
    rate: Floats
    density: Floats
    load_density: Floats
    rate_density: Floats
    common: Floats


def background_model(untemplated: UntemplatedSlices, request_style: int, fold: int) -> BackgroundModel:
    """Slices of one request style with what honest slices would show.

    Args:
        untemplated: all untemplated slices.
        request_style: request style wanted.
        side: fold whose topics form work queues.
    """
    chosen = np.flatnonzero(untemplated.request_style == request_style)
    both = untemplated.topics[0][chosen] + untemplated.topics[1][chosen]
    # Each slice counts alike, or one reseller with thousands of questions would be common.
    share = (both / np.maximum(both.sum(axis=1, keepdims=True), 1)).sum(axis=0) + 0.5
    common = share / share.sum()
    load, rate = untemplated.log_load[chosen], untemplated.log_rate[chosen]
    density, load_density, rate_density = _densities(load, rate)
    counts = untemplated.topics[fold][chosen].astype(np.float64)
    preference = own_preferences(counts, common)
    return BackgroundModel(chosen, counts, preference, load, rate, density, load_density, rate_density, common)


def own_preferences(counts: Floats, common: Floats) -> Floats:
    """Log-likelihood of each row under topic preferences of its own around common's, nats.

    Args:
        counts: questions by topic, shape (slices, TOPICS).
        common: mixture of topics, shape (TOPICS,).
    """
    total = counts.sum(axis=1)
    terms = []
    for concentration in PREFERENCE_CONCENTRATIONS:
        alpha = concentration * common
        law = gammaln(concentration) - gammaln(total + concentration)
        terms.append(law + (gammaln(counts + alpha) - gammaln(alpha)).sum(axis=1))
    stacked = np.stack(terms)
    highest = stacked.max(axis=0)
    likelihood: Floats = highest + np.log(np.exp(stacked - highest).mean(axis=0))
    return likelihood


def _densities(load: Floats, rate: Floats) -> tuple[Floats, Floats, Floats]:
    """Smoothed density of all slices at each slice's load and rate, together and alone."""
    column = np.floor((load - load.min()) / CELL).astype(np.int64)
    row = np.floor((rate - rate.min()) / CELL).astype(np.int64)
    margin = round(4 * BLUR / CELL)
    table = np.zeros((int(column.max()) + 1 + 2 * margin, int(row.max()) + 1 + 2 * margin))
    np.add.at(table, (column + margin, row + margin), 1.0)
    table /= len(load)
    smooth = gaussian_filter(table, BLUR / CELL, mode="constant", truncate=4.0)
    place = (column + margin, row + margin)
    return (
        smooth[place] / CELL**2,
        (smooth.sum(axis=1) / CELL)[column + margin],
        (smooth.sum(axis=0) / CELL)[row + margin],
    )


def find_work_queues(background: BackgroundModel, *, request_style: int, least: int) -> list[WorkQueue]:
    """Work queues among the slices of one request style, the strongest first.

    Args:
        background: the slices.
        request_style: their request style.
        least: slices a work queue needs.
    """
    tried = [
        _settle(background, seed.astype(np.float64), request_style, least, GLANCE) for seed in _seeds(background, least)
    ]
    hopeful = sorted((trial for trial in tried if trial is not None), key=lambda trial: -trial[0])
    queues: list[WorkQueue] = []
    taken = np.zeros(int(background.slices.max(initial=-1)) + 1, bool)
    for _ in range(SEARCHES):
        held = taken[background.slices]
        settled = [_settle(background, weight, request_style, least, ROUNDS, held) for weight in _distinct(hopeful)]
        found = [(bits, queue) for bits, queue, _ in (pair for pair in settled if pair is not None)]
        found.sort(key=lambda pair: (-pair[0], pair[1].formed.tolist()))
        for _, queue in found:
            if taken[queue.formed].sum() <= MAX_OVERLAP * len(queue.formed) and len(queues) < MAX_QUEUES:
                taken[queue.formed] = True
                queues.append(queue)
    return queues


def _seeds(background: BackgroundModel, least: int) -> list[Flags]:
    seeds = []
    for load in np.arange(background.load.min(), background.load.max() + STEP, STEP):
        near = np.abs(background.load - load) < STEP
        if near.sum() < least:
            continue
        for rate in np.arange(0.0, background.rate.max() + STEP, STEP):
            inside = near & (np.abs(background.rate - rate) < STEP)
            if inside.sum() >= least:
                seeds.append(inside)
    return seeds


def _distinct(trials: list[tuple[float, WorkQueue, Floats]]) -> list[Floats]:
    """Weights of the trials that lead to different work queues, the most hopeful first: seeds near each other meet."""
    kept: list[tuple[WorkQueue, Floats]] = []
    for _, queue, weight in trials:
        known = (np.isin(queue.formed, other.formed).mean() for other, _ in kept)
        if len(kept) < MAX_TRIALS and not any(share > SAME_TRIAL for share in known):
            kept.append((queue, weight))
    return [weight for _, weight in kept]


def _settle(
    background: BackgroundModel, weight: Floats, request_style: int, least: int, rounds: int, taken: Flags | None = None
) -> tuple[float, WorkQueue, Floats] | None:
    free = weight if taken is None else np.where(taken, 0.0, weight)
    share = max(float(free.mean()), 0.01)
    queue, weight = _fit(background, weight, request_style, share), free
    bits = np.zeros(len(weight))
    for _ in range(rounds):
        bits = queue_bits(background, queue)
        bits = bits if taken is None else np.where(taken, -1000.0, bits)
        odds = share * np.exp2(np.minimum(bits, MAX_BITS))
        posterior = odds / (odds + 1.0 - share)
        share = float(np.clip(posterior.mean(), 0.002, 0.6))
        moved = float(np.abs(posterior - weight).max())
        weight = posterior
        if weight.sum() < least / 2:
            return None
        queue = _fit(background, weight, request_style, share)
        if moved < SETTLED:
            break
    if len(queue.formed) < least:
        return None
    total = float(np.log2(1.0 - share + share * np.exp2(np.minimum(bits, MAX_BITS))).sum())
    return total, queue, weight


def _fit(background: BackgroundModel, weight: Floats, request_style: int, share: float) -> WorkQueue:
    # einsum runs in one fixed order; a threaded matrix product might not.
    counted = np.einsum("i,ij->j", weight, background.counts) + SMOOTHING * background.common
    return WorkQueue(
        request_style=request_style,
        formed=background.slices[weight > 0.5],
        topics=counted / counted.sum(),
        load=_weighted_median(background.load, weight),
        rate=_weighted_median(background.rate, weight),
        share=share,
    )


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2.0)])


def queue_bits(background: BackgroundModel, queue: WorkQueue) -> Floats:
    """Bits of each slice for the work queue, from topics and work, on the fold that forms it.

    Args:
        background: the slices.
        queue: the work queue.
    """
    drawn = np.einsum("ij,j->i", background.counts, np.log(queue.topics))
    bits: Floats = (drawn - background.preference) / NATS_PER_BIT + work_bits(background, queue)
    return bits


def work_bits(background: BackgroundModel, queue: WorkQueue) -> Floats:
    """Bits of each slice's load and daily rate, the queue's workers against all slices of the request style.

    Args:
        background: the slices.
        queue: the work queue.
    """
    load = _narrow(background.load, queue.load, float(np.sqrt(np.exp(-queue.load) + 1.0 / LOAD_DISPERSION)))
    rate = _narrow(background.rate, queue.rate, RATE_SPREAD)
    likelihood = (
        KEEPS_BOTH * load * rate / background.density
        + KEEPS_LOAD * load / background.load_density
        + KEEPS_RATE * rate / background.rate_density
    )
    bits: Floats = np.log2(likelihood + 1e-12)
    return bits


def _narrow(values: Floats, middle: float, spread: float) -> Floats:
    density: Floats = np.exp(-0.5 * ((values - middle) / spread) ** 2) / (spread * np.sqrt(2.0 * np.pi))
    return density


def find_operators(untemplated: UntemplatedSlices, *, formed_on: int, least: int) -> list[Operator]:
    """Operators among untemplated slices, found on one fold and judged on the other.

    Args:
        untemplated: the slices.
        formed_on: fold to search.
        least: slices an operator needs.
    """
    found: list[Operator] = []
    for request_style in (0, 1):
        if (untemplated.request_style == request_style).sum() < least:
            continue
        background = background_model(untemplated, request_style, formed_on)
        for queue in find_work_queues(background, request_style=request_style, least=least):
            members = _workers(untemplated, background, queue)
            for part in _by_client(untemplated, members, formed_on, least):
                operator = _judged(untemplated, background, queue, part, formed_on)
                if len(np.unique(untemplated.account[operator.slices])) >= least:
                    found.append(operator)
    return found


def _workers(untemplated: UntemplatedSlices, background: BackgroundModel, queue: WorkQueue) -> Ints:
    """Slices whose topics, work and client fingerprint together outweigh chance."""
    members = queue.formed
    own = (
        np.einsum("ij,j->i", background.counts, np.log(queue.topics)) - background.preference
    ) / NATS_PER_BIT + work_bits(background, queue)
    odds = float(np.log2(queue.share / (1.0 - queue.share)))
    for _ in range(CLIENT_ROUNDS):
        bits = own + odds + client_bits(untemplated, background, members)
        moved = background.slices[bits > 0]
        if np.array_equal(moved, members):
            break
        members = moved
    return members


def client_bits(untemplated: UntemplatedSlices, background: BackgroundModel, members: Ints) -> Floats:
    """Bits of each slice's client fingerprint: the members' against the other slices of the request style.

    Args:
        untemplated: the slices.
        background: slices of one request style.
        members: positions of the members' slices.
    """
    width = untemplated.clients + 1
    inside = np.isin(background.slices, members)
    code = untemplated.client[background.slices] + 1
    users = np.bincount(code, minlength=width)
    everyone = users + CLIENT_SMOOTHING
    usual = everyone / everyone.sum()
    outside = np.bincount(code[~inside], minlength=width) + CLIENT_SMOOTHING * usual
    own = np.bincount(code[inside], minlength=width) + CLIENT_SMOOTHING * usual
    # A member is no witness for its own client fingerprint.
    fellows = np.maximum(own[code] - inside, CLIENT_SMOOTHING * usual[code])
    bits: Floats = np.log2((fellows / (own.sum() - inside)) / (outside / outside.sum())[code])
    # Nothing follows from a slice of several clients, of an unknown client, or of one that nobody else has: smoothing
    # alone would make the last likelier among the few members than among the many others.
    return np.where((code > 0) & (users[code] > 1), bits, 0.0)


def _by_client(untemplated: UntemplatedSlices, members: Ints, fold: int, least: int) -> list[Ints]:
    """Parts of a queue's slices that belong to different operators by their clients; other slices join the nearest."""
    clients, count = np.unique(untemplated.client[members], return_counts=True)
    large = np.flatnonzero((count >= 3) & (clients >= 0))
    large = np.sort(large[np.lexsort((large, -count[large]))[:MAX_CLIENTS]])
    parts = [members[untemplated.client[members] == client] for client in clients[large]]
    if len(parts) < 2:
        return [members]
    accounts = len(np.unique(untemplated.account[members]))
    numbers = list(range(len(parts)))
    gaps: dict[tuple[int, int], tuple[float, float] | None] = {}
    while len(parts) > 1:
        open_pairs = []
        for i, left in enumerate(parts):
            for j in range(i + 1, len(parts)):
                pair = (numbers[i], numbers[j])
                if pair not in gaps:  # only what was joined last is new
                    gaps[pair] = _gap(untemplated, left, parts[j], fold, accounts)
                gap = gaps[pair]
                if gap is not None:
                    open_pairs.append((*gap, i, j))
        if not open_pairs:
            break
        _, _, i, j = min(open_pairs)
        parts[i] = np.union1d(parts[i], parts[j])
        numbers[i] = max(numbers) + 1
        del parts[j], numbers[j]
    loose = np.setdiff1d(members, np.concatenate(parts))
    if len(loose):
        away = np.stack([_distance(untemplated, loose, part) for part in parts])
        for number in range(len(parts)):
            parts[number] = np.union1d(parts[number], loose[away.argmin(axis=0) == number])
    return [part for part in parts if len(part) >= least]


def _gap(
    untemplated: UntemplatedSlices, left: Ints, right: Ints, fold: int, accounts: int
) -> tuple[float, float] | None:
    """Order in which two parts are joined and bits by which they differ; None where they are two operators."""
    if _together(untemplated, left, right) >= POOL_ACCOUNTS:
        return None
    gap = _apart(untemplated, left, right, fold)
    return (gap - _avoided(untemplated, left, right, accounts), gap) if gap < MIN_SPLIT_BITS else None


def _together(untemplated: UntemplatedSlices, left: Ints, right: Ints) -> int:
    """Accounts with a slice in both parts."""
    return len(np.intersect1d(untemplated.account[left], untemplated.account[right]))


def _avoided(untemplated: UntemplatedSlices, left: Ints, right: Ints, accounts: int) -> float:
    """Bits that no account has both, where two customers of one pool would meet in some by chance (Poisson)."""
    first, second = np.unique(untemplated.account[left]), np.unique(untemplated.account[right])
    met = len(np.intersect1d(first, second))
    expected = len(first) * len(second) / accounts
    return expected / NATS_PER_BIT if met == 0 else 0.0


def _apart(untemplated: UntemplatedSlices, left: Ints, right: Ints, fold: int) -> float:
    """Bits by which two sets of slices are better explained apart than together."""
    both = np.union1d(left, right)
    mean = _mixture(untemplated, both, fold)
    bits = 0.0
    for part in (left, right):
        judged = untemplated.topics[1 - fold][part].sum(axis=0)
        bits += float((judged * np.log2(_mixture(untemplated, part, fold) / mean)).sum())
    for values in (untemplated.log_load, untemplated.log_rate):
        spread = max(float(np.sqrt((values[left].var() + values[right].var()) / 2.0)), MIN_SPREAD)
        size = len(left) * len(right) / (len(left) + len(right))
        shift = float(np.median(values[left]) - np.median(values[right])) / spread
        bits += (0.5 * size * shift**2 / NATS_PER_BIT) - 0.5 * float(np.log2(len(both)))
    return bits


def _mixture(untemplated: UntemplatedSlices, part: Ints, fold: int) -> Floats:
    counted = untemplated.topics[fold][part].sum(axis=0) + SMOOTHING * untemplated.everything
    mixture: Floats = counted / counted.sum()
    return mixture


def _distance(untemplated: UntemplatedSlices, slices: Ints, part: Ints) -> Floats:
    load, rate = untemplated.log_load, untemplated.log_rate
    distance: Floats = np.abs(load[slices] - np.median(load[part])) + np.abs(rate[slices] - np.median(rate[part]))
    return distance


def _judged(
    untemplated: UntemplatedSlices, background: BackgroundModel, queue: WorkQueue, part: Ints, fold: int
) -> Operator:
    """Bits of every slice that may belong to the operator, topics judged on the fold that did not form it."""
    judged = untemplated.topics[1 - fold][background.slices].astype(np.float64)
    drawn = np.einsum("ij,j->i", judged, np.log(_mixture(untemplated, part, fold)))
    topic = (drawn - own_preferences(judged, background.common)) / NATS_PER_BIT
    odds = float(np.log2(queue.share / (1.0 - queue.share)))
    work = work_bits(background, queue) + client_bits(untemplated, background, part) + odds
    inside = np.isin(background.slices, part)
    return Operator(
        request_style=queue.request_style,
        formed_on=fold,
        slices=background.slices[inside],
        formed=np.isin(background.slices[inside], queue.formed),
        topic=topic[inside],
        work=work[inside],
        searched=len(queue.formed),
    )
