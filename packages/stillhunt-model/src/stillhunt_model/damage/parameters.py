"""Numbers that decide what `damage` says."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import judgement, parameter, parameter_table, values_of


@parameter_table("model.damage", "How the worth of a harvest is measured.")
@dataclass(frozen=True)
class DamageParameters:
    """Parameters of the learning curve."""

    most_requests: int = parameter(
        10_000,
        unit="requests",
        meaning="Harvested requests, and as many of honest accounts, that are read into memory, drawn by a keyed hash.",
        provenance=judgement("ten times what a narrow skill needs, and at most 80 MB of text"),
    )
    held_out: float = parameter(
        0.25,
        unit="share of groups",
        meaning="Share of useful samples that no student sees, drawn by a keyed hash of their group.",
        provenance=judgement("three in four teach, one in four says what was learned"),
    )
    most_held_out: int = parameter(
        384,
        unit="samples",
        meaning="Held-out samples that students are asked; a third of them chooses the best moment of a training.",
        provenance=judgement("the loss is then known to a few percent, and asking costs less than training"),
    )
    fewest_held_out: int = parameter(
        12,
        unit="samples",
        meaning="Held-out samples below which nothing is said.",
        provenance=judgement("fewer give intervals that hold everything"),
    )
    fewest_samples: int = parameter(
        32,
        unit="samples",
        meaning="Useful samples to learn from below which nothing is said.",
        provenance=judgement("a curve needs at least three counts, and a student some samples"),
    )
    smallest_count: int = parameter(
        4,
        unit="samples",
        meaning="Smallest count of the curve.",
        provenance=judgement("fewer samples are an anecdote"),
    )
    bend_share: float = parameter(
        0.25,
        unit="share of the largest gain",
        meaning="The curve bends at the count from which each doubling brings less than this share of the best one.",
        provenance=judgement("a doubling that costs twice as much and brings a quarter is where a buyer stops"),
    )
    least_pairs: int = parameter(
        10,
        unit="samples",
        meaning="Held-out samples of a skill or subject below which its gain is not said.",
        provenance=judgement("fewer are chance"),
    )
    telling_answer: int = parameter(
        16,
        unit="characters",
        meaning="Length from which two samples with the same answer are kept on one side of the comparison.",
        provenance=judgement("shorter answers are those of different questions as well"),
    )
    common_key: float = parameter(
        0.05,
        unit="share of samples",
        meaning="Share of the samples from which an answer or a set of words, such as a refusal, tells no question.",
        provenance=judgement("the share from which a word is one of the template, in alike_prompts"),
    )
    largest_group: float = parameter(
        0.1,
        unit="share of samples",
        meaning="Part that samples of one group may have before conversations alone are groups; ties are still kept "
        "apart, at the price of samples that no student learns from.",
        provenance=judgement("a group is on one side as a whole: larger ones leave the sides to chance"),
    )
    short_answer: int = parameter(
        48,
        unit="bytes",
        meaning="Longest answer of which it is counted whether a student gives it exactly.",
        provenance=judgement("longer answers have many right forms"),
    )
    resamples: int = parameter(
        1000,
        unit="draws",
        meaning="Draws of seeds and held-out groups from which intervals come.",
        provenance=judgement("the bounds of a 95 % interval are then known to one or two percent of its width"),
    )


P = values_of(DamageParameters)
