"""Commands about models without the extra: one line that says what to install, and no library of models is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = {
    "distil": ["distil"],
    "damage": ["damage", "case", "c", "--responses", "log.jsonl"],
    "mark answer": ["mark", "answer", "model", "prompts.jsonl", "--order", "mark-1", "-o", "out.jsonl"],
    "prove": ["prove", "suspect", "--teacher", "model", "--harvest", "harvest.jsonl", "-o", "proof.json"],
    "blunt measure": ["blunt", "measure", "-o", "out.json"],
}
HIDING = """from importlib.machinery import PathFinder
HIDDEN = {"gguf", "safetensors", "tokenizers", "torch", "transformers", "trl"}
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name.split(".")[0] in HIDDEN else found(name, *rest)
"""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_in_one_line_what_to_install(command: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "STILLHUNT_MODEL__FOLDER": str(tmp_path / "model")}
    done = subprocess.run(
        [sys.executable, "-m", "stillhunt", "model", *COMMANDS[command]],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 5
    error, step = done.stderr.strip().splitlines()
    assert error.startswith("error: commands about models need an extra")
    assert step == "  next: pip install 'stillhunt[model]'"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["sitecustomize.py"]
