"""What an inference server needs: the logits processor of an order in force, which stops when the order expires."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import LogitsProcessor

from stillhunt import ConfigError
from stillhunt_model.marks.following import MarkProcessor
from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.green_list import GreenListMark, GreenListProcessor
from stillhunt_model.marks.gumbel import GumbelMark, GumbelProcessor
from stillhunt_model.marks.keys import order_key
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


Clock = Callable[[], int]
"""Gives microseconds since 1970."""


def clock_now() -> int:
    """The time, in microseconds since 1970."""
    return time.time_ns() // 1000


class TimedProcessor(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """A mark that acts until its order expires, and then leaves every logit as it is.

    An order that is ended before its time is not seen here: look it up in the register for each request.

    Args:
        expires_at: microseconds since 1970.
    """

    def __init__(self, mark: MarkProcessor, expires_at: int, clock: Clock) -> None:
        self.mark = mark
        self._expires_at, self._clock = expires_at, clock

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Logits with the mark, or as they are.

        Args:
            input_ids: tokens so far, rows x length.
        """
        return self.mark(input_ids, scores) if self._clock() < self._expires_at else scores


def processor_for(
    order: Order, keys: Path, tokenizer: Any, *, gate: Gate | None = None, clock: Clock = clock_now
) -> TimedProcessor:
    """The logits processor of an order, for one batch at a time.

    Args:
        gate: for this tokenizer, where there is one already; it is the same for every order.

    Raises:
        ConfigError: the order is not in force, marks nothing while answers are drawn, or its secret is missing.
    """
    if not order.made_at <= clock() < order.expires_at:
        raise ConfigError(
            "the order is not in force: it marks nothing",
            where=order.order_id,
            next_step="answer without it, or have a new one signed",
        )
    mark = mark_processor(order_key(keys, order), sampling_mark(order), gate or gate_of(tokenizer))
    return TimedProcessor(mark, order.expires_at, clock)


def mark_processor(key: bytes, settings: GreenListMark | GumbelMark, gate: Gate) -> MarkProcessor:
    """The logits processor of a mark."""
    if isinstance(settings, GreenListMark):
        return GreenListProcessor(key, settings, gate)
    return GumbelProcessor(key, settings, gate)
