"""From work queues to operators: who works for each queue, and which clients belong to one operator.

Several operators of like pace fall into one work queue. Each runs its own programs, so the slices of one client
fingerprint belong to one operator; two clients are one operator's unless their slices differ in topics, load or daily
rate by more than chance allows, or stand in the same accounts: an operator keeps one program per account, and an
account with two programs serves two customers. (Where one operator does rotate programs within accounts, its parts
divide the work of each account alike, and the step `resolve` makes one campaign of them again.)
"""

from dataclasses import dataclass

import numpy as np

from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.link.requests.arrays import Floats, Ints
from stillhunt.link.workload.background_model import (
    NATS_PER_BIT,
    BackgroundModel,
    WorkQueue,
    background_model,
    own_preferences,
    queue_bits,
    rows_of,
    work_bits,
)
from stillhunt.link.workload.mixture_kernels import weighted_sums
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices
from stillhunt.link.workload.work_queues import QUEUE_SMOOTHING, find_work_queues

# Least standard deviation of log load and log rate within a client (keeps three workers that happen to agree from
# deciding)
_MIN_SPREAD = 0.12
# Slices of the usual mixture of clients that are added to either side of a comparison (half a count, the usual prior of
# a rate (Jeffreys))
_CLIENT_SMOOTHING = 0.5
# Accounts with slices of both clients from which these are two customers of one pool (an operator keeps one program per
# account)
_MIN_POOL_ACCOUNTS = 3
_MEMBER_ROUNDS = 3  # Rounds in which clients say who else works for a queue (membership settles earlier)
# Clients of a queue that are compared, the most used; other slices go to the nearest part (bounds time)
_MAX_CLIENTS = 40
_MIN_CLIENT_SLICES = 3  # Slices of a queue that a client needs to be compared (fewer have no median)


@dataclass(frozen=True)
class Operator:
    """One operator's untemplated slices, found on one fold and judged on the other."""

    request_style: int
    formed_on: int
    slices: Ints  # positions of every slice that fits
    formed: np.ndarray[tuple[int], np.dtype[np.bool_]]  # of those, True where topics and work alone put it there
    topic: Floats  # bits of the topics of each on the other fold
    work: Floats  # bits of load, rate, client fingerprint and the queue's share of all slices
    searched: int


@dataclass(frozen=True)
class QueuePart:
    """Slices of a work queue that may be one operator's, with what a comparison needs."""

    slices: Ints
    accounts: Ints  # their distinct accounts, as codes within the work queue
    topics: Ints  # their questions by topic on each fold, shape (2, TOPICS)
    # middle, variance: medians and variances of log load and log rate
    middle: tuple[float, float]
    variance: tuple[float, float]


def find_operators(untemplated: UntemplatedSlices, *, formed_on: int, least: int) -> list[Operator]:
    """Operators among untemplated slices, found on one fold and judged on the other."""
    found: list[Operator] = []
    for request_style in (0, 1):
        if (untemplated.request_style == request_style).sum() < least:
            continue
        background = background_model(untemplated, request_style, formed_on)
        for queue in find_work_queues(background, request_style=request_style, least=least):
            members = _find_workers(untemplated, background, queue)
            for part in _by_client(untemplated, members, formed_on, least):
                operator = _judge_part(untemplated, background, queue, part, formed_on)
                if len(np.unique(untemplated.account[operator.slices])) >= least:
                    found.append(operator)
    return found


def _find_workers(untemplated: UntemplatedSlices, background: BackgroundModel, queue: WorkQueue) -> Ints:
    """Slices whose topics, work and client fingerprint together outweigh chance."""
    members = queue.formed
    own = queue_bits(background, queue) + float(np.log2(queue.share / (1.0 - queue.share)))
    for _ in range(_MEMBER_ROUNDS):
        moved = background.slices[own + client_bits(untemplated, background, members) > 0]
        if np.array_equal(moved, members):
            break
        members = moved
    return members


