"""Input, output, token usage and tags of a call as tracers and gateways keep them."""

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.shared.bodies import ASKED, answer_of_body, as_messages, call_of_body
from stillhunt.collect.formats.shared.plain_bodies import body_of_text
from stillhunt.collect.formats.source import Row
from stillhunt.collect.values.json_values import as_json, decoded, first, is_list, items, mapping, number, text


def asked_in(value: Any) -> Row:
    """Columns of a call from a tracer's `input` or its JSON text: text, messages, a body, or values of a template."""
    if isinstance(value, str) and (body := body_of_text(value)) is not None:
        return call_of_body(body)
    value = decoded(value)
    if isinstance(value, str):
        return {"prompt": value} if value else {}
    if is_list(value) and len(value) == 1 and is_list(value[0]):  # LangChain: a list of chats
        value = value[0]
    if is_list(value):
        value = {"messages": value}
    if not isinstance(value, dict):
        return {}
    if isinstance(value.get("role"), str) and "content" in value and ASKED.isdisjoint(value):
        return {"messages": as_messages([value])}
    row = call_of_body(value)
    given = value.get("messages")
    if isinstance(given, str):
        row["prompt"] = given
    elif is_list(given) and given and all(isinstance(part, str) for part in given):  # inputs of embeddings
        row.pop("messages", None)
        row["prompt"] = as_json(given)
    if not row.get("messages") and row.get("prompt") is None:
        row["prompt"] = as_json(value)
        row.pop("other_settings", None)  # values of a template, which are all part of the question
    return row


def tokens_in(usage: Mapping[str, Any]) -> Row:
    """Tokens in and out from a usage object.

    Tokens of the cache and the like have fields of their own beside `input` and `output`, are not contained in those,
    and are added (langfuse.com/docs/observability/features/token-and-cost-tracking).
    """
    row = Row()
    for column, word, others in (
        ("input_tokens", "input", ("prompt_tokens", "promptTokens", "input_tokens")),
        ("output_tokens", "output", ("completion_tokens", "completionTokens", "output_tokens")),
    ):
        if (found := number(usage.get(word))) is None:
            found = number(first(usage, *others))
        else:
            for name, tokens in usage.items():
                beside = name.startswith(f"{word}_") or name.endswith(f"_{word}_tokens")
                if beside and name not in others and isinstance(tokens, int) and "cost" not in name:
                    found += tokens
        row[column] = found
    return row


def answered_in(value: Any) -> Row:
    """Text and id of the answer from a tracer's `output`."""
    value = decoded(value)
    if is_list(value) and any(isinstance(part, dict) and "role" in part for part in value):
        value = {"choices": [{"message": part} for part in items(value)]}
    row = answer_of_body(value)
    return {name: row[name] for name in ("response", "links") if name in row}


_ACCOUNTS = (
    *("account", "account_id", "accountId", "customer_id", "customerId", "tenant_id", "tenantId"),
    *("tenant", "customer"),
)
_USERS = ("user_id", "userId", "user", "_user", "end_user_id")
_SESSIONS = ("session_id", "sessionId", "conversation_id", "conversationId", "thread_id")


def account_in(*tags: Any) -> str | None:
    """Account named by the first tags, objects or JSON text, that name one; None if none does."""
    return _named_in(tags, _ACCOUNTS)


def user_in(*tags: Any) -> str | None:
    """User named in tags; see `account_in`."""
    return _named_in(tags, _USERS)


def session_in(*tags: Any) -> str | None:
    """Session named in tags; see `account_in`."""
    return _named_in(tags, _SESSIONS)


def _named_in(tags: tuple[Any, ...], names: tuple[str, ...]) -> str | None:
    for tag in tags:
        if tag:
            fields = mapping(tag)
            for name in names:
                value = fields.get(name)
                if value is not None and value != "":
                    if found := text(value):
                        return found
                    break  # the first field that is present decides, even if it is no valid name
    return None
