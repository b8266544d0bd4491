"""What a thief gets under a countermeasure, and a student that knows it, tries what may undo it, and keeps the best."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from stillhunt_model.blunt.measures import MeasureName, blunted_reasoning, reasoning_steps, steps_in_order
from stillhunt_model.blunt.students import School, Student
from stillhunt_model.tasks.checkable import RESULT, Example
from stillhunt_model.training.pairs import TextPair


@dataclass(frozen=True)
class Budgets:
    """What a thief has, and through which interface; a claim about a measure holds for these alone."""

    queries: int = 800  # questions that it may ask in all
    own: int = 200  # questions of its own with right results and no steps; every other one is for its validation
    # share of its questions that it sends from accounts that are not flagged and whose answers are in full
    leak: float = 0.1
    held_out: int = 300  # questions of the test, which nobody trains on


@dataclass(frozen=True)
class Condition:
    """What is done to answers of flagged accounts."""

    measure: MeasureName | None  # to the reasoning; None for nothing
    keep: int | None = None  # useful samples that are answered; None for all

    @property
    def name(self) -> str:
        """What it is called in tables."""
        if self.measure in (None, "cap"):
            return self.measure or "none"
        return self.measure + ("" if self.keep is None else " + cap")


@dataclass(frozen=True)
class Received:
    """What came back for one question."""

    prompt: str
    reasoning: str
    result: str | None  # as it came; None where the question was refused
    whole: bool

    @property
    def pair(self) -> TextPair:
        """The question with what came back."""
        return TextPair(self.prompt, f"{self.reasoning}{RESULT}{self.result}")


def received_answers(condition: Condition, asked: Sequence[Example], leak: float) -> list[Received]:
    """What comes back, question by question; those from accounts that are not flagged come first.

    `leak`: share of them from accounts that are not flagged.
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


def asked_in_parts(asked: Sequence[Example], queries: int) -> list[TextPair]:
    """Full answers that a thief puts together by asking for each step alone; to so many questions, the first ones.

    A question for one step has a result and needs no reasoning, so nothing can be withheld. It is assumed that the
    thief knows how to divide a question, and that each part is answered rightly.

    Args:
        queries: how many questions it may ask.
    """
    pairs: list[TextPair] = []
    for one in asked:
        queries -= max(1, len(reasoning_steps(one.reasoning)))
        if queries < 0:
            break
        pairs.append(one.pair)
    return pairs


PASSIVE = "as received"
ROUNDS, DRAWS = 2, 4
"""Times a student reconstructs and learns anew, and draws for each question."""


@dataclass(frozen=True)
class Attempt:
    """One way of a thief."""

    name: str
    student: Student
    full: int  # answers with all steps that it learned from, reconstructed ones included
    queries: int


@dataclass(frozen=True)
class Thief:
    """What a thief has."""

    school: School
    asked: Sequence[Example]
    own: Sequence[Example]
    budgets: Budgets

    def alone(self) -> Student:
        """The student without any harvest: what its own questions teach."""
        return self.school.student_of([TextPair(one.prompt, f"{RESULT}{one.result}") for one in self.own])

    def attempts(self, condition: Condition) -> Iterator[Attempt]:
        """All ways that a thief tries under a condition, the passive one first."""
        answers = received_answers(condition, self.asked, self.budgets.leak)
        received = [one.pair for one in answers if one.result is not None]
        yield self._train_student_attempt(PASSIVE, received, sum(one.whole for one in answers))
        if condition.measure == "rewrite":
            answers = put_in_order(answers)
            yield self._train_student_attempt("put in order", [one.pair for one in answers if one.whole])
        full = [one.pair for one in answers if one.whole]
        partial = [one for one in answers if not one.whole and one.result is not None]
        if partial:
            yield self._train_student_attempt("full answers only", full)
            yield from self._in_parts(condition, partial)
        yield from self._iterate_reconstructions("reconstructed", full, partial)
        refused = [one.prompt for one in answers if one.result is None]
        if refused and full:
            agreed = self.school.own_majority(self.school.student_of(full), refused, DRAWS)
            yield self._train_student_attempt("own majority", [*full, *agreed])

    def _in_parts(self, condition: Condition, partial: Sequence[Received]) -> Iterator[Attempt]:
        """Questions asked step by step: all, or as many as 50 % of the budget allow, to reconstruct the others."""
        leaked = round(self.budgets.leak * len(self.asked))
        full, flagged = [one.pair for one in self.asked[:leaked]], self.asked[leaked:]
        budget = len(flagged) if condition.keep is None else min(condition.keep, len(flagged))
        parts = asked_in_parts(flagged, budget)
        yield self._train_student_attempt("asked in parts", [*full, *parts])
        parts = asked_in_parts(flagged, budget // 2)
        rest = partial[len(parts) : len(parts) + budget - budget // 2]
        yield from self._iterate_reconstructions("some in parts, the rest reconstructed", [*full, *parts], rest)

    def _iterate_reconstructions(
        self, name: str, full: Sequence[TextPair], partial: Sequence[Received]
    ) -> Iterator[Attempt]:
        """Traces that the student draws and whose result agrees, for withheld answers and for its own questions."""
        if not full:
            return
        # A summarised reasoning can be continued from its first gap, which begins with a bracket.
        known = [(one.prompt, one.reasoning.partition("[")[0], one.result or "") for one in partial]
        known += [(one.prompt, "", one.result) for one in self.own]
        student = self.school.student_of(full)
        for _ in range(ROUNDS if len(full) < len(partial) else 1):
            attempt = self._train_student_attempt(name, [*full, *self.school.traces(student, known, DRAWS)])
            student = attempt.student
            yield attempt

    def _train_student_attempt(self, name: str, pairs: Sequence[TextPair], full: int | None = None) -> Attempt:
        student = self.school.student_of(pairs)
        return Attempt(name, student, len(pairs) if full is None else full, len(self.asked))


def best_attempt(attempts: Sequence[Attempt], validation: int) -> Attempt:
    """The way that a thief keeps: the best by its own validation, of equal ones the first.

    `validation`: number of its validation questions, which stand first.
    """
    return max(attempts, key=lambda one: one.student.share(0, validation))
