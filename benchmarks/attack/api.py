"""The API against its own OpenAPI document: schemathesis asks what it allows, and what it does not."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from served import Served, served
from trials import Fell, Trial

EXAMPLES = 15
"""Calls that are made up for each operation, kind of data and phase."""
MOST_SECONDS = 240
SHOWN = 3000


def trials(seed: int) -> Iterator[Trial]:
    """One trial of all operations: most of the time is spent on reading the document."""
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        server = opened.enter_context(served(scratch / "data", ("--only", "ingest", "--only", "web")))
        yield Trial("API", "all operations of the document", partial(_asked, server, seed, scratch))


def _asked(server: Served, seed: int, scratch: Path) -> None:
    words = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{server.port}/v1/openapi.json"]
    words += ["--header", f"Authorization: Bearer {server.token}"]
    words += ["--max-examples", str(EXAMPLES), "--seed", str(seed), "--checks", "all", "--no-color"]
    # What is refused although the document allows it, such as an empty number, is no attack.
    words += ["--exclude-checks", "positive_data_acceptance"]
    words += ["--phases", "examples,coverage,fuzzing"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=MOST_SECONDS, check=False, cwd=scratch)
    if done.returncode:
        raise Fell(done.stdout[-SHOWN:] + done.stderr[-SHOWN:])