def client_bits(untemplated: UntemplatedSlices, background: BackgroundModel, members: Ints) -> Floats:
    """Bits of each slice's client fingerprint: the members' against the other slices of the request style."""
    width = untemplated.clients + 1
    flags = np.zeros(len(untemplated.account), np.int64)
    flags[members] = 1
    inside, code = flags[background.slices], untemplated.client[background.slices] + 1
    users = np.bincount(code, minlength=width)
    usual = (users + _CLIENT_SMOOTHING) / (users + _CLIENT_SMOOTHING).sum()
    users_inside = np.bincount(code[inside == 1], minlength=width)
    outside = users - users_inside + _CLIENT_SMOOTHING * usual
    own = users_inside + _CLIENT_SMOOTHING * usual
    by_code = np.zeros((2, width))
    for member in (0, 1):
        # A member is no witness for its own client; a client of one slice alone is set to 0 below.
        fellows = np.maximum(own - member, _CLIENT_SMOOTHING * usual) / max(own.sum() - member, _CLIENT_SMOOTHING)
        by_code[member] = np.log2(fellows / (outside / outside.sum()))
    # Nothing follows from a slice of several clients, of an unknown client, or of one that nobody else has: smoothing
    # alone would make the last likelier among the few members than among the many others.
    by_code[:, users <= 1] = 0.0
    by_code[:, 0] = 0.0
    bits: Floats = by_code[inside, code]
    return bits


def _by_client(untemplated: UntemplatedSlices, members: Ints, fold: int, least: int) -> list[Ints]:
    """Parts of a queue's slices that belong to different operators by their clients; other slices join the nearest."""
    client = untemplated.client[members]
    clients, count = np.unique(client, return_counts=True)
    large = np.flatnonzero((count >= _MIN_CLIENT_SLICES) & (clients >= 0))
    large = np.sort(large[np.lexsort((large, -count[large]))[:_MAX_CLIENTS]])
    if len(large) < 2:
        return [members]
    accounts, code = np.unique(untemplated.account[members], return_inverse=True)
    parts = []
    for name in clients[large].tolist():
        chosen = np.flatnonzero(client == name)
        own = members[chosen]
        topics = np.stack([untemplated.topics[fold][own].sum(axis=0, dtype=np.int64) for fold in (0, 1)])
        parts.append(_make_part(untemplated, own, code[chosen], topics))
    _join_parts(untemplated, parts, fold, len(accounts))
    held = np.zeros(len(untemplated.account), bool)
    for part in parts:
        held[part.slices] = True
    loose = members[~held[members]]
    nearest = _nearest_part(untemplated, loose, parts)
    slices = [_merge_positions(part.slices, loose[nearest == number]) for number, part in enumerate(parts)]
    return [part for part in slices if len(part) >= least]


def _make_part(untemplated: UntemplatedSlices, slices: Ints, accounts: Ints, topics: Ints) -> QueuePart:
    load, rate = untemplated.log_load[slices], untemplated.log_rate[slices]
    accounts = np.sort(accounts, kind="stable")
    return QueuePart(
        slices=slices,
        accounts=accounts[np.diff(accounts, prepend=-1) > 0],
        topics=topics,
        middle=(float(np.median(load)), float(np.median(rate))),
        variance=(float(load.var()), float(rate.var())),
    )


def _merge_positions(left: Ints, right: Ints) -> Ints:
    """Positions that stand in either, ascending; none stands in both."""
    # A stable sort finds the two runs and merges them; numpy's unions look every position up.
    return np.sort(np.concatenate([left, right]), kind="stable")


