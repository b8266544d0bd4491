"""The tutorial shows what its commands print today."""

from __future__ import annotations

import pytest
from source_tree import ROOT

import transcripts

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
