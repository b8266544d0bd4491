"""Harvesting campaigns: one work queue of distinct items, dealt out to many accounts.

The rungs are those of the evasion ladder (1 naive ... 6 paraphrase under cover traffic). Whatever the rung, a
campaign keeps what one plan forces on it: items never repeat across accounts, loads are equalised, every worker
draws from the same queue, the whole queue starts, pauses and stops together, and few client programs serve all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from stillhunt.base.errors import ConfigError
from stillhunt.lab import clock
from stillhunt.lab.grammar import compose_items, draw_sentences, integer_stream, read_data
from stillhunt.lab.personas import CHAT
from stillhunt.lab.recruits import recruit_pool, recruit_workers
from stillhunt.lab.resale import draw_resold
from stillhunt.lab.scene import ORIGIN, Draft, People, Scene, merge_drafts
from stillhunt.lab.traffic import draw_rows, set_answers
from stillhunt.lab.wrappers import Family, Sentence, draw_family, draw_template, load_skills, paraphrase

Array = np.ndarray[Any, np.dtype[Any]]

RUNGS = (1, 2, 3, 4, 5, 6)
_PAUSE = 10 * clock.HOUR
_SECOND_STAGE = 0.12
"""Share of items that get a second turn (check, harder variant), as multi-stage recipes do."""


@dataclass(frozen=True)
class CampaignSpec:
    """One operation.

    Args:
        rung: 1 to 6, see the table in `docs/worlds.md`.
        accounts: worker accounts.
        name: name in the truth; "c0", "c1" ... by place when empty.
        skills: skills it takes, 1 to 4; drawn when None.
        cover_share: share of the accounts' traffic that is not harvest; the rung's default when None.
        requests_per_account_day: harvest requests per account on a day of work; the rung's default when None.
        specialised: each account works on one skill only instead of all.
        kind: dedicated = own accounts; pool = a reseller's accounts that also serve two labs and real customers.
    """

    rung: int
    accounts: int = 60
    name: str = ""
    skills: int | None = None
    cover_share: float | None = None
    requests_per_account_day: float | None = None
    specialised: bool = False
    kind: Literal["dedicated", "pool"] = "dedicated"

    def __post_init__(self) -> None:
        where = f"CampaignSpec(name={self.name!r})"
        if self.rung not in RUNGS:
            raise ConfigError(f"rung {self.rung} has no campaign", where=where, next_step="use a rung from 1 to 6")
        if self.accounts < 2:
            raise ConfigError(f"{self.accounts} accounts are no campaign", where=where, next_step="use at least 2")
        if self.skills is not None and not 1 <= self.skills <= 4:
            raise ConfigError(f"skills is {self.skills}", where=where, next_step="use 1 to 4")
        if self.cover_share is not None and not 0 <= self.cover_share < 1:
            raise ConfigError(
                f"cover_share is {self.cover_share}", where=where, next_step="use a share from 0 to below 1"
            )
        if self.requests_per_account_day is not None and self.requests_per_account_day <= 0:
            raise ConfigError("requests_per_account_day is not positive", where=where, next_step="use a number above 0")


@dataclass(frozen=True)
class _Rung:
    """Defaults of one rung: daily harvest per account, share of days worked, cover, templates per skill, width."""

    daily: float
    presence: float
    cover: float
    templates: int
    temperatures: tuple[float, ...]
    rooms: tuple[float, ...]
    schedule: Literal["queue", "shifts", "human", "jitter"]


_RUNGS = {
    1: _Rung(38.0, 1.0, 0.0, 1, (0.7,), (4096.0,), "queue"),
    2: _Rung(24.0, 1.0, 0.0, 2, (0.7,), (4096.0,), "queue"),
    3: _Rung(13.0, 0.45, 0.0, 3, (0.7,), (4096.0,), "shifts"),
    4: _Rung(10.0, 0.5, 0.0, 3, (0.7,), (4096.0,), "human"),
    5: _Rung(9.5, 0.5, 0.0, 4, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), (2048.0, 3072.0, 4096.0, np.nan), "jitter"),
    6: _Rung(6.5, 0.5, 0.5, 0, (0.5, 0.6, 0.7, 0.8, 0.9, 1.0), (2048.0, 3072.0, 4096.0, np.nan), "jitter"),
}


@dataclass(frozen=True)
class _Queue:
    """One lab's plan: skills, topic weights per skill, templates."""

    name: str
    families: tuple[Family, ...]
    templates: tuple[tuple[str, ...], ...]
    topics: Array
    skill_share: Array
    stages: tuple[str, ...]


