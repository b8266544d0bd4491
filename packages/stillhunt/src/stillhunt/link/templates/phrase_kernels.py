"""Loops over the phrases of the requests of one partition; the plain twin of each is in tests/oracle."""

import numba as nb
import numpy as np

from stillhunt.base.arrays import I32, I64, U8, U32, U64
from stillhunt.link.requests.request_kernels import MULTIPLY, grown32

MOST_WORDS = 1 << 22
"""Most words of 64 bits that mark which phrases of an account may recur, 32 MB; beyond it more are counted in vain."""
MOST_SLOTS = 1 << 12
"""Slots of the table in which the phrases of an account are counted at first; it grows with the distinct phrases."""


@nb.njit(cache=True, nogil=True)
def _mark_twice(
    own: I32, first_occurrence: U8, begins: I32, phrases: U32, bits: tuple[U64, U64], mask: np.uint32
) -> None:
    """Set a phrase's bit in the first table, or in the second where it is set already."""
    once, twice = bits
    for j in range(len(own)):
        row = own[j]
        if first_occurrence[row]:
            for k in range(begins[row], begins[row + 1]):
                place = phrases[k] & mask
                bit = np.uint64(1) << np.uint64(place & np.uint32(63))
                word = place >> np.uint32(6)
                twice[word] |= once[word] & bit
                once[word] |= bit


@nb.njit(cache=True, nogil=True)
def _take_marked(
    own: I32,
    first_occurrence: U8,
    lists: tuple[I32, U32],
    system_lists: tuple[I32, U32],
    marked: tuple[U64, np.uint32],
    out: tuple[U32, I32],
) -> int:
    """Marked phrases and their rows, row by row; `out` has room for one more than all phrases."""
    twice, mask = marked
    found, source = out
    used = 0
    for j in range(len(own)):
        row = own[j]
        if not first_occurrence[row]:
            continue
        # Both lists of a row before the next row: a phrase in both is recognised by the row that had it last.
        for part in range(2):
            begins, phrases = lists if part == 0 else system_lists
            for k in range(begins[row], begins[row + 1]):
                phrase = phrases[k]
                place = phrase & mask
                # Written in any case and kept if marked: a branch could not be predicted, and would cost more.
                found[used], source[used] = phrase, row
                used += int((twice[place >> np.uint32(6)] >> np.uint64(place & np.uint32(63))) & np.uint64(1))
    return used


@nb.njit(cache=True, nogil=True)
def _count_rows(found: U32, source: I32, table: tuple[U32, I32, I32], least: int, slots: I32) -> int:
    """Count the rows of each phrase in an empty table, and note where in it those with at least `least` rows stand.

    Returns:
        Number of those, or -1 once the table is half full.
    """
    keys, counts, lasts = table
    size, filled, recurring = len(counts), 0, 0
    for i in range(len(found)):
        phrase, row = found[i], source[i]
        slot = np.int64((np.uint64(phrase) * MULTIPLY) >> np.uint64(32)) & (size - 1)
        while counts[slot] > 0 and keys[slot] != phrase:
            slot = (slot + 1) & (size - 1)
        if counts[slot] == 0:
            if 2 * filled >= size:
                return -1
            filled += 1
            keys[slot], counts[slot], lasts[slot] = phrase, 1, row
        elif lasts[slot] != row:
            counts[slot] += 1
            lasts[slot] = row
            if counts[slot] == least:
                slots[recurring] = slot
                recurring += 1
    return recurring


