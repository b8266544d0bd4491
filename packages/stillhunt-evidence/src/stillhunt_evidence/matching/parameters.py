"""Numbers of matching: when two campaigns of two providers are one."""

from typing import NamedTuple

from stillhunt.tools import read_parameters

# Features of one kind in one request for private set intersection (eight campaigns; who tries 65,536 words needs 32
# requests, and is seen to)
MOST_ASKED_FEATURES = 2048


class MatchParameters(NamedTuple):
    """Two kinds of features, and the bars of the verdict.

    Coverage is the weight of what both use as a share of all that one of them uses; the lower of the two counts.
    """

    share_power: float
    phrases_of_one: tuple[float, float]
    phrases_of_two: tuple[float, float]
    words_of_one: tuple[float, float]
    words_of_two: tuple[float, float]
    most_bits: float
    match_bits: float
    apart_bits: float


MATCH_VALUES = read_parameters(MatchParameters, "dossier.matching")
