"""Distillation from data to the table of results: methods, resuming, and what the table and the card say."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import numpy as np
import torch

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.progress import Silent
from stillhunt_model.distil.card import Permit, facts_of, model_card, result_cells
from stillhunt_model.distil.job import DistilJob, Distilled, ResultRow, distil, set_aside
from stillhunt_model.distil.judging import AskedModel, flops_per_token, gap_recovered, wilson_interval
from stillhunt_model.distil.learning import STORED_LOGITS, distil_net, fitting_prompts
from stillhunt_model.distil.lessons import Lessons
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.rows import DataRow, DistilData
from stillhunt_model.distil.smoke import SmokeSize, same_result, smoke_job
from stillhunt_model.distil.students import copy_of, model_hash, new_student, vocabulary_difference
from stillhunt_model.distil.top_logits import online_loss
from stillhunt_model.distil.work_folder import open_work
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair, collate, encode
from stillhunt_model.training.run import Trained, TrainingRecipe, train

PROMPTS = [f"say {number}" for number in range(40)]
SPOKEN = [TextPair(prompt, prompt[4:] * 2) for prompt in PROMPTS]
METHODS: dict[str, DistilRecipe] = {
    "sequence": DistilRecipe(TrainingRecipe(30, 8, 5e-3), "sequence", answer_tokens=8),
    "logits": DistilRecipe(TrainingRecipe(30, 8, 5e-3), "logits", answer_tokens=8),
    "reverse": DistilRecipe(TrainingRecipe(60, 8, 5e-3), "logits", beta=1.0, answer_tokens=8),
    "stored": DistilRecipe(TrainingRecipe(30, 8, 5e-3), "logits", beta=0.5, top=8, temperature=2.0, answer_tokens=8),
    "on-policy": DistilRecipe(TrainingRecipe(30, 8, 5e-3), "on-policy", beta=1.0, warm_up=10, answer_tokens=8),
}


@pytest.fixture(scope="module")
def teacher() -> Net:
    """Random weights, made larger so that what it says next is far from uniform."""
    net = tiny_net(TinySize(32, 1, 2, 64), byte_tokenizer(), 1, "teacher")
    with torch.no_grad():
        net.model.get_input_embeddings().weight *= 40
    return net


@pytest.fixture(scope="module")
def pairs(teacher: Net) -> list[TextPair]:
    answers = generate(teacher, PROMPTS, Sampling(tokens=8, temperature=1.0))
    return [TextPair(prompt, answer) for prompt, answer in zip(PROMPTS, answers, strict=True)]


def fresh() -> Net:
    return tiny_net(TinySize(16, 1, 2, 64), byte_tokenizer(), 2, "student")


def weights(net: Net) -> Any:
    return torch.cat([one.detach().flatten() for one in net.model.parameters()])


def distance(teacher: Net, student: Net, pairs: list[TextPair]) -> float:
    batch = collate(encode(student, pairs), 0)
    with torch.no_grad():
        return float(online_loss(teacher, 0.0, 1.0)(student.model, batch))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_brings_the_student_nearer_to_the_teacher(teacher: Net, pairs: list[TextPair], name: str) -> None:
    student, said = fresh(), []
    before, kept = distance(teacher, student, pairs), weights(teacher).clone()
    trained = distil_net(teacher, student, Lessons(pairs), METHODS[name], watch=lambda *one: said.append(one))
    assert distance(teacher, student, pairs) < 0.9 * before
    assert torch.equal(weights(teacher), kept)
    assert trained.tokens > 0
    assert [step for step, _, _ in said] == sorted(step for step, _, _ in said)
    assert said[-1][0] == METHODS[name].training.steps
    assert all(math.isfinite(loss) and rate > 0 for _, loss, rate in said)


@pytest.mark.parametrize(("name", "stops"), [("sequence", (6,)), ("stored", (6,)), ("on-policy", (3, 10))])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    teacher: Net, pairs: list[TextPair], tmp_path: Path, name: str, stops: tuple[int, ...]
) -> None:
    recipe = replace(METHODS[name], training=TrainingRecipe(14, 8, 5e-3, 3, 4), warm_up=5 if name == "on-policy" else 0)

    def run(folder: Path, watch: Callable[[int, float, float], None] | None = None) -> tuple[Trained, Any]:
        student = fresh()
        return distil_net(teacher, student, Lessons(pairs), recipe, folder=folder, watch=watch), weights(student)

    _, whole = run(tmp_path / "whole")
    for stop in stops:
        folder = tmp_path / f"stopped at {stop}"

        def stopping(step: int, _loss: float, _rate: float, stop: int = stop) -> None:
            if step >= stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(folder, stopping)
        if name == "stored":
            assert (folder / STORED_LOGITS).is_file()
        trained, resumed = run(folder)
        assert trained.resumed_at > 0 or stop == 3
        assert torch.equal(resumed, whole)


def test_two_vocabularies_compare_no_logits_and_share_answers(teacher: Net, pairs: list[TextPair]) -> None:
    tokenizer = text_tokenizer([one.prompt for one in pairs], 280)
    student = tiny_net(TinySize(16, 1, 2, 64), tokenizer, 1)
    for name in ("logits", "on-policy"):
        with pytest.raises(
            ConfigError, match=r"different vocabularies.*the teacher has 258 tokens, the student 2"
        ) as no:
            distil_net(teacher, student, Lessons(pairs), METHODS[name])
        assert "--method sequence" in no.value.on_command_line()
    before = weights(student).clone()
    trained = distil_net(
        teacher, student, Lessons(pairs), replace(METHODS["sequence"], training=TrainingRecipe(20, 8, 5e-3))
    )
    assert trained.loss < math.log(280)
    assert not torch.equal(before, weights(student))


def test_a_token_with_another_number_is_named(teacher: Net) -> None:
    other = byte_tokenizer()
    other.add_tokens(["new"])
    assert vocabulary_difference(teacher, fresh()) == ""
    one, two = (Net(teacher.model, tokenizer, "n") for tokenizer in (byte_tokenizer(), byte_tokenizer()))
    one.tokenizer.add_tokens(["new"])
    two.tokenizer.add_tokens(["other"])
    assert vocabulary_difference(one, two) == "'new' is token 258 of the teacher and none of its tokens of the student"


def data(rows: list[DataRow]) -> DistilData:
    return DistilData(
        rows, {"a.jsonl": "ab" * 32}, {"own": "the operator's own text"}, {"its account is flagged": 2}, 3
    )


@cache
def learned_teacher() -> Net:
    """A teacher that says the number twice; it stays as it is."""
    teacher = tiny_net(TinySize(32, 1, 2, 64), byte_tokenizer(), 1)
    train(teacher, SPOKEN, TrainingRecipe(60, 20, 1e-2))
    return teacher


def learned_job(answers: bool, **changes: Any) -> DistilJob:
    """That teacher, and data with or without answers."""
    rows = [DataRow(one.prompt, one.answer if answers else "") for one in SPOKEN]
    recipe = DistilRecipe(TrainingRecipe(40, 20, 1e-2), answer_tokens=6)
    return DistilJob(learned_teacher(), "cd" * 32, fresh(), data(rows), replace(recipe, **changes))


def test_the_table_has_teacher_student_student_alone_and_untrained() -> None:
    job = learned_job(answers=True)
    beginning = copy_of(job.student, "beginning")
    done = distil(job, Silent())
    names = [row.asked.name for row in done.rows]
    assert names == ["teacher", "student", "student without the teacher", "untrained student"]
    first, student, alone, last = (row.asked for row in done.rows)
    assert done.questions == len(first.right) == 4
    assert done.right_means == "the data's own answer"
    assert student.parameters == alone.parameters == last.parameters < first.parameters
    assert student.bits.sum() < last.bits.sum()
    assert alone.bits.sum() < last.bits.sum()
    assert done.rows[0].recovered.value == 1
    assert done.rows[-1].recovered.value == 0
    assert "40 steps" not in done.notes[0]
    assert "own 36 answers" in done.notes[0]
    assert not torch.equal(weights(done.student), weights(beginning))
    cells = result_cells(done)
    assert len({len(row) for row in cells}) == 1
    assert cells[1][0] == "teacher"
    assert cells[1][5].endswith("(100 %)")


def test_without_answers_there_is_no_student_alone_and_the_teacher_says_what_is_right() -> None:
    done = distil(replace(learned_job(answers=False), compare=True), Silent())
    assert [row.asked.name for row in done.rows] == ["teacher", "student", "untrained student"]
    assert done.right_means == "the teacher's likeliest answer"
    assert done.rows[0].asked.share_right.value == 1
    assert done.notes == ["No student was trained without the teacher: the data has no answers of its own."]


def test_the_card_says_teacher_data_terms_permission_and_results() -> None:
    job = learned_job(answers=True)
    done = distil(replace(job, compare=False), Silent())
    permit = Permit("approved `by` the | board\n# not a heading", "N. N.", "big \x1b[31m", "own", "2026-11-27")
    facts = facts_of(job, permit, done)
    card = model_card(facts, done)
    assert card.startswith("---\nlibrary_name: transformers\n")
    for words in (
        "SHA-256 `" + "cd" * 32,
        "`a.jsonl`, SHA-256 `" + "ab" * 32,
        "terms `own`: `the operator's own text`",
        "2 rows left out: its account is flagged",
        "3 rows name neither account nor request",
        "permission: `approved 'by' the / board",
        "by `N. N.`",
        "seed 0",
        "| teacher |",
        "| untrained student |",
    ):
        assert words in card
    assert "\x1b" not in card
    assert "\n# not a heading" not in card
    assert json.loads(json.dumps(facts))["results"][0]["of the gap"]["value"] == 1


def test_held_out_prompts_are_not_learned() -> None:
    rows = [DataRow(f"p{place % 50}", str(place)) for place in range(200)]
    training, held = set_aside(rows, 1)
    assert len(held) == 5
    assert {row.prompt for row in training}.isdisjoint(row.prompt for row in held)
    assert len(training) == 200 - 5 * 4
    assert set_aside(rows, 1)[1] == held != set_aside(rows, 2)[1]
    assert len(set_aside([DataRow(f"p{place}") for place in range(9000)], 0)[1]) == 200
    with pytest.raises(InputError, match="only 19 different prompts"):
        set_aside(rows[:19], 0)
    with pytest.raises(InputError, match="there is only 1 different prompt\n"):
        set_aside(rows[:1], 0)


def asked(right: list[float], bits: list[float]) -> AskedModel:
    return AskedModel("x", 1, 2, 1.0, np.array(right), np.array(bits), np.ones(len(right)))


def test_intervals_and_gaps_are_those_of_their_formulas() -> None:
    share = wilson_interval(8, 10)
    assert (share.value, round(share.low, 4), round(share.high, 4)) == (0.8, 0.4902, 0.9433)
    assert wilson_interval(0, 20).low == 0
    assert wilson_interval(20, 20).high == 1
    teacher, untrained = asked([1] * 20, [1] * 20), asked([0] * 20, [5] * 20)
    middle = gap_recovered(asked([1, 0] * 10, [2] * 20), untrained, teacher)
    assert middle.value == 0.5
    assert 0.2 < middle.low < 0.5 < middle.high < 0.8
    by_bits = gap_recovered(asked([0] * 20, [2] * 20), untrained, asked([0] * 20, [1] * 20))
    assert (by_bits.value, by_bits.low, by_bits.high) == (0.75, 0.75, 0.75)
    assert math.isnan(gap_recovered(untrained, untrained, untrained).value)


def test_fewer_prompts_than_needed_give_no_interval() -> None:
    few, enough = asked([1, 0] * 2, [2] * 4), asked([1, 0] * 5, [2] * 10)
    for spread in (few.share_right, few.bits_per_byte):
        assert math.isnan(spread.low)
        assert math.isnan(spread.high)
    assert (few.share_right.value, few.bits_per_byte.value) == (0.5, 2)
    assert math.isfinite(enough.share_right.low + enough.bits_per_byte.high)
    done = Distilled(fresh(), Trained(0.0, 0, 0.0, 0), [ResultRow(few, few.share_right)], 4, "x", [])
    assert result_cells(done)[1][2:5] == ("50 % (too few)", "2.000 (too few)", "50.0 % (too few)")


def test_a_student_larger_than_its_teacher_is_said() -> None:
    job = learned_job(answers=False)
    large = tiny_net(TinySize(64, 2, 2, 64), byte_tokenizer(), 2, "student")
    recipe = replace(job.recipe, training=TrainingRecipe(2, 8))
    done = distil(replace(job, student=large, recipe=recipe), Silent())
    share = done.rows[1].asked.flops / done.rows[0].asked.flops
    assert share > 1.5
    assert result_cells(done)[2][5].endswith(f"({100 * share:.0f} %)")
    assert any(note.startswith("The student is larger than its teacher") for note in done.notes)


def test_operations_of_a_token_leave_out_a_table_that_is_only_looked_up() -> None:
    tied = fresh()
    assert flops_per_token(tied) == 2 * tied.parameters
    loose = copy_of(tied, "loose")
    loose.model.lm_head.weight = torch.nn.Parameter(loose.model.lm_head.weight.clone())
    assert loose.parameters > tied.parameters
    assert flops_per_token(loose) == 2 * tied.parameters


def test_students_are_tiny_ones_or_folders(teacher: Net, tmp_path: Path) -> None:
    assert new_student("tiny:32x1", teacher, 1).parameters < new_student("tiny", teacher, 1).parameters
    assert torch.equal(weights(new_student("tiny", teacher, 1)), weights(new_student("tiny", teacher, 1)))
    assert new_student("tiny", teacher, 1).longest == 64
    for shape in ("tiny:0x1", "tiny:17x1", "tiny:32x0", "tiny:99999x1", "tiny:32x100"):
        with pytest.raises(ConfigError, match="cannot be built"):
            new_student(shape, teacher, 1)
    with pytest.raises(InputError, match="no such model folder"):
        new_student("tiny:AxB", teacher, 1)
    save_net(teacher, tmp_path / "net")
    assert torch.equal(weights(new_student(str(tmp_path / "net"), teacher, 1)), weights(teacher))
    before = model_hash(tmp_path / "net")
    config = tmp_path / "net" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert model_hash(tmp_path / "net") != before


def test_a_folder_of_checkpoints_belongs_to_one_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no distillation to resume"):
        open_work(tmp_path / "work", {"teacher": "a"}, resume=True)
    open_work(tmp_path / "work", {"teacher": "a", "seed": 1}, resume=False)
    with pytest.raises(ConfigError, match="not empty"):
        open_work(tmp_path / "work", {"teacher": "a", "seed": 1}, resume=False)
    with pytest.raises(ConfigError, match="another seed"):
        open_work(tmp_path / "work", {"teacher": "a", "seed": 2}, resume=True)
    half = tmp_path / "work" / "steps" / "checkpoint-8"
    whole = tmp_path / "work" / "steps" / "checkpoint-4"
    half.mkdir(parents=True)
    whole.mkdir()
    (whole / "trainer_state.json").write_text("{}")
    (tmp_path / "work").chmod(0o755)
    open_work(tmp_path / "work", {"teacher": "a", "seed": 1}, resume=True)
    assert (tmp_path / "work").stat().st_mode & 0o777 == 0o700  # it holds prompts and answers
    assert whole.exists()
    assert not half.exists()  # the run was stopped while it was written


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "guess"},
        {"beta": 1.5},
        {"temperature": 0.0},
        {"top": 9, "method": "sequence"},
        {"top": 5000, "method": "logits"},
        {"warm_up": 9, "method": "on-policy", "training": TrainingRecipe(8)},
        {"own_answers": True, "method": "sequence"},
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        DistilRecipe(**{"training": TrainingRecipe(10), **changes})


def test_on_policy_needs_room_for_an_answer(teacher: Net) -> None:
    assert fitting_prompts(fresh(), ["short", "long " * 20], 16) == ["short"]
    job = learned_job(answers=False, method="on-policy", answer_tokens=64)
    with pytest.raises(ConfigError, match="no prompt leaves room for an answer of 64 tokens"):
        distil(job, Silent())


def test_a_smoke_run_distils_a_teacher_that_it_made() -> None:
    size = SmokeSize(questions=120, teacher=TinySize(32, 1, 2, 96), student="tiny:16x1", teacher_steps=10)
    notes: list[str] = []
    progress = Silent()
    progress.note = notes.append  # type: ignore[method-assign]  # what a user would read
    job = smoke_job(size, DistilRecipe(TrainingRecipe(10, 16)), progress)
    done = distil(job, progress)
    assert done.rows[0].asked.parameters > done.rows[1].asked.parameters
    assert any("loss" in note and "tokens a second" in note for note in notes)
    assert same_result("3+4:7;=7", "anything=7")
    assert not same_result("=7", "no result")
