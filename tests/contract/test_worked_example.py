"""The worked example of CONTRIBUTING works as it stands on the page."""

from __future__ import annotations

from importlib import import_module

import pytest
from source_tree import ROOT

from stillhunt.base.formatting import sentence
from stillhunt.plugins import EvidenceKind
from stillhunt.score.evidence.catalogue import CATALOGUE, checked
from stillhunt.score.evidence.kind import missing_parts
from wording import assert_plain, fields_of

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SAMPLE = ROOT / "examples" / "plugins" / "stillhunt-cut-answers"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> EvidenceKind:
    """The kind that the page declares."""
    monkeypatch.syspath_prepend(str(SAMPLE))
    kind = import_module("stillhunt_cut_answers").PLUGIN
    assert isinstance(kind, EvidenceKind)
    return kind


def test_the_sample_package_is_what_the_page_says() -> None:
    code = PAGE.split("<!-- worked example -->", 1)[1].split("```python\n", 1)[1].split("```", 1)[0]
    assert code == (SAMPLE / "stillhunt_cut_answers.py").read_text(encoding="utf-8")


def test_the_page_is_short() -> None:
    assert len(PAGE.split()) <= 1_300


def test_the_kind_declares_all_that_anybody_needs_of_it(example: EvidenceKind) -> None:
    assert missing_parts(example) == []
    assert example in checked([*CATALOGUE, example])


def test_its_sentences_are_plain(example: EvidenceKind) -> None:
    templates = (example.wording.evidence_for, example.wording.evidence_against)
    assert {name for template in templates for name, _ in fields_of(template)} == {"share"}
    for text in (example.measures, example.null.honest):
        assert_plain(sentence(text))
    assert_plain(example.finding(1.0, {"share": 0.5}).statement + ".")
    assert_plain(example.finding(-1.0, {"share": 0.0}).statement + ".")
