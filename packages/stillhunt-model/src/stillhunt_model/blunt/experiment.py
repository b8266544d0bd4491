"""The experiment: what passive and adaptive students gain under each measure, and what an honest user loses."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from stillhunt import ConfigError
from stillhunt_model.blunt.adaptive import Attempt, Budgets, Condition, Thief, best_attempt, received_answers
from stillhunt_model.blunt.measures import reasoning_steps, steps_in_order
from stillhunt_model.blunt.parameters import HONEST_FLAGGED_BOUND, KEEP_SAMPLES
from stillhunt_model.blunt.students import School, StudentSize
from stillhunt_model.nets.net import Net
from stillhunt_model.tasks.checkable import TASKS, Example, draw_examples

INTERFACE = "text (no logits)"
STEPS = {"sums": 200}
"""Updates after which a student with full answers knows the task, where these are not those of `StudentSize`."""
FEWEST_OWN, FEWEST_QUERIES = 4, 4


@dataclass(frozen=True)
class BluntPlan:
    """One part of the experiment: a task and a seed."""

    task: str
    seed: int = 0
    budgets: Budgets = field(default_factory=Budgets)
    keep: int = KEEP_SAMPLES
    size: StudentSize = field(default_factory=StudentSize)

    def conditions(self) -> list[Condition]:
        """Nothing done, each measure, and results only up to a cap."""
        whole = [Condition(None), Condition("withhold"), Condition("summarise"), Condition("rewrite")]
        return [*whole, Condition("cap", self.keep), Condition("withhold", self.keep)]


def run_blunt_cells(
    plan: BluntPlan, base: Net, done: Sequence[str] = (), watch: Callable[[], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Measure the conditions of one task and seed.

    Args:
        done: names of conditions that were measured before.

    Yields:
        One row for each condition: its budgets, each way of the thief, and the right answers question by question.

    Raises:
        ConfigError: there is no such task, it has too few questions, or the budgets are too small.
    """
    checked_plan(plan)
    budgets = plan.budgets
    drawn = draw_examples(TASKS[plan.task], budgets.queries + budgets.own + budgets.held_out, plan.seed)
    asked, own = drawn[: budgets.queries], drawn[budgets.queries : budgets.queries + budgets.own]
    validation, held_out = own[1::2], drawn[budgets.queries + budgets.own :]
    school = School(base, [*validation, *held_out], plan.size, plan.seed, watch)
    thief = Thief(school, asked, own[::2], budgets)
    for condition in plan.conditions():
        if condition.name in done:
            continue
        begun = time.perf_counter()
        attempts = list(thief.attempts(condition))
        best = best_attempt(attempts, len(validation))
        yield {
            **_row_head(plan, condition, asked),
            "without": _encode_right_answers(thief.alone().right[len(validation) :]),
            "passive": _encode_right_answers(attempts[0].student.right[len(validation) :]),
            "adaptive": _encode_right_answers(best.student.right[len(validation) :]),
            "way": best.name,
            "ways": [_describe_attempt(one, len(validation)) for one in attempts],
            "honest": honest_loss(condition, held_out),
            "seconds": round(time.perf_counter() - begun, 1),
        }


def honest_loss(condition: Condition, answers: Sequence[Example]) -> dict[str, float]:
    """What honest users lose: the share of wrongly flagged ones times what these lose of an answer.

    Returns shares of all answers to a wrongly flagged user without the right result, and without all its steps; and
    both times the share of honest users who are flagged. Under a cap such a user gets nothing: the campaign used it up.
    """
    capped = Condition(condition.measure, 0) if condition.keep is not None else condition
    received = received_answers(capped, answers, leak=0.0)
    results = sum(one.result != asked.result for one, asked in zip(received, answers, strict=True)) / len(answers)
    steps = sum(
        one.result is None or reasoning_steps(steps_in_order(one.reasoning)) != reasoning_steps(asked.reasoning)
        for one, asked in zip(received, answers, strict=True)
    ) / len(answers)
    return {
        "flagged_results_lost": results,
        "flagged_steps_lost": steps,
        "results_lost": results * HONEST_FLAGGED_BOUND,
        "steps_lost": steps * HONEST_FLAGGED_BOUND,
    }


def checked_plan(plan: BluntPlan) -> None:
    """Refuse a plan that cannot be measured.

    Raises ConfigError: there is no such task, or the budgets are too small.
    """
    if plan.task not in TASKS:
        raise ConfigError(
            f"there is no task {plan.task[:40]!r}", where="task", next_step=f"choose one of: {', '.join(TASKS)}"
        )
    if plan.budgets.own < FEWEST_OWN or plan.budgets.queries < FEWEST_QUERIES:
        raise ConfigError(
            f"a thief needs {FEWEST_OWN} questions of its own and {FEWEST_QUERIES} queries",
            where="queries, data",
            next_step="give more",
        )


def budgets_of(plan: BluntPlan) -> dict[str, Any]:
    """What all rows of one table have in common: budgets, interface and students."""
    return {
        "queries": plan.budgets.queries,
        "data": plan.budgets.own,
        "leak": plan.budgets.leak,
        "held_out": plan.budgets.held_out,
        "interface": INTERFACE,
        "cap": plan.keep,
        "size": asdict(plan.size),
    }


def student_size(task: str, steps: int | None = None) -> StudentSize:
    """The size of students of a task.

    `steps`: updates of each student; None for those that the task needs.
    """
    return replace(StudentSize(), steps=steps or STEPS.get(task, StudentSize().steps))


def plan_of(row: Mapping[str, Any]) -> tuple[str, int, str]:
    """CheckableTask, seed and condition of a row."""
    return row["task"], row["seed"], row["condition"]


def _row_head(plan: BluntPlan, condition: Condition, asked: Sequence[Example]) -> dict[str, Any]:
    steps = [len(reasoning_steps(one.reasoning)) for one in asked]
    return {
        "task": plan.task,
        "seed": plan.seed,
        "condition": condition.name,
        **budgets_of(plan),
        "reasoning": "in full" if condition.measure in (None, "cap") else condition.measure,
        "keep": condition.keep,
        "steps_of_a_question": round(sum(steps) / len(steps), 2),
    }


def _describe_attempt(attempt: Attempt, validation: int) -> dict[str, Any]:
    return {
        "name": attempt.name,
        "full_answers": attempt.full,
        "validation": round(attempt.student.share(0, validation), 4),
        "held_out": round(attempt.student.share(validation), 4),
    }


def _encode_right_answers(right: Sequence[bool]) -> str:
    return "".join("1" if one else "0" for one in right)
