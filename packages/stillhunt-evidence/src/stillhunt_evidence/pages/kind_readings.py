"""The honest explanations of a campaign, and which of them explains which kind of finding: one reading for each pair.

A finding *for* a harvest is explained by an honest explanation if that explanation would make it common, too. A finding
*against* a harvest counts for an explanation only if that explanation predicts it. Both are judgements about people and
programs, not measurements; they are written out, in `readings.toml`, so that anybody can argue with a single cell. A
kind of a plugin brings its own.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from stillhunt.verdicts import HonestReadings, all_kinds
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


@dataclass(frozen=True)
class ExplanationReading:
    """How one explanation reads findings of one kind.

    Attributes:
        explained: whether findings for a harvest would be common under it.
        predicted: whether it predicts findings of this kind against a harvest.
    """

    explained: bool
    reason: str
    predicted: bool


UNKNOWN_READING = ExplanationReading(False, "This kind of evidence is not known to this version.", False)
"""For a kind that another version wrote: no explanation is given credit for it."""


def readings_of(declared: HonestReadings) -> dict[str, ExplanationReading]:
    """Key of each explanation -> how it reads findings of one kind.

    Raises:
        KeyError: an explanation is forgotten.
    """
    readings = {
        key: ExplanationReading(is_explained, reason, key in declared.against.split())
        for is_explained, reasons in ((True, declared.explained), (False, declared.unexplained))
        for reason, keys in reasons.items()
        for key in keys.split()
    }
    return {key: readings[key] for key in BY_KINDS}


@cache
def all_readings() -> dict[str, dict[str, ExplanationReading]]:
    """Kind of evidence -> key of the explanation -> how it reads a finding of that kind."""
    text = resources.files(__package__).joinpath("readings.toml").read_text(encoding="utf-8")
    declared = {
        kind: HonestReadings(dict(one.get("explained", ())), dict(one.get("unexplained", ())), one.get("against", ""))
        for kind, one in tomllib.loads(text).items()
    }
    declared |= {kind.name: kind.readings for kind in all_kinds().values() if kind.readings is not None}
    return {kind: readings_of(one) for kind, one in declared.items()}
