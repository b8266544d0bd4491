"""How badly each honest explanation fits a campaign, in bits, in odds and in words.

Left unexplained is what remains of the evidence if the explanation were true: the bits of the findings for a harvest
that it does not explain, and what the signs cost that it predicts and that are missing; less the bits of the findings
against a harvest that it predicts. Two to that power is how many times as likely the log is under one operation that
harvests as under the explanation, before anybody asks how common either is. Bits are those after caps.

Chance is weighed as a whole: by the expected number of honest groups this strong in 30 days of looking, whatever their
cause, from the false-alarm budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from stillhunt.case import BUDGET, LEAST_BITS, PRIOR, Case, ScoreSum, Term, campaign_sum
from stillhunt.tools import formatting
from stillhunt.verdicts import HONEST_SEARCH, expected_false
from stillhunt_evidence.pages.group_signs import GroupSigns, MissingSign, group_signs, missing_signs
from stillhunt_evidence.pages.kind_readings import (
    BY_CHANCE,
    EXPLANATIONS,
    UNKNOWN_READING,
    HonestExplanation,
    all_readings,
)

NEARLY_ALL = 1.0
"""Bits left unexplained up to which an explanation explains nearly all: two to one."""
_MOST_ODDS = 1_000_000.0
MOST_OF_CHANCE = math.log2(100)
"""Most bits that are said against chance: its rarity is extrapolated, and no log was simulated for so many months."""
EXTRAPOLATED = "by extrapolation from 80 simulated logs"
"""What stands beside every rarity beyond what was seen in honest logs."""
_EXACT_ODDS = 9.5
_WORDS = (
    (0.0, "fits at least as well as a harvest"),
    (NEARLY_ALL, "fits about as well as a harvest"),
    (math.log2(10), "fits somewhat worse than a harvest"),
    (math.log2(100), "fits poorly"),
    (math.log2(1000), "fits badly"),
)


@dataclass(frozen=True)
class ReadFinding:
    """One finding as one explanation reads it."""

    kind: str
    family: str
    statement: str
    bits: float
    reason: str


@dataclass(frozen=True)
class Alternative:
    """One honest explanation, weighed against the evidence of one campaign.

    Attributes:
        explained: findings for a harvest that it explains.
        unexplained: findings for a harvest that it does not explain.
        predicted: findings against a harvest that it predicts.
        missing: signs that it predicts and that are not there.
        left: bits left unexplained; negative where it fits better than a harvest.
        expected: of chance, the expected number of honest groups this strong in 30 days; otherwise None.
    """

    explanation: HonestExplanation
    explained: tuple[ReadFinding, ...]
    unexplained: tuple[ReadFinding, ...]
    predicted: tuple[ReadFinding, ...]
    missing: tuple[MissingSign, ...]
    left: float
    expected: float | None = None

    @property
    def explains_nearly_all(self) -> bool:
        """Whether at most one bit is left unexplained."""
        return self.left <= NEARLY_ALL

    @property
    def capped(self) -> bool:
        """Whether more bits are left than may be said: those of chance come from an extrapolated tail."""
        return self.expected is not None and self.left > MOST_OF_CHANCE

    @property
    def said_left(self) -> float:
        """Bits left unexplained, as far as they may be said."""
        return MOST_OF_CHANCE if self.capped else self.left

    @property
    def shown_left(self) -> str:
        """The same as a number, or as a bound."""
        return f"> {formatting.number(MOST_OF_CHANCE)}" if self.capped else formatting.number(self.left)

    @property
    def fit(self) -> str:
        """How badly it fits, in words."""
        return next((words for most, words in _WORDS if self.said_left <= most), "fits very badly")

    @property
    def odds(self) -> str:
        """The odds in words: `about 40 to 1 against`; where it is likelier than a harvest, `about 3 to 1 for it`."""
        if abs(self.left) < LEAST_BITS:
            return "1 to 1"
        if self.capped:
            return f"more than 100 to 1 against, {EXTRAPOLATED}"
        return f"{odds_of(self.left)} {'against' if self.left > 0 else 'for it'}"

    @property
    def comparison(self) -> str:
        """How likely the log is under a harvest beside the explanation, in words that fit after `what was seen is`."""
        if abs(self.left) < LEAST_BITS:
            return "as likely under a harvest as under this explanation"
        if self.capped:
            return f"more than 100 times as likely under a harvest as under this explanation, {EXTRAPOLATED}"
        times = odds_of(self.left).removesuffix(" to 1")
        first, second = ("a harvest", "this explanation") if self.left > 0 else ("this explanation", "a harvest")
        return f"{times} times as likely under {first} as under {second}"


def bits_of(parts: Sequence[ReadFinding | MissingSign]) -> float:
    """The bits of some findings or missing signs together."""
    return math.fsum(one.bits for one in parts)


def odds_of(bits: float) -> str:
    """Bits as odds, whatever their sign: `about 1.4 to 1`, `about 2,900 to 1`, `more than a million to 1`."""
    ratio = 2.0 ** min(abs(bits), 100.0)
    if ratio > _MOST_ODDS:
        return "more than a million to 1"
    shown = formatting.count(round_ratio(ratio)) if ratio >= _EXACT_ODDS else formatting.number(ratio, 1)
    return f"about {shown} to 1"


def round_ratio(ratio: float) -> int:
    """A ratio of 1 or more with two significant digits."""
    scale: int = 10 ** max(math.floor(math.log10(ratio)) - 1, 0)
    return round(ratio / scale) * scale


def weigh_alternatives(total: ScoreSum, signs: GroupSigns, budget: Mapping[str, Any]) -> tuple[Alternative, ...]:
    """All honest explanations of a campaign, the one that fits best first.

    Args:
        budget: the run's false-alarm budget: accounts and days of the log; empty where it was not recorded.
    """
    every = [term for term in total.terms if term.family not in (PRIOR, BUDGET)]
    findings = [term for term in every if abs(term.bits) >= LEAST_BITS]
    weighed = [
        _by_chance(one, every, budget) if one.key == BY_CHANCE else _by_kinds(one, findings, signs)
        for one in EXPLANATIONS
    ]
    place = {one.key: number for number, one in enumerate(EXPLANATIONS)}
    return tuple(sorted(weighed, key=lambda one: (round(one.left, 6), place[one.explanation.key])))


def _by_kinds(explanation: HonestExplanation, findings: Sequence[Term], signs: GroupSigns) -> Alternative:
    explained, unexplained, predicted = [], [], []
    for term in findings:
        reading = all_readings().get(term.kind, {}).get(explanation.key, UNKNOWN_READING)
        read = ReadFinding(term.kind, term.family, term.shown, term.bits, reading.reason)
        if term.bits < 0:
            predicted += [read] if reading.predicted else []
        elif reading.explained:
            explained.append(read)
        else:
            unexplained.append(read)
    missing = missing_signs(explanation.key, signs)
    left = bits_of([*unexplained, *predicted, *missing])
    return Alternative(explanation, tuple(explained), tuple(unexplained), tuple(predicted), missing, left)


def _by_chance(explanation: HonestExplanation, findings: Sequence[Term], budget: Mapping[str, Any]) -> Alternative:
    bits = math.fsum(term.bits for term in findings)
    expected = expected_honest_groups(bits, budget)
    left = max(-math.log2(max(expected, 1e-300)), 0.0) if expected is not None else max(bits, 0.0)
    return Alternative(explanation, (), (), (), (), left, expected)


def expected_honest_groups(bits: float, budget: Mapping[str, Any]) -> float | None:
    """Expected number of honest groups with as many bits or more in 30 days of hourly looks at this log.

    Args:
        bits: of the campaign, prior excluded; below the level from which the null is known, that level.
    """
    if "accounts" not in budget or "days" not in budget:
        return None
    return expected_false(max(bits, HONEST_SEARCH.level), int(budget["accounts"]), float(budget["days"]))


_REPEATS = "no_repeats"


def signs_of(case: Case, campaign_id: str) -> GroupSigns:
    """What the case says of a campaign's members beside the scored evidence."""
    campaigns = case.tables["campaigns"]
    row = campaigns.filter(pc.equal(campaigns["campaign_id"], campaign_id)).to_pylist()[0]
    details, members = (
        table.filter(pc.equal(table["campaign_id"], campaign_id)).to_pylist()
        for table in (case.member_details, case.members)
    )
    terms = campaign_sum(case.evidence, campaign_id).terms
    return group_signs(row, details, members, math.fsum(term.bits for term in terms if term.kind == _REPEATS))


def alternatives_of(case: Case, campaign_id: str) -> tuple[Alternative, ...]:
    """All honest explanations of a campaign, the one that fits best first."""
    total = campaign_sum(case.evidence, campaign_id)
    return weigh_alternatives(total, signs_of(case, campaign_id), case.run.get("budget", {}))
