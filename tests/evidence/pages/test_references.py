"""Every sentence of a dossier names the rows on which it rests, and these are in the pack."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import pytest

from evidence.hunted import FULL, campaigns, packed
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.base.table_files import table_of_parquet
from stillhunt_evidence.packs.making import Pack
from stillhunt_evidence.pages.page_texts import BOILERPLATE, REFERENCES

_SAYS = frozenset(("p", "li", "dd", "td", "th", "pre", "figcaption", "h1"))
"""Elements that say something; headings, labels and captions name what follows."""
_EMPTY = frozenset(("meta", "path", "rect", "br", "link"))
_ROW = re.compile(r"(\w+)\[(\w+)=(.*)\]")
_MOST_ROWS = 1_000_000


class Sentences(HTMLParser):
    """Text of each element that says something, with its references."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str | None]] = []
        self._open: list[tuple[str, str | None, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        if tag not in _EMPTY:
            label = tag == "th" and known.get("scope") == "col"
            self._open.append((tag, known.get("data-rows"), label))

    def handle_endtag(self, tag: str) -> None:
        while tag not in _EMPTY and self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        says = any(tag in _SAYS and not label for tag, _, label in self._open)
        silent = any(tag in ("style", "svg") for tag, _, _ in self._open)
        if says and not silent and re.search(r"\w", data):
            named = next((rows for _, rows, _ in reversed(self._open) if rows), None)
            self.found.append((data.strip(), named))


def _resolves(reference: str, pack: Pack) -> bool:
    header = pack.manifest.header
    if reference in BOILERPLATE or reference in pack.files:
        return True
    if reference in ("attribution.json", "proof.json", "narrative.txt"):
        return False
    if found := _ROW.fullmatch(reference):
        table, column, value = found.groups()
        rows = table_of_parquet(pack.files[f"tables/{table}.parquet"], _MOST_ROWS)[column].to_pylist()
        return value in [str(one).replace(" ", "_") for one in rows]
    name, _, part = reference.partition(".")
    if name == "run":
        return part in msgspec.json.decode(pack.files["run.json"])
    if name == "manifest":
        return part in header or part == "files"
    return part in table_of_parquet(pack.files[f"tables/{name}.parquet"], _MOST_ROWS).column_names


def _unfounded(pack: Pack) -> list[str]:
    """Sentences without a reference that resolves."""
    found = Sentences(pack.files["dossier.html"].decode()).found
    assert len(found) > 200
    return [
        f"{text[:80]!r} -> {named}"
        for text, named in found
        if named is None or not any(_resolves(one, pack) for one in named.split())
    ]


@pytest.mark.parametrize("place", range(2))
def test_every_sentence_of_a_dossier_rests_on_rows_of_its_pack(place: int) -> None:
    names = campaigns()
    pack = packed(campaign_id=names[place % len(names)], narrative="They came in March.")
    assert _unfounded(pack) == []
    page = pack.files["dossier.html"].decode()
    assert len(Sentences(page.replace(' data-rows="campaigns', ' data-x="campaigns')).found) > 200


def test_a_sentence_without_rows_is_noticed() -> None:
    pack = packed(discretion=FULL)
    page = pack.files["dossier.html"].decode()
    changed = Pack(
        {**pack.files, "dossier.html": page.replace("</main>", "<p>They lie.</p></main>").encode()}, pack.manifest
    )
    assert _unfounded(changed) == ["'They lie.' -> None"]


def test_references_are_columns_that_tables_declare() -> None:
    for part, references in REFERENCES.items():
        for reference in references:
            name, _, column = reference.partition(".")
            table = {**CASE_TABLES, **CASE_VIEWS}.get(name)
            if table is not None:
                assert column in table.arrow.names, part
