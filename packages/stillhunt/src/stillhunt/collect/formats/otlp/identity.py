"""Who made a call and from where, from the attributes of its span, of the spans around it and of the process."""

from __future__ import annotations

from collections import ChainMap
from functools import lru_cache
from typing import Any, NamedTuple

from stillhunt.collect.formats.otlp.attributes import Attributes, Entry, value_of
from stillhunt.collect.formats.otlp.dialects import LITELLM_KEY, status_of
from stillhunt.collect.formats.shared.http import client_address
from stillhunt.collect.formats.source import Row, call_links
from stillhunt.collect.values.json_values import first, number

_MAX_CACHED, _MAX_CACHED_CHARACTERS = 1 << 14, 256


class _Metadata(NamedTuple):
    """Attribute names under which LiteLLM writes what it knows of a call."""

    user: str
    key: str
    end_user: str
    organization: str
    address: str
    agent: str
    headers: str
    sent: str


def _names_with(prefix: str) -> _Metadata:
    of_key = ("user_api_key_user_id", "user_api_key_hash", "user_api_key_end_user_id", "user_api_key_org_id")
    of_call = ("requester_ip_address", "user_agent", "requester_custom_headers", "requester_metadata")
    return _Metadata(*(prefix + name for name in (*of_key, *of_call)))


_METADATA = (
    _names_with("metadata."),
    _names_with("langfuse.observation.metadata."),
    _names_with("litellm.metadata.")._replace(key=LITELLM_KEY),
)
"""In LiteLLM's own spans, in those of its Langfuse callback, and in its own with LITELLM_OTEL_V2."""


class Place(NamedTuple):
    """What a span says about the calls within it."""

    user: str | None = None
    session: str | None = None
    address: str | None = None
    agent: str | None = None
    edge: str | None = None
    status: Any = None

    def within(self, outer: Place) -> Place:
        """This place, completed by that of the span around it."""
        if outer is NOWHERE:
            return self
        if self is NOWHERE:
            return outer
        return Place(*[theirs if mine is None else mine for mine, theirs in zip(self, outer, strict=True)])


NOWHERE = Place()
_USERS = (
    *("user.id", "enduser.id", "enduser.pseudo.id", "langfuse.user.id"),
    *("traceloop.association.properties.user_id", "ai.telemetry.metadata.userId"),
)
_SESSIONS = (
    *("gen_ai.conversation.id", "session.id", "langfuse.session.id"),
    *("traceloop.association.properties.session_id", "ai.telemetry.metadata.sessionId"),
)
_FORWARDED = "http.request.header.x-forwarded-for"
_ADDRESSES = ("client.address", "http.client_ip")
_AGENTS = ("user_agent.original", "http.user_agent", "http.request.header.user-agent")
_HEADERS = ("http.request.header.x-request-id", "http.response.header.x-request-id")
_STATUS = ("http.response.status_code", "http.status_code")
PLACES = frozenset((*_USERS, *_SESSIONS, *_ADDRESSES, _FORWARDED, *_AGENTS, *_HEADERS, *_STATUS))
CALL_IDS = ("litellm.call_id", "langfuse.observation.metadata.litellm_call_id")


def place_of(attributes: Attributes) -> Place:
    """What the attributes of a span say about the calls within it."""
    if PLACES.isdisjoint(attributes):
        return NOWHERE
    forwarded = attributes.get(_FORWARDED) or first(attributes, *_ADDRESSES)
    return Place(
        _get_first_word(first(attributes, *_USERS)),
        _get_first_word(first(attributes, *_SESSIONS)),
        None if forwarded is None else _find_client_address(forwarded),
        _get_first_word(first(attributes, *_AGENTS)),
        _get_first_word(first(attributes, *_HEADERS)),
        first(attributes, *_STATUS),
    )


_cached_address = lru_cache(_MAX_CACHED)(client_address)


def _find_client_address(forwarded: Any) -> str | None:
    """The client's address; cached, because the same clients call again and again."""
    if isinstance(forwarded, list) and len(forwarded) == 1 and isinstance(forwarded[0], str):
        forwarded = forwarded[0]  # headers are lists
    if isinstance(forwarded, str) and len(forwarded) <= _MAX_CACHED_CHARACTERS:
        return _cached_address(forwarded)
    return client_address(forwarded)


def _get_first_word(value: Any) -> str | None:
    if value is None or value.__class__ is str:
        return value or None
    if isinstance(value, list) and value:
        value = value[0]  # headers are lists
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value else None


def call_id_of(attributes: Attributes) -> str | None:
    """LiteLLM's id of the call."""
    return _get_first_word(first(attributes, *CALL_IDS))


def identity(entry: Entry, outer: Place, *, tenants: bool) -> Row:
    """Account, end user, client, session, status and links of a call; `tenants`: service.namespace is the account."""
    attributes, resource = entry.attributes, entry.resource
    place = place_of(attributes)
    gateway = call_id_of(attributes)
    around = place.within(outer)
    namespace = _get_first_word(resource.get("service.namespace"))
    api_user = _get_first_word(first(attributes, "gen_ai.user", "llm.user"))
    row = _litellm_columns(attributes)
    account, end_user = row.get("account_id"), row.get("end_user_id") or api_user
    if account is None:
        account = namespace if tenants and namespace else (around.user or api_user)
    if end_user is None and around.user != account:
        end_user = around.user
    status = place.status if gateway is None else around.status
    status = None if status is None else number(status)
    if status is None:
        status = status_of(attributes, entry.failure)
    span = f"{entry.trace.hex()}/{entry.span.hex()}" if entry.trace and entry.span else None
    edge = row.pop("edge", None) or around.edge
    answer = _get_first_word(first(attributes, "gen_ai.response.id", "langfuse.observation.metadata.response_id"))
    row["request_id"] = gateway or span
    row["account_id"] = account
    row["account_fallback"] = namespace or around.address or _get_first_word(resource.get("service.name"))
    row["end_user_id"] = end_user
    row["conversation_id"] = around.session or row.get("conversation_id")
    row["client_ip"] = row.get("client_ip") or around.address
    row["user_agent"] = row.get("user_agent") or around.agent
    row["status"] = status
    row["links"] = call_links(span=span, call=gateway, response=answer, edge=edge)
    row["attributes"] = ChainMap(attributes, resource)
    return row


def _litellm_columns(attributes: Attributes) -> Row:
    """What LiteLLM knows of a call and its key, and as `edge` the id that a proxy in front of it gave."""
    for names in _METADATA:
        if names.key in attributes:
            break
    else:
        return {}
    get = attributes.get
    headers = _parse_object_text(get(names.headers))
    sent = get(names.sent)
    sent = _parse_object_text(sent) if isinstance(sent, str) and "session_id" in sent else {}
    return {
        "account_id": _get_first_word(first(attributes, names.user, names.key)),
        "api_key_id": _get_first_word(get(names.key)),
        "organization_id": _get_first_word(get(names.organization)),
        "end_user_id": _get_first_word(first(attributes, names.end_user)),
        "conversation_id": _get_first_word(sent.get("session_id"))
        or _get_first_word(first(headers, "x-litellm-session-id", "x-session-id")),
        "client_ip": _get_first_word(get(names.address)),
        "user_agent": _get_first_word(get(names.agent)),
        "edge": _get_first_word(headers.get("x-request-id")),
    }


def _parse_object_text(value: Any) -> dict[str, Any]:
    """An object written as JSON or as Python's `repr`; empty if the value is not one."""
    found = value_of(value)
    return found if isinstance(found, dict) else {}
