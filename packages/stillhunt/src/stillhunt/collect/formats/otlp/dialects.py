"""Columns of a model call from the attributes of its span or log record, in the dialect of each instrumentation.

Attribute names: OpenTelemetry GenAI semantic conventions, current and former
(opentelemetry.io/docs/specs/semconv/gen-ai, registry attributes gen-ai, openai), OpenLLMetry (traceloop/openllmetry,
semconv-ai), OpenInference (Arize-ai/openinference, spec/semantic_conventions.md), Langfuse 3 and 4 (langfuse-python,
LangfuseOtelSpanAttributes), LiteLLM 1.108 (integrations/opentelemetry.py), Vercel AI SDK
(ai-sdk.dev/docs/ai-sdk-core/telemetry).
"""

from typing import Any

from stillhunt.collect.formats.otlp.attributes import (
    COMPLETIONS,
    EMBEDDED,
    FUNCTIONS,
    INPUTS,
    OUTPUTS,
    PROMPTS,
    TOOL_DEFINITIONS,
    TOOLS,
    Attributes,
    Numbered,
    numbered,
    value_of,
)
from stillhunt.collect.formats.shared.bodies import answer_of_body, as_messages, call_of_body, system_text
from stillhunt.collect.formats.shared.http import error_code
from stillhunt.collect.formats.shared.plain_bodies import body_of_text
from stillhunt.collect.formats.shared.traced import tokens_in
from stillhunt.collect.formats.source import Row
from stillhunt.collect.values.chat import content_text
from stillhunt.collect.values.json_values import as_json, decoded, first, is_list, items, number
from stillhunt.collect.values.other_settings import named, other_settings

