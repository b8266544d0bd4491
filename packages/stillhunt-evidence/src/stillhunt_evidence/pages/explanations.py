"""The honest explanations that a dossier weighs beside a harvest: what each would predict, and how to check it."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt_evidence.pages.page_texts import PAGE_TEXTS

BY_CHANCE = "chance"
"""The explanation that is weighed by the false-alarm budget and not by kinds of evidence."""


@dataclass(frozen=True)
class HonestExplanation:
    """One way in which honest accounts could leave the traces of a campaign; all but the key are for readers.

    Attributes:
        name: a noun phrase without a capital.
        predicts: what the log would show if it were true, in a sentence.
        check: what would settle it, outside of the log, in a sentence.
        clears: whom it would clear, in a sentence.
    """

    key: str
    name: str
    predicts: str
    check: str
    clears: str


EXPLANATIONS = tuple(HonestExplanation(key, **texts) for key, texts in PAGE_TEXTS["explanations"].items())
"""In the order of all tables and pages where nothing else orders them."""

EXPLANATION_OF = {one.key: one for one in EXPLANATIONS}

BY_KINDS = tuple(one.key for one in EXPLANATIONS if one.key != BY_CHANCE)
"""Those that are weighed by kinds of evidence."""
