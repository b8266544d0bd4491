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
from stillhunt.lab.grammar import compose_follow_ups, compose_items, draw_sentences, integer_stream, read_data
from stillhunt.lab.personas import CHAT
from stillhunt.lab.recruits import recruit_pool, recruit_workers
from stillhunt.lab.resale import draw_resold
from stillhunt.lab.rungs import RUNGS, Rung, draw_slots
from stillhunt.lab.scene import ORIGIN, Draft, People, Scene, merge_drafts
from stillhunt.lab.traffic import draw_rows, set_answers, set_parameters
from stillhunt.lab.wrappers import Family, Sentence, draw_family, draw_template, load_skills, paraphrase

Array = np.ndarray[Any, np.dtype[Any]]

_SECOND_STAGE = 0.1
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
class _Queue:
    """One lab's plan: skills, topic weights per skill, templates."""

    name: str
    families: tuple[Family, ...]
    templates: tuple[tuple[str, ...], ...]
    topics: Array
    skill_share: Array
    stage: str


def build_campaign(scene: Scene, spec: CampaignSpec, name: str, place: int) -> tuple[People, Draft]:
    """The accounts of one operation and all their requests, harvest and cover.

    Args:
        scene: world.
        spec: what to build.
        name: name in the truth.
        place: place among the world's campaigns; separates their chance.
    """
    rng = scene.rng(f"campaign/{place}/{spec.rung}/{spec.kind}")
    rung = RUNGS[spec.rung]
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
        # All of it leaves through the reseller's relay, whoever asked.
        relays = _different_stacks(scene, rng, 3)
        draft.client = rng.choice(relays, len(people))[draft.owner]
    else:
        people = recruit_workers(scene, rng, spec.rung, spec.accounts, start)
        share = rung.cover if spec.cover_share is None else spec.cover_share
        draft = _harvest(scene, rng, _plan(scene, rng, spec, name), people, (spec, rung, start))
        if share > 0:
            draft = merge_drafts(draft, _cover(scene, rng, people, draft, share))
    people.campaign = _served(people, draft)
    return people, draft


def _plan(scene: Scene, rng: np.random.Generator, spec: CampaignSpec, name: str) -> _Queue:
    rung = RUNGS[spec.rung]
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
        name, families, templates, topics, rng.dirichlet(np.full(count, 4.0)), fixed[next(draws) % len(fixed)]
    )


def _harvest(
    scene: Scene, rng: np.random.Generator, queue: _Queue, people: People, order: tuple[CampaignSpec, Rung, int]
) -> Draft:
    """Deal the queue: slots of time per worker first, then items at random onto the slots."""
    spec, rung, start = order
    daily = rung.daily if spec.requests_per_account_day is None else spec.requests_per_account_day
    owner, time = draw_slots(scene, rng, rung, people, (start, daily))
    skills = len(queue.families)
    skill = rng.choice(skills, len(owner), p=queue.skill_share)
    if spec.specialised:
        skill = (np.arange(len(people)) % skills)[owner]
    topic = clock.draw_columns(rng, queue.topics, skill)
    language = np.where(rng.random(len(owner)) < 0.94, 0, rng.integers(0, len(scene.grammar.languages), len(owner)))
    sentences = draw_sentences(rng, np.full(len(owner), 1.5))
    items = compose_items(scene.grammar, rng, topic, language, sentences)
    prompt = _wrap(integer_stream(rng), queue, skill, items)
    draft = _stage_two(scene, rng, _columns(rng, people, (owner, time, topic, language), prompt, queue), queue, rung)
    _operate(scene, rng, people, draft, rung)
    return draft.keep(draft.time < scene.end)


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


def _stage_two(scene: Scene, rng: np.random.Generator, draft: Draft, queue: _Queue, rung: Rung) -> Draft:
    again = draft.keep(rng.random(len(draft)) < _SECOND_STAGE)
    again.turn = again.turn + 1
    again.time = again.time + (rng.gamma(3.0, 15.0, len(again)) * clock.SECOND).astype(np.int64)
    if rung.schedule == "queue":
        again.prompt = [queue.stage] * len(again)
    else:
        draws = integer_stream(rng)
        options = [Sentence.parse(text) for text in read_data("systems")["stages"]["check"]]
        asides = compose_follow_ups(scene.grammar, rng, again.topic, again.language)
        again.prompt = [f"{options[next(draws) % len(options)].say(draws)} {aside}" for aside in asides]
    both = merge_drafts(draft, again)
    both.conversation = np.concatenate([draft.conversation, again.conversation])
    return both


