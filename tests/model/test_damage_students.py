"""Students of a small harvest: what teaches is seen to, a stopped run goes on, and a seed gives the same figures."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner

import stillhunt
from model.damage_world import CAMPAIGN, log_rows, prose, task_pairs, write_case, write_log
from stillhunt.base.errors import ConfigError
from stillhunt.base.progress import Silent
from stillhunt.cli.app import app
from stillhunt_model.damage.measuring import DamageResult, check_spec, measure_damage
from stillhunt_model.damage.samples import HarvestSource, TakenAnswer
from stillhunt_model.damage.splitting import HARVESTED, HONEST, HeldOut
from stillhunt_model.damage.students import StudentSpec, experiment_key, filled, score_answers, student_maker
from stillhunt_model.nets.net import save_net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

SMALL = StudentSpec(samples=32, steps=30, batch=8, width=32, layers=1, learning_rate=1e-2)
OPTIONS = ["--samples", "32", "--steps", "30", "--batch", "8", "--width", "32", "--layers", "1", "--rate", "0.01"]
OWN_WORD = "zanzibar"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A log of string programs that were harvested among honest prose, its case, and students trained once."""
    with tempfile.TemporaryDirectory(prefix="stillhunt-test-") as name:
        place = Path(name)
        rows = log_rows(
            [TextPair(f"{one.prompt} {OWN_WORD}", one.answer) for one in task_pairs("strings", 90)], prose(100)
        )
        write_log(place / "log.jsonl", rows)
        write_case(place / "case", rows)
        yield place


def measured(folder: Path, spec: StudentSpec = SMALL) -> DamageResult:
    """What the students say; they are trained where they are not in the folder."""
    source = HarvestSource(folder / "case", CAMPAIGN, [str(folder / "log.jsonl")])
    return measure_damage(source, spec, stillhunt.Config(), Silent(), folder / "students")


@pytest.fixture(scope="module")
def result(folder: Path) -> DamageResult:
    return measured(folder)


def test_harvested_answers_teach_and_honest_ones_do_not(result: DamageResult) -> None:
    curve = result.curve
    losses = [curve.point(HARVESTED, count).loss.value for count in (4, 8, 16, 32)]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 1.2 * losses[-1]
    honest = [curve.point(HONEST, count).loss.value for count in (4, 8, 16, 32)]
    assert min(honest) > 1.5 * losses[-1]
    assert curve.advantage.value > 0.5  # three seeds of so few updates do not make it certain
    assert curve.honest_worth.value == float("inf")
    # Of ordinary traffic the honest students know more: it is the answers that teach, and not one kind of student.
    assert 1.1 * curve.honest_loss[HONEST].value < curve.honest_loss[HARVESTED].value


def test_a_stopped_run_goes_on_and_gives_the_same(folder: Path, result: DamageResult) -> None:
    files = sorted((folder / "students").iterdir())
    assert len(files) == result.students == 24
    before = {path.name: json.loads(path.read_bytes()) for path in files}
    files[0].unlink()
    files[1].write_text('{"experiment": [')
    files[2].write_text(json.dumps({**before[files[2].name], "nats": [float("nan")]}))
    files[3].write_text(json.dumps({**before[files[3].name], "experiment": "another"}))
    again = measured(folder)
    assert again.kept == 20
    after = {path.name: json.loads(path.read_bytes()) for path in files}
    assert [one["nats"] for one in after.values()] == [one["nats"] for one in before.values()]
    assert again.curve == result.curve


def test_students_of_another_experiment_are_not_used() -> None:
    held = HeldOut(*({HARVESTED: one, HONEST: one} if at == 0 else one for at, one in enumerate([sample("a")] * 4)))
    net = tiny_net(TinySize(width=32, layers=1), byte_tokenizer(), 0)
    key = experiment_key(held, SMALL, net)
    assert experiment_key(held, replace(SMALL, seeds=9), net) == key  # more seeds go on from fewer
    others = [replace(SMALL, steps=41), replace(SMALL, learning_rate=1e-3), replace(SMALL, seed=1)]
    assert key not in {experiment_key(held, one, net) for one in others}
    assert experiment_key(replace(held, asked=sample("b")), SMALL, net) != key


def sample(answer: str) -> list[TakenAnswer]:
    """One sample."""
    return [TakenAnswer("r", TextPair("q", answer), 0, frozenset(), ())]


