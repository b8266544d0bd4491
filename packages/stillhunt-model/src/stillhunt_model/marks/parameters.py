"""The numbers that decide where marks act."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.tools import judgement, parameter, parameter_table, values_of


@parameter_table("model.gate", "Where marks may act.")
@dataclass(frozen=True)
class GateParameters:
    """Parameters of the gate."""

    sure: float = parameter(
        0.9,
        unit="1",
        meaning="Probability of the likeliest token from which a position is left alone: the choice is none.",
        provenance=judgement("what the model is nearly sure of is grammar or a fact; a mark has little room there"),
    )
    unplain: float = parameter(
        0.1,
        unit="1",
        meaning="Probability of all tokens together that are no plain words, from which a position is left alone.",
        provenance=judgement("many digits or names that are each below `plausible` are as much at stake as one above"),
    )
    plausible: float = parameter(
        0.01,
        unit="1",
        meaning="Probability from which a token must be a plain word for its position to be marked.",
        provenance=judgement("a digit or a name that is one of a hundred choices is a fact that is at stake"),
    )
    english: float = parameter(
        0.2,
        unit="1",
        meaning="Share of clearly English words, of those that tell a language, from which a text counts as English.",
        provenance=judgement("English prose has some 0.3 by the list in english.py; other languages have hardly any"),
    )


P = values_of(GateParameters)
