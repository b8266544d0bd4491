"""Which records of the spool are an account's, and parts of the spool without them.

A record is an account's where one of its values, whole, is the account's id: a log may name an account in any field,
and which one collect takes depends on settings of the hunt. So is a record that shares the id of its call or trace with
such a record: a gateway's log may hold the text of a call, and another one its account. An id of few characters is only
looked for in fields that name somebody, for it may as well be a number.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData, ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

from stillhunt.base.ids import kept_id, stands_for_another
from stillhunt.watch.folder import sync_folder
from stillhunt.watch.spool.ledger import PART_ERASED, PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import FIELD_HEAD, measure_field

ERASED = "[erased account]"


class Mentions:
    """Finds one account's id in texts, as a word of its own.

    `account`: its id; one of few characters is not looked for inside texts, where it may be a number or a word.
    """

    def __init__(self, account: str) -> None:
        self._forms = (account, json.dumps(account)[1:-1]) if len(account) >= SHORTEST_SURE_ID else ()
        either = "|".join(re.escape(form) for form in sorted(set(self._forms), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])" if either else r"(?!)")

    def found_in(self, text: str) -> bool:
        """Whether a text names the account."""
        return any(form in text for form in self._forms) and self._pattern.search(text) is not None

    def removed_from(self, text: str) -> str:
        """The text with a label in place of the account."""
        return self._pattern.sub(ERASED, text) if self.found_in(text) else text


SHORTEST_SURE_ID = 6
"""Characters of an id from which it is looked for in every field. Judgement: a shorter one may be a number."""
SHORTEST_CALL_ID = 12
"""Characters of the id of a call by which records belong together. Judgement: a shorter one may be a counter."""
UNFINISHED = ".erasing"
"""Ending of a part that is being rewritten; one that is found was left by a process that ended early."""
_NAMES_SOMEBODY = re.compile(r"(?i)user|account|customer|tenant|team|key|org|client|owner|subject|uid|namespace")
_NAMES_CALL = re.compile(
    r"(?i)^(?:id|(?:x[-_])?request[-_.]?id|(?:litellm[-_.])?call[-_.]?id|(?:gen_ai\.)?response[-_.]id|trace[-_.]?id"
    r"|generation[-_.]?id|custom[-_.]id)$"
)
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.:@-]+")  # nothing that JSON has to escape
_FEW_IDS = 100  # above it, each looked for in each line takes longer than reading the fields
_SCOPES = {"scopeSpans": "spans", "scopeLogs": "logRecords"}


@dataclass
class SubjectIds:
    """What makes a record an account's."""

    account: str  # its id, as tables write it
    calls: set[str] = field(default_factory=set)  # ids of calls and traces of records that name it
    _sought: tuple[bytes, ...] = ()

    def may_be_in(self, line: bytes) -> bool:
        """Whether a line of JSON may hold one of these ids; False is certain, and needs no look at its fields.

        An id of plain characters stands in the line as it is, unless an escape writes one of them in another way.
        """
        if len(self._sought) <= len(self.calls):
            ids = (self.account, *self.calls)
            self._sought = tuple(one.encode() if _PLAIN_ID.fullmatch(one) else b"" for one in ids)
        return len(self._sought) > _FEW_IDS or b"\\u" in line or any(one in line for one in self._sought)

    def names(self, key: str, value: str) -> bool:
        """Whether a field with this value names the account."""
        text = value.strip()
        same = self.account in (value, text) or (
            stands_for_another(self.account) and self.account in (kept_id(value), kept_id(text))
        )
        if not same:
            return False
        return len(self.account) >= SHORTEST_SURE_ID or _NAMES_SOMEBODY.search(key) is not None

    def is_own(self, fields: Iterable[tuple[str, str]]) -> bool:
        """Whether a record is the account's; if it names the account, remember the id of its call."""
        all_fields = list(fields)
        if any(self.names(key, value) for key, value in all_fields):
            self.calls.update(value for key, value in all_fields if _NAMES_CALL.match(key) and _tells_a_call(value))
            return True
        return any(value in self.calls for _, value in all_fields)


