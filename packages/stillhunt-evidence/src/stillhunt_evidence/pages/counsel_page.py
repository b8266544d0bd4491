"""The page for counsel: the claim in its exact strength, custody, alternatives, error rates, limits, and fairness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stillhunt.case import NAME_CHARS, CampaignModel, Case, coverage_parts, family_label
from stillhunt.tools import formatting
from stillhunt_evidence.pages.alternatives import Alternative, ReadFinding, bits_of, odds_of
from stillhunt_evidence.pages.assessment import likelihood_beside
from stillhunt_evidence.pages.drawings import FitBar, fit_bars
from stillhunt_evidence.pages.error_rates import ChangedSettings, ErrorRate, error_rates
from stillhunt_evidence.pages.facts import DossierFacts
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS
from stillhunt_evidence.pages.trained_models import training_sentences

_FINDINGS_SHOWN = 6
_AGAINST_SHOWN = 8
_UNEXPLAINED_SHOWN, _REASONS_SHOWN = 2, 4
_INPUTS_SHOWN = 12
_NOT_LOOKED_UP = 6
_DIGEST_CHARS = 64
_SENTENCE_CHARS = 300
_ALL_DEFAULTS = "Those of the search, the score and the seed are all the defaults."


@dataclass(frozen=True)
class AlternativeRow:
    """One honest explanation as a row: what it leaves unexplained, and what would settle it."""

    name: str
    predicts: str
    explained: str
    left: str
    fit: str
    odds: str
    unexplained: tuple[str, ...]
    missing: tuple[str, ...]
    predicted: str
    check: str
    clears: str
    bar: FitBar


@dataclass(frozen=True)
class InputRow:
    """One input of the hunt, safe to show."""

    name: str
    sha256: str
    bytes: str
    rows: str


@dataclass(frozen=True)
class CounselPage:
    """What counsel's page says; every field is bounded and safe to show.

    Attributes:
        reasons: of the leading explanation: family of findings, bits, and why it explains them.
        zero: position of zero in their bars.
        rates: rates of error; none where the settings are not the defaults.
    """

    shows: tuple[str, ...]
    consistent: tuple[str, ...]
    not_shown: tuple[str, ...]
    leading: AlternativeRow
    reasons: tuple[str, ...]
    alternatives: tuple[AlternativeRow, ...]
    zero: float
    against: tuple[tuple[str, str], ...]
    rates: tuple[ErrorRate, ...]
    withheld: str
    not_covered: tuple[str, ...]
    inputs: tuple[InputRow, ...]
    more_inputs: int
    custody: tuple[tuple[str, str], ...]
    redacted: tuple[str, ...]
    not_examined: tuple[str, ...]
    trained: tuple[str, ...]
    fairness: tuple[str, ...]


def counsel_page(
    case: Case,
    model: CampaignModel,
    alternatives: Sequence[Alternative],
    facts: DossierFacts,
    changed: ChangedSettings,
) -> CounselPage:
    """What counsel's page says."""
    bars, zero = fit_bars(alternatives)
    rows = tuple(_alternative_row(one, bar) for one, bar in zip(alternatives, bars, strict=True))
    budget: Mapping[str, Any] = case.run.get("budget", {})
    return CounselPage(
        shows=_shows(model),
        consistent=_consistent(model, rows[0], likelihood_beside(model, alternatives[0])),
        not_shown=tuple(formatting.sentence(one) for one in model.limits),
        leading=rows[0],
        reasons=_by_reason(alternatives[0].explained, _REASONS_SHOWN),
        alternatives=rows,
        zero=zero,
        against=tuple(
            (formatting.sentence(term.shown), _odds_of(term.bits)) for term in model.total.opposing[:_AGAINST_SHOWN]
        ),
        rates=error_rates(model.row["score"], model.total, budget, changed),
        withheld=f"{changed.withheld} The odds of chance hold for the defaults only, too." if changed.withheld else "",
        not_covered=tuple(PAGE_TEXTS["not_covered"]),
        inputs=_inputs(facts),
        more_inputs=max(0, len(facts.inputs) - _INPUTS_SHOWN),
        custody=(*_custody(facts), ("Settings", changed.sentence or _ALL_DEFAULTS)),
        redacted=_redacted(facts),
        not_examined=_not_examined(case, model),
        trained=training_sentences(facts.proof),
        fairness=tuple(PAGE_TEXTS["fairness"]),
    )


def _shows(model: CampaignModel) -> tuple[str, ...]:
    row = model.row
    counted = (
        f"{formatting.plural(row['accounts'], 'account')} sent {formatting.plural(row['requests'], 'request')} of this "
        f"kind {formatting.during(row['first_seen'], row['last_seen'])}."
    )
    return (counted, *(formatting.sentence(term.shown) for term in model.strongest[:_FINDINGS_SHOWN]))


def _consistent(model: CampaignModel, leading: AlternativeRow, likelihood: str) -> tuple[str, ...]:
    if model.harvests:
        what = "accounts that work as one operation and collect answers from one work queue"
    else:
        what = f"accounts of one operator: {model.kind}"
    return (
        f"{formatting.sentence_case(what)}. Probability: {model.probability} ({likelihood}).",
        f"Of the honest explanations, {leading.name} fits best: it {leading.fit} ({leading.odds}).",
    )


