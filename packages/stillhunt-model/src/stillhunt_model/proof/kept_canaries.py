"""Canaries: whether a suspect makes the keyed choices between two wordings that the harvested answers have.

A harvested answer is begun up to a place where the key chose a wording, and the suspect goes on. The p-value rests on
the secrecy and chance of the key alone. Each pair of wordings counts once for each word before it, however often it
was asked, and not where the question showed it. What the suspect prefers is compared with what references prefer, and
with what it prefers itself of the same two wordings elsewhere: neither depends on the key.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt_model.marks.canaries import (
    CanaryChoice,
    canary_bit,
    canary_choices,
    shown_choices,
    unkeyed_text,
    with_wording,
)
from stillhunt_model.proof.statistics import NOISE_DIGITS, Floats, aligned_rank_p, checked_finite
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.pairs import TextPair

_LETTER = re.compile(r"[^\W\d_]")
SPAN = 12
"""Tokens of a continuation: the longest wording has fewer (derived)."""


@dataclass(frozen=True)
class CanaryQuestion:
    """A place of a harvested answer where the key chose a wording; nothing in it depends on the key.

    Attributes:
        text: of the answer, with the first wording of each pair.
        site: pair of wordings, and the word before it.
    """

    prompt: str
    text: str
    site: CanaryChoice

    @property
    def begun(self) -> str:
        """The answer up to the wording."""
        return self.text[: self.site.start].rstrip()

    def worded(self, variant: int) -> str:
        """The whole answer with one of the two wordings."""
        end = self.site.start + len(with_wording(self.site, self.site.variant))
        return self.text[: self.site.start] + with_wording(self.site, variant) + self.text[end:]


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
    """Places to ask about, of as many different choices as there are."""
    found: dict[tuple[int, str], list[CanaryQuestion]] = defaultdict(list)
    for answer in sorted(answers, key=lambda one: one.request_id):
        for question in _of_answer(answer):
            found[question.site.pair, question.site.previous].append(question)
    chosen: list[CanaryQuestion] = []
    for place in range(max(map(len, found.values()), default=0)):
        chosen += [questions[place] for _, questions in sorted(found.items()) if place < len(questions)]
    return chosen[:most]


def _of_answer(answer: HarvestedAnswer) -> Iterator[CanaryQuestion]:
    # A suspect may prefer one wording for another one near it, as American spellings go together. Were those in the
    # text that the key chose, its preferences would depend on the key, and agree with it more or less than by chance.
    prompt, text = unkeyed_text(answer.prompt), unkeyed_text(answer.answer)
    shown = shown_choices(prompt)
    done = 0
    for site in canary_choices(text):
        choice = (site.pair, site.previous)
        keyed_word_before = site.previous and not _LETTER.search(text, done, site.start)
        if choice not in shown and not keyed_word_before:
            yield CanaryQuestion(prompt, text, site)
        shown.add(choice)
        done = site.start + len(with_wording(site, site.variant))


def score_wordings(
    suspect: Suspect, references: Sequence[Suspect], questions: Sequence[CanaryQuestion], key: bytes
) -> CanaryScore:
    """Compare how likely a suspect finds the two wordings; two queries a question.

    Args:
        references: models that can score and were not trained on the harvest, the teacher first; what they prefer is
            taken out by regression.

    Raises:
        QueryBudgetError: the budget does not allow it.
        InputError: a model gives no finite likelihoods.
    """
    own = _measure_canary_preferences(suspect, questions)
    return _test_canary_preferences(
        questions, own, [_measure_canary_preferences(one, questions) for one in references], key
    )


def score_choices(
    suspect: Suspect, references: Sequence[Suspect], questions: Sequence[CanaryQuestion], key: bytes
) -> CanaryScore:
    """Let a suspect go on, and see which wording it begins with; one query a question.

    Args:
        references: as of `score_wordings`: a choice that they find unlikely says more.

    Raises:
        QueryBudgetError: the budget does not allow it.
        InputError: a reference gives no finite likelihoods.
    """
    replies = suspect.answer(
        [one.prompt for one in questions], SPAN, begun=[one.begun for one in questions], temperature=0.0
    )
    made = []
    for question, reply in zip(questions, replies, strict=True):
        text = f"{question.begun} {reply.lstrip()}"
        sites = [one for one in canary_choices(text) if one.start == len(question.begun) + 1]
        if sites and sites[0].pair == question.site.pair:
            made.append((question, 2.0 * sites[0].variant - 1))
    asked = [question for question, _ in made]
    return _test_canary_preferences(
        asked, np.array([one for _, one in made]), [_measure_canary_preferences(one, asked) for one in references], key
    )


def _measure_canary_preferences(model: Suspect, questions: Sequence[CanaryQuestion]) -> Floats:
    """By how much a model prefers the answer with the second wording, in nats."""
    first, second = (
        np.array([sum(one) for one in model.score([TextPair(one.prompt, one.worded(variant)) for one in questions])])
        for variant in (0, 1)
    )
    return checked_finite(second - first, model.name)


def _test_canary_preferences(
    questions: Sequence[CanaryQuestion], own: Floats, others: Sequence[Floats], key: bytes
) -> CanaryScore:
    """Add up by distinct choice, take out what is expected, and turn towards the key's wording."""
    choices = sorted({(one.site.pair, one.site.previous) for one in questions})
    places = {choice: place for place, choice in enumerate(choices)}
    of_question = [places[one.site.pair, one.site.previous] for one in questions]
    sums, *known = (np.bincount(of_question, one, len(choices)).astype(np.float64) for one in (own, *others))
    # Up to the turn nothing depends on the key: neither the questions nor the preferences, nor what the regression
    # makes of them. To a model that learned nothing of this key, each value is therefore turned by a coin's toss of its
    # own, and the p-value is exact, whatever the references and the regression are.
    values: Floats = np.round(
        sums - _fit_expected_preferences(sums, known, [pair for pair, _ in choices]), NOISE_DIGITS
    )
    turned = [
        value * (2 * canary_bit(key, *choice) - 1) for choice, value in zip(choices, values.tolist(), strict=True)
    ]
    decided = [value for value in turned if value]
    kept = sum(value > 0 for value in decided) / len(decided) if decided else 0.5
    return CanaryScore(aligned_rank_p([[value, -value] for value in turned]), len(decided), kept)


def _fit_expected_preferences(sums: Floats, known: Sequence[Floats], pairs: Sequence[int]) -> Floats:
    """What references prefer, and by how much the suspect prefers one wording of a pair wherever it stands.

    The second is learned from any texts, and differs between models more than all else. With few choices of a pair it
    could be what the thief learned, too: it is shrunk, as if it differed between pairs as much as choices within them.
    """
    of_pair = np.equal.outer(pairs, sorted(set(pairs))).astype(np.float64)
    columns = np.column_stack([*known, of_pair])
    shrunk = np.diag([0.0] * len(known) + [1.0] * of_pair.shape[1])
    fitted = np.linalg.lstsq(columns.T @ columns + shrunk, columns.T @ sums, rcond=None)[0]
    expected: Floats = columns @ fitted
    return expected
