"""Counts, statuses and sampling parameters from whatever type a log gives them.

Clients choose sampling parameters, and servers take more than makes sense: a wrong number is null and costs no row.
"""

import math
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.collect.values.fields import Column
from stillhunt.collect.values.strings import Changes, text_buffers
from stillhunt.collect.values.timestamps import BadValueError

MAX_NUMBER_CHARACTERS = 400
"""Longest number written as text; no float64 needs more characters before the point."""
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NULL_WORDS = frozenset(("", "null", "none", "nan", "\\n"))
_LIMITS = {32: 2**31 - 1, 64: 2**63 - 1}
_DIGITS, _FLOAT_BYTES = (np.isin(np.arange(256), list(some)) for some in (b"0123456789", b"0123456789.-"))


def one_integer(value: Any, largest: int, *, prefix: str = "") -> int | None:
    """One value as a count up to `largest`, perhaps after `prefix`; None for null, a BadValueError for all else."""
    number = _one_number(value, prefix)
    if number is None:
        return None
    if isinstance(number, float):
        if not math.isfinite(number) or not number.is_integer():
            raise BadValueError("not a whole number")
        number = int(number)
    if number < 0:
        raise BadValueError("negative")
    if number > largest:
        raise BadValueError("number is too large")
    return number


def one_float(value: Any) -> float | None:
    """One value as a sampling parameter, None for null and NaN; a BadValueError if negative, infinite or no number."""
    number = _one_number(value, "")
    if number is None:
        return None
    try:
        number = float(number)
    except OverflowError as error:
        raise BadValueError("number is too large") from error
    if not math.isfinite(number):
        raise BadValueError("not a finite number")
    if number < 0:
        raise BadValueError("negative")
    return number


def _one_number(value: Any, prefix: str) -> int | float | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        raise BadValueError("not a number")
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        if value.is_nan():
            return None
        whole = value.is_finite() and value == value.to_integral_value() and value.adjusted() < 40
        return int(value) if whole else float(value)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise BadValueError("not a number")
    text = value.strip()
    if text.lower() in _NULL_WORDS:
        return None
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise BadValueError("not a number")
    if prefix and text[: len(prefix)].upper() == prefix:
        text = text[len(prefix) :]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    raise BadValueError("not a number")


def integers(values: Column, bits: int, *, prefix: str = "") -> tuple[pa.Array, Changes]:
    """A column of counts as int32 or int64 with wrong values as null, and these by reason."""
    target = pa.int32() if bits == 32 else pa.int64()
    fast = _fast_integers(values, target)
    if fast is not None:
        return fast, {}
    return _one_by_one(values, target, lambda value: one_integer(value, _LIMITS[bits], prefix=prefix))


def _one_by_one(values: Column, target: pa.DataType, read: Callable[[Any], Any]) -> tuple[pa.Array, Changes]:
    result: list[Any] = []
    changes: Counter[str] = Counter()
    for value in values if isinstance(values, list) else values.to_pylist():
        try:
            result.append(read(value))
        except BadValueError as error:
            changes[f"{error}, so unknown"] += 1
            result.append(None)
    return pa.array(result, target), changes


def _fast_integers(values: Column, target: pa.DataType) -> pa.Array | None:
    """The converted column if every value is plainly valid; None if values must be checked one by one."""
    values = _plain_numbers(values, _DIGITS)
    if values is None or pa.types.is_null(values.type):
        return None if values is None else values.cast(target)
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    try:
        numbers = values.cast(target)
    except pa.ArrowInvalid:
        return None
    smallest = pc.min(numbers).as_py()
    return numbers if smallest is None or smallest >= 0 else None


def _plain_numbers(values: Column, allowed: npt.NDArray[np.bool_]) -> pa.Array | None:
    """A column of nulls, of numbers, or of short texts of some bytes only; None for any other."""
    if isinstance(values, list):
        return None
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if kind in (pa.string(), pa.large_string()):
        offsets, data = text_buffers(values.cast(pa.large_string()))
        short = (pc.max(pc.binary_length(values)).as_py() or 0) <= MAX_NUMBER_CHARACTERS
        return values if short and bool(allowed[data[offsets[0] : offsets[-1]]].all()) else None
    return values if pa.types.is_null(kind) or pa.types.is_floating(kind) or pa.types.is_integer(kind) else None


def floats(values: Column) -> tuple[pa.Array, Changes]:
    """A column of sampling parameters as float64 with wrong values as null, and these by reason."""
    fast = _fast_floats(values)
    return (fast, {}) if fast is not None else _one_by_one(values, pa.float64(), one_float)


def _fast_floats(values: Column) -> pa.Array | None:
    values = _plain_numbers(values, _FLOAT_BYTES)
    if values is None or pa.types.is_null(values.type):
        return None if values is None else values.cast(pa.float64())
    try:
        numbers = widen(values)
    except pa.ArrowInvalid:
        return None
    bounds = pc.min_max(numbers)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    return None if low is not None and (low < 0 or math.isinf(high)) else numbers


def widen(values: pa.Array) -> pa.Array:
    """Numbers as float64 with NaN as null; a float32 becomes the decimal it was written as (0.7, not 0.699999988)."""
    if pa.types.is_float32(values.type) or pa.types.is_float16(values.type):
        coded = values.dictionary_encode()
        exact = [None if v is None or math.isnan(v) else v for v in coded.dictionary.to_pylist()]
        shortest = [None if v is None else float(str(np.float32(v))) for v in exact]
        return pa.array(shortest, pa.float64()).take(coded.indices)
    numbers = values.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