_NO_MODEL = frozenset(("invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "retrieval", "search_memory"))
_INPUTS = ("gen_ai.input.messages", "langfuse.observation.input", "gen_ai.prompt", "ai.prompt.messages", "llm.prompts")
_OUTPUTS = ("gen_ai.output.messages", "langfuse.observation.output", "gen_ai.completion", "ai.response.text")
VENDOR_MODEL = "langfuse.observation.model.name"
MODEL_ATTRIBUTES = frozenset(
    (
        VENDOR_MODEL,
        "litellm.model_group",
        "langfuse.observation.metadata.litellm_call_id",
        "langfuse.observation.metadata.hidden_params",
    )
)
"""Attributes that `model_group` reads, and the vendor's model name for which it is the client's."""
LITELLM_KEY = "litellm.api_key.hash"  # the caller's key, on all spans of LITELLM_OTEL_V2 and not on its calls alone
OPERATION_ATTRIBUTES = frozenset(
    (
        LITELLM_KEY,
        "langfuse.observation.type",
        "langfuse.trace.name",
        "openinference.span.kind",
        "traceloop.span.kind",
        "gen_ai.operation.name",
        "llm.request.type",
        "gen_ai.request.model",
    )
)
"""Attributes that `operation` reads."""


def operation(attributes: Attributes) -> str | None:
    """Kind of model call that the attributes describe, in the instrumentation's word; None if there is no such call."""
    kind = attributes.get("langfuse.observation.type")
    if kind is not None:
        if kind == "generation" and "embedding" in str(attributes.get("langfuse.trace.name")):
            return "embedding"  # LiteLLM calls embeddings generations, too
        return str(kind) if kind in ("generation", "embedding") else None
    kind = attributes.get("openinference.span.kind")
    if kind is not None:
        return str(kind) if kind in ("LLM", "EMBEDDING") else None
    if "traceloop.span.kind" in attributes:
        return None  # workflow, task, agent or tool
    name = first(attributes, "gen_ai.operation.name", "llm.request.type")
    if isinstance(name, str) and name in _NO_MODEL:
        return None
    if name is None and LITELLM_KEY in attributes:
        return None  # LiteLLM's choice of a deployment, which names the model
    if name is not None or first(attributes, "gen_ai.request.model") is not None:
        return str(name or "chat")
    return None


def call_of(attributes: Attributes, kind: str) -> Row:
    """Columns of a call from its own attributes; identity and status are read elsewhere."""
    lists = Numbered(attributes)
    row: Row = {}
    body = attributes.get("input.value")
    if body is not None:
        body = decoded(body)
        if isinstance(body, dict):
            row |= call_of_body(body)
    in_body = row.get("other_settings")
    row |= _extract_call_settings(attributes, row.get("model"), lists)
    row["other_settings"] = named(in_body, row.get("other_settings"), _other_settings(attributes))
    embedding = "embedding" in kind.lower()
    if "messages" not in row and "prompt" not in row:
        asked = _extract_span_question(attributes, lists, plain=not embedding)
        asked["other_settings"] = named(row["other_settings"], asked.get("other_settings"))
        row |= asked
    if embedding and "messages" in row:
        row["prompt"] = _join_embedding_inputs(row.pop("messages"))
    row |= _extract_span_answer(attributes, lists)
    return {name: value for name, value in row.items() if value is not None and value != ""}


_SETTINGS = (
    *("gen_ai.request.", "ai.settings.", "llm.top_k", "llm.frequency_penalty", "llm.presence_penalty"),
    "llm.chat.stop_sequences",
)
"""Beginnings of the names of attributes that are settings of the call."""
_RENAMED = {"gen_ai.request.choice.count": "n", "gen_ai.request.encoding_formats": "encoding_format"} | {
    name: name.rpartition(".")[2] for name in _SETTINGS[2:]
}
"""Attribute -> the name of the field in bodies, where it is another."""
_NUMBERS = (
    ("temperature", ("gen_ai.request.temperature",)),
    ("top_p", ("gen_ai.request.top_p",)),
    ("max_tokens", ("gen_ai.request.max_tokens",)),
    ("input_tokens", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")),
    ("output_tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")),
)


def _extract_call_settings(attributes: Attributes, asked: Any, lists: Numbered) -> Row:
    """Model, sampling, tools and tokens of a call; `asked` is the model in the request body, if known."""
    given = first(attributes, "llm.invocation_parameters", "langfuse.observation.model.parameters")
    given = None if given is None else decoded(given)
    row: Row = call_of_body(given) if isinstance(given, dict) else {}
    for name in ("messages", "prompt", "conversation_id"):
        row.pop(name, None)
    usage = attributes.get("langfuse.observation.usage_details")
    usage = None if usage is None else decoded(usage)
    if isinstance(usage, dict):
        row |= tokens_in(usage)
    model = _choose_requested_model(attributes, asked if isinstance(asked, str) else row.get("model"))
    if model is not None:
        row["model"] = model
    tools = _extract_tool_definitions(attributes, lists)
    if tools is not None:
        row["tools"] = tools
    for ours, names in _NUMBERS:
        for name in names:
            value = attributes.get(name)
            if value is not None and value != "":
                value = number(value)
                if value is not None:
                    row[ours] = value
                break
    return row


def _other_settings(attributes: Attributes) -> str | None:
    """Attributes of the request that may change its answer, such as gen_ai.request.seed."""
    given: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith(_SETTINGS):
            prefix = next(filter(name.startswith, _SETTINGS))
            given[_RENAMED.get(name, name.removeprefix(prefix))] = value_of(value)
    return other_settings(given)


def _choose_requested_model(attributes: Attributes, asked: Any) -> Any:
    """The model that the client asked for; the gateway's name for it goes before the vendor's."""
    group = model_group(attributes)
    if group is not None:
        return group
    if isinstance(asked, str):
        return asked
    vendor_model = attributes.get(VENDOR_MODEL)
    if isinstance(vendor_model, str) and "langfuse.observation.metadata.litellm_call_id" in attributes:
        return vendor_model.split("/", 1)[-1]  # LiteLLM writes vendor/model
    found = first(
        attributes,
        "gen_ai.request.model",
        "langfuse.observation.model.name",
        "llm.model_name",
        "embedding.model_name",
        "ai.model.id",
        "gen_ai.response.model",
    )
    return found if isinstance(found, str) else None


def model_group(attributes: Attributes) -> str | None:
    """The model name that LiteLLM's clients use, from LiteLLM's own span or that of its Langfuse callback."""
    group = attributes.get("litellm.model_group")
    if not group and "langfuse.observation.metadata.litellm_call_id" in attributes:
        hidden = decoded(attributes.get("langfuse.observation.metadata.hidden_params"))
        headers = hidden.get("additional_headers") if isinstance(hidden, dict) else None
        group = headers.get("x-litellm-model-group") if isinstance(headers, dict) else None
    return group if isinstance(group, str) and group else None


def _extract_tool_definitions(attributes: Attributes, lists: Numbered) -> str | None:
    tools = first(attributes, "gen_ai.tool.definitions", "llm.tools", "langfuse.observation.metadata.tools")
    if tools is None:
        tools = lists.of(FUNCTIONS) or lists.of(TOOL_DEFINITIONS)
    if not tools:
        tools = [one.get("tool.json_schema") for one in lists.of(TOOLS)]
    return as_json(tools)


def _extract_span_question(attributes: Attributes, lists: Numbered, *, plain: bool) -> Row:
    """Messages or prompt, and system instructions; `plain` chats may be read by `plain_bodies`, which is faster."""
    instructions = attributes.get("gen_ai.system_instructions")
    row: Row = {} if instructions is None else {"system_prompt": system_text(value_of(instructions))}
    for name in _INPUTS:
        given = attributes.get(name)
        if given is None:
            continue
        if plain and not row and isinstance(given, str) and (body := body_of_text(given)) is not None:
            return call_of_body(body)
        given = value_of(given)
        if isinstance(given, dict):
            asked = call_of_body(given)
            if "messages" in asked or "prompt" in asked:
                return row | asked
            given = [given]
        if is_list(given) and any(isinstance(part, dict) for part in given):
            return row | {"messages": as_messages(given)}
        if is_list(given) and given and all(isinstance(part, str) for part in given):
            return row | {"prompt": as_json(given)}
        if isinstance(given, str) and given:
            return row | {"prompt": given}
    messages = _legacy_messages(lists.of(PROMPTS)) or _inference_messages(lists.of(INPUTS))
    if messages:
        return row | {"messages": messages}
    texts = [one.get("embedding.text") for one in lists.of(EMBEDDED)]
    texts = [text for text in texts if isinstance(text, str)]
    given = attributes.get("input.value") or attributes.get("ai.prompt")
    if texts:
        row["prompt"] = texts[0] if len(texts) == 1 else as_json(texts)
    elif isinstance(given, str):
        row["prompt"] = given
    return row


def _extract_span_answer(attributes: Attributes, lists: Numbered) -> Row:
    """Text of the answer, and its tokens if only the answer has them; empty if there is no answer."""
    for name in _OUTPUTS:
        given = attributes.get(name)
        if given is None:
            continue
        given = value_of(given)
        if isinstance(given, str) and given:
            return {"response": given}
        texts = [content_text(message["content"]) for message in as_messages(_list_answer_messages(given))]
        if any(texts):
            return {"response": "\n".join(text for text in texts if text)}
    for messages in (_legacy_messages(lists.of(COMPLETIONS)), _inference_messages(lists.of(OUTPUTS))):
        texts = [content_text(message["content"]) for message in messages]
        if any(texts):
            return {"response": "\n".join(text for text in texts if text)}
    output = decoded(attributes.get("output.value"))
    if isinstance(output, dict):
        found = answer_of_body(output)
        return {name: found[name] for name in ("response", "input_tokens", "output_tokens") if name in found}
    return {}


def _list_answer_messages(given: Any) -> list[Any]:
    """Messages of an answer; a message without a role is the model's."""
    listed = list(given) if is_list(given) else [given] if isinstance(given, dict) else []
    return [{"role": "assistant", **part} for part in items(listed)]


def _legacy_messages(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages from attributes such as `gen_ai.prompt.0.role`, whose content may be a JSON list of parts."""
    return [
        {"role": str(one.get("role") or "user"), "content": _decode_content_parts(one.get("content"))}
        for one in listed
        if "role" in one or "content" in one
    ]


def _inference_messages(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages from attributes such as `llm.input_messages.0.message.role`, with their parts."""
    made = []
    for one in listed:
        content = one.get("message.content")
        parts = numbered(one, "message.contents.") if content is None else None
        if parts:
            content = [
                {"type": part.get("message_content.type"), "text": part.get("message_content.text")} for part in parts
            ]
        if content is not None or "message.role" in one:
            made.append({"role": str(one.get("message.role") or "user"), "content": content})
    return made


def _decode_content_parts(content: Any) -> Any:
    """Content of a message; parts that were written as JSON text are decoded."""
    if isinstance(content, str) and content.startswith('[{"'):
        found = decoded(content)
        if is_list(found) and found and all(isinstance(part, dict) and "type" in part for part in found):
            return found
    return content


def _join_embedding_inputs(messages: list[dict[str, Any]]) -> str | None:
    """Input of an embedding: one text as it is, several as a JSON list."""
    texts = [text for message in messages if (text := content_text(message["content"]))]
    return texts[0] if len(texts) == 1 else as_json(texts)


_ANSWERED = (
    *("gen_ai.response.id", "gen_ai.response.finish_reasons", "gen_ai.usage.output_tokens"),
    *("gen_ai.usage.completion_tokens", "llm.token_count.completion", "langfuse.observation.completion_start_time"),
)


def status_of(attributes: Attributes, failure: str | None) -> Any:
    """HTTP status of a call, None if nothing shows it; `failure` is the message in the status of a failed span."""
    if (code := number(attributes.get("error.code"))) is not None:
        return code
    kind = first(attributes, "error.type", "exception.type")
    if kind is not None or failure is not None:
        found = (error_code(message) for message in (kind, failure, attributes.get("exception.message")))
        return next((code for code in found if code is not None), None)
    if attributes.get("langfuse.observation.level") == "ERROR":
        return error_code(attributes.get("langfuse.observation.status_message"))
    return 200 if first(attributes, *_ANSWERED) is not None else None
