"""Types for the usual bodies of model APIs, for speed: chat messages of text, the common options, an answer of text.

A body with anything more (other vendors' names, images, tool use as content parts) does not fit these types. The
decoder refuses it, and `bodies`, which knows every shape, reads it. A test checks that both ways give the same rows. A
request with a field that is not declared is refused, since it may be a setting (`values.other_settings`); in answers,
fields that would change the meaning are declared as null, so that one with such a field is refused.
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from stillhunt.collect.formats.source import Row

_Whole: TypeAlias = Annotated[int, msgspec.Meta(gt=-(2**53), lt=2**53)]
_Real: TypeAlias = Annotated[float, msgspec.Meta(gt=-(2.0**53), lt=2.0**53)]
Number: TypeAlias = _Whole | _Real | None
_UNFIT = (msgspec.DecodeError, UnicodeError, RecursionError)
NO_TOOLS = msgspec.Raw(b"")


class TextPart(msgspec.Struct, gc=False):
    """A content part that is text and nothing else."""

    text: str
    type: Literal["text", "input_text", "output_text"] | None = None


class Message(msgspec.Struct, gc=False):
    """A chat message."""

    role: str
    content: str | list[TextPart] | None = None
    parts: None = None


class Options(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Options of a request: sampling, limits, tools and system instructions."""

    temperature: Number = None
    top_p: Number = None
    max_tokens: Number = None
    max_completion_tokens: Number = None
    tools: msgspec.Raw = NO_TOOLS
    tool_choice: Any = None
    stream: Any = None
    stream_options: Any = None
    store: Any = None
    service_tier: Any = None
    n: Any = None
    seed: Any = None
    stop: Any = None
    frequency_penalty: Any = None
    presence_penalty: Any = None
    response_format: Any = None
    system: str | None = None


OTHER_SETTINGS = ("n", "seed", "stop", "frequency_penalty", "presence_penalty", "response_format")
"""Options above that no column of REQUESTS has."""


def has_other_settings(one: Options) -> bool:
    """Whether any of `OTHER_SETTINGS` is given; written out, since it is asked of every body."""
    return not (
        one.n is one.seed is one.stop is one.frequency_penalty is one.presence_penalty is one.response_format is None
    )


class Body(Options, gc=False, kw_only=True):
    """A chat request."""

    messages: list[Message]
    model: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens as OpenAI and Anthropic name them."""

    prompt_tokens: Number = None
    completion_tokens: Number = None
    input_tokens: Number = None
    output_tokens: Number = None
    inputTokens: None = None
    outputTokens: None = None
    promptTokenCount: None = None
    candidatesTokenCount: None = None


class Reply(msgspec.Struct, gc=False):
    """The message of a choice."""

    content: str | list[TextPart] | None = None
    parts: None = None


class Choice(msgspec.Struct, gc=False):
    """One of several answers."""

    message: Reply
    text: None = None


class Answer(msgspec.Struct, gc=False):
    """A chat answer that was not streamed."""

    id: str | None = None
    created: Number = None
    choices: list[Choice] = []
    content: str | list[TextPart] | None = None
    usage: Usage | None = None
    created_at: None = None
    candidates: None = None
    output: None = None
    delta: None = None
    instructions: None = None
    usageMetadata: None = None
    usage_metadata: None = None
    prompt_tokens: None = None
    completion_tokens: None = None
    input_tokens: None = None
    output_tokens: None = None
    inputTokens: None = None
    outputTokens: None = None
    promptTokenCount: None = None
    candidatesTokenCount: None = None
    status_code: None = None
    body: None = None
    json: None = None
    data: None = None


_decode_body = msgspec.json.Decoder(Body).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


def body_of_text(text: str) -> Body | None:
    """A request body from its JSON text; None if it does not fit the types."""
    try:
        body = _decode_body(text)
    except _UNFIT:
        return None
    return body if body.messages else None


def answer_of_text(text: str) -> Answer | None:
    """An answer from its JSON text; None if it does not fit the types."""
    try:
        return _decode_answer(text)
    except _UNFIT:
        return None


def text_of(content: str | list[TextPart] | None) -> str:
    """Text of a message; as `chat.content_text`."""
    if content is None or type(content) is str:
        return content or ""
    if len(content) == 1:
        return content[0].text  # type: ignore[union-attr]  # checked above; isinstance costs as much as all else here
    return "\n".join([part.text for part in content if part.text])  # type: ignore[union-attr]  # as above


def add_chat(row: Row, messages: list[Message]) -> bool:
    """Set prompt, turn and system prompt as `chat.settle_messages` would; a turn or system prompt that is there stays.

    False, with the row unchanged, if the messages are not in the usual order of roles.
    """
    run, before, system, turn = list[str](), list[str](), None, 0
    for message in messages:
        role = message.role
        if role == "assistant":
            if run:
                before, run = run, []
            elif not before:
                return False
        elif role == "user" or role == "tool":  # two comparisons are twice as fast as a set of two
            if before and not run:
                turn += 1
            run.append(text_of(message.content))
        elif role == "system" and system is None:
            system = text_of(message.content)
        else:
            return False
    new = run or before
    prompt = new[0] if len(new) == 1 else "\n".join([text for text in new if text])
    if not prompt or prompt[0] == "[":
        return False
    row["prompt"] = prompt
    row.setdefault("turn", turn)
    if system and not row.get("system_prompt"):
        row["system_prompt"] = system
    return True


def answer_text(answer: Answer) -> str:
    """Text of an answer; several choices are joined by line breaks."""
    texts = [text_of(choice.message.content) for choice in answer.choices]
    if answer.content is not None:
        texts.append(text_of(answer.content))
    return texts[0] if len(texts) == 1 else "\n".join([text for text in texts if text])


def columns_of(answer: Answer) -> Row:
    """As `answer_bodies.answer_of_body`."""
    row, usage = Row(), answer.usage
    if usage is not None:
        read = usage.input_tokens if usage.prompt_tokens is None else usage.prompt_tokens
        written = usage.output_tokens if usage.completion_tokens is None else usage.completion_tokens
        if read is not None:
            row["input_tokens"] = read
        if written is not None:
            row["output_tokens"] = written
    if answer.id:
        row["links"] = [f"response:{answer.id}"]
    if text := answer_text(answer):
        row["response"] = text
    return row
