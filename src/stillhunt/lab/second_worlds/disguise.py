"""What an operation's accounts look like: papers, clients, addresses, parameters, channels."""

from __future__ import annotations

import numpy as np

from stillhunt.lab.second_worlds.dress import place_calls
from stillhunt.lab.second_worlds.ledger import Array, Calls, Crowd
from stillhunt.lab.second_worlds.network import CODES, PEOPLE_CLIENTS, PROGRAM_CLIENTS, WEIGHTS
from stillhunt.lab.second_worlds.people import blank_crowd, draw_tastes, new_cards
from stillhunt.lab.second_worlds.rulebook import Rung
from stillhunt.lab.second_worlds.spec import DAY, START
from stillhunt.lab.second_worlds.stage import CHANNELS, MODELS, Stage

_POOL_SHARE = 6
_ODD_MAIL = 9


def recruit(stage: Stage, rng: np.random.Generator, rung: Rung, count: int) -> Crowd:
    """Accounts of an operation.

    Args:
        stage: world.
        rng: generator.
        rung: its ways.
        count: accounts.
    """
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
    crowd = blank_crowd(stage, rng, country, client, "pool" if rung.labs > 1 else "harvester")
    if rung.labs > 1:  # hidden customers ask about anything
        crowd.tastes, crowd.leaning = draw_tastes(stage, rng, count, 12.0, 0.2)
    if rung.papers != "clean":
        _forge(stage, rng, rung, crowd)
        return crowd
    opened = START - rng.random() * 20 * DAY - rng.random(count) * rung.opened_days * DAY
    mixed = rng.random(count) < 0.55  # the others were bought with an age of their own
    crowd.created = np.where(mixed, opened.astype(np.int64), crowd.created)
    return crowd


def _forge(stage: Stage, rng: np.random.Generator, rung: Rung, crowd: Crowd) -> None:
    """Papers of the crude rungs: few cards and one mail domain, or a virtual card each and throw-away mail."""
    n = len(crowd)
    opened = START - int(rng.uniform(0.5, 4.0) * DAY)
    crowd.created = opened + (rng.random(n) * rung.opened_days * DAY).astype(np.int64)
    names = [f"{stage.wording.name(rng).lower()}{rng.integers(1, 99)}.example" for _ in range(_ODD_MAIL)]
    issuer = CODES[int(rng.integers(0, len(CODES)))]
    crowd.card_country = np.full(n, issuer, object)
    crowd.plan = np.full(n, "pro", object)
    if rung.papers == "burst":
        crowd.mail = np.full(n, names[0], object)
        crowd.card = rng.choice(new_cards(rng, 3), n)
        crowd.purpose = np.full(n, "research", object)
    else:
        crowd.mail = rng.choice(np.array(names, object), n)
        crowd.card = new_cards(rng, n)


def cloak_calls(stage: Stage, rng: np.random.Generator, rung: Rung, crowd: Crowd, calls: Calls) -> None:
    """Addresses, parameters, models and channels of an operation, over what its accounts would have by themselves.

    Args:
        stage: world.
        rng: generator.
        rung: its ways.
        crowd: its accounts.
        calls: harvested and cover calls, changed in place.
    """
    n = len(crowd)
    if rung.network == "few":
        _rotate(rng, crowd, calls, stage.network.pool(rng, "cloud", 0, 4))
    elif rung.network == "pool":
        _rotate(rng, crowd, calls, stage.network.pool(rng, "cloud", 0, max(4, n // _POOL_SHARE)))
    else:
        place_calls(stage, rng, crowd, calls, rung.network)
    if rung.clients:
        calls.client = crowd.client[calls.owner]
        calls.channel[:] = CHANNELS.index("api")
    if rung.parameters != "own":
        _set_parameters(rng, rung, n, calls)
    if rung.best == 1.0:
        calls.model[:] = len(MODELS) - 1
    if rung.channels:
        # Accounts are spread over the doors: a third plain API, the rest subscriptions, clouds and a router.
        calls.channel = rng.choice(len(CHANNELS), n, p=(0.34, 0.3, 0.0, 0.14, 0.1, 0.12))[calls.owner]


def _rotate(rng: np.random.Generator, crowd: Crowd, calls: Calls, pool: Array) -> None:
    calls.address = rng.choice(pool, len(calls))
    crowd.signup_address = rng.choice(pool, len(crowd))


def _set_parameters(rng: np.random.Generator, rung: Rung, accounts: int, calls: Calls) -> None:
    """One set for the whole operation, or three: one of them leaves everything out."""
    temperature = np.array([0.7, np.nan, 1.0]) if rung.parameters == "few" else np.array([0.7])
    limit = np.array([4096.0, np.nan, np.nan]) if rung.parameters == "few" else np.array([4096.0])
    chosen = rng.choice(len(temperature), accounts, p=(0.3, 0.5, 0.2) if rung.parameters == "few" else (1.0,))
    calls.temperature, calls.limit = temperature[chosen][calls.owner], limit[chosen][calls.owner]
    calls.top_p = np.full(len(calls), np.nan)
    calls.output = np.minimum(np.nan_to_num(calls.limit, nan=16_384.0), calls.output).astype(np.int64)
