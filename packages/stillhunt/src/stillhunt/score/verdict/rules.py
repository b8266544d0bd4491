"""The rules of the verdict: findings as measured -> odds against each explanation, probability, verdict, memberships.

They know no log, so that whoever has the evidence of a case can apply them again (`score/rebuild.py`). The verdict
follows from the probability of a harvest, which weighs every explanation (`explanations.py`): `act` and `review` each
need theirs. Whatever is lower than the probability says has a reason that is written down (`Limit`): `act` also needs
two families of evidence, somebody who is surely a member, and as many bits as the false-alarm budget asks
(`budget.py`). A group that is no harvest by its evidence, but surely one operator's accounts that pose as separate
customers, is put up for review as that. Accounts of one operator without a work queue (`linked_accounts.py`) get the
verdict review at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.config import ScoreSettings
from stillhunt.base.explanations import EXPLANATION_OF, odds_against_all, one_operator_bits
from stillhunt.base.families import BUDGET, FLAGGING, INDEPENDENCE, MEMBERSHIP, OUTSIDE, STANDING, family_label
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema_case import HARVEST_OPERATION, POSING_OPERATION
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.caps import capped, family_bits
from stillhunt.score.verdict.explanations import POSING, leading_explanation, weigh_explanations
from stillhunt.score.verdict.members import hold_set_apart, membership_prior, set_apart


class VerdictParameters(NamedTuple):
    """Parameters of the verdict."""

    member_probability: float
    independent_families: int
    one_operator_probability: float
    decisive_bits: float


P = read_parameters(VerdictParameters, "score.verdict")
LIKELY_MEMBER = P.member_probability
# bits: how far below the floor of flagging whoever was flagged at the look before stays so (judgement: from 95 % down
# to 78 %; below that a person should look again)
_STANDING_MEMBER_BITS = 2.4
_LINKED_PRIOR_BITS = -5.5  # bits: log2 odds that linked accounts are a farm or a relay (judgement: one group in 45)
# Accounts from which a group that poses is put up for review (families and small firms have fewer)
_POSING_ACCOUNTS = 8
# bits: conversations against a harvest above which people stand behind the accounts (resellers serve people; cover
# traffic of programs shows fewer signs of them)
_PEOPLE_BITS = 1.5


@dataclass(frozen=True)
class Limit:
    """Why a verdict is not what the probability by itself gives: a row of evidence without bits."""

    family: str
    kind: str
    statement: str


@dataclass(frozen=True)
class Claim:
    """What the evidence says of a group."""

    operation: str  # what is claimed, from `OPERATION_KINDS`
    bits: float  # log2 odds of it, against everything else
    prior_bits: float  # log2 odds against separate customers before any evidence
    other_bits: float  # what the explanations beside separate customers, and the doubt of low odds, take from the odds
    leading: str  # key of the explanation that fits best; empty for linked accounts, weighed against nothing else
    odds: Mapping[str, float]  # key of each possible explanation -> log2 odds of a harvest against it

    @property
    def probability(self) -> float:
        """Probability of what is claimed."""
        return sigmoid(self.bits)


@dataclass(frozen=True)
class Weighed:
    """The findings about one group, weighed."""

    claim: Claim
    findings: list[Finding]  # with their bits against separate customers, in the order in which they are added
    families: list[str]  # those above the floor, the strongest first
    member_prior: float  # log2 odds that an account of the group is part of it, before what is known of the account
    member_bits: Floats  # log2 odds of each member, given the campaign
    member_probability: Floats  # P(member | campaign)
    set_apart: Flags  # True for members whom something that nearly all the others share tells from them; never flagged
    # the same without what speaks for a harvest and is known beside the log; None where nothing does
    by_log: Weighed | None = None


def weigh_findings(measured: Sequence[Finding], members: int, settings: ScoreSettings) -> Weighed:
    """Weigh the findings about one group against every explanation.

    Args:
        measured: findings before caps, in the order of the catalogue: sums of floats depend on it.
    """
    within = capped(list(measured), settings.family_cap_bits.model_dump())
    weighed = weigh_explanations(within, settings.prior_bits, settings.linkage_cap_bits)
    odds = {one.explanation.key: one.odds for one in weighed}
    bits, operation = odds_against_all(list(odds.values())), HARVEST_OPERATION
    together = one_operator_bits(odds)
    many = members >= _POSING_ACCOUNTS
    if many and sigmoid(bits) < settings.review_probability and _is_posing_operator(measured, sigmoid(together)):
        weighed = [one for one in weighed if not EXPLANATION_OF[one.explanation.key].one_operator]
        bits, operation = together, POSING_OPERATION
    by_chance, leading = weighed[0], leading_explanation(weighed)
    claim = Claim(operation, bits, by_chance.prior_bits, bits - by_chance.summed_odds, leading.explanation.key, odds)
    strong = family_bits(by_chance.findings)
    weighed_all = _with_members(claim, by_chance.findings, strong, set_apart(within, members), settings)
    of_log = [found for found in measured if not (found.kind.startswith(OUTSIDE) and found.bits > 0)]
    if len(of_log) == len(measured):
        return weighed_all
    return replace(weighed_all, by_log=weigh_findings(of_log, members, settings))


def weigh_linked_accounts(measured: Sequence[Finding], members: int, settings: ScoreSettings) -> Weighed:
    """Weigh the findings about linked accounts without a work queue: that they have one operator is all there is."""
    findings = capped(list(measured), settings.family_cap_bits.model_dump())
    bits = _LINKED_PRIOR_BITS + sum(found.bits for found in findings)
    claim = Claim(HARVEST_OPERATION, bits, _LINKED_PRIOR_BITS, 0.0, "", {})
    return _with_members(claim, findings, family_bits(findings), np.zeros(members, bool), settings)


def _with_members(
    claim: Claim, findings: list[Finding], totals: Mapping[str, float], apart: Flags, settings: ScoreSettings
) -> Weighed:
    evidence = np.zeros(len(apart))
    for row in hold_set_apart(findings, apart):  # one after another, so that rows of zeros change no bit
        evidence += row
    prior = membership_prior(evidence)
    strong = [family for family, bits in totals.items() if bits >= settings.family_floor_bits]
    return Weighed(
        claim=claim,
        findings=findings,
        families=sorted(strong, key=lambda family: (-totals[family], family)),
        member_prior=prior,
        member_bits=evidence + prior,
        member_probability=1.0 / (1.0 + np.exp2(-(evidence + prior))),
        set_apart=apart,
    )


def _is_posing_operator(measured: Sequence[Finding], one_operator: float) -> bool:
    """Whether the accounts are surely one operator's, and pose as those of separate customers whom no person uses."""
    kinds = {found.kind: found.bits for found in measured}
    people = min(kinds.get("follow_ups", 0.0), kinds.get("talk", 0.0)) < -_PEOPLE_BITS
    return POSING in kinds and not people and one_operator >= P.one_operator_probability


