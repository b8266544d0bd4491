"""What a fold of a content cluster shows, slice by slice and over sets of its slices, in the form that is searched."""

from collections.abc import Callable
from math import lgamma, log
from typing import Any, NamedTuple, TypeVar, cast

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import I32
from stillhunt.base.compiled import NOT_FROM_PYTHON
from stillhunt.link.groups.parameters import GROUP_PARAMETERS as P

Ints = npt.NDArray[np.int64]
Lists = tuple[Ints, Ints, I32]
"""Where the codes of each request begin and end, and the codes of all requests."""


@nb.njit(cache=True, nogil=True)
def phrase_users(member: Ints, lists: Lists, users: I32, last: I32) -> Ints:
    """Phrases of some requests, ascending; `users` receives how many slices have each.

    Args:
        member: slice of each request, ascending.
        last: one entry per phrase; all are -1, before and after.
    """
    begins, ends, codes = lists
    found, used = np.empty(1024, np.int64), 0
    for row in range(len(member)):
        for k in range(begins[row], ends[row]):
            code = codes[k]
            if last[code] == member[row]:
                continue
            if last[code] < 0:
                if used == len(found):
                    wider = np.empty(2 * used, np.int64)
                    wider[:used] = found
                    found = wider
                found[used] = code
                used += 1
                users[code] = 0
            users[code] += 1
            last[code] = member[row]
    for i in range(used):
        last[found[i]] = -1
    return np.sort(found[:used])


