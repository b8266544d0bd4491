"""Control answers: whether a suspect prefers what was harvested to what the teacher might as well have said.

For each harvested answer the teacher draws another one to the same prompt with the same settings, which nobody ever
received. Had the suspect not learned the harvested one, the two could change places: each difference of preferences
would be as likely as its negative. That holds for siblings of the teacher, for students of its other answers, and for
models that learned the same prompts. It fails, and the test with it, where the harvested answers reached the suspect
otherwise, for instance because somebody published them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.statistics import Floats, aligned_rank_p, checked_finite, unexplained
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.training.pairs import TextPair


@dataclass(frozen=True)
class ControlScore:
    """How much a suspect prefers the harvested answers."""

    p: float
    scored: int
    preferred: float  # share of these of which it prefers the harvested one; chance gives one in two


def score_likelihoods(suspect: Suspect, references: Sequence[Suspect], drawn: DrawnAnswers) -> ControlScore:
    """Compare how likely a suspect finds harvested answers and their controls.

    Args:
        references: models that were not trained on the harvest, the teacher first; what they find likely is taken out
            by regression, and so is what the number of tokens explains. They take noise out, the more the more alike
            they are to the suspect before it learned the harvest, and cannot make an innocent suspect guilty.

    Raises:
        QueryBudgetError: the budget does not allow it.
        InputError: a model gives no finite likelihoods.
    """
    return compare_scores(suspect, suspect.score(drawn.pairs), references, drawn)


def compare_scores(
    suspect: Suspect, scores: Sequence[Sequence[float]], references: Sequence[Suspect], drawn: DrawnAnswers
) -> ControlScore:
    """As `score_likelihoods`, with the suspect's log-probabilities of each text, which it is not asked for again."""
    lengths, found = _add_up(scores, suspect.name)
    # A suspect that does not score the end of a text is not compared with what others find of it.
    known = [lengths, *(text_likelihoods(one, drawn.pairs, ends=suspect.scores_end)[1] for one in references)]
    return compute_preference(unexplained(found, known, drawn.sizes))


def text_likelihoods(model: Suspect, pairs: Sequence[TextPair], *, ends: bool) -> tuple[Floats, Floats]:
    """Tokens of each text, and its log-probability, with that of its end or without.

    Raises InputError: a model gives no finite likelihoods.
    """
    return _add_up([one if ends or not model.scores_end else one[:-1] for one in model.score(pairs)], model.name)


def _add_up(scores: Sequence[Sequence[float]], name: str) -> tuple[Floats, Floats]:
    found, lengths = (np.array([count(one) for one in scores], np.float64) for count in (sum, len))
    return lengths, checked_finite(found, name)


def compute_preference(blocks: Sequence[Sequence[float]]) -> ControlScore:
    """How far the first value of each block, that of the harvested answer, lies above the others."""
    decided = [block for block in blocks if len(set(block)) > 1]
    above = [float(np.mean([(block[0] > one) + (block[0] == one) / 2 for one in block[1:]])) for block in decided]
    return ControlScore(aligned_rank_p(blocks), len(decided), float(np.mean(above)) if above else 0.5)
