"""Waiting for what another thread or process does, until it is done: never for a time in which it should be done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 0.01
"""From one look to the next. Judgement: what tests wait for takes longer, and a look costs microseconds."""


def wait_until(held: Callable[[], object], seconds: float = 30.0, what: str = "") -> float:
    """Look again and again until a condition holds.

    Args:
        held: the condition; true when it gives anything that counts as true.
        seconds: after which the test fails. It is no measure of speed: the machine may be busy.
        what: did not happen, for the message.

    Returns:
        Seconds that it took.

    Raises:
        AssertionError: it did not hold in time.
    """
    began = time.monotonic()
    while not held():
        waited = time.monotonic() - began
        assert waited < seconds, f"{what or 'it'} did not happen within {seconds:g} seconds"
        threading.Event().wait(LOOK_SECONDS)
    return time.monotonic() - began