def test_every_update_has_the_same_size_whatever_the_count() -> None:
    for count in (1, 5, 8, 50, 161, 1000):
        pairs = [TextPair(str(at), "") for at in range(count)]
        made = filled(pairs, 8)
        assert len(made) % 8 == 0
        times = [made.count(one) for one in pairs]
        assert min(times) > 0
        assert max(times) - min(times) <= 1


def test_scores_are_those_of_the_answer_and_exact_is_what_the_student_says() -> None:
    net = tiny_net(TinySize(width=32, layers=1, longest=48), byte_tokenizer(), 0)
    pairs = [TextPair("a", "xx"), TextPair("b", "yyy"), TextPair("c", "z")]
    train(net, filled(pairs[:2], 4), TrainingRecipe(60, 4, 1e-2))
    scores = score_answers(net, pairs)
    assert scores.tokens == [3, 4, 2]
    assert scores.bytes == [3, 4, 2]
    assert sum(scores.nats) == pytest.approx(-sum(map(sum, answer_logprobs(net, pairs))), rel=1e-4)
    said = generate(net, [one.prompt for one in pairs], Sampling(tokens=8, temperature=0))
    assert scores.exact == [one == pair.answer for one, pair in zip(said, pairs, strict=True)] == [True, True, False]


def test_an_answer_that_is_cut_counts_the_bytes_that_are_left() -> None:
    net = tiny_net(TinySize(width=32, layers=1, longest=32), text_tokenizer(["ab" * 50], 270), 0)
    scores = score_answers(net, [TextPair("q", "\u00e9" * 100), TextPair("q", "ab")])
    assert scores.bytes[0] < 40
    assert scores.short == [False, True]


def test_students_start_from_a_given_model_and_are_given_no_more_than_others(tmp_path: Path) -> None:
    base = tiny_net(TinySize(width=32, layers=1, longest=512), byte_tokenizer(), 5)
    save_net(base, tmp_path / "base")
    held = HeldOut({HARVESTED: sample("a"), HONEST: sample("b")}, sample("c"), sample("d"), sample("e"))
    fresh = student_maker(held, replace(SMALL, base=tmp_path / "base"), 1)
    first, other = fresh(0), fresh(1)
    assert first.longest == SMALL.longest < base.longest
    asked = [TextPair("q", "answer" * 100)]
    assert score_answers(first, asked) == score_answers(other, asked)
    assert score_answers(first, asked).tokens == [SMALL.longest - 2]
    tiny = student_maker(held, SMALL, 1)
    assert score_answers(tiny(0), asked).nats != score_answers(tiny(1), asked).nats


def test_numbers_with_which_nothing_can_be_measured_are_refused() -> None:
    for change in ({"seeds": 2}, {"width": 20}, {"samples": 8}, {"steps": 10**9}):
        with pytest.raises(ConfigError):
            check_spec(replace(SMALL, **change))


def test_the_command_prints_and_writes_the_curve(
    folder: Path, result: DamageResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    shutil.copytree("students", "out/students")
    next(Path("out/students").iterdir()).unlink()
    words = ["model", "damage", "case", "camp", "--responses", "log.jsonl", *OPTIONS]
    shown = CliRunner().invoke(app, [*words, "--out", "out"])
    assert shown.exit_code == 0, shown.output
    assert "useful samples" in shown.stdout
    assert "harvested: nats per byte" in shown.stdout
    assert "tokens/s" in shown.stderr
    page, document = (folder / "out/damage.md").read_text(), json.loads((folder / "out/damage.json").read_bytes())
    assert document["campaign"] == CAMPAIGN
    again = CliRunner().invoke(app, [*words, "-o", "out", "--json", "--quiet"])
    assert again.stderr == ""
    said = json.loads(again.stdout)
    assert said["kept"] == result.students
    assert said["curve"] == document["curve"]
    for text in (page, shown.output, json.dumps(document)):
        assert OWN_WORD not in text
        assert "reverse" not in text


def test_without_responses_the_command_says_so(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    write_log(folder / "bare.jsonl", [{name: row[name] for name in row if name != "response"} for row in rows])
    words = ["model", "damage", str(folder / "case"), "camp", "--responses", str(folder / "bare.jsonl")]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code != 0
    assert "these logs hold no responses" in str(shown.exception)
