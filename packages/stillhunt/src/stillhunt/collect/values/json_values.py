"""Values of decoded records, and JSON that the decoder refuses but model servers accept.

JSON, Parquet and CSV give values in different forms. No client can hide a call by sending JSON that only some decoders
read: what servers accept is read.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

_LISTS, _NUMBERS = (list, tuple), (int, float)
_PAIR_LENGTH = 2
_MAX_EXACT_INTEGER = 2**53
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=str)
_PACK = msgspec.msgpack.Encoder().encode
_MAX_CACHED_TEXTS, _MAX_CACHED_BYTES = 512, 1 << 15
_json_texts: dict[bytes, str] = {}
"""MessagePack of a value -> its JSON text; at most 32 MB, since it is emptied when it is full."""


def first(record: Any, *names: str) -> Any:
    """Value of the first of these fields of an object that is neither null nor empty text; else None."""
    if isinstance(record, dict):
        get = record.get
        for name in names:
            value = get(name)
            if value is not None and value != "":
                return value
    return None


def first_of(get: Callable[[str], Any], *names: str) -> Any:
    """As `first`, for a record that is known to be an object; faster."""
    for name in names:
        value = get(name)
        if value is not None and value != "":
            return value
    return None


def at(record: Any, path: str) -> Any:
    """Value at a dotted path; None if the path leads nowhere."""
    for name in path.split("."):
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def items(value: Any) -> list[Mapping[str, Any]]:
    """The objects in a list; empty if the value is not a list."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, _LISTS) else []


def is_list(value: Any) -> bool:
    """Whether a value is a list, as JSON and Parquet give it."""
    return isinstance(value, _LISTS)


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, from an object, its JSON text or the list of pairs that a Parquet map becomes; else an empty one."""
    if not isinstance(value, dict):
        value = decoded(value)
    if isinstance(value, dict):
        return value
    if is_list(value) and all(
        is_list(pair) and len(pair) == _PAIR_LENGTH and isinstance(pair[0], str) for pair in value
    ):
        return dict(value)
    return {}


def text(value: Any) -> str | None:
    """A name or an id as text; None for empty text, and for truth values, lists and objects, which name nothing."""
    if value is None or isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else None


def number(value: Any) -> Any:
    """A number, also from its text; None for anything else, since a client may send what it likes."""
    if value is None or value is True or value is False:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, _NUMBERS) and -_MAX_EXACT_INTEGER < value < _MAX_EXACT_INTEGER else None


def decoded(value: Any) -> Any:
    """The value of a JSON text; any other value, and text that is not JSON, as it is."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        found = decode_json(value)
        return value if found is None else found
    return value


def as_json(value: Any) -> str | None:
    """JSON text of a value: text as it is, None for null and for empty lists and objects."""
    if not value and (value is None or value == [] or value == {}):
        return None
    if isinstance(value, str):
        return value
    try:
        # An application sends the same tools with every call, and packing them is faster than writing JSON.
        packed = _PACK(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _json_text(value)
    if len(packed) > _MAX_CACHED_BYTES:
        return _json_text(value)
    return _json_texts.get(packed) or _add_json_text(packed, value)


def _add_json_text(packed: bytes, value: Any) -> str | None:
    text = _json_text(value)
    if text is not None:
        if len(_json_texts) >= _MAX_CACHED_TEXTS:
            _json_texts.clear()
        _json_texts[packed] = text
    return text


def _json_text(value: Any) -> str | None:
    try:
        return _ENCODER.encode(value)
    except (ValueError, RecursionError):
        return None


MAX_JSON_DEPTH = 64
"""Levels that are read of a JSON value with more than a decoder can handle; real ones have ten."""
MAX_INTEGER_DIGITS = 400
"""Digits that are read of an integer. Derived: from 1e309 on a float is infinite, and Python refuses 4,300 digits."""
_BRACKETS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[{}\[\]]', re.DOTALL)
_NGINX_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\.")
r"""A byte as nginx writes it if its log_format lacks `escape=json`, or any escape of JSON."""


def decode_json(text: str | bytes) -> Any:
    """A JSON value; None if the text is not JSON. Never raises, however deep or long the text is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return tolerant_value(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def tolerant_value(text: str) -> Any:
    """A JSON value as tolerant servers accept it; None if the text is not JSON.

    Control characters, NaN and lone surrogates are accepted, and values deeper than `MAX_JSON_DEPTH` become null:
    nobody may hide a question by adding such things to a call.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text, strict=False, parse_int=bounded_integer)
    except RecursionError:
        pass
    except ValueError:
        return None
    try:
        return json.loads(_truncate_deep_json(text), strict=False, parse_int=bounded_integer)
    except (ValueError, RecursionError):
        return None


def bounded_integer(digits: str) -> int | float:
    """An integer of JSON; infinity if it has more digits than any column holds, since Python may refuse those."""
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else float(digits)


def _truncate_deep_json(text: str) -> str:
    """A JSON text with null in place of everything deeper than `MAX_JSON_DEPTH` brackets."""
    parts, depth, start = [], 0, 0
    for token in _BRACKETS.finditer(text):
        bracket = token[0]
        if bracket in ("{", "["):
            depth += 1
            if depth == MAX_JSON_DEPTH + 1:
                parts.append(text[start : token.start()])
        elif bracket in ("}", "]"):
            if depth == MAX_JSON_DEPTH + 1:
                parts.append("null")
                start = token.end()
            depth -= 1
    parts.append(text[start:] if depth <= MAX_JSON_DEPTH else "null")
    return "".join(parts)


def objects_in(text: str) -> Iterator[str]:
    """Texts of objects in a row, and of what lies between them except commas and blanks; the last may be open."""
    depth = start = 0
    for token in _BRACKETS.finditer(text):
        if token[0] in ("{", "["):
            if depth == 0 and (between := text[start : token.start()].strip(" \t\r\n,\x1e")):
                yield between
            start = token.start() if depth == 0 else start
            depth += 1
        elif token[0] in ("}", "]") and depth > 0:
            depth -= 1
            if depth == 0:
                yield text[start : token.end()]
                start = token.end()
    if rest := text[start:].strip(" \t\r\n,\x1e"):
        yield rest


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are valid UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def tolerant_object(data: bytes) -> dict[str, Any] | None:
    r"""A JSON object as `tolerant_value` reads it, even with broken UTF-8 or nginx's \xHH; else None."""
    value = tolerant_value(data.decode("utf-8", "replace").lstrip("\ufeff"))
    if value is None and b"\\x" in data:
        value = tolerant_value(_NGINX_ESCAPE.sub(_json_escape, data).decode("utf-8", "replace"))
    return value if isinstance(value, dict) else None


def _json_escape(found: re.Match[bytes]) -> bytes:
    if found[1] is None:
        return found[0]
    byte = bytes((int(found[1], 16),))
    return b"\\" + byte if byte in (b'"', b"\\") else b"\\u00" + found[1] if byte < b" " else byte


def strict_json(value: Any) -> str:
    """JSON that any decoder accepts: no NaN, infinity or lone surrogate; a RecursionError if nested too deeply."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(value), parse_constant=lambda _name: None)
        text = json.dumps(finite, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
