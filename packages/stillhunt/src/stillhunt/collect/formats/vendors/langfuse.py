"""Langfuse: raw ingestion batches, and its exports of observations, with or without separate traces.

Names are those of POST /api/public/ingestion and of the blob storage export's field reference (langfuse.com/docs,
November 2026); the public API writes the same names in camel case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stillhunt.collect.formats.shared.http import error_code
from stillhunt.collect.formats.shared.traced import account_in, answered_in, asked_in, session_in, tokens_in
from stillhunt.collect.formats.source import PassedOverError, Row, Sample, load_source
from stillhunt.collect.values.json_values import as_json, first, items, mapping, number, text
from stillhunt.collect.values.other_settings import named, other_settings

CALLS = ("GENERATION", "EMBEDDING")  # types of observations that are model calls
NO_MODEL_OBSERVATION = "an observation that is not a model call"
A_TRACE = "a trace, whose user and session go to its observations"
_LITELLM_ID = re.compile(r"time-\d\d-\d\d-\d\d-\d+_(?!None$)(.+)", re.DOTALL)
_HEX_SPAN = re.compile(r"[0-9a-f]{16}")
_HEX_TRACE = re.compile(r"[0-9a-f]{32}")
_EVENTS = re.compile(r"(trace|generation|observation|embedding|span|event|score)-(create|update)|sdk-log")
_CREATED = frozenset(("generation-create", "embedding-create"))
_UPDATED = frozenset(("generation-update", "observation-update"))
_SLIM = (
    *("traceId", "startTime", "model", "modelParameters", "input", "output", "usage", "usageDetails", "metadata"),
    *("userId", "sessionId", "level", "statusMessage"),
)
_TRACE = ("userId", "user_id", "sessionId", "session_id", "metadata", "projectId", "project_id")


@dataclass
class LangfuseRecords:
    """What records say about calls in others: latest values of traces, ids with a first event, and later events.

    `updates` are events of an observation as (time, event id, body).
    """

    traces: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)
    updates: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = field(default_factory=dict)
    _stamps: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def add_trace(self, stamp: tuple[str, str], body: Mapping[str, Any]) -> None:
        """Add what a record says about a trace; the value with the latest stamp (time, event id) counts."""
        name = text(body.get("id"))
        for key in _TRACE:
            value = body.get(key)
            if name and value not in (None, "", {}) and self._stamps.get((name, key), ("", "")) <= stamp:
                self.traces.setdefault(name, {})[key] = value
                self._stamps[name, key] = stamp

    def settled(self) -> LangfuseRecords:
        """These traces after the last record: updates in order of time, stamps dropped."""
        self._stamps = {}
        for later in self.updates.values():
            later.sort(key=lambda entry: entry[:2])
        return self

    def trace_of(self, observation: Mapping[str, Any]) -> Mapping[str, Any]:
        """The trace of an observation; empty if it is not in the log."""
        return self.traces.get(text(first(observation, "traceId", "trace_id")) or "", {})


def _list_ingestion_events(record: Any) -> list[tuple[str, tuple[str, str], Mapping[str, Any]]]:
    """Events of one POST body, or a single event, as (type, (time, id), body)."""
    if not isinstance(record, dict):
        return []
    found = items(record["batch"]) if "batch" in record else [record]
    return [
        (event["type"], (str(event.get("timestamp") or ""), str(event.get("id") or "")), event["body"])
        for event in found
        if isinstance(event.get("type"), str) and isinstance(event.get("body"), dict)
    ]


def _is_creation(kind: str, body: Mapping[str, Any]) -> bool:
    return kind in _CREATED or (kind == "observation-create" and body.get("type") in CALLS)


def _gather_events(records: Iterator[Any]) -> LangfuseRecords:
    found = LangfuseRecords()
    for record in records:
        for kind, stamp, body in _list_ingestion_events(record):
            name = text(body.get("id"))
            if kind == "trace-create":
                found.add_trace(stamp, body)
            elif name and _is_creation(kind, body):
                found.created.add(name)
            elif name and kind in _UPDATED and (kind != "observation-update" or body.get("type") in (None, *CALLS)):
                slim = {key: body[key] for key in _SLIM if body.get(key) is not None}
                found.updates.setdefault(name, []).append((*stamp, slim))
    return found.settled()


def _event_rows(record: Any, known: LangfuseRecords) -> Iterator[Row]:
    calls = 0
    for kind, stamp, body in _list_ingestion_events(record):
        name = text(body.get("id"))
        later = known.updates.get(name or "", [])
        if _is_creation(kind, body):
            merged = dict(body)
        elif kind == "generation-update" and name and name not in known.created and later[0][:2] == stamp:
            merged = {"id": name}  # the event that created it is older than the log
        else:
            continue
        for _time, _id, more in later:
            merged |= more
        calls += 1
        yield _convert_observation(merged, known.trace_of(merged))
    if not calls:
        raise PassedOverError("a batch without model calls")


def _gather_traces(records: Iterator[Any]) -> LangfuseRecords:
    found = LangfuseRecords()
    for record in records:
        if isinstance(record, dict) and _is_trace(record):
            found.add_trace((str(first(record, "updated_at", "updatedAt", "timestamp") or ""), ""), record)
    return found.settled()


def _is_trace(record: Mapping[str, Any]) -> bool:
    return "trace_id" not in record and "traceId" not in record


def _legacy_rows(record: Mapping[str, Any], known: LangfuseRecords) -> Iterator[Row]:
    if _is_trace(record):
        raise PassedOverError(A_TRACE)
    yield from _observation_rows(record, known.trace_of(record))


def _observation_rows(record: Mapping[str, Any], trace: Mapping[str, Any]) -> Iterator[Row]:
    kind = record.get("type")
    if kind is not None and kind not in CALLS:
        raise PassedOverError(NO_MODEL_OBSERVATION)
    yield _convert_observation(record, trace)


def _convert_observation(observation: Mapping[str, Any], trace: Mapping[str, Any]) -> Row:
    settings = mapping(first(observation, "modelParameters", "model_parameters"))
    usage = mapping(first(observation, "usageDetails", "usage_details", "usage"))
    user = text(first(observation, "user_id", "userId")) or text(first(trace, "user_id", "userId"))
    tags = (trace.get("metadata"), observation.get("metadata"))
    account = account_in(*tags) or user
    asked, answered = asked_in(observation.get("input")), answered_in(observation.get("output"))
    identity = text(observation.get("id"))
    row: Row = asked | {
        "request_id": identity,
        "timestamp": first(observation, "startTime", "start_time"),
        "account_id": account,
        "account_fallback": text(
            first(observation, "project_id", "projectId") or first(trace, "project_id", "projectId")
        ),
        "model": text(first(observation, "provided_model_name", "model", "providedModelName")) or asked.get("model"),
        "conversation_id": text(first(observation, "session_id", "sessionId"))
        or text(first(trace, "session_id", "sessionId"))
        or session_in(*tags),
        "end_user_id": text(settings.get("user")) or asked.get("end_user_id") or (user if user != account else None),
        "response": answered.get("response")
        if observation.get("level") != "ERROR"
        else None,  # on errors it is a message
        **tokens_in(usage),
        "status": _infer_observation_status(observation),
        "links": _build_observation_links(identity, text(first(observation, "traceId", "trace_id")))
        + answered.get("links", []),
    }
    for ours, *theirs in (("temperature",), ("top_p", "topP"), ("max_tokens", "max_completion_tokens", "maxTokens")):
        row[ours] = asked.get(ours) if (value := number(first(settings, ours, *theirs))) is None else value
    row["other_settings"] = named(asked.get("other_settings"), other_settings(settings))
    tools = first(observation, "tool_definitions", "toolDefinitions")
    if row.get("tools") is None and tools:
        row["tools"] = as_json(tools)
    return row


def _build_observation_links(identity: str | None, trace: str | None) -> list[str]:
    """Links of a call: the answer's id, which LiteLLM puts into the observation's id, or the id of the span."""
    if identity is None:
        return []
    by_litellm = _LITELLM_ID.fullmatch(identity)
    if by_litellm:
        return [f"response:{by_litellm[1]}"]
    if trace and _HEX_SPAN.fullmatch(identity) and _HEX_TRACE.fullmatch(trace):
        return [f"span:{trace}/{identity}"]
    return []


def _infer_observation_status(observation: Mapping[str, Any]) -> int | None:
    if observation.get("level") == "ERROR":
        return error_code(first(observation, "statusMessage", "status_message"))
    return None if observation.get("output") is None else 200


def _is_ingestion(sample: Sample) -> bool:
    if not sample.holds("batch") and not sample.holds("type", "body"):
        return False
    kinds = [[kind for kind, _stamp, _body in _list_ingestion_events(record)] for record in sample.records]
    return sample.mostly(any(_EVENTS.fullmatch(kind) is not None for kind in observation) for observation in kinds)


def _is_export(sample: Sample) -> bool:
    beside = [r.keys() for r in sample.records if isinstance(r, dict) and not _is_trace(r)]
    return _is_observations(sample) and any("user_id" in names or "userId" in names for names in beside)


def _is_legacy(sample: Sample) -> bool:
    traces = sample.holds("id", "timestamp") and (sample.holds("user_id") or sample.holds("userId"))
    return _is_observations(sample) or (traces and len(sample.names & {"public", "bookmarked", "release", "tags"}) > 1)


def _is_observations(sample: Sample) -> bool:
    return sample.holds("id", "type", "trace_id", "start_time") or sample.holds("id", "type", "traceId", "startTime")


SOURCES = (
    load_source("langfuse-ingestion", _is_ingestion, gather=_gather_events, rows_within=_event_rows),
    load_source("langfuse", _is_export, rows=lambda record: _observation_rows(record, {})),
    load_source("langfuse-legacy", _is_legacy, gather=_gather_traces, rows_within=_legacy_rows),
)
