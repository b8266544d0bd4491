"""The experiment: what a thief may use under each measure, who is best, and the table; tiny models, few steps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from stillhunt_model.blunt.parameters import HONEST_FLAGGED_BOUND

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError
from stillhunt.cli.app import app
from stillhunt_model.blunt.adaptive import (
    PASSIVE,
    Attempt,
    Budgets,
    Condition,
    Thief,
    asked_in_parts,
    best_attempt,
    put_in_order,
    received_answers,
)
from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results
from stillhunt_model.blunt.experiment import BluntPlan, honest_loss, run_blunt_cells, student_size
from stillhunt_model.blunt.students import School, Student, StudentSize, copying_base
from stillhunt_model.nets.tiny import TinySize
from stillhunt_model.tasks.checkable import TASKS, draw_examples
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

SMALL = StudentSize(TinySize(width=32, layers=2, heads=2, longest=128), base_steps=5, steps=3)
ASKED = draw_examples(TASKS["programs"], 40, 0)
ANSWERS = {one.prompt: one.answer for one in ASKED}
LEAK, PROGRAM_STEPS = 0.1, 3


class CountingSchool(School):
    """A school in which a student is as good as its number of full answers, and reconstructs every other question."""

    def __init__(self) -> None:
        self.taught: list[list[TextPair]] = []

    def student_of(self, pairs: Sequence[TextPair]) -> Student:
        """A student that is right about as many questions as it has full answers."""
        self.taught.append(list(pairs))
        full = sum(ANSWERS.get(one.prompt) == one.answer for one in pairs)
        return Student(cast("Any", None), tuple(place < full for place in range(100)))

    def traces(self, student: Student, known: Sequence[tuple[str, str, str]], draws: int) -> list[TextPair]:
        """Every other question."""
        del student, draws
        return [TextPair(prompt, ANSWERS.get(prompt, "?")) for prompt, _, _ in known[::2]]

    def own_majority(self, student: Student, prompts: Sequence[str], draws: int) -> list[TextPair]:
        """Wrong answers."""
        del student, draws
        return [TextPair(prompt, "?") for prompt in prompts]


@pytest.fixture
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw and one round, which is all that these students need to show that the experiment runs."""
    monkeypatch.setattr("stillhunt_model.blunt.adaptive.DRAWS", 1)
    monkeypatch.setattr("stillhunt_model.blunt.adaptive.ROUNDS", 1)


def attempts(condition: Condition, leak: float = LEAK) -> list[Attempt]:
    """What a thief tries."""
    own = draw_examples(TASKS["programs"], 4, 1, without=ASKED)
    return list(Thief(CountingSchool(), ASKED, own, Budgets(len(ASKED), 8, leak)).attempts(condition))


def by_name(condition: Condition) -> dict[str, int]:
    """Full answers of each way."""
    return {one.name: one.full for one in attempts(condition)}


@pytest.mark.parametrize("condition", BluntPlan("programs").conditions(), ids=lambda one: one.name)
def test_an_adaptive_student_is_no_worse_than_a_passive_one_by_its_validation(condition: Condition) -> None:
    tried = attempts(condition)
    best = best_attempt(tried, 100)
    assert tried[0].name == PASSIVE
    assert best.student.share(0, 100) == max(one.student.share(0, 100) for one in tried)
    assert all(one.queries == len(ASKED) for one in tried)


def test_a_thief_has_no_more_full_answers_than_its_budget_gives() -> None:
    leaked = round(LEAK * len(ASKED))
    parts = (len(ASKED) - leaked) // PROGRAM_STEPS
    withheld = by_name(Condition("withhold"))
    assert withheld[PASSIVE] == withheld["full answers only"] == leaked
    assert withheld["asked in parts"] == leaked + parts
    capped = by_name(Condition("withhold", 6))
    assert capped["asked in parts"] == leaked + 6 // PROGRAM_STEPS
    assert by_name(Condition("cap", 6))[PASSIVE] == leaked + 6
    assert by_name(Condition("rewrite"))["put in order"] == by_name(Condition(None))[PASSIVE] == len(ASKED)


def test_without_a_leak_and_an_answer_nothing_can_be_reconstructed() -> None:
    names = {one.name for one in attempts(Condition("withhold", 0), leak=0.0)}
    assert names == {PASSIVE}


def test_what_is_received_is_right_and_of_the_measure() -> None:
    received = received_answers(Condition("withhold", 10), ASKED, LEAK)
    assert [one.whole for one in received] == [True] * 4 + [False] * 36
    assert all(one.result == asked.result for one, asked in zip(received[:14], ASKED, strict=False))
    assert all(one.result is None for one in received[14:])
    rewritten = received_answers(Condition("rewrite"), ASKED, LEAK)
    assert not any(one.whole for one in rewritten[4:])
    assert [one.pair for one in put_in_order(rewritten)] == [one.pair for one in ASKED]


def test_a_question_in_parts_costs_as_many_queries_as_it_has_steps() -> None:
    assert asked_in_parts(ASKED, 2 * PROGRAM_STEPS + 1) == [ASKED[0].pair, ASKED[1].pair]


