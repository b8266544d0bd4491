"""Values within values of a record, as JSON, Parquet and CSV hand them over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.bodies.bodies import decoded, is_list

_ACCOUNTS = (
    "account",
    "account_id",
    "accountId",
    "customer_id",
    "customerId",
    "tenant_id",
    "tenantId",
    "tenant",
    "customer",
)
_USERS = ("user_id", "userId", "user", "_user", "end_user_id")
_SESSIONS = ("session_id", "sessionId", "conversation_id", "conversationId", "thread_id")
_PAIR = 2
_NUMBERS = (int, float)


def at(record: Any, path: str) -> Any:
    """The value at a dotted path; None where it ends early.

    Args:
        record: a mapping.
        path: names joined by dots.
    """
    for name in path.split("."):
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def mapping(value: Any) -> Mapping[str, Any]:
    """An object, its JSON text, or the list of pairs that a Parquet map becomes; empty where it is none of these."""
    if not isinstance(value, dict):
        value = decoded(value)
    if isinstance(value, dict):
        return value
    if is_list(value) and all(is_list(pair) and len(pair) == _PAIR and isinstance(pair[0], str) for pair in value):
        return dict(value)
    return {}


def text(value: Any) -> str | None:
    """A name or an id as text; None for what is no plain value, which could name nobody."""
    if value is None or isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else None


def account_in(*tags: Any) -> str | None:
    """Account that an application wrote among its own tags or metadata; None where it named none.

    Args:
        tags: objects, asked in order.
    """
    return _named_in(tags, _ACCOUNTS)


def user_in(*tags: Any) -> str | None:
    """User that an application wrote among its own tags; see `account_in`."""
    return _named_in(tags, _USERS)


def session_in(*tags: Any) -> str | None:
    """Session that an application wrote among its own tags; see `account_in`."""
    return _named_in(tags, _SESSIONS)


def _named_in(tags: tuple[Any, ...], names: tuple[str, ...]) -> str | None:
    for tag in tags:
        if tag:
            asked = mapping(tag)
            for name in names:
                value = asked.get(name)
                if value is not None and value != "":
                    if found := text(value):
                        return found
                    break  # the first that is there counts, even if it can name nobody
    return None


def header(headers: Any, *names: str) -> str | None:
    """Value of the first of these HTTP headers that is there, however its name is written.

    Args:
        headers: name -> value, or a list of {name, value}.
        names: in lower case.
    """
    return header_in(lowered(headers), *names) if headers else None


def lowered(headers: Any) -> Mapping[str, Any]:
    """Headers by their names in lower case; see `header`."""
    headers = decoded(headers)
    if is_list(headers):
        headers = {h.get("name"): h.get("value") for h in headers if isinstance(h, dict)}
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str)}


def header_in(headers: Mapping[str, Any], *names: str) -> str | None:
    """As `header`, of headers that are in lower case."""
    for name in names:
        value = headers.get(name)
        if value:
            value = value[0] if is_list(value) else value
            if value and isinstance(value, str):
                return value
    return None
