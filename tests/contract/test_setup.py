"""Setting up: the targets that README and CONTRIBUTING name exist, and a message says what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from source_tree import ROOT

from slow_files import SLOWEST_FIRST, TOGETHER, find_unit


def make_venv(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / ".ci" / "make_venv.sh"), python, str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_target_that_the_docs_name_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"setup", "demo", "test", "bench", "dist"} <= targets
    for page in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"(?:^    |`)make ([a-z-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert named
        assert set(named) <= targets


def test_ci_prepares_nothing_that_a_newcomer_does_not_have() -> None:
    """After the packages of the system it calls `make test`, and no other target or program of ours."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    lines = [line.strip() for line in script.splitlines() if not line.lstrip().startswith("#")]
    assert [line for line in lines if re.search(r"\bmake +[a-z-]|\.venv|pip |-m stillhunt", line)] == [lines[-1]]
    assert lines[-1] == "STILLHUNT_REQUIRE_SERVICES=1 make test"


def test_the_checks_find_every_distribution_that_the_import_contracts_name() -> None:
    """`make lint` ran in no fresh clone: the contracts named a distribution that nothing had installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = {name.replace("_", "-") for name in project["tool"]["importlinter"]["root_packages"]}
    assert named == {path.name for path in (ROOT / "packages").iterdir()}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    houses = makefile.partition("\nHOUSES := ")[2].partition("\n\n")[0].partition("\n#")[0]
    recipe = makefile.partition("\n$(TOOLS_STAMP): ")[2].partition("\n\n")[0]
    assert "$(HOUSES)" in recipe
    assert set(re.findall(r"--editable packages/([\w-]+)", houses + recipe)) == named
    assert "lint: $(TOOLS_STAMP)" in makefile


def test_the_files_that_begin_first_exist() -> None:
    assert len(set(SLOWEST_FIRST)) == len(SLOWEST_FIRST)
    named = [*SLOWEST_FIRST, *(name for unit in TOGETHER for name in unit)]
    assert not [name for name in named if not (ROOT / "tests" / name).is_file()]
    assert {unit[0] for unit in TOGETHER} <= set(SLOWEST_FIRST), "where they begin, they stand next to each other"
    assert find_unit(TOGETHER[0][1]) == TOGETHER[0][0]


def test_message_says_that_there_is_no_python(tmp_path: Path) -> None:
    result = make_venv("", tmp_path / "venv")
    assert result.returncode == 1
    assert "needs Python 3.11 or newer and found none" in result.stderr


def test_message_names_the_python_that_does_not_exist(tmp_path: Path) -> None:
    result = make_venv("python-of-tomorrow", tmp_path / "venv")
    assert result.returncode == 1
    assert "no program called python-of-tomorrow" in result.stderr


def test_message_names_the_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.18 && exit\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    result = make_venv(str(old), tmp_path / "venv")
    assert result.returncode == 1
    assert "this is Python 3.9.18" in result.stderr
    assert not (tmp_path / "venv").exists()


def test_incomplete_python_leaves_no_environment_and_says_what_to_install(tmp_path: Path) -> None:
    """A Python that has neither venv nor pip: the incomplete folder is removed, and the message names the package."""
    incomplete = tmp_path / "python3"
    incomplete.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && exit 0\n[ "$2" = venv ] && mkdir -p "$3" && exit 1\nexit 1\n', encoding="utf-8"
    )
    incomplete.chmod(0o755)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    result = make_venv(str(incomplete), tmp_path / "venv")
    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("script", [".ci/run", ".ci/in_memory.sh", ".ci/make_venv.sh", "docs/transcript.sh"])
def test_scripts_are_well_formed_and_executable(script: str) -> None:
    path = ROOT / script
    shell = shutil.which("bash")
    assert shell is not None
    assert subprocess.run([shell, "-n", str(path)], check=False, timeout=20).returncode == 0
    assert path.stat().st_mode & 0o111