@pytest.mark.parametrize(
    ("condition", "results", "steps"),
    [
        (Condition(None), 0.0, 0.0),
        (Condition("withhold"), 0.0, 1.0),
        (Condition("summarise"), 0.0, 1.0),
        (Condition("rewrite"), 0.0, 0.0),
        (Condition("cap", 100), 1.0, 1.0),
    ],
)
def test_honest_users_lose_what_a_wrongly_flagged_one_loses_times_their_share(
    condition: Condition, results: float, steps: float
) -> None:
    lost = honest_loss(condition, ASKED)
    assert (lost["flagged_results_lost"], lost["flagged_steps_lost"]) == (results, steps)
    assert lost["steps_lost"] == steps * HONEST_FLAGGED_BOUND


def cell(condition: str, seed: int, without: str, adaptive: str) -> dict[str, Any]:
    """A row of the experiment."""
    honest = honest_loss(Condition(None), ASKED)
    bits = {"without": without, "passive": adaptive, "adaptive": adaptive}
    return {"task": "sums", "seed": seed, "condition": condition, "way": "x", "honest": honest, **bits}


def test_a_cut_is_of_the_gain_beyond_a_student_without_the_harvest() -> None:
    rows = [cell("none", seed, "1000000000", "1111111110") for seed in (0, 1)]
    rows += [cell("withhold", seed, "1000000000", "1110000000") for seed in (0, 1)]
    rows += [cell("rewrite", 0, "1000000000", "1111111100"), cell("cap", 7, "0", "1")]
    none, withheld, rewritten = blunt_results(rows)
    assert (none.adaptive, none.cut) == (pytest.approx(0.8), None)
    assert withheld.cut == pytest.approx(1 - 0.2 / 0.8)
    assert withheld.cut_low is not None
    assert withheld.cut_high is not None
    assert withheld.cut_low < 0.75 < withheld.cut_high
    assert withheld.reaches_aim
    assert rewritten.cut == pytest.approx(1 - 0.7 / 0.8)
    assert not rewritten.reaches_aim
    headings, *lines = blunt_cells([none, withheld, rewritten])
    assert all(len(one) == len(headings) for one in lines)
    assert [one[headings.index("aim")] for one in lines] == ["", "reached", "not reached"]


def test_no_cut_is_said_where_there_was_nothing_to_gain() -> None:
    rows = [cell("none", 0, "1000000000", "1000000000"), cell("withhold", 0, "1000000000", "1000000000")]
    assert [one.cut for one in blunt_results(rows)] == [None, None]


def test_students_keep_traces_that_agree_with_the_result() -> None:
    base = copying_base(SMALL)
    school = School(base, ASKED[:4], SMALL, 0)
    student = school.student_of([])
    # one step more, so that the student knows one answer by heart
    train(student.net, [TextPair("say", "a:b;=b")] * 4, TrainingRecipe(60, 4, 1e-2))
    assert school.traces(student, [("say", "", "b")], 1) == [TextPair("say", "a:b;=b")]
    assert school.traces(student, [("say", "a:", "b")], 1) == [TextPair("say", "a:b;=b")]
    assert school.traces(student, [("say", "", "c")], 1) == []
    agreed = school.own_majority(student, ["say"], 4)
    assert [one.prompt for one in agreed] in ([], ["say"])
    assert all(one.answer.endswith("=b") for one in agreed)


@pytest.mark.usefixtures("_few_draws")
def test_the_experiment_runs_and_goes_on_where_it_stopped() -> None:
    plan = BluntPlan("sums", 0, Budgets(8, 8, 0.25, 6), 4, SMALL)
    base = copying_base(SMALL)
    names = [one.name for one in plan.conditions()]
    (row,) = run_blunt_cells(plan, base, [name for name in names if name != "withhold"])
    assert (row["condition"], row["queries"], row["data"], row["leak"], row["reasoning"]) == (
        "withhold", 8, 8, 0.25, "withhold",
    )  # fmt: skip
    assert row["interface"] == "text (no logits)"
    assert {len(row[name]) for name in ("without", "passive", "adaptive")} == {6}
    assert row["ways"][0]["name"] == PASSIVE
    again = next(run_blunt_cells(plan, base, [name for name in names if name != "withhold"]))
    assert {**again, "seconds": 0} == {**row, "seconds": 0}


def test_a_plan_that_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ConfigError, match="no task"):
        next(run_blunt_cells(BluntPlan("poems"), cast("Any", None)))
    with pytest.raises(ConfigError, match="questions of its own"):
        next(run_blunt_cells(BluntPlan("sums", budgets=Budgets(own=1)), cast("Any", None)))
    assert student_size("sums").steps > student_size("programs").steps
    assert student_size("sums", 7).steps == 7


@pytest.mark.usefixtures("_few_draws")
def test_the_command_measures_prints_the_table_and_does_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stillhunt_model.blunt.experiment.StudentSize", lambda: SMALL)
    monkeypatch.setattr("stillhunt_model.blunt.adaptive.Budgets.held_out", 6)
    small = ["--queries", "4", "--data", "4", "--seeds", "1", "--task", "sums", "--steps", "1", "--quiet"]
    command = ["model", "blunt", "measure", "-o", "rows.json", *small]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    assert "4 queries, 4 questions of its own, 10 % of its queries" in first.output
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == len(BluntPlan("sums").conditions())
    monkeypatch.setattr("stillhunt_model.blunt.students.copying_base", None)  # nothing is trained again
    again = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(again.stdout)["rows"] == rows
    other = CliRunner().invoke(app, [*command, "--queries", "5"])
    assert other.exit_code == 1
    assert "other budgets" in str(other.exception)
