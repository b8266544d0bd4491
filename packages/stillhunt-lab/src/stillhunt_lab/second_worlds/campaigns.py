"""Campaigns: many accounts work off one queue of items."""

from dataclasses import replace

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.accounts import disguise_calls, recruit
from stillhunt_lab.second_worlds.arrivals import PROFILES, add_turns, week_curve
from stillhunt_lab.second_worlds.call_details import blank_calls, fill_in_calls
from stillhunt_lab.second_worlds.customers import converse, follow_up, patience
from stillhunt_lab.second_worlds.kinds import RUNGS, TALKER, Rung
from stillhunt_lab.second_worlds.network import ZONES
from stillhunt_lab.second_worlds.records import Block, Jobs, People, WorldCalls, join_traffic, take
from stillhunt_lab.second_worlds.scene import Scene
from stillhunt_lab.second_worlds.spec import START
from stillhunt_lab.second_worlds.work_queues import QueueRules, Served, Shifts, run_queue

_REPLAYED = 0.15
_HARNESSED = 0.75
_UNWRAPPED = 0.12
_SPREADS = {"fixed": 1.15, "oblique": 0.75}


def build_campaign(scene: Scene, place: int) -> Block:
    """One campaign, or on rung 8 one pool that several labs rent."""
    name = f"c{place}"
    rng = scene.stream(f"campaign/{name}")
    rung = RUNGS[scene.spec.rung]
    if scene.spec.specialists:
        rung = replace(rung, skills=scene.spec.specialists)
    people = recruit(scene, rng, rung, scene.spec.campaign_accounts)
    shifts = _draw_worker_shifts(scene, rng, rung, people)
    parts = []
    names = [name] if rung.labs == 1 else [f"{name}-lab{lab}" for lab in range(rung.labs)]
    serves = _who_serves(rng, len(names), len(people))
    for lab, campaign in enumerate(names):
        members = np.flatnonzero(serves[lab])
        share = rung.pace / serves.sum(0)[members].mean()
        parts.append(_draw_lab_harvest(scene, rng, replace(rung, pace=share), people, members, shifts, campaign))
    counts = sum(np.bincount(calls.owner, minlength=len(people)) for _, calls in parts)
    if rung.cover[1] > 0:
        parts.append(_draw_cover_traffic(scene, rng, rung, people, np.asarray(counts)))
    jobs, calls = join_traffic(parts)
    calls = _only_while_alive(calls, shifts)
    fill_in_calls(scene, rng, people, calls, rung.best, rung.answer)
    disguise_calls(scene, rng, rung, people, calls)
    for campaign in names:  # an account that stood by and was never needed harvested nothing
        members = np.unique(calls.owner[calls.campaign == scene.strings.put(campaign)])
        people.campaign[members] = [f"{old}|{campaign}".strip("|") for old in people.campaign[members]]
    return Block(name, people, jobs, calls)


def _who_serves(rng: np.random.Generator, labs: int, accounts: int) -> Array:
    """Which accounts work for which lab; each account for at least one, shape (labs, accounts)."""
    serves = rng.random((labs, accounts)) < (0.55 if labs > 1 else 1.0)
    idle = np.flatnonzero(~serves.any(0))
    serves[rng.integers(0, labs, len(idle)), idle] = True
    return serves


