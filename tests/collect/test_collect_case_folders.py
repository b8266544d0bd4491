"""A case among the logs is passed over, however it is named, and said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from gathering import engine

from stillhunt.base.errors import InputError
from stillhunt.collect.locate.catalog import find_inputs
from stillhunt.collect.values.rejects import Rejects


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two logs and two cases; a run.json of somebody else makes no case."""
    for name in ("a.jsonl", "deep/b.jsonl", "case/accounts.parquet", "deep/old/accounts.parquet", "mine/c.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for folder in ("case", "deep/old"):
        (tmp_path / folder / "run.json").write_text('{"case_version": 3}')
    (tmp_path / "mine" / "run.json").write_text('{"request_id": "r1"}')
    return tmp_path


def found(*given: str | Path) -> tuple[list[str], list[str]]:
    """Names of the inputs, and what was noted."""
    notes: list[str] = []
    inputs = find_inputs([str(one) for one in given], engine(), Rejects(), notes.append)
    return [one.name for one in inputs], notes


@pytest.mark.parametrize("pattern", ["", "*", "**/*"])
def test_cases_below_a_folder_or_pattern_are_passed_over(logs: Path, pattern: str) -> None:
    names, notes = found(logs / pattern)
    assert {Path(name).name for name in names} == {"a.jsonl", "b.jsonl", "c.jsonl", "run.json"}
    (note,) = notes
    assert note.startswith("2 case folders (case, ")
    assert note.endswith("not read, being what a hunt wrote")


def test_a_case_that_is_named_beside_a_log_is_passed_over(logs: Path) -> None:
    names, notes = found(logs / "case", logs / "a.jsonl")
    assert (names, notes) == (["a.jsonl"], ["1 case folder (case) not read, being what a hunt wrote"])


@pytest.mark.parametrize("pattern", ["case", "case/*", "c*"])
def test_nothing_but_a_case_is_refused(logs: Path, pattern: str) -> None:
    with pytest.raises(InputError, match=r"nothing but 1 case folder \(case\) was given"):
        found(logs / pattern)


def test_a_folder_that_holds_only_a_case_is_refused(logs: Path) -> None:
    (logs / "deep" / "b.jsonl").unlink()
    with pytest.raises(InputError, match=r"no log files, only 1 case folder \(old\)"):
        found(logs / "deep")


def test_a_file_of_a_case_that_is_named_by_itself_is_read(logs: Path) -> None:
    assert found(logs / "case" / "accounts.parquet") == (["accounts.parquet"], [])
