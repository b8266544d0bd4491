"""Text with enough entropy for marks, made here: instructions, and prose of a grammar with words made of syllables.

Real text cannot be shipped. Each sentence is drawn from a small grammar whose words follow one another with their own
frequencies (Zipf's law), so that a tiny model learns it quickly and still has many next words to choose from.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate, product

from stillhunt_model.training.pairs import TextPair

_ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v")
_VOWELS = ("a", "e", "i", "o", "u")
KINDS = {"noun": 200, "verb": 120, "adjective": 100, "place": 60}
"""Kind of word -> how many there are."""
SENTENCE_FORMS = (
    "the {adjective} {noun} will {verb} the {noun}",
    "a {noun} can {verb} near the {place}",
    "when the {noun} is {adjective}, the {noun} must {verb}",
    "for example, the {noun} of the {place} will {verb} a {adjective} {noun}",
    "however, every {adjective} {noun} should {verb} in the {place}",
    "the {place} is {adjective}, because a {noun} did {verb} there",
)


@dataclass(frozen=True)
class ProseWorld:
    """Words of one made-up language, the same for every seed of texts.

    Attributes:
        words: kind -> words, the most frequent first.
    """

    words: dict[str, list[str]]
    weights: dict[str, list[float]]


def prose_world(seed: int = 0) -> ProseWorld:
    """A made-up language."""
    source = random.Random(f"prose-{seed}")  # noqa: S311  # texts are no secret
    syllables = [one + two for one, two in product(_ONSETS, _VOWELS)]
    every = sorted({one + two + three for one, two, three in product(syllables, syllables, _ONSETS)})
    source.shuffle(every)
    words, weights = {}, {}
    for kind, count in KINDS.items():
        words[kind], every = every[:count], every[count:]
        weights[kind] = list(accumulate(1 / (place + 3) for place in range(count)))
    return ProseWorld(words, weights)


def prose_pairs(world: ProseWorld, count: int, seed: int, *, subject: int = 0, sentences: int = 4) -> list[TextPair]:
    """Requests for a text on a noun, with one text each.

    Args:
        subject: nouns of which the requests ask: the tenth of all nouns with this number, 0 to 9.
    """
    source = random.Random(f"pairs-{seed}-{subject}")  # noqa: S311  # texts are no secret
    nouns = world.words["noun"][subject % 10 :: 10]
    pairs = []
    for _ in range(count):
        noun, place = source.choice(nouns), source.choice(world.words["place"])
        text = ". ".join(_sentence(world, source, noun) for _ in range(sentences)) + "."
        pairs.append(TextPair(f"write about the {noun} of the {place}", text))
    return pairs


def _sentence(world: ProseWorld, source: random.Random, noun: str) -> str:
    parts = source.choice(SENTENCE_FORMS).split("{")
    text = parts[0]
    for part in parts[1:]:
        kind, rest = part.split("}")
        if kind == "noun" and source.random() < 0.3:  # the subject comes back
            word = noun
        else:
            word = source.choices(world.words[kind], cum_weights=world.weights[kind])[0]
        text += word + rest
    return text
