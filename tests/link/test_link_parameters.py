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
from stillhunt.link.groups.parameters import GROUP_PARAMETERS
from stillhunt.link.groups.search_kernels import search

ROOT = Path(__file__).parents[2]
SEARCH = """
import json
from stillhunt.base.parameters import moved
moved.update({'link.groups.phrase_correlation': 0.4})
import numba
import numpy as np
from stillhunt.link.groups.fold_kernels import make_fold
from stillhunt.link.groups.search_kernels import search
ints = lambda *values: np.array(values, np.int64)
phrases, topics = np.ones((2, 3), np.int64), np.ones((2, 2), np.int64)
spread = numba.njit(lambda *given: make_fold(*given).spread)
shown = ints(8, 30), phrases, topics, (ints(0, 1), ints(0, 1), ints(2, 2))
print(json.dumps([spread(*shown).tolist(), search.py_func.__closure__[0].cell_contents]))
"""
CACHED = """
import sys
sys.path.insert(0, {folder!r})
from kernel import kernel
print(kernel(1.0)[0], sum(kernel.stats.cache_hits.values()))
"""


def printed(code: str) -> str:
    """What a new process prints."""
    source = os.pathsep.join([str(ROOT / "packages" / "stillhunt" / "src"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    ).stdout


def test_a_moved_number_reaches_the_compiled_search() -> None:
    """It is compiled into the search's parts, and the key of the whole search on disk is another one."""
    other, other_key = json.loads(printed(SEARCH))
    assert other == pytest.approx([1 + 8 * 0.4, 1 + 30 * 0.4])
    assert GROUP_PARAMETERS.phrase_correlation != 0.4
    assert search.py_func.__closure__[0].cell_contents != other_key


def test_a_kernel_on_disk_is_used_only_with_its_own_key(tmp_path: Path) -> None:
    """The search is made in this way: a kernel of one file, with parts of another, that returns its folder's key."""
    (tmp_path / "kernel.py").write_text(
        "import numba as nb\n"
        "from part import add\n"
        "from stillhunt.base.compiled import folder_key\n"
        "def make(key):\n"
        "    @nb.njit(cache=True)\n"
        "    def kernel(value):\n"
        "        return add(value), key\n"
        "    return kernel\n"
        "kernel = make(folder_key(__file__))\n",
        encoding="utf-8",
    )
    code = CACHED.format(folder=str(tmp_path))
    for number, printed_line in ((1.0, "2.0 0"), (5.25, "6.25 0"), (1.0, "2.0 1")):
        part = f"import numba as nb\n@nb.njit\ndef add(value):\n    return value + {number}\n"
        (tmp_path / "part.py").write_text(part, encoding="utf-8")
        assert printed(code).strip() == printed_line


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
