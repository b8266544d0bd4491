"""Loops over pairs of phrases and over fragments of templates; plain twins are in tests/oracle."""

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import I32, I64

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FragmentLimits = tuple[int, float, float]
"""Fewest accounts in both clusters, least relative risk, least Jaccard index: see `parameters.FragmentParameters`."""


@nb.njit(cache=True, nogil=True)
def rarest_uses(start: Ints, cluster: Ints, users: Ints, limit: int) -> Flags:
    """True for the uses of each account's clusters with the fewest users, at most `limit` of them.

    Args:
        start: account a uses the clusters start[a] : start[a + 1].
        users: accounts that use each cluster.
        limit: uses of an account that are kept; the smaller label on ties.
    """
    kept = np.ones(len(cluster), np.bool_)
    for account in range(len(start) - 1):
        first, last = start[account], start[account + 1]
        if last - first > limit:
            rank = np.empty(last - first, np.int64)
            for i in range(first, last):
                rank[i - first] = users[cluster[i]] * len(users) + cluster[i]
            worst = np.sort(rank)[limit - 1]
            for i in range(first, last):
                kept[i] = rank[i - first] <= worst
    return kept


@nb.njit(cache=True, nogil=True)
def label_joined(of_account: tuple[Ints, Ints], of_cluster: tuple[Ints, Ints], limits: FragmentLimits) -> Ints:
    """Label of each cluster: the smallest of those that the same accounts use, directly or by way of others.

    Args:
        of_account: where each account's clusters start, and the clusters.
        of_cluster: where each cluster's accounts start, and the accounts.
        limits: what makes two clusters fragments of one template.
    """
    start, cluster = of_account
    cluster_start, account = of_cluster
    count, accounts = len(cluster_start) - 1, len(start) - 1
    label = np.arange(count)
    together = np.zeros(count, np.int64)
    seen = np.empty(count, np.int64)
    for left in range(count):
        met = 0
        for i in range(cluster_start[left], cluster_start[left + 1]):
            for j in range(start[account[i]], start[account[i] + 1]):
                right = cluster[j]
                if right > left:
                    if together[right] == 0:
                        seen[met] = right
                        met += 1
                    together[right] += 1
        size = cluster_start[left + 1] - cluster_start[left]
        for i in range(met):
            right = seen[i]
            other = cluster_start[right + 1] - cluster_start[right]
            if _are_template_fragments(together[right], size, other, accounts, limits):
                _join_components(label, left, right)
            together[right] = 0
    for one in range(count):
        label[one] = _find_component_root(label, one)
    return label


@nb.njit(nogil=True)
def _are_template_fragments(both: int, left: int, right: int, accounts: int, limits: FragmentLimits) -> bool:
    """Are two clusters with so many accounts fragments of one template?"""
    min_accounts, min_risk, min_jaccard = limits
    if both < min_accounts or both < min_jaccard * (left + right - both):
        return False
    for one, other in ((left, right), (right, left)):
        elsewhere = (other - both) / max(accounts - one, 1)
        if both / one < min_risk * elsewhere:
            return False
    return True


@nb.njit(nogil=True)
def _find_component_root(label: Ints, one: int) -> int:
    while label[one] != one:
        label[one] = label[label[one]]
        one = label[one]
    return one


@nb.njit(nogil=True)
def _join_components(label: Ints, left: int, right: int) -> None:
    """Put two components under the smaller of their labels."""
    left, right = _find_component_root(label, left), _find_component_root(label, right)
    label[max(left, right)] = min(left, right)


Limits = tuple[int, int, int]
"""Most phrases of a request and most requests of an account that are paired, and fewest requests that a pair needs."""
DENSE_PHRASES = 512
"""Recurring phrases of an account up to which every pair is compared; with more, the pairs that occur are sorted."""