def _join_parts(untemplated: UntemplatedSlices, parts: list[QueuePart], fold: int, accounts: int) -> None:
    """Join two parts at a time, in place, the least different first, until no two may be one operator."""
    numbers = list(range(len(parts)))
    gaps: dict[tuple[int, int], tuple[float, float] | None] = {}
    while len(parts) > 1:
        open_pairs = []
        for i, left in enumerate(parts):
            used = np.zeros(accounts, bool)
            used[left.accounts] = True
            for j in range(i + 1, len(parts)):
                pair = (numbers[i], numbers[j])
                if pair not in gaps:  # only what was joined last is new
                    met = int(used[parts[j].accounts].sum())
                    gaps[pair] = _gap_between(left, parts[j], met, accounts, (fold, untemplated.everything))
                gap = gaps[pair]
                if gap is not None:
                    open_pairs.append((*gap, i, j))
        if not open_pairs:
            break
        _, _, i, j = min(open_pairs)
        left, right = parts[i], parts[j]
        accounts_of = np.concatenate([left.accounts, right.accounts])
        parts[i] = _make_part(
            untemplated, _merge_positions(left.slices, right.slices), accounts_of, left.topics + right.topics
        )
        numbers[i] = max(numbers) + 1
        del parts[j], numbers[j]


def _gap_between(
    left: QueuePart, right: QueuePart, met: int, accounts: int, mixed: tuple[int, Floats]
) -> tuple[float, float] | None:
    """Order in which two parts are joined and bits by which they differ; None where they are two operators.

    `met` accounts of the queue's `accounts` have a slice in both; `mixed` is the fold that makes mixtures, and the
    mixture of all slices.
    """
    if met >= _MIN_POOL_ACCOUNTS:
        return None
    gap = _bits_apart(left, right, *mixed)
    # No account with both is evidence for one operator: two customers of one pool would share some by chance (Poisson).
    expected = len(left.accounts) * len(right.accounts) / accounts
    avoided = expected / NATS_PER_BIT if met == 0 else 0.0
    return (gap - avoided, gap) if gap < SLICE_PARAMETERS.min_split_bits else None


def _bits_apart(left: QueuePart, right: QueuePart, fold: int, everything: Floats) -> float:
    """Bits by which two sets of slices are better explained apart than together."""
    mean = _mixture_of(left.topics[fold] + right.topics[fold], everything)
    bits = 0.0
    for part in (left, right):
        bits += float((part.topics[1 - fold] * np.log2(_mixture_of(part.topics[fold], everything) / mean)).sum())
    size, both = len(left.slices) * len(right.slices), len(left.slices) + len(right.slices)
    for measure in (0, 1):
        spread = max(float(np.sqrt((left.variance[measure] + right.variance[measure]) / 2.0)), _MIN_SPREAD)
        shift = (left.middle[measure] - right.middle[measure]) / spread
        bits += (0.5 * size / both * shift**2 / NATS_PER_BIT) - 0.5 * float(np.log2(both))
    return bits


def _mixture_of(topics: Ints, everything: Floats) -> Floats:
    counted = topics + QUEUE_SMOOTHING * everything
    mixture: Floats = counted / counted.sum()
    return mixture


def _nearest_part(untemplated: UntemplatedSlices, slices: Ints, parts: list[QueuePart]) -> Ints:
    """Index of the part whose middle is nearest to each slice's load and rate; the first on ties."""
    nearest, least = np.zeros(len(slices), np.int64), np.full(len(slices), np.inf)
    for number, part in enumerate(parts):
        load, rate = part.middle
        away = np.abs(untemplated.log_load[slices] - load) + np.abs(untemplated.log_rate[slices] - rate)
        nearest[away < least] = number
        least = np.minimum(away, least)
    return nearest


def _judge_part(
    untemplated: UntemplatedSlices, background: BackgroundModel, queue: WorkQueue, part: Ints, fold: int
) -> Operator:
    """Bits of the operator's slices, topics judged on the fold that did not form it."""
    mixture = _mixture_of(untemplated.topics[fold][part].sum(axis=0, dtype=np.int64), untemplated.everything)
    judged = rows_of(untemplated.topics[1 - fold], part)
    place = np.searchsorted(background.slices, part)
    odds = float(np.log2(queue.share / (1.0 - queue.share)))
    work = work_bits(background, queue) + client_bits(untemplated, background, part) + odds
    return Operator(
        request_style=queue.request_style,
        formed_on=fold,
        slices=part,
        formed=np.isin(part, queue.formed),
        topic=(weighted_sums(judged, np.log(mixture)) - own_preferences(judged, background.common)) / NATS_PER_BIT,
        work=work[place],
        searched=len(queue.formed),
    )
