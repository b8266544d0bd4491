"""How much the tests of chance try: enough to notice what broke, and much more with STILLHUNT_THOROUGH=1."""

from __future__ import annotations

import os

THOROUGH = os.environ.get("STILLHUNT_THOROUGH", "") not in ("", "0")


def examples(usual: int, thorough: int) -> int:
    """How many examples a property is tried on.

    Args:
        usual: in every run; the same ones each time, since these properties are derandomised.
        thorough: where time is no matter.
    """
    return thorough if THOROUGH else usual
