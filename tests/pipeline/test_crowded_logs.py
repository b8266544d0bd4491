"""Customers who log are no campaign, however alike all of them are."""

from __future__ import annotations

import pytest
from tests.pipeline.crowded_logs import KINDS, crowded_log

import stillhunt
from stillhunt.base.config import Config
from thoroughness import examples

USUAL = ("campus", "families", "one product", "all of it", "help texts", "half of them")
"""Carriers and resellers are part of the last three."""


@pytest.mark.parametrize("kind", [*USUAL, *(kind for kind in KINDS if kind not in USUAL)][: examples(6, len(KINDS))])
def test_nobody_is_accused_where_all_customers_are_alike(kind: str) -> None:
    case = stillhunt.hunt(*crowded_log(KINDS[kind], seed=1), Config())
    assert "act" not in case.tables["campaigns"]["verdict"].to_pylist()
    assert case.run["counts"]["flagged"] == 0