def build_campaign(scene: Scene, spec: CampaignSpec, name: str, place: int) -> tuple[People, Draft]:
    """The accounts of one operation and all their requests, harvest and cover.

    Args:
        scene: world.
        spec: what to build.
        name: name in the truth.
        place: place among the world's campaigns; separates their chance.
    """
    rng = scene.rng(f"campaign/{place}/{spec.rung}/{spec.kind}")
    rung = _RUNGS[spec.rung]
    start = ORIGIN + int(rng.uniform(0.04, 0.18) * scene.days * clock.DAY)
    if spec.kind == "pool":
        people = recruit_pool(scene, rng, spec.accounts)
        names = [f"{name}a", f"{name}b"]
        share = 0.6 if spec.cover_share is None else spec.cover_share
        parts = [_harvest(scene, rng, _plan(scene, rng, spec, lab), people, (spec, rung, start)) for lab in names]
        # A reseller routes: each lab reaches only part of the accounts, some serve both.
        reach = rng.random((2, len(people))) < 0.7
        reach[rng.integers(0, 2, len(people)), np.arange(len(people))] = True
        parts = [part.keep(reach[lab][part.owner]) for lab, part in enumerate(parts)]
        draft = merge_drafts(*parts)
        harvested = np.bincount(draft.owner, minlength=len(people))
        loads = np.maximum(1, np.round(harvested * share / (1.0 - share))).astype(np.int64)
        draft = merge_drafts(draft, draw_resold(scene, rng, CHAT, people, loads))
    else:
        people = recruit_workers(scene, rng, spec.rung, spec.accounts, start)
        share = rung.cover if spec.cover_share is None else spec.cover_share
        draft = _harvest(scene, rng, _plan(scene, rng, spec, name), people, (spec, rung, start))
        if share > 0:
            draft = merge_drafts(draft, _cover(scene, rng, people, draft, share))
    people.campaign = _served(people, draft)
    return people, draft


def _plan(scene: Scene, rng: np.random.Generator, spec: CampaignSpec, name: str) -> _Queue:
    rung = _RUNGS[spec.rung]
    grammars = load_skills()
    count = int(rng.integers(1, 5)) if spec.skills is None else spec.skills
    draws = integer_stream(rng)
    skills = [grammars[int(at)] for at in rng.choice(len(grammars), count, replace=False)]
    families = tuple(draw_family(draws, skill, width=4) for skill in skills)
    templates = tuple(tuple(draw_template(draws, family) for _ in range(rung.templates)) for family in families)
    topics = np.full((count, len(scene.popularity)), 0.0)
    for row, skill in enumerate(skills):
        codes = scene.grammar.topic_codes(skill.topics)
        kept = rng.permutation(codes)[: int(rng.integers(3, 7))]
        topics[row, kept] = rng.dirichlet(np.full(len(kept), 3.0))
    fixed = read_data("systems")["stages"]["fixed"]
    return _Queue(
        name, families, templates, topics, rng.dirichlet(np.full(count, 4.0)), (fixed[next(draws) % len(fixed)],)
    )


def _harvest(
    scene: Scene, rng: np.random.Generator, queue: _Queue, people: People, order: tuple[CampaignSpec, _Rung, int]
) -> Draft:
    """Deal the queue: slots of time per worker first, then items at random onto the slots."""
    spec, rung, start = order
    daily = rung.daily if spec.requests_per_account_day is None else spec.requests_per_account_day
    owner, time = _slots(scene, rng, rung, people, (start, daily))
    skills = len(queue.families)
    skill = rng.choice(skills, len(owner), p=queue.skill_share)
    if spec.specialised:
        skill = (np.arange(len(people)) % skills)[owner]
    topic = clock.draw_columns(rng, queue.topics, skill)
    language = np.where(rng.random(len(owner)) < 0.94, 0, rng.integers(0, len(scene.grammar.languages), len(owner)))
    sentences = draw_sentences(rng, np.full(len(owner), 1.7))
    items = compose_items(scene.grammar, rng, topic, language, sentences)
    prompt = _wrap(integer_stream(rng), queue, skill, items)
    draft = _stage_two(rng, _columns(rng, people, (owner, time, topic, language), prompt, queue), queue, rung)
    _operate(scene, rng, people, draft, rung)
    return draft.keep(draft.time < scene.end)


def _slots(
    scene: Scene, rng: np.random.Generator, rung: _Rung, people: People, pace: tuple[int, float]
) -> tuple[Array, Array]:
    """Worker and time of each unit of work; the whole queue starts, pauses and stops together."""
    start, daily = pace
    stop = scene.end - int(rng.uniform(0.0, 0.1) * scene.days * clock.DAY)
    first, last = (start - ORIGIN) // clock.DAY, max((start - ORIGIN) // clock.DAY + 1, -((ORIGIN - stop) // clock.DAY))
    days = int(last - first)
    # Equalised loads: every worker gets the same number of days, dealt at random, and nearly the same work on each.
    worked = max(1, round(rung.presence * days))
    order = rng.permuted(np.tile(np.arange(days), (len(people), 1)), axis=1)[:, :worked]
    spread = 0.35 if rung.schedule == "jitter" else 0.12
    work = rng.poisson(daily * np.exp(rng.normal(-(spread**2) / 2, spread, order.shape)))
    if rung.schedule in ("human", "jitter"):
        work = np.clip(work, min(5, int(daily)), max(20, int(2 * daily)))
    owner = np.repeat(np.repeat(np.arange(len(people)), worked), work.ravel())
    day = np.repeat(order.ravel(), work.ravel())
    if rung.schedule == "queue":
        hour = (rng.random(len(owner)) * clock.DAY).astype(np.int64)
    elif rung.schedule == "shifts":
        begin = rng.integers(0, 24, order.shape)
        hour = (np.repeat(begin.ravel(), work.ravel()) * clock.HOUR + (rng.random(len(owner)) * 7 * clock.HOUR)).astype(
            np.int64
        ) % clock.DAY
    else:
        centre = rng.normal(15.0, 2.5, len(people))
        hour = clock.human_hours(rng, owner, people.zone, centre, 2.4 if rung.schedule == "human" else 3.4)
    time = ORIGIN + (first + day) * clock.DAY + hour
    pause = start + int(rng.uniform(0.3, 0.7) * (stop - start))
    idle = (time < start) | (time >= stop) | ((time >= pause) & (time < pause + _PAUSE))
    return owner[~idle], time[~idle]


