"""What becomes of the output when it cannot be written, and of an interrupt before there is any."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
from case_tables import account_row, campaign_row, case_tables, member_row, run_record
from running import PROGRAM, clean_environment, run, run_anew, run_into

import stillhunt
from stillhunt.base.errors import OutputError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.cli import hunting
from stillhunt.cli.hunting import hunt
from stillhunt.cli.interrupts import INTERRUPTED
from stillhunt.triage import Case


def small_case() -> Case:
    tables = case_tables(
        campaigns=[campaign_row("c-aa11", "act", 0.999)],
        members=[member_row("-2+3", "c-aa11")],
        accounts=[account_row("-2+3", "act", "c-aa11")],
    )
    return Case(tables, run={**run_record(), "case_version": CASE_VERSION})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_case().write(tmp_path_factory.mktemp("output") / "case")


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "case"],
        ["explain", "case", "c-aa11"],
        ["explain", "case", "c-aa11", "--json"],
        ["schema"],
        ["doctor"],
        ["config", "show"],
        ["--version"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("unbuffered", [False, True])
def test_full_disk_on_stdout_is_one_error_line(folder: Path, arguments: list[str], unbuffered: bool) -> None:
    with (
        Path("/dev/full").open("wb", 0 if unbuffered else -1) as full,
        io.TextIOWrapper(full, "utf-8", write_through=unbuffered) as out,
    ):
        ended = run_into(out, *arguments, cwd=folder.parent)
    assert ended.returncode == 1
    assert ended.stderr == "error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(("arguments", "unbuffered"), [(["explain", "case", "c-aa11"], ""), (["--version"], "1")])
def test_full_disk_is_no_error_of_the_end_of_python(folder: Path, arguments: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=folder.parent,
            env=clean_environment(PYTHONUNBUFFERED=unbuffered),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "error: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("module", "option", "told"), [("signal", "--version", ""), ("typer", "--help", f"{INTERRUPTED}\n")]
)
def test_interrupt_while_the_program_loads_leaves_with_130(tmp_path: Path, module: str, option: str, told: str) -> None:
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")
    ended = run_anew(option, cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", told)


@pytest.mark.parametrize("error", [OutputError("the disk is full"), RuntimeError("a bug of the report")])
@pytest.mark.parametrize("as_json", [False, True])
def test_findings_are_printed_also_when_the_case_cannot_be_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    as_json: bool,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(stillhunt, "hunt", lambda *_, **__: small_case())
    monkeypatch.setattr(hunting, "compile_once", lambda _: None)
    monkeypatch.setattr(Case, "write", fail)
    with pytest.raises(type(error)):
        hunt(["a.jsonl"], out=tmp_path / "case", as_json=as_json)
    printed = capsys.readouterr().out
    assert "c-aa11" in printed
    if as_json:
        document = json.loads(printed)
        assert (document["exit_code"], document["case"]) == (1, None)


def test_an_id_that_begins_with_a_dash_is_explained(folder: Path) -> None:
    for dashes in ([], ["--"]):
        explained = run("explain", "case", *dashes, "-2+3", cwd=folder.parent)
        assert (explained.returncode, explained.stderr) == (0, "")
        assert "-2+3" in explained.stdout
    assert run("explain", "case", "-2+3", "--bogus", cwd=folder.parent).returncode == 2
