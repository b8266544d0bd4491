"""Honest customers at work: what they ask, in which words, when."""

import numpy as np

from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.second_worlds import arrivals
from stillhunt_lab.second_worlds.accounts import enroll
from stillhunt_lab.second_worlds.call_details import blank_calls, fill_in_calls, place_calls
from stillhunt_lab.second_worlds.kinds import CustomerKind
from stillhunt_lab.second_worlds.network import ZONES
from stillhunt_lab.second_worlds.records import Block, Jobs, People, WorldCalls
from stillhunt_lab.second_worlds.scene import Scene

_BRANCHING = 0.35
_TERSE = 0.33
_USUAL_TRADES = {"auditor": "proof", "grader": "referee", "translator": "counsel", "evaluator": "proof"}


def build_customers(scene: Scene, kind: CustomerKind, count: int) -> Block:
    """Build the accounts of one kind of customer, with their traffic."""
    # Names of streams seed the random numbers: another name would build another world.
    rng = scene.stream(f"habit/{kind.name}")
    people = enroll(scene, rng, kind, count)
    scale = scene.spec.days / 14
    if kind.load_law == "pareto":
        loads = 1 + rng.pareto(kind.tail, count) * (kind.tail - 1) * kind.mean * scale
    else:
        loads = 1 + rng.gamma(kind.tail, kind.mean * scale / kind.tail, count)
    loads = np.minimum(loads, 60.0 * kind.mean * scale)
    jobs, calls = converse(scene, rng, people, kind, loads)
    return Block(kind.name, people, jobs, calls)


def converse(
    scene: Scene, rng: np.random.Generator, people: People, kind: CustomerKind, loads: Array
) -> tuple[Jobs, WorldCalls]:
    """Draw the conversations of accounts by the laws of their kind."""
    curves = _curves_with_absence(scene, rng, people, kind)
    owner, time = _draw_customer_sessions(scene, rng, kind, loads / kind.turns, curves)
    if kind.any_member:  # a member of the group at random, whoever's conversation it would be
        owner = _any_of_group(rng, people.group, owner)
    talk, turn, moment = arrivals.add_turns(rng, time, patience(rng, len(people), kind.turns)[owner], scene.end)
    owner = owner[talk]
    jobs, job = _draw_customer_jobs(scene, rng, people, kind, owner, talk, turn)
    calls = blank_calls(owner, moment, talk, turn, job)
    fill_in_calls(scene, rng, people, calls, kind.best, kind.answer)
    place_calls(scene, rng, people, calls, kind.network)
    _set_systems(scene, rng, people, kind, calls)
    _name_users(rng, people, kind, calls)
    return jobs, calls


def patience(rng: np.random.Generator, accounts: int, turns: float) -> Array:
    """Mean turns of each account's conversations; a third of the accounts never ask twice."""
    more = (turns - 1.0) * rng.gamma(1.5, 1.0 / (1.5 * (1.0 - _TERSE)), accounts)
    return 1.0 + np.where(rng.random(accounts) < _TERSE, 0.0, more)


def _curves_with_absence(scene: Scene, rng: np.random.Generator, people: People, kind: CustomerKind) -> Array:
    """Activity curves; a third of the accounts come during the log or leave in it."""
    n, days = len(people), scene.spec.days
    curves = arrivals.open_curves(
        rng, ZONES[people.country], kind.profile, days, 0.5 if kind.load_law == "pareto" else 0.2
    )
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


def _draw_customer_sessions(
    scene: Scene, rng: np.random.Generator, kind: CustomerKind, counts: Array, curves: Array
) -> tuple[Array, Array]:
    if kind.arrival == "hawkes":
        return arrivals.excited_sessions(rng, curves, counts, _BRANCHING)
    if kind.arrival == "renewal":
        return arrivals.pareto_renewals(rng, curves, counts, 1.5)
    if kind.arrival == "clock":
        return arrivals.clockwork(rng, counts, scene.spec.days)
    return arrivals.floods(rng, counts, scene.spec.days, 25.0)


def _any_of_group(rng: np.random.Generator, group: Array, owner: Array) -> Array:
    sizes = np.bincount(group)
    first = np.cumsum(sizes) - sizes
    own = group[owner]
    return first[own] + (rng.random(len(owner)) * sizes[own]).astype(np.int64)


