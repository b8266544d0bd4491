"""Numbers that decide what countermeasures do and how they are measured."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import judgement, measured, parameter, parameter_table, values_of


@parameter_table("model.blunt", "What countermeasures do, and what an honest user loses by them.")
@dataclass(frozen=True)
class BluntParameters:
    """Parameters of countermeasures."""

    outline_every: int = parameter(
        3,
        unit="steps",
        meaning="A summary keeps one whole step of so many, the first of each, and says how many it leaves out.",
        provenance=judgement("a reader can follow the course of a solution, and two thirds of the steps are missing"),
    )
    keep_samples: int = parameter(
        100,
        unit="samples",
        meaning="Useful samples that a campaign gets under `cap` before its requests are refused.",
        provenance=judgement("a tenth of the 1,000 curated samples that already teach a narrow skill"),
    )
    honest_flagged: float = parameter(
        4.0e-5,
        unit="share of accounts",
        meaning="Honest accounts that are flagged wrongly: upper 95 % bound, with which the loss for honest use is "
        "computed.",
        provenance=measured(
            "docs/benchmark.md: 7 of 330,024 honest accounts in the ladder of three generators; Poisson bound 13.15"
        ),
    )
    agreeing_draws: float = parameter(
        0.75,
        unit="share of draws",
        meaning="Share of an adaptive student's own draws that must give one result before it takes that for right.",
        provenance=judgement("three of four: one of two is a guess"),
    )


P = values_of(BluntParameters)
