"""Secrets of marks: one for each order, in the operator's key folder. They stay when it ends: the proof needs them."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from stillhunt import ConfigError
from stillhunt_evidence.keys.folder import KEY_BYTES, checked_name, read_secret, write_new
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.orders.order import Order

MARK_KEYS = "marks"
"""Sub-folder of the key folder."""


def new_mark_secret(keys: Path, order_id: str) -> str:
    """Make the secret of an order.

    Returns:
        Its SHA-256 in hexadecimal, which goes into the order as `key_hash` before it is put in the register.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    secret = secrets.token_bytes(KEY_BYTES)
    write_new(mark_secret_path(keys, order_id), secret.hex() + "\n")
    return _hash_of(secret)


def _hash_of(secret: bytes) -> str:
    # without a key: whoever gets the secret in a dispute can check it; nobody guesses 256 random bits from it
    return hashlib.sha256(secret).hexdigest()


def mark_secret_path(keys: Path, order_id: str) -> Path:
    """Where the secret of an order is.

    Raises:
        ConfigError: the id is no name of a key.
    """
    return keys / MARK_KEYS / f"{checked_name(order_id)}.key"


def order_key(keys: Path, order: Order) -> bytes:
    """The key of an order's mark, in force or not: for marking, and for the proof afterwards.

    Raises:
        ConfigError: the order is none to mark or does not fix its key, or its secret is missing, is another one than
            the order was signed with, or others may read it.
    """
    if order.kind != "mark":
        raise ConfigError(
            "this order has no mark", where=order.order_id, next_step="name an order to mark answers, not another one"
        )
    path = mark_secret_path(keys, order.order_id)
    if not path.exists():
        raise ConfigError(
            "the secret of this order is missing",
            where=str(path),
            next_step="restore it from a backup; without it nothing can be marked or proven under the order",
        )
    secret = read_secret(path)
    if not order.key_hash:
        raise ConfigError(
            "this order does not say which key it was signed with",
            where=order.order_id,
            next_step="end it and sign a new order: a key that can be chosen afterwards proves nothing",
        )
    if not hmac.compare_digest(_hash_of(secret), order.key_hash):
        raise ConfigError(
            "this is not the secret that the order was signed with",
            where=str(path),
            next_step="restore it from a backup; with another one nothing can be marked or proven under the order",
        )
    return mark_key(secret, order.campaign_id, order.measure)
