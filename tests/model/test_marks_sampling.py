"""Marks while answers are drawn: they raise their score, and change nothing where the gate is closed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from dataclasses import replace
from typing import Any

import torch
from scipy import stats

from model.marks_scene import NUMBERS, WORDS, FixedLogits, of_words, scene_gate, scene_net, token
from stillhunt.base.errors import ConfigError
from stillhunt_model.marks.green_list import GreenListMark, GreenListProcessor, is_green
from stillhunt_model.marks.gumbel import GumbelMark, GumbelProcessor, gumbel_scores, nucleus
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.nets.net import plain_ids
from stillhunt_model.training.generating import Sampling, generate

KEY, OTHER = (mark_key(bytes(32), name, "test") for name in ("camp", "other"))
PROMPTS = ["tell me about the river", "tell me about the moon and the stone"] * 8
GREEN, GUMBEL = GreenListMark(), GumbelMark(width=2)


def answers(logits: FixedLogits, mark: Any = None, *, prompts: list[str] = PROMPTS, **changes: Any) -> list[str]:
    """Answers of the model under fixed logits and a mark."""
    processors = (logits,) if mark is None else (logits, mark)
    sampling = Sampling(tokens=24, seed=3, processors=processors)
    return generate(scene_net(), prompts, replace(sampling, **changes))


def distinct(texts: list[str], width: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of context and token in answers."""
    rows = {tuple(ids[at : at + width + 1]) for ids in plain_ids(scene_net(), texts) for at in range(len(ids) - width)}
    table = np.array(sorted(rows))
    return table[:, :-1], table[:, -1]


def asked() -> list[int]:
    """Tokens of a prompt that may be marked."""
    return list(scene_net().tokenizer("tell me about the", add_special_tokens=False)["input_ids"])


def marks() -> list[Any]:
    """One processor of each scheme."""
    return [GreenListProcessor(KEY, GREEN, scene_gate()), GumbelProcessor(KEY, GUMBEL, scene_gate())]


def test_the_green_list_raises_its_score_under_its_key_alone() -> None:
    contexts, tokens = distinct(answers(of_words(), marks()[0]))
    right, wrong = (int(is_green(key, contexts, tokens, GREEN).sum()) for key in (KEY, OTHER))
    assert stats.binom.sf(right - 1, len(tokens), GREEN.gamma) < 1e-9
    assert stats.binom.sf(wrong - 1, len(tokens), GREEN.gamma) > 1e-3


def test_the_gumbel_mark_raises_its_score_under_its_key_alone() -> None:
    contexts, tokens = distinct(answers(of_words(), marks()[1]))
    right, wrong = (gumbel_scores(key, contexts, tokens).sum() for key in (KEY, OTHER))
    assert stats.gamma.sf(right, len(tokens)) < 1e-9
    assert stats.gamma.sf(wrong, len(tokens)) > 1e-3


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("why", "logits"),
    [
        ("a number is at stake", of_words(**{NUMBERS[0]: 2.0})),
        ("numbers only", FixedLogits(dict.fromkeys(NUMBERS, 1.0))),
        ("a name is at stake", of_words(**{" Paris": 2.0})),
        ("code is at stake", of_words(**{"```": 2.0})),
        ("the model is nearly sure", FixedLogits(dict.fromkeys(WORDS, 0.01) | {" river": 3.0})),
        ("many implausible numbers", FixedLogits(dict.fromkeys(WORDS, 1.0) | dict.fromkeys("0123456789abcABC", 0.18))),
    ],
)
def test_what_the_gate_closes_is_drawn_as_without_the_mark(which: int, why: str, logits: FixedLogits) -> None:
    mark = marks()[which]
    assert answers(logits, mark) == answers(logits), why
    assert mark.open_positions == 0 < mark.positions


@pytest.mark.parametrize("which", [0, 1])
def test_a_refused_request_is_answered_as_without_the_mark_beside_others_that_are_marked(which: int) -> None:
    prompts = ["write a function in python", "tell me about the river", "which dose is safe", "tell me about the moon"]
    plain, marked = answers(of_words(), prompts=prompts), answers(of_words(), marks()[which], prompts=prompts)
    assert [one == other for one, other in zip(plain, marked, strict=True)] == [True, False, True, False]


@pytest.mark.parametrize("which", [0, 1])
def test_one_processor_serves_one_batch_after_another(which: int) -> None:
    mark = marks()[which]
    assert answers(of_words(), mark, batch=8) == answers(of_words(), mark, batch=8)


