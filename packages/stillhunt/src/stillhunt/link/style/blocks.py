"""Blocks of accounts with the same recurring words, by spectral co-clustering of accounts and words (Dhillon 2001).

The vectors come from subspace iteration in integers, as those of the topics do, and accounts are assigned by pivoted
orthogonalisation (Damle, Minden and Ying 2019), which needs no start and no chance: for each block it picks the account
that the blocks before explain least.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.topics.topic_kernels import orthonormal, word_vectors

# Blocks of accounts into which recurring words are divided first; in a small log, finer ones tear campaigns apart
_COARSE_BLOCKS = 6
# Fewest and most blocks into which they are divided once more (measured: as above, and one world of 20,000 accounts,
# seed 431, in which 24 and 48 do not find it)
_FINE_BLOCKS = (24, 64)
# Accounts for each of these blocks (a campaign of 60 accounts should be a good part of its block)
_ACCOUNTS_PER_BLOCK = 150
# Rounds of subspace iteration by which the blocks are found (the space hardly turns after that)
_SUBSPACE_ITERATIONS = 10
# means: added to the rarity of an account's recurring words together before accounts are compared, as a multiple of its
# mean over accounts
_DEGREE_SMOOTHING = 2.0


_SCALE = 1 << 16
"""Length of a vector, as an integer."""
_CELL = 1 << 10
"""Scale of a weight, as an integer."""


def blocks(recurring: sp.csr_array, seed: int) -> list[Flags]:
    """Accounts x blocks, coarsely and finely divided; an account without a recurring word is in no block.

    Args:
        recurring: accounts x words, 1 where a word is a recurring word of an account.
        seed: key of the random start.
    """
    used, word = np.unique(recurring.indices, return_inverse=True)
    fine = int(np.clip(recurring.shape[0] // _ACCOUNTS_PER_BLOCK, *_FINE_BLOCKS))
    if len(used) < fine or recurring.shape[0] < fine:
        return [np.zeros((recurring.shape[0], 0), bool)]
    vectors = _account_vectors(recurring, (used, word.astype(np.int64)), fine, seed)
    known, divisions = np.diff(recurring.indptr) > 0, []
    for count in (_COARSE_BLOCKS, fine):
        block = np.abs(_rotated(vectors[:, :count])).argmax(axis=1)
        divisions.append((block[:, None] == np.arange(count)) & known[:, None])
    return divisions


def _account_vectors(recurring: sp.csr_array, words: tuple[Ints, Ints], dimensions: int, seed: int) -> Floats:
    """Orthonormal vectors, one entry an account, that span the strongest common recurring words.

    `words` are the distinct words, and the position among them of each entry.
    """
    used, word = words
    begins, count = recurring.indptr.astype(np.int64), recurring.shape[0]
    account = np.repeat(np.arange(count), np.diff(begins))
    rarity = np.log2(count / np.bincount(word))[word]
    degree = np.bincount(account, weights=rarity, minlength=count)
    degree += _DEGREE_SMOOTHING * degree.mean()
    weight = np.rint(_CELL * np.sqrt(rarity / degree[account])).astype(np.int64)
    generator = np.random.Generator(np.random.PCG64(seed))
    basis = generator.integers(-_SCALE, _SCALE, size=(len(used), dimensions)).astype(np.int32)
    for _ in range(_SUBSPACE_ITERATIONS):
        step = word_vectors(begins, word, weight, basis, np.arange(count))
        basis = np.rint(_SCALE * orthonormal(step.astype(np.float64))).astype(np.int32)
    across = sp.csr_array((weight, word, begins), shape=(count, len(used)))
    return orthonormal((across @ basis.astype(np.int64)).astype(np.float64))


def _rotated(vectors: Floats) -> Floats:
    """The same vectors, turned so that each account's largest entry is that of its block."""
    left, chosen = vectors.copy(), []
    for _ in range(vectors.shape[1]):
        lengths = np.square(left).sum(axis=1)
        chosen.append(int(lengths.argmax()))
        direction = left[chosen[-1]] / np.sqrt(max(float(lengths[chosen[-1]]), 1e-12))
        left -= np.outer((left * direction).sum(axis=1), direction)
    first, _, second = np.linalg.svd(vectors[chosen].T)
    turned: Floats = vectors @ (first @ second)
    return turned
