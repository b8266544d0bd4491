"""Names of a log's fields, and which of them may hold a column of REQUESTS: for advice, never for a silent guess."""

import difflib
import ipaddress
import json
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import pyarrow as pa

MAX_FIELD_DEPTH = 4
"""Levels of nested fields whose names are collected."""
MAX_LEAVES = 400
MAX_SHOWN_COLUMNS = 40
SHOWN_CHARACTERS = 60
NOT_A_NAME = "(not a name)"
_MOST_WORDS = 4
_DECODED_CHARACTERS = 1 << 16
_NAME = re.compile(r"@?[^\W\d][\w.:\- ]*")
_SECRET = re.compile(
    r"(sk|pk|rk|key|ghp|xox.)[-_](?=\S*\d)\S{8,}|(?=[A-Za-z]*\d)[A-Za-z\d]{20,}|[\da-f]{8}-[\da-f]{4}-"
)
_DATA = re.compile(r"\s*([{\[]|[+-]?\d|.*\S@\S)", re.DOTALL)


@cache
def _load_familiar_names(column: str) -> Sequence[str]:
    """Names that other logs use for a column."""
    names: Sequence[str] = tomllib.loads((files(__package__) / "familiar_names.toml").read_text("utf-8")).get(
        column, ()
    )
    return names


_GENERIC = frozenset(("id", "key", "user", "date", "text", "content", "input", "created"))
"""Words that identify a field only as its full name, or if no other field ends with them (`user.id` is no request)."""


def looks_like_name(text: str) -> bool:
    """Whether a text may be shown as the name of a field: it is not content, a key, an address or a time."""
    plain = len(text) <= SHOWN_CHARACTERS and _NAME.fullmatch(text) is not None
    return plain and len(text.split()) <= _MOST_WORDS and _SECRET.search(text) is None and not _is_address(text)


def looks_like_data(header: Sequence[str]) -> bool:
    """Whether the first line of a table holds values instead of column names."""
    if any(_DATA.match(field) or _is_address(field) for field in header):
        return True
    return 2 * sum(map(looks_like_name, header)) < len(header)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return False
    return True


def leaves(record: Mapping[str, Any]) -> Iterator[str]:
    """Dotted names of fields without further named fields in them; JSON text is decoded."""
    yield from _iterate_leaf_paths(record, "", 1)


def _iterate_leaf_paths(record: Mapping[str, Any], above: str, depth: int) -> Iterator[str]:
    for name, value in record.items():
        path = f"{above}{name}"
        if isinstance(value, str) and value.startswith("{") and len(value) <= _DECODED_CHARACTERS:
            value = _decode_json_text(value)
        if isinstance(value, Mapping) and depth < MAX_FIELD_DEPTH:
            yield from _iterate_leaf_paths(value, f"{path}.", depth + 1)
        elif not isinstance(value, Mapping):
            yield path


def _decode_json_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def leading_names(records: Sequence[Any]) -> list[str]:
    """Top-level names of all records, without repeats."""
    return list(dict.fromkeys(name for record in records if isinstance(record, Mapping) for name in record))


def usual_names(records: Sequence[Any]) -> list[str]:
    """Top-level names in at least a quarter of the records, so that one client's own fields do not count."""
    counts = Counter(name for record in records if isinstance(record, Mapping) for name in record)
    return [name for name, count in counts.items() if 4 * count >= len(records)]


def leaves_of_all(records: Iterable[Any]) -> list[str]:
    """Leaves of several records, without repeats, at most `MAX_LEAVES` of them."""
    found: dict[str, None] = {}
    for record in records:
        for path in leaves(record) if isinstance(record, Mapping) else ():
            if len(found) >= MAX_LEAVES:
                return list(found)
            found[path] = None
    return list(found)


def leaves_of_schema(schema: pa.Schema) -> list[str]:
    """Dotted names of the columns of a table and of the fields in its structs."""
    return [path for field in schema for path in _of_field(field, "", 1)]


def _of_field(field: pa.Field, above: str, depth: int) -> Iterator[str]:
    path = f"{above}{field.name}"
    if pa.types.is_struct(field.type) and depth < MAX_FIELD_DEPTH:
        for inner in field.type:
            yield from _of_field(inner, f"{path}.", depth + 1)
    else:
        yield path