def _wrap(draws: Iterator[int], queue: _Queue, skill: Array, items: list[str]) -> list[str]:
    prompts = []
    for code, item in zip(skill.tolist(), items, strict=True):
        templates = queue.templates[code]
        if templates:
            prompts.append(templates[next(draws) % len(templates)] + item)
        else:
            prompts.append(paraphrase(draws, queue.families[code], item))
    return prompts


def _columns(
    rng: np.random.Generator, people: People, parts: tuple[Array, Array, Array, Array], prompt: list[str], queue: _Queue
) -> Draft:
    owner, time, topic, language = parts
    count = len(owner)
    return Draft(
        owner=owner,
        time=time + rng.integers(0, clock.SECOND, count),
        conversation=np.arange(count),
        turn=np.zeros(count, np.int64),
        topic=topic,
        language=language,
        address=people.address[owner],
        client=np.zeros(count, np.int64),
        model=np.zeros(count, np.int64),
        system=np.full(count, -1),
        temperature=np.full(count, np.nan),
        max_tokens=np.full(count, np.nan),
        output=np.zeros(count),
        campaign=np.full(count, queue.name, object),
        prompt=prompt,
    )


def _stage_two(rng: np.random.Generator, draft: Draft, queue: _Queue, rung: _Rung) -> Draft:
    again = draft.keep(rng.random(len(draft)) < _SECOND_STAGE)
    again.turn = again.turn + 1
    again.time = again.time + (rng.gamma(3.0, 15.0, len(again)) * clock.SECOND).astype(np.int64)
    if rung.templates:
        again.prompt = [queue.stages[0]] * len(again)
    else:
        draws = integer_stream(rng)
        options = [Sentence.parse(text) for text in read_data("systems")["stages"]["check"]]
        again.prompt = [options[next(draws) % len(options)].say(draws) for _ in range(len(again))]
    both = merge_drafts(draft, again)
    both.conversation = np.concatenate([draft.conversation, again.conversation])
    return both


def _operate(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, rung: _Rung) -> None:
    """One to three client programs for the whole operation, the best model mostly, parameters of the rung."""
    count = 1 if rung.schedule == "queue" else 3
    stacks = rng.choice(len(scene.clients.weight), count, p=scene.clients.weight, replace=False)
    draft.client = stacks[rng.integers(0, count, len(people))][draft.owner]
    best = 0.97 if rung.schedule in ("queue", "shifts") else 0.85
    draft.model = np.where(rng.random(len(draft)) < best, 0, 1)
    draft.temperature = rng.choice(rung.temperatures, len(draft))
    draft.max_tokens = rng.choice(rung.rooms, len(draft))
    set_answers(rng, draft, np.full(len(people), 620.0))


def _cover(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float) -> Draft:
    """Chat in front of the harvest: the same laws as honest chat, on the workers' own lines and programs."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    loads = np.maximum(1, np.round(harvested * share / (1.0 - share))).astype(np.int64)
    first = int(draft.time.min(initial=scene.end - 1))
    cover = draw_rows(
        scene, rng, replace(CHAT, program="sdk", moving=0.1, session=2.5, session_sigma=0.5), people, loads
    )
    # Cover starts with the operation, not before it.
    cover.time = first + (cover.time - ORIGIN) * (scene.end - first) // (scene.end - ORIGIN)
    own = np.zeros(len(people), np.int64)
    own[draft.owner] = draft.client
    cover.client = own[cover.owner]
    return cover


def _served(people: People, draft: Draft) -> Array:
    """The campaigns of each account, joined by "|"; empty for a pool account that serves customers only."""
    names = sorted(set(draft.campaign.tolist()) - {""})
    served = [np.bincount(draft.owner[draft.campaign == name], minlength=len(people)) > 0 for name in names]
    return np.array(
        ["|".join(n for n, on in zip(names, row, strict=True) if on) for row in zip(*served, strict=True)], object
    )
