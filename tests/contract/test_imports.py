"""The import contracts of pyproject.toml hold, and would be noticed if they did not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from source_tree import ROOT


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the copy of the package in a folder, with the contracts of that folder."""
    code = (
        "import sys, glob; sys.path[:0] = glob.glob('packages/*/src');"
        "from importlinter.application.use_cases import lint_imports;"
        "from importlinter.configuration import configure; configure();"
        "sys.exit(not lint_imports(config_filename='pyproject.toml', cache_dir=None))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def copy_house(folder: Path) -> None:
    """Copy all that import-linter reads."""
    shutil.copytree(
        ROOT / "packages", folder / "packages", ignore=shutil.ignore_patterns("__pycache__", "vendor", "data")
    )
    shutil.copy(ROOT / "pyproject.toml", folder)


def test_contracts_hold(tmp_path: Path) -> None:
    copy_house(tmp_path)
    result = lint_imports(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


BROKEN = (
    ("stillhunt/link/__init__.py", "import stillhunt.collect", "rooms never import each other"),
    ("stillhunt/base/errors.py", "import stillhunt.score", "rooms never import each other"),
    ("stillhunt/score/__init__.py", "import duckdb", "Only the engine files know an engine"),
    ("stillhunt/resolve/__init__.py", "import numba", "Only kernel files, and what compiles them, know numba"),
    ("stillhunt/triage/__init__.py", "import stillhunt.cli", "rooms never import each other"),
    ("stillhunt_lab/worlds/build.py", "import stillhunt_lab.baselines", "methods know no benchmark"),
    ("stillhunt_lab/worlds/build.py", "import stillhunt.base.units", "use the public modules of the core"),
    ("stillhunt_lab/bench/run.py", "import stillhunt_lab.drill.run", "methods know no benchmark"),
    ("stillhunt/triage/__init__.py", "import stillhunt_evidence.entry", "the core knows no other house"),
    ("stillhunt_lab/entry.py", "import stillhunt_evidence.entry", "the core knows no other house"),
    (
        "stillhunt_lab/entry.py",
        "import stillhunt_server.plugins",
        "known to the console pages of evidence and signals",
    ),
    ("stillhunt_signals/entry.py", "import stillhunt.base.units", "use the public modules of the core"),
    ("stillhunt_signals/entry.py", "import stillhunt_evidence.entry", "the core knows no other house"),
    ("stillhunt_server/server.py", "import stillhunt.score", "The server knows no room that detects"),
    ("stillhunt_server/people/users.py", "import stillhunt_server.console.app", "Inside the server"),
    ("stillhunt/watch/folder.py", "import stillhunt_server.server", "the core knows no other house"),
    ("stillhunt/link/requests/arrays.py", "import stillhunt.link.topics.topics", "Inside link"),
    ("stillhunt/link/workload/operators.py", "import stillhunt.link.groups.groups", "Inside link"),
    ("stillhunt/extract/text/words.py", "import stillhunt.extract.store.store", "Inside extract"),
    ("stillhunt/score/stats/homogeneity.py", "import stillhunt.score.context.log", "Inside score"),
    ("stillhunt/collect/values/rejects.py", "import stillhunt.collect.locate.catalog", "Inside collect"),
    ("stillhunt/collect/history/kernels.py", "import stillhunt.collect.inspection", "Inside collect"),
)
"""A module, a statement that it may not have, and the contract that says so."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What is said where all of these statements stand in the code."""
    folder = tmp_path_factory.mktemp("broken")
    copy_house(folder)
    for module, statement, _ in BROKEN:
        (path,) = folder.glob(f"packages/*/src/{module}")
        path.write_text(path.read_text(encoding="utf-8") + f"\n{statement}\n", encoding="utf-8")
    result = lint_imports(folder)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(("module", "statement", "contract"), BROKEN)
def test_broken_import_is_caught(broken: str, module: str, statement: str, contract: str) -> None:
    assert any(contract in line for line in broken.splitlines() if "BROKEN" in line), broken
    # Each statement is named, and the others would not be enough to break the contract of this one.
    importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    imported = statement.removeprefix("import ")
    assert re.search(rf"{importer} -> {imported}\S* \(l\.", broken), broken
