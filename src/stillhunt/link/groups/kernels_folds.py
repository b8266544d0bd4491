"""What one half of a content cluster shows, and sums over sets of its slices, in the form in which it is searched."""

from __future__ import annotations

from collections.abc import Callable
from math import lgamma, log
from typing import NamedTuple, TypeVar, cast

import numba as nb
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Occurrences = tuple[Ints, Ints, Ints]
"""Slice, request and phrase of each, ascending in that order."""

OWN_HABIT = 0.5
"""Intra-class correlation of phrase use in honest slices: an account of its own either uses a phrase or not."""
CONCENTRATIONS = (0.5, 2.0, 8.0, 32.0, 128.0)
CONCENTRATION_WEIGHTS = (0.25, 0.25, 0.2, 0.2, 0.1)
"""How sharply honest templated slices keep to topics of their own: Dirichlet concentrations and their share."""
TASTES = len(CONCENTRATIONS)

_Function = TypeVar("_Function", bound=Callable[..., object])


def part(function: _Function) -> _Function:
    """Compile a function as a piece of a door; numba's disk cache keeps doors only."""
    # Division as in numpy: a check for zero in each step would keep loops out of vector registers.
    return cast("_Function", nb.njit(nogil=True, error_model="numpy")(function))


class Half(NamedTuple):
    """One half of a content cluster.

    Attributes:
        size: distinct prompts of each slice.
        phrases: prompts with each phrase, shape (phrases, slices).
        spread: variance of honest slices in units of chance.
        log_spread: its logarithm.
        topic_start: slice s has the topics topic_start[s] : topic_start[s + 1].
        topic, topic_count: topics that a slice has, and its prompts on each.
        taste: logarithm of what each taste gives before topics recur, shape (slices, TASTES).
        request_start: slice s has the requests request_start[s] : request_start[s + 1].
        phrase_start: request r has the phrases phrase_start[r] : phrase_start[r + 1].
        phrase: phrases of the requests, ascending in each.
        topics: number of topics.
    """

    size: Floats
    phrases: Counts
    spread: Floats
    log_spread: Floats
    topic_start: Ints
    topic: Ints
    topic_count: Ints
    taste: Floats
    request_start: Ints
    phrase_start: Ints
    phrase: Ints
    topics: int


class Sums(NamedTuple):
    """Sets of slices and what their members show together, one row a set.

    Attributes:
        inside: True for members, shape (sets, slices).
        total: prompts of the members.
        phrase: prompts with each phrase, shape (sets, phrases).
        topic: prompts on each topic, shape (sets, topics).
        together: prompts with both phrases, shape (sets, phrases, phrases), where the first is the smaller.
    """

    inside: Flags
    total: Ints
    phrase: Ints
    topic: Ints
    together: Counts


@part
def make_half(size: Ints, phrases: Ints, topics: Ints, occurrences: tuple[Ints, Ints, Ints]) -> Half:
    """One half of a cluster in the form in which it is searched.

    Args:
        size: distinct prompts of each slice.
        phrases: prompts with each phrase, shape (slices, phrases).
        topics: prompts on each topic, shape (slices, topics).
        occurrences: slice, request and phrase, ascending in that order.
    """
    count, width = phrases.shape
    flipped = np.empty((width, count), np.int32)
    for s in range(count):
        for p in range(width):
            flipped[p, s] = phrases[s, p]
    sizes = size.astype(np.float64)
    spread = 1.0 + sizes * OWN_HABIT
    topic_start, topic, topic_count = _topics_of(topics)
    request_start, phrase_start = _requests_of(count, occurrences[0], occurrences[1])
    taste = _first_tastes(topics, topic_start)
    phrase = occurrences[2].astype(np.int64)
    log_spread = np.log(spread)
    known = topics.shape[1]
    return Half(
        sizes, flipped, spread, log_spread, topic_start, topic, topic_count, taste,
        request_start, phrase_start, phrase, known,
    )  # fmt: skip


