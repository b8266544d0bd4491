"""Honest customers at work: what they ask, in which words, when."""

from __future__ import annotations

import numpy as np

from stillhunt.lab.second_worlds import arrivals
from stillhunt.lab.second_worlds.dress import dress, place_calls, undressed_calls
from stillhunt.lab.second_worlds.habits import Habit
from stillhunt.lab.second_worlds.ledger import Array, Block, Calls, Crowd, Jobs
from stillhunt.lab.second_worlds.network import ZONES
from stillhunt.lab.second_worlds.people import enroll
from stillhunt.lab.second_worlds.stage import Stage

_BRANCHING = 0.35
_TERSE = 0.33
_USUAL_TRADES = {"auditor": "proof", "grader": "referee", "translator": "counsel", "evaluator": "proof"}


def build_habit(stage: Stage, habit: Habit, count: int) -> Block:
    """Accounts of one habit with their traffic.

    Args:
        stage: world.
        habit: kind of customer.
        count: accounts.
    """
    rng = stage.stream(f"habit/{habit.name}")
    crowd = enroll(stage, rng, habit, count)
    scale = stage.spec.days / 14
    if habit.law == "pareto":
        loads = 1 + rng.pareto(habit.tail, count) * (habit.tail - 1) * habit.mean * scale
    else:
        loads = 1 + rng.gamma(habit.tail, habit.mean * scale / habit.tail, count)
    loads = np.minimum(loads, 60.0 * habit.mean * scale)
    jobs, calls = converse(stage, rng, crowd, habit, loads)
    return Block(habit.name, crowd, jobs, calls)


def converse(stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit, loads: Array) -> tuple[Jobs, Calls]:
    """Conversations of accounts by the laws of a habit.

    Args:
        stage: world.
        rng: generator.
        crowd: accounts.
        habit: its laws.
        loads: expected calls of each account, shape (accounts,).
    """
    curves = _curves_with_absence(stage, rng, crowd, habit)
    owner, time = _sessions(stage, rng, habit, loads / habit.turns, curves)
    if habit.dealt:  # a member of the group at random, whoever's conversation it would be
        owner = _any_of_group(rng, crowd.group, owner)
    talk, turn, moment = arrivals.add_turns(rng, time, patience(rng, len(crowd), habit.turns)[owner], stage.end)
    owner = owner[talk]
    jobs, job = _jobs(stage, rng, crowd, habit, (owner, talk, turn))
    calls = undressed_calls(owner, moment, talk, turn, job)
    dress(stage, rng, crowd, calls, habit.best, habit.answer)
    place_calls(stage, rng, crowd, calls, habit.network)
    _set_systems(stage, rng, crowd, habit, calls)
    _name_users(rng, crowd, habit, calls)
    return jobs, calls


def patience(rng: np.random.Generator, accounts: int, turns: float) -> Array:
    """Mean turns of each account's conversations: a third never ask twice.

    Args:
        rng: generator.
        accounts: number of accounts.
        turns: mean over accounts.

    Returns:
        Means, shape (accounts,).
    """
    more = (turns - 1.0) * rng.gamma(1.5, 1.0 / (1.5 * (1.0 - _TERSE)), accounts)
    return 1.0 + np.where(rng.random(accounts) < _TERSE, 0.0, more)


def _curves_with_absence(stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit) -> Array:
    """Activity curves; a third of the accounts come during the log or leave in it."""
    n, days = len(crowd), stage.spec.days
    curves = arrivals.open_curves(rng, ZONES[crowd.country], habit.profile, days, 0.5 if habit.law == "pareto" else 0.2)
    luck = rng.random(n)
    first = np.where(luck < 0.25, rng.uniform(0, 0.75, n), 0.0)
    last = np.where((luck > 0.2) & (luck < 0.36), rng.uniform(0.35, 1.0, n), 1.0)
    last = np.maximum(last, first + 0.2)
    hours = np.arange(curves.shape[1]) / (curves.shape[1] - 1)
    present = (hours[None, 1:] > first[:, None]) & (hours[None, 1:] <= last[:, None])
    rate = np.diff(curves, axis=1) * present + 1e-12
    cut = np.concatenate([np.zeros((n, 1)), np.cumsum(rate, axis=1)], axis=1)
    shares: Array = cut / cut[:, -1:]
    return shares


def _sessions(
    stage: Stage, rng: np.random.Generator, habit: Habit, counts: Array, curves: Array
) -> tuple[Array, Array]:
    if habit.arrival == "hawkes":
        return arrivals.excited_sessions(rng, curves, counts, _BRANCHING)
    if habit.arrival == "renewal":
        return arrivals.pareto_renewals(rng, curves, counts, 1.5)
    if habit.arrival == "clock":
        return arrivals.clockwork(rng, counts, stage.spec.days)
    return arrivals.floods(rng, counts, stage.spec.days, 25.0)


