"""Tables of parameters: few, checked when they are read, and honest about where each number comes from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from source_tree import ROOT

from stillhunt.base import parameters
from stillhunt.base.errors import ContractError
from stillhunt.base.parameters import PARAMETER_FILE, read_parameters

MOST_PARAMETERS = 250
SCRIPT = re.compile(r"benchmarks/[\w/]+\.py")
READ = re.compile(r'read_parameters\(\w+, "([\w.]+)"\)')
FILES = sorted((ROOT / "packages").glob(f"*/src/**/{PARAMETER_FILE}"))
TABLES = {
    f"{room}.{subject}": table
    for file in FILES
    for room, subjects in tomllib.loads(file.read_text("utf-8")).items()
    for subject, table in subjects.items()
}
ENTRIES = {
    f"{name}.{key}": (entry, table.get("would_measure"))
    for name, table in TABLES.items()
    for key, entry in table.items()
    if isinstance(entry, dict)
}


class Two(NamedTuple):
    """What the tables of these tests declare."""

    share: float
    shape: tuple[float, int]


GOOD = {
    "share": '{ value = 0.5, unit = "share", meaning = "Half.", derived = "1 / 2" }',
    "shape": '{ value = [1.0, 2], unit = "share, count", meaning = "Two.", judgement = "a test" }',
}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Reads the table `x.y` from lines that replace or add to good ones; None leaves one out."""
    monkeypatch.setattr(parameters, "_TABLES", {})
    module = ModuleType("room")
    module.__file__ = str(tmp_path / "room" / "module.py")
    monkeypatch.setitem(parameters.sys.modules, "room", module)
    monkeypatch.setattr(Two, "__module__", "room")
    monkeypatch.setitem(module.__dict__, "Two", Two)

    def read_lines(**changes: str | None) -> Two:
        lines = {"about": '"A test."', "would_measure": '"a test"', **GOOD, **changes}
        text = "[x.y]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)
        (tmp_path / PARAMETER_FILE).write_text(text, "utf-8")
        parameters._read_file.cache_clear()
        return read_parameters(Two, "x.y")

    return read_lines


def test_there_are_few() -> None:
    assert len(ENTRIES) <= MOST_PARAMETERS


def test_each_named_script_exists() -> None:
    texts = [str(text) for entry, usual in ENTRIES.values() for text in (*entry.values(), usual)]
    missing = {script for text in texts for script in SCRIPT.findall(text) if not (ROOT / script).is_file()}
    assert not missing


def test_what_was_measured_names_its_script_and_a_judgement_what_would_measure_it() -> None:
    for name, (entry, usual) in ENTRIES.items():
        if "measured" in entry:
            assert SCRIPT.match(entry["measured"]), name
        if "judgement" in entry:
            assert entry.get("would_measure", usual), name
        assert entry["meaning"].endswith("."), name


def test_each_table_is_read_by_one_room() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "packages").glob("*/src/**/*.py")]
    assert sorted(name for source in sources for name in READ.findall(source)) == sorted(TABLES)


def test_values_keep_their_types(read: Any) -> None:
    values = read()
    assert values == Two(0.5, (1.0, 2))
    assert [type(one) for one in values.shape] == [float, int]
    assert parameters.all_parameters()["x.y"][1][1].would_measure == "a test"


def test_a_moved_value_replaces_the_declared_one(read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parameters.moved, "x.y.share", 0.25)
    assert read() == Two(0.25, (1.0, 2))
    assert parameters.parameter_values("x.") == {"x.y": {"share": 0.5, "shape": [1.0, 2]}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"share": None}, "missing"),
        ({"further": GOOD["share"]}, "no field"),
        ({"share": GOOD["share"].replace("0.5", "1")}, "no float"),
        ({"share": GOOD["share"].replace("0.5", "1.5")}, "range"),
        ({"share": GOOD["share"].replace("0.5", "nan")}, "range"),
        ({"shape": GOOD["shape"].replace("1.0", "2.0")}, "range"),
        ({"shape": GOOD["shape"].replace("[1.0, 2]", "[1.0]")}, "is no"),
        ({"shape": GOOD["shape"].replace("2]", "2.0]")}, "no int"),
        ({"share": GOOD["share"].replace("unit", "units")}, "unit"),
        ({"share": GOOD["share"].replace("derived", "guessed")}, "one of"),
        ({"share": GOOD["share"].replace('"1 / 2"', '"1 / 2", judgement = "a"')}, "one of"),
        ({"share": GOOD["share"].replace('"Half."', '""')}, "text"),
        ({"share": "0.5"}, "inline table"),
        ({"would_measure": None}, "would_measure"),
        ({"about": None}, "no such table"),
        ({"share": "{"}, "TOML"),
    ],
)
def test_a_faulty_table_is_refused_with_file_and_key(changes: dict[str, str | None], said: str, read: Any) -> None:
    with pytest.raises(ContractError, match=said) as caught:
        read(**changes)
    assert PARAMETER_FILE in str(caught.value)


def test_a_table_is_read_once(read: Any) -> None:
    read()
    with pytest.raises(ContractError, match="two parameter tables"):
        read()
