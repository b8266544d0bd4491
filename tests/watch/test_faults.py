"""A few random faults against real servers, as `benchmarks/live/faults.py` does a thousand times."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/benchmarks/live")

import faults
import pytest

FAULTS = 4
SEED = 2
"""A seed with one server for everything, which starts sooner than two."""
TOO_LONG = ("second server on the folder", "two hunts at once")
"""Kinds that take seconds; a server of its own and a hunt beside another have tests of their own."""


def test_every_acknowledged_request_is_counted_once_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {
        kind: strike for kind, strike in faults.kinds_for(private=False, clocks=False).items() if kind not in TOO_LONG
    }
    monkeypatch.setattr(faults, "kinds_for", lambda **_: quick)
    monkeypatch.setattr(faults, "BETWEEN_SECONDS", 0.3)
    found = faults.run_round(tmp_path / "round", SEED, FAULTS, private=False, clocks=False, accounts=30)
    assert sum(found.faults.values()) == FAULTS
    assert found.wrong == []
    assert found.arrived >= found.acknowledged > 0
    assert found.errors == []
