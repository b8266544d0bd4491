"""Skills that a request asks for or an answer shows, by the conduct flags that name them."""

from __future__ import annotations

SKILLS = (
    (1 << 0 | 1 << 15, "reasoning traces"),
    (1 << 1, "reasoning in a fixed format"),
    (1 << 2 | 1 << 16, "grading with rubrics"),
    (1 << 3, "cleaning of traces"),
    (1 << 4, "probing for hidden reasoning"),
    (1 << 5 | 1 << 17, "agent trajectories"),
    (1 << 6, "generation of tasks"),
    (1 << 7, "translation of hidden reasoning"),
    (1 << 12 | 1 << 18, "coding"),
    (1 << 13, "mathematics"),
    (1 << 14, "translation"),
)
"""Conduct flags that name a skill, of the request or of its answer, see `extract/text/conduct.py`; a test holds the two
together."""
NO_SKILL = "general instruction following"
"""What is said of requests that name none."""