def sigmoid(bits: float) -> float:
    """Probability of log2 odds."""
    return float(1.0 / (1.0 + 2.0 ** (-bits)))


def _log2_odds(probability: float) -> float:
    return float(np.log2(probability / (1.0 - probability)))


def _standing_bits(settings: ScoreSettings) -> float:
    """How far below the thresholds of act and of the budget what the look before reached still stands.

    From a look to the next one three hours later, the same young campaign loses up to 4.4 bits by chance (measured:
    benchmarks/live/verdict_changes.py).
    """
    return _log2_odds(settings.act_probability) - _log2_odds(settings.review_probability)


def judge_weighed(
    weighed: Weighed,
    settings: ScoreSettings,
    *,
    required_bits: float,
    likely_members: int,
    min_accounts: int,
    standing: Flags | None = None,
) -> tuple[str, list[Limit]]:
    """The verdict on a group before allowed programmes, and why it is not what the probability by itself gives.

    A verdict act that the look before reached is left for evidence, and not for the noise of one more look: it stands
    while the group is up for review at all (two thresholds, as in a Schmitt trigger), also where one of the families
    that it takes is below its floor now.

    Args:
        required_bits: bits, prior excluded, that the false-alarm budget asks of the verdict act.
        likely_members: accounts that are likelier part of it than not.
        min_accounts: accounts a campaign needs.
        standing: True for members whom the look before flagged; None where there was none.
    """
    if weighed.claim.probability < settings.review_probability:
        return "none", []
    if likely_members < min_accounts:
        return "none", [Limit(MEMBERSHIP, "too_few_members", _too_few(likely_members, min_accounts))]
    stands = standing is not None and bool(standing.mean() >= STANDING_SHARE)
    spare = _standing_bits(settings) if stands else 0.0
    if weighed.claim.operation == POSING_OPERATION:
        return "review", []
    if weighed.claim.probability < settings.act_probability and not stands:
        return "review", []
    by_log, limits = weighed.by_log or weighed, []
    if len(by_log.families) < P.independent_families - stands:
        limits.append(Limit(INDEPENDENCE, "independent_families", _explain_independence_limit(by_log.families)))
    if by_log.claim.probability < settings.review_probability:
        limits.append(Limit(INDEPENDENCE, "outside_signals", _explain_outside_limit(by_log.claim.probability)))
    if not len(flagged_members(weighed, settings, standing)):
        limits.append(Limit(FLAGGING, "nobody_to_act_on", _NOBODY))
    if (own := weighed.claim.bits - settings.prior_bits) + spare < required_bits:
        limits.append(Limit(BUDGET, "false_alarm_budget", _held_back(own, required_bits, settings)))
    verdict = "review" if limits else "act"
    if standing is not None and standing.any():
        limits.append(Limit(STANDING, FLAGGED_BEFORE, _explain_standing_limit(int(standing.sum()))))
    return verdict, limits