def _draw_worker_shifts(scene: Scene, rng: np.random.Generator, rung: Rung, people: People) -> Shifts:
    """Open hours, quotas and working life of each account; an account on standby replaces each banned one."""
    n, days = len(people), scene.spec.days
    hours = np.arange(days * 24)
    local = hours[None, :] + ZONES[people.country][:, None]
    if rung.profile == "always":
        open_hours = np.ones((n, days * 24), bool)
    else:
        names = PROFILES if rung.profile == "mixed" else (rung.profile,)
        curves = np.stack([week_curve(name) / np.quantile(week_curve(name), 0.75) for name in names])
        likely = curves[rng.integers(0, len(names), n)[:, None], local % 168]
        block = (hours // 2) % (days * 12)  # whole pairs of hours: nobody sits down for twenty minutes
        open_hours = rng.random((n, days * 12))[:, block] < likely
    off = rng.random((n, days + 2)) > rung.on_duty
    open_hours &= ~np.take_along_axis(off, np.clip(local // 24 + 1, 0, days + 1), axis=1)
    quota = np.maximum(1, np.round(rung.pace * (1 + rung.evenness * rng.standard_normal(n)).clip(0.3, 3))).astype(
        np.int64
    )
    length = np.minimum(1.0, rung.stay * rng.uniform(0.75, 1.25, n)) if rung.stay < 1 else np.ones(n)
    since = (rng.beta(1.2, 0.85, n) * (1 - length) * days * DAY).astype(np.int64) + START
    until = since + (length * days * DAY).astype(np.int64)
    banned = np.zeros(n, bool)
    if rung.standby:
        front = n - int(rung.standby * n)
        banned[:front] = True
        wave = START + int(rng.uniform(0.4, 0.55) * days * DAY)
        until[:front] = wave + (rng.random(front) * 20 * HOUR).astype(np.int64)
        # Each replacement starts some hours after a ban; the list goes on where it stood.
        since[front:] = rng.choice(until[:front], n - front) + (rng.gamma(1.5, 2.5, n - front) * HOUR).astype(np.int64)
        until[front:] = scene.end
    return Shifts(open_hours, quota, since, until, banned)


def _run_list(scene: Scene, rng: np.random.Generator, rung: Rung, shifts: Shifts) -> Served:
    days = scene.spec.days
    start = START + int(rng.uniform(0.0, 0.08) * days * DAY)
    still = start + int(rng.uniform(0.3, 0.8) * days * DAY)
    drop_hours = float(rng.choice((4.0, 6.0, 12.0)))
    alive = np.clip(shifts.until - np.maximum(shifts.since, start), 0, None) / (days * DAY)
    duty = shifts.hours.any(1) * np.minimum(1.0, shifts.hours.mean(1) * 24 / 3)
    demand = float((alive * duty * shifts.quota).sum()) * (rung.on_duty if rung.profile == "always" else 1.0)
    rules = QueueRules(
        discipline=rung.discipline,
        start=start,
        stop=scene.end - int(rng.uniform(0.0, 0.06) * days * DAY),
        drop_hours=drop_hours,
        batch=max(4, int(demand * drop_hours / 24)),
        lease=int(rng.integers(2, 5)) if scene.spec.rung < 4 else 1,
        service=float(rng.uniform(12, 40)),
        jitter=rung.jitter,
        stills=((still, still + int(rng.uniform(5, 14) * HOUR)),),
    )
    return run_queue(rng, rules, shifts)


def _draw_lab_harvest(
    scene: Scene, rng: np.random.Generator, rung: Rung, people: People, members: Array, shifts: Shifts, campaign: str
) -> tuple[Jobs, WorldCalls]:
    """The harvested calls of one lab: items from its queue, worded as the rung says."""
    mine = Shifts(*(part[members] for part in vars(shifts).values()))
    mine = replace(
        mine, quota=np.maximum(1, np.round(mine.quota * rung.pace / RUNGS[scene.spec.rung].pace)).astype(int)
    )
    served = _run_list(scene, rng, rung, mine)
    if rung.wording == "relay":
        served = _replay_served_sessions(scene, rng, served, len(members))
    turns = patience(rng, len(people), rung.turns)[members[served.worker]]
    talk, turn, time = add_turns(rng, served.time, turns, scene.end)
    # A task done twice (lost receipt, replay) sends the same words again.
    number = served.item[talk] * 64 + np.minimum(turn, 63)
    distinct, first, job = np.unique(number, return_index=True, return_inverse=True)
    del distinct
    calls = blank_calls(members[served.worker[talk]], time, talk, turn, job.reshape(-1))
    calls.status = np.where(turn == 0, served.status[talk], 200)
    keep = (turn == 0) | (served.status[talk] == 200)
    calls.campaign[:] = scene.strings.put(campaign)
    jobs = _task_texts(scene, rng, rung, served.item[talk][first], turn[first], calls.owner[first], time[first])
    if rung.wording == "relay":
        # Two accounts in three carry the harness of one rival product, on most of their sessions.
        harness = scene.strings.put_all([scene.wording.system(rng, "rival", k) for k in range(3)])
        has_it = (rng.random(len(served.item)) < _HARNESSED)[talk]
        calls.system = np.where(
            has_it, np.where(rng.random(len(people)) < 0.67, rng.choice(harness, len(people)), -1)[calls.owner], -1
        )
        users = int(served.item.max(initial=0)) // 4 + 1
        tells = rng.random(len(people)) < 0.3  # some relays hand the end user's name on
        calls.user = np.where(tells[calls.owner], served.item[talk] * 2654435761 % users, -1)
    return jobs, take(calls, keep)


def _replay_served_sessions(scene: Scene, rng: np.random.Generator, served: Served, workers: int) -> Served:
    """Some sessions are sent again through another account, hours or days later."""
    again = np.flatnonzero(rng.random(len(served.item)) < _REPLAYED)
    later = served.time[again] + (rng.gamma(1.2, 20.0, len(again)) * HOUR).astype(np.int64)
    again, later = again[later < scene.end], later[later < scene.end]
    other = (served.worker[again] + rng.integers(1, workers, len(again))) % workers
    return Served(
        np.concatenate([served.worker, other]),
        np.concatenate([served.time, later]),
        np.concatenate([served.item, served.item[again]]),
        np.concatenate([served.status, np.full(len(again), 200)]),
    )


def _task_texts(
    scene: Scene, rng: np.random.Generator, rung: Rung, item: Array, turn: Array, owner: Array, time: Array
) -> Jobs:
    """Texts of the tasks; topic and template depend on the item, so every worker gets the same mix."""
    n = len(item)
    topics = _topics_of_skills(scene, rng, rung)
    items = int(item.max(initial=-1)) + 1
    skill = rng.integers(0, rung.skills, items)[item]
    if scene.spec.specialists:
        skill = owner % rung.skills
    of_item = np.zeros(items, np.int64)
    of_item[item] = skill  # the last worker of an item that was done twice decides
    topic = np.array([rng.choice(len(shares), p=shares) for shares in topics[of_item]], np.int64)[item]
    wide = rung.wording in ("relay", "untemplated")
    english = rng.random(items) < (0.6 if wide else 0.85)
    language = np.where(english, 0, rng.integers(0, len(scene.languages), items))[item]
    least = 14 if rung.wording == "untemplated" else 4  # curated prompts say something
    spread = _SPREADS.get(rung.wording, 0.95)
    size = np.maximum(least, 38.0 * rng.lognormal(-(spread**2) / 2, spread, n) * np.where(turn > 0, 0.4, 1.0))
    jobs = Jobs(topic, language, size, np.full(n, -1), np.full(n, -1), np.full(n, -1))
    follow_up(scene, rng, jobs, turn, rng.beta(0.8, 1.9, int(owner.max(initial=0)) + 1)[owner])
    wrapped_rows = np.flatnonzero((jobs.stock < 0) & (rng.random(n) >= _UNWRAPPED * (scene.spec.rung > 2)))
    if not wide:
        late = np.zeros(n, bool)
        if scene.spec.rewritten:
            late = time >= START + int(scene.spec.rewritten * scene.spec.days * DAY)
        _wrap_harvest_items(scene, rng, rung, jobs, wrapped_rows[~late[wrapped_rows]], skill, item)
        again = scene.stream("campaign/rewritten")
        _wrap_harvest_items(scene, again, rung, jobs, wrapped_rows[late[wrapped_rows]], skill, item)
    return jobs


def _wrap_harvest_items(
    scene: Scene, rng: np.random.Generator, rung: Rung, jobs: Jobs, rows: Array, skill: Array, item: Array
) -> None:
    """Wrap the items: a fixed template, a new paraphrase, or a new persona each time."""
    trades = rng.permutation(len(scene.wording.trades))
    outlines = [
        [scene.wording.outline(rng, scene.wording.trades[trades[k % len(trades)]]) for _ in range(rung.templates)]
        for k in range(rung.skills)
    ]
    fixed = [[scene.wording.fix(rng, outline) for outline in of_skill] for of_skill in outlines]
    luck = rng.integers(0, rung.templates, int(item.max(initial=-1)) + 1)[item]
    for row in rows.tolist():
        kind, variant = int(skill[row]), int(luck[row])
        if rung.wording == "fixed":
            before, after = fixed[kind][variant]
        elif rung.wording == "paraphrase":
            before, after = scene.wording.paraphrase(rng, outlines[kind][variant])
        else:
            before, after = scene.wording.oblique(rng)
        jobs.before[row] = scene.strings.put(before) if before else -1
        jobs.after[row] = scene.strings.put(after) if after else -1


def _topics_of_skills(scene: Scene, rng: np.random.Generator, rung: Rung) -> Array:
    """Topic shares of each skill, shape (skills, topics): a handful of topics, or what everybody asks."""
    popularity = scene.texts.popularity
    if rung.wording == "relay":
        return np.repeat(popularity[None, :], rung.skills, axis=0)
    shares = np.zeros((rung.skills, len(popularity)))
    for row in range(rung.skills):
        chosen = rng.choice(
            len(popularity), min(9, len(popularity)), replace=False, p=0.5 * popularity + 0.5 / len(popularity)
        )
        shares[row, chosen] = rng.dirichlet(np.full(len(chosen), 2.0))
    return shares


def _draw_cover_traffic(
    scene: Scene, rng: np.random.Generator, rung: Rung, people: People, harvested: Array
) -> tuple[Jobs, WorldCalls]:
    """Traffic beside the harvest: everyday talk on each account's own topics, or on rung 8 that of hidden customers."""
    share = rng.uniform(*rung.cover, len(people))
    loads = harvested * share / (1 - share)
    kind = (
        replace(TALKER, turns=1.7)
        if rung.labs == 1
        else replace(TALKER, turns=1.8, profile="flat", system="some", users=0.2)
    )
    return converse(scene, rng, people, kind, loads)


def _only_while_alive(calls: WorldCalls, shifts: Shifts) -> WorldCalls:
    """The calls without the cover traffic of banned accounts after their end."""
    late = calls.time >= shifts.until[calls.owner]
    gone = shifts.banned[calls.owner] & late & (calls.status == 200)
    kept: WorldCalls = take(calls, ~gone)
    return kept
