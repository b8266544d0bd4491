"""`docs/glossary.md` defines each term once, in one sentence, with a link to code, and only terms that are in use."""

from __future__ import annotations

import re
from functools import cache

import pytest
from source_tree import ROOT

PAGE = ROOT / "docs" / "glossary.md"
ENTRY = re.compile(r"\*\*(?P<term>[^*]+)\*\*: (?P<text>.+?\.) (?P<links>(?:\[[^\]]+\]\([^)]+\)(?:, )?)+)")
NOT_SEARCHED = ("docs/glossary.md", "docs/commands.md", "docs/settings.md", "docs/tables.md", "docs/sources.md")


@cache
def entries() -> tuple[str, ...]:
    """The items of the list, each on one line."""
    _, *items = PAGE.read_text(encoding="utf-8").split("\n- ")
    return tuple(" ".join(item.split()) for item in items)


def term_of(entry: str) -> str:
    """The term that an item defines."""
    return entry.split("**")[1]


@cache
def searched_text() -> str:
    """Code, pages and README in lower case, with single spaces in place of line breaks, `_` and `-`."""
    files = [
        *(ROOT / "packages").rglob("*.py"),
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
    kept = [path for path in sorted(files) if path.relative_to(ROOT).as_posix() not in NOT_SEARCHED]
    return re.sub(r"[\s_#-]+", " ", " ".join(path.read_text(encoding="utf-8") for path in kept)).lower()


def is_used(term: str) -> bool:
    """True where the term occurs, also in the plural, anywhere but in the glossary."""
    words = re.escape(re.sub(r"[\s_-]+", " ", term.lower()))
    return re.search(rf"\b{words}(s|es)?\b", searched_text().replace("families", "familys")) is not None


@pytest.mark.parametrize("entry", entries(), ids=term_of)
def test_entry_is_one_sentence_with_a_link_to_code(entry: str) -> None:
    match = ENTRY.fullmatch(entry)
    assert match, f"not '- **term**: One sentence. [place](link)': {entry}"
    assert not re.search(r"\.\s+[A-Z]", match["text"]), "more than one sentence"
    for target in re.findall(r"\]\(([^)]+)\)", match["links"]):
        assert target.startswith("../packages/"), f"{target} is not code"
        assert (PAGE.parent / target).exists(), f"{target} does not exist"


@pytest.mark.parametrize("entry", entries(), ids=term_of)
def test_term_is_used_in_code_or_pages(entry: str) -> None:
    assert is_used(term_of(entry)), f"nobody uses '{term_of(entry)}': take it out of the glossary"


def test_a_term_that_nobody_uses_is_noticed() -> None:
    assert not is_used("quantum entanglement score")


def test_terms_are_in_alphabetical_order_and_defined_once() -> None:
    terms = [term_of(entry).lower() for entry in entries()]
    assert len(terms) > 30
    assert terms == sorted(set(terms))
