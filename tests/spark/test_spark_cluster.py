"""A standalone cluster, of which a worker is killed in the middle: the tables of one machine, bit for bit.

The hunt is the cluster's driver, or a client of its Spark Connect server.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "scale" / "spark_cluster.py"
CLIENT = ROOT / ".venv-connect"
"""Libraries of a client of Spark Connect, which `make test-spark` puts beside those with which they do not go."""
REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"


@pytest.mark.service
@pytest.mark.spark_more
@pytest.mark.parametrize("way", ["driver", "connect"])
def test_a_killed_worker_changes_no_table(way: str) -> None:
    if not REQUIRED and (importlib.util.find_spec("pyspark") is None or shutil.which("java") is None):
        pytest.skip("Spark or Java is not installed")
    command, environment = [sys.executable, str(SCRIPT)], dict(os.environ)
    if way == "connect":
        if not REQUIRED and not CLIENT.exists():
            pytest.skip("make test-spark installs the client of Spark Connect")
        command.append("--connect")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(CLIENT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "a worker was killed" in done.stdout
    assert "different: none" in done.stdout
    assert "Warning" not in done.stderr
