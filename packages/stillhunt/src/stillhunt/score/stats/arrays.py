"""Names of numpy array types, and runs of whole numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]


def ranges(first: Ints, last: Ints) -> Ints:
    """All whole numbers of some half-open ranges, range after range."""
    lengths = last - first
    before = np.cumsum(lengths) - lengths
    numbers: Ints = np.repeat(first - before, lengths) + np.arange(int(lengths.sum()))
    return numbers
