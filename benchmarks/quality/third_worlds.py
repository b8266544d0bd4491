"""Honest worlds of a third generator, which is not part of this repository and writes the log of a LiteLLM proxy.

Its operations are left out. A pool that one of them rents stays, with the honest customers who are served through it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import stillhunt

_SAME = "s"
"""Ending of specs that are others with fewer accounts."""


def honest_spec(generator: Path, seed: int, accounts: int, days: int) -> dict[str, Any]:
    """One of the generator's specs without operations.

    Args:
        generator: its folder.
        seed: of the world; it also says which spec.
        accounts: honest accounts, those of rented pools and of document bots not counted.
        days: length of the log.
    """
    specs = sorted(path for path in (generator / "specs").glob("*.json") if not path.stem.endswith(_SAME))
    spec = json.loads(specs[seed % len(specs)].read_text("utf-8"))
    rented = [operation | {"requests": 0} for operation in spec["operations"] if operation.get("pool")]
    return spec | {"seed": seed, "accounts": accounts, "days": days, "operations": rented}


def hunt_third_world(generator: Path, spec: dict[str, Any], threads: int) -> tuple[dict[str, pa.Table], pa.Table]:
    """Case tables of a hunt in a world of a spec, and the truth about its accounts (account_id, kind).

    Raises:
        RuntimeError: the generator failed; the message ends with what it wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "spec.json").write_text(json.dumps(spec), "utf-8")
        words = [sys.executable, str(generator / "world.py"), "--spec", str(home / "spec.json"), "--out", str(home)]
        made = subprocess.run(
            words, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise RuntimeError(f"{generator / 'world.py'} failed; it needs orjson and pyarrow:\n{made.stderr[-2000:]}")
        config = stillhunt.Config.load({"threads": threads}, environ={})
        case = stillhunt.hunt(str(home / "requests"), str(home / "accounts.parquet"), config)
        return case.tables, pq.read_table(home / "truth" / "truth.parquet", columns=["account_id", "kind"])
