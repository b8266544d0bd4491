"""The worked example of CONTRIBUTING is a kind of evidence that the catalogue takes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from source_tree import ROOT

from stillhunt.base import parameters
from stillhunt.base.wording import fields_of
from stillhunt.score.evidence.catalogue import CATALOGUE, checked
from stillhunt.score.evidence.kind import EvidenceKind

MARK = "<!-- worked example -->"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EvidenceKind:
    """The kind that the page declares, loaded as a module that leaves no trace."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split(MARK, 1)[1]
    code, table = (page.split(f"```{language}\n", 1)[1].split("```", 1)[0] for language in ("python", "toml"))
    (tmp_path / parameters.PARAMETER_FILE).write_text(table, encoding="utf-8")
    module = ModuleType("worked_example")
    module.__file__ = str(tmp_path / "worked_example.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(parameters, "_TABLES", dict(parameters._TABLES))
    exec(compile(code, "CONTRIBUTING.md", "exec"), module.__dict__)  # noqa: S102 - our own page
    kind = module.__dict__["KIND"]
    assert isinstance(kind, EvidenceKind)
    return kind


def test_the_catalogue_takes_it(example: EvidenceKind) -> None:
    assert example in checked([*CATALOGUE, example])


def test_its_figures_are_those_of_its_sentences(example: EvidenceKind) -> None:
    templates = (example.wording.evidence_for, example.wording.evidence_against)
    assert {name for template in templates for name, _ in fields_of(template)} == {"share"}