@nb.njit(cache=True, nogil=True)
def pairs_by_account(
    rows: tuple[I32, I64],
    accounts: I32,
    known: tuple[I32, I32, I32],
    shared_phrases: tuple[I64, I32],
    size: int,
    limits: Limits,
) -> I64:
    """Pairs of an account's recurring phrases that stand together in enough of its requests, account by account.

    Args:
        rows: requests in the order of the accounts, and where each account's requests begin.
        accounts: code of each of these accounts.
        known: offsets and codes of the known phrases of each request, and the shared code of each known phrase (-1
            where none).
        shared_phrases: where the recurring phrases of each account code begin, and their shared codes, ascending.
        limits: how many phrases and requests are paired, and how many requests a pair needs.

    Returns:
        left * size + right (left < right), once for each account.
    """
    order, offsets = rows
    most_requests = limits[1]
    begins, codes, shared_of = known
    shared_begins, shared_codes = shared_phrases
    place = np.full(size, -1, np.int32)
    out = np.empty(1024, np.int64)
    used = 0
    for i in range(len(offsets) - 1):
        first, last = shared_begins[accounts[i]], shared_begins[accounts[i] + 1]
        width = last - first
        if width < 2:
            continue
        for k in range(first, last):
            place[shared_codes[k]] = k - first
        count = offsets[i + 1] - offsets[i]
        step = max(np.int64(1), (count + most_requests - 1) // most_requests)
        own = order[offsets[i] : offsets[i + 1] : step]
        if width <= DENSE_PHRASES:
            found = _find_dense_pairs(own, begins, codes, shared_of, place, width, limits)
        else:
            found = _find_sparse_pairs(own, begins, codes, shared_of, place, width, limits)
        while used + len(found) > len(out):
            wider = np.empty(2 * len(out), np.int64)
            for k in range(used):
                wider[k] = out[k]
            out = wider
        for k in range(len(found)):
            out[used + k] = (
                shared_codes[first + found[k] // width] * np.int64(size) + shared_codes[first + found[k] % width]
            )
        used += len(found)
        for k in range(first, last):
            place[shared_codes[k]] = -1
    return out[:used]


@nb.njit(cache=True, nogil=True)
def _find_dense_pairs(own: I32, begins: I32, codes: I32, shared_of: I32, place: I32, width: int, limits: Limits) -> I64:
    """Pairs as places: each phrase has one bit per request, and a pair counts where enough bits are common."""
    most_phrases, _, least = limits
    words = (len(own) + 63) // 64
    bits = np.zeros((width, words), np.uint64)
    for j in range(len(own)):
        taken = 0
        for k in range(begins[own[j]], begins[own[j] + 1]):
            shared = shared_of[codes[k]]
            if shared < 0 or place[shared] < 0:
                continue
            if taken == most_phrases:
                break
            taken += 1
            bits[place[shared], j >> 6] |= np.uint64(1) << np.uint64(j & 63)
    out = np.empty(width * (width - 1) // 2, np.int64)
    used = 0
    for a in range(width):
        for b in range(a + 1, width):
            common = 0
            for w in range(words):
                both = bits[a, w] & bits[b, w]
                while both != 0 and common < least:
                    both &= both - np.uint64(1)
                    common += 1
                if common >= least:
                    break
            if common >= least:
                out[used] = a * width + b
                used += 1
    return out[:used]


@nb.njit(cache=True, nogil=True)
def _find_sparse_pairs(
    own: I32, begins: I32, codes: I32, shared_of: I32, place: I32, width: int, limits: Limits
) -> I64:
    """Pairs as places: all pairs of all requests are sorted, and a pair counts where it occurs often enough."""
    most_phrases, _, least = limits
    pairs = np.empty(4096, np.int64)
    filled = 0
    inside = np.empty(most_phrases, np.int32)
    for j in range(len(own)):
        taken = 0
        for k in range(begins[own[j]], begins[own[j] + 1]):
            shared = shared_of[codes[k]]
            if shared < 0 or place[shared] < 0:
                continue
            if taken == most_phrases:
                break
            inside[taken] = place[shared]
            taken += 1
        while filled + taken * taken > len(pairs):
            wider = np.empty(2 * len(pairs), np.int64)
            for k in range(filled):
                wider[k] = pairs[k]
            pairs = wider
        for a in range(taken):
            for b in range(a + 1, taken):
                pairs[filled] = np.int64(inside[a]) * width + inside[b]
                filled += 1
    ordered = np.sort(pairs[:filled])
    used = 0
    at = 0
    while at < filled:
        stop = at + 1
        while stop < filled and ordered[stop] == ordered[at]:
            stop += 1
        if stop - at >= least:
            ordered[used] = ordered[at]
            used += 1
        at = stop
    return ordered[:used]
