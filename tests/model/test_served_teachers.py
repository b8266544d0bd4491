"""A teacher whose weights are not here, an endpoint that filters, and what is told before a proof."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import torch
from safetensors.torch import load_file

from model.marks_scene import MARKS
from model.model_server import serve_net
from model.prove_scene import COMPARED, SIZE, copied, fingerprint, prove_scene, thief
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.progress import Silent
from stillhunt_evidence.packs.proof_file import NO_CONCLUSION, TRAINED
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.endpoints.client import Endpoint, chat_text, completion_text
from stillhunt_model.nets.loading import count_weights, load_net
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.endpoint import EndpointSuspect
from stillhunt_model.proof.needs import ProofModels, check_memory, free_memory
from stillhunt_model.proof.own_models import learn_reader, unread_teacher
from stillhunt_model.proof.proving import CampaignHarvest, ProvenCampaign, prove_training
from stillhunt_model.proof.replies import sort_out_replies
from stillhunt_model.proof.standard_tests import ControlAnswersTest, standard_tests
from stillhunt_model.proof.suspects import LocalSuspect, Suspect, open_suspect
from stillhunt_model.proof.teachers import DrawSource, FiledDraws, ServedDraws
from stillhunt_model.proof.trials import TRIALS_FILE, TrialRegister
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("remembers_frozen_models")


def proven_with(source: DrawSource | None, suspect: Suspect, folder: Path) -> ProvenCampaign:
    """What comes of twelve harvested and sixteen honest answers, with the draws of a source."""
    scene = prove_scene()
    context = replace(scene.context(queries=300), drawn_by=source)
    if source is not None:
        context = replace(context, teacher=unread_teacher(source.name), teacher_fingerprint=source.fingerprint)
    harvest = CampaignHarvest("c-1", scene.answers["c-1"][:COMPARED], scene.honest[:16])
    register = TrialRegister(folder, context.config.model.pairs)
    with closing(suspect):
        return prove_training(suspect, [harvest], [ControlAnswersTest()], context, register, NOW)[0]


def suspect_at(url: str) -> EndpointSuspect:
    return EndpointSuspect(Endpoint(url, "s"), QueryBudget(300), lambda _: None)


def test_a_thief_is_found_by_replies_and_draws_of_a_served_teacher(tmp_path: Path) -> None:
    with serve_net(prove_scene().teacher) as teacher, serve_net(thief(), completions=False) as served:
        source = ServedDraws(Endpoint(teacher.url, "t"), tmp_path)
        found = proven_with(source, suspect_at(served.url), tmp_path)
        sent = [body for body in teacher.bodies if "temperature" in body]
    assert found.verdict.verdict == TRAINED, found.results[0]
    assert "stood for the teacher, whose weights are not here" in found.results[0].note
    assert Counter(body["messages"][0]["content"] for body in sent).total() == 9 * (COMPARED + COMPARED)
    assert {(body["temperature"], body["max_tokens"]) for body in sent} == {(1.0, 24)}
    assert len({(body["messages"][0]["content"], body["seed"]) for body in sent}) == len(sent)
    (kept,) = (tmp_path / "draws").iterdir()
    assert prove_scene().answers["c-1"][0].prompt not in kept.read_text(encoding="utf-8")


def test_a_stranger_is_not_accused_by_draws_of_a_served_teacher(tmp_path: Path) -> None:
    stranger = LocalSuspect(prove_scene().stranger, fingerprint("stranger"), QueryBudget(300))
    with serve_net(prove_scene().teacher) as teacher:
        found = proven_with(ServedDraws(Endpoint(teacher.url, "t"), tmp_path), stranger, tmp_path)
    assert found.verdict.verdict == NO_CONCLUSION
    assert found.results[0].p > 0.01


def test_a_teacher_that_fails_draws_nothing_twice(tmp_path: Path) -> None:
    rows = prove_scene().answers["c-1"][:4]
    with serve_net(prove_scene().teacher, down=range(20, 60)) as teacher:
        source = ServedDraws(Endpoint(teacher.url, "t"), tmp_path, lambda _: None)
        with pytest.raises(InputError, match=r"the teacher cannot be asked: .* of 36 draws are kept") as failed:
            source.draw(rows, 9, 0, Silent())
        assert "run the same again" in failed.value.on_command_line()
        (kept,) = (tmp_path / "draws").iterdir()
        before, asked = len(kept.read_text(encoding="utf-8").splitlines()), len(teacher.asked)
        teacher.asked.extend(teacher.asked[:1] * (60 - asked))  # it is up again
        assert [len(one) for one in source.draw(rows, 9, 0, Silent())] == [9] * 4
        assert len(teacher.asked) == 60 + 36 - before
        assert source.draw(rows, 9, 0, Silent()) == source.draw(rows, 9, 0, Silent())
        assert len(teacher.asked) == 60 + 36 - before
        source.draw(rows, 9, 1, Silent())
        assert len(teacher.asked) > 60 + 36  # another seed draws anew


def test_a_teacher_that_is_not_there_costs_no_place(tmp_path: Path) -> None:
    stranger = LocalSuspect(prove_scene().stranger, fingerprint("stranger"), QueryBudget(300))
    with serve_net(prove_scene().teacher, key="sk-1") as teacher:
        source = ServedDraws(Endpoint(teacher.url, "t", "sk-2"), tmp_path, lambda _: None)
        with pytest.raises(InputError, match="refuses the key") as failed:
            proven_with(source, stranger, tmp_path)
    assert "no place in the register was used" in failed.value.on_command_line()
    assert not (tmp_path / TRIALS_FILE).exists()


def test_marked_answers_need_the_weights_of_the_teacher(tmp_path: Path) -> None:
    scene = prove_scene()
    source = ServedDraws(Endpoint("http://127.0.0.1:9", "t"), tmp_path)
    context = replace(scene.context(MARKS), drawn_by=source)
    stranger = LocalSuspect(scene.stranger, fingerprint("stranger"), QueryBudget(300))
    with pytest.raises(ConfigError, match="only the teacher's weights can mark control answers alike"):
        prove_training(stranger, [scene.harvest()], standard_tests(), context, TrialRegister(tmp_path, 4), NOW)


def draws_file(folder: Path, lines: Callable[[str, list[str]], str] | None = None) -> Path:
    """Draws of the teacher for the answers of c-1 and of honest accounts."""
    scene, path = prove_scene(), folder / "draws.jsonl"
    rows = [*scene.answers["c-1"], *scene.honest]
    said = generate(scene.teacher, [one.prompt for one in rows for _ in range(9)], Sampling(24, seed=11))
    written = lines or (lambda name, texts: json.dumps({"request_id": name, "draws": texts}) + "\n")
    parts = [said[9 * place : 9 * place + 9] for place in range(len(rows))]
    path.write_text("".join(written(row.request_id, part) for row, part in zip(rows, parts, strict=True)))
    return path


def test_a_file_of_draws_takes_the_place_of_the_teacher(tmp_path: Path) -> None:
    scene, path = prove_scene(), draws_file(tmp_path)
    wanted = [one.request_id for one in (*scene.answers["c-1"], *scene.honest)]
    student = LocalSuspect(scene.student, fingerprint("student"), QueryBudget(300))
    found = proven_with(FiledDraws(path, wanted), student, tmp_path)
    assert found.verdict.verdict == TRAINED, found.results[0]
    some = FiledDraws(path, wanted[:3])
    assert [one.request_id for one in some.with_draws(scene.answers["c-1"])] == wanted[:3]
    assert some.fingerprint == FiledDraws(path, ()).fingerprint
    for line in ("[]", '{"request_id": "r"}', '{"request_id": "r", "draws": [1]}', "{"):
        path.write_text(f"\n{line}\n", encoding="utf-8")
        with pytest.raises(InputError, match="line 2 is no JSON object with request_id and draws"):
            FiledDraws(path, wanted)


def test_what_stands_for_the_teacher_does_not_know_which_answer_was_logged() -> None:
    """Each logged answer changes places with a control answer: the model must be the same to its last bit."""
    rows = prove_scene().answers["c-1"][:6]
    drawn = DrawnAnswers(rows, [[f"one {place}", f"two {place}"] for place in range(6)])
    changed = DrawnAnswers(
        [replace(row, answer=texts[1]) for row, texts in zip(rows, drawn.controls, strict=True)],
        [[texts[0], row.answer] for row, texts in zip(rows, drawn.controls, strict=True)],
    )
    first, second = (learn_reader([one], "t", 0).model.state_dict() for one in (drawn, changed))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_replies_that_a_filter_refused_neither_convict_nor_acquit(tmp_path: Path) -> None:
    prompts = [one.prompt for one in prove_scene().answers["c-1"][:COMPARED]]
    refused = set(prompts[:2])
    with serve_net(thief(), completions=False, filters=refused.__contains__) as served:
        found = proven_with(None, suspect_at(served.url), tmp_path)
    result = found.results[0]
    assert result.used == COMPARED - 2
    assert "22 of 132 replies were empty or filtered" in result.note
    assert "nor do 2 answers to whose prompts nothing else was replied" in result.note
    assert found.verdict.verdict == TRAINED, result
    with serve_net(thief(), completions=False, filters=set(prompts).__contains__) as served:
        found = proven_with(None, suspect_at(served.url), tmp_path / "all")
    assert (found.results[0].p, found.results[0].used) == (1.0, 0)
    assert "132 of 132 replies were empty or filtered" in found.results[0].note


def test_a_sentence_of_the_gateway_is_no_reply_of_the_model() -> None:
    said = [TextPair(f"p{place}", "I cannot help with that.") for place in range(8)]
    own = [TextPair(f"p{place}", text) for place in range(40) for text in ("Yes.", f"answer {place}")[place > 3 :]]
    found = sort_out_replies([*said, *own, TextPair("p9", "")])
    assert (found.canned, found.empty) == (8, 1)
    assert found.pairs == own  # four prompts may well have one answer
    assert found.prompts == {f"p{place}" for place in range(40)}


def test_a_text_that_a_filter_cut_is_none() -> None:
    cut = {"text": "half of", "message": {"content": "half of"}, "finish_reason": "content_filter"}
    whole = {**cut, "finish_reason": "stop"}
    for read in (completion_text, chat_text):
        assert read(json.dumps({"choices": [cut]}).encode()) == ""
        assert read(json.dumps({"choices": [whole]}).encode()) == "half of"


def test_models_that_do_not_fit_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    large = ProofModels(teacher=7_000_000_000, teacher_bytes=4, references=(135_000_000,), suspect=0)
    with pytest.raises(ConfigError, match=r"need up to 29\.\d GB .* and 16\.0 GB of memory are free") as refused:
        check_memory(large, 16_000_000_000)
    assert "--teacher-dtype bfloat16" in refused.value.on_command_line()
    assert check_memory(replace(large, teacher_bytes=2), 20_000_000_000).startswith("Memory: up to 15.")
    assert check_memory(ProofModels(0, 4, (), 0), 0) == ""
    # Whether a surrogate is trained nobody knows yet; a suspect that runs here needs none.
    small = ProofModels(1000, 4, (), 0)
    assert (small.memory, small.training) == (2 * 4000, 16_000)
    told = check_memory(small, 8000)
    assert "to train a surrogate, if the suspect gives text alone, which does not fit" in told
    assert "fit" not in check_memory(small, 24_000)
    local = ProofModels(1000, 4, (), 10)
    assert (local.memory, local.training) == (2 * 4 * 1010, 0)
    assert "surrogate" not in check_memory(local, 2 * 4 * 1010)
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:       7 kB\n")
    assert free_memory(tmp_path / "meminfo") == 7 << 10
    folder = prove_scene().folder / "teacher"
    held = {one.data_ptr(): one.numel() for one in load_net(folder).model.parameters()}
    assert count_weights(folder) == sum(held.values())
    assert count_weights(tmp_path / "nothing") == 0


def test_folders_in_bfloat16_are_teacher_and_suspect(tmp_path: Path) -> None:
    scene = prove_scene()
    for net in (scene.teacher, scene.student):
        shorter = Net(copied(net).model.to(torch.bfloat16), net.tokenizer, net.name)
        save_net(shorter, tmp_path / net.name)
        stored = load_file(tmp_path / net.name / "model.safetensors")
        assert {one.dtype for one in stored.values()} == {torch.bfloat16}
    net = load_net(tmp_path / "teacher", dtype=torch.bfloat16)
    assert {one.dtype for one in net.model.parameters()} == {torch.bfloat16}
    suspect = open_suspect(tmp_path / "student", QueryBudget(300))
    context, register = replace(scene.context(queries=300), teacher=net), TrialRegister(tmp_path, 4)
    (found,) = prove_training(suspect, [scene.harvest()], [ControlAnswersTest()], context, register, NOW)
    assert found.verdict.verdict == TRAINED, found.results[0]
    assert SIZE.longest == net.longest
