"""What a span or a log record of a model call says of it, in the words of each instrumentation.

Names: OpenTelemetry GenAI semantic conventions, now and as they were (opentelemetry.io/docs/specs/semconv/gen-ai,
registry attributes gen-ai, openai), OpenLLMetry (traceloop/openllmetry, semconv-ai), OpenInference
(Arize-ai/openinference, spec/semantic_conventions.md), Langfuse 3 and 4 (langfuse-python,
LangfuseOtelSpanAttributes), LiteLLM 1.108
(integrations/opentelemetry.py), Vercel AI SDK (ai-sdk.dev/docs/ai-sdk-core/telemetry).
"""

from __future__ import annotations

from typing import Any

from stillhunt.collect.formats.bodies.answers import answer_of_body
from stillhunt.collect.formats.bodies.bodies import (
    as_json,
    as_messages,
    call_of_body,
    decoded,
    is_list,
    items,
    number,
    system_text,
)
from stillhunt.collect.formats.bodies.plain_bodies import body_of_text
from stillhunt.collect.formats.otlp.attribute_values import value_of
from stillhunt.collect.formats.otlp.entry import Attributes, pick
from stillhunt.collect.formats.otlp.numbered import (
    COMPLETIONS,
    DEFINITIONS,
    EMBEDDED,
    FUNCTIONS,
    INPUTS,
    OUTPUTS,
    PROMPTS,
    TOOLS,
    Numbered,
    numbered,
)
from stillhunt.collect.formats.source import Row
from stillhunt.collect.formats.vendors.langfuse import tokens_in
from stillhunt.collect.values.chat import content_text

