"""Teachers behind servers, several teachers, other tokenizers, and low-rank changes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import torch
from model_server import Served, serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError, InputError, StillhuntError
from stillhunt.base.progress import Silent
from stillhunt_model.commands.app import model_commands
from stillhunt_model.distil.aligned import SpokenToken, aligned_top_logits, spoken_by_net
from stillhunt_model.distil.job import DistilJob, distil
from stillhunt_model.distil.learning import distil_net
from stillhunt_model.distil.lessons import Lessons, lessons_of
from stillhunt_model.distil.recipe import DistilRecipe
from stillhunt_model.distil.rows import DataRow, DistilData
from stillhunt_model.distil.served_teacher import ServedTeacher
from stillhunt_model.distil.top_logits import stored_loss, top_logits
from stillhunt_model.endpoints.client import Endpoint
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.low_rank import low_rank_changes
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, text_tokenizer, tiny_net
from stillhunt_model.nets.token_bytes import read_token_bytes
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair, collate, encode
from stillhunt_model.training.run import TrainingRecipe, train

PROMPTS = [f"say {number}" for number in range(24)]
STORED = DistilRecipe(TrainingRecipe(40, 8, 5e-3), "logits", top=20, answer_tokens=8)
SEQUENCE = replace(STORED, method="sequence", top=0)


@pytest.fixture(scope="module")
def teacher() -> Net:
    """A teacher that answers each number with its double, some of them right."""
    net = tiny_net(TinySize(32, 1, 2, 64), byte_tokenizer(), 1, "teacher")
    pairs = [TextPair(prompt, f"{2 * number:02}é") for number, prompt in enumerate(PROMPTS)]
    train(net, pairs, TrainingRecipe(60, 8, 5e-3))
    return net


def fresh(tokenizer: Any = None) -> Net:
    return tiny_net(TinySize(16, 1, 2, 64), tokenizer or byte_tokenizer(), 2, "student")


def other_tokens() -> Any:
    """A tokenizer with tokens of several bytes, and numbers of its own."""
    return text_tokenizer([*["10 20 30"] * 9, *PROMPTS], 266)


def weights(net: Net) -> Any:
    return torch.cat([one.detach().flatten() for one in net.model.parameters()])


@contextmanager
def serve_teacher(
    net: Net, *, logprobs: bool = True, down: range = range(0), end: str = "<|im_end|>"
) -> Iterator[Served]:
    """Serve chat completions with likeliest tokens, as vLLM does."""
    written = read_token_bytes(net.tokenizer)

    async def chat(request: Request) -> Response:
        body = json.loads(await request.body())
        if len(served.asked) in down:
            return JSONResponse({"error": "down"}, 500)
        pair = TextPair(body["messages"][0]["content"], "")
        text = generate(net, [pair.prompt], Sampling(body["max_tokens"], body["temperature"]))[0]
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}}
        if logprobs and body.get("logprobs"):
            (said,) = spoken_by_net(net, [TextPair(pair.prompt, text)], body["top_logprobs"])

            def token_of(one: bytes, log: float) -> dict[str, Any]:
                return {"token": one.decode("utf-8", "replace") or end, "bytes": list(one) or None, "logprob": log}

            content = [
                {**token_of(one.text, 0.0), "top_logprobs": [token_of(*other) for other in one.likeliest]}
                for one in said
            ]
            choice["logprobs"] = {"content": content}
        return JSONResponse({"choices": [choice]})

    assert len(written) == len(net.tokenizer)
    with serve(("/v1/chat/completions", chat)) as served:
        yield served


def asked_through(served: Served, kept: Path | None = None) -> ServedTeacher:
    return ServedTeacher(Endpoint(served.url, "ours"), "teacher", kept, lambda _: None)


def test_a_served_teacher_teaches_what_the_same_one_teaches_here(teacher: Net) -> None:
    with serve_teacher(teacher) as served:
        there = lessons_of([asked_through(served)], fresh(), PROMPTS, STORED, None, Silent())
    student = fresh()
    encoded = encode(student, there.pairs)
    here = top_logits(teacher, encoded, 20)
    assert there.stored is not None
    batch = collate(encoded, 0) | {"rows": torch.arange(len(encoded))}
    with torch.no_grad():
        losses = [
            float(stored_loss(one, 0.0, len(student.tokenizer))(student.model, batch)) for one in (here, there.stored)
        ]
    assert losses[0] == pytest.approx(losses[1], rel=2e-3)
    distil_net(None, student, there, STORED)
    with torch.no_grad():
        assert float(stored_loss(here, 0.0, len(student.tokenizer))(student.model, batch)) < 0.7 * losses[0]


def test_where_tokens_begin_alike_the_student_learns_what_the_teacher_would_say(teacher: Net) -> None:
    student = fresh(other_tokens())
    pairs = [TextPair(PROMPTS[5], "10é")]
    (encoded,) = encode(student, pairs)
    spoken = spoken_by_net(teacher, pairs, 20)
    found = aligned_top_logits(student, [encoded], spoken, 20)
    learned = encoded.tokens[encoded.start :]
    sure = [
        math.exp(float(log)) > 0.999 and int(one) == token
        for one, log, token in zip(found.ids[:, 0], found.logs[:, 0], learned, strict=True)
    ]
    assert student.tokenizer.convert_ids_to_tokens(learned)[0] == "10"
    assert sure[0]  # the teacher has no token of two bytes: the answer itself is learned
    assert not all(sure)  # single bytes are those of the teacher, whatever their numbers
    assert found.starts.tolist() == [0, len(learned)]
    shares = found.logs.float().exp().sum(-1) + found.rest.exp()
    assert torch.allclose(shares, torch.ones_like(shares), atol=2e-3)
    same = aligned_top_logits(fresh(), encode(fresh(), pairs), spoken, 20)
    assert torch.equal(same.ids, top_logits(teacher, encode(teacher, pairs), 20).ids)


def test_tokens_that_begin_with_one_of_the_students_add_up() -> None:
    student = fresh()
    (encoded,) = encode(student, [TextPair("say 1", "12")])
    likeliest = ((b"12", math.log(0.4)), (b"1", math.log(0.3)), (b"x", math.log(0.2)))
    found = aligned_top_logits(student, [encoded], [[SpokenToken(b"12", likeliest)]], 20)
    one, other = (student.tokenizer.convert_tokens_to_ids(sign) for sign in "1x")
    first = dict(zip(found.ids[0].tolist(), found.logs[0].exp().tolist(), strict=True))
    assert first == pytest.approx({one: 0.7, other: 0.2}, rel=1e-2)
    assert found.rest[0].exp() == pytest.approx(0.1, rel=1e-2)
    assert found.ids[1, 0] == encoded.tokens[encoded.start + 1]  # within the teacher's token the answer itself


def test_a_student_with_other_tokens_comes_nearer_to_its_teacher(teacher: Net) -> None:
    student = fresh(other_tokens())
    lessons = lessons_of([teacher], student, PROMPTS, STORED, None, Silent())
    before = weights(student).clone()
    assert distil_net(teacher, student, lessons, STORED).loss < 3
    assert not torch.equal(before, weights(student))


def test_nothing_is_asked_twice_and_a_failure_says_what_to_do(
    teacher: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "served.jsonl"
    with serve_teacher(teacher, down=range(9, 99)) as served:
        asker = asked_through(served, kept)
        with pytest.raises(InputError, match=r"cannot be asked: it answers 500") as failed:
            asker.ask_prompts(PROMPTS, Sampling(8, 0), 5, Silent())
        assert "what it answered is kept, go on with --resume" in failed.value.on_command_line()
    done = len(kept.read_text().splitlines())
    assert 0 < done < len(PROMPTS)
    with serve_teacher(teacher) as again:
        asker = asked_through(served, kept)
        monkeypatch.setattr(asker, "_open_client", asked_through(again)._open_client)
        answers = asker.ask_prompts(PROMPTS, Sampling(8, 0), 5, Silent())
        assert len(again.asked) == len(PROMPTS) - done
    assert [one.text for one in answers] == generate(teacher, PROMPTS, Sampling(8, 0))
    assert all(one.tokens for one in answers)


def test_a_server_without_log_probabilities_is_told_of_in_one_line(teacher: Net) -> None:
    with serve_teacher(teacher, logprobs=False) as served:
        asker = asked_through(served)
        with pytest.raises(InputError, match="it gives no log-probabilities") as failed:
            asker.ask_prompts(PROMPTS[:2], Sampling(8, 0), 5, Silent())
        assert "use --method sequence" in failed.value.on_command_line()
        assert [one.tokens for one in asker.ask_prompts(PROMPTS[:2], Sampling(8, 0), 0, Silent())] == [[], []]


def test_tokens_that_do_not_spell_the_answer_teach_as_text(teacher: Net) -> None:
    with serve_teacher(teacher, end="!") as served:  # an end that looks like text
        answers = asked_through(served).ask_prompts(PROMPTS[:2], Sampling(8, 0), 5, Silent())
    assert [one.tokens for one in answers] == [[], []]
    student = fresh()
    pairs = [TextPair(prompt, one.text) for prompt, one in zip(PROMPTS, answers, strict=False)]
    stored = aligned_top_logits(student, encode(student, pairs), [one.tokens for one in answers], 5)
    assert stored.ids.shape[-1] == 1
    assert stored.logs.abs().max() == 0


@pytest.mark.parametrize(
    "recipe", [replace(STORED, top=0), replace(STORED, beta=1.0), replace(STORED, temperature=2.0)]
)
def test_what_only_likeliest_tokens_cannot_give_is_refused(teacher: Net, recipe: DistilRecipe) -> None:
    with pytest.raises(ConfigError, match="several teachers"):
        lessons_of([teacher, teacher], fresh(), PROMPTS, recipe, None, Silent())


def test_on_policy_needs_one_teacher_that_runs_here(teacher: Net) -> None:
    recipe = replace(STORED, method="on-policy", top=0)
    for teachers in ([teacher, teacher], [ServedTeacher(Endpoint("http://127.0.0.1:9", "ours"), "teacher")]):
        with pytest.raises(ConfigError, match="needs one teacher that runs here"):
            lessons_of(teachers, fresh(), PROMPTS, recipe, None, Silent())


@pytest.mark.parametrize("recipe", [SEQUENCE, STORED], ids=["sequence", "stored"])
def test_several_teachers_answer_every_prompt_and_each_has_its_line(
    teacher: Net, recipe: DistilRecipe, tmp_path: Path
) -> None:
    data = DistilData([DataRow(prompt, f"{2 * number:02}é") for number, prompt in enumerate(PROMPTS)], {}, {})
    with serve_teacher(teacher) as served:
        job = DistilJob(teacher, "a", fresh(), data, recipe, work=tmp_path, others=(asked_through(served),))
        done = distil(job, Silent())
        learned = [body for body in served.bodies if bool(body.get("logprobs")) == (recipe.top > 0)]
    assert len(learned) >= len(PROMPTS) - done.questions
    names = ["teacher 1", "teacher 2", "student", "student without the teacher", "untrained student"]
    assert [row.asked.name for row in done.rows] == names
    here, there = done.rows[0].asked, done.rows[1].asked
    assert there.right.tolist() == here.right.tolist()
    assert there.parameters == 0
    assert math.isnan(there.seconds)


@pytest.mark.parametrize("rank", [1, 4])
def test_low_rank_changes_learn_and_become_part_of_the_weights(teacher: Net, rank: int) -> None:
    student = fresh()
    before = {name: one.clone() for name, one in student.model.state_dict().items()}
    names = list(before)
    with low_rank_changes(student, rank, 0):
        learning = sum(one.numel() for one in student.model.parameters() if one.requires_grad)
        assert learning < 0.5 * student.parameters
        pairs = [TextPair(prompt, f"{2 * number:02}") for number, prompt in enumerate(PROMPTS)]
        train(student, pairs, TrainingRecipe(20, 8, 5e-3))
        inside = generate(student, PROMPTS[:3], Sampling(6, 0))
    after = student.model.state_dict()
    assert list(after) == names
    changed = {name for name in names if not torch.equal(before[name], after[name])}
    assert changed == {name for name in names if "proj" in name}
    for name in changed:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= rank
    assert generate(student, PROMPTS[:3], Sampling(6, 0)) == inside
    assert all(one.requires_grad for one in student.model.parameters())


def test_a_low_rank_run_that_stopped_ends_with_the_same_weights(teacher: Net, tmp_path: Path) -> None:
    pairs = [TextPair(prompt, f"{2 * number:02}") for number, prompt in enumerate(PROMPTS)]
    recipe = replace(SEQUENCE, training=TrainingRecipe(12, 8, 5e-3, 3, 4))

    def run(folder: Path, stop: int = 99) -> Any:
        def stopping(step: int, _loss: float, _rate: float) -> None:
            if step >= stop:
                raise KeyboardInterrupt

        student = fresh()
        with low_rank_changes(student, 2, 0):
            distil_net(teacher, student, Lessons(pairs), recipe, folder=folder, watch=stopping)
        return weights(student)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", 6)
    assert torch.equal(run(tmp_path / "stopped"), whole)


def test_bytes_of_tokens_spell_every_text() -> None:
    tokenizer = other_tokens()
    written = read_token_bytes(tokenizer)
    text = "say 10 — é\n"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert b"".join(written[one] for one in ids) == text.encode()
    assert written[tokenizer.eos_token_id] == b""


def run_command(*arguments: object) -> Any:
    return CliRunner().invoke(model_commands, ["distil", *map(str, arguments)])


def test_the_command_distils_a_served_teacher_and_one_here_with_low_rank(teacher: Net, tmp_path: Path) -> None:
    save_net(teacher, tmp_path / "ours")
    save_net(fresh(), tmp_path / "small")
    rows = [{"prompt": prompt, "answer": f"{2 * number:02}é"} for number, prompt in enumerate(PROMPTS)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    common = [
        "--data", tmp_path / "rows.jsonl", "--terms", "own", "--permission", "ours", "--steps", 8, "--batch", 8,
        "--answer-tokens", 8, "--method", "logits", "--top-logits", 10, "--student", tmp_path / "small",
        "--low-rank", 2,
    ]  # fmt: skip
    with serve_teacher(teacher) as served:
        there = [served.url, "--model-name", "ours-7b", "--also", tmp_path / "ours", *common]
        result = run_command(*there, "--out", tmp_path / "out", "--checkpoints", tmp_path / "work")
    assert result.exit_code == 0, result.output
    assert "changes of rank 2 (LoRA)" in result.stdout
    assert "unknown" in result.stdout
    card = (tmp_path / "out" / "README.md").read_text()
    assert "ours-7b at http://127.0.0.1" in card
    assert load_net(tmp_path / "out").parameters == fresh().parameters
    assert (tmp_path / "work" / "served-1.jsonl").stat().st_mode & 0o77 == 0
    wrong = run_command(served.url, *common, "--out", tmp_path / "other")
    assert isinstance(wrong.exception, StillhuntError)
    assert "--model-name once for each address" in wrong.exception.on_command_line()