@nb.njit(cache=True, nogil=True)
def count_phrases(
    member: Ints, fold: Ints, lists: Lists, place: I32, phrases: Ints
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Occurrences of the phrases that have a place, by fold: slice, request and place, in the order of requests.

    Args:
        fold: fold of each request, 0 or 1.
        place: place of each phrase; -1 where none.
        phrases: of shape (2, slices, places); receives the number of occurrences.
    """
    begins, ends, codes = lists
    room = np.zeros(2, np.int64)
    for row in range(len(member)):
        for k in range(begins[row], ends[row]):
            room[fold[row]] += place[codes[k]] >= 0
    slices = np.empty(room[0], np.int64), np.empty(room[1], np.int64)
    requests = np.empty(room[0], np.int64), np.empty(room[1], np.int64)
    places = np.empty(room[0], np.int64), np.empty(room[1], np.int64)
    used = np.zeros(2, np.int64)
    for row in range(len(member)):
        own = fold[row]
        for k in range(begins[row], ends[row]):
            at = place[codes[k]]
            if at >= 0:
                phrases[own, member[row], at] += 1
                slices[own][used[own]] = member[row]
                requests[own][used[own]] = row
                places[own][used[own]] = at
                used[own] += 1
    return slices, requests, places


Counts = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Occurrences = tuple[Ints, Ints, Ints]
"""Slice, request and phrase of each, ascending in that order."""

PHRASE_CORRELATION = P.phrase_correlation
CONCENTRATIONS = P.topic_concentrations
CONCENTRATION_WEIGHTS = P.topic_weights
PREFERENCES = len(CONCENTRATIONS)
"""Number of topic preferences, each with a concentration of its own."""

ONLY_ROW = cast("int", np.int64(0))
"""Of sums that hold one set."""
ONE_SET = cast("int", np.int64(1))

_Function = TypeVar("_Function", bound=Callable[..., object])


def part(function: _Function) -> _Function:
    """Compile a function as a part of an entry point; only entry points are kept on disk, and Python calls them alone.

    Three things made compiling take half as long again, and are not used: `sum`, and an array assigned to a part of
    another, which bring the sentences of their errors, and a number that stands in a call (`0`, not `ONLY_ROW`), for
    which a part is compiled once more.
    """
    # Division as in numpy: a check for zero in each step would keep loops from using vector registers.
    return cast("_Function", nb.njit(nogil=True, error_model="numpy", **NOT_FROM_PYTHON)(function))


class Fold(NamedTuple):
    """One fold of a content cluster."""

    size: Floats  # distinct prompts of each slice
    phrases: Counts  # prompts with each phrase, shape (phrases, slices)
    spread: Floats  # variance of honest slices in units of chance
    log_spread: Floats
    topic_start: Ints  # slice s has the topics topic_start[s] : topic_start[s + 1]
    # topic, topic_count: topics that a slice has, and its prompts on each
    topic: Ints
    topic_count: Ints
    preference: Floats  # logarithm of what each topic preference gives before topics recur, shape (slices, PREFERENCES)
    request_start: Ints  # slice s has the requests request_start[s] : request_start[s + 1]
    phrase_start: Ints  # request r has the phrases phrase_start[r] : phrase_start[r + 1]
    phrase: Ints  # phrases of the requests, ascending in each
    topics: int


class Sums(NamedTuple):
    """Sets of slices and what their members show together, one row per set."""

    inside: Flags  # True for members, shape (sets, slices)
    total: Ints
    phrase: Ints  # prompts with each phrase, shape (sets, phrases)
    topic: Ints  # prompts on each topic, shape (sets, topics)
    together: Counts  # prompts with both phrases, shape (sets, phrases, phrases), where the first is the smaller


@part
def count_true(flags: Flags) -> int:
    """How many are True."""
    count = 0
    for flag in flags:
        count += flag
    return count


@part
def mark_slices(count: int, chosen: Ints) -> Flags:
    """True for the chosen ones of so many slices."""
    marked = np.zeros(count, np.bool_)
    for s in chosen:
        marked[s] = True
    return marked


@part
def add_up(values: Floats | Ints) -> Any:
    """Their sum, from the first to the last; a whole number where they are."""
    total = values.dtype.type(0)
    for value in values:
        total += value
    return total


@part
def make_fold(size: Ints, phrases: Ints, topics: Ints, occurrences: tuple[Ints, Ints, Ints]) -> Fold:
    """One fold of a cluster in the form in which it is searched.

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
    spread = 1.0 + sizes * PHRASE_CORRELATION
    topic_start, topic, topic_count = _topics_of(topics)
    request_start, phrase_start = _requests_of(count, occurrences[0], occurrences[1])
    preference = _first_preferences(topics, topic_start)
    phrase = occurrences[2].astype(np.int64)
    log_spread = np.log(spread)
    known = topics.shape[1]
    return Fold(
        sizes, flipped, spread, log_spread, topic_start, topic, topic_count, preference,
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
def _first_preferences(topics: Ints, topic_start: Ints) -> Floats:
    """Logarithm of weight, of the first prompt on each topic and of the total, under each topic preference; nats."""
    count = len(topics)
    preference = np.empty((count, PREFERENCES))
    for s in range(count):
        prompts = add_up(topics[s])
        distinct = topic_start[s + 1] - topic_start[s]
        for c in range(PREFERENCES):
            strength = CONCENTRATIONS[c]
            total_law = lgamma(strength) - lgamma(prompts + strength)
            preference[s, c] = log(CONCENTRATION_WEIGHTS[c]) + total_law + distinct * log(strength)
    return preference


@part
def blank_sums(fold: Fold, rows: int) -> Sums:
    """Empty sets."""
    width, count = fold.phrases.shape
    return Sums(
        np.zeros((rows, count), np.bool_),
        np.zeros(rows, np.int64),
        np.zeros((rows, width), np.int64),
        np.zeros((rows, fold.topics), np.int64),
        np.zeros((rows, width, width), np.int32),
    )


@part
def take_sums(sums: Sums, rows: Ints) -> Sums:
    """Some of the sets."""
    return Sums(sums.inside[rows], sums.total[rows], sums.phrase[rows], sums.topic[rows], sums.together[rows])


@part
def set_members(fold: Fold, sums: Sums, row: int, wanted: Flags) -> None:
    """Make a set hold the wanted slices and no others; only slices that change are counted."""
    inside = sums.inside[row]
    if count_true(inside != wanted) > count_true(wanted):
        inside[:] = False
        sums.total[row] = 0
        sums.phrase[row, :] = 0
        sums.topic[row, :] = 0
        sums.together[row, :, :] = 0
    for s in range(len(wanted)):
        if inside[s] != wanted[s]:
            _count_slice(fold, sums, row, s, 1 if wanted[s] else -1)
            inside[s] = wanted[s]


@part
def _count_slice(fold: Fold, sums: Sums, row: int, member: int, sign: int) -> None:
    """Add a slice to the sums of a set, or take it out."""
    phrase, together = sums.phrase[row], sums.together[row]
    sums.total[row] += sign * np.int64(fold.size[member])
    for p in range(len(phrase)):
        phrase[p] += sign * fold.phrases[p, member]
    for i in range(fold.topic_start[member], fold.topic_start[member + 1]):
        sums.topic[row, fold.topic[i]] += sign * fold.topic_count[i]
    for r in range(fold.request_start[member], fold.request_start[member + 1]):
        end = fold.phrase_start[r + 1]
        for i in range(fold.phrase_start[r], end):
            # A view of the row would cost more, in reference counts, than the few sums that it serves.
            first = np.uint64(fold.phrase[i])
            for j in range(i + 1, end):
                together[first, np.uint64(fold.phrase[j])] += sign
