"""The glossaries define each term once, in one sentence, with a link to code, and only terms that are in use."""

from __future__ import annotations

import re
from functools import cache

import pytest
from source_tree import ROOT

DOCS = ROOT / "docs"
PAGES = ("glossary.md", "glossary-evidence.md", "glossary-lab.md", "glossary-model.md")
MOST_TERMS_OF_THE_CORE = 70
"""What one person can hold in her head."""
ENTRY = re.compile(r"\*\*(?P<term>[^*]+)\*\*: (?P<text>.+?\.) (?P<links>(?:\[[^\]]+\]\([^)]+\)(?:, )?)+)")
NOT_SEARCHED = (*PAGES, "commands.md", "settings.md", "tables.md", "sources.md")


@cache
def entries_of(page: str) -> tuple[str, ...]:
    """The items of a page's list, each on one line."""
    _, *items = (DOCS / page).read_text(encoding="utf-8").split("\n- ")
    return tuple(" ".join(item.split()) for item in items)


def all_entries() -> list[str]:
    return [entry for page in PAGES for entry in entries_of(page)]


def term_of(entry: str) -> str:
    """The term that an item defines."""
    return entry.split("**")[1]


@cache
def searched_text() -> str:
    """Code, pages and README in lower case, with single spaces in place of line breaks, `_` and `-`."""
    files = [
        *(ROOT / "packages").rglob("*.py"),
        *DOCS.rglob("*.md"),
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
    ]
    kept = [path for path in sorted(files) if path.parent != DOCS or path.name not in NOT_SEARCHED]
    return re.sub(r"[\s_#-]+", " ", " ".join(path.read_text(encoding="utf-8") for path in kept)).lower()


def is_used(term: str) -> bool:
    """True where the term occurs, also in the plural, anywhere but in the glossary."""
    words = re.escape(re.sub(r"[\s_-]+", " ", term.lower()))
    return re.search(rf"\b{words}(s|es)?\b", searched_text().replace("families", "familys")) is not None


@pytest.mark.parametrize("entry", all_entries(), ids=term_of)
def test_entry_is_one_sentence_with_a_link_to_code(entry: str) -> None:
    match = ENTRY.fullmatch(entry)
    assert match, f"not '- **term**: One sentence. [place](link)': {entry}"
    assert not re.search(r"\.\s+[A-Z]", match["text"]), "more than one sentence"
    for target in re.findall(r"\]\(([^)]+)\)", match["links"]):
        assert target.startswith("../packages/"), f"{target} is not code"
        assert (DOCS / target).exists(), f"{target} does not exist"


@pytest.mark.parametrize("entry", all_entries(), ids=term_of)
def test_term_is_used_in_code_or_pages(entry: str) -> None:
    assert is_used(term_of(entry)), f"nobody uses '{term_of(entry)}': take it out of the glossary"


def test_a_term_that_nobody_uses_is_noticed() -> None:
    assert not is_used("quantum entanglement score")


@pytest.mark.parametrize("page", PAGES)
def test_terms_are_in_alphabetical_order(page: str) -> None:
    terms = [term_of(entry).lower() for entry in entries_of(page)]
    assert terms == sorted(terms)


def test_a_term_is_defined_once_and_the_core_has_few() -> None:
    terms = [term_of(entry).lower() for entry in all_entries()]
    assert len(terms) == len(set(terms))
    assert 30 < len(entries_of("glossary.md")) <= MOST_TERMS_OF_THE_CORE