def _any_of_group(rng: np.random.Generator, group: Array, owner: Array) -> Array:
    sizes = np.bincount(group)
    first = np.cumsum(sizes) - sizes
    own = group[owner]
    return first[own] + (rng.random(len(owner)) * sizes[own]).astype(np.int64)


def draw_topics(stage: Stage, rng: np.random.Generator, crowd: Crowd, owner: Array) -> Array:
    """A topic for each conversation by its account's taste; one in ten is what anybody asks.

    Args:
        stage: world.
        rng: generator.
        crowd: accounts.
        owner: account of each conversation, shape (n,).
    """
    popularity = stage.texts.popularity
    place = (crowd.leaning[owner] < rng.random((len(owner), 1))).sum(1)
    own = crowd.tastes[owner, np.minimum(place, crowd.tastes.shape[1] - 1)]
    return np.where(rng.random(len(owner)) < 0.1, rng.choice(len(popularity), len(owner), p=popularity), own)


def _jobs(
    stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit, calls: tuple[Array, Array, Array]
) -> tuple[Jobs, Array]:
    """Texts, and which text each call sends."""
    owner, talk, turn = calls
    n = len(owner)
    talks = int(talk.max(initial=-1)) + 1
    of_talk = np.zeros(talks, np.int64)
    of_talk[talk] = owner
    topic = draw_topics(stage, rng, crowd, of_talk)[talk]
    wordy = rng.lognormal(0.0, 0.65, len(crowd))[owner]
    pasted = rng.random(n) < rng.beta(0.35, 1.6, len(crowd))[owner]
    size = habit.size * wordy * rng.lognormal(-0.35, 0.8, n) * np.where(pasted, 5.0, np.where(turn > 0, 0.45, 1.0))
    size = np.minimum(size, 900.0)
    jobs = Jobs(topic, crowd.tongue[owner], np.maximum(3, size), np.full(n, -1), np.full(n, -1), np.full(n, -1))
    follow_up(stage, rng, jobs, turn, rng.beta(0.8, 1.9, len(crowd))[owner])
    job = np.arange(n)
    if habit.items == "set":
        job = _shared_list(rng, owner, 400, 5)
    elif habit.items == "list":
        job = _own_list(owner, 14)
    elif habit.items == "assignment":
        _assign(stage, rng, crowd, jobs, owner, turn)
    _wrap(stage, rng, crowd, habit, jobs, (owner, turn))
    return jobs, job


def follow_up(stage: Stage, rng: np.random.Generator, jobs: Jobs, turn: Array, chance: Array) -> None:
    """Some later turns are stock phrases.

    Args:
        stage: world.
        rng: generator.
        jobs: one text per call, changed in place.
        turn: position of the call in its conversation, shape (n,).
        chance: chance that a later turn is one, shape (n,).
    """
    rows = np.flatnonzero((turn > 0) & (rng.random(len(turn)) < chance))
    shelves = [stage.shelf.put_all(list(tongue.follow)) for tongue in stage.tongues]
    luck = rng.random(len(rows)) ** 1.6
    jobs.stock[rows] = [
        shelves[speech][int(place * len(shelves[speech]))]
        for speech, place in zip(jobs.tongue[rows].tolist(), luck.tolist(), strict=True)
    ]


def _shared_list(rng: np.random.Generator, owner: Array, length: int, lists: int) -> Array:
    """Everybody runs one of a few public lists, from its beginning; unrelated accounts send the same items."""
    place = _rank_within(owner)
    chosen = rng.integers(0, lists, int(owner.max(initial=0)) + 1)[owner]
    wanted = chosen * length + place % length
    rows: Array = np.minimum(wanted, max(len(owner) - 1, 0))
    return rows


def _own_list(owner: Array, length: int) -> Array:
    """Each account sends its own short list again and again; its items are those of its first calls."""
    place = _rank_within(owner)
    first = np.zeros(int(owner.max(initial=0)) + 1, np.int64)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(first)))
    ranks = np.minimum(starts[owner] + place % length, max(len(owner) - 1, 0))
    rows: Array = order[ranks]
    return rows


def _rank_within(owner: Array) -> Array:
    """Number of each call within its account, in the order given."""
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner) if len(owner) else np.zeros(0, np.int64)
    place = np.empty(len(owner), np.int64)
    place[order] = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place


def _assign(stage: Stage, rng: np.random.Generator, crowd: Crowd, jobs: Jobs, owner: Array, turn: Array) -> None:
    """Each class has three assignments whose wording half of its conversations begin with."""
    groups = int(crowd.group.max(initial=-1)) + 1
    topics = rng.choice(len(stage.texts.popularity), groups * 3, p=stage.texts.popularity)
    texts = stage.texts.write(rng, topics, np.zeros(groups * 3, np.int64), np.full(groups * 3, 55.0)).to_pylist()
    codes = stage.shelf.put_all([f"{text}\n" for text in texts])
    rows = np.flatnonzero((turn == 0) & (rng.random(len(turn)) < 0.5))
    task = crowd.group[owner[rows]] * 3 + rng.integers(0, 3, len(rows))
    jobs.before[rows], jobs.topic[rows], jobs.size[rows] = codes[task], topics[task], 12.0


