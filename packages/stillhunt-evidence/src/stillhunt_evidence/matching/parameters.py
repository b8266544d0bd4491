"""Numbers of matching: when two campaigns of two providers are one."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import derived, judgement, measured, parameter, parameter_table, values_of

_MEASURED = "benchmarks/evidence/match.py on seeds 1 to 3 of the first generator"


@parameter_table("dossier.matching", "When a campaign of one provider is the same as one of another provider.")
@dataclass(frozen=True)
class MatchParameters:
    """Two kinds of features, and the bars of the verdict.

    Coverage is the weight of what both use as a share of all that one of them uses; the lower of the two counts.
    """

    share_power: float = parameter(
        1.5,
        unit="1",
        meaning="Power of the share of requests in a feature's weight: rare ones come and go by chance.",
        provenance=measured(f"of 0.5, 1, 1.5 and 2, it parts the pairs most widely; {_MEASURED}"),
    )
    phrases_of_one: tuple[float, float] = parameter(
        (0.85, 2.0),
        unit="share, strength",
        meaning="Coverage of phrases in pairs that are one campaign.",
        provenance=measured(f"21 pairs: mean 0.85, from 0.10, where each hunt found another part, to 1.0; {_MEASURED}"),
    )
    phrases_of_two: tuple[float, float] = parameter(
        (0.05, 5.0),
        unit="share, strength",
        meaning="Coverage of phrases in pairs that are two campaigns.",
        provenance=measured(
            f"451 pairs, two worlds each or one: mean 0.05, 99 % below 0.40, highest 0.79; {_MEASURED}"
        ),
    )
    words_of_one: tuple[float, float] = parameter(
        (0.92, 5.0),
        unit="share, strength",
        meaning="Coverage of words in pairs that are one campaign.",
        provenance=measured(f"21 pairs: mean 0.93, from 0.49 to 1.0; {_MEASURED}"),
    )
    words_of_two: tuple[float, float] = parameter(
        (0.2, 6.0),
        unit="share, strength",
        meaning="Coverage of words in pairs that are two campaigns.",
        provenance=measured(f"451 pairs: mean 0.18, 99 % below 0.61, highest 0.80; {_MEASURED}"),
    )
    most_trials: int = parameter(
        24,
        unit="features",
        meaning="Features that count as independent of each other: the phrases of a template come together.",
        provenance=judgement("a template has a dozen sentences; coverage says more than their number"),
    )
    least_features: int = parameter(
        8,
        unit="features",
        meaning="Features of a kind that both sides need; with fewer, the kind says nothing.",
        provenance=judgement("two sentences of some ten words"),
    )
    most_bits: float = parameter(
        14.0,
        unit="bits",
        meaning="Most bits that phrases say for or against, and words.",
        provenance=derived("match_bits less 1: a public prompt alone matches nobody, and common subjects alone do not"),
    )
    match_bits: float = parameter(
        15.0,
        unit="bits",
        meaning="Bits from which two campaigns are called one.",
        provenance=measured(
            "pairs that are two reach 14.7, where both send the prompts of one generator, and 8.2 elsewhere; of 18 "
            f"shared campaigns 16 reach 19.6 and more, and 2 of which the hunts found small parts 10 to 12; {_MEASURED}"
        ),
    )
    most_asked: int = parameter(
        2_048,
        unit="features",
        meaning="Features of one kind in one request for private set intersection.",
        provenance=judgement("eight campaigns; who tries 65,536 words needs 32 requests, and is seen to"),
    )
    apart_bits: float = parameter(
        0.0,
        unit="bits",
        meaning="Bits up to which two campaigns are called two.",
        provenance=judgement("it is no evidence for one campaign"),
    )


MATCH_VALUES = values_of(MatchParameters)
