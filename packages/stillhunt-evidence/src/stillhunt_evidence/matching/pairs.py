"""All campaigns of one provider against all of another."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt_evidence.matching.comparing import PairScore, compare_campaigns
from stillhunt_evidence.matching.sketch_file import SketchFile, feature_sets


class ScoredPair(NamedTuple):
    """One campaign of each side, by the names in the files, and how alike they are."""

    mine: str
    theirs: str
    score: PairScore


def match_files(mine: SketchFile, theirs: SketchFile) -> list[ScoredPair]:
    """Score every campaign of one file against every campaign of another, the most alike first.

    A provider who sends phrases that it has from elsewhere gets a match by them, so a match is a reason to talk, and no
    proof.
    """
    ours = [(one.name, feature_sets(one)) for one in mine.campaigns]
    others = [(one.name, feature_sets(one)) for one in theirs.campaigns]
    found = [ScoredPair(a, b, compare_campaigns(x, y)) for a, x in ours for b, y in others]
    return sorted(found, key=lambda pair: (-pair.score.bits, pair.mine, pair.theirs))
