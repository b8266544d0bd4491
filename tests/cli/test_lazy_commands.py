"""Tables of commands: they say what is true, only what is asked for is imported, and distributions may be absent."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from stillhunt.base import plugin_groups as groups
from stillhunt.base.errors import ConfigError
from stillhunt.base.installing import install_command
from stillhunt.base.plugin_groups import READERS
from stillhunt.cli import app as root
from stillhunt.cli import entries, start
from stillhunt.cli.app import CORE_COMMANDS, EARLIER_NAMES, app
from stillhunt.cli.data import DATA_TABLE
from stillhunt.cli.entries import COMES_WITH, CommandEntry, entry_of
from stillhunt.cli.lazy import load_command
from stillhunt_evidence import entry as evidence_entry
from stillhunt_lab import entry as lab_entry
from stillhunt_lab.commands.app import LAB_TABLE
from stillhunt_server import entry as server_entry
from stillhunt_signals import entry as signals_entry
from stillhunt_signals.commands.signals import SIGNALS_TABLE

OTHERS = {**vars(evidence_entry), **vars(lab_entry), **vars(signals_entry)}
SERVER = {name.removesuffix("_case"): row for name, row in vars(server_entry).items() if isinstance(row, CommandEntry)}
ROWS = {
    **CORE_COMMANDS,
    **{name: row for name, row in OTHERS.items() if isinstance(row, CommandEntry)},
    **SERVER,
    **{f"data {name}": row for name, row in DATA_TABLE.items()},
    **{f"lab {name}": row for name, row in LAB_TABLE.items()},
    **{f"signals {name}": row for name, row in SIGNALS_TABLE.items()},
}
MOST_SHOWN = 20
HIDING = "import importlib.metadata\nimportlib.metadata.entry_points = lambda **_: []\n"


@pytest.mark.parametrize("name", ROWS)
def test_a_row_says_what_the_command_says_of_itself(name: str) -> None:
    command = load_command(name.split()[-1], ROWS[name])
    assert " ".join((command.help or "").split("\n\n")[0].split()) == ROWS[name].help


def test_the_core_shows_few_commands() -> None:
    assert sum(not row.hidden for row in CORE_COMMANDS.values()) <= MOST_SHOWN


@pytest.mark.parametrize("name", EARLIER_NAMES)
def test_an_earlier_name_works_and_is_not_shown(name: str) -> None:
    group: Any = get_command(app)
    command = group.get_command(None, name)
    assert (command.hidden, command.help) == (True, group.commands["data"].commands[name].help)
    assert name not in list(group.commands)


def test_a_version_imports_no_library() -> None:
    heavy = ("typer", "rich", "pydantic", "importlib.metadata", "numpy")
    code = (
        "import sys, atexit; sys.argv[1:] = ['--version']\n"
        f"atexit.register(lambda: print([m for m in {heavy} if m in sys.modules]))\n"
        "from stillhunt.cli import main; main()"
    )
    assert printed_by(code).splitlines()[1:] == ["[]"]


def test_help_imports_no_command() -> None:
    code = (
        "import sys, atexit; sys.argv[1:] = ['--help']\n"
        "atexit.register(lambda: print([m for m in sys.modules if 'cli.hunting' in m or m in ('rich', 'pydantic')]))\n"
        "from stillhunt.cli import main; main()"
    )
    shown = printed_by(code)
    assert shown.splitlines()[-1] == "[]"
    assert "hunt  " in shown


def test_what_imports_leave_is_rarely_searched_for_garbage() -> None:
    code = (
        "import gc, sys, atexit; sys.argv[1:] = ['hunt', '--help']\n"
        "atexit.register(lambda: print(gc.get_freeze_count(), sum(one['collections'] for one in gc.get_stats())))\n"
        "from stillhunt.cli import main; main()"
    )
    kept_to_the_end, searches = map(int, printed_by(code).splitlines()[-1].split())
    assert kept_to_the_end > 10_000
    assert searches < 50


def test_a_hunt_loads_no_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    pa.array([1]).to_pandas()  # in this process, Arrow has it already
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    monkeypatch.setattr(start, "own_process", True)
    before = sys.meta_path.copy()
    point = EntryPoint("birds", "birds:READER", READERS.entry_points)
    with monkeypatch.context() as installed:
        installed.setattr(groups, "entry_points", lambda group: [point] if group == point.group else [])
        assert CliRunner().invoke(app, ["hunt", "nowhere.jsonl"]).exit_code
    assert sys.meta_path == before, "a plugin that is not loaded yet may need it"
    assert CliRunner().invoke(app, ["hunt", "nowhere.jsonl"]).exit_code
    with pytest.raises(ImportError, match="pandas"):
        sys.meta_path[0].find_spec("pandas", None)


def printed_by(code: str) -> str:
    """What Python prints that imports only what the code asks for, on the search path of this process."""
    start = f"import sys; sys.path[:] = {sys.path!r}\n"
    return subprocess.run([sys.executable, "-I", "-c", start + code], capture_output=True, text=True, check=True).stdout


def test_a_command_of_an_absent_distribution_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))}
    done = subprocess.run(
        [sys.executable, "-m", "stillhunt", "dossier", "case", "camp"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 5
    assert done.stderr.splitlines() == [
        "error: this command comes with stillhunt-evidence",
        f"  next: {install_command('evidence')}",
    ]


@pytest.mark.parametrize("name", COMES_WITH)
def test_every_command_of_another_distribution_has_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(root, "other_commands", dict)
    with pytest.raises(ConfigError, match=f"comes with stillhunt-{COMES_WITH[name]}"):
        CliRunner().invoke(app, [name, "--help"], catch_exceptions=False)
    assert f"  {name} " not in CliRunner().invoke(app, ["--help"]).stdout


def test_entry_points_are_those_that_the_table_names() -> None:
    declared = {name: "evidence" for name, row in vars(evidence_entry).items() if isinstance(row, CommandEntry)}
    declared |= {name: "lab" for name, row in vars(lab_entry).items() if isinstance(row, CommandEntry)}
    declared |= dict.fromkeys(SERVER, "server")
    declared |= {name: "signals" for name, row in vars(signals_entry).items() if isinstance(row, CommandEntry)}
    assert {**declared, "model": "model"} == COMES_WITH


def test_a_part_of_an_absent_distribution_is_missed_before_work_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(entries, "PARTS_GROUP", "stillhunt.no_such_parts")
    with pytest.raises(ConfigError, match="comes with stillhunt-server") as caught:
        CliRunner().invoke(app, ["demo", "--serve", "--out", str(tmp_path / "demo")], catch_exceptions=False)
    assert caught.value.next_step == install_command("server")
    assert not (tmp_path / "demo").exists()


def test_a_part_that_cannot_be_loaded_names_its_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("serve_demo", "no_such_module:serve", entries.PARTS_GROUP)
    monkeypatch.setattr(entries, "entry_points", lambda **_: [broken])
    with pytest.raises(ConfigError, match="serve_demo of no_such_module cannot be loaded"):
        entries.part_of_another("serve_demo", "server")


def test_commands_that_cannot_be_loaded_do_not_break_the_help(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {
        "absent": EntryPoint("absent", "no_such_module:row", "stillhunt.commands"),
        "wrong": EntryPoint("wrong", "stillhunt.cli.entries:COMES_WITH", "stillhunt.commands"),
        "late": EntryPoint("late", f"{__name__}:LATE", "stillhunt.commands"),
    }
    monkeypatch.setattr(root, "other_commands", lambda: broken)
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    assert "absent, wrong; run one to see why." in shown.stdout
    for name, why in (("absent", "no_such_module"), ("wrong", "is no CommandEntry"), ("late", "nothing_here")):
        with pytest.raises(ConfigError, match=f"the command {name} of .* cannot be loaded: .*{why}"):
            CliRunner().invoke(app, [name], catch_exceptions=False)


LATE = CommandEntry("A row of a command that is not there.", "stillhunt.cli.entries:nothing_here")


def test_a_function_of_a_stranger_is_a_command() -> None:
    command = load_command("greet", CommandEntry("Say hello.", f"{__name__}:greet"))
    assert (command.name, command.help) == ("greet", "Say hello.")
    assert entry_of(EntryPoint("late", f"{__name__}:LATE", "stillhunt.commands")) == LATE


def greet(name: str) -> None:
    """Say hello."""
    del name


@pytest.mark.skipif(find_spec("stillhunt_model") is None, reason="stillhunt-model is not installed")
def test_rows_about_models_are_true_without_their_libraries() -> None:
    from stillhunt_model.commands.app import MODEL_TABLE
    from stillhunt_model.entry import model

    for name, row in {**MODEL_TABLE, "model": model}.items():
        command = load_command(name, row)
        assert " ".join((command.help or "").split("\n\n")[0].split()) == row.help
