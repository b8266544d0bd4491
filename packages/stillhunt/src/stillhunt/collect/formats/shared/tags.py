"""Account, user and session that an application wrote among its own tags or metadata."""

from __future__ import annotations

from typing import Any

from stillhunt.collect.values.json_values import mapping, text

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


def account_in(*tags: Any) -> str | None:
    """Account named in tags; None if there is none.

    Args:
        tags: objects, or their JSON text; the first that names an account decides.
    """
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
