"""Parameters of the search by wording style."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters

# Accounts that share a recurring word below which it ties nobody (a block needs five accounts, of whom one may lack it)
MIN_HOLDERS = 4
# Share of accounts above which a recurring word, or a block, is everybody's (no campaign is a third of all accounts
# without being seen elsewhere)
STYLE_MAX_ACCOUNT_SHARE = 0.3


class StyleParameters(NamedTuple):
    """Wording styles."""

    recurring_lift: float
    min_lift: float
    holder_share: float
    max_concentration: float
    max_narrowness: float
    min_words: int
    matching_share: float
    max_chance: float


STYLE_PARAMETERS = read_parameters(StyleParameters, "link.style")
