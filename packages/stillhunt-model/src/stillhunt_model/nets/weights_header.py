"""What a safetensors file holds, read from its header alone."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

from stillhunt import InputError

LARGEST_HEADER = 100_000_000
"""Bytes, as the library of safetensors has it."""


@dataclass(frozen=True)
class WeightsClaim:
    """How much there is in files of weights."""

    tensors: int
    elements: int

    def plus(self, other: WeightsClaim) -> WeightsClaim:
        """Both together."""
        return WeightsClaim(self.tensors + other.tensors, self.elements + other.elements)


def read_safetensors_claim(file: Path) -> WeightsClaim:
    """Tensors and elements of a safetensors file, each of which lies within the file.

    Raises:
        InputError: it is no whole safetensors file.
    """
    size = file.stat().st_size
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > min(LARGEST_HEADER, size - 8):
                raise ValueError
            header = json.loads(opened.read(length))
        header.pop("__metadata__", None)
        elements = 0
        for one in header.values():
            first, last = one["data_offsets"]
            shape = [int(side) for side in one["shape"]]
            if min(shape, default=0) < 0 or not 0 <= first <= last <= size - 8 - length:
                raise ValueError
            # No element takes less than one byte in the kinds that transformers loads.
            elements += min(math.prod(shape), last - first)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, struct.error) as error:
        raise InputError(
            "the weights are damaged, or no safetensors", where=str(file), next_step="copy the file again"
        ) from error
    return WeightsClaim(len(header), elements)
