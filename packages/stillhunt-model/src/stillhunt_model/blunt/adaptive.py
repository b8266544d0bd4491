"""An adaptive student: a thief that knows the measure, tries what may undo it, and keeps what it finds best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillhunt_model.blunt.harvest import (
    Budgets,
    Condition,
    Received,
    asked_in_parts,
    put_in_order,
    received_answers,
    shown_beginning,
)
from stillhunt_model.blunt.students import School, Student
from stillhunt_model.tasks.task import RESULT, Example
from stillhunt_model.training.pairs import TextPair

PASSIVE = "as received"
ROUNDS, DRAWS = 2, 4
"""Times a student reconstructs and learns anew, and draws for each question."""


@dataclass(frozen=True)
class Attempt:
    """One way of a thief.

    Attributes:
        full: answers with all steps that it learned from, reconstructed ones included.
    """

    name: str
    student: Student
    full: int
    queries: int


@dataclass(frozen=True)
class Thief:
    """What a thief has.

    Attributes:
        asked: questions that it may ask, with their right answers.
        own: questions of its own of which it knows the results, to learn from.
        budgets: how many it may ask, and from where.
    """

    school: School
    asked: Sequence[Example]
    own: Sequence[Example]
    budgets: Budgets

    def alone(self) -> Student:
        """The student without any harvest: what its own questions teach."""
        return self.school.student_of([TextPair(one.prompt, f"{RESULT}{one.result}") for one in self.own])

    def attempts(self, condition: Condition) -> Iterator[Attempt]:
        """All ways that a thief tries under a condition, the passive one first.

        Args:
            condition: what is done to answers of its flagged accounts.
        """
        answers = received_answers(condition, self.asked, self.budgets.leak)
        received = [one.pair for one in answers if one.result is not None]
        yield self._attempt(PASSIVE, received, sum(one.whole for one in answers))
        if condition.measure == "rewrite":
            answers = put_in_order(answers)
            yield self._attempt("put in order", [one.pair for one in answers if one.whole])
        full = [one.pair for one in answers if one.whole]
        partial = [one for one in answers if not one.whole and one.result is not None]
        if partial:
            yield self._attempt("full answers only", full)
            yield from self._in_parts(condition, partial)
        yield from self._reconstructed("reconstructed", full, partial)
        refused = [one.prompt for one in answers if one.result is None]
        if refused and full:
            agreed = self.school.own_majority(self.school.student_of(full), refused, DRAWS)
            yield self._attempt("own majority", [*full, *agreed])

    def _in_parts(self, condition: Condition, partial: Sequence[Received]) -> Iterator[Attempt]:
        """Questions asked step by step: all, or as many as 50 % of the budget allow, to reconstruct the others."""
        leaked = round(self.budgets.leak * len(self.asked))
        full, flagged = [one.pair for one in self.asked[:leaked]], self.asked[leaked:]
        budget = len(flagged) if condition.keep is None else min(condition.keep, len(flagged))
        parts, _ = asked_in_parts(flagged, budget)
        yield self._attempt("asked in parts", [*full, *parts])
        parts, used = asked_in_parts(flagged, budget // 2)
        rest = partial[used : used + budget - budget // 2]
        yield from self._reconstructed("some in parts, the rest reconstructed", [*full, *parts], rest)

    def _reconstructed(self, name: str, full: Sequence[TextPair], partial: Sequence[Received]) -> Iterator[Attempt]:
        """Traces that the student draws and whose result agrees, for withheld answers and for its own questions."""
        if not full:
            return
        known = [(one.prompt, shown_beginning(one.reasoning), one.result or "") for one in partial]
        known += [(one.prompt, "", one.result) for one in self.own]
        student = self.school.student_of(full)
        for _ in range(ROUNDS if len(full) < len(partial) else 1):
            attempt = self._attempt(name, [*full, *self.school.traces(student, known, DRAWS)])
            student = attempt.student
            yield attempt

    def _attempt(self, name: str, pairs: Sequence[TextPair], full: int | None = None) -> Attempt:
        student = self.school.student_of(pairs)
        return Attempt(name, student, len(pairs) if full is None else full, len(self.asked))


def best_attempt(attempts: Sequence[Attempt], validation: int) -> Attempt:
    """The way that a thief keeps: the best by its own validation, of equal ones the first.

    Args:
        validation: number of its validation questions, which stand first.
    """
    return max(attempts, key=lambda one: one.student.share(0, validation))