def _alternative_row(one: Alternative, bar: FitBar) -> AlternativeRow:
    explained = bits_of(one.explained)
    positive = explained + bits_of(one.unexplained)
    return AlternativeRow(
        name=one.explanation.name,
        predicts=one.explanation.predicts,
        explained=f"{formatting.number(explained)} of {formatting.number(positive)}" if one.expected is None else "",
        left=one.shown_left,
        fit=one.fit,
        odds=one.odds,
        unexplained=_by_reason(one.unexplained, _UNEXPLAINED_SHOWN),
        missing=tuple(f"Missing sign ({formatting.number(sign.bits)}): {sign.sentence}" for sign in one.missing),
        predicted=formatting.bits(bits_of(one.predicted)) if one.predicted else "",
        check=one.explanation.check,
        clears=one.explanation.clears,
        bar=bar,
    )


def _by_reason(findings: Sequence[ReadFinding], most: int) -> tuple[str, ...]:
    """Findings with one reason together, the strongest first; the weakest of many in one line."""
    bits: dict[tuple[str, str], list[float]] = {}
    for finding in findings:
        bits.setdefault((family_label(finding.family), finding.reason), []).append(finding.bits)
    sums = sorted(((math.fsum(parts), *key) for key, parts in bits.items()), key=lambda one: (-one[0], one[1:]))
    said = [f"{label} ({formatting.number(total)}): {reason}" for total, label, reason in sums[:most]]
    rest = [total for total, *_ in sums[most:]]
    if rest:
        said.append(f"{formatting.plural(len(rest), 'weaker reason')} ({formatting.number(math.fsum(rest))}).")
    return tuple(said)


def _odds_of(bits: float) -> str:
    """What evidence against weighs, in odds: `about 2.0 to 1 against`."""
    return f"{odds_of(bits)} against ({formatting.bits(bits)} bits)"


def _inputs(facts: DossierFacts) -> tuple[InputRow, ...]:
    return tuple(
        InputRow(
            formatting.shorten(one.name, NAME_CHARS),
            formatting.shorten(one.sha256, _DIGEST_CHARS) or "not taken",
            formatting.count(one.bytes),
            formatting.count(one.rows),
        )
        for one in facts.inputs[:_INPUTS_SHOWN]
    )


def _custody(facts: DossierFacts) -> tuple[tuple[str, str], ...]:
    shown = [(formatting.shorten(n, NAME_CHARS), formatting.shorten(v, NAME_CHARS)) for n, v in facts.versions]
    versions = ", ".join(f"{name} {version}" for name, version in shown) or "not recorded"
    signer = formatting.shorten(facts.signer, 2 * NAME_CHARS)
    digest = formatting.shorten(facts.request_digest, _DIGEST_CHARS)
    seed = "not recorded" if facts.seed is None else formatting.shorten(str(facts.seed), NAME_CHARS)
    rows = [
        ("Computed by", f"{versions}; seed {seed}"),
        (
            "Signed by",
            f"the key with fingerprint {signer}" if signer else "nobody; this page is not part of a signed pack",
        ),
        ("Time stamp", formatting.shorten(facts.time_stamp, _SENTENCE_CHARS) or "none"),
    ]
    if digest:
        count = formatting.plural(facts.request_count, "request")
        rows.append(("Ids of all requests", f"{count}; SHA-256 of the list of ids: {digest}"))
    return tuple(rows)


def _redacted(facts: DossierFacts) -> tuple[str, ...]:
    excerpts = (
        "Excerpts are as the case has them: redacted, and not shortened once more."
        if facts.full_excerpts
        else "Excerpts are short and redacted; they are a sample, and the log has the whole prompts."
    )
    ids = (
        "Ids of accounts, requests and organisations are keyed hashes: only the operator who made this pack can say "
        "which account is meant."
        if facts.pseudonyms
        else "Ids are those of the log: they may be personal data."
    )
    return (ids, excerpts, "Placeholders stand for secrets, addresses, names and numbers that could point to a person.")


def _not_examined(case: Case, model: CampaignModel) -> tuple[str, ...]:
    sentences = ["Traffic outside of these logs, at other providers, or before and after the period."]
    sentences.append("What the account holders say: nobody was asked before this page was made.")
    for part in coverage_parts(case.run):
        if part["state"] != "available":
            gap = part["sentence"] or part["missing"]
            sentences.append(formatting.sentence(f"{part['family']} evidence is {part['state']}: {gap}"))
    for gap in [str(one) for one in case.run.get("unenriched", [])][:_NOT_LOOKED_UP]:
        shown = formatting.shorten(gap.split(": ")[0], _SENTENCE_CHARS)
        sentences.append(formatting.sentence(f"Not looked up: {shown}"))
    sampled = case.run.get("sampled", {}).get("sentence", "")
    if sampled:
        sentences.append(formatting.sentence(formatting.shorten(str(sampled), _SENTENCE_CHARS)))
    sentences += [formatting.sentence(f"Insufficient data: {term.shown}") for term in model.total.insufficient]
    rejects = int(case.run.get("counts", {}).get("rejects") or 0)
    if rejects:
        sentences.append(f"{formatting.plural(rejects, 'row')} of the log could not be used, and were set aside.")
    return tuple(sentences)
