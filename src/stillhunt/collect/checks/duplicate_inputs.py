"""Whether two edge logs tell the same calls without an id that both have: then every call counts twice.

Times do not match: one log has the moment at which a call came, the other that at which it was answered, in whole
seconds. But a client that makes so many calls on a day makes them in both logs. Two servers that share the load have
the same clients too, though seldom the same number of calls of each. Which clients are compared is drawn by a hash, so
that memory is bounded and the same ones are drawn from each log.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values.kernels import KEYS, hash_rows
from stillhunt.collect.values.strings import text_buffers

KEPT = 16_384
"""Clients and days compared of each log."""
LEAST_CALLS = 100
ALIKE = 0.8
"""Share of the smaller log's calls, by clients who make as many on that day in the other, from which both are one."""
_DAY = 86_400_000_000

_Keys = npt.NDArray[np.uint64]
_Counts = npt.NDArray[np.int64]


class DuplicateInputs:
    """Calls of each client and day in each of some logs."""

    def __init__(self) -> None:
        self._secret = random_words(KEYS)
        self._logs: dict[int, tuple[_Keys, _Counts]] = {}

    def note(self, index: int, table: pa.Table) -> None:
        """Count the calls of one input.

        Args:
            index: of the input.
            table: REQUESTS rows.
        """
        known = table.filter(pc.is_valid(table["client_ip"]))
        if not known.num_rows:
            return
        keys = known["client_ip"].cast(pa.uint64()).to_numpy().copy()
        day = known["timestamp"].cast(pa.int64()).to_numpy() // _DAY
        status = pc.fill_null(known["status"], -1).to_numpy()
        for texts in (known["user_agent"], pa.array([f"{d} {s}" for d, s in zip(day, status, strict=True)])):
            column = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
            column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
            hash_rows(*text_buffers(pc.fill_null(column, "").cast(pa.large_string())), self._secret, keys)
        own, counts = np.unique(keys, return_counts=True)
        earlier = self._logs.get(index)
        if earlier is not None:
            both = np.concatenate([earlier[0], own])
            weights = np.concatenate([earlier[1], counts])
            own, place = np.unique(both, return_inverse=True)
            counts = np.zeros(len(own), np.int64)
            np.add.at(counts, place, weights)
        # Ever smaller keys stay: one that is kept at the end was kept from its first call on, so its count is whole.
        self._logs[index] = own[:KEPT], counts[:KEPT]

    def doubts(self, names: Mapping[int, str]) -> dict[int, str]:
        """What is said of each input that tells what an earlier one told.

        Args:
            names: of the inputs.
        """
        found: dict[int, str] = {}
        for one, other in itertools.combinations(sorted(self._logs), 2):
            share = _alike(self._logs[one], self._logs[other])
            if share >= ALIKE and other not in found:
                found[other] = (
                    f"it seems to tell the calls of {names[one]} again ({100 * share:.0f} % are by clients who make as "
                    "many there on that day), and no id joins them: give one of the two, or they count twice"
                )
        return found


def _alike(one: tuple[_Keys, _Counts], other: tuple[_Keys, _Counts]) -> float:
    """Share of the calls of the smaller log by clients who make as many on that day in the other."""
    last = min(log[0][-1] if len(log[0]) == KEPT else np.iinfo(np.uint64).max for log in (one, other))
    (a, in_a), (b, in_b) = ((keys[keys <= last], counts[keys <= last]) for keys, counts in (one, other))
    smaller = min(int(in_a.sum()), int(in_b.sum()))
    if smaller < LEAST_CALLS:
        return 0.0
    _, of_a, of_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return float(in_a[of_a][in_a[of_a] == in_b[of_b]].sum() / smaller)
