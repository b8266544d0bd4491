"""The prompts of the gallery: texts with slots, filled from the vocabulary of the lab."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gallery.gallery_cases import Asking
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.grammar import choose, compose_items, draw_sentences, integer_stream
from stillhunt_lab.worlds.scene import Scene
from stillhunt_lab.worlds.templates import Sentence

LANGUAGES = ("German", "French", "Spanish", "Japanese", "Portuguese", "Polish", "Turkish", "Korean")
_ANSWER_SENTENCES = 4.0


def draw_topics(scene: Scene, rng: np.random.Generator, asking: Asking, owner: Array, accounts: int) -> Array:
    """Topic of each request."""
    if not asking.topics:
        own = rng.gamma(8.0 * scene.popularity, 1.0, (accounts, len(scene.popularity))).cumsum(axis=1)
        drawn = rng.random(len(owner)) * own[owner, -1]
        return (own[owner] < drawn[:, None]).sum(axis=1)
    codes = scene.grammar.topic_codes(asking.topics)
    return codes[owner % len(codes)] if asking.one_topic_each else rng.choice(codes, len(owner))


def write_prompts(scene: Scene, rng: np.random.Generator, asking: Asking, topic: Array, first: Array) -> list[str]:
    """Prompt of each request.

    Args:
        topic: of each request; where questions are repeated they bring their own.
        first: True for first turns.
    """
    count = len(topic)
    if asking.shared_items or asking.copies > 1:
        kept = asking.shared_items or -(-count // asking.copies)
        stock = _items(scene, rng, topic[:kept], asking.long)
        picked = rng.integers(0, len(stock), count) if asking.shared_items else rng.permutation(count) % len(stock)
        items = [stock[place] for place in picked.tolist()]
    else:
        items = _items(scene, rng, topic, asking.long)
    shapes = [*asking.texts, *asking.then]
    answers = _items(scene, rng, topic, _ANSWER_SENTENCES) if any("{answer}" in text for text in shapes) else items
    draws = integer_stream(rng)
    prompts = []
    for item, answer, opens in zip(items, answers, first.tolist(), strict=True):
        if not opens and asking.then:
            text = choose(asking.then, draws)
        else:
            text = _worded(asking, draws) if asking.sentences else choose(asking.texts, draws)
        while "{n}" in text:
            text = text.replace("{n}", str(2 + next(draws) % 97), 1)
        text = text.replace("{language}", choose(LANGUAGES, draws))
        prompts.append(text.replace("{answer}", answer).replace("{item}", item))
    return prompts


def _worded(asking: Asking, draws: Iterator[int]) -> str:
    said = [Sentence.parse(choose(options, draws)).say(draws) for options in asking.sentences]
    for place in range(len(said) - 1, 0, -1):
        other = next(draws) % (place + 1)
        said[place], said[other] = said[other], said[place]
    return " ".join(said) + "\n{item}"


def _items(scene: Scene, rng: np.random.Generator, topic: Array, long: float) -> list[str]:
    length = draw_sentences(rng, np.full(len(topic), long))
    return compose_items(scene.grammar, rng, topic, np.zeros(len(topic), np.int64), length)
