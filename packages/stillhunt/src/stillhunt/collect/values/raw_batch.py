"""Rows as a reader hands them on: column by column, with values as the log has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.collect.values.fields import Column


@dataclass(frozen=True)
class RawBatch:
    """Some rows of one input.

    Args:
        columns: column of REQUESTS or ACCOUNTS -> values; columns that the input lacks are absent.
        source: name of the file or table.
        origin_rows: row numbers within the input, int64.
        place: row of the batch -> its place in the input, in words.
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
        """A batch with only these rows, given by their numbers in this batch."""
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
