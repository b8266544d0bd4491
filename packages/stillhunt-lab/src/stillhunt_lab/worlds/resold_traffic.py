"""Traffic of accounts that carry other people's requests: resellers, relays, pools."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from stillhunt_lab.worlds.scene import Draft, People, Scene, draw_people
from stillhunt_lab.worlds.traffic import Recipe, draw_loads, draw_models, draw_rows, set_parameters

Array = np.ndarray[Any, np.dtype[Any]]


def draw_resold(
    scene: Scene,
    rng: np.random.Generator,
    recipe: Recipe,
    people: People,
    loads: Array,
    *,
    named: bool = False,
    lines: int = 10,
) -> Draft:
    """Requests of hidden end users, sent through the given accounts.

    Args:
        recipe: laws of the end users.
        loads: requests wanted of each account, met on average.
        named: whether the end users are named to the provider.
        lines: addresses that one account's calls are spread over; 1 = its own line only.
    """
    average = recipe.load * np.exp(recipe.load_sigma**2 / 2)
    users = np.maximum(2, np.round(loads / average)).astype(np.int64)
    behind = np.repeat(np.arange(len(people)), users)
    # Some want chat, some run little programs: what is resold is as mixed as the population.
    end_users = draw_people(scene, rng, "end user", len(behind), paid=0.0, recent=0.0)
    wide = replace(recipe, breadth=4.0, browsers=0.0, moving=0.0)
    draft = draw_rows(scene, rng, wide, end_users, draw_loads(rng, wide, end_users, scene))
    if named:
        draft.end_user = draft.owner
    draft.owner = behind[draft.owner]
    own = (people.address[:, None] >> 8 << 8) + rng.integers(1, 255, (len(people), lines))
    own[:, 0] = people.address
    draft.address = own[draft.owner, rng.integers(0, lines, len(draft))]
    programs = rng.choice(len(scene.clients.weight), (len(people), 2), p=scene.clients.weight)
    draft.client = programs[draft.owner, rng.integers(0, 2, len(draft))]
    draft.model = draw_models(rng, len(people), draft.owner)
    set_parameters(rng, draft, np.zeros(len(people), bool))
    return draft
