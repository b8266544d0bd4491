"""What a suspect said of logged answers and their controls: likelihoods, or replies to their prompts.

A filter of an endpoint may refuse some. What is left is known before anything is scored, so that as little of the
harvest is compared as of the honest answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt_model.data_files import read_data
from stillhunt_model.nets.net import plain_ids
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.preferred_answers import ControlScore, compare_scores
from stillhunt_model.proof.proving import ProofContext
from stillhunt_model.proof.replies import collect_replies, collect_scores
from stillhunt_model.proof.surrogate import score_with_replies
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.training.pairs import TextPair

_SAID: dict[str, str] = read_data("proof")["controls"]


@dataclass(frozen=True)
class HeardAnswers:
    """Answers of which a suspect said something."""

    drawn: DrawnAnswers
    scores: Sequence[Sequence[float]] = ()  # log-probabilities of each text; empty where it gives text alone
    replies: Sequence[TextPair] = ()  # to the prompts, where it gives text alone
    note: str = ""  # what counts neither for nor against; empty for nothing

    def first(self, count: int) -> "HeardAnswers":
        """Only so many of them, with what was said of these."""
        drawn = DrawnAnswers(self.drawn.answers[:count], self.drawn.controls[:count])
        prompts = {one.prompt for one in drawn.answers}
        replies = [one for one in self.replies if one.prompt in prompts]
        return HeardAnswers(drawn, self.scores[: sum(drawn.sizes)], replies, self.note)


def hear_scores(suspect: Suspect, drawn: DrawnAnswers, context: ProofContext) -> HeardAnswers:
    """Ask how likely a suspect finds each text.

    Raises:
        RepliesStoppedError: asking stopped; what arrived is kept.
    """
    if isinstance(suspect, LocalSuspect):
        return HeardAnswers(drawn, suspect.score(drawn.pairs))
    scores = iter(collect_scores(suspect, drawn.pairs, context.replies))
    blocks = [[next(scores) for _ in range(size)] for size in drawn.sizes]
    # Whether the logged text or a control was refused has nothing to do with which of them was harvested.
    places = [place for place, block in enumerate(blocks) if block[0] and any(block[1:])]
    controls = [
        [text for text, score in zip(drawn.controls[place], blocks[place][1:], strict=True) if score]
        for place in places
    ]
    heard = DrawnAnswers([drawn.answers[place] for place in places], controls)
    refused = sum(not score for block in blocks for score in block)
    note = _SAID["filtered"].format(refused=refused, asked=sum(drawn.sizes)) if refused else ""
    return HeardAnswers(heard, [score for place in places for score in blocks[place] if score], note=note)


def hear_replies(suspect: Suspect, drawn: DrawnAnswers, each: int, context: ProofContext) -> HeardAnswers:
    """Ask a suspect that gives text alone for so many replies to each prompt.

    Raises:
        RepliesStoppedError: asking stopped; what arrived is kept.
    """
    longest = max(len(ids) for ids in plain_ids(context.teacher, [one.answer for one in drawn.answers]))
    asked = [(one.prompt, each) for one in drawn.answers]
    with context.progress.stage(f"asking {suspect.name}", len(asked) * each, "replies") as advance:
        replies = collect_replies(suspect, asked, longest, context.replies, advance)
    heard = [place for place, one in enumerate(drawn.answers) if one.prompt in replies.prompts]
    note = ""
    if replies.empty + replies.canned:
        note = _SAID["unsaid"].format(empty=replies.empty, canned=replies.canned, asked=len(asked) * each)
    if unheard := len(asked) - len(heard):
        note += _SAID["unheard"].format(unheard=unheard)
    drawn = DrawnAnswers([drawn.answers[one] for one in heard], [drawn.controls[one] for one in heard])
    return HeardAnswers(drawn, replies=replies.pairs, note=note)


def score_heard(heard: HeardAnswers, suspect: Suspect, context: ProofContext) -> ControlScore:
    """Compare what a suspect said of harvested answers and of their controls.

    `context`: surrogates start from its references, or from the teacher where it has none. Raises InputError: a model
    gives no finite likelihoods.
    """
    if not heard.drawn.answers:
        return ControlScore(1.0, 0, 0.5)
    if heard.scores:
        return compare_scores(suspect, heard.scores, context.compared_with, heard.drawn)
    bases = [one.net for one in context.references] or [context.teacher]
    return score_with_replies(heard.replies, heard.drawn, context.teacher, bases, context.seed)
