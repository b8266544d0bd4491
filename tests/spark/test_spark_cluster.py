"""A standalone cluster, of which a worker is killed in the middle: the tables of one machine, bit for bit."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scale" / "spark_cluster.py"
REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"


@pytest.mark.service
@pytest.mark.spark_more
def test_a_killed_worker_changes_no_table() -> None:
    if not REQUIRED and (importlib.util.find_spec("pyspark") is None or shutil.which("java") is None):
        pytest.skip("Spark or Java is not installed")
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "a worker was killed" in done.stdout
    assert "different: none" in done.stdout
