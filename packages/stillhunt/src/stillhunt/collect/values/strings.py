"""Ids, short fields and long texts: valid UTF-8 of bounded length; ids without control characters.

Clients choose most of these values, so none of them costs its row: what cannot be kept as it is becomes something else.
"""

import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.ids import kept_id
from stillhunt.collect.values.fields import Column

Changes = dict[str, int]  # what became of values that could not be kept as they were, in words -> number of values
NESTED = "an object or a list, kept as JSON text: map the column to a field in it (THEIRS.FIELD)"
TOO_DEEP = "(nested too deeply)"
_FIRST_PLAIN, _PLAIN_CODES = np.uint8(0x20), 0x5F  # printable ASCII: 0x20 to 0x7e


def as_text(values: Column) -> tuple[pa.Array, int]:
    """A column as large_string, nested values as JSON; and in how many values broken UTF-8 was replaced."""
    if isinstance(values, list):
        return _from_objects(values)
    kind = values.type
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode())
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.large_string()), 0
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return _valid_text(values)
    if kind in (pa.string_view(), pa.binary_view()):
        return _valid_text(values.cast(pa.large_binary()))
    if pa.types.is_integer(kind):
        return values.cast(pa.large_string()), 0
    return _from_objects(values.to_pylist())


def text_buffers(array: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Offsets (length rows + 1) and all data bytes of a large_string array, without copying."""
    _validity, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return np.zeros(len(array) + 1, np.int64), np.zeros(0, np.uint8)
    places = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8)
    return places, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def _valid_text(values: pa.Array) -> tuple[pa.Array, int]:
    binary = pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type)
    if binary:
        values = values.view(pa.large_string() if pa.types.is_large_binary(values.type) else pa.string())
    text = values if pa.types.is_large_string(values.type) else values.cast(pa.large_string())
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        decoded = [
            (None if v is None else v.decode("utf-8", "replace"), v) for v in text.view(pa.large_binary()).to_pylist()
        ]
        broken = sum(1 for clean, raw in decoded if clean is not None and clean.encode() != raw)
        return pa.array([clean for clean, _raw in decoded], pa.large_string()), broken
    return text, 0


def _from_objects(values: list[Any]) -> tuple[pa.Array, int]:
    broken = 0
    texts: list[str | None] = []
    for value in values:
        text = object_text(value)
        if text is not None and not text.isascii():
            clean = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
            broken += clean != text
            text = clean
        texts.append(text)
    return pa.array(texts, pa.large_string()), broken


def object_text(value: Any) -> str | None:
    """One Python value as text; None for null and NaN."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex() if len(value) == 16 else value.decode("utf-8", "replace")  # a UUID as bytes
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 2**63 else repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 4096 else hex(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple | dict):
        return _canonical_json(value)
    return str(value)


_SORTED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=object_text)
_UNSORTED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), skipkeys=True, default=object_text)


def _canonical_json(value: Any) -> str:
    """JSON text of a list or object: keys in order, no blanks, so that equal values have equal texts."""
    for how in (_SORTED, _UNSORTED):  # keys of several kinds have no order
        try:
            return how.encode(value)
        except RecursionError:
            return TOO_DEEP
        except (TypeError, ValueError):
            continue
    return TOO_DEEP


def nested_values(values: Column) -> int:
    """Number of values that are objects or lists, which are no ids."""
    if isinstance(values, list):
        return sum([isinstance(value, list | tuple | dict) for value in values])
    return len(values) - values.null_count if pa.types.is_nested(values.type) else 0


def short_strings(values: Column, limit: int) -> tuple[pa.Array, Changes, int]:
    """Ids and other short fields (`kept_id`), empty ones null; what was cut, and how many had broken UTF-8."""
    text, broken = as_text(values)
    changes: Changes = {}
    offsets, data = text_buffers(text)
    sizes = np.diff(offsets)
    used = data[offsets[0] : offsets[-1]]
    over = int(np.count_nonzero(sizes > limit))
    if over or (used.size and bool(np.any((used - _FIRST_PLAIN) >= _PLAIN_CODES))):
        text = changed(text, lambda value: kept_id(value, limit))
        offsets, _data = text_buffers(text)
        sizes = np.diff(offsets)
    if over:
        changes[f"longer than {limit} bytes, so cut, with a hash of all of it"] = over
    return _empty_to_null(text, sizes).cast(pa.string()), changes, broken


def changed(text: pa.Array, change: Callable[[str], str]) -> pa.Array:
    """Texts after a change, which is applied once to each distinct text; null stays null."""
    coded = text.dictionary_encode()
    changed = pa.array([change(value) for value in coded.dictionary.to_pylist()], pa.large_string())
    return changed.take(coded.indices)


def _empty_to_null(text: pa.Array, sizes: npt.NDArray[np.int64]) -> pa.Array:
    # A null may have bytes beneath it (valid Arrow, and what Polars writes): it stays null.
    null = text.is_null().to_numpy(zero_copy_only=False)
    empty = (sizes == 0) | null
    if int(empty.sum()) == text.null_count:
        return text
    values = text.buffers()
    validity = pa.array(~empty, pa.bool_()).buffers()[1]
    offsets, _data = text_buffers(text)
    return pa.Array.from_buffers(pa.large_string(), len(text), [validity, pa.py_buffer(offsets), values[2]])


def texts(values: Column) -> tuple[pa.Array, int]:
    """A long-text column as large_string, empty values as null; count of values with replaced UTF-8."""
    text, broken = as_text(values)
    offsets, _data = text_buffers(text)
    return _empty_to_null(text, np.diff(offsets)), broken


def bounded_texts(text: pa.Array, limit: int, seed: int) -> pa.Array:
    """Long texts, sampled at the beginning, the end and a keyed place between them, so that padding hides nothing.

    `limit`: bytes kept of one text. `seed`: for the place in the middle, which also depends on the text.
    """
    offsets, data = text_buffers(text)
    sizes = np.diff(offsets)
    if not sizes.size or int(sizes.max()) <= limit:
        return text
    values = text.to_pylist() if len(text) < 64 else None
    kept: list[str | None] = []
    for row in range(len(text)):
        if sizes[row] > limit:
            kept.append(sample_text(data[offsets[row] : offsets[row + 1]].tobytes(), limit, seed))
        else:
            kept.append(values[row] if values is not None else text[row].as_py())
    return pa.array(kept, pa.large_string())


def sample_text(data: bytes, limit: int, seed: int) -> str:
    """Beginning, middle and end of a UTF-8 text longer than `limit` bytes, a third of the limit each."""
    share = (limit - 2) // 3
    digest = hashlib.blake2b(data[:share], digest_size=8, key=seed.to_bytes(16, "little")).digest()
    room = len(data) - 3 * share
    start = share + int.from_bytes(digest, "little") % (room + 1)
    parts = (
        _whole_characters(data, 0, share),
        _whole_characters(data, start, start + share),
        _whole_characters(data, len(data) - share, len(data)),
    )
    return "\n".join(parts)


def _whole_characters(data: bytes, start: int, end: int) -> str:
    while start < end and (data[start] & 0xC0) == 0x80:
        start += 1
    while end < len(data) and end > start and (data[end] & 0xC0) == 0x80:
        end -= 1
    return data[start:end].decode("utf-8", "replace")
