"""Records of the LiteLLM proxy, written after its source; all texts invented."""

from __future__ import annotations

import json
from typing import Any

KEY_HASH = "ab" * 32
DRAWN = "0123456789abcdef0123456789abcdef"
DRAWN_UUID = "01234567-89ab-4def-8123-456789abcdef"
TAGS = ["User-Agent: acme", "User-Agent: acme/1.2", "blue"]


def payload(call: int = 1, **more: Any) -> dict[str, Any]:
    """A StandardLoggingPayload with the fields that matter and some that do not."""
    headers = {"host": "proxy.example", "X-Request-Id": f"edge-{call}", "user-agent": "acme/1.2"}
    return {
        "id": f"chatcmpl-{call}",
        "litellm_call_id": f"call-{call}",
        "trace_id": "chat-7",
        "session_id": "",
        "call_type": "acompletion",
        "stream": None,
        "status": "success",
        "custom_llm_provider": "openai",
        "startTime": 1_795_000_000.25 + call,
        "endTime": 1_795_000_001.5 + call,
        "model": "openai/small-1",
        "model_group": "small",
        "metadata": {
            "user_api_key_hash": KEY_HASH,
            "user_api_key_user_id": "customer-1",
            "user_api_key_org_id": "org-1",
            "requester_metadata": {"trace_id": DRAWN, "headers": headers},
        },
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "request_tags": TAGS,
        "end_user": "reader-1",
        "requester_ip_address": "203.0.113.7",
        "user_agent": "acme/1.2",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "First question"},
            {"role": "assistant", "content": "First answer"},
            {"role": "user", "content": [{"type": "text", "text": f"Question {call}"}]},
        ],
        "response": {"id": f"chatcmpl-{call}", "choices": [{"message": {"role": "assistant", "content": "An answer"}}]},
        "model_parameters": {
            "temperature": 0.5,
            "top_p": 0.9,
            "max_completion_tokens": 64,
            "tools": [{"type": "function", "function": {"name": "find"}}],
        },
        "hidden_params": {"litellm_model_name": "openai/small-1"},
        "error_information": {"error_code": "", "error_class": ""},
        **more,
    }


def spend_row(call: int = 1, **more: Any) -> dict[str, Any]:
    """A row of LiteLLM_SpendLogs as it is with store_prompts_in_spend_logs."""
    body = {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"Question {call}"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 64,
        "tools": [{"type": "function", "function": {"name": "find"}}],
        "litellm_session_id": "chat-7",
        "metadata": {"headers": {"x-request-id": f"edge-{call}", "x-forwarded-for": "203.0.113.7, 10.0.0.1"}},
    }
    answer = {"id": f"chatcmpl-{call}", "choices": [{"message": {"content": "An answer"}}]}
    return {
        "request_id": f"chatcmpl-{call}",
        "call_type": "acompletion",
        "api_key": KEY_HASH,
        "spend": 0.25,
        "prompt_tokens": 12,
        "completion_tokens": 5,
        "startTime": f"2026-11-18 11:06:{40 + call:02d}.25",
        "endTime": f"2026-11-18 11:06:{40 + call:02d}.75",
        "model": "openai/small-1",
        "model_group": "small",
        "custom_llm_provider": "openai",
        "user": "customer-1",
        "metadata": json.dumps({"user_agent": "acme/1.2", "user_api_key_org_id": "org-1"}),
        "request_tags": json.dumps(TAGS),
        "end_user": "reader-1",
        "requester_ip_address": "203.0.113.7",
        "messages": "{}",
        "response": json.dumps(answer),
        "proxy_server_request": json.dumps(body),
        "session_id": "chat-7",
        "status": "success",
        "organization_id": "org-1",
        "litellm_call_id": f"call-{call}",
        **more,
    }
