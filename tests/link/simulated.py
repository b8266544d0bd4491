"""Slices of one content cluster drawn from a known law: a template of slots, each filled with one of some variants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.topics.topics import TOPICS

SLOTS = 6
VARIANTS = 6
Array = np.ndarray[Any, np.dtype[Any]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """How each account fills the slots and chooses topics.

    Attributes:
        variants: accounts x SLOTS x variants of a slot, probabilities.
        topics: accounts x TOPICS, probabilities.
    """

    variants: Floats
    topics: Floats


def drawn(rng: np.random.Generator, accounts: int, *, width: int = VARIANTS) -> Law:
    """One work queue for all accounts, with `width` variants of each slot."""
    variants = rng.dirichlet(np.full(width, 2.0), SLOTS)
    topics = rng.dirichlet(np.full(TOPICS, 0.5))
    return Law(np.repeat(variants[None], accounts, axis=0), np.repeat(topics[None], accounts, axis=0))


def own_phrases(rng: np.random.Generator, accounts: int, *, sharp: float = 0.4, preference: float = 4.0) -> Law:
    """Each account prefers variants and topics of its own, around what is common; less so with larger numbers."""
    variants = rng.dirichlet(np.full(VARIANTS, sharp), (accounts, SLOTS))
    common = rng.dirichlet(np.full(TOPICS, 0.5))
    return Law(variants, rng.dirichlet(preference * common + 1e-3, accounts))


def fixed(rng: np.random.Generator, accounts: int, *, width: int = VARIANTS) -> Law:
    """Everybody sends the one template, word for word, each about topics of its own."""
    variants = np.zeros((accounts, SLOTS, width))
    variants[:, :, 0] = 1.0
    return Law(variants, own_phrases(rng, accounts).topics)


def joined(*laws: Law) -> Law:
    """Accounts of several laws, one after the other."""
    return Law(np.concatenate([law.variants for law in laws]), np.concatenate([law.topics for law in laws]))


def draw_slices(rng: np.random.Generator, law: Law, prompts: int | list[int] = 24) -> ClusterSlices:
    """About `prompts` distinct prompts of each account in each fold, in the form in which the room keeps slices."""
    accounts, _, width = law.variants.shape
    size = rng.poisson(prompts, (2, accounts)) + 1
    phrases = np.zeros((2, accounts, SLOTS * width), np.int64)
    topics = np.zeros((2, accounts, TOPICS), np.int64)
    member: list[Array] = []
    request: list[Array] = []
    phrase: list[Array] = []
    for fold in (0, 1):
        owner = np.repeat(np.arange(accounts), size[fold])
        chance = rng.random((len(owner), SLOTS))
        variant = (chance[:, :, None] > law.variants.cumsum(axis=2)[owner]).sum(axis=2).clip(max=width - 1)
        code = (variant + width * np.arange(SLOTS)).ravel()
        topic = (rng.random(len(owner))[:, None] > law.topics.cumsum(axis=1)[owner]).sum(axis=1).clip(max=TOPICS - 1)
        np.add.at(phrases[fold], (np.repeat(owner, SLOTS), code), 1)
        np.add.at(topics[fold], (owner, topic), 1)
        member.append(np.repeat(owner, SLOTS))
        request.append(np.repeat(np.arange(len(owner)) * 2 + fold, SLOTS))
        phrase.append(code)
    return ClusterSlices(
        cluster=0,
        account=np.arange(accounts),
        size=size,
        phrases=phrases,
        topics=topics,
        member=(member[0], member[1]),
        request=(request[0], request[1]),
        phrase=(phrase[0], phrase[1]),
    )
