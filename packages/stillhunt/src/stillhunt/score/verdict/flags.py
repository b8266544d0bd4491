"""Memberships -> what is said of each member of one campaign: act (flagged), review or none."""

from __future__ import annotations

import numpy as np

from stillhunt.base.config import ScoreSettings
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.stats.arrays import Flags, Floats, Ints
from stillhunt.score.verdict.rules import LIKELY_MEMBER


def member_ranks(verdict: str, probability: Floats, set_apart: Flags, settings: ScoreSettings) -> Ints:
    """Position in `VERDICTS` of what is said of each member, allowed programmes aside.

    Args:
        probability: P(member | campaign) of each member.
        set_apart: True for members who are never flagged.
    """
    # Whoever is likelier a member than not is for a person to look at, as the campaign is.
    ranks = np.where(probability >= LIKELY_MEMBER, VERDICTS.index("review"), VERDICTS.index("none"))
    if verdict == "act":
        ranks[flagged_members(np.where(set_apart, 0.0, probability), settings)] = VERDICTS.index("act")
    return ranks


def flagged_members(probability: Floats, settings: ScoreSettings) -> Ints:
    """Members of a campaign to act on who are flagged: as many as keep the expected share of strangers in bounds.

    Args:
        probability: P(member | campaign) of each member.

    Returns:
        Positions of the flagged members.
    """
    order = np.argsort(-probability, kind="stable")
    strangers = np.cumsum(1.0 - probability[order]) / np.arange(1, len(order) + 1)
    kept = (strangers <= settings.flagged_strangers) & (probability[order] >= settings.flagged_probability)
    # The expected share only grows along the order, as do the doubts about the next member.
    flagged = int(np.count_nonzero(np.cumprod(kept)))
    if 0 < flagged < len(order) and probability[order[flagged]] == probability[order[flagged - 1]]:
        # Of equals all are flagged or none, so that nobody is for what their account is called.
        flagged = int(np.count_nonzero(probability > probability[order[flagged]]))
    return np.sort(order[:flagged])
