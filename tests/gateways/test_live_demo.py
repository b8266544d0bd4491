"""`make live-demo` keeps all its promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateways.proxies import program_of

DEMO = Path(__file__).parents[2] / "examples" / "gateway" / "live_demo.py"


@pytest.mark.service
def test_the_live_demo_keeps_its_promises() -> None:
    program_of("envoy")
    words = [sys.executable, str(DEMO), "--customers", "150", "--operation", "24"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "All promises kept." in ended.stdout
    assert ended.stdout.count("  ok   ") == 12
