"""Fields of LiteLLM's payloads that are read; the decoder skips all others, which are most of a payload."""

from __future__ import annotations

from typing import Any, TypedDict

from stillhunt.collect.formats.shared.plain_bodies import Answer, Message, Options
from stillhunt.collect.formats.source import OtherJson


class Client(TypedDict, total=False):
    """`metadata.requester_metadata`: what the client sent with the call."""

    session_id: Any
    trace_id: Any
    headers: Any


class Metadata(TypedDict, total=False):
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
    metadata: Metadata | OtherJson
    prompt_tokens: Any
    completion_tokens: Any
    request_tags: Any
    end_user: Any
    requester_ip_address: Any
    user_agent: Any
    error_information: Any


class Payload(_Payload, total=False):
    """StandardLoggingPayload, without the proxy's own prices and names."""

    messages: Any
    response: Any
    model_parameters: Any


class PlainPayload(_Payload, total=False):
    """The usual payload of a chat, whose bodies fit the types of `plain_bodies`."""

    messages: list[Message]
    response: Answer | None
    model_parameters: Options | None
