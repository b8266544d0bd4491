"""What the accounts of a campaign look like: sign-up data, clients, addresses, parameters, channels."""

from __future__ import annotations

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.second_worlds.accounts import blank_people, draw_topic_preferences, new_cards
from stillhunt_lab.second_worlds.call_details import place_calls
from stillhunt_lab.second_worlds.network import CODES, PEOPLE_CLIENTS, PROGRAM_CLIENTS, WEIGHTS
from stillhunt_lab.second_worlds.records import Array, People, WorldCalls
from stillhunt_lab.second_worlds.rungs import Rung
from stillhunt_lab.second_worlds.scene import CHANNELS, MODELS, Scene
from stillhunt_lab.second_worlds.spec import START

_POOL_SHARE = 6
_ODD_MAIL = 9


def recruit(scene: Scene, rng: np.random.Generator, rung: Rung, count: int) -> People:
    """Draw the accounts of a campaign."""
    country = rng.choice(len(WEIGHTS), count, p=WEIGHTS)
    if rung.clients:
        client = rng.choice(np.flatnonzero(PROGRAM_CLIENTS > 0.05), 1).repeat(count)
    else:
        is_program = rng.random(count) < 0.45
        client = np.where(
            is_program,
            rng.choice(len(PROGRAM_CLIENTS), count, p=PROGRAM_CLIENTS),
            rng.choice(len(PEOPLE_CLIENTS), count, p=PEOPLE_CLIENTS),
        )
    if rung.papers == "burst":
        country[:] = country[0]
    people = blank_people(scene, rng, country, client, "pool" if rung.labs > 1 else "harvester")
    if rung.labs > 1:  # hidden customers ask about anything
        people.topics, people.topic_cdf = draw_topic_preferences(scene, rng, count, 12.0, 0.2)
    if rung.papers != "clean":
        _forge(scene, rng, rung, people)
        return people
    opened = START - rng.random() * 20 * DAY - rng.random(count) * rung.opened_days * DAY
    mixed = rng.random(count) < 0.55  # the others were bought with an age of their own
    people.created = np.where(mixed, opened.astype(np.int64), people.created)
    return people


def _forge(scene: Scene, rng: np.random.Generator, rung: Rung, people: People) -> None:
    """Sign-up data of the crude rungs: few cards and one mail domain, or a virtual card each and throw-away mail."""
    n = len(people)
    opened = START - int(rng.uniform(0.5, 4.0) * DAY)
    people.created = opened + (rng.random(n) * rung.opened_days * DAY).astype(np.int64)
    names = [f"{scene.wording.name(rng).lower()}{rng.integers(1, 99)}.example" for _ in range(_ODD_MAIL)]
    issuer = CODES[int(rng.integers(0, len(CODES)))]
    people.card_country = np.full(n, issuer, object)
    people.plan = np.full(n, "pro", object)
    if rung.papers == "burst":
        people.mail = np.full(n, names[0], object)
        people.card = rng.choice(new_cards(rng, 3), n)
        people.purpose = np.full(n, "research", object)
    else:
        people.mail = rng.choice(np.array(names, object), n)
        people.card = new_cards(rng, n)


def disguise_calls(scene: Scene, rng: np.random.Generator, rung: Rung, people: People, calls: WorldCalls) -> None:
    """Set addresses, parameters, models and channels of a campaign, over what its accounts would have by themselves.

    Args:
        calls: harvested and cover calls, changed in place.
    """
    n = len(people)
    if rung.network == "few":
        _rotate(rng, people, calls, scene.network.pool(rng, "cloud", 0, 4))
    elif rung.network == "pool":
        _rotate(rng, people, calls, scene.network.pool(rng, "cloud", 0, max(4, n // _POOL_SHARE)))
    else:
        place_calls(scene, rng, people, calls, rung.network)
    if rung.clients:
        calls.client = people.client[calls.owner]
        calls.channel[:] = CHANNELS.index("api")
    if rung.parameters != "own":
        _set_parameters(rng, rung, n, calls)
    if rung.best == 1.0:
        calls.model[:] = len(MODELS) - 1
    if rung.channels:
        # Accounts are spread over the channels: a third plain API, the rest subscriptions, clouds and a router.
        calls.channel = rng.choice(len(CHANNELS), n, p=(0.34, 0.3, 0.0, 0.14, 0.1, 0.12))[calls.owner]


def _rotate(rng: np.random.Generator, people: People, calls: WorldCalls, pool: Array) -> None:
    calls.address = rng.choice(pool, len(calls))
    people.signup_address = rng.choice(pool, len(people))


def _set_parameters(rng: np.random.Generator, rung: Rung, accounts: int, calls: WorldCalls) -> None:
    """One set of parameters for all accounts, or three, one of which sends none."""
    temperature = np.array([0.7, np.nan, 1.0]) if rung.parameters == "few" else np.array([0.7])
    limit = np.array([4096.0, np.nan, np.nan]) if rung.parameters == "few" else np.array([4096.0])
    chosen = rng.choice(len(temperature), accounts, p=(0.3, 0.5, 0.2) if rung.parameters == "few" else (1.0,))
    calls.temperature, calls.limit = temperature[chosen][calls.owner], limit[chosen][calls.owner]
    calls.top_p = np.full(len(calls), np.nan)
    calls.output = np.minimum(np.nan_to_num(calls.limit, nan=16_384.0), calls.output).astype(np.int64)
