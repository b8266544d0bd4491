"""A case replaces nothing but a case, is written into no case, and both are known before the hunt."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from stillhunt.base.case_folder import case_folder_around, is_case_folder
from stillhunt.base.errors import OutputError
from stillhunt.triage import Case, folder
from stillhunt.triage.folder import check_target

from .fixtures import demo_case


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


def content(parent: Path) -> dict[str, bytes]:
    return {path.relative_to(parent).as_posix(): path.read_bytes() for path in parent.rglob("*") if path.is_file()}


@pytest.mark.parametrize("run", ["", "[]", '{"name": "training run"}', "[" * 100_000, '"case_version"'])
def test_a_folder_with_somebody_elses_run_json_is_never_replaced(case: Case, tmp_path: Path, run: str) -> None:
    other = tmp_path / "experiment"
    other.mkdir()
    (other / "run.json").write_text(run)
    with pytest.raises(OutputError, match="not a case folder"):
        case.write(other, force=True)
    assert content(tmp_path) == {"experiment/run.json": run.encode()}


def test_a_case_folder_with_a_file_of_the_user_is_never_replaced(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    (written / "accounts-for-legal.csv").write_text("account_id\n")
    before = content(written)
    with pytest.raises(OutputError, match=r"accounts-for-legal\.csv"):
        case.write(written, force=True)
    assert content(written) == before


def test_a_case_of_another_version_is_replaced(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    (written / "run.json").write_text('{"case_version": 1}')
    case.write(written, force=True)
    assert Case.read(written).run == case.run


@pytest.mark.parametrize("force", [False, True])
def test_what_cannot_be_written_is_known_before_the_hunt(case: Case, tmp_path: Path, force: bool) -> None:
    case.write(tmp_path / "case")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("case")
    (tmp_path / "loose").symlink_to("nowhere")
    before = content(tmp_path)
    for target, reason in {
        tmp_path / "file" / "case": "Not a directory",
        tmp_path / "file": "this is a file",
        tmp_path / "link": "this is a link, ",
        tmp_path / "loose": "this is a link to nothing",
        tmp_path / "loose" / "case": "No such file",
        tmp_path / "case" / "deep" / "case": "into a case folder",
        tmp_path / ("n" * 250): "File name too long",
        Path("/proc/x/case"): "No such file",
    }.items():
        with pytest.raises(OutputError, match=reason):
            check_target(target, force=force)
    assert content(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 4


def test_a_good_target_is_left_as_it_was(tmp_path: Path) -> None:
    assert check_target(tmp_path / "deep" / "case", force=False) == tmp_path / "deep" / "case"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", ["before the last check", "after it"])
def test_of_two_hunts_at_once_the_later_one_replaces_nothing(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The other hunt's case appears while this one is being written."""
    target = tmp_path / "case"
    other = Case(case.tables, run={**case.run, "seed": 77})
    render: Callable[[Case], str] = Case.report

    def meanwhile(self: Case) -> str:
        if not target.exists():
            monkeypatch.setattr(Case, "report", render)
            other.write(target)
            if moment == "after it":
                monkeypatch.setattr(folder, "check_existing", lambda *_, **__: None)
        return render(self)

    monkeypatch.setattr(Case, "report", meanwhile)
    with pytest.raises(OutputError, match=r"exists already|not empty"):
        case.write(target)
    assert json.loads((target / "run.json").read_text())["seed"] == 77
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_a_case_folder_is_told_from_others(case: Case, tmp_path: Path) -> None:
    written = case.write(tmp_path / "case")
    assert is_case_folder(written)
    assert not is_case_folder(tmp_path)
    assert case_folder_around(written / "deep" / "file") == written.resolve()
    assert case_folder_around(tmp_path / "other") is None
