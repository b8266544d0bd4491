"""Loops of the search for topics, and over the topic words of one partition; plain twins are in tests/oracle."""

import numba as nb
import numpy as np
import numpy.typing as npt

from stillhunt.base.arrays import I32, I64, U8, U16, U64
from stillhunt.link.requests.request_kernels import MULTIPLY, grown32

Ints = npt.NDArray[np.int64]
TOPIC_DIMENSIONS = 64
"""Of the latent space in which topics are sought, as many as topics; a constant, so that loops over it are unrolled."""


@nb.njit(cache=True, nogil=True)
def word_vectors(offsets: Ints, word: Ints, weights: Ints, basis: npt.NDArray[np.int32], sample: Ints) -> Ints:
    """One step of subspace iteration: X'X B over the sampled requests, in integers.

    Args:
        offsets: words of request r stand at offsets[r] : offsets[r + 1].
        word: bucket of each word of each request.
    """
    buckets, dimensions = basis.shape
    out = np.zeros((buckets, dimensions), np.int64)
    total = np.empty(dimensions, np.int64)
    for s in range(len(sample)):
        first, last = offsets[sample[s]], offsets[sample[s] + 1]
        total[:] = 0
        # What the inner loops read is looked up outside of them: the compiler cannot know that they do not write it.
        for i in range(first, last):
            weight, vector = weights[i], basis[word[i]]
            for d in range(dimensions):
                total[d] += weight * np.int64(vector[d])
        for d in range(dimensions):
            total[d] >>= 8
        for i in range(first, last):
            weight, sums = weights[i], out[word[i]]
            for d in range(dimensions):
                sums[d] += weight * total[d]
    return out