def _tells_a_call(value: str) -> bool:
    return len(value) >= SHORTEST_CALL_ID and value.strip("0") != ""


def split_part(path: Path, ids: SubjectIds) -> Iterator[tuple[bytes, bytes, int]]:
    """Records of a part: (as they are, without what is the account's, how many calls of it were taken out).

    A record of OTLP may hold calls of several accounts: those of others stay in it. Other records stay byte by byte.

    Args:
        ids: whose records; it learns ids of calls.
    """
    if ".pb" in path.name:
        data = path.read_bytes()
        yield from ((entry, *_entry_without(entry, path, ids)) for entry in _iterate_export_entries(data))
        return
    with path.open("rb") as file:
        for line in file:
            yield (line, *_line_without(line, ids))


def _line_without(line: bytes, ids: SubjectIds) -> tuple[bytes, int]:
    if not ids.may_be_in(line):
        return line, 0
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        # no JSON: whether it names the account is told by its bytes
        return (b"", 1) if ids.account.encode() in line and len(ids.account) >= SHORTEST_SURE_ID else (line, 0)
    resources = [name for name in ("resourceSpans", "resourceLogs") if isinstance(record, dict) and record.get(name)]
    if not resources:
        return (b"", 1) if ids.is_own(_iterate_field_texts(record)) else (line, 0)
    taken = 0
    for name in resources:
        kept = [one for one in record[name] if isinstance(one, dict)]
        taken += sum(_remove_own_calls(one, ids) for one in kept)
        record[name] = [one for one in kept if any(one.get(scope) for scope in _SCOPES)]
    if not taken:
        return line, 0
    left = any(record[name] for name in resources)
    return (msgspec.json.encode(record) + b"\n" if left else b""), taken


def _remove_own_calls(resource: dict[str, Any], ids: SubjectIds) -> int:
    """Take the account's calls out of one resource of an export request in JSON."""
    around = list(_iterate_field_texts(resource.get("resource")))
    taken = 0
    for scopes, inner in _SCOPES.items():
        kept_scopes = []
        for scope in resource.get(scopes) or ():
            if not isinstance(scope, dict):
                continue
            calls = scope.get(inner) or []
            kept = [call for call in calls if not ids.is_own([*around, *_iterate_field_texts(call)])]
            taken += len(calls) - len(kept)
            if kept:
                kept_scopes.append({**scope, inner: kept})
        if scopes in resource:
            resource[scopes] = kept_scopes
    return taken


