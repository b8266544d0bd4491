"""How an honest explanation reads a kind of finding.

A finding *for* a harvest is explained by an honest explanation if that explanation would make it common, too. A finding
*against* a harvest counts for an explanation only if that explanation predicts it. Both are judgements about people and
programs, not measurements; they are written out so that anybody can argue with a single cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillhunt_evidence.pages.explanations import BY_KINDS


@dataclass(frozen=True)
class ExplanationReading:
    """How one explanation reads findings of one kind.

    Attributes:
        explained: whether findings for a harvest would be common under it.
        predicted: whether it predicts findings of this kind against a harvest.
    """

    explained: bool
    reason: str
    predicted: bool


def readings_of(
    explained: Mapping[str, str], unexplained: Mapping[str, str], against: str
) -> dict[str, ExplanationReading]:
    """The readings of one kind.

    Args:
        explained: reason -> keys of the explanations that explain evidence for a harvest, separated by spaces.
        unexplained: the same for those that do not.
        against: keys of the explanations that predict evidence against a harvest.
    """
    predicted = against.split()
    readings = {
        key: ExplanationReading(is_explained, reason, key in predicted)
        for is_explained, reasons in ((True, explained), (False, unexplained))
        for reason, keys in reasons.items()
        for key in keys.split()
    }
    return {key: readings[key] for key in BY_KINDS}
