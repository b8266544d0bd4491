"""Loops over the requests of one content cluster, slice by slice; the plain twin is `cluster_slices` in tests/link."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import I32

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