def linked_verdict(weighed: Weighed, settings: ScoreSettings) -> str:
    """What the evidence says of linked accounts without a work queue: review or none."""
    return "review" if weighed.claim.probability >= settings.review_probability else "none"


def flagged_members(weighed: Weighed, settings: ScoreSettings, standing: Flags | None = None) -> Ints:
    """Members of a campaign to act on who are flagged: as many as keep the expected share of strangers in bounds.

    Whoever was flagged at the look before stays so down to some bits below what it takes to be flagged.

    Args:
        standing: True for members whom the look before flagged; None where there was none.
    """
    probability = np.where(weighed.set_apart, 0.0, weighed.member_probability)
    order = np.argsort(-probability, kind="stable")
    strangers = np.cumsum(1.0 - probability[order]) / np.arange(1, len(order) + 1)
    kept = (strangers <= settings.flagged_strangers) & (probability[order] >= settings.flagged_probability)
    # The expected share only grows along the order, as do the doubts about the next member.
    flagged = int(np.count_nonzero(np.cumprod(kept)))
    if 0 < flagged < len(order) and probability[order[flagged]] == probability[order[flagged - 1]]:
        # Of equals all are flagged or none, so that nobody is for what their account is called.
        flagged = int(np.count_nonzero(probability > probability[order[flagged]]))
    found = np.zeros(len(order), bool)
    found[order[:flagged]] = True
    if standing is not None:
        least = _log2_odds(settings.flagged_probability) - _STANDING_MEMBER_BITS
        found |= standing & ~weighed.set_apart & (weighed.member_bits >= least)
    return np.flatnonzero(found)


def all_allowed(sanctioned: Flags, min_accounts: int) -> bool:
    """Whether the members belong to allowed programmes, but for too few to be a campaign: it then asks for nothing."""
    return int((~sanctioned).sum()) < min_accounts


STANDING_SHARE = 0.5  # Share of the members flagged before from which the verdict is that of the look before
FLAGGED_BEFORE = "flagged_before"
"""Kind of the rows of the family `STANDING`."""
_NOBODY = "No account is surely enough a member to act on; who is likelier a member than not is for a person to look at"


def _too_few(likely: int, needed: int) -> str:
    accounts = formatting.plural(likely, "account")
    verb = "is likelier a member" if likely == 1 else "are likelier members"
    return f"{accounts} of the group {verb} of it than not; a campaign has at least {needed}"


def _explain_independence_limit(families: Sequence[str]) -> str:
    strong = f"only '{family_label(families[0])}' is strong" if families else "none is strong"
    return f"The verdict act needs two independent families of evidence, and {strong} by itself"


def _explain_outside_limit(probability: float) -> str:
    return (
        f"By the log alone its probability is {formatting.percent(probability)}, too low for a review: what is known "
        "beside the log never makes the verdict act by itself"
    )


def _held_back(own: float, required: float, settings: ScoreSettings) -> str:
    allowed = settings.false_campaigns_per_month
    campaigns = "campaign" if allowed == 1 else "campaigns"
    return (
        f"A budget of {formatting.exact_number(allowed)} false {campaigns} in 30 days asks {required:.1f} bits of "
        f"evidence in a log of this size; this one has {own:.1f}, and so gets the verdict review"
    )


def _explain_standing_limit(accounts: int) -> str:
    flagged = formatting.plural(accounts, "account")
    return (
        f"The look before flagged {flagged} of it: what was reached is left for evidence against it, and not for the "
        "noise of one more look"
    )
