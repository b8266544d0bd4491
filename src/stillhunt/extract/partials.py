"""Where the segments of each input lie: in a folder of this hunt alone, or in one that outlives it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.extract.store import SegmentWriter, Store


class Partials:
    """Segments of the inputs of one hunt.

    Args:
        config: settings.
    """

    def __init__(self, config: Config) -> None:
        del config
        self._folder = Path(tempfile.mkdtemp(prefix="stillhunt-"))
        self._writers: dict[int, SegmentWriter] = {}

    def add(self, origin_file: int, sketches: pa.Table) -> None:
        """Take sketches of one input, in its order.

        Args:
            origin_file: index of the input.
            sketches: SKETCHES.
        """
        if origin_file not in self._writers:
            self._writers[origin_file] = SegmentWriter(self._place(origin_file))
        self._writers[origin_file].add(sketches)

    def store(self) -> Store:
        """All segments; none may be added after it."""
        for writer in self._writers.values():
            writer.close()
        return Store([(file, self._place(file)) for file in sorted(self._writers)])

    def _place(self, origin_file: int) -> Path:
        return self._folder / f"{origin_file:05d}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