def _wrap(
    stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit, jobs: Jobs, calls: tuple[Array, Array]
) -> None:
    """Words around the items: a template of one's own, of a public collection, of a framework, a probe, or a habit."""
    owner, turn = calls
    n, luck = len(crowd), rng.random(len(owner))
    if habit.wording == "template":
        _wrap_in_own(stage, rng, crowd, habit, jobs, owner, luck < 0.93)
    elif habit.wording == "public":
        chosen = stage.public[(rng.random((n, 2)) ** 1.5 * len(stage.public)).astype(np.int64)]  # two favourites each
        mine = chosen[owner, (rng.random(len(owner)) < 0.3).astype(np.int64)]
        rows = (turn == 0) & (luck < rng.beta(3.0, 2.0, n)[owner])
        jobs.before[rows], jobs.after[rows] = mine[rows, 0], mine[rows, 1]
    elif habit.wording == "kit":
        wraps = stage.shelf.put_all(
            ["Question: ", "User message:\n", "Observation: ", "Passages:\n", "Goal: ", "Step input: "]
        )
        rows = luck < 0.7
        jobs.before[rows] = wraps[np.arange(n) % len(wraps)][owner[rows]]
    elif habit.wording == "probe":
        probes = stage.shelf.put_all([f"{probe}. " for probe in stage.wording.probes()])
        rows = luck < 0.45
        jobs.before[rows] = rng.choice(probes, int(rows.sum()))
    else:
        polite = rng.random(n) < 0.15  # some people always begin alike
        units = [tongue.openers for tongue in stage.tongues]
        greeting = stage.shelf.put_all(
            [f"{units[t][int(x * len(units[t]))]} {units[t][int(y * len(units[t]))]} " for t, x, y in
             zip(crowd.tongue.tolist(), rng.random(n).tolist(), rng.random(n).tolist(), strict=True)]
        )  # fmt: skip
        rows = polite[owner] & (turn == 0) & (luck < 0.5) & (jobs.before < 0)
        jobs.before[rows] = greeting[owner[rows]]


def _wrap_in_own(
    stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit, jobs: Jobs, owner: Array, rows: Array
) -> None:
    """One or two templates per account, or per group; by the trade of the habit, or any."""
    trades = stage.wording.trades
    unit = np.where(crowd.group >= 0, crowd.group, np.arange(len(crowd)))
    usual = _USUAL_TRADES.get(habit.name)
    templates = np.array(
        [
            stage.fixed_template(
                rng, usual if usual and rng.random() < 0.6 else trades[int(rng.integers(0, len(trades)))]
            )
            for _ in range((int(unit.max(initial=-1)) + 1) * 2)
        ],
        np.int64,
    ).reshape(-1, 2)
    which = unit[owner] * 2 + (rng.random(len(owner)) < 0.25)
    jobs.before[rows], jobs.after[rows] = templates[which[rows], 0], templates[which[rows], 1]


def _set_systems(stage: Stage, rng: np.random.Generator, crowd: Crowd, habit: Habit, calls: Calls) -> None:
    """System prompts by account, by group, or of a framework."""
    n = len(crowd)
    if habit.system == "none":
        return
    if habit.system == "kit":
        codes = np.array([stage.shelf.put(stage.wording.system(rng, "kit", k)) for k in range(n)])
    else:
        unit = np.where(crowd.group >= 0, crowd.group, np.arange(n))
        texts = [stage.wording.system(rng, "product") for _ in range(int(unit.max(initial=-1)) + 1)]
        codes = stage.shelf.put_all(texts)[unit]
    if habit.system == "some":
        codes = np.where(rng.random(n) < 0.4, codes, -1)
    steady = rng.random(len(calls)) < np.where(habit.system == "some", rng.beta(2.0, 1.0, n), 0.97)[calls.owner]
    calls.system = np.where(steady, codes[calls.owner], -1)


def _name_users(rng: np.random.Generator, crowd: Crowd, habit: Habit, calls: Calls) -> None:
    """Some programs name the end user of each conversation."""
    names = rng.random(len(crowd)) < habit.users
    if not names.any():
        return
    size = np.maximum(2, rng.pareto(1.0, len(crowd)) * 20).astype(np.int64)
    first = np.cumsum(size) - size
    talks = int(calls.talk.max(initial=-1)) + 1
    luck = (rng.random(talks) ** 1.7)[calls.talk]
    user = first[calls.owner] + (luck * size[calls.owner]).astype(np.int64)
    calls.user = np.where(names[calls.owner], user, -1)
