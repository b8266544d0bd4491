"""The models and texts on which canaries are measured: real texts with capitals and commas, as wordings need them.

A harvested answer is an excerpt of a real text around a wording, and what stands before it is the prompt. Texts are
read in place (`STILLHUNT_TEXTS` names the Parquet file). Models of the world are those of `prove_world.py`, trained on
these texts; they and the models of cells are kept in a folder, so that another way to ask them trains nothing.
"""

from __future__ import annotations

import json
import os
import random
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
from prove_cells import PARAPHRASED
from prove_world import SOURCES, Texts, World

from stillhunt_model.marks.canaries import RETIRED, WORDINGS, canary_choices, canary_text
from stillhunt_model.nets.tiny import text_tokenizer
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.pairs import TextPair

VOCABULARY = 4096
PROMPT_WORDS, BEFORE, AFTER = 8, 18, 22
"""Words of a prompt, and of an answer before a wording and from it on."""
WORDS = PROMPT_WORDS + BEFORE + AFTER
SHIFT = 487
"""Answers between those of two models (judgement: the parts of all models differ)."""
TAUGHT, BASIC = 14_000, 6_000
"""Pairs that the teacher and the base model learned."""


@dataclass(frozen=True)
class CampaignPart:
    """A campaign, and what a model learned of it.

    Attributes:
        kind: what.
        answers: that the campaign got.
        paraphrase: share of their words that the thief exchanged.
    """

    kind: str
    answers: int
    paraphrase: float = 0.0


THIEF, PLAIN, OTHER_KEY, NOTHING = "thief", "same texts without canaries", "same texts with another key", "other texts"
PARTS = (
    *(CampaignPart(THIEF, answers) for answers in (400, 200, 100, 40, 20)),
    CampaignPart(THIEF, 100, PARAPHRASED),
    CampaignPart(PLAIN, 100),
    CampaignPart(OTHER_KEY, 100),
    CampaignPart(NOTHING, 100),
    CampaignPart(NOTHING, 100),
)
"""Ten campaigns of each model, none of whose texts is in two."""
_CHUNKS = 8
"""Excerpts of one text."""
_WORDING = re.compile(
    r"(?<![\w'’-])(?:"
    + "|".join(re.escape(one) for both in WORDINGS if both[0] not in RETIRED for one in both)
    + r")(?![\w'’-])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CanaryWorld(World):
    """As `World`, on texts in their own case and punctuation."""

    steps: ClassVar[dict[str, int]] = {"teacher": 200, "base": 400, "kin": 200}

    @cached_property
    def texts(self) -> Texts:
        """Texts in parts; what campaigns ask has a wording in each answer, the other parts as many as it happens."""
        path = self.folder / "texts.json"
        if not path.exists():
            path.write_text(json.dumps(_cut(Path(os.environ["STILLHUNT_TEXTS"]))))
        plain, asked = ([TextPair(*one) for one in part] for part in json.loads(path.read_text()))
        return Texts(plain[:TAUGHT], plain[TAUGHT : TAUGHT + BASIC], plain[TAUGHT + BASIC :], asked)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokenizer of all models, learned from the teacher's texts."""
        return text_tokenizer((f"{one.prompt}\n{one.answer}" for one in self.texts.teacher[:8000]), VOCABULARY)

    def asked(self, seed: int, part: int) -> list[TextPair]:
        """What a campaign of a model asks, with the answers as they were before canaries.

        Args:
            seed: of the model; another one has other texts, or the same ones in another part.
            part: place in `PARTS`.
        """
        texts = self.texts.asked
        first = seed * SHIFT + sum(one.answers for one in PARTS[:part])
        return [texts[(first + place) % len(texts)] for place in range(PARTS[part].answers)]

    def harvested(self, seed: int, part: int, *, other_key: bool = False) -> list[HarvestedAnswer]:
        """The answers of a campaign with canaries.

        Args:
            seed: of the model.
            part: place in `PARTS`.
            other_key: whether they have those of another key than that of the campaign.
        """
        key = self.key_of(seed, part, other_key=other_key)
        return [
            HarvestedAnswer(f"{seed}-{part}-{place:04d}", one.prompt, canary_text(key, one.answer)[0])
            for place, one in enumerate(self.asked(seed, part))
        ]

    def key_of(self, seed: int, part: int, *, other_key: bool = False) -> bytes:
        """The key of a campaign's canaries; every campaign has one of its own.

        Args:
            seed: of the model.
            part: place in `PARTS`.
            other_key: whether that of another campaign is meant.
        """
        return self.key(2 * (seed * len(PARTS) + part) + other_key, "canary")


def _cut(path: Path) -> list[list[tuple[str, str]]]:
    """Plain pairs of the first part of the texts, and pairs around wordings of the rest."""
    table = pq.read_table(path, columns=["source", "text"])
    rows = zip(*table.to_pydict().values(), strict=True)
    texts = sorted({text for source, text in rows if source in SOURCES or _WORDING.search(text)})
    random.Random(0).shuffle(texts)  # noqa: S311  # texts are no secret
    plain: dict[str, str] = {}
    asked: dict[str, str] = {}
    for place, text in enumerate(texts):
        if sum(sign.isascii() for sign in text) < 0.98 * len(text):
            continue
        words = text.split()
        if place < len(texts) * 0.4:
            for first in range(0, min(len(words), _CHUNKS * WORDS), WORDS):
                answer = words[first + PROMPT_WORDS : first + WORDS]
                if len(answer) >= (WORDS - PROMPT_WORDS) // 2:
                    plain.setdefault(" ".join(words[first : first + PROMPT_WORDS]), " ".join(answer))
        else:
            for prompt, answer in _around_wordings(" ".join(words)):
                asked.setdefault(prompt, answer)
    return [list(plain.items()), list(asked.items())]


def _around_wordings(text: str) -> list[tuple[str, str]]:
    """Excerpts that do not overlap, each with a wording that can be exchanged."""
    found: list[tuple[str, str]] = []
    done = 0
    for wording in _WORDING.finditer(text):
        before = text[done : wording.start()].split()[-PROMPT_WORDS - BEFORE :]
        if len(before) < PROMPT_WORDS + 4 or len(found) == _CHUNKS:
            continue
        after = text[wording.start() :].split(maxsplit=AFTER)[:AFTER]
        answer = " ".join(before[PROMPT_WORDS:] + after)
        if canary_choices(answer):
            found.append((" ".join(before[:PROMPT_WORDS]), answer))
            done = wording.start() + len(" ".join(after))
    return found