@nb.njit(cache=True, nogil=True)
def orthonormal(columns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Modified Gram-Schmidt in one fixed order, so that no thread count changes a bit of it."""
    rows, dimensions = columns.shape
    work = np.ascontiguousarray(columns.T)
    for d in range(dimensions):
        for earlier in range(d):
            dot = 0.0
            for r in range(rows):
                dot += work[d, r] * work[earlier, r]
            for r in range(rows):
                work[d, r] -= dot * work[earlier, r]
        square = 0.0
        for r in range(rows):
            square += work[d, r] * work[d, r]
        length = np.sqrt(square)
        for r in range(rows):
            work[d, r] = work[d, r] / length if length > 0.0 else 0.0
    return np.ascontiguousarray(work.T)


@nb.njit(cache=True, nogil=True)
def request_vectors(offsets: Ints, word: Ints, weights: Ints, basis: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Weighted sum of the basis vectors of each request's words, scaled down to 32 bits."""
    dimensions = basis.shape[1]
    vectors = np.zeros((len(offsets) - 1, dimensions), np.int32)
    total = np.empty(dimensions, np.int64)
    for r in range(len(offsets) - 1):
        total[:] = 0
        for i in range(offsets[r], offsets[r + 1]):
            weight, vector = weights[i], basis[word[i]]
            for d in range(dimensions):
                total[d] += weight * np.int64(vector[d])
        for d in range(dimensions):
            vectors[r, d] = total[d] >> 6
    return vectors


F32 = npt.NDArray[np.float32]


@nb.njit(cache=True, nogil=True)
def recurring_words(rows: I32, edges: I64, begins: I32, words: U16, least: int, share: float) -> tuple[I32, I32]:
    """Words that stand in enough rows of each run of rows: the number of the run, and the word.

    Args:
        edges: where each run begins; one more than runs.
        begins: where each row's words begin; one more than rows.
        least: rows that are enough, and a run's fewest rows.
        share: share of the run's rows that must have the word as well.
    """
    counts = np.zeros(1 << 16, np.int32)
    touched = np.empty(1 << 16, np.int32)
    room, used = 1024, 0
    out_stretch, out_word = np.empty(room, np.int32), np.empty(room, np.int32)
    for run in range(len(edges) - 1):
        size = edges[run + 1] - edges[run]
        if size < least:
            continue
        kinds = 0
        for j in range(edges[run], edges[run + 1]):
            for k in range(begins[rows[j]], begins[rows[j] + 1]):
                word = np.int64(words[k])
                if counts[word] == 0:
                    touched[kinds] = word
                    kinds += 1
                counts[word] += 1
        for at in range(kinds):
            word = touched[at]
            if counts[word] >= least and counts[word] >= share * size:
                if used == room:
                    room *= 2
                    out_stretch = grown32(out_stretch, room)
                    out_word = grown32(out_word, room)
                out_stretch[used], out_word[used] = run, word
                used += 1
            counts[word] = 0
    return out_stretch[:used], out_word[:used]


@nb.njit(cache=True, nogil=True)
def words_on_several_topics(edges: I32 | I64, begins: I32, words: I32, topic: I64, width: int) -> tuple[I32, I32, I32]:
    """Words that stand in rows of several topics of one run of rows: the number of the run, the word, and its rows.

    Args:
        edges: where each run begins; one more than runs.
        begins: where each row's words begin, of which no two are the same; one more than rows.
        width: above every word.

    Returns:
        By run, then by word.
    """
    counts, first, several = np.zeros(width, np.int32), np.empty(width, np.int64), np.empty(width, np.bool_)
    touched = np.empty(width, np.int32)
    room, used = 1024, 0
    out_run, out_word, out_rows = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    for run in range(len(edges) - 1):
        kinds = 0
        for row in range(edges[run], edges[run + 1]):
            for k in range(begins[row], begins[row + 1]):
                word = words[k]
                if counts[word] == 0:
                    touched[kinds] = word
                    kinds += 1
                    first[word], several[word] = topic[row], False
                several[word] |= first[word] != topic[row]
                counts[word] += 1
        kept = 0
        for at in range(kinds):
            word = touched[at]
            if several[word]:
                touched[kept] = word
                kept += 1
            else:
                counts[word] = 0
        while used + kept > room:
            room *= 2
            out_run, out_word, out_rows = grown32(out_run, room), grown32(out_word, room), grown32(out_rows, room)
        for word in np.sort(touched[:kept]):
            out_run[used], out_word[used], out_rows[used] = run, word, counts[word]
            used += 1
            counts[word] = 0
    return out_run[:used], out_word[:used], out_rows[:used]


@nb.njit(cache=True, nogil=True)
def telling_words(
    cluster: I32, begins: I32, words: U16, telling: U8, template_words: I64, kept: U16, begins_out: I32
) -> int:
    """Words of each row that show its topic: neither too common nor too rare, and no template word of its cluster.

    Args:
        cluster: cluster of each row; -1 where none.
        begins: where each row's words begin; one more than rows.
        telling: 1 for each word that shows a topic.
        template_words: ascending cluster * 65,536 + word of the template words of each cluster.
        begins_out: receives where each row's words begin; one more than rows.
    """
    used = 0
    begins_out[0] = 0
    for row in range(len(cluster)):
        first = np.searchsorted(template_words, np.int64(cluster[row]) << 16) if cluster[row] >= 0 else 0
        for k in range(begins[row], begins[row + 1]):
            word = np.int64(words[k])
            if not telling[word]:
                continue
            if cluster[row] >= 0:
                key = np.int64(cluster[row]) << 16 | word
                while first < len(template_words) and template_words[first] < key:
                    first += 1
                if first < len(template_words) and template_words[first] == key:
                    continue
            kept[used] = words[k]
            used += 1
        begins_out[row + 1] = used
    return used


@nb.njit(cache=True, nogil=True)
def word_keys(begins: I32, words: U16, salt: np.uint64, keys: U64) -> None:
    """A number for each row from its own words alone, whatever their order."""
    for row in range(len(keys)):
        total = np.uint64(0)
        for k in range(begins[row], begins[row + 1]):
            mixed = (np.uint64(words[k]) + salt) * MULTIPLY
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            total += mixed
        keys[row] = total ^ (total >> np.uint64(31))


@nb.njit(cache=True, nogil=True)
def unit_vectors(
    first_row: int, lists: tuple[I32, U16], code: I32, weight: I64, basis: I32, least: int, out: F32
) -> None:
    """Direction of each row's words, scaled to length 127 and rounded; zeros where it has too few words.

    Args:
        lists: offsets and values of each row's telling words.
        code: row of each word in `basis`; -1 where it has none.
        weight: integer rarity of each word.
        basis: one vector of `TOPIC_DIMENSIONS` per coded word.
        out: receives one vector per row from first_row on; its length says for how many.
    """
    begins, words = lists
    total = np.empty(TOPIC_DIMENSIONS, np.int32)
    widest = 1
    for row in range(first_row, first_row + len(out)):
        widest = max(widest, begins[row + 1] - begins[row])
    factor, place, whole = np.empty(widest), np.empty(widest + 3, np.int64), np.empty(widest + 3, np.int32)
    for i in range(len(out)):
        for d in range(TOPIC_DIMENSIONS):
            total[d] = 0
        first = np.int64(begins[first_row + i])
        size = np.int64(begins[first_row + i + 1]) - first
        if size >= least:
            # Loops of one step each, and sums of whole numbers, run in vector registers.
            square = np.int64(0)
            for k in range(size):
                rarity = weight[words[first + k]]
                factor[k] = rarity
                square += rarity * rarity
            length = np.sqrt(max(np.float64(square), 1.0))
            for k in range(size):
                factor[k] = np.rint(256 * factor[k] / length)
            used = 0
            for k in range(size):
                place[used], whole[used] = code[words[first + k]], np.int32(factor[k])
                used += place[used] >= 0
            place[used : used + 3], whole[used : used + 3] = 0, 0
            # Four words at a time: each sum that is read back has to wait until it was written.
            for k in range(0, used, 4):
                one, two, three, four = whole[k], whole[k + 1], whole[k + 2], whole[k + 3]
                a, b, c, e = basis[place[k]], basis[place[k + 1]], basis[place[k + 2]], basis[place[k + 3]]
                for d in range(TOPIC_DIMENSIONS):
                    total[d] += (one * a[d] + two * b[d]) + (three * c[d] + four * e[d])
        norm = np.int64(0)
        for d in range(TOPIC_DIMENSIONS):
            total[d] >>= 6
            norm += np.int64(total[d]) * np.int64(total[d])
        length = max(np.sqrt(np.float64(norm)), 1e-9)
        for d in range(TOPIC_DIMENSIONS):
            out[i, d] = np.float32(np.rint(127 * np.float64(total[d]) / length))


@nb.njit(cache=True, nogil=True)
def best_columns(rows: F32, across: F32, out: npt.NDArray[np.int8]) -> None:
    """Column of `across` that has the largest dot product with each row; the first on ties.

    Numbers are whole and at most 127, and dimensions a multiple of four, so sums are exact, and a product and its
    column fit one number. BLAS would start threads of its own in each thread of the pass, which cost a third of it.
    """
    dimensions, columns = across.shape
    products = np.empty(columns, np.float32)
    for row in range(len(out)):
        products[:] = 0.0
        # Four at a time, as in `unit_vectors`.
        for d in range(0, dimensions, 4):
            one, two, three, four = rows[row, d], rows[row, d + 1], rows[row, d + 2], rows[row, d + 3]
            a, b, c, e = across[d], across[d + 1], across[d + 2], across[d + 3]
            for column in range(columns):
                products[column] += (one * a[column] + two * b[column]) + (three * c[column] + four * e[column])
        best = np.int32(-(2**31))
        for column in range(columns):
            key = np.int32(products[column]) * np.int32(columns) + np.int32(columns - 1 - column)
            best = max(best, np.int32(key))
        out[row] = columns - 1 - best % columns


@nb.njit(cache=True, nogil=True)
def count_words(words: U16, counts: I64) -> None:
    """Add one to the count of each word."""
    for k in range(len(words)):
        counts[words[k]] += 1


@nb.njit(cache=True, nogil=True)
def take_words(rows: I64, begins: I32, words: U16, out_begins: I32, out: U16) -> None:
    """Words of some rows."""
    used = 0
    out_begins[0] = 0
    for i in range(len(rows)):
        for k in range(begins[rows[i]], begins[rows[i] + 1]):
            out[used] = words[k]
            used += 1
        out_begins[i + 1] = used
