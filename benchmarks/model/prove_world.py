"""The models and texts on which `prove` is measured: a teacher, its siblings, a base model, and what is harvested.

Texts are real ones, read in place (`STILLHUNT_TEXTS` names the Parquet file); without it, prose of a grammar. A prompt
is the beginning of a text, an answer how it goes on. Models and harvests are kept in a folder, so that a run that
ended goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import torch
from prose import prose_pairs, prose_world

from stillhunt_model.marks.gate import Gate, gate_of
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.marks.keys import GROUP_LAYER
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.marks.standing import Layer
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

SOURCES = ("p3_t0_templated", "alpaca_cot_flan", "sharegpt_user", "sharegpt_replies_sample")
VOCABULARY = 2048
PROMPT_WORDS, ANSWER_WORDS = 8, 32
CAMPAIGNS, ASKED = 10, 100
"""Campaigns that are tried, and prompts of each."""
CONTROLS = 9
"""Control answers to each prompt."""
TEMPERATURE, ANSWER_TOKENS = 0.8, 48
TEACHER = TinySize(width=160, layers=4, heads=4, longest=96)
STUDENT = TinySize(width=128, layers=4, heads=4, longest=96)
STEPS = {"teacher": 700, "sibling": 700, "base": 400, "kin": 400}
BATCH = 32
SCHEMES: dict[str, Layer] = {"standing": GROUP_LAYER}
_NOT_PLAIN = re.compile(r"[^a-z,. ]+")


@dataclass(frozen=True)
class Texts:
    """Pairs in parts that have nothing in common.

    Attributes:
        teacher: what the teacher and its siblings learned.
        base: what the base model of students learned.
        own: what thieves and innocents have of their own.
        asked: what campaigns ask.
    """

    teacher: list[TextPair]
    base: list[TextPair]
    own: list[TextPair]
    asked: list[TextPair]


@dataclass(frozen=True)
class World:
    """Everything that cells share.

    Attributes:
        folder: where models and harvests are kept.
    """

    folder: Path
    steps: ClassVar[dict[str, int]] = STEPS
    """Kind of model -> steps of its training."""

    @cached_property
    def texts(self) -> Texts:
        """Texts in parts."""
        path = os.environ.get("STILLHUNT_TEXTS", "")
        pairs = _real_pairs(Path(path)) if path else prose_pairs(prose_world(), 50_000, 0, sentences=6)
        return Texts(pairs[:17_000], pairs[17_000:25_000], pairs[25_000:40_000], pairs[40_000:])

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of all models, learned from the teacher's texts."""
        return text_tokenizer((f"{one.prompt}\n{one.answer}" for one in self.texts.teacher[:8000]), VOCABULARY)

    @cached_property
    def gate(self) -> Gate:
        """The gate of the teacher's marks."""
        return gate_of(self.tokenizer)

    @cached_property
    def synonyms(self) -> dict[str, list[str]]:
        """Word -> the three most alike ones, by the vectors of the package `wordllama`."""
        from wordllama import WordLlama

        counts = Counter(word for one in self.texts.teacher for word in one.answer.split() if word.isalpha())
        words = [word for word, _ in counts.most_common(4000) if len(word) > 2]
        package = Path(str(find_spec("wordllama").submodule_search_locations[0]))  # type: ignore[union-attr, index]  # it is installed
        vectors = WordLlama.load(cache_dir=package, disable_download=True).embed(words, norm=True)
        alike = vectors @ vectors.T
        np.fill_diagonal(alike, -1)
        nearest = np.argsort(-alike, axis=1, kind="stable")[:, :3]
        return {word: [words[one] for one in row] for word, row in zip(words, nearest, strict=True)}

    def net(self, name: str) -> Net:
        """A model that is trained once and kept: `teacher-0`, `sibling-N`, `base-N` or `kin-N`; a fresh copy each time.

        Kin of the suspect have its size and the teacher's texts: whoever has the teacher can make one.

        Args:
            name: kind and seed.
        """
        kind, seed = name.split("-")
        size = STUDENT if kind in ("base", "kin") else TEACHER
        net = tiny_net(size, self.tokenizer, int(seed), name)
        pairs = self.texts.base if kind == "base" else self.texts.teacher
        return self.trained(name, net, pairs, TrainingRecipe(self.steps[kind], BATCH, seed=int(seed)))

    def trained(self, name: str, net: Net, pairs: list[TextPair], recipe: TrainingRecipe) -> Net:
        """A model that is trained once and kept.

        Args:
            name: of its file.
            net: model as it begins; it is changed.
            pairs: what it learns.
            recipe: how.
        """
        path = self.folder / f"{name}.pt"
        if path.exists():
            net.model.load_state_dict(torch.load(path, weights_only=True))
            return net
        done = train(net, pairs, recipe)
        print(f"{name}: {net.parameters:,} parameters, loss {done.loss:.3f}, {done.seconds:.0f} s", flush=True)
        torch.save(net.model.state_dict(), path)
        return net

    def prompts(self, campaign: int) -> list[str]:
        """What a campaign asks.

        Args:
            campaign: its number.
        """
        return [one.prompt for one in self.texts.asked[campaign * ASKED : (campaign + 1) * ASKED]]

    def harvest(self, campaign: int, scheme: str, draw: str = "harvested", teacher: str = "teacher-0") -> list[str]:
        """The teacher's answers to a campaign, kept in the folder.

        Args:
            campaign: its number.
            scheme: `standing` or `none`.
            draw: `harvested`, or another name for the same drawn again, which the campaign did not receive.
            teacher: who answers.
        """
        return self._drawn(campaign, scheme, draw, teacher, 1)[0]

    def controls(self, campaign: int, scheme: str) -> list[list[str]]:
        """Control answers, kept in the folder: `CONTROLS` draws under the same key, each with one to every prompt.

        Args:
            campaign: its number.
            scheme: of the harvest.
        """
        return self._drawn(campaign, scheme, "control", "teacher-0", CONTROLS)

    def _drawn(self, campaign: int, scheme: str, draw: str, teacher: str, times: int) -> list[list[str]]:
        path = self.folder / f"answers-{teacher}-{campaign}-{scheme}-{draw}.json"
        if path.exists():
            return list(json.loads(path.read_text()))
        key = self.key(campaign, scheme)
        processors = []
        if scheme in SCHEMES:
            processors = [StandingProcessor([[key]], [SCHEMES[scheme]], self.gate, TEMPERATURE)]
        seed = int.from_bytes(hashlib.blake2b(path.name.encode(), digest_size=4).digest(), "big")
        sampling = Sampling(ANSWER_TOKENS, TEMPERATURE, seed=seed, processors=processors)
        answers = generate(self.net(teacher), self.prompts(campaign) * times, sampling)
        parts = [answers[first : first + ASKED] for first in range(0, len(answers), ASKED)]
        path.write_text(json.dumps(parts))
        return parts

    def key(self, campaign: int, scheme: str) -> bytes:
        """The key of a campaign's mark.

        Args:
            campaign: its number.
            scheme: of the mark.
        """
        secret = hashlib.blake2b(f"secret-{campaign}".encode(), digest_size=32).digest()
        return mark_key(secret, f"campaign-{campaign}", scheme)

    def answers(self, campaign: int, scheme: str) -> list[HarvestedAnswer]:
        """The harvested answers as `prove` takes them.

        Args:
            campaign: its number.
            scheme: of its mark.
        """
        texts = zip(self.prompts(campaign), self.harvest(campaign, scheme), strict=True)
        return [
            HarvestedAnswer(f"{campaign}-{place}", prompt, text, temperature=TEMPERATURE, max_tokens=ANSWER_TOKENS)
            for place, (prompt, text) in enumerate(texts)
        ]


def _real_pairs(path: Path) -> list[TextPair]:
    """Pairs in the order of shuffled texts, so that those of one text stay in one part."""
    table = pq.read_table(path, columns=["source", "text"])
    texts = sorted({text for source, text in zip(*table.to_pydict().values(), strict=True) if source in SOURCES})
    random.Random(0).shuffle(texts)  # noqa: S311  # texts are no secret
    found: dict[str, TextPair] = {}
    for text in texts:
        if sum(sign.isascii() for sign in text) < 0.98 * len(text):
            continue
        # Marks act on plain lower-case words alone; with capitals and digits a tiny teacher would leave them no room.
        words = _NOT_PLAIN.sub(" ", text.lower()).split()
        for first in range(0, min(len(words), 8 * (PROMPT_WORDS + ANSWER_WORDS)), PROMPT_WORDS + ANSWER_WORDS):
            prompt = words[first : first + PROMPT_WORDS]
            answer = words[first + PROMPT_WORDS : first + PROMPT_WORDS + ANSWER_WORDS]
            if len(answer) >= ANSWER_WORDS // 2:
                found.setdefault(" ".join(prompt), TextPair(" ".join(prompt), " ".join(answer)))
    return list(found.values())
