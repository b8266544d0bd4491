"""Who made a call and from where, in the attributes of its span, of the spans around it, and of the process."""

from __future__ import annotations

from typing import Any, NamedTuple

from stillhunt.collect.sources.addresses import client_address
from stillhunt.collect.sources.bodies import number
from stillhunt.collect.sources.nginx import named
from stillhunt.collect.sources.otlp_dialects import value_of
from stillhunt.collect.sources.otlp_wire import Attributes, Entry, pick
from stillhunt.collect.sources.source import Row

_METADATA = ("metadata.", "langfuse.observation.metadata.")


class Place(NamedTuple):
    """What a span says of the calls within it."""

    user: str | None = None
    session: str | None = None
    address: str | None = None
    agent: str | None = None
    edge: str | None = None
    status: Any = None

    def within(self, outer: Place) -> Place:
        """This, completed by the span around it."""
        return Place(*(mine if mine is not None else theirs for mine, theirs in zip(self, outer, strict=True)))


NOWHERE = Place()
_USERS = (
    "user.id",
    "enduser.id",
    "enduser.pseudo.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
)
_SESSIONS = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
)
_FORWARDED = "http.request.header.x-forwarded-for"
_ADDRESSES = ("client.address", "http.client_ip")
_AGENTS = ("user_agent.original", "http.user_agent", "http.request.header.user-agent")
_HEADERS = ("http.request.header.x-request-id", "http.response.header.x-request-id")
_STATUS = ("http.response.status_code", "http.status_code")
_PLACES = frozenset((*_USERS, *_SESSIONS, *_ADDRESSES, _FORWARDED, *_AGENTS, *_HEADERS, *_STATUS))


def place_of(attributes: Attributes) -> Place:
    """What the attributes of one span say of the calls within it."""
    if _PLACES.isdisjoint(attributes):
        return NOWHERE
    return Place(
        _word(pick(attributes, *_USERS)),
        _word(pick(attributes, *_SESSIONS)),
        client_address(attributes.get(_FORWARDED) or pick(attributes, *_ADDRESSES)),
        _word(pick(attributes, *_AGENTS)),
        _word(pick(attributes, *_HEADERS)),
        pick(attributes, *_STATUS),
    )


def _word(value: Any) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]  # headers are lists
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value else None


def call_id_of(attributes: Attributes) -> str | None:
    """LiteLLM's id of the call."""
    return _word(pick(attributes, "litellm.call_id", "langfuse.observation.metadata.litellm_call_id"))


def who(entry: Entry, outer: Place, *, tenants: bool) -> Row:
    """Account, end user, client, session and names of a call.

    Args:
        entry: the span or log record.
        outer: what the spans around it say.
        tenants: whether service.namespace names the account.
    """
    attributes = entry.attributes
    place = place_of(attributes)
    gateway = call_id_of(attributes)
    around = place.within(outer)
    meta = _metadata(attributes)
    headers = _object(meta.get("requester_custom_headers"))
    asked = meta.get("requester_metadata")
    asked = _object(asked) if isinstance(asked, str) and "session_id" in asked else {}
    namespace = _word(entry.resource.get("service.namespace"))
    api_user = _word(pick(attributes, "gen_ai.user", "llm.user"))
    account = _word(pick(meta, "user_api_key_user_id", "user_api_key_hash"))
    if account is None:
        account = namespace if tenants and namespace else (around.user or api_user)
    end_user = _word(pick(meta, "user_api_key_end_user_id")) or api_user
    if end_user is None and around.user != account:
        end_user = around.user
    status = number(place.status if gateway is None else around.status)
    span = f"{entry.trace}/{entry.span}" if entry.trace and entry.span else None
    return {
        "request_id": gateway or span,
        "account_id": account,
        "account_fallback": namespace or around.address or _word(entry.resource.get("service.name")),
        "api_key_id": _word(meta.get("user_api_key_hash")),
        "organization_id": _word(meta.get("user_api_key_org_id")),
        "end_user_id": end_user,
        "conversation_id": around.session
        or _word(asked.get("session_id"))
        or _word(pick(headers, "x-litellm-session-id", "x-session-id")),
        "client_ip": _word(meta.get("requester_ip_address")) or around.address,
        "user_agent": _word(meta.get("user_agent")) or around.agent,
        "status": status if status is not None else number(pick(attributes, "error.code")),
        "links": named(
            span=span,
            call=gateway,
            response=_word(pick(attributes, "gen_ai.response.id", "langfuse.observation.metadata.response_id")),
            edge=_word(headers.get("x-request-id")) or around.edge,
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


def _object(value: Any) -> dict[str, Any]:
    """An object that is written as JSON or as Python does; empty where it is none."""
    found = value_of(value)
    return found if isinstance(found, dict) else {}
