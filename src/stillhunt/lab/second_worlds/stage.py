"""What all parts of one world have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stillhunt.lab.second_worlds.ledger import Array, Shelf
from stillhunt.lab.second_worlds.network import Network
from stillhunt.lab.second_worlds.spec import DAY, START, SecondSpec, open_stream
from stillhunt.lab.second_worlds.texts import ModelTexts, RealTexts, TextSource
from stillhunt.lab.second_worlds.tongues import Tongue, learn_tongues
from stillhunt.lab.second_worlds.wording import Wording

MODELS = ("tern-mini", "tern-one", "tern-grand")
CHANNELS = ("api", "app", "batch", "nimbus-cloud", "harbour-cloud", "router")


@dataclass
class Stage:
    """A world in the making.

    Args:
        spec: what is built.
        tongues: languages.
        texts: where items come from.
        network: addresses.
        wording: instruction grammars.
        shelf: ready strings.
        public: templates of the public collections, as codes of the texts before and behind, shape (templates, 2).
    """

    spec: SecondSpec
    tongues: tuple[Tongue, ...]
    texts: TextSource
    network: Network
    wording: Wording
    shelf: Shelf
    public: Array

    @property
    def end(self) -> int:
        """End of the log, microseconds."""
        return START + self.spec.days * DAY

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of a named part."""
        return open_stream(self.spec.seed, name)

    def fixed_template(self, rng: np.random.Generator, trade: str) -> tuple[int, int]:
        """A new template with its wording settled.

        Args:
            rng: generator.
            trade: one of the wording's trades.

        Returns:
            Codes of the text before and behind; -1 = none.
        """
        before, after = self.wording.fix(rng, self.wording.outline(rng, trade))
        return self.shelf.put(before), self.shelf.put(after) if after else -1


def open_stage(spec: SecondSpec) -> Stage:
    """Prepare a world: languages, texts, network, public templates.

    Args:
        spec: what to build.

    Raises:
        InputError: the file of real texts cannot be used.
    """
    tongues, model = _learn(spec.seed)
    texts: TextSource = model if spec.texts is None else RealTexts(spec.texts, spec.seed)
    stage = Stage(spec, tongues, texts, Network(spec.seed), Wording(tongues), Shelf(), np.zeros((0, 2), np.int64))
    rng = stage.stream("public templates")
    trades = stage.wording.trades
    stage.public = np.array([stage.fixed_template(rng, trades[k % len(trades)]) for k in range(18)], np.int64)
    return stage


@lru_cache(maxsize=2)
def _learn(seed: int) -> tuple[tuple[Tongue, ...], ModelTexts]:
    """Languages and text model of a seed; neither changes once built, and worlds of one seed often come in a row."""
    tongues = learn_tongues(seed)
    return tongues, ModelTexts(seed, tongues)
