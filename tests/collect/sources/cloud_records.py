"""Records of services that have no capture, written after their documentation of November 2026; all texts invented."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

CHAT = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "How tall is a lighthouse?"},
    ],
    "temperature": 0.2,
    "top_p": 0.9,
    "max_tokens": 300,
    "tools": [{"type": "function", "function": {"name": "look_up", "parameters": {}}}],
    "user": "reader-7",
}
ANSWER = {
    "id": "chatcmpl-abc",
    "created": 1795000000,
    "choices": [{"message": {"role": "assistant", "content": "Often some thirty metres."}}],
    "usage": {"prompt_tokens": 21, "completion_tokens": 6},
}
CONVERSE = {
    "messages": [{"role": "user", "content": [{"text": "How tall is a lighthouse?"}]}],
    "system": [{"text": "You answer in one sentence."}],
    "inferenceConfig": {"maxTokens": 300, "temperature": 0.2, "topP": 0.9},
    "toolConfig": {"tools": [{"toolSpec": {"name": "look_up"}}]},
}
GEMINI = {
    "contents": [{"role": "user", "parts": [{"text": "How tall is a lighthouse?"}]}],
    "systemInstruction": {"parts": [{"text": "You answer in one sentence."}]},
    "generationConfig": {"temperature": 0.2, "topP": 0.9, "maxOutputTokens": 300},
    "tools": [{"functionDeclarations": [{"name": "look_up"}]}],
    "labels": {"tenant": "acct-1", "user": "reader-7", "session_id": "s-1"},
}
TRACE = "0af7651916cd43dd8448eb211c80319c"
LANGFUSE_INGESTION = [
    {
        "batch": [
            {
                "id": "e-1",
                "type": "trace-create",
                "timestamp": "2026-11-02T10:00:00.100Z",
                "body": {"id": "t-1", "userId": "reader-7", "sessionId": "s-1", "metadata": {"account": "acct-1"}},
            },
            {
                "id": "e-2",
                "type": "generation-create",
                "timestamp": "2026-11-02T10:00:00.200Z",
                "body": {
                    "id": "g-1",
                    "traceId": "t-1",
                    "startTime": "2026-11-02T10:00:00.000Z",
                    "model": "gpt-4o-mini",
                    "modelParameters": {"temperature": "0.2", "top_p": "0.9", "max_tokens": 300, "user": "reader-7"},
                    "input": {"messages": CHAT["messages"], "tools": CHAT["tools"]},
                },
            },
            {"id": "e-3", "type": "span-create", "timestamp": "2026-11-02T10:00:00.2Z", "body": {"id": "sp-1"}},
        ],
        "metadata": {"sdk_name": "python"},
    },
    {
        "batch": [
            {
                "id": "e-4",
                "type": "generation-update",
                "timestamp": "2026-11-02T10:00:01.000Z",
                "body": {
                    "id": "g-1",
                    "output": {"role": "assistant", "content": "Often some thirty metres."},
                    "usage": {"input": 21, "output": 6, "unit": "TOKENS"},
                },
            }
        ]
    },
]
OBSERVATION = {
    "id": "b7ad6b7169203331",
    "trace_id": TRACE,
    "project_id": "p-1",
    "type": "GENERATION",
    "start_time": "2026-11-02 10:00:00.000000",
    "end_time": "2026-11-02 10:00:01.000000",
    "metadata": {"account": "acct-1"},
    "input": json.dumps({"messages": CHAT["messages"], "tools": CHAT["tools"]}),
    "output": json.dumps({"role": "assistant", "content": "Often some thirty metres."}),
    "provided_model_name": "gpt-4o-mini",
    "model_parameters": json.dumps({"temperature": 0.2, "top_p": 0.9, "max_tokens": 300, "user": "reader-7"}),
    "usage_details": {"input": 21, "output": 6, "total": 27},
}
HELICONE = {
    "request_id": "8d0a1b5e-0000-4000-8000-000000000001",
    "response_id": "8d0a1b5e-0000-4000-8000-000000000002",
    "request_created_at": "2026-11-02 10:00:00.000",
    "status": 200,
    "prompt_tokens": 21,
    "completion_tokens": 6,
    "model": "gpt-4o-mini-2024-07-18",
    "user_id": "acct-1",
    "organization_id": "0f0f0f0f-0000-4000-8000-000000000000",
    "proxy_key_id": "key-1",
    "country_code": "NO",
    "properties": {"Helicone-Session-Id": "s-1"},
    "request_body": json.dumps(CHAT),
    "response_body": json.dumps(ANSWER),
}
BEDROCK = {
    "schemaType": "ModelInvocationLog",
    "schemaVersion": "1.0",
    "timestamp": "2026-11-02T10:00:00Z",
    "accountId": "123456789012",
    "identity": {"arn": "arn:aws:sts::123456789012:assumed-role/app/botocore-session-1795000000"},
    "region": "us-east-1",
    "requestId": "r-1",
    "operation": "Converse",
    "modelId": "anthropic.claude-3-haiku-20240307-v1:0",
    "errorCode": "ThrottlingException",
    "requestMetadata": {"tenant": "acct-1", "user_id": "reader-7", "session_id": "s-1"},
    "input": {"inputContentType": "application/json", "inputBodyJson": CONVERSE, "inputTokenCount": 21},
    "output": {
        "outputContentType": "application/json",
        "outputBodyJson": {
            "output": {"message": {"role": "assistant", "content": [{"text": "Often some thirty metres."}]}},
            "usage": {"inputTokens": 21, "outputTokens": 6},
        },
        "outputTokenCount": 6,
    },
}
_MESSAGES = json.dumps(CHAT["messages"])
AZURE_LLM = [
    {
        "TimeGenerated": "2026-11-02T10:00:00.5Z",
        "CorrelationId": "c-1",
        "SequenceNumber": 0,
        "DeploymentName": "mini",
        "ModelName": "gpt-4o-mini",
        "PromptTokens": 21,
        "CompletionTokens": 6,
        "TenantId": "workspace",
    },
    {
        "TimeGenerated": "2026-11-02T10:00:00.5Z",
        "CorrelationId": "c-1",
        "SequenceNumber": 2,
        "RequestMessages": _MESSAGES[40:],
    },
    {
        "TimeGenerated": "2026-11-02T10:00:00.5Z",
        "CorrelationId": "c-1",
        "SequenceNumber": 1,
        "RequestMessages": _MESSAGES[:40],
    },
    {
        "TimeGenerated": "2026-11-02T10:00:00.5Z",
        "CorrelationId": "c-1",
        "SequenceNumber": 3,
        "ResponseMessages": json.dumps([{"role": "assistant", "content": "Often some thirty metres."}]),
    },
]
AZURE_GATEWAY = {
    "records": [
        {
            "time": "2026-11-02T10:00:00.0Z",
            "category": "GatewayLogs",
            "correlationId": "c-1",
            "callerIpAddress": "192.0.2.7",
            "properties": {
                "apimSubscriptionId": "acct-1",
                "userId": "reader-7",
                "backendResponseCode": 200,
                "responseCode": 200,
                "backendRequestHeaders": {"User-Agent": "OpenAI/Python 1.109.1"},
            },
        }
    ]
}
VERTEX = {
    "endpoint": "projects/p-1/locations/us-central1/publishers/google/models/gemini-2.5-flash",
    "logging_time": "2026-11-02 10:00:00.000000 UTC",
    "request_id": "7315802184490319872",
    "model": "gemini-2.5-flash",
    "api_method": "generateContent",
    "full_request": json.dumps(GEMINI),
    "full_response": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Often some thirty metres."}]}}],
        "usageMetadata": {"promptTokenCount": 21, "candidatesTokenCount": 6},
    },
}
KONG = {
    "client_ip": "192.0.2.7",
    "started_at": 1793613600000,
    "consumer": {"id": "5b1f", "username": "acct-1"},
    "authenticated_entity": {"id": "cred-1"},
    "request": {
        "id": "9ec9264a",
        "method": "POST",
        "uri": "/v1/chat/completions",
        "headers": {"user-agent": "OpenAI/Python 1.109.1", "x-session-id": "s-1"},
    },
    "response": {"status": 200},
    "latencies": {"request": 900},
    "ai": {
        "proxy": {
            "payload": {"request": json.dumps(CHAT), "response": json.dumps(ANSWER)},
            "usage": {"prompt_tokens": 21, "completion_tokens": 6},
            "meta": {"request_model": "gpt-4o-mini", "provider_name": "openai"},
        }
    },
}
KONG_OLD = {
    **KONG,
    "request": {**KONG["request"], "id": "9ec9264b"},
    "ai": {
        "payload": {"request": json.dumps(CHAT)},
        "ai-proxy": {
            "payload": {"response": json.dumps(ANSWER)},
            "usage": {"prompt_token": 21, "completion_token": 6},
            "meta": {"request_model": "gpt-4o-mini"},
        },
    },
}
CLOUDFLARE = {
    "id": "01JADMCQQQBWH3NXZ5GCRN98DP",
    "created_at": "2026-11-02T10:00:00.000Z",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "path": "chat/completions",
    "duration": 900,
    "status_code": 200,
    "success": True,
    "cached": False,
    "tokens_in": 21,
    "tokens_out": 6,
    "metadata": json.dumps({"account": "acct-1", "user": "reader-7", "session_id": "s-1"}),
    "request": json.dumps(CHAT),
    "response": json.dumps(ANSWER),
}
PORTKEY = {
    "id": "0d6f8c1e-6d55-4a39-9b1c-6b8f0b0c9a01",
    "trace_id": "trace-1",
    "created_at": "2026-11-02T10:00:00.000Z",
    "request": CHAT,
    "response": ANSWER,
    "is_success": 1,
    "ai_org": "openai",
    "ai_model": "gpt-4o-mini-2024-07-18",
    "req_units": 21,
    "res_units": 6,
    "total_units": 27,
    "cost": 0.0012,
    "cost_currency": "USD",
    "request_url": "https://api.openai.com/v1/chat/completions",
    "response_status_code": 200,
    "response_time": 900,
    "cache_status": "MISS",
    "virtual_key": "openai-1",
    "metadata": {"account": "acct-1", "_user": "reader-7", "session_id": "s-1"},
}
OPENROUTER = {
    "generation_id": "gen-1793613600-abcdefghijklmnopqrst",
    "created_at": "2026-11-02 10:00:00.000",
    "cost_total": "0.000153",
    "cost_web_search": "",
    "cost_cache": "",
    "cost_file_processing": "",
    "byok_usage_inference": "0",
    "tokens_prompt": "21",
    "tokens_completion": "6",
    "tokens_reasoning": "0",
    "tokens_cached": "0",
    "model_permaslug": "gpt-4o-mini",
    "provider_name": "Azure",
    "variant": "standard",
    "cancelled": "false",
    "streamed": "true",
    "user": "acct-1",
    "finish_reason_raw": "completed",
    "finish_reason_normalized": "stop",
    "generation_time_ms": "2373",
    "time_to_first_token_ms": "2230",
    "app_name": "Reader",
    "api_key_name": "key-1",
    "api_key_disabled": "false",
}
"""The columns are those of an export of 2026."""
BODIES = {
    "request_id": "r-1",
    "timestamp": "2026-11-02T10:00:00Z",
    "account": "acct-1",
    "session_id": "s-1",
    "ip": "192.0.2.7",
    "headers": {"User-Agent": "OpenAI/Python 1.109.1"},
    "status": 200,
    "request": CHAT,
    "response": ANSWER,
}
BATCH = [
    {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {**CHAT, "metadata": {"session_id": "s-1"}},
    },
    {
        "custom_id": "row-2",
        "params": {"model": "claude-haiku", "max_tokens": 64, "messages": [{"role": "user", "content": "Why?"}]},
    },
    {
        "recordId": "row-3",
        "modelInput": {**CONVERSE, "max_tokens": 5},
        "modelOutput": {"content": [{"text": "So."}], "usage": {"input_tokens": 3, "output_tokens": 2}},
    },
]
BATCH_OUTPUT = [
    {
        "id": "batch_req_1",
        "custom_id": "row-1",
        "response": {"status_code": 200, "request_id": "x", "body": ANSWER},
        "error": None,
    },
    {
        "custom_id": "row-2",
        "result": {"type": "succeeded", "message": {"id": "msg_1", "content": [{"type": "text", "text": "Because."}]}},
    },
]
ENVOY = {
    "start_time": "2026-11-02T10:00:00.000Z",
    "method": "POST",
    "response_code": 200,
    "response_flags": "-",
    "route_name": "llm",
    "x-request-id": "q-1",
    "x-account": "acct-1",
    "x-forwarded-for": "192.0.2.7, 10.0.0.1",
    "downstream_remote_address": "10.0.0.1:4711",
    "user-agent": "OpenAI/Python 1.109.1",
    "session.id": "s-1",
    "tls_ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 21,
    "gen_ai.usage.output_tokens": 6,
}
RECORDS: Mapping[str, Sequence[Any]] = {
    "langfuse-ingestion": LANGFUSE_INGESTION,
    "langfuse": [
        {**OBSERVATION, "user_id": "reader-7", "session_id": "s-1"},
        {**OBSERVATION, "id": "x", "type": "SPAN", "user_id": None},
    ],
    "langfuse-legacy": [
        {
            "id": TRACE,
            "timestamp": "2026-11-02 10:00:00",
            "user_id": "reader-7",
            "session_id": "s-1",
            "public": False,
            "tags": [],
        },
        OBSERVATION,
    ],
    "helicone": [HELICONE],
    "bedrock": [BEDROCK, {"logEvents": [{"id": "1", "message": json.dumps({**BEDROCK, "requestId": "r-2"})}]}],
    "azure-llm": AZURE_LLM,
    "azure-gateway": [AZURE_GATEWAY],
    "vertex": [VERTEX],
    "kong": [KONG, KONG_OLD],
    "cloudflare": [CLOUDFLARE],
    "portkey": [PORTKEY],
    "openrouter": [OPENROUTER],
    "batch": BATCH,
    "batch-output": BATCH_OUTPUT,
    "envoy": [ENVOY],
    "bodies": [BODIES],
}
"""Source -> its records."""
