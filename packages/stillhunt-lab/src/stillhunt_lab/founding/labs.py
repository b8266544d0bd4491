"""The three labs of the founding case, after what was published in February 2026, and how a block of one is built."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.account_events import Tenures, adopt_release, draw_tenures
from stillhunt_lab.worlds.accounts import recruit_pool, recruit_workers
from stillhunt_lab.worlds.grammar import compose_items, draw_sentences, read_data
from stillhunt_lab.worlds.networks import SPREAD_CHANNELS
from stillhunt_lab.worlds.personas import CHAT
from stillhunt_lab.worlds.rungs import Calendar, Rung, Wording
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, merge_drafts
from stillhunt_lab.worlds.templates import load_skills
from stillhunt_lab.worlds.traffic import draw_resold
from stillhunt_lab.worlds.work_queues import Orders, Queue, different_programs, draw_queue, hand_out_queue


@dataclass(frozen=True)
class Task:
    """One kind of work of a lab, with a queue of its own; `data/labs.toml` says what each field means."""

    skills: tuple[str, ...]
    wording: Wording
    share: float
    begin: float = 0.0
    end: float = 1.0
    answered: bool = False
    tools: int = -1


@dataclass(frozen=True)
class Lab:
    """One operator; `data/labs.toml` says what each field means."""

    name: str
    accounts: int
    requests: int
    opens_like: int
    rung: Rung
    tasks: tuple[Task, ...]
    kept: float
    customers: float = 0.0
    replaced: bool = False
    block: int = 1_000


def _lab_of(name: str, own: dict[str, Any]) -> Lab:
    tasks = tuple(Task(**{**task, "skills": tuple(task["skills"])}) for task in own["tasks"])
    rung = Rung(daily=0.0, presence=1.0, cover=0.0, lease=6.0, **own["rung"])
    return Lab(name, **{**own, "rung": rung, "tasks": tasks})


LABS = tuple(_lab_of(name, own) for name, own in read_data("labs").items())
_CUSTOMER = replace(CHAT, load=5.0)
"""A reseller's customer: so little that several fit on one account."""


@dataclass(frozen=True)
class Operation:
    """What all blocks of a lab have in common."""

    start: int
    calendar: Calendar
    queues: tuple[Queue, ...]
    programs: Array


def build_lab_block(scene: Scene, world: Scene, lab: Lab, accounts: int) -> tuple[People, Draft]:
    """Build some of the accounts of a lab and all their requests."""
    operation = _draw_lab_operation(world, lab)
    rng = scene.rng(f"lab/{lab.name}")
    people = _recruit_lab_accounts(scene, rng, lab, accounts, operation.start)
    tenures = draw_tenures(rng, accounts, operation.start, operation.calendar.stop) if lab.replaced else None
    parts = [
        _draft_task_requests(scene, rng, lab, task, people, operation, queue, tenures)
        for task, queue in zip(lab.tasks, operation.queues, strict=True)
    ]
    draft = parts[0]
    for part in parts[1:]:
        draft = merge_drafts(draft, part)
    people.campaign = np.where(np.bincount(draft.owner, minlength=accounts) > 0, lab.name, "").astype(object)
    if lab.customers:
        draft = merge_drafts(draft, _draft_reseller_customers(scene, rng, people, draft, lab.customers))
    draft.client = rng.choice(operation.programs, accounts)[draft.owner]
    adopt_release(scene, people, draft, f"lab/{lab.name}")
    return people, draft


def _recruit_lab_accounts(scene: Scene, rng: np.random.Generator, lab: Lab, count: int, start: int) -> People:
    if lab.opens_like:
        return recruit_workers(scene, rng, lab.opens_like, count, start)
    people = recruit_pool(scene, rng, count, household=False)
    people.channel = rng.choice(len(SPREAD_CHANNELS), count, p=SPREAD_CHANNELS)
    people.created = np.minimum(people.created, start)
    return people


def _draw_lab_operation(world: Scene, lab: Lab) -> Operation:
    rng = world.rng(f"lab/{lab.name}")
    start = ORIGIN + int(rng.uniform(0.02, 0.06) * world.days * DAY)
    stop = world.end - int(rng.uniform(0.0, 0.04) * world.days * DAY)
    pause = start + int(rng.uniform(0.3, 0.7) * (stop - start))
    grammars = {skill.name: skill for skill in (*load_skills(), *load_skills("founding"))}
    queues = tuple(
        draw_queue(world, rng, lab.name, lab.rung, task.wording, tuple(grammars[name] for name in task.skills))
        for task in lab.tasks
    )
    return Operation(start, Calendar(stop, pause), queues, different_programs(world, rng, lab.rung.client_programs))


def _draft_task_requests(
    scene: Scene,
    rng: np.random.Generator,
    lab: Lab,
    task: Task,
    people: People,
    operation: Operation,
    queue: Queue,
    tenures: Tenures | None,
) -> Draft:
    """Requests of one task."""
    whole = operation.calendar.stop - operation.start
    begin, end = (operation.start + int(part * whole) for part in (task.begin, task.end))
    daily = lab.requests * task.share / lab.accounts / ((end - begin) / DAY) / lab.kept
    calendar = replace(operation.calendar, stop=end)
    draft = hand_out_queue(
        scene, rng, queue, people, Orders(lab.rung, begin, daily, specialised=False, tenures=tenures, calendar=calendar)
    )
    if task.answered:
        answers = compose_items(
            scene.grammar, rng, draft.topic, draft.language, draw_sentences(rng, np.full(len(draft), 3.0))
        )
        first = (draft.turn == 0).tolist()
        draft.prompt = [
            f"{prompt}\nResponse: {answer}" if asks else prompt
            for prompt, answer, asks in zip(draft.prompt, answers, first, strict=True)
        ]
    if task.tools >= 0:
        draft.tools[:] = scene.tools_code(read_data("systems")["tools"]["sets"][task.tools])
    return draft


def _draft_reseller_customers(
    scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float
) -> Draft:
    """Requests of a reseller's unrelated customers on the accounts of a lab, while these work."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    first, last = np.full(len(people), scene.end), np.zeros(len(people), np.int64)
    np.minimum.at(first, draft.owner, draft.time)
    np.maximum.at(last, draft.owner, draft.time)
    served = draw_resold(scene, rng, _CUSTOMER, people, np.round(harvested * share / (1.0 - share)).astype(np.int64))
    return served.keep((served.time >= first[served.owner]) & (served.time <= last[served.owner]))
