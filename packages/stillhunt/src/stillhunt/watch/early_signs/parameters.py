"""Numbers of early signs."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class EarlySignParameters(NamedTuple):
    """When something is an early sign."""

    least_attempts: int
    least_burst: int
    burst_ratio: float
    usual_strength: float
    moved: tuple[float, float]
    least_bits: float


EARLY = read_parameters(EarlySignParameters, "watch.early_signs")
