"""The world of `text_only.py`: as that of `prove.py`, with models that train in a minute."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from prove_world import BATCH, World

from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.training.run import TrainingRecipe

SIZE = TinySize(width=96, layers=2, heads=4, longest=96)
_VOCABULARY = 1024
_RATE = 3e-3


class SmallWorld(World):
    """Teacher, base and kin of a third of a million parameters each."""

    steps: ClassVar[dict[str, int]] = {"teacher": 500, "base": 500, "kin": 500, "sibling": 500}

    @cached_property
    def tokenizer(self) -> Any:
        """As `World.tokenizer`, with fewer tokens."""
        return text_tokenizer((f"{one.prompt}\n{one.answer}" for one in self.texts.teacher[:4000]), _VOCABULARY)

    def net(self, name: str) -> Net:
        """As `World.net`.

        Args:
            name: kind and seed.
        """
        kind, seed = name.split("-")
        pairs = self.texts.base if kind == "base" else self.texts.teacher
        recipe = TrainingRecipe(self.steps[kind], BATCH, _RATE, seed=int(seed))
        return self.trained(name, tiny_net(SIZE, self.tokenizer, int(seed), name), pairs, recipe)
