"""Names of those who decide, file or appeal, and texts as a database takes them."""

import unicodedata

from stillhunt.base.errors import ConfigError
from stillhunt.base.formatting import escape_controls

_NAME_CHARS, _NOTE_CHARS = 128, 2_000
DEADLINE = "deadline"
"""Author of what follows from an appeal that nobody decided in time; no person may have this name."""
RULE_PREFIX = "rule:"  # begin of the author of what a rule decides; no person's name begins with it
OWN_RULE_PREFIX = f"{RULE_PREFIX}own."  # the same of a rule of the provider's own


def name_of_person(by: str, what: str, where: str) -> str:
    """A name that a person or a token may have, without spaces around it.

    Raises ConfigError: it is empty or too long, or it is one of those that stillhunt itself has in the log.
    """
    name = storable(by).strip()
    key = name_key(name)
    if not key or len(name) > _NAME_CHARS or key == DEADLINE or key.startswith(RULE_PREFIX):
        raise ConfigError(
            what,
            where=where,
            next_step=f"give a name of at most {_NAME_CHARS} characters, not '{DEADLINE}' and not of a rule",
        )
    return name


def name_key(name: str) -> str:
    """What two spellings of one name have in common."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def storable(text: str) -> str:
    """A text without what databases refuse: NUL, and halves of characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def note_of(text: str) -> str:
    """A note as the log keeps it: what a database takes, and of bounded length."""
    return storable(text)[:_NOTE_CHARS]


MOST_LABEL_CHARACTERS = 40
"""Characters of a label. Judgement: it fits into a column of the queue."""


def label_text(typed: str) -> str:
    """A label as it is stored: one line; a ConfigError if it is empty or too long."""
    text = escape_controls(typed.strip())
    if not text:
        raise ConfigError("a label has no text", where="label", next_step="write one")
    return check_text_length(text, MOST_LABEL_CHARACTERS, "a label")


def check_text_length(text: str, most: int, what: str) -> str:
    """The text; a ConfigError if it has more than `most` characters."""
    if len(text) > most:
        raise ConfigError(
            f"{what} has at most {most:,} characters, this has {len(text):,}",
            where=what.split()[-1],
            next_step="shorten it; control characters count as the several that show them",
        )
    return text
