"""The tutorial shows what its commands print today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from source_tree import ROOT

import transcripts
from triage.fixtures import demo_case

DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", transcripts.PAGES)
def test_outputs_of_the_page_are_those_of_its_commands(name: str) -> None:
    page = (DOCS / name).read_text(encoding="utf-8")
    assert transcripts.rerun(page) == page, "run 'make transcript', and read whether the text around it still holds"


def test_output_that_changed_is_noticed_and_cut_where_the_page_cuts_it() -> None:
    page = "```console\n$ echo one; echo two\nthree\n...\n\n$ printf 'a\\nb\\n' |\n> sort -r\n```\n"
    told = "```console\n$ echo one; echo two\none\n...\n\n$ printf 'a\\nb\\n' |\n> sort -r\nb\na\n```\n"
    assert transcripts.rerun(page) == told
    assert transcripts.rerun(told) == told


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="ended with 2: no such thing"):
        transcripts.rerun("```console\n$ echo no such thing >&2; exit 2\n```\n")


def test_code_about_a_case_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = demo_case()
    case.write(tmp_path / "case")
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "howto" / "read-the-case.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    campaign = str(case.campaigns["campaign_id"][0])
    for block in blocks:
        code = compile(block.replace("c-28073b99", campaign), "read-the-case.md", "exec")
        exec(code, {})  # noqa: S102 - our own page
    assert f"Campaign {campaign}" in capsys.readouterr().out


def test_files_of_a_case_are_all_named(tmp_path: Path) -> None:
    page = (DOCS / "howto" / "read-the-case.md").read_text(encoding="utf-8")
    for file in demo_case().write(tmp_path / "case").iterdir():
        assert f"`{file.name}`" in page, file.name