def draw_topics(scene: Scene, rng: np.random.Generator, people: People, owner: Array) -> Array:
    """A topic for each conversation: one of its account's own, or for one in ten what anybody asks."""
    popularity = scene.texts.popularity
    place = (people.topic_cdf[owner] < rng.random((len(owner), 1))).sum(1)
    own = people.topics[owner, np.minimum(place, people.topics.shape[1] - 1)]
    return np.where(rng.random(len(owner)) < 0.1, rng.choice(len(popularity), len(owner), p=popularity), own)


def _draw_customer_jobs(
    scene: Scene, rng: np.random.Generator, people: People, kind: CustomerKind, owner: Array, talk: Array, turn: Array
) -> tuple[Jobs, Array]:
    """Texts, and which text each call sends."""
    n = len(owner)
    talks = int(talk.max(initial=-1)) + 1
    of_talk = np.zeros(talks, np.int64)
    of_talk[talk] = owner
    topic = draw_topics(scene, rng, people, of_talk)[talk]
    wordy = rng.lognormal(0.0, 0.65, len(people))[owner]
    pasted = rng.random(n) < rng.beta(0.35, 1.6, len(people))[owner]
    size = kind.size * wordy * rng.lognormal(-0.35, 0.8, n) * np.where(pasted, 5.0, np.where(turn > 0, 0.45, 1.0))
    size = np.minimum(size, 900.0)
    jobs = Jobs(topic, people.language[owner], np.maximum(3, size), np.full(n, -1), np.full(n, -1), np.full(n, -1))
    follow_up(scene, rng, jobs, turn, rng.beta(0.8, 1.9, len(people))[owner])
    job = np.arange(n)
    if kind.items == "set":
        job = _shared_list(rng, owner, 400, 5)
    elif kind.items == "list":
        job = _own_list(owner, 14)
    elif kind.items == "assignment":
        _assign_class_work(scene, rng, people, jobs, owner, turn)
    _wrap_customer_items(scene, rng, people, kind, jobs, owner, turn)
    return jobs, job


def follow_up(scene: Scene, rng: np.random.Generator, jobs: Jobs, turn: Array, chance: Array) -> None:
    """Replace some later turns by stock phrases.

    `jobs`: one text per call, changed in place.
    """
    rows = np.flatnonzero((turn > 0) & (rng.random(len(turn)) < chance))
    codes_of_language = [scene.strings.put_all(list(language.follow)) for language in scene.languages]
    luck = rng.random(len(rows)) ** 1.6
    jobs.stock[rows] = [
        codes_of_language[speech][int(place * len(codes_of_language[speech]))]
        for speech, place in zip(jobs.language[rows].tolist(), luck.tolist(), strict=True)
    ]


def _shared_list(rng: np.random.Generator, owner: Array, length: int, lists: int) -> Array:
    """Every account runs one of a few public lists from its start, so unrelated accounts send the same items."""
    place = count_within_owners(owner)
    chosen = rng.integers(0, lists, int(owner.max(initial=0)) + 1)[owner]
    wanted = chosen * length + place % length
    rows: Array = np.minimum(wanted, max(len(owner) - 1, 0))
    return rows


def _own_list(owner: Array, length: int) -> Array:
    """Each account sends its own short list again and again; its items are those of its first calls."""
    place = count_within_owners(owner)
    first = np.zeros(int(owner.max(initial=0)) + 1, np.int64)
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(len(first)))
    ranks = np.minimum(starts[owner] + place % length, max(len(owner) - 1, 0))
    rows: Array = order[ranks]
    return rows


def _assign_class_work(
    scene: Scene, rng: np.random.Generator, people: People, jobs: Jobs, owner: Array, turn: Array
) -> None:
    """Each class has three assignments; every second conversation begins with the wording of one."""
    groups = int(people.group.max(initial=-1)) + 1
    topics = rng.choice(len(scene.texts.popularity), groups * 3, p=scene.texts.popularity)
    texts = scene.texts.write(rng, topics, np.zeros(groups * 3, np.int64), np.full(groups * 3, 55.0)).to_pylist()
    codes = scene.strings.put_all([f"{text}\n" for text in texts])
    rows = np.flatnonzero((turn == 0) & (rng.random(len(turn)) < 0.5))
    task = people.group[owner[rows]] * 3 + rng.integers(0, 3, len(rows))
    jobs.before[rows], jobs.topic[rows], jobs.size[rows] = codes[task], topics[task], 12.0


