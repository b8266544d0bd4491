"""What is being taken, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.base.skills import NO_SKILL, SKILLS

MOST_NAMED = 5


_NAMED_SHARE = 0.25  # Share of the requests from which a skill is named (flags favour precision, so a quarter is clear)


def skills_of(conduct: npt.NDArray[np.integer[Any]]) -> list[str]:
    """Skills named by the conduct flags of a campaign's requests, the commonest first."""
    share = [(float(((conduct & flags) > 0).mean()) if len(conduct) else 0.0, name) for flags, name in SKILLS]
    named = [name for part, name in sorted(share, key=lambda s: (-s[0], s[1])) if part >= _NAMED_SHARE]
    return named[:MOST_NAMED] or [NO_SKILL]


def models_of(used: Mapping[str, int]) -> list[str]:
    """Models asked for, the most used first, at most ten."""
    return [model for model, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))[:10]]
