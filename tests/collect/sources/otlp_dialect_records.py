"""Attributes of one invented call in the words of every instrumentation."""

from __future__ import annotations

import json

ASK, ANSWER, SYSTEM = "Which heron is this?", "A grey one.", "You know birds."
MESSAGES = [
    {"role": "user", "parts": [{"type": "text", "content": "Good morning."}]},
    {"role": "assistant", "parts": [{"type": "text", "content": "And to you."}]},
    {"role": "user", "parts": [{"type": "text", "content": ASK}]},
]
CURRENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-birds",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.top_p": 0.75,
    "gen_ai.request.max_tokens": 90,
    "gen_ai.response.id": "resp-1",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}], "finish_reason": "stop"}]
    ),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "look_up"}]),
    "gen_ai.conversation.id": "talk-1",
    "client.address": "192.0.2.7",
    "user_agent.original": "birds/1.0",
    "user.id": "wader",
    "gen_ai.user": "guest",
    "http.response.status_code": 200,
}
AS_KVLIST = CURRENT | {"gen_ai.input.messages": MESSAGES}
LEGACY = {
    "llm.request.type": "chat",
    "gen_ai.request.model": "gpt-birds",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": SYSTEM,
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": ASK}]),
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": ANSWER,
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 7,
    "llm.request.functions.0.name": "look_up",
    "user.id": "wader",
}
INFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-birds-2026",
    "llm.invocation_parameters": json.dumps({"model": "gpt-birds", "temperature": 0.5}),
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": SYSTEM,
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": ASK,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": ANSWER,
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 7,
    "llm.tools.0.tool.json_schema": '{"name": "look_up"}',
    "session.id": "talk-1",
    "user.id": "wader",
}
BODY = {
    "openinference.span.kind": "LLM",
    "input.value": json.dumps(
        {"model": "gpt-birds", "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASK}]}
    ),
    "output.value": json.dumps({"id": "resp-1", "choices": [{"message": {"role": "assistant", "content": ANSWER}}]}),
    "user.id": "wader",
}
LANGFUSE = {
    "langfuse.observation.type": "generation",
    "langfuse.observation.model.name": "gpt-birds",
    "langfuse.observation.model.parameters": json.dumps({"temperature": 0.5, "max_tokens": 90}),
    "langfuse.observation.input": json.dumps(
        {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASK}]}
    ),
    "langfuse.observation.output": json.dumps({"role": "assistant", "content": ANSWER}),
    "langfuse.observation.usage_details": json.dumps({"input": 12, "output": 7}),
    "user.id": "wader",
    "session.id": "talk-1",
}
LITELLM = {
    "metadata.user_api_key_hash": "c0ffee",
    "metadata.user_api_key_user_id": "wader",
    "metadata.user_api_key_org_id": "marsh",
    "metadata.user_api_key_end_user_id": "guest",
    "metadata.requester_ip_address": "192.0.2.7",
    "metadata.user_agent": "birds/1.0",
    "metadata.requester_metadata": "{'session_id': 'talk-1', 'quoted': \"it's\", 'none': None}",
    "metadata.requester_custom_headers": "{'x-request-id': 'edge-1', 'x-session-id': 'talk-0'}",
    "litellm.call_id": "call-1",
    "litellm.model_group": "gpt-birds",
    "gen_ai.request.model": "gpt-birds-8b",
    "gen_ai.operation.name": "acompletion",
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}]),
}
