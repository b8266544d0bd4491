"""Numbers that decide stand in tables, and a number that is moved reaches the compiled search."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stillhunt.base.compiled import folder_key
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.parameters import all_parameters

ROOT = Path(__file__).parents[2]
SEARCH = """
import json, sys
sys.path[:0] = [{folder!r}]
from stillhunt.base.parameters import moved
moved.update({moved!r})
import numpy as np
from simulated import draw_slices, drawn, joined, own_phrases
from stillhunt.link.groups.groups import find_groups
rng = np.random.default_rng(7)
slices = draw_slices(rng, joined(drawn(rng, 20), own_phrases(rng, 20)))
groups = find_groups(slices, formed_on=0, least=5)
print(json.dumps([float(group.phrase.sum()) for group in groups]))
"""


def searched(moved: dict[str, float]) -> list[float]:
    """Phrase bits of the groups that a new process finds with moved numbers."""
    code = SEARCH.format(folder=str(Path(__file__).parent), moved=moved)
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    bits: list[float] = json.loads(result.stdout)
    return bits


def test_a_moved_number_changes_what_was_compiled_before() -> None:
    """The kernel of the declared numbers lies on disk by then; a stale one would give its bits."""
    declared = searched({})
    assert declared
    assert searched({"link.groups.phrase_correlation": 0.4}) != pytest.approx(declared)
    assert searched({}) == declared


def test_every_number_of_link_and_resolve_says_what_it_is() -> None:
    for room in ("stillhunt.link", "stillhunt.resolve"):
        importlib.import_module(room)
    tables = {name: parameters for name, (_, parameters) in all_parameters().items()}
    own = [name for name in tables if name.startswith(("link.", "resolve.", "base."))]
    assert {"link.phrases", "link.clusters", "link.fragments", "link.topics", "link.groups", "link.queues"} <= set(own)
    for name in own:
        for one in tables[name]:
            where = f"{name}.{one.name}"
            assert one.unit, where
            assert one.meaning.endswith("."), where
            assert len(one.provenance.how) > 5, where


def test_the_key_of_a_folder_changes_with_files_and_numbers(tmp_path: Path) -> None:
    module = tmp_path / "kernels.py"
    module.write_text("A = 1\n", encoding="utf-8")
    first = folder_key(str(module), 1.0)
    assert first == folder_key(str(module), 1.0) < 1 << 56
    assert first != folder_key(str(module), 1.5)
    (tmp_path / "other.py").write_text("B = 2\n", encoding="utf-8")
    assert first != folder_key(str(module), 1.0)


@pytest.mark.parametrize("name", ["public_accounts", "public_requests"])
def test_the_old_names_of_settings_are_no_settings(name: str) -> None:
    with pytest.raises(ConfigError, match="no such setting"):
        Config.load({"link": {name: 10_000}}, environ={})