def _operate(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, rung: Rung) -> None:
    """One to three client programs for the whole operation, the best model mostly, parameters of the rung."""
    stacks = _different_stacks(scene, rng, rung.stacks)
    stack = rng.integers(0, rung.stacks, len(people))
    draft.client = stacks[stack][draft.owner]
    loyal = rng.random(len(people)) < (0.8 if rung.schedule == "queue" else 0.45)
    best = np.where(loyal, 1.0, rng.uniform(0.6, 0.95, len(people)))
    draft.model = np.where(rng.random(len(draft)) < best[draft.owner], 0, 1)
    if rung.own_parameters:
        set_parameters(rng, draft, np.zeros(len(people), bool))
        draft.max_tokens[draft.max_tokens < 2048] = np.nan  # whole answers are wanted
    else:
        warm, room = rng.permutation([0.7, 1.0, np.nan]), rng.permutation([4096.0, np.nan, np.nan])
        if rung.stacks == 1:
            warm, room = np.array([0.7]), np.array([4096.0])
        draft.temperature, draft.max_tokens = warm[stack][draft.owner], room[stack][draft.owner]
    set_answers(rng, draft, np.full(len(people), 560.0))


def _different_stacks(scene: Scene, rng: np.random.Generator, count: int) -> Array:
    """Popular client programs that differ in name and in fingerprint."""
    clients = scene.clients
    chosen: list[int] = []
    seen: set[str] = set()
    for code in rng.choice(len(clients.weight), 40, p=clients.weight, replace=False).tolist():
        marks = {clients.user_agents[code], clients.fingerprints[code]}
        if len(chosen) < count and not marks & seen:
            chosen.append(code)
            seen |= marks
    return np.array(chosen)


def _cover(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float) -> Draft:
    """Chat in front of the harvest: the same laws as honest chat, on the workers' own lines and programs."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    loads = np.maximum(1, np.round(harvested * share / (1.0 - share))).astype(np.int64)
    recipe = replace(CHAT, browsers=0.0, moving=0.0)
    cover = draw_rows(scene, rng, recipe, people, loads)
    # Cover is played between leases: each conversation moves close to a unit of work.
    by_owner = np.argsort(draft.owner, kind="stable")
    begin = np.cumsum(harvested) - harvested
    head = np.flatnonzero(cover.turn == 0)
    keeper = cover.owner[head]
    near = by_owner[begin[keeper] + (rng.random(len(head)) * np.maximum(harvested[keeper], 1)).astype(np.int64)]
    moved = draft.time[near] + (rng.normal(0.0, 0.4, len(head)) * clock.HOUR).astype(np.int64) - cover.time[head]
    shift = np.zeros(int(cover.conversation.max(initial=-1)) + 1, np.int64)
    shift[cover.conversation[head]] = moved
    cover.time = cover.time + shift[cover.conversation]
    cover = cover.keep((cover.time >= draft.time.min()) & (cover.time < scene.end) & (harvested[cover.owner] > 0))
    for name in ("client", "temperature", "max_tokens"):  # the same program speaks for both
        own = np.zeros(len(people), getattr(draft, name).dtype)
        own[draft.owner] = getattr(draft, name)
        setattr(cover, name, own[cover.owner])
    return cover


def _served(people: People, draft: Draft) -> Array:
    """The campaigns of each account, joined by "|"; empty for a pool account that serves customers only."""
    names = sorted(set(draft.campaign.tolist()) - {""})
    served = [np.bincount(draft.owner[draft.campaign == name], minlength=len(people)) > 0 for name in names]
    return np.array(
        ["|".join(n for n, on in zip(names, row, strict=True) if on) for row in zip(*served, strict=True)], object
    )
