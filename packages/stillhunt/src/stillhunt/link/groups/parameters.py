"""Parameters of the search for groups: slices of one content cluster that were drawn from one work queue.

Their values are compiled into the kernels of this folder; `base/compiled.py` says how a moved value reaches them.
"""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import derived, judgement, parameter, parameter_table, values_of


@parameter_table("link.groups", "When slices of one content cluster are more alike than chance allows.")
@dataclass(frozen=True)
class GroupParameters:
    """Groups of slices."""

    min_prompts: int = parameter(
        2,
        unit="distinct prompts",
        meaning="Distinct prompts on the searched fold from which a slice can be a member.",
        provenance=judgement("one prompt shows no mixture"),
    )
    max_phrases: int = parameter(
        256,
        unit="phrases",
        meaning="Phrases of a cluster by which its slices are compared: those that most slices have.",
        provenance=judgement("bounds the work that one hostile or chained cluster causes"),
    )
    phrase_correlation: float = parameter(
        0.5,
        unit="intra-class correlation",
        meaning="Correlation of phrase use within an honest slice.",
        provenance=judgement("an independent account either uses a phrase or does not"),
    )
    topic_concentrations: tuple[float, ...] = parameter(
        (0.5, 2.0, 8.0, 32.0, 128.0),
        unit="Dirichlet concentration",
        meaning="How sharply honest templated slices keep to topics of their own.",
        provenance=judgement("steps of four, from one topic only to nearly the common mixture"),
    )
    topic_weights: tuple[float, ...] = parameter(
        (0.25, 0.25, 0.2, 0.2, 0.1),
        unit="share of slices",
        meaning="Share of honest slices at each of these concentrations.",
        provenance=judgement("sums to 1; broad preferences are rarer"),
    )
    max_deviation: float = parameter(
        30.0,
        unit="mean square",
        meaning="Standardised mean square deviation beyond which a slice counts as no more foreign.",
        provenance=judgement("distance says no more beyond it"),
    )
    min_variance: float = parameter(
        0.25,
        unit="prompts squared",
        meaning="Variance added to each phrase count.",
        provenance=judgement("keeps a phrase that hardly varies from deciding a distance"),
    )
    rate_smoothing: float = parameter(
        0.5,
        unit="prompts",
        meaning="Prompts added to each phrase or topic count behind a rate.",
        provenance=judgement("half a count, the usual prior of a rate (Jeffreys)"),
    )
    min_varied: int = parameter(
        2,
        unit="prompts",
        meaning="Prompts of a set with, and without, a phrase from which the phrase counts as varied.",
        provenance=judgement("a phrase in all prompts but one says nothing about a mixture"),
    )
    forming_cap_bits: float = parameter(
        24.0,
        unit="bits",
        meaning="Most bits that one view may add or take while groups form.",
        provenance=derived("twice the cap of a view on a held-out fold"),
    )
    max_seeders: int = parameter(
        600,
        unit="slices",
        meaning="Slices of a cluster among which seeds of groups are sought; the others only join.",
        provenance=judgement("keeps the search linear in slices"),
    )
    neighbour_deviations: float = parameter(
        3.0,
        unit="standard deviations",
        meaning="Distance beyond chance up to which two slices are neighbours.",
        provenance=judgement("three standard deviations of the distance between slices of one work queue"),
    )
    settle_rounds: int = parameter(
        8,
        unit="rounds",
        meaning="Rounds in which slices join and leave a set, or sets compete for slices.",
        provenance=judgement("sets settle earlier; bounds time where they do not"),
    )
    compete_rounds: int = parameter(
        2,
        unit="rounds",
        meaning="Times that sets are joined and then compete for slices.",
        provenance=judgement("what the first competition moves may join once more"),
    )
    max_groups: int = parameter(
        12,
        unit="groups",
        meaning="Groups that are sought in one cluster on one fold.",
        provenance=judgement("bounds time"),
    )
    direction_rounds: int = parameter(
        20,
        unit="rounds",
        meaning="Rounds of power iteration by which the main direction of variation is found.",
        provenance=judgement("bounds time; Lloyd's rounds correct the rest"),
    )
    lloyd_rounds: int = parameter(
        12,
        unit="rounds",
        meaning="Rounds in which slices move to the nearer of two parts.",
        provenance=judgement("parts settle earlier"),
    )
    max_split_depth: int = parameter(
        4,
        unit="splits",
        meaning="Splits above one another.",
        provenance=judgement("16 operators in one cluster"),
    )


GROUP_PARAMETERS = values_of(GroupParameters)
