"""What a dossier's HTML holds, read with the standard parser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

NUMBER = re.compile(r"[+\u2212-]?\d[\d,]*(?:\.\d+)?")


class DossierParser(HTMLParser):
    """Tags with attributes, the texts of each section, and the rows of each table."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.blocks: list[list[str]] = []
        self._section, self._silent, self._table, self._in_block = "", False, "", False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        self.tags.append((tag, known))
        if tag == "section":
            self._section = known["id"] or ""
        self._silent = tag in ("style", "script")
        if tag == "table":
            self._table = f"{self._section} {known.get('class') or ''}".strip()
        if tag == "tr" and self._table:
            self.rows.setdefault(self._table, []).append([])
        if tag in ("td", "th") and self._table:
            self.rows[self._table][-1].append("")
        if tag == "dl" and known.get("class") == "assessment":
            self.blocks.append([])
            self._in_block = True
        if tag == "dt" and self._in_block:
            self.blocks[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.rows[self._table] = [[" ".join(cell.split()) for cell in row] for row in self.rows[self._table]]
            self._table = ""
        if tag == "dl":
            self._in_block = False

    def handle_data(self, data: str) -> None:
        if self._silent:
            self._silent = False
            return
        self.texts.setdefault(self._section, []).append(data)
        if self._table and self.rows.get(self._table) and self.rows[self._table][-1]:
            self.rows[self._table][-1][-1] += data
        if self._in_block and self.blocks[-1]:
            self.blocks[-1][-1] += data

    def text(self, section: str | None = None) -> str:
        """The visible text of one section, or of all."""
        parts = [" ".join(texts) for name, texts in self.texts.items() if section in (None, name)]
        return " ".join(" ".join(parts).split())


def numbers(text: str) -> set[str]:
    """The numbers in a text, without sign and trailing separators."""
    return {found.strip("+\u2212-,") for found in NUMBER.findall(text)}
