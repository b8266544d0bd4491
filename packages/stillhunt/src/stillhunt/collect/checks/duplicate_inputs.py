"""Whether two edge logs record the same calls without a common id, so that every call would count twice.

Their times need not match: one log has the moment at which a call arrived, the other the moment at which it was
answered, in whole seconds. But a client has the same number of calls on a day in both logs. Two servers that share the
load also have the same clients, though seldom the same number of calls of each. A hash chooses the clients that are
compared, so memory is bounded and the same clients are chosen from each log.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.formatting import percent
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values.kernels import KEYS, hash_rows
from stillhunt.collect.values.strings import text_buffers

MAX_CLIENT_DAYS = 16_384
"""Most pairs of client and day that are compared of each log."""
MIN_COMPARED_CALLS = 100
MIN_SHARED_CALLS = 0.8
"""Smallest share of calls by clients with equally many calls that day in both logs, for the logs to be duplicates."""
_DAY = 86_400_000_000

_Keys = npt.NDArray[np.uint64]
_Counts = npt.NDArray[np.int64]


class DuplicateInputs:
    """Calls of each client and day in each of some logs."""

    def __init__(self) -> None:
        self._secret = random_words(KEYS)
        self._logs: dict[int, tuple[_Keys, _Counts]] = {}

    def note(self, index: int, table: pa.Table) -> None:
        """Count the calls of one input."""
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
        # The smallest keys are kept. A key that is kept at the end was kept from its first call on, so all are counted.
        self._logs[index] = own[:MAX_CLIENT_DAYS], counts[:MAX_CLIENT_DAYS]

    def doubts(self, names: Mapping[int, str]) -> dict[int, str]:
        """A sentence for each input that seems to repeat an earlier one."""
        found: dict[int, str] = {}
        for one, other in itertools.combinations(sorted(self._logs), 2):
            share = _alike(self._logs[one], self._logs[other])
            if share >= MIN_SHARED_CALLS and other not in found:
                found[other] = (
                    f"it seems to repeat the calls of {names[one]}: {percent(share)} of the calls are by clients with "
                    "as many calls there on that day; no id joins the two logs, so name only one of them, or each call "
                    "counts twice"
                )
        return found


def _alike(one: tuple[_Keys, _Counts], other: tuple[_Keys, _Counts]) -> float:
    """Share of the smaller log's calls by clients with the same number of calls on that day in the other log."""
    last = min(log[0][-1] if len(log[0]) == MAX_CLIENT_DAYS else np.iinfo(np.uint64).max for log in (one, other))
    (a, in_a), (b, in_b) = ((keys[keys <= last], counts[keys <= last]) for keys, counts in (one, other))
    smaller = min(int(in_a.sum()), int(in_b.sum()))
    if smaller < MIN_COMPARED_CALLS:
        return 0.0
    _, of_a, of_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    return float(in_a[of_a][in_a[of_a] == in_b[of_b]].sum() / smaller)
