"""When honest customers call: self-exciting sessions, heavy-tailed renewals, clockwork and floods.

Sessions that beget sessions follow Hawkes' branching construction (Hawkes and Oakes 1974) with Lomax delays; renewals
have Pareto gaps in a time that runs with the week.
"""

import numpy as np

from stillhunt.tools import DAY, HOUR, MINUTE, SECOND
from stillhunt_lab.arrays import Array, count_within
from stillhunt_lab.second_worlds.spec import START

_PERSISTENCE = 0.55  # shape of the number of later turns; smaller = a few very long conversations
PROFILES = ("office", "evening", "student", "flat")
_BUMPS = {
    # local hour, narrowness, weight by day of the week (Monday first)
    "office": (((10.3, 3.0, 1.0), (14.8, 2.5, 1.1)), (1.0, 1.05, 1.0, 1.0, 0.85, 0.12, 0.1)),
    "evening": (((20.8, 2.2, 1.2), (12.5, 1.2, 0.5)), (0.9, 0.9, 0.95, 0.9, 0.8, 1.2, 1.3)),
    "student": (((22.3, 1.3, 1.0), (15.5, 1.6, 0.8)), (1.1, 1.1, 1.0, 0.95, 0.6, 0.6, 1.15)),
    "flat": (((12.0, 0.15, 1.0),), (1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.95)),
}


def week_curve(profile: str) -> Array:
    """Relative activity by local hour of the week, sum 1, shape (168,).

    `profile`: one of `PROFILES`.
    """
    bumps, weekdays = _BUMPS[profile]
    angle = (np.arange(24) + 0.5) / 24 * 2 * np.pi
    day = sum(
        weight * np.exp(narrowness * (np.cos(angle - hour / 24 * 2 * np.pi) - 1)) for hour, narrowness, weight in bumps
    )
    curve = (np.asarray(weekdays)[:, None] * (np.asarray(day) + 0.004)).reshape(-1)
    shares: Array = curve / curve.sum()
    return shares


