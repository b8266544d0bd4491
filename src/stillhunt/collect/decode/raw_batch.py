"""Rows of an input as they were decoded, before their values are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.collect.values.fields import Column


@dataclass(frozen=True)
class RawBatch:
    """Rows of one source as found.

    Args:
        columns: our name -> values; absent columns are not in it.
        rows: number of rows.
        source: name of the file or table.
        origin_file: its index.
        origin_rows: row numbers within it, int64.
        place: row of the batch -> its place in words.
        raw: row of the batch -> its text, for rejects.
    """

    columns: Mapping[str, Column]
    rows: int
    source: str
    origin_file: int
    origin_rows: npt.NDArray[np.int64]
    place: Callable[[int], str]
    raw: Callable[[int], str]

    def take(self, rows: npt.NDArray[np.int64]) -> RawBatch:
        """Some rows of the batch, by their places in it, as a batch that holds no others."""
        chosen = pa.array(rows)
        columns = {
            name: [column[row] for row in rows.tolist()] if isinstance(column, list) else column.take(chosen)
            for name, column in self.columns.items()
        }
        return replace(
            self,
            columns=columns,
            rows=len(rows),
            origin_rows=self.origin_rows[rows],
            place=lambda row: self.place(int(rows[row])),
            raw=lambda row: self.raw(int(rows[row])),
        )
