"""Puts the rows of many blocks into order of time without holding them all: each block is cut by period first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.tools import HOUR
from stillhunt_lab.worlds.build import ROWS_PER_FILE, write_part
from stillhunt_lab.worlds.scene import ORIGIN, Scene

_PERIOD = 6 * HOUR
_TRUTH = ("request_id", "account_id", "campaign")


class SortedLog:
    """A log that is built by accounts and written by time.

    Args:
        scene: world; gives the length of the log.
        scratch: folder for the blocks, which exists; it is empty again after `write`.
    """

    def __init__(self, scene: Scene, scratch: Path) -> None:
        self._inner_edges = np.arange(ORIGIN + _PERIOD, scene.end, _PERIOD)
        self._scratch = scratch
        self._blocks: list[Path] = []

    def add(self, requests: pa.Table, truth: pa.Table) -> None:
        """Take the rows of one block.

        Args:
            requests: its part of the log, by time.
            truth: request_id, account_id and campaign of the same rows.
        """
        rows = requests.append_column("campaign", truth["campaign"])
        times = rows["timestamp"].cast(pa.int64()).to_numpy()
        edges = [0, *np.searchsorted(times, self._inner_edges).tolist(), len(times)]
        path = self._scratch / f"block-{len(self._blocks):04d}.parquet"
        with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
            for first, end in pairwise(edges):
                writer.write_table(rows.slice(first, end - first), row_group_size=max(len(times), 1))
        self._blocks.append(path)

    def write(self, folder: Path, advance: Callable[[int], None]) -> int:
        """Write the log and the truth of its requests by time, and remove the blocks.

        Args:
            advance: told of the rows written.

        Returns:
            Rows of the log.
        """
        total = number = 0
        files = [pq.ParquetFile(path) for path in self._blocks]
        schema = pa.schema([(name, pa.string()) for name in _TRUTH])
        with pq.ParquetWriter(folder / "truth" / "requests.parquet", schema, compression="zstd") as truth:
            for period in range(len(self._inner_edges) + 1):
                rows = pa.concat_tables([file.read_row_group(period) for file in files])
                rows = rows.take(pc.sort_indices(rows, [("timestamp", "ascending"), ("request_id", "ascending")]))
                truth.write_table(rows.select(_TRUTH))
                requests = rows.drop_columns("campaign")
                for first in range(0, requests.num_rows, ROWS_PER_FILE):
                    write_part(requests.slice(first, ROWS_PER_FILE), folder, number)
                    number += 1
                total += rows.num_rows
                advance(rows.num_rows)
        for file, path in zip(files, self._blocks, strict=True):
            file.close()
            path.unlink()
        return total
