"""The small world's answer is the stored one, in this process and in one of another hash seed and thread count."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from golden_world import SPEC, STORED, as_text, golden_answer

HOW = "if findings were meant to move: python tests/golden/golden_world.py --write, and say in the commit why"


def test_answer_is_the_stored_one() -> None:
    assert as_text(golden_answer()) == STORED.read_text(encoding="utf-8"), HOW


def test_answer_is_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1", "STILLHUNT_THREADS": "1"}
    script = str(STORED.with_name("golden_world.py"))
    result = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == STORED.read_text(encoding="utf-8"), HOW


def test_the_stored_answer_is_worth_keeping() -> None:
    """Two campaigns, each of one operation's accounts only; all of both are flagged, and nobody else."""
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    assert sorted(c["truth"] for c in stored["campaigns"]) == [["careful"], ["crude"]]
    assert [c["verdict"] for c in stored["campaigns"]] == ["act", "act"]
    assert stored["flagged"] == {campaign.name: campaign.accounts for campaign in SPEC.campaigns}
