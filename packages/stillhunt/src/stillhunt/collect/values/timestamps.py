"""Time in any usual notation -> microseconds UTC.

The unit of a number since 1970 is inferred from its size: below 1e11 seconds, below 1e14 milliseconds, below 1e17
microseconds, above nanoseconds. Each range covers 1973 to 5138 at least, so that no date of a log is ambiguous.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.shape import TIMESTAMP
from stillhunt.collect.values.fields import Column

MILLISECONDS_FROM = 10**11
MICROSECONDS_FROM = 10**14
NANOSECONDS_FROM = 10**17
EARLIEST_REQUEST = int(datetime(2015, 1, 1, tzinfo=UTC).timestamp()) * 10**6
"""No language model was served earlier; an earlier time means a wrong unit or an unset clock."""
EARLIEST_ACCOUNT = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,3})?")
_ZONE_WORD = re.compile(r"\s*(?:UTC|GMT|Z|z)$")
_UNIT_TICKS = {"s": (10**6, 1), "ms": (10**3, 1), "us": (1, 1), "ns": (1, 10**3)}
Faults = dict[int, str]
"""Row within the batch -> why it is set aside."""


class BadValueError(ValueError):
    """A value that a column cannot take; its text is the reason shown in rejects."""


@dataclass(frozen=True)
class TimeRange:
    """Times that are accepted, microseconds since 1970."""

    earliest: int
    latest: int

    def complaint(self, micros: int) -> str:
        """Why a time outside the range is refused."""
        if micros >= self.earliest:
            return "time lies in the future"
        return f"time lies before {(_EPOCH + self.earliest * _MICROSECOND).year}"


def time_range(earliest: int, future_days: float) -> TimeRange:
    """Range from a fixed first time to this machine's clock plus some days."""
    now = datetime.now(UTC) - _EPOCH
    return TimeRange(earliest, now // _MICROSECOND + int(future_days * 86_400_000_000))


def one_time(value: Any) -> int | None:
    """Microseconds since 1970 of one Python value, None for null; a BadValueError if it is no time."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        raise BadValueError("not a time")
    if isinstance(value, int):
        return _from_int(value)
    if isinstance(value, float):
        return _from_float(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    if isinstance(value, date):
        return (datetime(value.year, value.month, value.day, tzinfo=UTC) - _EPOCH) // _MICROSECOND
    if isinstance(value, Decimal):
        return _from_text(str(value))
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return _from_text(value)
    raise BadValueError("not a time")


def _from_int(value: int) -> int:
    size = abs(value)
    if size < MILLISECONDS_FROM:
        return value * 10**6
    if size < MICROSECONDS_FROM:
        return value * 10**3
    return value if size < NANOSECONDS_FROM else value // 10**3


def _from_float(value: float) -> int:
    if not math.isfinite(value) or abs(value) > 1e19:
        raise BadValueError("not a time")
    size = abs(value)
    if size < MILLISECONDS_FROM:
        return round(value * 1e6)
    if size < MICROSECONDS_FROM:
        return round(value * 1e3)
    return round(value) if size < NANOSECONDS_FROM else round(value / 1e3)


def _from_text(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if len(text) > 64:
        raise BadValueError("not a time")
    if _NUMBER.fullmatch(text):
        return _from_int(int(text)) if text.lstrip("+-").isdecimal() else _from_float(float(text))
    try:
        moment = datetime.fromisoformat(_ZONE_WORD.sub("+00:00", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError) as error:
        raise BadValueError("not a time (ISO 8601, or seconds to nanoseconds since 1970)") from error


def many_times(values: Column) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]] | None:
    """Microseconds and validity of a column at once; None if values must be read one by one."""
    if isinstance(values, list):
        return None
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    valid = np.asarray(values.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    if pa.types.is_null(kind):
        return np.zeros(len(values), np.int64), valid
    if pa.types.is_timestamp(kind):
        return _convert_ticks(values, kind.unit), valid
    if pa.types.is_date(kind):
        unit = "s" if pa.types.is_date32(kind) else "ms"
        return _convert_ticks(values.cast(pa.timestamp(unit)), unit), valid
    if pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        return _int_micros(_read_integer_values(values.cast(pa.int64()))), valid
    if pa.types.is_floating(kind):
        return _float_micros(values)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text_micros(values, valid)
    return None


def _read_integer_values(values: pa.Array) -> npt.NDArray[np.int64]:
    return np.asarray(pc.fill_null(values, 0).to_numpy(zero_copy_only=False), np.int64)


def _convert_ticks(values: pa.Array, unit: str) -> npt.NDArray[np.int64]:
    ticks = _read_integer_values(values.cast(pa.int64()))
    times, over = _UNIT_TICKS[unit]
    # No date of a log lies beyond these bounds; clipping keeps the product from wrapping around into a valid one.
    bound = np.int64(2**62 // times)
    return np.clip(ticks, -bound, bound) * times // over


def _int_micros(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    size = np.abs(np.maximum(numbers, -(2**62)))
    seconds, millis, micros = size < MILLISECONDS_FROM, size < MICROSECONDS_FROM, size < NANOSECONDS_FROM
    result = np.where(micros, numbers, numbers // 10**3)
    result[millis] = numbers[millis] * 10**3
    result[seconds] = numbers[seconds] * 10**6
    return result


def _float_micros(values: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]] | None:
    floats = np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    valid = ~np.isnan(floats)
    floats = np.where(valid, floats, 0.0)
    size = np.abs(floats)
    if (size > 1e19).any():
        return None
    scaled = np.select(
        [size < MILLISECONDS_FROM, size < MICROSECONDS_FROM, size < NANOSECONDS_FROM],
        [floats * 1e6, floats * 1e3, floats],
        floats / 1e3,
    )
    return np.rint(scaled).astype(np.int64), valid


def _text_micros(
    values: pa.Array, valid: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]] | None:
    # Arrow reads a subset of what `one_time` reads, with the same meaning: all with zones, or all without.
    for target in (pa.timestamp("us", tz="UTC"), pa.timestamp("us")):
        try:
            return _read_integer_values(values.cast(target).cast(pa.int64())), valid
        except pa.ArrowInvalid:
            continue
    return None


def times(values: Column, allowed: TimeRange) -> tuple[pa.Array, Faults]:
    """A column of times as timestamps, and the rows whose value is refused."""
    faults: Faults = {}
    fast = many_times(values)
    if fast is not None:
        micros, valid = fast
        wrong = valid & ((micros < allowed.earliest) | (micros > allowed.latest))
        faults = {int(row): allowed.complaint(int(micros[row])) for row in np.flatnonzero(wrong)}
        return pa.array(micros, pa.int64(), mask=~valid | wrong).cast(TIMESTAMP), faults
    result: list[int | None] = []
    for row, value in enumerate(values if isinstance(values, list) else values.to_pylist()):
        moment = None
        try:
            moment = one_time(value)
            if moment is not None and not allowed.earliest <= moment <= allowed.latest:
                faults[row], moment = allowed.complaint(moment), None
        except BadValueError as error:
            faults[row] = str(error)
        result.append(moment)
    return pa.array(result, pa.int64()).cast(TIMESTAMP), faults
