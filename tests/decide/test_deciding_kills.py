"""Dozens of kills while snapshots are decided: the log is that of a run that nobody killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from decide.killing import decide_next, snapshot
from decide.scenes import SECRET, policy
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.log import read_log
from stillhunt.decide.rules import decide
from stillhunt.ledger.chain import LEDGER_START
from thoroughness import examples
from watch.databases import Opening

KILLS = examples(24, 200)
"""Kills at moments of chance, beside those of test_log.py at chosen ones; more of them find what is rarer."""


def test_dozens_of_kills_lose_nothing_and_double_nothing(opening: Opening, tmp_path: Path) -> None:
    database = opening()
    url = database.engine.url.render_as_string(hide_password=False) if "postgresql" in str(database.engine.url) else ""
    kills = KILLS // 3 if url else KILLS  # a connection to a server takes a tenth of a second
    words = [sys.executable, "-m", "decide.killing", url, str(tmp_path / "stillhunt.db"), str(kills)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = json.loads(subprocess.run(words, env=environment, check=True, capture_output=True).stdout)
    assert said["kills"] == kills
    assert len(said["acknowledged"]) == len(set(said["acknowledged"])), "none was decided twice"
    decide_next(database)
    log = read_log(database)
    last = max(entry.snapshot for entry in log)
    assert last > kills / 2, "children did decide something before they were killed"
    assert set(said["acknowledged"]) <= set(range(1, last + 1))
    expected: list[LogEntry] = []
    for sequence in range(1, last + 1):
        found, now = snapshot(sequence)
        expected += chained(
            decide(policy(), found, expected, now, SECRET), expected[-1].place if expected else LEDGER_START
        )
    assert log == expected, "as if nobody had been killed: every place, every hash"