def open_curves(rng: np.random.Generator, zones: Array, profile: str, days: int, unevenness: float) -> Array:
    """Cumulative activity of each account by hour of the log, from 0 to 1, shape (n, hours + 1).

    Args:
        zones: hours from UTC of each account, shape (n,).
        profile: one of `PROFILES`.
        unevenness: variance of an account's day weights; each account also has days off.
    """
    hours = np.arange(days * 24)
    local = (hours[None, :] + zones[:, None] + rng.integers(-1, 2, len(zones))[:, None]) % 168
    mood = rng.gamma(1.0 / unevenness, unevenness, (len(zones), days + 2)) * (rng.random((len(zones), days + 2)) < 0.8)
    mood += 1e-4
    day = np.clip((hours[None, :] + zones[:, None]) // 24 + 1, 0, days + 1)
    rate = week_curve(profile)[local] * np.take_along_axis(mood, day, axis=1)
    curves = np.concatenate([np.zeros((len(zones), 1)), np.cumsum(rate, axis=1)], axis=1)
    scaled: Array = curves / curves[:, -1:]
    return scaled


def through_curve(curves: Array, owner: Array, share: Array) -> Array:
    """Microseconds at which an account has done a share of its activity, shape (n,).

    `share`: between 0 and 1, shape (n,).
    """
    hours = curves.shape[1] - 1
    # One sorted search for all accounts: account k's curve is lifted by 2 k.
    flat = (curves + 2.0 * np.arange(len(curves))[:, None]).reshape(-1)
    place = np.searchsorted(flat, share + 2.0 * owner, side="right") - 1 - owner * (hours + 1)
    place = np.clip(place, 0, hours - 1)
    low, high = curves[owner, place], curves[owner, place + 1]
    within = np.clip((share - low) / np.maximum(high - low, 1e-12), 0, 1)
    times: Array = START + ((place + within) * HOUR).astype(np.int64)
    return times


def excited_sessions(rng: np.random.Generator, curves: Array, counts: Array, branching: float) -> tuple[Array, Array]:
    """Sessions of which some beget others soon after.

    Args:
        counts: expected sessions of each account, shape (accounts,).
        branching: mean children of a session, below 1.

    Returns:
        Account and microseconds of each session, unordered.
    """
    end = START + (curves.shape[1] - 1) * HOUR
    owner = np.repeat(np.arange(len(counts)), rng.poisson(counts * (1.0 - branching)))
    time = through_curve(curves, owner, rng.random(len(owner)))
    owners, times = [owner], [time]
    while len(owner):
        children = rng.poisson(branching, len(owner))
        owner, time = np.repeat(owner, children), np.repeat(time, children)
        time = time + (rng.pareto(1.4, len(time)) * 25 * MINUTE).astype(np.int64) + SECOND
        inside = time < end
        owner, time = owner[inside], time[inside]
        owners.append(owner)
        times.append(time)
    return np.concatenate(owners), np.concatenate(times)


def pareto_renewals(rng: np.random.Generator, curves: Array, counts: Array, shape: float) -> tuple[Array, Array]:
    """Calls with heavy-tailed gaps in a time that runs with the account's week.

    `shape`: tail exponent of the gaps, above 1. Returns account and microseconds of each call.
    """
    drawn = rng.poisson(counts)
    owner = np.repeat(np.arange(len(counts)), drawn + 1)
    gap = rng.pareto(shape, len(owner)) + 0.02
    last = np.cumsum(drawn + 1)
    total = np.cumsum(gap)
    base = np.concatenate([[0.0], total[last[:-1] - 1]])
    share = (total - base[owner]) / (total[last - 1] - base)[owner]
    inner = np.ones(len(owner), bool)
    inner[last - 1] = False  # the last gap reaches beyond the log
    return owner[inner], through_curve(curves, owner[inner], share[inner])


def clockwork(rng: np.random.Generator, counts: Array, days: int) -> tuple[Array, Array]:
    """The same list of checks each night at the same minute, one after another."""
    nightly = np.maximum(1, np.round(counts / days)).astype(np.int64)
    owner = np.repeat(np.arange(len(counts)), nightly * days)
    number = count_within(nightly * days)
    day, place = number // nightly[owner], number % nightly[owner]
    minute = rng.integers(0, 1440, len(counts))[owner]
    pace = rng.gamma(4.0, 3.0, len(counts))[owner] * (0.7 + 0.6 * rng.random(len(owner)))
    times = START + day * DAY + minute * MINUTE + (place * pace * SECOND).astype(np.int64)
    inside = times < START + days * DAY
    return owner[inside], times[inside] + rng.integers(0, 2 * SECOND, int(inside.sum()))


def floods(rng: np.random.Generator, counts: Array, days: int, per_minute: float) -> tuple[Array, Array]:
    """One or a few runs of calls, as fast as a token bucket lets through."""
    owner = np.repeat(np.arange(len(counts)), np.maximum(1, np.round(counts)).astype(np.int64))
    runs = 1 + rng.poisson(1.0, len(counts))
    run = (rng.random(len(owner)) * runs[owner]).astype(np.int64)
    start = rng.uniform(0.02, 0.85, (len(counts), int(runs.max(initial=1)))) * days * DAY
    order = np.lexsort((run, owner))
    key = owner[order] * 1000 + run[order]
    starts_run = np.concatenate([[True], np.diff(key) != 0]) if len(key) else np.zeros(0, bool)
    wait = rng.exponential(60.0 / per_minute, len(key)) * (0.5 + rng.random(len(counts)))[owner[order]]
    total = np.cumsum(wait)
    base = np.maximum.accumulate(np.where(starts_run, total - wait, 0.0))
    time = START + start[owner[order], run[order]].astype(np.int64) + ((total - base) * SECOND).astype(np.int64)
    inside = time < START + days * DAY
    return owner[order][inside], time[inside]


def add_turns(rng: np.random.Generator, time: Array, turns: Array, end: int) -> tuple[Array, Array, Array]:
    """Later turns of each conversation, some minutes apart (Weibull).

    Args:
        time: its beginning, microseconds, shape (n,).
        turns: mean number of turns of each, 1 or more, shape (n,).
        end: end of the log, microseconds; later turns beyond it are dropped.

    Returns:
        Conversation, turn and microseconds of each call.
    """
    extra = rng.negative_binomial(
        _PERSISTENCE, _PERSISTENCE / (_PERSISTENCE + np.maximum(turns - 1.0, 1e-6)), len(time)
    )
    talk = np.repeat(np.arange(len(time)), extra + 1)
    first = np.cumsum(extra + 1) - (extra + 1)
    turn = count_within(extra + 1)
    wait = np.where(turn > 0, rng.weibull(0.7, len(talk)) * 2.2 * MINUTE + 4 * SECOND, 0.0)
    total = np.cumsum(wait)
    moment = time[talk] + (total - total[first][talk]).astype(np.int64)
    inside = moment < end
    return talk[inside], turn[inside], moment[inside]
