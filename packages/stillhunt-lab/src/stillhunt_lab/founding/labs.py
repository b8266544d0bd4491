"""The three labs of the founding case: sizes and ways of working, after what was published in February 2026."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stillhunt_lab.worlds.campaign_accounts import recruit_pool, recruit_workers
from stillhunt_lab.worlds.channels import SPREAD_CHANNELS
from stillhunt_lab.worlds.rungs import Rung, Schedule, Wording
from stillhunt_lab.worlds.scene import People, Scene

Recruiting = Callable[[Scene, np.random.Generator, int, int], People]


@dataclass(frozen=True)
class Task:
    """One kind of work of a lab, with a queue of its own.

    Args:
        skills: template grammars that it uses, by name.
        wording: the words around the items.
        share: of the lab's requests.
        begin: when it begins, as part of the operation.
        end: when it ends, as part of the operation.
        answered: whether each item comes with a finished answer, whose reasoning is asked for.
        tools: tool set that its requests define, place in `data/systems.toml`; -1 = none.
    """

    skills: tuple[str, ...]
    wording: Wording
    share: float
    begin: float = 0.0
    end: float = 1.0
    answered: bool = False
    tools: int = -1


@dataclass(frozen=True)
class Lab:
    """One operator.

    Args:
        name: name of its campaign in the truth.
        requests: harvest requests at full scale.
        rung: schedule, presence, templates and client programs; `daily` is not used.
        kept: requests in the log for each planned one: second turns and retries add, pauses and bans take.
        customers: share of the accounts' traffic that is unrelated customers of a reseller.
        replaced: whether banned accounts are replaced from a reserve.
        block: accounts that are built at a time.
    """

    name: str
    accounts: int
    requests: int
    recruit: Recruiting
    rung: Rung
    tasks: tuple[Task, ...]
    kept: float
    customers: float = 0.0
    replaced: bool = False
    block: int = 1_000


def _shared_cards(scene: Scene, rng: np.random.Generator, count: int, start: int) -> People:
    return recruit_workers(scene, rng, 1, count, start)


def _many_pathways(scene: Scene, rng: np.random.Generator, count: int, start: int) -> People:
    return recruit_workers(scene, rng, 10, count, start)


def _proxy_network(scene: Scene, rng: np.random.Generator, count: int, start: int) -> People:
    people = recruit_pool(scene, rng, count, household=False)
    people.channel = rng.choice(len(SPREAD_CHANNELS), count, p=SPREAD_CHANNELS)
    people.created = np.minimum(people.created, start)
    return people


def _working(schedule: Schedule, templates: int, client_programs: int, *, own_parameters: bool) -> Rung:
    return Rung(0.0, 1.0, 0.0, templates, client_programs, schedule, own_parameters=own_parameters, lease=6.0)


LABS = (
    Lab(
        "reasoning", 1_100, 150_000, _shared_cards, _working("queue", 3, 1, own_parameters=False),
        (Task(("stepwise", "grading"), "fixed", 0.7), Task(("articulate",), "fixed", 0.3, answered=True)),
        kept=1.07,
    ),
    Lab(
        "pathways", 900, 3_400_000, _many_pathways, _working("shifts", 0, 3, own_parameters=True),
        (
            Task(("agent", "analysis", "engineering"), "paraphrased", 0.75, end=0.7, tools=1),
            Task(("agent", "analysis"), "oblique", 0.25, begin=0.7),
        ),
        kept=1.05, block=150,
    ),
    Lab(
        "hydra", 22_000, 13_000_000, _proxy_network, _working("queue", 4, 3, own_parameters=True),
        (Task(("engineering", "agent"), "fixed", 1.0, tools=0),),
        kept=0.67, customers=0.2, replaced=True,
    ),
)  # fmt: skip
"""The names of the accused stay out of the truth: nothing has been adjudicated, and this is a simulation."""