def _iterate_field_texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Texts and whole numbers of a record, each with the name of its field; attributes of OTLP have theirs beside."""
    waiting = [(key, value)]
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, str):
            yield name, one
        elif isinstance(one, int) and not isinstance(one, bool):
            yield name, str(one)
        elif isinstance(one, list):
            waiting += [(name, inner) for inner in one]
        elif isinstance(one, dict):
            attribute = one.get("key") if "value" in one and isinstance(one.get("key"), str) else None
            waiting += [
                (attribute or (name if inner.endswith("Value") else inner), held) for inner, held in one.items()
            ]


def _iterate_export_entries(data: bytes) -> Iterator[bytes]:
    """Entries of an export request, each with its tag and length; what cannot be read is one piece at the end."""
    at = 0
    while at < len(data):
        used, ours = measure_field(data[at : at + FIELD_HEAD])
        if not ours or at + used > len(data):
            yield data[at:]
            return
        yield data[at : at + used]
        at += used


def read_export_entry(path: Path, entry: bytes) -> Any:
    """An entry of a part of OTLP as its message; a DecodeError if it is none."""
    _, head = measure_field(entry[:FIELD_HEAD])
    if not head:
        raise DecodeError("no entry of an export request")
    return (ResourceLogs if "-logs." in path.name else ResourceSpans).FromString(entry[head:])


def _entry_without(entry: bytes, path: Path, ids: SubjectIds) -> tuple[bytes, int]:
    signal = "logs" if "-logs." in path.name else "traces"
    try:
        resource = read_export_entry(path, entry)
    except DecodeError:
        return entry, 0
    around = list(_proto_fields(resource.resource.attributes))
    scopes = resource.scope_spans if signal == "traces" else resource.scope_logs
    taken = 0
    for scope in scopes:
        calls = scope.spans if signal == "traces" else scope.log_records
        own = [ids.is_own([*around, *_call_fields(call, signal)]) for call in calls]
        taken += sum(own)
        for place in reversed([place for place, one in enumerate(own) if one]):
            del calls[place]
    if not taken:
        return entry, 0
    left = any(scope.spans if signal == "traces" else scope.log_records for scope in scopes)
    if not left:
        return b"", taken
    whole = TracesData(resource_spans=[resource]) if signal == "traces" else LogsData(resource_logs=[resource])
    return whole.SerializeToString(), taken


def _call_fields(call: Any, signal: str) -> Iterator[tuple[str, str]]:
    yield "traceId", call.trace_id.hex()
    yield from _proto_fields(call.attributes)
    if signal == "traces":
        for event in call.events:
            yield from _proto_fields(event.attributes)
    else:
        yield from _proto_value("body", call.body)


def _proto_fields(attributes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for attribute in attributes:
        yield from _proto_value(attribute.key, attribute.value)


def _proto_value(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Texts of an attribute's value; a loop, for values may be nested deeply."""
    waiting = [(key, value)]
    while waiting:
        name, one = waiting.pop()
        kind = one.WhichOneof("value")
        if kind == "string_value":
            yield name, one.string_value
        elif kind == "int_value":
            yield name, str(one.int_value)
        elif kind == "array_value":
            waiting += [(name, inner) for inner in one.array_value.values]
        elif kind == "kvlist_value":
            waiting += [(inner.key, inner.value) for inner in one.kvlist_value.values]


def rewrite_part(path: Path, ids: SubjectIds, ledger: SpoolLedger) -> int:
    """Write a part without an account's records beside it, and put it in its place; its name and times stay.

    The ledger says first what the part will hold. A run that ends in between leaves a part that differs from its entry
    until the erasure is run again.

    Returns:
        How many were taken out; the part is as it was where there were none, and gone where nothing was left.

    Raises:
        OSError: it cannot be written; the part is as it was.
    """
    about = path.stat()
    beside = path.with_name(f".{path.name}{UNFINISHED}")
    taken = size = 0
    before, after = hashlib.sha256(), hashlib.sha256()
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            for record, kept, own in split_part(path, ids):
                before.update(record)
                after.update(kept)
                taken += own
                size += file.write(kept)
            file.flush()
            os.fsync(file.fileno())
        if taken:
            changed = PartEntry(ledger.name_of(path), size, sha256=after.hexdigest(), gone="" if size else PART_ERASED)
            ledger.append([_entry_after(ledger, changed, before.hexdigest(), taken)])
        if taken and size:
            os.utime(beside, ns=(about.st_atime_ns, about.st_mtime_ns))
            beside.replace(path)
        elif taken:
            path.unlink()
    finally:
        beside.unlink(missing_ok=True)
    if taken:
        sync_folder(path.parent)
    return taken


def _entry_after(ledger: SpoolLedger, changed: PartEntry, before: str, taken: int) -> PartEntry:
    """The entry of a part that is rewritten: what was acknowledged, without the calls that are taken out.

    Damage stays known: a part that was not what was acknowledged must not become right by being rewritten.
    """
    known = ledger.read().entries.get(changed.part)
    if known is None:
        return changed
    if known.sha256 == changed.sha256:
        return known  # an erasure that ended early entered it
    damage = known.damage
    if known.sha256 and known.sha256 != before:
        damage = damage or "it was not what was acknowledged when an erasure changed it"
    records = None if known.records is None else max(0, known.records - taken)
    return replace(changed, records=records, damage=damage)
