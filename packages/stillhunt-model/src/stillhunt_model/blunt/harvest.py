"""What a thief gets for its questions under a countermeasure, and what it can do with that without any training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stillhunt_model.blunt.measures import MeasureName, blunted_reasoning, reasoning_steps, steps_in_order
from stillhunt_model.tasks.task import RESULT, Example
from stillhunt_model.training.pairs import TextPair


@dataclass(frozen=True)
class Budgets:
    """What a thief has, and through which interface; a claim about a measure holds for these alone.

    Attributes:
        queries: questions that it may ask in all.
        own: questions of its own with right results and no steps; every other one is for its validation.
        leak: share of its questions that it sends from accounts that are not flagged and whose answers are in full.
        held_out: questions of the test, which nobody trains on.
    """

    queries: int = 800
    own: int = 200
    leak: float = 0.1
    held_out: int = 300


@dataclass(frozen=True)
class Condition:
    """What is done to answers of flagged accounts.

    Attributes:
        measure: to the reasoning; None for nothing.
        keep: useful samples that are answered; None for all.
    """

    measure: MeasureName | None
    keep: int | None = None

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.measure in (None, "cap"):
            return self.measure or "none"
        return self.measure + ("" if self.keep is None else " + cap")


@dataclass(frozen=True)
class Received:
    """What came back for one question.

    Attributes:
        result: as it came; None where the question was refused.
    """

    prompt: str
    reasoning: str
    result: str | None
    whole: bool

    @property
    def pair(self) -> TextPair:
        """The question with what came back."""
        return TextPair(self.prompt, f"{self.reasoning}{RESULT}{self.result}")


def received_answers(condition: Condition, asked: Sequence[Example], leak: float) -> list[Received]:
    """What comes back, question by question; those from accounts that are not flagged come first.

    Args:
        condition: what is done to the others.
        asked: the questions with their right answers.
        leak: share of them from accounts that are not flagged.
    """
    leaked = round(leak * len(asked))
    answers = []
    for place, one in enumerate(asked):
        reasoning: str = one.reasoning
        if place >= leaked:
            if condition.keep is not None and place - leaked >= condition.keep:
                answers.append(Received(one.prompt, "", None, False))
                continue
            if condition.measure is not None:
                reasoning = blunted_reasoning(condition.measure, reasoning)
        answers.append(Received(one.prompt, reasoning, one.result, reasoning == one.reasoning))
    return answers


def put_in_order(answers: Sequence[Received]) -> list[Received]:
    """Answers with their steps in order again; each that was rewritten is whole then."""
    ordered = []
    for one in answers:
        reasoning = steps_in_order(one.reasoning)
        ordered.append(replace(one, reasoning=reasoning, whole=one.whole or reasoning != one.reasoning))
    return ordered


def asked_in_parts(asked: Sequence[Example], queries: int) -> tuple[list[TextPair], int]:
    """Full answers that a thief puts together by asking for each step alone.

    A question for one step has a result and needs no reasoning, so nothing can be withheld. It is assumed that the
    thief knows how to divide a question, and that each part is answered rightly.

    Args:
        asked: questions with their right answers.
        queries: how many questions it may ask.

    Returns:
        Full answers, and how many of the questions they are about.
    """
    pairs: list[TextPair] = []
    for one in asked:
        queries -= max(1, len(reasoning_steps(one.reasoning)))
        if queries < 0:
            break
        pairs.append(one.pair)
    return pairs, len(pairs)


def shown_beginning(reasoning: str, steps_left_out: str = "[") -> str:
    """What of a summarised reasoning can be continued: all before the first gap.

    Args:
        steps_left_out: sign with which a gap begins.
    """
    return reasoning.split(steps_left_out, 1)[0]
