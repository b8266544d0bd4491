"""The surrogate of a suspect that gives text alone: a model of one's own that learned the suspect's replies.

The suspect is asked for many replies to the harvested prompts; a model that one owns learns these, and nothing else.
It then finds likely what the suspect would. Neither the harvested answer nor its controls are among what it learns, and
it is not told which is which: if the suspect did not learn the harvest, they can still change places, and the p-value
is as exact as with the suspect's own likelihoods.
"""

import copy
from collections.abc import Sequence

import numpy as np

from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.own_models import tuned_recipe
from stillhunt_model.proof.preferred_answers import ControlScore, compute_preference, text_likelihoods
from stillhunt_model.proof.statistics import Floats, unexplained
from stillhunt_model.proof.suspects import LocalSuspect
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import train


def score_with_replies(
    replies: Sequence[TextPair], drawn: DrawnAnswers, teacher: Net, bases: Sequence[Net], seed: int
) -> ControlScore:
    """Compare how likely surrogates find harvested answers and their controls.

    What a base found before it learned, what the teacher finds, and the number of tokens are taken out by regression.
    Of several bases, what is left counts in units of its standard deviation, and is added up.

    Args:
        replies: of the suspect, to the prompts of the answers.
        bases: models from which surrogates start; none is changed.

    Raises:
        InputError: a model gives no finite likelihoods.
    """
    if not replies:
        return ControlScore(1.0, 0, 0.5)
    learned = [learn_preferences(replies, drawn, teacher, base, seed) for base in bases]
    total = np.sum([values / (values.std() or 1.0) for values in learned], axis=0)
    return compute_preference([part.tolist() for part in np.split(total, np.cumsum(drawn.sizes)[:-1])])


def learn_preferences(replies: Sequence[TextPair], drawn: DrawnAnswers, teacher: Net, base: Net, seed: int) -> Floats:
    """What a surrogate finds of each text that nothing else explains, in nats; arguments as of `score_with_replies`."""
    surrogate = Net(copy.deepcopy(base.model).float(), base.tokenizer, base.name)
    train(surrogate, replies, tuned_recipe(len(replies), base, seed))
    lengths, before = text_likelihoods(_as_own_suspect(base), drawn.pairs, ends=False)
    known = [lengths, before, _score_texts(teacher, drawn)]
    left = unexplained(_score_texts(surrogate, drawn), known, drawn.sizes)
    return np.concatenate([np.asarray(one) for one in left])


def _score_texts(net: Net, drawn: DrawnAnswers) -> Floats:
    return text_likelihoods(_as_own_suspect(net), drawn.pairs, ends=False)[1]


def _as_own_suspect(net: Net) -> LocalSuspect:
    return LocalSuspect(net, "", QueryBudget.without_end())
