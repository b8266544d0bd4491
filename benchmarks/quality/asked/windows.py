"""Windows around cue words and their features, as the kernel sees them (`extract/text/asked_kernels.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sparse

from stillhunt.extract.text.asked_kernels import BEFORE, BEHIND, STEP
from stillhunt.extract.text.byte_kernels import P1, P2
from stillhunt.extract.text.row_kernels import BOUNDED
from stillhunt.extract.text.tables import tokenise

Array = np.ndarray[Any, np.dtype[Any]]
AT_ONCE = 20_000


def token_lists(texts: list[str]) -> list[Array]:
    """Token hashes of each text, at most as many as the kernels read."""
    lists: list[Array] = []
    for first in range(0, len(texts), AT_ONCE):
        lists += [t[:BOUNDED].copy() for t in tokenise(texts[first : first + AT_ONCE])]
    return lists


def find_windows(tokens: Array, offsets: Array, cues: Array) -> tuple[Array, Array, Array]:
    """The windows of texts.

    Args:
        tokens: token hashes of all texts, one after another.
        offsets: first token of each text, and the end.
        cues: token hashes of the cue words, ascending.

    Returns:
        Text, first token and end of each window.
    """
    at = np.searchsorted(cues, tokens)
    places = np.flatnonzero(cues[np.minimum(at, len(cues) - 1)] == tokens)
    texts = np.searchsorted(offsets, places, side="right") - 1
    keep = np.zeros(len(places), bool)
    last_text, free = -1, 0
    for k, (place, text) in enumerate(zip(places.tolist(), texts.tolist(), strict=True)):
        if text != last_text or place >= free:
            keep[k] = True
            last_text, free = text, place + STEP
    places, texts = places[keep], texts[keep]
    return texts, np.maximum(places - BEFORE, offsets[texts]), np.minimum(places + BEHIND, offsets[texts + 1])


def feature_keys(tokens: Array) -> tuple[Array, Array]:
    """Keys of the single words, and of each word with its predecessor (0 for the first one)."""
    pairs = np.zeros(len(tokens), np.uint64)
    pairs[1:] = (tokens[:-1] * P2 + tokens[1:]) * P1
    return tokens * P1, pairs


def features_of(tokens: Array, starts: Array, ends: Array, known: Array) -> sparse.csr_matrix:
    """Which known features stand in each window, as ones of a matrix of shape (windows, features).

    Args:
        tokens: token hashes.
        starts: first token of each window.
        ends: its end.
        known: keys of the features, ascending.
    """
    columns = []
    for keys in feature_keys(tokens):
        at = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        columns.append(np.where(known[at] == keys, at, -1))
    lengths = ends - starts
    rows = np.repeat(np.arange(len(starts)), lengths)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(starts, lengths)
    pairs = np.where(places > np.repeat(starts, lengths), columns[1][places], -1)
    row = np.concatenate([rows, rows])
    column = np.concatenate([columns[0][places], pairs])
    keep = column >= 0
    shape = (len(starts), len(known))
    counted = sparse.csr_matrix((np.ones(int(keep.sum()), np.float64), (row[keep], column[keep])), shape=shape)
    counted.sum_duplicates()
    counted.data[:] = 1.0
    return counted
