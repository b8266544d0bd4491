"""What headers of model files say, checked before anything is loaded: safetensors and GGUF."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

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

    Raises InputError: it is no whole safetensors file.
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


MAGIC = b"GGUF"
VERSIONS = (2, 3)
_PLAIN = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _LIST = 8, 9
_MOST_SETTINGS, _MOST_TENSORS, _MOST_SIDES = 10_000, 100_000, 4
_LONGEST_TEXT, _LONGEST_LIST = 1 << 24, 1 << 22
_LEAST_BITS = 1.5
"""Bits of one weight in the smallest kinds of GGUF."""


@dataclass(frozen=True)
class GgufHeader:
    """What a GGUF file says about itself."""

    settings: dict[str, Any]  # single numbers of the metadata, by name
    claim: WeightsClaim


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file.

    Raises InputError: it is no GGUF file, of a version that is not read, damaged, or claims more than it holds.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise InputError("this is no GGUF file", where=str(path), next_step="name a file that llama.cpp reads")
            version, tensors, count = struct.unpack("<IQQ", file.read(20))
            if version not in VERSIONS:
                raise InputError(
                    f"GGUF of version {version} is not read", where=str(path), next_step="convert it to version 3"
                )
            if tensors > _MOST_TENSORS or count > _MOST_SETTINGS:
                raise ValueError
            settings = dict(_read_header_setting(file) for _ in range(count))
            claim = WeightsClaim(tensors, sum(_count_tensor_elements(file) for _ in range(tensors)))
    except (ValueError, struct.error) as error:
        raise InputError("the GGUF file is damaged", where=str(path), next_step="copy the file again") from error
    if claim.elements * _LEAST_BITS / 8 > size:
        raise InputError(
            f"the GGUF file claims {claim.elements:,} weights in {size:,} bytes",
            where=str(path),
            next_step="copy the file again; it is cut off, or made to exhaust memory",
        )
    return GgufHeader({key: value for key, value in settings.items() if isinstance(value, int)}, claim)


def _read_header_setting(file: BinaryIO) -> tuple[str, Any]:
    key = _read_header_text(file)
    return key, _read_setting_value(file, _read_packed_number(file, "I"))


def _read_setting_value(file: BinaryIO, kind: int, depth: int = 0) -> Any:
    if kind in _PLAIN:
        return _read_packed_number(file, _PLAIN[kind])
    if kind == _TEXT:
        return _read_header_text(file)
    if kind != _LIST or depth > 2:
        raise ValueError(kind)
    inner, length = _read_packed_number(file, "I"), _read_packed_number(file, "Q")
    if length > _LONGEST_LIST:
        raise ValueError(length)
    if inner in _PLAIN:
        _read_exact_bytes(file, length * struct.calcsize("<" + _PLAIN[inner]))
    else:
        for _ in range(length):
            _read_setting_value(file, inner, depth + 1)
    return None  # lists are for the tokenizer


def _count_tensor_elements(file: BinaryIO) -> int:
    _read_header_text(file)
    sides = _read_packed_number(file, "I")
    if sides > _MOST_SIDES:
        raise ValueError(sides)
    shape = [_read_packed_number(file, "Q") for _ in range(sides)]
    _read_packed_number(file, "I"), _read_packed_number(file, "Q")  # kind and place
    return math.prod(shape)


def _read_header_text(file: BinaryIO) -> str:
    length = _read_packed_number(file, "Q")
    if length > _LONGEST_TEXT:
        raise ValueError(length)
    return _read_exact_bytes(file, length).decode("utf-8", "replace")


def _read_packed_number(file: BinaryIO, form: str) -> Any:
    return struct.unpack("<" + form, _read_exact_bytes(file, struct.calcsize("<" + form)))[0]


def _read_exact_bytes(file: BinaryIO, length: int) -> bytes:
    read = file.read(length)
    if len(read) != length:
        raise ValueError(length)
    return read
