"""What people write about a campaign, as it is stored."""

from __future__ import annotations

import re

from stillhunt.base.formatting import escape_controls
from stillhunt.decide.names import check_text_length, name_of_person

MOST_NARRATIVE_CHARACTERS = 20_000
"""Characters of a narrative. Judgement: ten pages, more than anybody reads about one campaign."""
MOST_COMMENT_CHARACTERS = 4_000
"""Characters of a comment or a note. Judgement: two pages."""
MOST_LABELS = 12
"""Labels of one case. Judgement: more tell nothing apart."""
_LINE = re.compile("[^\n\t]+")


def long_text(typed: str, most: int, what: str) -> str:
    """A text of several lines as it is stored; line feeds and tabs stay.

    `typed`: as it came; a form ends lines with carriage return and line feed. Raises ConfigError: it has more.
    """
    text = typed.replace("\r\n", "\n")
    return check_text_length(_LINE.sub(lambda line: escape_controls(line[0]), text), most, what)


def note_text(typed: str) -> str:
    """A comment, or why something is decided so, as it is stored; a ConfigError if it is too long."""
    return long_text(typed.strip(), MOST_COMMENT_CHARACTERS, "a comment or note")


def person_text(typed: str, where: str) -> str:
    """A name of a user as it is stored; a ConfigError if it can be no name."""
    return name_of_person(escape_controls(typed.strip()), "this can be no name of a user", where)
