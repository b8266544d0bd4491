"""Whether declared terms let data train a model.

The table says what a well-known licence or contract says of training a model on the text; it is no legal advice. What
it does not know, and what depends on the use, is refused until somebody who has read the terms accepts them by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stillhunt import InputError
from stillhunt.tools import plural, shorten
from stillhunt_model.distil.terms import Terms, accepts, terms_id, terms_of

LONGEST_TERMS = 200
"""Characters of terms that a row may declare."""


@dataclass(frozen=True)
class Declared:
    """One declaration of terms.

    Attributes:
        text: as declared; empty where nothing was.
        place: where: a file and line, or the teacher.
    """

    text: str
    place: str


def check_terms(declared: Iterable[Declared], accepted: Iterable[str] = ()) -> dict[str, str]:
    """Refuse data whose terms do not let it train a model.

    Args:
        declared: the terms of each row, and of the teacher.
        accepted: terms that somebody has read and that allow this use; terms that forbid training cannot be accepted.

    Returns:
        The terms in use, as declared, with what they say.

    Raises:
        InputError: terms forbid it, are not declared, or depend on the use and are not accepted.
    """
    read = list(accepted)
    used: dict[str, str] = {}
    refused: dict[str, tuple[Declared, str, int]] = {}
    for one in declared:
        name = terms_id(one.text)
        if name in used:
            continue
        terms = terms_of(one.text)
        why = _refusal(one.text, terms, any(accepts(text, one.text) for text in read))
        if why:
            first, _, count = refused.get(name, (one, why, 0))
            refused[name] = (first, why, count + 1)
        else:
            used[name] = terms.why + (" (accepted)" if terms.stance == "depends" else "")
    if refused:
        first, why, _ = next(iter(refused.values()))
        count = sum(rows for _, _, rows in refused.values())
        raise InputError(
            why + (f" ({plural(count, 'such row')})" if count > 1 else ""),
            where=first.place,
            next_step="leave these rows out; or state the terms of rows that have none; or accept terms that you have "
            "read and that allow this use. Terms that forbid training cannot be accepted",
            command_step="leave these rows out; or state the terms of rows that have none with --terms; or accept "
            "terms that you have read and that allow this use with --accept. Terms that forbid training cannot be "
            "accepted",
        )
    return used


def _refusal(text: str, terms: Terms, accepted: bool) -> str:
    shown = shorten(text, 60)
    if not text.strip():
        return "no terms are declared, so nothing says that this may train a model"
    if terms.stance == "forbids":
        return f"the declared terms '{shown}' {terms.why}"
    if terms.stance == "depends" and not accepted:
        return f"the declared terms '{shown}' need a reader: {terms.why.removeprefix('are ')}"
    return ""
