"""Texts that analysts write: stored as typed, with control characters made visible, and bounded."""

from __future__ import annotations

import re

from stillhunt.base.errors import ConfigError
from stillhunt.base.formatting import escape_controls
from stillhunt.decide.names import name_of_person

MOST_NARRATIVE_CHARACTERS = 20_000
"""Characters of a narrative. Judgement: ten pages, more than anybody reads about one campaign."""
MOST_COMMENT_CHARACTERS = 4_000
"""Characters of a comment or a note. Judgement: two pages."""
MOST_LABEL_CHARACTERS = 40
"""Characters of a label. Judgement: it fits into a column of the queue."""
MOST_LABELS = 12
"""Labels of one case. Judgement: more tell nothing apart."""
_LINE = re.compile("[^\n\t]+")


def long_text(typed: str, most: int, what: str) -> str:
    """A text of several lines as it is stored; line feeds and tabs stay.

    Args:
        typed: as it came; a form ends lines with carriage return and line feed.

    Raises:
        ConfigError: it has more.
    """
    text = typed.replace("\r\n", "\n")
    return _bounded(_LINE.sub(lambda line: escape_controls(line[0]), text), most, what)


def note_text(typed: str) -> str:
    """A comment, or why something is decided so, as it is stored.

    Raises:
        ConfigError: it is too long.
    """
    return long_text(typed.strip(), MOST_COMMENT_CHARACTERS, "a comment or note")


def label_text(typed: str) -> str:
    """A label as it is stored: one line.

    Raises:
        ConfigError: it is empty or too long.
    """
    text = escape_controls(typed.strip())
    if not text:
        raise ConfigError("a label has no text", where="label", next_step="write one")
    return _bounded(text, MOST_LABEL_CHARACTERS, "a label")


def person_text(typed: str, where: str) -> str:
    """A name of a user as it is stored.

    Raises:
        ConfigError: it can be no name.
    """
    return name_of_person(escape_controls(typed.strip()), "this can be no name of a user", where)


def _bounded(text: str, most: int, what: str) -> str:
    if len(text) > most:
        raise ConfigError(
            f"{what} has at most {most:,} characters, this has {len(text):,}",
            where=what.split()[-1],
            next_step="shorten it; control characters count as the several that show them",
        )
    return text