@nb.njit(cache=True, nogil=True)
def _count_all(
    found: U32, source: I32, table: tuple[U32, I32, I32], least: int, slots: I32
) -> tuple[int, tuple[U32, I32, I32]]:
    """`_count_rows` in so much of the table as is needed, or in a larger one; gives that as well."""
    keys, counts, lasts = table
    size = 1
    # Twice the phrases is room for all; a large account has few distinct ones among them.
    while size < 2 * len(found) and size < MOST_SLOTS:
        size *= 2
    while True:
        if size > len(keys):
            keys, counts, lasts = np.empty(size, np.uint32), np.empty(size, np.int32), np.empty(size, np.int32)
        counts[:size] = 0
        recurring = _count_rows(found, source, (keys[:size], counts[:size], lasts[:size]), least, slots)
        if recurring >= 0:
            return recurring, (keys, counts, lasts)
        size *= 4


@nb.njit(cache=True, nogil=True)
def recurring_phrases(
    order: I32, offsets: I64, first_occurrence: U8, lists: tuple[I32, U32], system_lists: tuple[I32, U32], least: int
) -> tuple[I32, U32, I32]:
    """Phrases that stand in at least `least` first occurrences of one owner: owner, phrase and number of rows.

    Nearly all phrases of an owner stand in one row. Two bits per phrase show which may recur; only these are counted.

    Args:
        offsets: where each owner's rows begin; one more than owners.
        first_occurrence: 1 for rows that count.
        lists: offsets and values of each row's phrases.
        system_lists: the same of its system prompt; a phrase in both counts once.
        least: rows needed, at least 2.
    """
    begins, phrases = lists
    system_begins, system_phrases = system_lists
    room, used = 1024, 0
    out_owner, out_phrase, out_count = np.empty(room, np.int32), np.empty(room, np.uint32), np.empty(room, np.int32)
    once, twice = np.zeros(1024, np.uint64), np.zeros(1024, np.uint64)
    found, source, slots = np.empty(1 << 12, np.uint32), np.empty(1 << 12, np.int32), np.empty(1 << 12, np.int32)
    table = np.empty(1 << 12, np.uint32), np.empty(1 << 12, np.int32), np.empty(1 << 12, np.int32)
    for i in range(len(offsets) - 1):
        own = order[offsets[i] : offsets[i + 1]]
        rows, total = 0, 0
        for j in range(len(own)):
            if first_occurrence[own[j]]:
                rows += 1
                total += begins[own[j] + 1] - begins[own[j]] + system_begins[own[j] + 1] - system_begins[own[j]]
        if rows < least:
            continue
        words = 1
        while words < total // 4 and words < MOST_WORDS:
            words *= 2
        if words > len(once):
            once, twice = np.zeros(words, np.uint64), np.zeros(words, np.uint64)
        if total >= len(found):
            found, source = np.empty(total + 1, np.uint32), np.empty(total + 1, np.int32)
            slots = np.empty(total // least + 1, np.int32)
        once[:words] = np.uint64(0)
        twice[:words] = np.uint64(0)
        mask = np.uint32(64 * words - 1)
        _mark_twice(own, first_occurrence, begins, phrases, (once, twice), mask)
        _mark_twice(own, first_occurrence, system_begins, system_phrases, (once, twice), mask)
        taken = _take_marked(own, first_occurrence, lists, system_lists, (twice, mask), (found, source))
        recurring, table = _count_all(found[:taken], source[:taken], table, least, slots)
        keys, counts, _ = table
        while used + recurring > room:
            room *= 2
            out_owner, out_count = grown32(out_owner, room), grown32(out_count, room)
            wider = np.empty(room, np.uint32)
            wider[: len(out_phrase)] = out_phrase
            out_phrase = wider
        for j in range(recurring):
            out_owner[used], out_phrase[used], out_count[used] = i, keys[slots[j]], counts[slots[j]]
            used += 1
    return out_owner[:used], out_phrase[:used], out_count[:used]


@nb.njit(cache=True, nogil=True)
def enter_phrases(phrases: U32, filter_bits: U64, slots: I32) -> None:
    """Fill the tables by which `known_phrases` finds the code of a phrase, its position in `phrases`."""
    mask = len(slots) - 1
    shift = np.uint32(26 - int(np.log2(len(filter_bits))))  # its length is a power of two
    for code in range(len(phrases)):
        place = phrases[code] >> shift
        filter_bits[place >> np.uint32(6)] |= np.uint64(1) << np.uint64(place & np.uint32(63))
        slot = np.int64(phrases[code] * np.uint32(0x9E3779B1)) & mask
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = code


@nb.njit(cache=True, nogil=True)
def known_phrases(
    lists: tuple[I32, U32],
    system_lists: tuple[I32, U32],
    table: tuple[U32, U64, I32],
    begins_out: I32,
    out: I32,
) -> int:
    """Codes of the phrases of each row that are in a table, ascending, each once.

    Args:
        lists: offsets and values of each row's phrases.
        system_lists: the same of its system prompt.
        table: phrases by code, the filter and the slots of `enter_phrases`.
        begins_out: receives where each row's codes begin; one more than rows.
        out: receives the codes; the call stops and gives -1 where it is too short.
    """
    begins, phrases = lists
    system_begins, system_phrases = system_lists
    names, filter_bits, slots = table
    mask = len(slots) - 1
    shift = np.uint32(26 - int(np.log2(len(filter_bits))))  # its length is a power of two
    used = 0
    begins_out[0] = 0
    for row in range(len(begins) - 1):
        start = used
        for part in range(2):
            first = begins[row] if part == 0 else system_begins[row]
            last = begins[row + 1] if part == 0 else system_begins[row + 1]
            if used + last - first > len(out):
                return -1
            for k in range(first, last):
                phrase = phrases[k] if part == 0 else system_phrases[k]
                place = phrase >> shift
                if not (filter_bits[place >> np.uint32(6)] >> np.uint64(place & np.uint32(63))) & np.uint64(1):
                    continue
                slot = np.int64(phrase * np.uint32(0x9E3779B1)) & mask
                while slots[slot] >= 0 and names[slots[slot]] != phrase:
                    slot = (slot + 1) & mask
                code = slots[slot]
                if code < 0:
                    continue
                at = used
                while at > start and out[at - 1] > code:
                    at -= 1
                if at > start and out[at - 1] == code:
                    continue
                for move in range(used, at, -1):
                    out[move] = out[move - 1]
                out[at] = code
                used += 1
        begins_out[row + 1] = used
    return used


@nb.njit(cache=True, nogil=True)
def assign_clusters(
    account: I32,
    known: tuple[I32, I32],
    cluster_of: I32,
    recurring: tuple[I64, int],
    least: int,
    cluster: I32,
    matched: I32,
) -> None:
    """Cluster of each row: the one with most of its phrases, the smaller label on ties; -1 where none has enough.

    One phrase is enough in an account with a recurring phrase in that cluster.

    Args:
        known: offsets and codes of each row's known phrases.
        cluster_of: cluster of each code; -1 where none.
        recurring: ascending account * width + cluster of the accounts' recurring phrases, and that width.
        least: phrases that are enough in any account.
        matched: receives the number of its phrases in the row.
    """
    begins, codes = known
    keys, width = recurring
    labels, counts = np.empty(256, np.int32), np.empty(256, np.int32)
    for row in range(len(account)):
        cluster[row], matched[row] = -1, 0
        kinds = 0
        for k in range(begins[row], begins[row + 1]):
            label = cluster_of[codes[k]]
            if label < 0:
                continue
            at = 0
            while at < kinds and labels[at] != label:
                at += 1
            if at == kinds:
                if kinds == len(labels):
                    continue
                labels[at], counts[at] = label, 0
                kinds += 1
            counts[at] += 1
        for at in range(kinds):
            if counts[at] < least:
                key = np.int64(account[row]) * width + labels[at]
                place = np.searchsorted(keys, key)
                if place == len(keys) or keys[place] != key:
                    continue
            if counts[at] > matched[row] or (counts[at] == matched[row] and labels[at] < cluster[row]):
                cluster[row], matched[row] = labels[at], counts[at]
