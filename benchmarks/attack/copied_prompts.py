"""End users copy a campaign's prompts through a customer's account: the customer is tagged at most.

Signatures are made by a hunt over a world of the lab, which finds a campaign; half of its accounts stand by. Then
customers of each kind in that world, young and old, alone and with requests of their own, send one to thousands of its
prompts: through the gateway's question, the spool and the decisions between hunts, under the harshest policy that can
be written. Last comes a hunt that sees all of it. Replacement accounts of the campaign must still be stopped. Hunts
without an accounts table see one customer more each time, since many who copy may keep a campaign from being found.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from trials import Fell, Trial

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
from decide.copied_scenes import CopiedScene, Copying, Row
from stillhunt.decide.actions import WITHOUT_FLAG, Action, rank

RUNGS = (1, 2, 4)
OFTEN = ("app", "chat", "developer")
"""Customers of these kinds are tried with everything; those of others once."""
COPIES, HONEST, DAYS_OLD = (1, 2, 10, 100), (0, 60), (1, 200)
FLOODS = (Copying("app", 5_000, 0), Copying("app", 1_000, 6_000), Copying("developer", 2_000, 60, 200))
END_USERS = 200
"""End users of each customer of FLOODS."""
UNKNOWN = (Copying("developer", 1_000, 0), Copying("app", 1_000, 0))
"""Customers at hunts that know of no accounts table."""
SOON = 20
"""Requests of a replacement account that may pass before it is stopped."""
STOPPED = 0.8
"""Share of the replacement accounts that must be, on rungs where they keep clients, settings or networks."""
WITHOUT_TABLE = (2, 4)
"""Rungs that are also hunted without an accounts table."""
LEFT = (1, 2)
"""Rungs where they do."""


def trials(seed: int) -> Iterator[Trial]:
    """All trials.

    Args:
        seed: of the worlds.
    """
    for rung in RUNGS:
        with tempfile.TemporaryDirectory() as name:
            scene = CopiedScene(Path(name), seed=seed, rung=rung)
            customers = [Copying(*one) for one in itertools.product(OFTEN, COPIES, HONEST, DAYS_OLD)]
            customers += [Copying(persona, 10, 0) for persona in sorted(scene.personas) if persona not in OFTEN]
            customers += FLOODS if rung == RUNGS[0] else ()
            scene.write_accounts(customers)
            for one in customers:
                yield Trial(f"copied, rung {rung}", one.name, partial(_copied, scene, one))
            if rung in LEFT:
                yield Trial("replaced", f"rung {rung}", partial(_replaced, scene))
            scene.hunt()
            for one in customers:
                yield Trial(f"hunted, rung {rung}", one.name, partial(_hunted, scene, one))
            scene.close()
        if rung in WITHOUT_TABLE:
            yield from _without_table(seed, rung)


def _without_table(seed: int, rung: int) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory() as name:
        scene = CopiedScene(Path(name), seed=seed, rung=rung, table=False)
        for one in UNKNOWN:
            scene.post(scene.requests_of(one, END_USERS))
            scene.hunt()
            yield Trial(f"hunted, no table, rung {rung}", one.name, partial(_hunted, scene, one))
        scene.close()


def _copied(scene: CopiedScene, customer: Copying) -> None:
    _check(scene.send(scene.requests_of(customer, END_USERS if customer in FLOODS else 20)))


def _hunted(scene: CopiedScene, customer: Copying) -> None:
    _check(scene.decided().get(customer.name, "observe"))


def _check(action: Action) -> None:
    if rank(action) > rank(WITHOUT_FLAG):
        raise Fell(f"the customer gets {action}")


def _replaced(scene: CopiedScene) -> None:
    stopped = sum(_is_stopped(scene, rows) for rows in scene.replacements.values())
    if stopped < STOPPED * len(scene.replacements):
        raise Fell(f"{stopped} of {len(scene.replacements)} replacement accounts are stopped within {SOON} requests")


def _is_stopped(scene: CopiedScene, rows: list[Row]) -> bool:
    """Whether an account is stopped soon; as it sends, two requests at a time."""
    return any(rank(scene.send(rows[at : at + 2])) > rank(WITHOUT_FLAG) for at in range(0, SOON, 2))
