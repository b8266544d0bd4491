"""Accounts and requests of one block of a lab, whose queues, calendar and programs are the same in every block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.founding.labs import Lab, Task
from stillhunt_lab.worlds.account_events import adopt_release
from stillhunt_lab.worlds.account_replacement import Tenures, draw_tenures
from stillhunt_lab.worlds.grammar import compose_items, draw_sentences, read_data
from stillhunt_lab.worlds.personas import CHAT
from stillhunt_lab.worlds.resold_traffic import draw_resold
from stillhunt_lab.worlds.rungs import Calendar
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, merge_drafts
from stillhunt_lab.worlds.templates import load_skills
from stillhunt_lab.worlds.work_queues import Orders, Queue, different_programs, draw_queue, hand_out_queue

Array = np.ndarray[Any, np.dtype[Any]]

_CUSTOMER = replace(CHAT, load=5.0)
"""A reseller's customer: so little that several fit on one account."""


@dataclass(frozen=True)
class Operation:
    """What all blocks of a lab have in common.

    Args:
        calendar: its end and its pause.
        queues: the work queue of each task.
        programs: codes of its client programs.
    """

    start: int
    calendar: Calendar
    queues: tuple[Queue, ...]
    programs: Array


def build_lab_block(scene: Scene, world: Scene, lab: Lab, accounts: int) -> tuple[People, Draft]:
    """Build some of the accounts of a lab and all their requests."""
    operation = _operation(world, lab)
    rng = scene.rng(f"lab/{lab.name}")
    people = lab.recruit(scene, rng, accounts, operation.start)
    tenures = draw_tenures(rng, accounts, operation.start, operation.calendar.stop) if lab.replaced else None
    parts = [
        _work(scene, rng, (lab, task, people), (operation, queue), tenures)
        for task, queue in zip(lab.tasks, operation.queues, strict=True)
    ]
    draft = parts[0]
    for part in parts[1:]:
        draft = merge_drafts(draft, part)
    people.campaign = np.where(np.bincount(draft.owner, minlength=accounts) > 0, lab.name, "").astype(object)
    if lab.customers:
        draft = merge_drafts(draft, _customers(scene, rng, people, draft, lab.customers))
    draft.client = rng.choice(operation.programs, accounts)[draft.owner]
    adopt_release(scene, people, draft, f"lab/{lab.name}")
    return people, draft


def _operation(world: Scene, lab: Lab) -> Operation:
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


def _work(
    scene: Scene,
    rng: np.random.Generator,
    whose: tuple[Lab, Task, People],
    plan: tuple[Operation, Queue],
    tenures: Tenures | None,
) -> Draft:
    """Requests of one task."""
    (lab, task, people), (operation, queue) = whose, plan
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


def _customers(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float) -> Draft:
    """Requests of a reseller's unrelated customers on the accounts of a lab, while these work."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    first, last = np.full(len(people), scene.end), np.zeros(len(people), np.int64)
    np.minimum.at(first, draft.owner, draft.time)
    np.maximum.at(last, draft.owner, draft.time)
    served = draw_resold(scene, rng, _CUSTOMER, people, np.round(harvested * share / (1.0 - share)).astype(np.int64))
    return served.keep((served.time >= first[served.owner]) & (served.time <= last[served.owner]))
