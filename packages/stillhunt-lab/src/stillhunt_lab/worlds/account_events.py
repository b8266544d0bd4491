"""What happens to accounts during the log: a model is released; some are closed, or banned and replaced."""

from dataclasses import dataclass

import numpy as np

from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.worlds.scene import MODELS, Draft, People, Scene, merge_drafts

NEVER = np.iinfo(np.int64).max
_ACTIVE = 0.62
"""Share of the accounts that work from the start; the rest stands by."""
_LIMITED = 0.015
"""Share of tasks that are refused with 429 and repeated by another account."""
_REFUSALS = 3
"""Refused calls (403) after which the operation gives a banned account up."""
_HEALTH_CHECK = 24 * HOUR
"""A banned account that nobody uses is noticed after this time."""
_BACKLOG = 8 * HOUR
"""Work that a banned account had before it goes to its successor."""


@dataclass(frozen=True)
class Tenures:
    """Who is banned and who replaces them, one entry per account.

    Args:
        banned: microseconds since the epoch, `NEVER` for accounts that stay.
        successor: account that replaces it, -1 = none.
        delay: microseconds between the first refused call of its predecessor and an account's first work; 0 for
            accounts that work from the start.
    """

    banned: Array
    successor: Array
    delay: Array


def draw_tenures(rng: np.random.Generator, count: int, start: int, stop: int) -> Tenures:
    """Draw bans over the campaign, one for each account in reserve.

    `start`: start of the operation, microseconds since the epoch.
    """
    order = rng.permutation(count)
    active = max(1, round(_ACTIVE * count))
    reserve = order[active:]
    lost = rng.permutation(order[:active])[: len(reserve)]
    banned, successor, delay = np.full(count, NEVER), np.full(count, -1), np.zeros(count, np.int64)
    banned[lost] = start + (rng.uniform(0.15, 0.75, len(lost)) * (stop - start)).astype(np.int64)
    successor[lost] = reserve
    delay[reserve] = (rng.uniform(0.5, 4.0, len(reserve)) * HOUR).astype(np.int64)
    return Tenures(banned, successor, delay)


def hand_over(rng: np.random.Generator, draft: Draft, tenures: Tenures) -> Draft:
    """Turn the requests of a queue that all accounts serve into those of a queue that survives bans and limits.

    Returns the rows that are really sent: after a ban a few refused calls and then nothing; the work of the next hours
    goes to the successor; each refused task is sent again by another account within minutes.
    """
    late = np.flatnonzero(draft.time >= tenures.banned[draft.owner])
    noticed = np.where(tenures.banned == NEVER, NEVER, tenures.banned + _HEALTH_CHECK)
    np.minimum.at(noticed, draft.owner[late], draft.time[late])
    begin = np.zeros(len(noticed), np.int64)
    lost = np.flatnonzero(tenures.successor >= 0)
    begin[tenures.successor[lost]] = noticed[lost] + tenures.delay[tenures.successor[lost]]
    # Work of more than a few hours after the first refusal went to the others in the first place.
    known = np.where(noticed == NEVER, NEVER, noticed + _BACKLOG)
    draft = draft.keep((draft.time >= begin[draft.owner]) & (draft.time < known[draft.owner]))
    late = np.flatnonzero(draft.time >= tenures.banned[draft.owner])
    rank = count_within_owners(draft.owner[late], draft.time[late])
    refused = np.zeros(len(draft), bool)
    refused[late[rank < _REFUSALS]] = True
    draft.status[refused] = 403
    moved = late[rank >= _REFUSALS]
    heir = tenures.successor[draft.owner[moved]]
    draft.owner[moved] = heir
    draft.time[moved] = np.maximum(draft.time[moved], begin[heir]) + rng.integers(0, HOUR, len(moved))
    limited = ~refused & (rng.random(len(draft)) < _LIMITED)
    draft.status[limited] = 429
    again = draft.keep(refused | limited)
    again.status[:] = 0
    again.time = again.time + (rng.uniform(20.0, 360.0, len(again)) * SECOND).astype(np.int64)
    again.owner = _stand_in(rng, again, begin, tenures)
    both = merge_drafts(draft, again)
    # The provider sees a conversation that changed accounts as another one.
    both.conversation = np.unique(both.conversation * (len(begin) + 1) + both.owner, return_inverse=True)[1]
    return both


def _stand_in(rng: np.random.Generator, again: Draft, begin: Array, tenures: Tenures) -> Array:
    """Another account that works at the time, or the owner's successor where none was drawn."""
    chosen = np.where(tenures.successor[again.owner] >= 0, tenures.successor[again.owner], again.owner)
    for _ in range(12):
        other = rng.integers(0, len(begin), len(again))
        works = (other != again.owner) & (begin[other] <= again.time) & (again.time < tenures.banned[other])
        chosen = np.where(works, other, chosen)
    return chosen


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
    """Move requests to the new model: those of honest accounts over weeks, those of a campaign within a day."""
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
    """Close some honest accounts: a few calls are refused, then there are none."""
    rng = scene.rng(f"closing/{name}")
    closed = rng.random(len(people)) < _CLOSED
    at = scene.end - (rng.random(len(people)) * scene.days * DAY).astype(np.int64)
    moment = np.where(closed, at, NEVER)
    late = np.flatnonzero(draft.time >= moment[draft.owner])
    rank = count_within_owners(draft.owner[late], draft.time[late])
    draft.status[late[rank < _LAST_CALLS]] = 403
    kept = np.ones(len(draft), bool)
    kept[late[rank >= _LAST_CALLS]] = False
    return draft.keep(kept)
