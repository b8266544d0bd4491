"""What an inference server needs: the logits processor of an order in force, which stops when the order expires."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import LogitsProcessor

from stillhunt import ConfigError
from stillhunt_model.marks.following import MarkProcessor
from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.green_list import GreenListMark, GreenListProcessor
from stillhunt_model.marks.gumbel import GumbelMark, GumbelProcessor
from stillhunt_model.marks.keys import order_key
from stillhunt_model.marks.schemes import sampling_mark
from stillhunt_model.orders.order import Order

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
        order: in force, from `OrderRegister.active_order` or `OrderRegister.order_for`.
        tokenizer: of the model, a fast one of transformers.
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
