"""The scene: what all parts of one world under construction share."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.network import AddressBook
from stillhunt_lab.second_worlds.records import StringTable
from stillhunt_lab.second_worlds.spec import START, SecondSpec, open_stream
from stillhunt_lab.second_worlds.texts import Language, ModelTexts, RealTexts, TextSource, build_languages
from stillhunt_lab.second_worlds.wording import InstructionGrammars

MODELS = ("tern-mini", "tern-one", "tern-grand")
CHANNELS = ("api", "app", "batch", "nimbus-cloud", "harbour-cloud", "router")


@dataclass
class Scene:
    """A world under construction.

    `public_templates`: templates of public collections: string codes of the words before and after an item, shape
    (templates, 2).
    """

    spec: SecondSpec
    languages: tuple[Language, ...]
    texts: TextSource
    network: AddressBook
    wording: InstructionGrammars
    strings: StringTable
    public_templates: Array

    @property
    def end(self) -> int:
        """End of the log, microseconds."""
        return START + self.spec.days * DAY

    def stream(self, name: str) -> np.random.Generator:
        """Random numbers of a named part."""
        return open_stream(self.spec.seed, name)

    def fixed_template(self, rng: np.random.Generator, trade: str) -> tuple[int, int]:
        """A new template with its wording settled.

        Returns codes of the text before and behind; -1 = none.
        """
        before, after = self.wording.fix(rng, self.wording.outline(rng, trade))
        return self.strings.put(before), self.strings.put(after) if after else -1


def open_scene(spec: SecondSpec) -> Scene:
    """Prepare a world: languages, texts, network, public templates.

    Raises InputError: the file of real texts cannot be used.
    """
    languages, model = _build_languages_and_model(spec.seed)
    texts: TextSource = model if spec.texts is None else RealTexts(spec.texts, spec.seed)
    scene = Scene(
        spec,
        languages,
        texts,
        AddressBook(spec.seed),
        InstructionGrammars(languages),
        StringTable(),
        np.zeros((0, 2), np.int64),
    )
    rng = scene.stream("public templates")
    trades = scene.wording.trades
    scene.public_templates = np.array([scene.fixed_template(rng, trades[k % len(trades)]) for k in range(18)], np.int64)
    return scene


@lru_cache(maxsize=2)
def _build_languages_and_model(seed: int) -> tuple[tuple[Language, ...], ModelTexts]:
    """Languages and text model of a seed; neither changes once built, and worlds of one seed often come in a row."""
    languages = build_languages(seed)
    return languages, ModelTexts(seed, languages)
