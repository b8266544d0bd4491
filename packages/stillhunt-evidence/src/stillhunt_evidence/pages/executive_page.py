"""The page for an executive: what happened, how sure, how much, what is not known, what can be decided now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from stillhunt.case import NAME_CHARS, CampaignModel, Case
from stillhunt.tools import formatting
from stillhunt.verdicts import LIMIT_FAMILIES
from stillhunt_evidence.pages.alternatives import Alternative
from stillhunt_evidence.pages.assessment import leading_sentences
from stillhunt_evidence.pages.drawings import certainty_drawing
from stillhunt_evidence.pages.error_rates import (
    ChangedSettings,
    calibration_sentence,
    evidence_bits,
    false_groups_sentence,
)
from stillhunt_evidence.pages.facts import DossierFacts

_ROWS_OF_ASPECT = 2
_NARRATIVE_CHARS = 2000
_PARAGRAPHS = 6
_SENTENCES_OF_ACTOR = 6
_SENTENCE_CHARS = 400
_PLANTED = "Marks can be planted: whoever controls what only an actor should control leaves the same marks."
ASPECT_LABELS = {"model": "Model", "skill": "Skill", "subject": "Subject", "language": "Language, estimated"}


@dataclass(frozen=True)
class TakenRow:
    """What was taken under one heading, in words."""

    aspect: str
    value: str
    requests: str
    samples: str
    output_tokens: str
    list_value: str


def executive_page(
    case: Case,
    model: CampaignModel,
    alternatives: Sequence[Alternative],
    facts: DossierFacts,
    changed: ChangedSettings,
) -> dict[str, Any]:
    """What the executive's page says, by the names that the template has for it; every text is bounded and safe."""
    """What the executive's page says."""
    settings, row = model.run.settings, model.row
    words = f"{model.likelihood}, {model.probability}"
    rates = (
        (false_groups_sentence(evidence_bits(model), case.run.get("budget", {})), calibration_sentence(row["score"]))
        if changed.rates_hold
        else (changed.withheld,)
    )
    return {
        "figures": _list_key_figures(model),
        "narrative": paragraphs(facts.narrative),
        "certainty": certainty_drawing(row["score"], settings.review_probability, settings.act_probability, words),
        "how_sure": (_verdict_meaning(model), *rates),
        "instead": leading_sentences(model, alternatives),
        "taken": taken_rows(case, model),
        "who": who_sentences(facts),
        "unknown": tuple(formatting.sentence(one) for one in model.limits),
        "decide": _list_decisions_to_make(model),
    }


def _list_key_figures(model: CampaignModel) -> tuple[tuple[str, str], ...]:
    row = model.row
    return (
        ("accounts", formatting.count(row["accounts"])),
        ("requests", formatting.count(row["requests"])),
        ("share of all traffic", formatting.share_of(row["requests"], model.run.requests)),
        ("output tokens", formatting.amount(row["output_tokens"])),
        *([("at list price", value)] if (value := model.run.money(row["list_value"])) else []),
    )


def paragraphs(text: str) -> tuple[str, ...]:
    """A person's text as bounded paragraphs, safe to show."""
    parts = [" ".join(part.split()) for part in text[: 8 * _NARRATIVE_CHARS].split("\n\n")]
    return tuple(formatting.shorten(part, _NARRATIVE_CHARS) for part in parts if part)[:_PARAGRAPHS]


def _verdict_meaning(model: CampaignModel) -> str:
    settings = model.run.settings
    if model.verdict == "act":
        least = formatting.exact_percent(settings.act_probability)
        return (
            f"The verdict act means: the probability is {least} or more, at least two independent kinds of evidence "
            "agree, and the limit on false alarms is kept. It is not a decision; a person makes it."
        )
    if model.verdict == "review":
        least = formatting.exact_percent(settings.review_probability)
        said = f"The verdict review means: the probability is {least} or more"
        if not model.harvests:
            return f"{said}. A person should look; no harvest is claimed."
        held = [formatting.sentence(term.shown) for term in model.total.terms if term.family in LIMIT_FAMILIES]
        if model.row["score"] < settings.act_probability:
            held = [f"It is below the {formatting.exact_percent(settings.act_probability)} that the verdict act needs."]
        missing = "but something that the verdict act needs is missing. A person should look."
        return " ".join((f"{said}, {missing}", *held))
    return "There is no verdict: the evidence is below the threshold of review."


def taken_rows(case: Case, model: CampaignModel, most: int = _ROWS_OF_ASPECT) -> tuple[TakenRow, ...]:
    """What was taken, all of it first, then the largest parts of each aspect; nothing where the case does not say.

    `most`: rows of each aspect; what stands in brackets comes last.
    """
    own = case.taken.filter(pc.equal(case.taken["campaign_id"], model.row["campaign_id"])).to_pylist()
    shown: list[dict[str, Any]] = [row for row in own if row["aspect"] == "all"][:1]
    for aspect in ASPECT_LABELS:
        parts = [row for row in own if row["aspect"] == aspect]
        shown += sorted(parts, key=_named_first)[:most]
    return tuple(
        TakenRow(
            aspect=ASPECT_LABELS.get(row["aspect"], "All"),
            value="" if row["aspect"] == "all" else formatting.shorten(row["value"], NAME_CHARS),
            requests=formatting.count(row["requests"]),
            samples=formatting.count(row["samples"]),
            output_tokens=formatting.amount(row["output_tokens"]),
            list_value=model.run.money(row["list_value"]),
        )
        for row in shown
    )


def _named_first(row: Mapping[str, Any]) -> tuple[bool, int, str]:
    return row["value"].startswith("("), -row["requests"], row["value"]


def who_sentences(facts: DossierFacts) -> tuple[str, ...]:
    """Whether anybody is named, in sentences."""
    if facts.attribution is None:
        return ("Nobody is named. The log shows accounts, not who is behind them.",)
    found = facts.attribution
    more = "alternatives" if found.get("decision") == "named" else "reasons"
    said = [str(found.get("statement") or "Nobody is named."), *(str(one) for one in found.get(more, ()))]
    sentences = tuple(
        formatting.sentence(formatting.shorten(one, _SENTENCE_CHARS)) for one in said[:_SENTENCES_OF_ACTOR]
    )
    return (*sentences, _PLANTED) if more == "alternatives" else sentences


def _list_decisions_to_make(model: CampaignModel) -> tuple[str, ...]:
    preserve = "Preserve the logs: they are deleted by their own rules, and a dossier has only a part of them."
    return (*(formatting.sentence(one) for one in model.steps), preserve)
