"""OpenTelemetry: traces and log records of model calls, as the collector's file exporter, an SDK or OTLP/HTTP writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stillhunt.collect.sources.bodies import first, number
from stillhunt.collect.sources.nginx import named
from stillhunt.collect.sources.otlp_dialects import call_of, operation
from stillhunt.collect.sources.otlp_entries import Export, entries
from stillhunt.collect.sources.otlp_traces import (
    NOWHERE,
    Traces,
    call_id_of,
    gather_traces,
    headers_of,
    place_of,
    span_key,
)
from stillhunt.collect.sources.otlp_wire import Attributes, Entry
from stillhunt.collect.sources.source import BrokenRecordError, PassedOverError, Record, Row, Sample, Source

NO_CALL = "no call of a model"
WRAPPER = "a span around a model call"
TOLD_TWICE = "a call that another span tells too"
GIVEN_TWICE = "a span that was given already"
LOG_AMONG_SPANS = "a log record among spans; write it to a file of its own"
LITELLM_EMPTY = (
    "a call of which LiteLLM's default spans say neither account nor model nor text; "
    "set USE_OTEL_LITELLM_REQUEST_SPAN=true"
)
_METADATA = ("metadata.", "langfuse.observation.metadata.")
_RAW_REQUEST = "raw_gen_ai_request"


def _gather(records: Iterator[Record]) -> Traces:
    return gather_traces(entry for record in records for entry in _readable(record))


def _readable(record: Record) -> Iterator[Entry]:
    """Entries up to the first that cannot be read; the reading that makes rows says so."""
    try:
        yield from entries(record)
    except BrokenRecordError:
        return


def _span_rows(record: Record, traces: Traces) -> Iterator[Row | PassedOverError | BrokenRecordError]:
    for entry in entries(record):
        try:
            yield span_row(entry, traces)
        except (PassedOverError, BrokenRecordError) as error:
            yield error


def span_row(entry: Entry, traces: Traces) -> Row:
    """The call that a span is.

    Args:
        entry: the span.
        traces: what was learnt of all.

    Raises:
        PassedOverError: it is none.
        BrokenRecordError: it is one and has no time.
    """
    if entry.log:
        raise PassedOverError(LOG_AMONG_SPANS)
    attributes = entry.attributes
    kind = operation(attributes)
    key = span_key(entry.trace, entry.span) if entry.trace and entry.span else None
    index = traces.index(key) if key is not None else -1
    if key is not None and traces.read_before(key):
        raise PassedOverError(GIVEN_TWICE)
    if kind is None:
        # What LiteLLM sent to the model's maker, for a call that no span around it describes.
        empty = entry.name == _RAW_REQUEST and not traces.within_call(index)
        raise PassedOverError(LITELLM_EMPTY if empty else NO_CALL)
    if index >= 0 and traces.wraps[index]:
        raise PassedOverError(WRAPPER)
    if key in traces.told_twice:
        raise PassedOverError(TOLD_TWICE)
    if not entry.start:
        raise BrokenRecordError("a model call without a start time")
    outer = traces.outer(index) if index >= 0 else NOWHERE
    row = call_of(with_events(entry), kind) | {"timestamp": entry.start}
    return row | _who(entry, outer, tenants=traces.tenants)


def with_events(entry: Entry) -> Attributes:
    """Attributes of a span, with messages that stand in its events."""
    made = entry.attributes
    for name, told in entry.events:
        if name in ("gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.client.inference.operation.details"):
            made = {**told, **made}
    return made


def _who(entry: Entry, outer: Any, *, tenants: bool) -> Row:
    """Account, end user, client, session and names of a call."""
    attributes = entry.attributes
    place = place_of(attributes)
    gateway = call_id_of(attributes)
    around = place.within(outer)
    meta = _metadata(attributes)
    headers = headers_of(meta, "requester_custom_headers")
    asked = headers_of(meta, "requester_metadata")
    namespace = entry.resource.get("service.namespace")
    api_user = first(attributes, "gen_ai.user", "llm.user", "llm.openai.user")
    account = first(meta, "user_api_key_user_id", "user_api_key_hash")
    if account is None:
        account = namespace if tenants and namespace else (around.user or api_user)
    end_user = first(meta, "user_api_key_end_user_id") or api_user
    if end_user is None and around.user != account:
        end_user = around.user
    status = number(place.status if gateway is None else around.status)
    span = f"{entry.trace}/{entry.span}" if entry.trace and entry.span else None
    return {
        "request_id": gateway or span,
        "account_id": account,
        "account_fallback": namespace or around.address or entry.resource.get("service.name"),
        "api_key_id": first(meta, "user_api_key_hash"),
        "organization_id": first(meta, "user_api_key_org_id", "user_api_key_team_id"),
        "end_user_id": end_user,
        "conversation_id": around.session
        or first(asked, "session_id")
        or first(headers, "x-litellm-session-id", "x-session-id"),
        "client_ip": first(meta, "requester_ip_address") or around.address,
        "user_agent": first(meta, "user_agent") or around.agent,
        "status": status if status is not None else number(first(attributes, "error.code")),
        "links": named(
            span=span,
            call=gateway,
            response=first(attributes, "gen_ai.response.id", "langfuse.observation.metadata.response_id"),
            edge=first(headers, "x-request-id") or around.edge,
        ),
        "attributes": {**entry.resource, **attributes},
    }


def _metadata(attributes: Attributes) -> Attributes:
    """What LiteLLM knows of a call, from its own spans or from those of its Langfuse callback."""
    for prefix in _METADATA:
        if f"{prefix}user_api_key_hash" in attributes:
            size = len(prefix)
            return {name[size:]: value for name, value in attributes.items() if name.startswith(prefix)}
    return {}


def _holds(sample: Sample, name: str, *, logs: bool) -> bool:
    if sample.framing == "json":
        return sample.holds(name)
    found = (next(_readable(record), None) for record in sample.records)
    return any(entry is not None and entry.log == logs for entry in found)


_CARRIES = {
    "request_id": "trace id/span id; LiteLLM's call id where there is one (litellm.call_id)",
    "timestamp": "startTimeUnixNano",
    "account_id": "metadata.user_api_key_user_id (LiteLLM); resource service.namespace where it names customers; "
    "user.id, enduser.id on the span or one around it; gen_ai.user",
    "model": "litellm.model_group, gen_ai.request.model, input.value, langfuse.observation.model.name",
    "prompt": "gen_ai.input.messages, gen_ai.prompt.N, llm.input_messages.N, input.value, langfuse.observation.input",
    "system_prompt": "gen_ai.system_instructions, or among the messages",
    "response": "gen_ai.output.messages, gen_ai.completion.N, llm.output_messages.N, langfuse.observation.output",
    "conversation_id": "gen_ai.conversation.id, session.id, also on a span around it",
    "organization_id": "metadata.user_api_key_org_id (LiteLLM)",
    "api_key_id": "metadata.user_api_key_hash (LiteLLM)",
    "end_user_id": "gen_ai.user; user.id where it is not the account",
    "client_ip": "client.address, also on a span around it; metadata.requester_ip_address (LiteLLM)",
    "user_agent": "user_agent.original, also on a span around it; metadata.user_agent (LiteLLM)",
    "input_tokens": "gen_ai.usage.input_tokens, llm.token_count.prompt",
    "output_tokens": "gen_ai.usage.output_tokens, llm.token_count.completion",
    "temperature": "gen_ai.request.temperature, llm.invocation_parameters",
    "top_p": "gen_ai.request.top_p, llm.invocation_parameters",
    "max_tokens": "gen_ai.request.max_tokens, llm.invocation_parameters",
    "tools": "gen_ai.tool.definitions, llm.request.functions.N, llm.tools.N",
    "status": "http.response.status_code",
}
SOURCES = (
    Source(
        "otlp",
        "OpenTelemetry traces (OTLP JSON or protobuf)",
        lambda sample: _holds(sample, "resourceSpans", logs=False),
        _CARRIES,
        rows_within=_span_rows,
        gather=_gather,
        links=("call", "edge", "response", "span"),
        record_type=Export,
        notes=(
            "service.namespace is the account where the log has several of them with few users each; where they are "
            "namespaces of your own services, say --map account_id=user.id.",
            "A call that is told by several spans, one within the other, is the innermost of them.",
            "Content is recorded only where the instrumentation was told so "
            "(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT); where it went into log records, give these too.",
            "LiteLLM's default spans carry account, model and text of about one call in four: set "
            "USE_OTEL_LITELLM_REQUEST_SPAN=true.",
        ),
        switch_on="the collector's file exporter, or the bodies of OTLP/HTTP requests, joined",
        versions=(
            "opentelemetry-instrumentation-openai-v2 2.3b0 and 2.4b0, OpenLLMetry 0.40 and 0.62, OpenInference 0.1.66, "
            "LiteLLM 1.108.7, Langfuse SDK 4"
        ),
        framings=frozenset({"json", "protobuf"}),
    ),
)
