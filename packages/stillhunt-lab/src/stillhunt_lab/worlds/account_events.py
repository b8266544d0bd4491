"""What happens to accounts during the log: a new model is released, and some accounts are closed."""

from __future__ import annotations

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.worlds.account_replacement import NEVER, ranks
from stillhunt_lab.worlds.scene import MODELS, Draft, People, Scene

NEW_MODEL = len(MODELS) - 1

_ADOPTION_DAYS = 12.0
"""Mean days until an honest account tries the new model, among those that ever do."""
_MODEL_ADOPTERS = 0.7
"""Share of honest accounts that ever try it."""
_CAMPAIGN_ADOPTERS = 0.5
"""Share of a campaign's accounts, and so of its traffic, that goes to the new model within a day."""
_CLOSED = 0.015
"""Share of honest accounts that the provider closes: unpaid bills, other abuse, mistakes."""
_LAST_CALLS = 3
"""Refused calls that a closed account still makes at most."""


def adopt_release(scene: Scene, people: People, draft: Draft, name: str) -> None:
    """Move requests to the new model: those of honest accounts over weeks, those of a campaign within a day.

    Args:
        draft: requests; gets `model`.
        name: name of the persona or campaign, for its chance.
    """
    rng = scene.rng(f"release/{name}")
    slow = (
        np.where(rng.random(len(people)) < _MODEL_ADOPTERS, rng.exponential(_ADOPTION_DAYS, len(people)), np.inf) * DAY
    )
    share = rng.beta(2.0, 2.0, len(people))
    honest = (draft.time >= scene.release + slow[draft.owner]) & (rng.random(len(draft)) < share[draft.owner])
    sent = rng.permutation(len(people)) < _CAMPAIGN_ADOPTERS * len(people)
    moved = np.where(draft.campaign == "", honest, False)
    for campaign in sorted(set(draft.campaign.tolist()) - {""}):
        turn = scene.release + int(rng.uniform(4.0, 22.0) * HOUR)
        moved |= (draft.campaign == campaign) & (draft.time >= turn) & sent[draft.owner]
    draft.model = np.where(moved, NEW_MODEL, draft.model)


def close_some(scene: Scene, people: People, draft: Draft, name: str) -> Draft:
    """Close some honest accounts: a few calls are refused, then there are none.

    Args:
        name: name of the persona, for its chance.
    """
    rng = scene.rng(f"closing/{name}")
    closed = rng.random(len(people)) < _CLOSED
    at = scene.end - (rng.random(len(people)) * scene.days * DAY).astype(np.int64)
    moment = np.where(closed, at, NEVER)
    late = np.flatnonzero(draft.time >= moment[draft.owner])
    rank = ranks(draft.owner[late], draft.time[late])
    draft.status[late[rank < _LAST_CALLS]] = 403
    kept = np.ones(len(draft), bool)
    kept[late[rank >= _LAST_CALLS]] = False
    return draft.keep(kept)