@part
def _topics_of(topics: Ints) -> tuple[Ints, Ints, Ints]:
    """Where each slice's topics start, the topics it has, and the prompts on each."""
    count, known = topics.shape
    start = np.zeros(count + 1, np.int64)
    filled = 0
    for s in range(count):
        for t in range(known):
            filled += topics[s, t] > 0
        start[s + 1] = filled
    topic = np.empty(filled, np.int64)
    prompts = np.empty(filled, np.int64)
    at = 0
    for s in range(count):
        for t in range(known):
            if topics[s, t] > 0:
                topic[at] = t
                prompts[at] = topics[s, t]
                at += 1
    return start, topic, prompts


@part
def _requests_of(count: int, member: Ints, request: Ints) -> tuple[Ints, Ints]:
    """Where each slice's requests start among the requests, and each request's phrases among the occurrences."""
    total = len(member)
    request_start = np.zeros(count + 1, np.int64)
    phrase_start = np.zeros(total + 1, np.int64)
    requests = 0
    for i in range(total):
        if i == 0 or member[i] != member[i - 1] or request[i] != request[i - 1]:
            phrase_start[requests] = i
            requests += 1
            request_start[member[i] + 1] += 1
    phrase_start[requests] = total
    return np.cumsum(request_start), phrase_start[: requests + 1].copy()


@part
def _first_tastes(topics: Ints, topic_start: Ints) -> Floats:
    """Logarithm of weight, of the first prompt on each topic and of the total, under each taste; nats."""
    count = len(topics)
    taste = np.empty((count, TASTES))
    for s in range(count):
        prompts = topics[s].sum()
        distinct = topic_start[s + 1] - topic_start[s]
        for c in range(TASTES):
            strength = CONCENTRATIONS[c]
            whole = lgamma(strength) - lgamma(prompts + strength)
            taste[s, c] = log(CONCENTRATION_WEIGHTS[c]) + whole + distinct * log(strength)
    return taste


@part
def blank_sums(half: Half, rows: int) -> Sums:
    """Empty sets."""
    width, count = half.phrases.shape
    return Sums(
        np.zeros((rows, count), np.bool_),
        np.zeros(rows, np.int64),
        np.zeros((rows, width), np.int64),
        np.zeros((rows, half.topics), np.int64),
        np.zeros((rows, width, width), np.int32),
    )


@part
def take_sums(sums: Sums, rows: Ints) -> Sums:
    """Some of the sets."""
    return Sums(sums.inside[rows], sums.total[rows], sums.phrase[rows], sums.topic[rows], sums.together[rows])


@part
def set_members(half: Half, sums: Sums, row: int, wanted: Flags) -> None:
    """Make a set hold the wanted slices and no others; only what changes is counted anew."""
    inside = sums.inside[row]
    if (inside != wanted).sum() > wanted.sum():
        inside[:] = False
        sums.total[row] = 0
        sums.phrase[row, :] = 0
        sums.topic[row, :] = 0
        sums.together[row, :, :] = 0
    for s in range(len(wanted)):
        if inside[s] != wanted[s]:
            _count_slice(half, sums, row, s, 1 if wanted[s] else -1)
            inside[s] = wanted[s]


@part
def _count_slice(half: Half, sums: Sums, row: int, member: int, sign: int) -> None:
    """Add a slice to the sums of a set, or take it out."""
    phrase, together = sums.phrase[row], sums.together[row]
    sums.total[row] += sign * np.int64(half.size[member])
    for p in range(len(phrase)):
        phrase[p] += sign * half.phrases[p, member]
    for i in range(half.topic_start[member], half.topic_start[member + 1]):
        sums.topic[row, half.topic[i]] += sign * half.topic_count[i]
    for r in range(half.request_start[member], half.request_start[member + 1]):
        end = half.phrase_start[r + 1]
        for i in range(half.phrase_start[r], end):
            # A view of the row would cost more, in reference counts, than the few sums that it serves.
            first = np.uint64(half.phrase[i])
            for j in range(i + 1, end):
                together[first, np.uint64(half.phrase[j])] += sign
