"""The surrogate of a suspect that gives text alone: a model of one's own that learned the suspect's replies.

The suspect is asked for many replies to the harvested prompts; a model that one owns learns these, and nothing else.
It then finds likely what the suspect would. Neither the harvested answer nor its controls are among what it learns, and
it is not told which is which: if the suspect did not learn the harvest, they can still change places, and the p-value
is as exact as with the suspect's own likelihoods.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stillhunt_model.data_files import read_data
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.own_models import tuned_recipe
from stillhunt_model.proof.preferred_answers import ControlScore, compute_preference, text_likelihoods
from stillhunt_model.proof.proving import ProofContext
from stillhunt_model.proof.replies import collect_replies
from stillhunt_model.proof.statistics import Floats, unexplained
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import train

_SAID: dict[str, str] = read_data("proof")["controls"]


def score_surrogate(suspect: Suspect, drawn: DrawnAnswers, each: int, context: ProofContext) -> ControlScore:
    """Compare how likely surrogates find harvested answers and their controls.

    Args:
        each: replies to each prompt.
        context: surrogates start from its references, or from the teacher where it has none.

    Raises:
        RepliesStoppedError: asking stopped; what arrived is kept.
        InputError: a model gives no finite likelihoods.

    Returns:
        The score of answers to whose prompts there were replies of the model's own; its note counts the others.
    """
    longest = max(len(ids) for ids in plain_ids(context.teacher, [one.answer for one in drawn.answers]))
    asked = [(one.prompt, each) for one in drawn.answers]
    with context.progress.stage(f"asking {suspect.name}", len(asked) * each, "replies") as advance:
        replies = collect_replies(suspect, asked, longest, context.replies, advance)
    bases = [one.net for one in context.references] or [context.teacher]
    heard = [place for place, one in enumerate(drawn.answers) if one.prompt in replies.prompts]
    drawn = DrawnAnswers([drawn.answers[one] for one in heard], [drawn.controls[one] for one in heard])
    found = score_with_replies(replies.pairs, drawn, context.teacher, bases, context.seed)
    if not replies.empty + replies.canned:
        return found
    note = _SAID["unsaid"].format(empty=replies.empty, canned=replies.canned, asked=len(asked) * each)
    if unheard := len(asked) - len(heard):
        note += _SAID["unheard"].format(unheard=unheard)
    return replace(found, note=note)


def score_with_replies(
    replies: Sequence[TextPair], drawn: DrawnAnswers, teacher: Net, bases: Sequence[Net], seed: int
) -> ControlScore:
    """As `score_surrogate`, with replies that there are.

    What a base found before it learned, what the teacher finds, and the number of tokens are taken out by regression.
    Of several bases, what is left counts in units of its standard deviation, and is added up.

    Args:
        bases: models from which surrogates start; none is changed.
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
