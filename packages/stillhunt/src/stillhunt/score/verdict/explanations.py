"""The explanations of a group beside a harvest, and the odds of a harvest against each of them.

One table, `explanations.toml`, says of each explanation how likely it is before any evidence, and how much of each
family of evidence it does *not* explain: what it explains as well as a harvest does says nothing between the two. The
probability of a harvest is that of Bayes' rule over all of them: 1 / (1 + the sum of 2^-odds). So evidence that the
accounts have one operator, however strong, refutes separate customers, and leaves the firm, the reseller and the
declared customer as likely as they were.

Everything that says why an honest group looks like a harvest is in the table. The verdict, its derivation from the
rows of a case (`score/rebuild.py`) and every page read the same odds.
"""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stillhunt.base.errors import ContractError
from stillhunt.base.explanations import EXPLANATION_OF, odds_against_all
from stillhunt.base.families import FAMILY_OF
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.caps import cap_linkage

Shares = Mapping[str, int]


@dataclass(frozen=True)
class ExplanationWeights:
    """The numbers of one explanation of a group beside a harvest."""

    key: str  # its name in tables
    judgement: str  # why the numbers are as they are
    counts: Shares  # family -> per cent of the evidence for a harvest that counts against this explanation
    predicts: Shares  # family -> per cent of the evidence against a harvest that counts for this explanation
    # kind of evidence -> the same two numbers, in place of those of its family
    kinds: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    prior: float | None = None  # log2 odds of a harvest against it before any evidence; None: those of the settings
    # kind of evidence -> bits that it adds to the prior where it was found, whatever its own bits
    signs: Mapping[str, float] = field(default_factory=dict)
    # only_with, never_with: kinds of evidence of which one, or none, must have been found
    only_with: tuple[str, ...] = ()
    never_with: tuple[str, ...] = ()

    def applies_to(self, kinds: Collection[str]) -> bool:
        """Whether the kinds of evidence that were found leave it possible."""
        return (not self.only_with or any(kind in kinds for kind in self.only_with)) and not any(
            kind in kinds for kind in self.never_with
        )

    def share_counted(self, finding: Finding) -> float:
        """Share of a finding's bits that counts between a harvest and this explanation, from 0."""
        own = self.kinds.get(finding.kind)
        if own is None:
            own = self.counts.get(finding.family, 0), self.predicts.get(finding.family, 0)
        return own[int(finding.bits < 0)] / 100.0

    def weigh(self, findings: Sequence[Finding], linkage_cap: float) -> list[Finding]:
        """The findings with the bits that they have against this explanation.

        Args:
            findings: after the caps of their families.
            linkage_cap: most bits of identity, network and timing together.
        """
        weighed = [replace(found, bits=found.bits * self.share_counted(found) + 0.0) for found in findings]
        weighed = cap_linkage(weighed, linkage_cap)
        return [
            replace(found, bits=found.bits + self.signs[found.kind]) if found.kind in self.signs else found
            for found in weighed
        ]


def _read_explanations() -> tuple[ExplanationWeights, ...]:
    text = Path(__file__).with_suffix(".toml").read_text("utf-8")
    found = []
    for key, entries in tomllib.loads(text).items():
        entries["predicts"] = dict.fromkeys(FAMILY_OF, 100) | entries.get("predicts", {})
        for name in ("only_with", "never_with"):
            entries[name] = tuple(entries.get(name, ()))
        if wrong := (entries["counts"].keys() | entries["predicts"].keys()) - FAMILY_OF.keys():
            raise ContractError(f"it names a family that is none: {min(wrong)}", where=f"explanations.toml: {key}")
        found.append(ExplanationWeights(key, **entries))
    if [one.key for one in found] != [*EXPLANATION_OF]:
        raise ContractError("words and numbers are not of the same explanations", where="explanations.toml")
    return tuple(found)


EXPLANATIONS = _read_explanations()
"""In the order of tables and pages."""
POSING = "posing_customers"
"""Kind of the finding that one operator's accounts pose as separate customers."""
PLAIN_BITS = 3.5
"""Log2 odds of a harvest from which they are taken as they are. What is missing to them counts twice, since a search
keeps the best of many honest groups (measured on 43 worlds of four kinds, docs/adr/0038-one-arithmetic.md: of the
groups between 0 and 2.5 bits by the sum alone one in fifteen was a harvest, and of those above 45 of 47)."""


@dataclass(frozen=True)
class WeighedExplanation:
    """One explanation with what speaks against it."""

    explanation: ExplanationWeights
    prior_bits: float  # log2 odds of a harvest against it before any evidence
    findings: list[Finding]  # with their bits against it
    # what a harvest loses against every explanation where all together leave it in doubt; at most 0
    doubt_bits: float = 0.0

    @property
    def summed_odds(self) -> float:
        """Log2 odds of a harvest against it, by the prior and the findings alone."""
        return self.prior_bits + sum(found.bits for found in self.findings)

    @property
    def odds(self) -> float:
        """Log2 odds of a harvest against it."""
        return self.summed_odds + self.doubt_bits


def weigh_explanations(findings: Sequence[Finding], prior_bits: float, linkage_cap: float) -> list[WeighedExplanation]:
    """Every explanation that the findings leave possible, in the order of the table.

    Args:
        findings: after the caps of their families, in the order of the catalogue: sums of floats depend on it.
        prior_bits: log2 odds of a harvest against separate customers, before any evidence.
        linkage_cap: most bits of identity, network and timing together.
    """
    kinds = {found.kind for found in findings}
    weighed = [
        WeighedExplanation(one, prior_bits if one.prior is None else one.prior, one.weigh(findings, linkage_cap))
        for one in EXPLANATIONS
        if one.applies_to(kinds)
    ]
    # All move by the same bits, so that the explanations keep their odds among themselves.
    doubt = min(0.0, odds_against_all([one.summed_odds for one in weighed]) - PLAIN_BITS)
    return [replace(one, doubt_bits=doubt) for one in weighed]


def leading_explanation(weighed: Sequence[WeighedExplanation]) -> WeighedExplanation:
    """The explanation that fits best; of equals the first."""
    return min(weighed, key=lambda one: one.odds)