def _wrap_customer_items(
    scene: Scene,
    rng: np.random.Generator,
    people: People,
    kind: CustomerKind,
    jobs: Jobs,
    owner: Array,
    turn: Array,
) -> None:
    """Put words around the items: an own, public or framework template, a probe, or a greeting."""
    n, luck = len(people), rng.random(len(owner))
    if kind.wording == "template":
        _wrap_in_own(scene, rng, people, kind, jobs, owner, luck < 0.93)
    elif kind.wording == "public":
        chosen = scene.public_templates[
            (rng.random((n, 2)) ** 1.5 * len(scene.public_templates)).astype(np.int64)
        ]  # two favourites each
        mine = chosen[owner, (rng.random(len(owner)) < 0.3).astype(np.int64)]
        rows = (turn == 0) & (luck < rng.beta(3.0, 2.0, n)[owner])
        jobs.before[rows], jobs.after[rows] = mine[rows, 0], mine[rows, 1]
    elif kind.wording == "kit":
        wraps = scene.strings.put_all(
            ["Question: ", "User message:\n", "Observation: ", "Passages:\n", "Goal: ", "Step input: "]
        )
        rows = luck < 0.7
        jobs.before[rows] = wraps[np.arange(n) % len(wraps)][owner[rows]]
    elif kind.wording == "probe":
        probes = scene.strings.put_all([f"{probe}. " for probe in scene.wording.probes()])
        rows = luck < 0.45
        jobs.before[rows] = rng.choice(probes, int(rows.sum()))
    else:
        polite = rng.random(n) < 0.15  # some people always begin alike
        units = [language.openers for language in scene.languages]
        greeting = scene.strings.put_all(
            [f"{units[t][int(x * len(units[t]))]} {units[t][int(y * len(units[t]))]} " for t, x, y in
             zip(people.language.tolist(), rng.random(n).tolist(), rng.random(n).tolist(), strict=True)]
        )  # fmt: skip
        rows = polite[owner] & (turn == 0) & (luck < 0.5) & (jobs.before < 0)
        jobs.before[rows] = greeting[owner[rows]]


def _wrap_in_own(
    scene: Scene, rng: np.random.Generator, people: People, kind: CustomerKind, jobs: Jobs, owner: Array, rows: Array
) -> None:
    """One or two templates per account, or per group, often of the trade that is usual for the kind of customer."""
    trades = scene.wording.trades
    unit = np.where(people.group >= 0, people.group, np.arange(len(people)))
    usual = _USUAL_TRADES.get(kind.name)
    templates = np.array(
        [
            scene.fixed_template(
                rng, usual if usual and rng.random() < 0.6 else trades[int(rng.integers(0, len(trades)))]
            )
            for _ in range((int(unit.max(initial=-1)) + 1) * 2)
        ],
        np.int64,
    ).reshape(-1, 2)
    which = unit[owner] * 2 + (rng.random(len(owner)) < 0.25)
    jobs.before[rows], jobs.after[rows] = templates[which[rows], 0], templates[which[rows], 1]


def _set_systems(scene: Scene, rng: np.random.Generator, people: People, kind: CustomerKind, calls: WorldCalls) -> None:
    """System prompts by account, by group, or of a framework."""
    n = len(people)
    if kind.system == "none":
        return
    if kind.system == "kit":
        codes = np.array([scene.strings.put(scene.wording.system(rng, "kit", k)) for k in range(n)])
    else:
        unit = np.where(people.group >= 0, people.group, np.arange(n))
        texts = [scene.wording.system(rng, "product") for _ in range(int(unit.max(initial=-1)) + 1)]
        codes = scene.strings.put_all(texts)[unit]
    if kind.system == "some":
        codes = np.where(rng.random(n) < 0.4, codes, -1)
    steady = rng.random(len(calls)) < np.where(kind.system == "some", rng.beta(2.0, 1.0, n), 0.97)[calls.owner]
    calls.system = np.where(steady, codes[calls.owner], -1)


def _name_users(rng: np.random.Generator, people: People, kind: CustomerKind, calls: WorldCalls) -> None:
    """Some programs name the end user of each conversation."""
    names = rng.random(len(people)) < kind.users
    if not names.any():
        return
    size = np.maximum(2, rng.pareto(1.0, len(people)) * 20).astype(np.int64)
    first = np.cumsum(size) - size
    talks = int(calls.talk.max(initial=-1)) + 1
    luck = (rng.random(talks) ** 1.7)[calls.talk]
    user = first[calls.owner] + (luck * size[calls.owner]).astype(np.int64)
    calls.user = np.where(names[calls.owner], user, -1)
