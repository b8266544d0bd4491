"""Fields of LiteLLM's logs that are looked at: the decoder skips all others, which are most of a payload."""

from __future__ import annotations

from typing import Any, TypedDict

from stillhunt.collect.formats.bodies.plain_bodies import Answer, Message, Options
from stillhunt.collect.formats.source import OtherJson


class Client(TypedDict, total=False):
    """`metadata.requester_metadata`: what the client sent beside the call."""

    session_id: Any
    trace_id: Any
    headers: Any


class Told(TypedDict, total=False):
    """`metadata` of a payload."""

    user_api_key_hash: Any
    user_api_key_user_id: Any
    user_api_key_org_id: Any
    user_api_key_end_user_id: Any
    requester_ip_address: Any
    user_agent: Any
    requester_metadata: Client | OtherJson
    requester_custom_headers: Any


class _Payload(TypedDict, total=False):
    id: Any
    litellm_call_id: Any
    trace_id: Any
    session_id: Any
    call_type: Any
    status: Any
    custom_llm_provider: Any
    startTime: Any
    model: Any
    model_group: Any
    metadata: Told | OtherJson
    prompt_tokens: Any
    completion_tokens: Any
    request_tags: Any
    end_user: Any
    requester_ip_address: Any
    user_agent: Any
    error_information: Any


class Payload(_Payload, total=False):
    """StandardLoggingPayload; most of one is prices and names of the proxy's own, which are skipped."""

    messages: Any
    response: Any
    model_parameters: Any


class PlainPayload(_Payload, total=False):
    """The payload of a chat as most are."""

    messages: list[Message]
    response: Answer | None
    model_parameters: Options | None
