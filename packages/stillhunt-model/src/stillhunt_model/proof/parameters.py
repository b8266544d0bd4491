"""The numbers on which a proof of training rests."""

from typing import NamedTuple

from stillhunt.tools import read_parameters

# Most harvested answers that are compared with control answers (more say little, and the exact tail of 2,000 answers
# took 7 s)
MOST_COMPARED_ANSWERS = 1000
# Most control answers to one harvested answer (with ten answers, nine in place of one lower p a thousandfold on drawn
# values (a test))
MOST_CONTROL_ANSWERS = 9


class ProofParameters(NamedTuple):
    """Parameters of a proof of training."""

    unlike: float
    honest: float
    ends: float
    marked: float
    least_temperature: float


P = read_parameters(ProofParameters, "model.proof")
"""Parameters of the proof."""
