"""What a call carries beside its text: addresses, parameters, model, size of the answer."""

from typing import Any

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.network import PEOPLE_CLIENTS, PROGRAM_CLIENTS
from stillhunt_lab.second_worlds.records import People, WorldCalls
from stillhunt_lab.second_worlds.scene import MODELS, Scene
from stillhunt_lab.second_worlds.spec import START

_TEMPERATURES = np.array([0.0, 0.2, 0.3, 0.5, 0.7, 1.0])
_TOP_PS = np.array([0.9, 0.95, 1.0])
_LIMITS = np.array([256, 512, 1024, 2048, 4096, 8192])
_APP = 1
_PROGRAM_CHANNELS = np.array([0.66, 0.0, 0.05, 0.13, 0.07, 0.09])
_PEOPLE_CHANNELS = np.array([0.3, 0.62, 0.0, 0.02, 0.01, 0.05])


def blank_calls(owner: Array, time: Array, talk: Array, turn: Array, job: Array) -> WorldCalls:
    """Calls without model, client, address or parameters."""
    n = len(owner)
    blank = {name: np.full(n, np.nan) for name in ("temperature", "top_p", "limit")}
    blank |= {name: np.full(n, -1) for name in ("address", "user", "system", "campaign")}
    blank |= {name: np.zeros(n, np.int64) for name in ("model", "client", "output", "channel", "key")}
    return WorldCalls(owner=owner, time=time, talk=talk, turn=turn, job=job, status=np.full(n, 200), **blank)


def fill_in_calls(
    scene: Scene, rng: np.random.Generator, people: People, calls: WorldCalls, best: float, answer: float
) -> None:
    """Set model, client, parameters, channel, key and answer as each account usually has them.

    `best`: chance that an account's usual model is the largest. `answer`: median tokens of an answer.
    """
    n, owner = len(people), calls.owner
    favourite = np.where(rng.random(n) < best, len(MODELS) - 1, rng.integers(0, len(MODELS) - 1, n))
    loyal = rng.beta(6.0, 1.0, n)
    stray = rng.random(len(calls)) > loyal[owner]
    calls.model = np.where(stray, rng.integers(0, len(MODELS), len(calls)), favourite[owner])
    calls.client = _draw_call_clients(rng, people, calls, scene)
    is_program = PROGRAM_CLIENTS[people.client] > PEOPLE_CLIENTS[people.client]
    sets_temperature = rng.random(n) < np.where(is_program, 0.5, 0.15)
    sets_limit = rng.random(n) < np.where(is_program, 0.5, 0.2)
    calls.temperature = np.where(sets_temperature, rng.choice(_TEMPERATURES, n), np.nan)[owner]
    calls.top_p = np.where(rng.random(n) < 0.3 * sets_temperature, rng.choice(_TOP_PS, n), np.nan)[owner]
    calls.limit = np.where(sets_limit, rng.choice(_LIMITS, n), np.nan)[owner]
    people_channels, program_channels = (
        np.cumsum(shares / shares.sum()) for shares in (_PEOPLE_CHANNELS, _PROGRAM_CHANNELS)
    )
    shares = np.where(is_program[:, None], program_channels, people_channels)
    calls.channel = np.minimum((shares < rng.random((n, 1))).sum(1), len(people_channels) - 1)[owner]
    keys = np.where(is_program, rng.geometric(0.6, n), 1)
    calls.key = np.where(calls.channel == _APP, 0, (rng.random(len(calls)) ** 2 * keys[owner]).astype(np.int64))
    own = answer * rng.lognormal(0.0, 0.45, n)[owner]
    tokens = own * rng.lognormal(0.0, 0.75, len(calls)) * np.where(calls.turn > 0, 0.75, 1.0)
    calls.output = np.minimum(np.nan_to_num(calls.limit, nan=16_384.0), np.maximum(3, tokens)).astype(np.int64)


def _draw_call_clients(rng: np.random.Generator, people: People, calls: WorldCalls, scene: Scene) -> Array:
    """The usual client; a third of the people also use another one, and some are updated on the way."""
    n = len(people)
    is_person = PEOPLE_CLIENTS[people.client] >= PROGRAM_CLIENTS[people.client]
    second = np.where(
        is_person & (rng.random(n) < 0.4), rng.choice(len(PEOPLE_CLIENTS), n, p=PEOPLE_CLIENTS), people.client
    )
    updated = np.where(np.isin(people.client, (0, 5, 8, 11)), people.client + 1, people.client)
    change = START + (rng.uniform(-0.6, 1.6, n) * scene.spec.days * DAY).astype(np.int64)
    usual = np.where(calls.time > change[calls.owner], updated[calls.owner], people.client[calls.owner])
    odd = (calls.talk * 2654435761 % 1000) < 220  # by conversation: nobody changes device between two sentences
    return np.where(odd, second[calls.owner], usual)


