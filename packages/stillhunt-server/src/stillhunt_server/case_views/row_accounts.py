"""The account of each row of a long table as a number, in a file that has no name and ends with the process."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

_READ_AT_A_TIME = 1 << 20
"""Numbers that are compared at a time: 4 MB at most."""


class RowAccounts:
    """Finds the rows of one account: all numbers are read and compared, ten milliseconds for twenty million rows.

    They are read, not mapped: mapped pages count as memory of the process. May be asked by several threads at once.

    Args:
        accounts: how many there are; numbers up to it are kept.

    Raises:
        OSError: there is no room for temporary files.
    """

    def __init__(self, accounts: int) -> None:
        self._type = np.dtype(np.uint16 if accounts < 1 << 16 else np.uint32)
        self._file = tempfile.TemporaryFile(prefix="stillhunt-rows-", buffering=0)  # noqa: SIM115 - it is kept
        weakref.finalize(self, self._file.close)

    def add(self, numbers: npt.NDArray[np.integer[Any]]) -> None:
        """Append the accounts of further rows.

        Raises:
            OSError: they cannot be written.
        """
        left = memoryview(numbers.astype(self._type).tobytes())
        while left:
            left = left[self._file.write(left) :]

    def find(self, account: int, first: int, end: int) -> npt.NDArray[np.int64]:
        """The rows of an account from `first` to before `end`, in order.

        Raises:
            OSError: they cannot be read.
        """
        found, size = [np.zeros(0, np.int64)], self._type.itemsize
        for start in range(first, end, _READ_AT_A_TIME):
            number = min(_READ_AT_A_TIME, end - start)
            read = np.frombuffer(os.pread(self._file.fileno(), number * size, start * size), self._type)
            found.append(np.flatnonzero(read == account) + start)
        return np.concatenate(found)
