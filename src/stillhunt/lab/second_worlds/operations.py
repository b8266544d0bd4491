"""Campaigns: one work list, dealt to many accounts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stillhunt.lab.second_worlds.arrivals import PROFILES, add_turns, week_curve
from stillhunt.lab.second_worlds.customers import converse, follow_up, patience
from stillhunt.lab.second_worlds.disguise import cloak_calls, recruit
from stillhunt.lab.second_worlds.dress import dress, undressed_calls
from stillhunt.lab.second_worlds.habits import TALKER
from stillhunt.lab.second_worlds.ledger import Array, Block, Calls, Crowd, Jobs, join_traffic, take
from stillhunt.lab.second_worlds.network import ZONES
from stillhunt.lab.second_worlds.queues import QueueLaw, Served, Shifts, run_queue
from stillhunt.lab.second_worlds.rulebook import RULEBOOK, Rung
from stillhunt.lab.second_worlds.spec import DAY, HOUR, START
from stillhunt.lab.second_worlds.stage import Stage

_REPLAYED = 0.15
_HARNESSED = 0.75
_UNWRAPPED = 0.12
_SPREADS = {"fixed": 1.15, "oblique": 0.75}


def build_operation(stage: Stage, place: int) -> Block:
    """One campaign, or on rung 8 one pool that several labs rent.

    Args:
        stage: world.
        place: number of the campaign.
    """
    name = f"c{place}"
    rng = stage.stream(f"campaign/{name}")
    rung = RULEBOOK[stage.spec.rung]
    crowd = recruit(stage, rng, rung, stage.spec.campaign_accounts)
    shifts = _shifts(stage, rng, rung, crowd)
    parts = []
    names = [name] if rung.labs == 1 else [f"{name}-lab{lab}" for lab in range(rung.labs)]
    serves = _who_serves(rng, len(names), len(crowd))
    for lab, campaign in enumerate(names):
        members = np.flatnonzero(serves[lab])
        share = rung.pace / serves.sum(0)[members].mean()
        parts.append(_harvest(stage, rng, replace(rung, pace=share), crowd, (members, shifts, campaign)))
    counts = sum(np.bincount(calls.owner, minlength=len(crowd)) for _, calls in parts)
    if rung.cover[1] > 0:
        parts.append(_cover(stage, rng, rung, crowd, np.asarray(counts)))
    jobs, calls = join_traffic(parts)
    calls = _only_while_alive(calls, shifts)
    dress(stage, rng, crowd, calls, rung.best, rung.answer)
    cloak_calls(stage, rng, rung, crowd, calls)
    for campaign in names:  # an account that stood by and was never needed harvested nothing
        members = np.unique(calls.owner[calls.campaign == stage.shelf.put(campaign)])
        crowd.campaign[members] = [f"{old}|{campaign}".strip("|") for old in crowd.campaign[members]]
    return Block(name, crowd, jobs, calls)


def _who_serves(rng: np.random.Generator, labs: int, accounts: int) -> Array:
    """Which accounts work for which lab; each account for at least one, shape (labs, accounts)."""
    serves = rng.random((labs, accounts)) < (0.55 if labs > 1 else 1.0)
    idle = np.flatnonzero(~serves.any(0))
    serves[rng.integers(0, labs, len(idle)), idle] = True
    return serves


def _shifts(stage: Stage, rng: np.random.Generator, rung: Rung, crowd: Crowd) -> Shifts:
    """Open hours, quotas, and how long each account works; banned ones are followed by one on standby."""
    n, days = len(crowd), stage.spec.days
    hours = np.arange(days * 24)
    local = hours[None, :] + ZONES[crowd.country][:, None]
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
        until[front:] = stage.end
    return Shifts(open_hours, quota, since, until, banned)


def _run_list(stage: Stage, rng: np.random.Generator, rung: Rung, shifts: Shifts) -> Served:
    days = stage.spec.days
    start = START + int(rng.uniform(0.0, 0.08) * days * DAY)
    still = start + int(rng.uniform(0.3, 0.8) * days * DAY)
    drop_hours = float(rng.choice((4.0, 6.0, 12.0)))
    alive = np.clip(shifts.until - np.maximum(shifts.since, start), 0, None) / (days * DAY)
    duty = shifts.hours.any(1) * np.minimum(1.0, shifts.hours.mean(1) * 24 / 3)
    demand = float((alive * duty * shifts.quota).sum()) * (rung.on_duty if rung.profile == "always" else 1.0)
    law = QueueLaw(
        discipline=rung.discipline,
        start=start,
        stop=stage.end - int(rng.uniform(0.0, 0.06) * days * DAY),
        drop_hours=drop_hours,
        batch=max(4, int(demand * drop_hours / 24)),
        lease=int(rng.integers(2, 5)) if stage.spec.rung < 4 else 1,
        service=float(rng.uniform(12, 40)),
        jitter=rung.jitter,
        stills=((still, still + int(rng.uniform(5, 14) * HOUR)),),
    )
    return run_queue(rng, law, shifts)


def _harvest(
    stage: Stage, rng: np.random.Generator, rung: Rung, crowd: Crowd, work: tuple[Array, Shifts, str]
) -> tuple[Jobs, Calls]:
    """The harvested calls of one lab: items from the queue, topics from its plan, words by the rung."""
    members, shifts, campaign = work
    mine = Shifts(*(part[members] for part in vars(shifts).values()))
    mine = replace(
        mine, quota=np.maximum(1, np.round(mine.quota * rung.pace / RULEBOOK[stage.spec.rung].pace)).astype(int)
    )
    served = _run_list(stage, rng, rung, mine)
    if rung.wording == "relay":
        served = _replay(stage, rng, served, len(members))
    turns = patience(rng, len(crowd), rung.turns)[members[served.worker]]
    talk, turn, time = add_turns(rng, served.time, turns, stage.end)
    # A task done twice (lost receipt, replay) sends the same words again.
    number = served.item[talk] * 64 + np.minimum(turn, 63)
    distinct, first, job = np.unique(number, return_index=True, return_inverse=True)
    del distinct
    calls = undressed_calls(members[served.worker[talk]], time, talk, turn, job.reshape(-1))
    calls.status = np.where(turn == 0, served.status[talk], 200)
    keep = (turn == 0) | (served.status[talk] == 200)
    calls.campaign[:] = stage.shelf.put(campaign)
    jobs = _plan(stage, rng, rung, (served.item[talk][first], turn[first], calls.owner[first]))
    if rung.wording == "relay":
        # Two accounts in three carry the harness of one rival product, on most of their sessions.
        harness = stage.shelf.put_all([stage.wording.system(rng, "rival", k) for k in range(3)])
        has_it = (rng.random(len(served.item)) < _HARNESSED)[talk]
        calls.system = np.where(
            has_it, np.where(rng.random(len(crowd)) < 0.67, rng.choice(harness, len(crowd)), -1)[calls.owner], -1
        )
        users = int(served.item.max(initial=0)) // 4 + 1
        tells = rng.random(len(crowd)) < 0.3  # some relays hand the end user's name on
        calls.user = np.where(tells[calls.owner], served.item[talk] * 2654435761 % users, -1)
    return jobs, take(calls, keep)


def _replay(stage: Stage, rng: np.random.Generator, served: Served, workers: int) -> Served:
    """Some sessions are sent again through another account, hours or days later."""
    again = np.flatnonzero(rng.random(len(served.item)) < _REPLAYED)
    later = served.time[again] + (rng.gamma(1.2, 20.0, len(again)) * HOUR).astype(np.int64)
    again, later = again[later < stage.end], later[later < stage.end]
    other = (served.worker[again] + rng.integers(1, workers, len(again))) % workers
    return Served(
        np.concatenate([served.worker, other]),
        np.concatenate([served.time, later]),
        np.concatenate([served.item, served.item[again]]),
        np.concatenate([served.status, np.full(len(again), 200)]),
    )


def _plan(stage: Stage, rng: np.random.Generator, rung: Rung, tasks: tuple[Array, Array, Array]) -> Jobs:
    """Texts of the tasks; topics and templates go by item, so every worker gets the same mix."""
    item, turn, owner = tasks
    n = len(item)
    topics = _topics_of_skills(stage, rng, rung)
    items = int(item.max(initial=-1)) + 1
    skill = rng.integers(0, rung.skills, items)
    topic = np.array([rng.choice(len(shares), p=shares) for shares in topics[skill]], np.int64)[item]
    wide = rung.wording in ("relay", "bare")
    if wide:
        tongue = np.where(rng.random(items) < 0.6, 0, rng.integers(0, len(stage.tongues), items))[item]
    else:
        tongue = np.where(rng.random(items) < 0.85, 0, rng.integers(0, len(stage.tongues), items))[item]
    least = 14 if rung.wording == "bare" else 4  # curated prompts say something
    spread = _SPREADS.get(rung.wording, 0.95)
    size = np.maximum(least, 38.0 * rng.lognormal(-(spread**2) / 2, spread, n) * np.where(turn > 0, 0.4, 1.0))
    jobs = Jobs(topic, tongue, size, np.full(n, -1), np.full(n, -1), np.full(n, -1))
    follow_up(stage, rng, jobs, turn, rng.beta(0.8, 1.9, int(owner.max(initial=0)) + 1)[owner])
    fresh = np.flatnonzero((jobs.stock < 0) & (rng.random(n) >= _UNWRAPPED * (stage.spec.rung > 2)))
    if rung.wording == "relay":
        return jobs
    if rung.wording == "bare":
        return jobs
    _word(stage, rng, rung, jobs, (fresh, skill[item], item))
    return jobs


def _word(stage: Stage, rng: np.random.Generator, rung: Rung, jobs: Jobs, tasks: tuple[Array, Array, Array]) -> None:
    """Wrap the items: a fixed template, a new paraphrase, or a new persona each time."""
    rows, skill, item = tasks
    trades = rng.permutation(len(stage.wording.trades))
    outlines = [
        [stage.wording.outline(rng, stage.wording.trades[trades[k % len(trades)]]) for _ in range(rung.templates)]
        for k in range(rung.skills)
    ]
    fixed = [[stage.wording.fix(rng, outline) for outline in of_skill] for of_skill in outlines]
    luck = rng.integers(0, rung.templates, int(item.max(initial=-1)) + 1)[item]
    for row in rows.tolist():
        kind, variant = int(skill[row]), int(luck[row])
        if rung.wording == "fixed":
            before, after = fixed[kind][variant]
        elif rung.wording == "paraphrase":
            before, after = stage.wording.paraphrase(rng, outlines[kind][variant])
        else:
            before, after = stage.wording.oblique(rng)
        jobs.before[row] = stage.shelf.put(before) if before else -1
        jobs.after[row] = stage.shelf.put(after) if after else -1


def _topics_of_skills(stage: Stage, rng: np.random.Generator, rung: Rung) -> Array:
    """Topic shares of each skill, shape (skills, topics): a handful of topics, or what everybody asks."""
    popularity = stage.texts.popularity
    if rung.wording == "relay":
        return np.repeat(popularity[None, :], rung.skills, axis=0)
    shares = np.zeros((rung.skills, len(popularity)))
    for row in range(rung.skills):
        chosen = rng.choice(
            len(popularity), min(9, len(popularity)), replace=False, p=0.5 * popularity + 0.5 / len(popularity)
        )
        shares[row, chosen] = rng.dirichlet(np.full(len(chosen), 2.0))
    return shares


def _cover(stage: Stage, rng: np.random.Generator, rung: Rung, crowd: Crowd, harvested: Array) -> tuple[Jobs, Calls]:
    """Traffic beside the harvest: everyday talk by each account's own taste, or on rung 8 that of hidden customers."""
    share = rng.uniform(*rung.cover, len(crowd))
    loads = harvested * share / (1 - share)
    habit = (
        replace(TALKER, turns=1.7)
        if rung.labs == 1
        else replace(TALKER, turns=1.8, profile="flat", system="some", users=0.2)
    )
    return converse(stage, rng, crowd, habit, loads)


def _only_while_alive(calls: Calls, shifts: Shifts) -> Calls:
    """A banned account has no cover traffic after its end, a standby account little before its use."""
    late = calls.time >= shifts.until[calls.owner]
    gone = shifts.banned[calls.owner] & late & (calls.status == 200)
    kept: Calls = take(calls, ~gone)
    return kept
