"""Canaries: whether a suspect makes the keyed choices between two wordings that the harvested answers have.

A harvested answer is begun up to a place where the key chose a wording, and the suspect goes on. The p-value rests on
the secrecy and chance of the key alone. Each pair of wordings counts once for each word before it, however often it
was asked, and not where the question showed it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt.model.marks.canaries import CanaryChoice, canary_bit, canary_choices, shown_choices, with_wording
from stillhunt.model.proof.aligned_ranks import aligned_rank_p
from stillhunt.model.proof.suspects import Suspect
from stillhunt.model.tasks.harvest_texts import HarvestedAnswer
from stillhunt.model.training.pairs import TextPair

SPAN = 12
"""Tokens of a continuation: the longest wording has fewer (derived)."""


@dataclass(frozen=True)
class CanaryQuestion:
    """A place of a harvested answer where the key chose a wording.

    Attributes:
        prompt: of the answer.
        begun: the answer up to the wording.
        site: pair of wordings, and the word before it.
    """

    prompt: str
    begun: str
    site: CanaryChoice


@dataclass(frozen=True)
class CanaryScore:
    """How often a suspect makes the choices of the key.

    Attributes:
        p: one-sided p-value, valid for a key that the suspect does not know.
        scored: distinct pairs of wordings and word before them, at which it made a choice.
        kept: share of these at which it is that of the key; chance gives one in two.
    """

    p: float
    scored: int
    kept: float


def canary_questions(answers: Sequence[HarvestedAnswer], most: int) -> list[CanaryQuestion]:
    """Places to ask about, of as many different choices as there are.

    Args:
        answers: harvested ones, as they were sent.
        most: questions.
    """
    found: dict[tuple[int, str], list[CanaryQuestion]] = defaultdict(list)
    for answer in sorted(answers, key=lambda one: one.request_id):
        for question in _of_answer(answer):
            found[question.site.pair, question.site.previous].append(question)
    chosen: list[CanaryQuestion] = []
    for place in range(max(map(len, found.values()), default=0)):
        chosen += [questions[place] for _, questions in sorted(found.items()) if place < len(questions)]
    return chosen[:most]


def _of_answer(answer: HarvestedAnswer) -> Iterator[CanaryQuestion]:
    shown = shown_choices(answer.prompt)
    for site in canary_choices(answer.answer):
        choice = (site.pair, site.previous)
        if choice not in shown:
            yield CanaryQuestion(answer.prompt, answer.answer[: site.start].rstrip(), site)
        shown.add(choice)


def score_wordings(
    suspect: Suspect, references: Sequence[Suspect], questions: Sequence[CanaryQuestion], key: bytes
) -> CanaryScore:
    """Compare how likely a suspect finds the two wordings; two queries a question.

    Args:
        suspect: one that can score.
        references: models of the same kind that were not trained on the harvest; what they prefer is subtracted.
        questions: of `canary_questions`.
        key: of the mark.

    Raises:
        QueryBudgetError: the budget does not allow it.
    """
    own = _preferences(suspect, questions)
    if references:
        own = own - np.mean([_preferences(one, questions) for one in references], axis=0)
    return _tested(questions, own.tolist(), key)


def score_choices(suspect: Suspect, questions: Sequence[CanaryQuestion], key: bytes) -> CanaryScore:
    """Let a suspect go on, and see which wording it begins with; one query a question.

    Args:
        suspect: one that continues a beginning.
        questions: of `canary_questions`.
        key: of the mark.

    Raises:
        QueryBudgetError: the budget does not allow it.
    """
    replies = suspect.answer(
        [one.prompt for one in questions], SPAN, begun=[one.begun for one in questions], temperature=0.0
    )
    made = []
    for question, reply in zip(questions, replies, strict=True):
        text = f"{question.begun} {reply.lstrip()}"
        sites = [one for one in canary_choices(text) if one.start == len(question.begun) + 1]
        made.append(2.0 * sites[0].variant - 1 if sites and sites[0].pair == question.site.pair else 0.0)
    return _tested(questions, made, key)


def _preferences(suspect: Suspect, questions: Sequence[CanaryQuestion]) -> np.ndarray:
    """By how much the suspect prefers the second wording, in nats."""
    scored = [
        suspect.score(
            [TextPair(one.prompt, f"{one.begun} {with_wording(one.site, variant)}".strip()) for one in questions]
        )
        for variant in (0, 1)
    ]
    return np.array([sum(second) - sum(first) for first, second in zip(*scored, strict=True)])


def _tested(questions: Sequence[CanaryQuestion], preferences: Sequence[float], key: bytes) -> CanaryScore:
    """Add up by distinct choice, and turn towards the key's wording: by chance that is a coin's toss."""
    sums: dict[tuple[int, str], float] = defaultdict(float)
    for question, preference in zip(questions, preferences, strict=True):
        sums[question.site.pair, question.site.previous] += preference
    turned = [value * (2 * canary_bit(key, *choice) - 1) for choice, value in sorted(sums.items())]
    decided = [value for value in turned if value]
    kept = sum(value > 0 for value in decided) / len(decided) if decided else 0.5
    return CanaryScore(aligned_rank_p([[value, -value] for value in turned]), len(decided), kept)
