"""Parameters that more than one room computes with."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class SliceParameters(NamedTuple):
    """Numbers about slices."""

    view_cap_bits: float
    min_untemplated_questions: int
    min_split_bits: float


SLICE_PARAMETERS = read_parameters(SliceParameters, "base.slices")

SAMPLING_PARAMETERS = ("temperature", "top_p", "max_tokens")
"""Columns of the settings that a client sends with a request; a request that sets one of them has request style 1."""
