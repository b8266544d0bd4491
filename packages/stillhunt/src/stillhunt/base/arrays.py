"""Types of arrays, runs of whole numbers, and constants of 64-bit hashes, that kernels of several rooms share.

numba compiles the constants in and does not look at this file again: never change the value of one (see `compiled.py`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]
U16 = npt.NDArray[np.uint16]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
M1 = np.uint64(0xFF51AFD7ED558CCD)
M2 = np.uint64(0xC4CEB9FE1A85EC53)
"""Multipliers of the finaliser of MurmurHash3 (Appleby 2011)."""
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiplying by it spreads neighbouring numbers (Knuth, TAOCP 3, section 6.4)."""
CODE_RANGE = 1 << 32
"""Two codes of 32 bits are one sorted key: `cluster * CODE_RANGE + account`."""


def order_of_codes(codes: Ints) -> Ints:
    """Positions in the order of codes below 2^31, equal ones as they stand; numbers sort faster than places."""
    return np.sort(codes.astype(np.int64) << 32 | np.arange(len(codes))) & (CODE_RANGE - 1)


def ranges(first: Ints, last: Ints) -> Ints:
    """All whole numbers of some half-open ranges, range after range."""
    lengths = last - first
    before = np.cumsum(lengths) - lengths
    numbers: Ints = np.repeat(first - before, lengths) + np.arange(int(lengths.sum()))
    return numbers
