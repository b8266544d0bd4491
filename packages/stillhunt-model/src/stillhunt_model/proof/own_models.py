"""Models of one's own that a proof trains: what stands for a teacher without weights, references, and their recipes.

Where a teacher's weights are not here, what reads the texts in its place is a small model that learned all draws to all
prompts, the logged ones among them, in an order that does not tell them apart: had a draw and a logged answer changed
places, it would be the same model, so that the null hypothesis stays exact. It sees less than the teacher would of
logged answers that are no draws of it.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

EPOCHS = 2
"""How often a model of one's own sees a text."""
_BATCH, _LEAST_STEPS = 32, 20
_RATE, _RATE_PARAMETERS = 1.5e-3, 1e6
"""Learning rate of a model of a million parameters; of larger ones it falls with the root of their number, which
gives 1e-4 at 135 million, as such models are tuned (judgement)."""
_SMALL = TinySize(width=96, layers=2, heads=4, longest=512)
_VOCABULARY, _SMALL_RATE = 1024, 3e-3
"""Size, tokens and rate of the small models of `benchmarks/model/text_only.py`."""


def tuned_recipe(texts: int, net: Net, seed: int) -> TrainingRecipe:
    """How a model that has learned already goes on to learn so many texts."""
    return _plan_training(texts, _RATE * min(1.0, math.sqrt(_RATE_PARAMETERS / net.parameters)), seed)


def unread_teacher(name: str) -> Net:
    """What stands for a teacher without weights until its draws are there: a model that has learned nothing."""
    return tiny_net(_SMALL, byte_tokenizer(), 0, name)


def learn_reader(parts: Sequence[DrawnAnswers], name: str, seed: int) -> Net:
    """A small model that learned all draws, logged or not, each text to a prompt once.

    Args:
        parts: answers with their control answers; nothing that is learned depends on which is which.
        name: of the teacher for which it stands.
        seed: of its weights and the order in which it learns.
    """
    pairs = sorted({pair for part in parts for pair in part.pairs}, key=lambda one: (one.prompt, one.answer))
    return _learn_small_model(pairs, name, seed)


def learn_reference(texts: Sequence[TextPair], base: Path | None, seed: int) -> Net:
    """A model that learned texts of one's own, none of which is compared.

    Args:
        texts: prompts with answers.
        base: model folder or GGUF file from which it starts; None for a small one from nothing.
        seed: of its weights and the order in which it learns.

    Raises:
        InputError: the base cannot be opened.
    """
    if base is None:
        return _learn_small_model(texts, "reference", seed)
    net = load_net(base, "reference")
    train(net, texts, tuned_recipe(len(texts), net, seed))
    return net


def _learn_small_model(pairs: Sequence[TextPair], name: str, seed: int) -> Net:
    tokenizer = text_tokenizer((f"{one.prompt}\n{one.answer}" for one in pairs), _VOCABULARY)
    net = tiny_net(_SMALL, tokenizer, seed, name)
    train(net, pairs, _plan_training(len(pairs), _SMALL_RATE, seed))
    return net


def _plan_training(texts: int, rate: float, seed: int) -> TrainingRecipe:
    return TrainingRecipe(max(_LEAST_STEPS, EPOCHS * texts // _BATCH), _BATCH, rate, seed)
