"""Blocks of accounts that are built one after the other, so that a large world fits into little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stillhunt_lab.founding.harvest import build_lab_block
from stillhunt_lab.founding.labs import LABS, Lab
from stillhunt_lab.worlds.personas import SANCTIONED, build_persona, persona_counts
from stillhunt_lab.worlds.scene import Draft, People, Scene

HONEST_ACCOUNTS = 290_000
"""Honest accounts at full scale: with 14 days, they send more than all three labs together."""
_HONEST_BLOCK = 10_000
_SEEDS_PER_WORLD = 4_096
_WORLD_WIDE = ("release", "incident", "public templates")
"""Streams of chance that all blocks share; every other one is a block's own."""


@dataclass(kw_only=True)
class BlockScene(Scene):
    """The scene of one block: the world's map, models and public templates, and chance and ids of its own."""

    world: Scene

    def rng(self, name: str) -> np.random.Generator:
        """The random numbers of one named part: those of the world for what all blocks share."""
        return self.world.rng(name) if name in _WORLD_WIDE else super().rng(name)


@dataclass(frozen=True)
class AccountBlock:
    """Accounts that are built together.

    Args:
        number: place in the world; separates chance and ids.
        lab: their operator; None = honest accounts of every persona.
    """

    number: int
    accounts: int
    lab: Lab | None

    def build(self, world: Scene) -> tuple[Scene, list[tuple[People, Draft]], set[str]]:
        """The block's scene, its people with their requests, and the organisations under contract among them."""
        seed = (world.seed + 1) * _SEEDS_PER_WORLD + self.number
        scene = BlockScene(
            seed, world.days, world.grammar, world.places, world.clients, world.popularity, world=world
        )  # fmt: skip
        if self.lab is not None:
            return scene, [build_lab_block(scene, world, self.lab, self.accounts)], set()
        parts, contracts = [], set()
        for recipe, count in persona_counts(self.accounts):
            if count:
                people, draft = build_persona(scene, recipe, count)
                parts.append((people, draft))
                if recipe.persona in SANCTIONED:
                    contracts.update(people.organization.tolist())
        return scene, parts, contracts


def plan_blocks(scale: float) -> list[AccountBlock]:
    """All blocks of the world, honest ones and those of the labs.

    Args:
        scale: part of the full number of accounts, above 0 and up to 1.
    """
    return [AccountBlock(number, accounts, lab) for number, (accounts, lab) in enumerate(_sizes(scale))]


def _sizes(scale: float) -> Iterator[tuple[int, Lab | None]]:
    for lab, accounts, block in ((None, HONEST_ACCOUNTS, _HONEST_BLOCK), *((x, x.accounts, x.block) for x in LABS)):
        total = max(8, round(accounts * scale))
        blocks = -(-total // block)
        yield from ((total * (k + 1) // blocks - total * k // blocks, lab) for k in range(blocks))
