"""What a dossier says alike of every campaign, from `page_texts.toml`, and on what each part of a page rests.

Every part that has sentences names columns of the pack's tables, its other files, or a text that claims nothing, in the
attribute `data-rows`, so that a program, or an opposing expert, can go from a sentence to its rows. A test walks all
sentences of rendered pages and resolves them.
"""

import tomllib
from importlib import resources
from typing import Any

from markupsafe import Markup, escape

PAGE_TEXTS: dict[str, Any] = tomllib.loads(
    resources.files("stillhunt_evidence.pages").joinpath("page_texts.toml").read_text(encoding="utf-8")
)
BOILERPLATE: dict[str, str] = PAGE_TEXTS["boilerplate"]
"""Kinds of text that say nothing of this campaign, and so rest on no row."""
REFERENCES: dict[str, tuple[str, ...]] = {part: tuple(on.split()) for part, on in PAGE_TEXTS["references"].items()}
"""Part of the page -> what it rests on."""


def rests(part: str) -> Markup:
    """The attribute that names what a part of `REFERENCES` or a kind of boilerplate rests on."""
    found = (part,) if part in BOILERPLATE else REFERENCES[part]
    return Markup(' data-rows="{}"').format(" ".join(found))


def rests_on_row(table: str, column: str, value: str) -> Markup:
    """The attribute that names one row of a table."""
    return Markup(' data-rows="{}"').format(escape(f"{table}[{column}={value}]".replace(" ", "_")))