def place_calls(scene: Scene, rng: np.random.Generator, people: People, calls: WorldCalls, kind: str) -> None:
    """Addresses that the calls come from.

    `kind`: "home", "roaming", "office", "cloud", "gateway", "tunnel", or "fixed" (one household line for good).
    """
    net, owner, n = scene.network, calls.owner, len(people)
    settled = rng.random(n) < (0.85 if kind == "fixed" else 0.62)
    days = np.where(settled, 1e4, rng.weibull(0.9, n) * 9)
    calls.address = net.leases(rng, people.country, owner, calls.time, days)
    if kind == "fixed":
        people.signup_address = _first_address(calls, people)
        return
    still_there = rng.random(n) < 0.35
    if kind in ("home", "roaming"):
        first = _first_address(calls, people)
        people.signup_address = np.where(still_there, first, people.signup_address)
        share = rng.beta(0.7, 1.1, n) * (rng.random(n) < 0.38) if kind == "home" else rng.beta(3.0, 1.2, n)
        away = _by_talk(rng, calls) < share[owner]
        _move_calls_to_pools(rng, calls, away, _mobile_pools(scene, rng, people), people.country[owner])
        if kind == "roaming":
            clouds = [net.pool(rng, "cloud", 0, 40) for _ in range(4)]
            _move_calls_to_pools(rng, calls, _by_talk(rng, calls) < 0.45, clouds, owner % len(clouds))
        return
    if kind == "gateway":
        # A few egress addresses for very many unrelated customers.
        pools = [net.pool(rng, "cloud", 0, 3) for _ in range(3)]
        _move_calls_to_pools(rng, calls, np.ones(len(calls), bool), pools, owner % len(pools))
        return
    if kind == "tunnel":
        pools = [net.pool(rng, "tunnel", 0, 30) for _ in range(5)]
        _move_calls_to_pools(rng, calls, _by_talk(rng, calls) < rng.beta(4.0, 1.0, n)[owner], pools, owner % len(pools))
        return
    unit = np.where(people.group >= 0, people.group, np.arange(n))
    leaders, unit_of = np.unique(unit, return_inverse=True)
    first = np.searchsorted(unit, leaders) if (np.diff(unit) >= 0).all() else leaders
    sizes = rng.geometric(0.65, len(leaders)) if kind == "cloud" else rng.integers(1, 5, len(leaders))
    pools = [
        net.pool(rng, kind, int(people.country[row]), int(size))
        for row, size in zip(first.tolist(), sizes.tolist(), strict=True)
    ]
    at_work = _by_talk(rng, calls) < (1.0 if kind == "cloud" else 0.8)
    _move_calls_to_pools(rng, calls, at_work, pools, unit_of.reshape(-1)[owner])


def _first_address(calls: WorldCalls, people: People) -> Array:
    """Address of each account's first call, or of its sign-up where it never called."""
    first = people.signup_address.copy()
    order = np.argsort(calls.time, kind="stable")[::-1]
    first[calls.owner[order]] = calls.address[order]
    return first


def _by_talk(rng: np.random.Generator, calls: WorldCalls) -> Array:
    """A number between 0 and 1 for each call, the same throughout a conversation."""
    talks = int(calls.talk.max(initial=-1)) + 1
    return rng.random(talks)[calls.talk]


def _mobile_pools(scene: Scene, rng: np.random.Generator, people: People) -> list[Array]:
    """One carrier-grade pool per country that anybody lives in; an empty one for the others."""
    lived_in = set(people.country.tolist())
    return [
        scene.network.pool(rng, "mobile", country, 24) if country in lived_in else np.zeros(1, np.int64)
        for country in range(int(people.country.max(initial=0)) + 1)
    ]


def _move_calls_to_pools(
    rng: np.random.Generator, calls: WorldCalls, rows: Array, pools: list[Any], pool_of: Array
) -> None:
    """Give the chosen calls an address of their pool; one address throughout a conversation."""
    if not pools:
        return
    sizes = np.array([len(pool) for pool in pools])
    flat, first = np.concatenate(pools), np.cumsum(sizes) - sizes
    place = (_by_talk(rng, calls) * sizes[pool_of]).astype(np.int64)
    calls.address = np.where(rows, flat[first[pool_of] + place], calls.address)
