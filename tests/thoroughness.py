"""How much tests draw at random: few examples in every run, more where somebody looks for what few would miss.

TEST_THOROUGHNESS=5 make test
"""

from __future__ import annotations

import os

TIMES = int(os.environ.get("TEST_THOROUGHNESS", "1"))


def examples(usual: int) -> int:
    """As many examples or seeds as a test takes in this run.

    Args:
        usual: in every run.
    """
    return usual * TIMES
