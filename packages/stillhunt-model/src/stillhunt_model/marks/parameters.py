"""The numbers that decide where marks act."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class GateParameters(NamedTuple):
    """Parameters of the gate."""

    sure: float
    unplain: float
    plausible: float
    english: float


P = read_parameters(GateParameters, "model.gate")