def shown_names(names: Sequence[str]) -> str:
    """Names separated by commas; those that may be content are hidden."""
    if not names:
        return "none"
    shown = dict.fromkeys(name if looks_like_name(name) else NOT_A_NAME for name in names[:MAX_SHOWN_COLUMNS])
    more = f" and {len(names) - MAX_SHOWN_COLUMNS} more" if len(names) > MAX_SHOWN_COLUMNS else ""
    return ", ".join(shown) + more


def _simplify_field_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def near_names(name: str, found: Sequence[str], *, known: bool = False) -> list[str]:
    """Up to three of the log's dotted names that may hold a column or a missing path, the likeliest first.

    `known`: only names that other logs use for the column, none that is merely spelt alike.
    """
    full: dict[str, str] = {}
    tails: dict[str, str] = {}
    for path in filter(looks_like_name, found):
        parts = path.split(".")
        full.setdefault(_simplify_field_name(path), path)
        for start in range(max(len(parts) - 2, 1), len(parts)):
            tails.setdefault(_simplify_field_name(".".join(parts[start:])), path)
        if len(parts) > 1:
            tails.setdefault(_simplify_field_name(".".join(parts[-2:])), path)
    aliases = _load_familiar_names(name)
    near = [full[_simplify_field_name(alias)] for alias in aliases if _simplify_field_name(alias) in full]
    near += [
        tails[_simplify_field_name(alias)]
        for alias in (name, *aliases)
        if _simplify_field_name(alias) in tails and alias not in _GENERIC
    ]
    if not near:
        ends = Counter(_simplify_field_name(path.rpartition(".")[2]) for path in found)
        near += [tails[alias] for alias in aliases if alias in _GENERIC and ends[alias] == 1 and alias in tails]
    for names in () if known else (full, tails):
        near += [
            names[match]
            for match in difflib.get_close_matches(_simplify_field_name(name), list(names), n=2, cutoff=0.65)
        ]
    return list(dict.fromkeys(near))[:3]


@dataclass(frozen=True)
class Advice:
    """What is missing, and what to do about it: in words of the library, and with options of the command line."""

    what: str
    next_step: str
    command_step: str


def advise_mapping(
    missing: Sequence[str], found: Sequence[str], given: Collection[str], *, accounts: bool = False
) -> Advice:
    """What to say of missing required columns, with a ready mapping; `given` are optional columns that there are."""
    word = "fields" if any("." in name for name in found) else "columns"
    what = f"required column {', '.join(missing)} is missing; {word} found: {shown_names(found)}"
    mapping, nearest = dict[str, str](), list[str]()
    for name in missing:
        near = near_names(name, found)
        free = [path for path in near if path not in nearest]
        nearest += free
        mapping[name] = free[0] if free else "THEIR_COLUMN"
    hint = f"nearest names: {', '.join(nearest)}; " if nearest else ""
    optional = {} if accounts else _suggest_optional_fields(found, {*given, *nearest})
    steps = []
    for said in (_as_argument, _as_flags):
        more = f"; optional: {said(optional, accounts)}" if optional else ""
        steps.append(f"{hint}name it with {said(mapping, accounts)} (nested fields by dots){more}")
    return Advice(what, *steps)


def _as_argument(mapping: Mapping[str, str], accounts: bool) -> str:
    entries = ", ".join(f"{json.dumps(name)}: {json.dumps(path)}" for name, path in mapping.items())
    return f"{'accounts_mapping' if accounts else 'mapping'}={{{entries}}}"


def _as_flags(mapping: Mapping[str, str], accounts: bool) -> str:
    flag = "--map-accounts" if accounts else "--map"
    return " ".join(f"{flag} {shlex.quote(f'{name}={path}')}" for name, path in mapping.items())


def _suggest_optional_fields(found: Sequence[str], taken: set[str]) -> dict[str, str]:
    """Fields for texts and addresses that a log may have under other names."""
    mapping = dict[str, str]()
    for group in (("messages", "prompt"), ("client_ip",)):
        if taken.isdisjoint(group):
            near = (
                (name, [path for path in near_names(name, found, known=True) if path not in taken]) for name in group
            )
            name, paths = next(((name, paths) for name, paths in near if paths), ("", []))
            if paths:
                mapping[name] = paths[0]
    return mapping