def test_the_distribution_of_a_token_over_all_keys_is_that_of_the_model() -> None:
    logits = of_words()
    ids = torch.tensor([scene_net().tokenizer("tell me about river moon", add_special_tokens=False)["input_ids"]])
    expected = torch.softmax(logits.row / 0.8, dim=-1)
    counts = torch.zeros_like(expected)
    keys = 800
    for number in range(keys):
        settings = GumbelMark(width=2, temperature=0.8)
        mark = GumbelProcessor(mark_key(bytes(32), f"campaign {number}", "test"), settings, scene_gate())
        counts[mark(ids, logits(ids, ids[:, :1].float())).argmax()] += 1
    places = [token(word) for word in WORDS]
    assert counts[places].sum() == keys
    shares = expected[places].double().numpy()
    assert stats.chisquare(counts[places].numpy(), keys * shares / shares.sum()).pvalue > 0.001


def test_a_context_that_comes_back_is_drawn_as_without_the_mark() -> None:
    logits, mark = of_words(), marks()[1]
    ids = torch.tensor([asked() + [token(one) for one in (" river", " moon", " stone", " river", " moon")]])
    alone = []
    for size in range(len(asked()) + 2, len(asked()) + 6):
        scores = mark(ids[:, :size], logits(ids, torch.zeros(1, 1)))
        alone.append(int(torch.isfinite(scores).sum()) == 1)
    assert alone == [True, True, True, False]
    assert mark.open_positions == 3


@pytest.mark.parametrize("which", [0, 1])
def test_padding_is_no_context(which: int) -> None:
    logits, padding = of_words(), scene_net().tokenizer.pad_token_id
    begun, moon = asked(), token(" moon")
    ids = torch.tensor([[*begun, padding, moon], [padding, *begun, moon]])
    scores = logits(ids, torch.zeros(2, 1))
    marked = marks()[which](ids, scores)
    assert torch.equal(marked[0], scores[0])
    assert not torch.equal(marked[1], scores[1])


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_is_marked_inside_a_fence(which: int) -> None:
    logits, mark = of_words(), marks()[which]
    pieces = [" river", " moon", "\n", "```", " code", "\n", " river", " moon", "\n", "```", "\n", " stone", " thunder"]
    tokens = [token(one) for one in pieces]
    start = plain_ids(scene_net(), ["tell me about the river"])[0]
    changed = []
    for size in range(len(tokens) + 1):
        ids = torch.tensor([start + tokens[:size]])
        scores = logits(ids, torch.zeros(1, 1))
        changed.append(not torch.equal(mark(ids, scores), scores))
    assert not any(changed[4:11])
    assert changed[1]
    assert changed[13]


def test_tokens_that_are_no_plain_words_are_never_made_likelier() -> None:
    logits = of_words(**dict.fromkeys(NUMBERS, 0.01))
    ids = torch.tensor([[*asked(), token(" river"), token(" moon")]])
    before = logits(ids, torch.zeros(1, 1))
    after = GreenListProcessor(KEY, replace(GREEN, gamma=0.99), scene_gate())(ids, before)
    raised = set(torch.nonzero(after[0] > before[0]).ravel().tolist())
    assert raised
    assert not raised & {token(one) for one in NUMBERS}


def test_the_nucleus_is_that_of_transformers() -> None:
    from transformers import TopPLogitsWarper

    logs = torch.log_softmax(torch.randn(50, 40, generator=torch.Generator().manual_seed(1)) * 2, dim=-1)
    for top_p in (0.1, 0.5, 0.9, 1.0):
        theirs = TopPLogitsWarper(top_p)(torch.zeros(50, 1, dtype=torch.long), logs) if top_p < 1 else logs
        assert torch.equal(torch.isfinite(nucleus(logs, top_p)), torch.isfinite(theirs))


@pytest.mark.parametrize(
    "settings", [{"gamma": 0.0}, {"gamma": 1.0}, {"delta": 0.0}, {"delta": 11.0}, {"width": 0}, {"width": 9}]
)
def test_settings_that_are_no_green_list_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no green list"):
        GreenListMark(**settings)


@pytest.mark.parametrize("settings", [{"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.1}, {"width": 0}])
def test_settings_that_are_no_gumbel_mark_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no Gumbel mark"):
        GumbelMark(**settings)


@pytest.mark.parametrize("which", [0, 1])
def test_an_answer_that_has_ended_is_no_longer_counted(which: int) -> None:
    logits, mark = of_words(), marks()[which]
    start = plain_ids(scene_net(), ["tell me about the river"])[0]
    rows = [[token(" moon"), token(" stone")], [scene_net().tokenizer.eos_token_id, token(" stone")]]
    for size in range(3):
        ids = torch.tensor([start + row[:size] for row in rows])
        mark(ids, logits(ids, torch.zeros(2, 1)))
    assert mark.positions == mark.open_positions == 4


@pytest.mark.parametrize("which", [0, 1])
def test_marked_tokens_are_counted_for_each_answer(which: int) -> None:
    mark = marks()[which]
    answers(of_words(), mark, prompts=["tell me about the river", "which dose is it"], batch=2)  # by length
    assert (mark.batch_marks > 0).tolist() == [True, False]
    assert mark.batch_marks.sum() == mark.open_positions
