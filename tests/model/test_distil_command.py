"""`stillhunt model distil` as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import torch
from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError, InputError, OutputError, StillhuntError
from stillhunt_model.commands import distil
from stillhunt_model.commands.app import model_commands
from stillhunt_model.commands.distil import DivergenceChoice, MethodChoice
from stillhunt_model.distil import job as job_module
from stillhunt_model.distil import smoke
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import save_net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distil")
    save_net(tiny_net(TinySize(32, 1, 2, 64), byte_tokenizer(), 1), folder / "teacher")
    rows = [{"prompt": f"say {number}", "answer": str(number), "terms": "own"} for number in range(30)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(*arguments: object) -> Any:
    return CliRunner().invoke(model_commands, ["distil", *map(str, arguments)])


def ordinary(scene: Path, out: Path, *more: object) -> list[object]:
    return [
        scene / "teacher", "--data", scene / "rows.jsonl", "--out", out, "--student", "tiny:16x1", "--steps", 12,
        "--batch", 8, "--answer-tokens", 6, "--permission", "own model", "--by", "N. N.", *more,
    ]  # fmt: skip


def refused(kind: type[StillhuntError], *arguments: object) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, kind), result.output
    return result.exception.on_command_line()


def test_a_student_is_written_with_its_card(scene: Path, tmp_path: Path) -> None:
    result = run(*ordinary(scene, tmp_path / "student"))
    assert result.exit_code == 0, result.output
    assert "Sequence level: cross entropy of the teacher's answers." in result.stdout
    assert "student without the teacher" in result.stdout
    assert f"Student and model card: {tmp_path / 'student'}" in result.stdout
    assert "step 12 of 12: loss" in result.stderr
    assert "tokens a second" in result.stderr
    card = (tmp_path / "student" / "README.md").read_text()
    assert "permission: `own model`" in card
    assert "by `N. N.`" in card
    facts = json.loads((tmp_path / "student" / "distillation.json").read_text())
    assert facts["teacher"]["name"] == "teacher"
    student = load_net(tmp_path / "student")
    assert student.parameters == facts["results"][1]["parameters"]
    assert [one.name for one in tmp_path.iterdir()] == ["student"]


def test_json_is_one_document_and_quiet_says_nothing_else(scene: Path, tmp_path: Path) -> None:
    result = run(*ordinary(scene, tmp_path / "s", "--json", "--quiet", "--no-compare", "--method", "logits"))
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert result.stderr == ""
    assert [row["model"] for row in facts["results"]] == ["teacher", "student", "untrained student"]
    assert facts["recipe"]["beta"] == 0


def test_a_run_that_was_interrupted_is_resumed(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ["--no-compare", "--method", "logits", "--top-logits", 4, "--divergence", "jsd", "--checkpoint-every", 4]
    assert run(*ordinary(scene, tmp_path / "whole", *more)).exit_code == 0
    there = [*more, "--checkpoints", tmp_path / "work"]

    def interrupted(*arguments: Any, watch: Any, **named: Any) -> Any:
        def stopping(step: int, loss: float, rate: float) -> None:
            watch(step, loss, rate)
            if step >= 6:
                raise KeyboardInterrupt

        return learn(*arguments, watch=stopping, **named)

    learn = job_module.distil_net
    monkeypatch.setattr(job_module, "distil_net", interrupted)
    result = run(*ordinary(scene, tmp_path / "resumed", *there))
    assert result.exit_code == 130
    assert "go on with the same command and --resume" in result.stderr
    assert not (tmp_path / "resumed").exists()
    monkeypatch.setattr(job_module, "distil_net", learn)
    words = refused(ConfigError, *ordinary(scene, tmp_path / "resumed", *there))
    assert "go on with --resume" in words
    words = refused(ConfigError, *ordinary(scene, tmp_path / "resumed", *there, "--resume", "--seed", 5))
    assert "had another recipe" in words
    assert run(*ordinary(scene, tmp_path / "resumed", *there, "--resume")).exit_code == 0
    one, two = (load_net(tmp_path / name).model.state_dict() for name in ("whole", "resumed"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    facts = json.loads((tmp_path / "resumed" / "distillation.json").read_text())
    assert facts["training"]["resumed at step"] == 4


def test_what_is_missing_is_said_before_a_model_is_opened(scene: Path, tmp_path: Path) -> None:
    teacher, rows, out = scene / "teacher", scene / "rows.jsonl", tmp_path / "out"
    assert "no teacher" in refused(ConfigError, "--data", rows)
    assert "no data" in refused(ConfigError, teacher, "--out", out)
    assert "no folder for the student" in refused(ConfigError, teacher, "--data", rows)
    assert "who permits" in refused(ConfigError, teacher, "--data", rows, "--out", out)
    assert "--resume" in refused(ConfigError, "--resume")
    assert "given twice" in refused(ConfigError, "--beta", "0.5", "--divergence", "jsd")
    assert "something already" in refused(OutputError, *ordinary(scene, scene))
    assert "no such model folder" in refused(InputError, tmp_path / "no", *ordinary(scene, out)[1:])
    assert not out.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--learning-rate", 0], "the learning rate is 0, and must lie above 0"),
        (["--beta", 0.5], "a divergence compares logits, and the method sequence has none"),
        (["--divergence", "reverse"], "a divergence compares logits, and the method sequence has none"),
        (["--temperature", 2], "a temperature of logits is given, and the method sequence has none"),
        (["--warm-up", 3, "--method", "logits"], "only the method on-policy has a warm-up"),
        (
            ["--temperature", "inf", "--method", "logits"],
            "the temperature is inf, and must lie above 0 and below 1,000",
        ),
        (["--answer-temperature", "inf"], "the temperature of the teacher's answers is inf"),
        (["--answer-tokens", 64], "an answer of 64 tokens leaves no room for a prompt: the teacher takes 64 of both"),
        (["--student", "tiny:99999x999"], "a tiny student of width 99999 and 999 layers cannot be built"),
        (["--student", "tiny:" + "9" * 5000 + "x1"], "and 1 layer cannot be built"),
    ],
)
def test_a_recipe_that_would_not_be_followed_is_refused(
    scene: Path, tmp_path: Path, more: list[object], words: str
) -> None:
    assert words in refused(ConfigError, *ordinary(scene, tmp_path / "out", *more))


def test_the_readme_of_the_teacher_counts_and_stands_in_the_card(scene: Path, tmp_path: Path) -> None:
    shutil.copytree(scene / "teacher", tmp_path / "teacher")
    readme = tmp_path / "teacher" / "README.md"
    arguments = [tmp_path / "teacher", *ordinary(scene, tmp_path / "out", "--no-compare")[1:]]
    readme.write_text("---\nlicense: llama2\n---\n")
    assert "'llama2' that the teacher declares forbid" in refused(InputError, *arguments)
    readme.write_text("---\nlicense: mit\n---\n")
    assert run(*arguments).exit_code == 0
    assert json.loads((tmp_path / "out" / "distillation.json").read_text())["teacher"]["terms"] == "mit"


def test_half_characters_of_the_data_are_left_out(scene: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "half \\ud800", "terms": "own"}\n')
    result = run(*ordinary(scene, tmp_path / "out", "--data", file, "--no-compare"))
    assert result.exit_code == 0, result.output
    assert "1 row left out: 1 because its text has halves of characters" in " ".join(result.stdout.split())
    assert "Too few for intervals." in " ".join(result.stdout.split())


def test_a_damaged_checkpoint_is_an_error_in_words(scene: Path, tmp_path: Path) -> None:
    there = ["--no-compare", "--checkpoints", tmp_path / "work", "--checkpoint-every", 4]
    assert run(*ordinary(scene, tmp_path / "one", *there)).exit_code == 0
    assert (tmp_path / "work").stat().st_mode & 0o777 == 0o700
    shutil.rmtree(tmp_path / "work" / "steps" / "checkpoint-12")
    for name in ("rng_state.pth", "scheduler.pt", "optimizer.pt"):
        file = tmp_path / "work" / "steps" / "checkpoint-8" / name
        whole = file.read_bytes()
        file.write_bytes(b"damaged")
        words = refused(InputError, *ordinary(scene, tmp_path / "two", *there, "--resume"))
        assert "the checkpoint is damaged and cannot be resumed" in words, name
        assert "weights_only" not in words
        file.write_bytes(whole)


def test_data_that_may_not_teach_is_refused(scene: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text((scene / "rows.jsonl").read_text() + json.dumps({"prompt": "x", "terms": "openai-terms"}) + "\n")
    arguments = ordinary(scene, tmp_path / "out", "--data", file)
    words = refused(InputError, *arguments)
    assert "openai-terms" in words
    assert f"{file}, line 31" in words
    assert "--accept" in words
    assert "openai-terms" in refused(InputError, *arguments, "--accept", "openai-terms")
    assert "the teacher" in refused(InputError, *ordinary(scene, tmp_path / "out", "--teacher-terms", "llama-2"))
    assert not (tmp_path / "out").exists()


def test_without_a_teacher_it_is_a_smoke_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = smoke.SmokeSize(questions=60, teacher=TinySize(32, 1, 2, 96), student="tiny:16x1", teacher_steps=5)
    monkeypatch.setattr(smoke, "SmokeSize", lambda **_: small)
    result = run("--steps", 6, "--out", tmp_path / "student")
    assert result.exit_code == 0, result.output
    assert "untrained student" in result.stdout
    assert "everything was made here" in (tmp_path / "student" / "README.md").read_text()
    monkeypatch.undo()
    assert smoke.SmokeSize().questions > 1000


def test_divergences_and_warm_up_have_defaults_that_suit_the_method() -> None:
    logits, on_policy = MethodChoice.LOGITS, MethodChoice.ON_POLICY
    assert (
        distil._choose_divergence_beta(logits, None, None),
        distil._choose_divergence_beta(on_policy, None, None),
    ) == (0.0, 1.0)
    assert distil._choose_divergence_beta(logits, DivergenceChoice.JSD, None) == 0.5
    assert distil._choose_divergence_beta(logits, None, 0.1) == 0.1
    assert distil._warm_up(on_policy, "tiny", None, 1000) == 800
    assert distil._warm_up(on_policy, "folder", None, 1000) == 0
    assert distil._warm_up(on_policy, "tiny", 7, 1000) == 7
    tiny, large = (distil._choose_training_recipe(one, None, None, None, smoke=False) for one in ("tiny", "folder"))
    assert tiny.learning_rate > large.learning_rate
    assert distil._choose_training_recipe("tiny", None, None, None, smoke=True).batch == 64
