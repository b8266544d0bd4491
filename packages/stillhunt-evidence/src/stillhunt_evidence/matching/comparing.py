"""Whether two campaigns are one: how much of what each is known by the other has, too, as a likelihood ratio."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from stillhunt.tools import fill
from stillhunt.verdicts import BetaPrior
from stillhunt_evidence.matching.features import FEATURE_KINDS
from stillhunt_evidence.matching.parameters import MATCH_VALUES as P

# Features that count as independent of each other: the phrases of a template come together (a template has a dozen
# sentences; coverage says more than their number)
_MOST_TRIALS = 24
# Features of a kind that both sides need; with fewer, the kind says nothing (two sentences of some ten words)
_LEAST_FEATURES = 8


MATCH, NO_MATCH, TOO_LITTLE = "match", "no match", "too little to say"
_LOG2 = 1.4426950408889634
_NAMES = {"phrase": "phrase", "word": "telling word"}


class FeatureWeight(NamedTuple):
    """How a campaign uses a feature."""

    share: int  # -2 log2 of the share of its requests
    bits: int  # how much more frequent it is than in other customers' traffic, in half bits


FeatureSet = Mapping[str, FeatureWeight]
"""Feature, under its hash -> how it is used."""


@dataclass(frozen=True)
class Coverage:
    """What two campaigns have in common of one kind."""

    mine: int
    theirs: int
    shared: int
    # of_mine, of_theirs: the weight of the shared ones as a share of all; None where the weights are not known
    of_mine: float
    of_theirs: float | None

    @property
    def lower(self) -> float:
        """The lower of the two shares."""
        return self.of_mine if self.of_theirs is None else min(self.of_mine, self.of_theirs)


@dataclass(frozen=True)
class PairScore:
    """How alike two campaigns are."""

    bits: float  # log2 likelihood ratio, one campaign against two
    verdict: str
    sentences: tuple[str, ...]
    parts: Mapping[str, float]


def compare_campaigns(mine: Mapping[str, FeatureSet], theirs: Mapping[str, FeatureSet]) -> PairScore:
    """Score one campaign against one of another provider, both weights known.

    A feature weighs as much as it is frequent in the campaign and rare elsewhere; where the two sides differ about how
    rare it is, the less rare counts. The weight of what both have, as a share of all, follows one beta
    distribution over pairs that are one campaign and another over pairs that are two (a beta-binomial likelihood
    ratio). It misleads where two operations send one public prompt and ask about the same things.

    Args:
        mine: kind -> features of one campaign, under hashes.
    """
    found = {kind: _compare_feature_sets(mine.get(kind, {}), theirs.get(kind, {})) for kind in FEATURE_KINDS}
    return judge_coverage(found)


def _compare_feature_sets(mine: FeatureSet, theirs: FeatureSet) -> Coverage:
    shared = {key: min(mine[key].bits, theirs[key].bits) for key in mine.keys() & theirs.keys()}
    return Coverage(len(mine), len(theirs), len(shared), covered_share(mine, shared), covered_share(theirs, shared))


def covered_share(features: FeatureSet, shared: Mapping[str, int]) -> float:
    """The weight of shared features as a share of all.

    `shared`: half bits of each feature that both have: of the two sides' figures the lower.
    """
    common = sum(_weigh_feature(features[key].share, bits) for key, bits in sorted(shared.items()))
    alone = sum(_weigh_feature(one.share, one.bits) for key, one in sorted(features.items()) if key not in shared)
    return common / (common + alone) if common > 0 else 0.0


def _weigh_feature(share: int, bits: int) -> float:
    """Share of the requests, to a power, times bits above other customers' rate."""
    return float(2.0 ** (-share / 2 * P.share_power)) * bits


def judge_coverage(found: Mapping[str, Coverage]) -> PairScore:
    """Bits and verdict of what two campaigns have in common."""
    parts = {kind: _compute_coverage_bits(kind, found[kind]) for kind in FEATURE_KINDS}
    bits = sum(parts.values())
    verdict = _decide_match_verdict(found, bits)
    sentences = [_describe_shared_features(kind, found[kind], parts[kind]) for kind in FEATURE_KINDS]
    return PairScore(bits, verdict, (*sentences, _describe_match_verdict(verdict, bits)), parts)


def _compute_coverage_bits(kind: str, coverage: Coverage) -> float:
    one, two = {"phrase": (P.phrases_of_one, P.phrases_of_two), "word": (P.words_of_one, P.words_of_two)}[kind]
    compared = min(coverage.mine, coverage.theirs)
    if compared < _LEAST_FEATURES:
        return 0.0
    trials = min(compared, _MOST_TRIALS)
    hits = trials * coverage.lower
    ratio = BetaPrior(*one).log_likelihood(hits, trials) - BetaPrior(*two).log_likelihood(hits, trials)
    return max(min(ratio * _LOG2, P.most_bits), -P.most_bits)


def _decide_match_verdict(found: Mapping[str, Coverage], bits: float) -> str:
    if bits >= P.match_bits:
        return MATCH
    enough = any(min(one.mine, one.theirs) >= _LEAST_FEATURES for one in found.values())
    return NO_MATCH if enough and bits <= P.apart_bits else TOO_LITTLE


def _describe_shared_features(kind: str, coverage: Coverage, bits: float) -> str:
    if min(coverage.mine, coverage.theirs) < _LEAST_FEATURES:
        return fill(
            f"One side has {{fewer:{_NAMES[kind]}}} and the other {{more:#}}; {{least:#}} are needed on both",
            fewer=min(coverage.mine, coverage.theirs),
            more=max(coverage.mine, coverage.theirs),
            least=_LEAST_FEATURES,
        )
    template = (
        f"They share {{shared:{_NAMES[kind]}}} of {{mine:#}} here and {{theirs:#}} there, {{lower:%}} of their weight: "
        "{bits:.1f} bits"
    )
    figures = {"shared": coverage.shared, "mine": coverage.mine, "theirs": coverage.theirs}
    return fill(template, **figures, lower=coverage.lower, bits=bits)


def _describe_match_verdict(verdict: str, bits: float) -> str:
    template = {
        MATCH: "{bits:.1f} bits for one campaign; {bar:.1f} are needed for a match",
        NO_MATCH: "{bits:.1f} bits: they are two campaigns",
        TOO_LITTLE: "{bits:.1f} bits; {bar:.1f} are needed for a match",
    }[verdict]
    return fill(template, bits=bits, bar=P.match_bits)
