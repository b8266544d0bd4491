"""Parameters that more than one room computes with."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of


@parameter_table("base.slices", "What link, resolve and score must agree on about slices.")
@dataclass(frozen=True)
class SliceParameters:
    """Numbers about slices."""

    view_cap_bits: float = parameter(
        12.0,
        unit="bits",
        meaning="Most bits that one view (phrases, topics or work) on one fold may say for or against one slice.",
        provenance=judgement("a long slice must not outweigh a group by itself"),
    )
    min_untemplated_questions: int = parameter(
        8,
        unit="distinct prompts",
        meaning="Distinct questions with a known topic that an untemplated slice needs.",
        provenance=judgement("with 64 topics, fewer questions say nothing about a mixture"),
    )
    min_split_bits: float = parameter(
        20.0,
        unit="bits",
        meaning="Held-out bits by which two parts of a group must differ to be two operators.",
        provenance=measured("sample world: two labs with one phrase grammar gain 56 bits, parts of one queue lose 6"),
    )


SLICE_PARAMETERS = values_of(SliceParameters)

SAMPLING_PARAMETERS = ("temperature", "top_p", "max_tokens")
"""Columns of the settings that a client sends with a request; a request that sets one of them has request style 1."""