_NO_MODEL = frozenset(("invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "retrieval", "search_memory"))
_INPUTS = ("gen_ai.input.messages", "langfuse.observation.input", "gen_ai.prompt", "ai.prompt.messages", "llm.prompts")
_OUTPUTS = ("gen_ai.output.messages", "langfuse.observation.output", "gen_ai.completion", "ai.response.text")


MAKER = "langfuse.observation.model.name"
GROUPS = frozenset(
    (
        MAKER,
        "litellm.model_group",
        "langfuse.observation.metadata.litellm_call_id",
        "langfuse.observation.metadata.hidden_params",
    )
)
"""Attributes that `model_group` looks at, and the name that it stands for."""
OPERATIONS = frozenset(
    (
        "langfuse.observation.type",
        "langfuse.trace.name",
        "openinference.span.kind",
        "traceloop.span.kind",
        "gen_ai.operation.name",
        "llm.request.type",
        "gen_ai.request.model",
    )
)
"""Attributes that `operation` looks at."""


def operation(attributes: Attributes) -> str | None:
    """What kind of model call these attributes describe, in the instrumentation's word; None where it is none."""
    kind = attributes.get("langfuse.observation.type")
    if kind is not None:
        if kind == "generation" and "embedding" in str(attributes.get("langfuse.trace.name")):
            return "embedding"  # LiteLLM calls them generations, too
        return str(kind) if kind in ("generation", "embedding") else None
    kind = attributes.get("openinference.span.kind")
    if kind is not None:
        return str(kind) if kind in ("LLM", "EMBEDDING") else None
    if "traceloop.span.kind" in attributes:
        return None  # workflow, task, agent or tool
    told = pick(attributes, "gen_ai.operation.name", "llm.request.type")
    if isinstance(told, str) and told in _NO_MODEL:
        return None
    if told is not None or pick(attributes, "gen_ai.request.model") is not None:
        return str(told or "chat")
    return None


def call_of(attributes: Attributes, kind: str) -> Row:
    """Columns of a call that stand in its own attributes.

    Args:
        attributes: of the span or log record.
        kind: as `operation` gives it.
    """
    lists = Numbered(attributes)
    row: Row = {}
    body = attributes.get("input.value")
    if body is not None:
        body = decoded(body)
        if isinstance(body, dict):
            row |= call_of_body(body)
    row |= _settings(attributes, row.get("model"), lists)
    embedding = "embedding" in kind.lower()
    if "messages" not in row and "prompt" not in row:
        row |= _question(attributes, lists, plain=not embedding)
    if embedding and "messages" in row:
        row["prompt"] = _inputs(row.pop("messages"))
    row |= _answer(attributes, lists)
    return {name: value for name, value in row.items() if value is not None and value != ""}


_NUMBERS = (
    ("temperature", ("gen_ai.request.temperature",)),
    ("top_p", ("gen_ai.request.top_p",)),
    ("max_tokens", ("gen_ai.request.max_tokens",)),
    ("input_tokens", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")),
    ("output_tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")),
)


def _settings(attributes: Attributes, asked: Any, lists: Numbered) -> Row:
    """Model, sampling, tools and tokens."""
    given = pick(attributes, "llm.invocation_parameters", "langfuse.observation.model.parameters")
    given = None if given is None else decoded(given)
    row: Row = call_of_body(given) if isinstance(given, dict) else {}
    for name in ("messages", "prompt", "conversation_id"):
        row.pop(name, None)
    usage = attributes.get("langfuse.observation.usage_details")
    usage = None if usage is None else decoded(usage)
    if isinstance(usage, dict):
        row |= tokens_in(usage)
    model = _model(attributes, asked if isinstance(asked, str) else row.get("model"))
    if model is not None:
        row["model"] = model
    tools = _tools(attributes, lists)
    if tools is not None:
        row["tools"] = tools
    for ours, names in _NUMBERS:
        for name in names:
            told = attributes.get(name)
            if told is not None and told != "":
                told = number(told)
                if told is not None:
                    row[ours] = told
                break
    return row


def _model(attributes: Attributes, asked: Any) -> Any:
    """The model that was asked for: a gateway's name for it, before what the gateway made of that."""
    group = model_group(attributes)
    if group is not None:
        return group
    if isinstance(asked, str):
        return asked
    maker = attributes.get("langfuse.observation.model.name")
    if isinstance(maker, str) and "langfuse.observation.metadata.litellm_call_id" in attributes:
        return maker.split("/", 1)[-1]  # LiteLLM puts the maker before it
    found = pick(
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
    """What LiteLLM's clients call the model, where its span or that of its Langfuse callback says so."""
    group = attributes.get("litellm.model_group")
    if not group and "langfuse.observation.metadata.litellm_call_id" in attributes:
        hidden = decoded(attributes.get("langfuse.observation.metadata.hidden_params"))
        headers = hidden.get("additional_headers") if isinstance(hidden, dict) else None
        group = headers.get("x-litellm-model-group") if isinstance(headers, dict) else None
    return group if isinstance(group, str) and group else None


def _tools(attributes: Attributes, lists: Numbered) -> str | None:
    told = pick(attributes, "gen_ai.tool.definitions", "llm.tools", "langfuse.observation.metadata.tools")
    if told is None:
        told = lists.of(FUNCTIONS) or lists.of(DEFINITIONS)
    if not told:
        told = [one.get("tool.json_schema") for one in lists.of(TOOLS)]
    return as_json(told)


def _question(attributes: Attributes, lists: Numbered, *, plain: bool) -> Row:
    """Messages, or the prompt, and the system instructions; where `plain`, of usual chats at once what is new."""
    told = attributes.get("gen_ai.system_instructions")
    row: Row = {} if told is None else {"system_prompt": system_text(value_of(told))}
    for name in _INPUTS:
        given = attributes.get(name)
        if given is None:
            continue
        if plain and not row and isinstance(given, str) and (body := body_of_text(given)) is not None:
            return call_of_body(body)
        given = value_of(given)
        if isinstance(given, dict):
            told = call_of_body(given)
            if "messages" in told or "prompt" in told:
                return row | told
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


def _answer(attributes: Attributes, lists: Numbered) -> Row:
    """Text of the answer; nothing where it holds none."""
    for name in _OUTPUTS:
        given = attributes.get(name)
        if given is None:
            continue
        given = value_of(given)
        if isinstance(given, str) and given:
            return {"response": given}
        texts = [content_text(message["content"]) for message in as_messages(_listed(given))]
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


def _listed(given: Any) -> list[Any]:
    """Messages of an answer; one without a role is the model's."""
    listed = list(given) if is_list(given) else [given] if isinstance(given, dict) else []
    return [{"role": "assistant", **part} for part in items(listed)]


def _legacy_messages(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of `gen_ai.prompt.0.role` and the like, whose content may be a JSON list of parts."""
    return [
        {"role": str(one.get("role") or "user"), "content": _parts(one.get("content"))}
        for one in listed
        if "role" in one or "content" in one
    ]


def _inference_messages(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of `llm.input_messages.0.message.role` and the like, with their parts."""
    made = []
    for one in listed:
        content = one.get("message.content")
        parts = numbered(one, "message.contents.") if content is None else None
        if parts:
            content = [
                {
                    "type": part.get("message_content.type"),
                    "text": part.get("message_content.text"),
                }
                for part in parts
            ]
        if content is not None or "message.role" in one:
            made.append({"role": str(one.get("message.role") or "user"), "content": content})
    return made


def _parts(content: Any) -> Any:
    """Content of a message; parts that were written as JSON text are read."""
    if isinstance(content, str) and content.startswith('[{"'):
        found = decoded(content)
        if is_list(found) and found and all(isinstance(part, dict) and "type" in part for part in found):
            return found
    return content


def _inputs(messages: list[dict[str, Any]]) -> str | None:
    """What an embedding is asked of: one text as it is, several as a JSON list."""
    texts = [text for message in messages if (text := content_text(message["content"]))]
    return texts[0] if len(texts) == 1 else as_json(texts)
