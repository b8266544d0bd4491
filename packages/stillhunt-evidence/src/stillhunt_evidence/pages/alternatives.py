"""The explanations beside the claim about a campaign, with the odds against each that the case itself has.

The score follows from these odds: P = 1 / (1 + the sum of 2^-odds), so no page can say two things. A finding counts
against an explanation as far as the rules of the verdict say; the rest of it the explanation explains as well as the
claim does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stillhunt.case import LEAST_BITS, NAME_CHARS, CampaignModel, Case, evidence_about
from stillhunt.tools import formatting
from stillhunt.verdicts import (
    EXPLANATION_OF,
    FAMILY_OF,
    OTHERS,
    POSING_OPERATION,
    Finding,
    HonestExplanation,
    WeighedExplanation,
    capped,
    odds_against_all,
    weigh_explanations,
)

AS_LIKELY = 1.0
"""Log2 odds against an explanation up to which it is about as likely as the claim: two to one."""
ONE_OPERATOR = "one operator"
"""What is claimed of accounts that pose as separate customers."""
_STATEMENT_CHARS = 400
_OF_ONE_OPERATOR = Finding("", "", "One operator may do other things than harvest", 0.0)
_OF_LOW_ODDS = Finding("", "", "Few groups for which all explanations together leave such doubt were harvests", 0.0)


@dataclass(frozen=True)
class PartOfOdds:
    """A finding with those of its bits that count against an explanation, for it, or for neither; safe to show."""

    family: str
    statement: str
    bits: float


@dataclass(frozen=True)
class Alternative:
    """One explanation beside the claim about a campaign."""

    explanation: HonestExplanation
    claim: str  # what it is compared with, as a noun phrase
    odds_bits: float  # log2 odds of the claim against it
    # the same before any evidence; None where the case was weighed by rules of another version, whose parts are not
    # known
    prior_bits: float | None = None
    # against, for_it: findings that count against it and for it, the strongest first, each with positive bits
    against: tuple[PartOfOdds, ...] = ()
    for_it: tuple[PartOfOdds, ...] = ()
    # findings for the claim that it explains, with the bits that so count for nothing
    explained: tuple[PartOfOdds, ...] = ()

    @property
    def name(self) -> str:
        """What it is called, safe to show."""
        return self.explanation.name

    @property
    def as_likely(self) -> bool:
        """Whether it is about as likely as the claim, or more likely."""
        return self.odds_bits <= AS_LIKELY

    @property
    def odds(self) -> str:
        """How likely it is beside the claim: `40 times less likely than a harvest`."""
        return f"{formatting.odds_in_words(self.odds_bits)} {self.claim}"


def alternatives_of(case: Case, model: CampaignModel) -> tuple[Alternative, ...]:
    """What a claim is weighed against, the explanation that fits best first.

    Beside a harvest that is every explanation; beside one operator, whatever it does, only those without one. Nothing
    where the case does not say: those before version 8, and linked accounts, which are weighed against nothing.
    """
    known = _explanations_of(case, model)
    if not _claims_one_operator(model, known):
        return known
    # In units of the probability of a harvest, which is one operator's, too.
    more = -odds_against_all([0.0, *(one.odds_bits for one in known if one.explanation.one_operator)])
    return tuple(_beside_one_operator(one, more) for one in known if not one.explanation.one_operator)


def operators_of(case: Case, model: CampaignModel) -> tuple[Alternative, ...]:
    """What the one operator of accounts that pose as separate customers may be but a harvester, the likeliest first."""
    known = _explanations_of(case, model)
    return tuple(one for one in known if one.explanation.one_operator) if _claims_one_operator(model, known) else ()


def _claims_one_operator(model: CampaignModel, known: Sequence[Alternative]) -> bool:
    """Whether the score is that of one operator; of a group left alone, whose kind is not said, the odds tell."""
    if model.verdict != "none" or not known:
        return bool(model.row["kind"] == POSING_OPERATION)
    harvest = odds_against_all([one.odds_bits for one in known])
    return abs(model.total.log2_odds - harvest) >= LEAST_BITS


def _beside_one_operator(one: Alternative, more: float) -> Alternative:
    more_against = _list_strongest_parts([_OF_ONE_OPERATOR], [more]) if one.prior_bits is not None else ()
    return replace(one, claim=ONE_OPERATOR, odds_bits=one.odds_bits + more, against=(*one.against, *more_against))


def _explanations_of(case: Case, model: CampaignModel) -> tuple[Alternative, ...]:
    """Every explanation that the case has of a campaign, beside a harvest, the likeliest first."""
    evidence = evidence_about(case, model.row["campaign_id"]).drop_columns(["request_ids"]).to_pylist()
    rows = [row for row in evidence if row["account_id"] is None]
    settings = model.run.settings
    within = capped(_list_measured_findings(rows), settings.family_cap_bits.model_dump())
    weighed = {
        one.explanation.key: one for one in weigh_explanations(within, settings.prior_bits, settings.linkage_cap_bits)
    }
    known = [
        _build_alternative(row["kind"], row["raw_bits"], within, weighed.get(row["kind"]))
        for row in rows
        if row["family"] == OTHERS
    ]
    place = {key: number for number, key in enumerate(EXPLANATION_OF)}
    return tuple(
        sorted(known, key=lambda one: (one.odds_bits, place.get(one.explanation.key, len(place)), one.explanation.key))
    )


def _list_measured_findings(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    findings = [row for row in rows if row["family"] in FAMILY_OF]
    return [
        Finding(row["family"], row["kind"], row["statement"], row["raw_bits"], independent=row["independent"])
        for row in sorted(findings, key=lambda row: (row["family"], row["kind"]))
    ]


def _build_alternative(
    key: str, odds: float, within: Sequence[Finding], weighed: WeighedExplanation | None
) -> Alternative:
    """One explanation with its parts, where they add up to the odds that the case has.

    `within`: the findings after the caps of their families. `weighed`: the same with their bits against it.
    """
    shown = formatting.shorten(key, NAME_CHARS)
    explanation = EXPLANATION_OF.get(key) or HonestExplanation(shown, shown, "")
    if weighed is None or abs(weighed.odds - odds) >= LEAST_BITS:
        return Alternative(explanation, "a harvest", odds)
    doubt = _list_strongest_parts([_OF_LOW_ODDS], [-weighed.doubt_bits])
    counted = [found.bits for found in weighed.findings]
    explained = [found.bits * (1.0 - weighed.explanation.share_counted(found)) for found in within]
    return Alternative(
        explanation,
        "a harvest",
        odds,
        weighed.prior_bits,
        against=_list_strongest_parts(within, counted),
        for_it=(*_list_strongest_parts(within, [-bits for bits in counted]), *doubt),
        explained=_list_strongest_parts(within, explained),
    )


def _list_strongest_parts(findings: Sequence[Finding], bits: Sequence[float]) -> tuple[PartOfOdds, ...]:
    """Findings with positive bits, the strongest first; without negligible ones."""
    parts = [
        PartOfOdds(found.family, formatting.shorten(found.statement, _STATEMENT_CHARS), own)
        for found, own in zip(findings, bits, strict=True)
        if own >= LEAST_BITS
    ]
    return tuple(sorted(parts, key=lambda part: (-part.bits, part.family, part.statement)))
