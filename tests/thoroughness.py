"""How much the tests of chance try: enough to notice what broke, and much more with STILLHUNT_THOROUGH=1."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("STILLHUNT_THOROUGH", "") not in ("", "0")
TIMES = 5 if THOROUGH else 1
"""By how much examples grow where a test names no other number."""


def examples(usual: int, thorough: int | None = None) -> int:
    """On how many examples or seeds a property is tried.

    Args:
        usual: in every run; the same ones each time, since these properties are derandomised.
        thorough: where time does not matter; None = five times as many.
    """
    return (thorough or usual * TIMES) if THOROUGH else usual
