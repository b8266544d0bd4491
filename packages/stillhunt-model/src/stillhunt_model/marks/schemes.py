"""The schemes of marks that an order can name, with their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stillhunt import ConfigError
from stillhunt_model.marks.green_list import GreenListMark
from stillhunt_model.marks.gumbel import GumbelMark
from stillhunt_model.orders.order import Order

GREEN, GUMBEL, CANARY = "green", "gumbel", "canary"
MARK_SCHEMES = (GREEN, GUMBEL, CANARY)
"""What an order to mark can name as its measure."""


def scheme_settings(scheme: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a scheme as an order holds them, checked.

    Args:
        scheme: one of `MARK_SCHEMES`.
        changes: settings other than the defaults.

    Raises:
        ConfigError: there is no such scheme or setting, or one is out of its range.
    """
    if scheme not in MARK_SCHEMES:
        raise ConfigError(f"there is no scheme {scheme[:40]}", next_step=f"name one of {', '.join(MARK_SCHEMES)}")
    try:
        if scheme == CANARY:
            if changes:
                raise TypeError
            return {}
        return asdict(GreenListMark(**changes) if scheme == GREEN else GumbelMark(**changes))
    except TypeError as error:
        raise ConfigError(
            f"the scheme {scheme} has no such settings",
            where=", ".join(map(str, changes))[:80],
            next_step="green has gamma, delta and width; gumbel has width, temperature and top_p; canary has none",
        ) from error


def sampling_mark(order: Order) -> GreenListMark | GumbelMark:
    """The settings of an order whose mark is set while answers are drawn.

    Raises:
        ConfigError: it is about canaries or no mark at all, or its settings are none of its scheme.
    """
    if order.kind != "mark" or order.measure not in (GREEN, GUMBEL):
        raise ConfigError(
            "this order does not mark while answers are drawn",
            where=f"{order.order_id}: {order.measure}",
            next_step="its canaries are put into answers that exist already",
            command_step="'stillhunt model mark text' puts its canaries into answers that exist already",
        )
    settings = scheme_settings(order.measure, order.settings)
    return GreenListMark(**settings) if order.measure == GREEN else GumbelMark(**settings)
