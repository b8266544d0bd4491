"""Numbers that decide what `distil` says of a student."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import derived, judgement, parameter, parameter_table, values_of


@parameter_table("model.distil", "How a distilled student is judged.")
@dataclass(frozen=True)
class DistilParameters:
    """Parameters of the table of results."""

    held_out: float = parameter(
        0.1,
        unit="share of prompts",
        meaning="Share of different prompts that no student sees, and of which all models are asked.",
        provenance=judgement("one in ten says what was learned, and nine teach"),
    )
    most_held_out: int = parameter(
        200,
        unit="prompts",
        meaning="Most prompts of which all models are asked.",
        provenance=derived("a share of 50 % is then known to 7 points each way: 1.96 x sqrt(0.25 / 200)"),
    )
    fewest_prompts: int = parameter(
        20,
        unit="prompts",
        meaning="Different prompts below which no distillation begins.",
        provenance=judgement("fewer leave one or none to judge by"),
    )
    fewest_asked: int = parameter(
        10,
        unit="prompts",
        meaning="Held-out prompts below which no interval is said.",
        provenance=judgement("draws with repetition from fewer give intervals that are far too narrow"),
    )
    resamples: int = parameter(
        2000,
        unit="draws",
        meaning="Draws of the bootstrap over questions.",
        provenance=judgement("the ends of an interval of 95 % then rest on 50 draws each"),
    )


P = values_of(DistilParameters)
