"""Who the customer of a LiteLLM call is."""

from __future__ import annotations

import hashlib
from typing import Any

NOBODY = frozenset(("default_user_id", "default_user", "None"))
"""Users that LiteLLM writes for a key without a user, such as the master key."""


def customer_of(user: Any, key: Any) -> tuple[Any, Any]:
    """Account and key of a call: the user of the key, else the key's hash; never the team, which may be many customers.

    Args:
        user: `user_api_key_user_id` as LiteLLM gives it.
        key: `user_api_key_hash`, or the key itself where it was not hashed.
    """
    if isinstance(key, str) and key.startswith("sk-"):  # LiteLLM hashes keys; one that it did not hash is hashed here
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    nobody = user is None or (isinstance(user, str) and (not user or user in NOBODY))
    return key if nobody else user, key
