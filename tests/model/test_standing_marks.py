"""Standing marks while answers are drawn: each key alone sees its own, and no probability changes over all keys."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy import stats

from model.marks_scene import MARKS, NUMBERS, WORDS, FixedLogits, key_of, of_words, scene_gate, scene_net, token
from stillhunt_model.marks.detecting import KeyedMark, MarkScore, choices_by, distinct_tokens, score_texts, score_tokens
from stillhunt_model.marks.gate import is_plain_piece
from stillhunt_model.marks.keys import OTHER_ACCOUNTS
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.marks.standing import Layer, MarkedAnswer, mark_answers
from stillhunt_model.nets.tiny import TinySize, tiny_net
from stillhunt_model.proof.inherited_marks import read_mark
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair

PROMPTS = ["tell me about the river", "tell me about the moon and the stone"] * 12
ONE = (Layer(1, 2),)
LAYERS = (Layer(4, 4), Layer(2, 4))  # in a language of twenty words each pair of two words is said soon


def answers(logits: FixedLogits, mark: Any = None, *, prompts: list[str] = PROMPTS, **changes: Any) -> list[str]:
    """Answers of the model under fixed logits and a mark."""
    sampling = Sampling(tokens=32, seed=3, processors=(logits,) if mark is None else (logits, mark))
    return generate(scene_net(), prompts, replace(sampling, **changes))


def standing(*groups: str, temperature: float = 1.0) -> StandingProcessor:
    return StandingProcessor([MARKS.keys_of(one) for one in groups], LAYERS, scene_gate(), temperature)


def scored(texts: list[str], key: bytes, layer: Layer) -> MarkScore:
    return score_texts([("", "", text) for text in texts], KeyedMark(key, layer, scene_gate()))


def test_both_keys_see_their_mark_and_no_other_group_does() -> None:
    said = answers(of_words(), standing("camp-1"))
    public, group = LAYERS
    assert scored(said, MARKS.public.key, public).p < 1e-9
    assert scored(said, MARKS.group_key("camp-1"), group).p < 1e-9
    assert scored(said, MARKS.group_key("camp-2"), group).p > 1e-3
    assert scored(answers(of_words()), MARKS.public.key, public).p > 1e-3


def test_more_replies_show_more_of_the_mark() -> None:
    """The trap: each pair of words is said some day, and to count all of them once tells nothing."""
    layer = Layer(1, 4)
    mark = StandingProcessor([MARKS.keys_of("camp-1")], (LAYERS[0], layer), scene_gate())
    pairs = [TextPair("", text) for text in answers(of_words(), mark, prompts=PROMPTS * 8)]

    def heard(group: str, some: list[TextPair]) -> float:
        return read_mark(None, [scene_net()], some, KeyedMark(MARKS.group_key(group), layer, scene_gate())).p

    assert scored([one.answer for one in pairs], MARKS.group_key("camp-1"), layer).p > 1e-3
    assert heard("camp-1", pairs) < 1e-3 * heard("camp-1", pairs[:24])
    assert heard("camp-2", pairs) > 1e-3


def test_groups_of_one_batch_are_told_apart() -> None:
    mark = standing(*["camp-1", OTHER_ACCOUNTS] * (len(PROMPTS) // 2))
    said = answers(of_words(), mark, prompts=["tell me about the moon"] * len(PROMPTS))
    for name, own, other in (("camp-1", said[::2], said[1::2]), (OTHER_ACCOUNTS, said[1::2], said[::2])):
        assert scored(own, MARKS.group_key(name), LAYERS[1]).p < 1e-6
        assert scored(other, MARKS.group_key(name), LAYERS[1]).p > 1e-3


@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_the_probability_of_a_token_over_all_keys_is_that_of_the_model(temperature: float) -> None:
    row = of_words(**{NUMBERS[0]: 3.0}).row[None, :]
    before, after, keys = torch.softmax(row / temperature, -1)[0], torch.zeros_like(row[0]), 200
    for number in range(keys):
        answer = MarkedAnswer([key_of(f"{number}")], [token(" river")], temperature)
        marked = mark_answers(row, [answer], ONE, scene_gate())
        after += torch.softmax(marked / temperature, -1)[0] / keys
    assert after == pytest.approx(before, abs=0.015)
    assert not torch.allclose(torch.softmax(marked / temperature, -1)[0], before, atol=0.01)


def test_a_number_keeps_its_probability_under_every_key() -> None:
    row = of_words(**dict.fromkeys((*NUMBERS, " Paris", "```"), 2.0)).row[None, :]
    before = torch.softmax(row, -1)[0]
    for number in range(20):
        answer = MarkedAnswer([key_of(f"{number}")], [token(" moon")])
        after = torch.softmax(mark_answers(row, [answer], ONE, scene_gate()), -1)[0]
        for piece in (*NUMBERS, " Paris", "```"):
            assert float(after[token(piece)]) == pytest.approx(float(before[token(piece)]), rel=1e-4)


def test_a_word_that_was_not_plain_is_not_gone_on_with() -> None:
    gate, river = scene_gate(), token(" river")
    part = int(torch.nonzero(gate.plain & ~gate.starts)[0])
    text = np.array([river, part, token(" Paris"), part, river, len(gate.plain), part])
    assert gate.may_follow(text).tolist() == [True, True, False, False, True, False, False]
    assert gate.may_follow(text[:0]).tolist() == []


def test_a_context_that_comes_back_is_drawn_as_without_the_mark() -> None:
    row, answer, changed = of_words().row[None, :], MarkedAnswer([key_of("a")], []), []
    for piece in (" river", " moon", " river", " stone"):
        answer.tokens.append(token(piece))
        changed.append(not torch.equal(mark_answers(row, [answer], ONE, scene_gate()), row))
    assert changed == [True, True, False, True]


def test_nothing_is_marked_where_nothing_is_drawn() -> None:
    row = of_words().row[None, :]
    answer = MarkedAnswer([key_of("a")], [token(" river")], temperature=0.0)
    assert mark_answers(row, [answer], ONE, scene_gate()) is row


def test_what_a_grammar_forbids_stays_forbidden() -> None:
    row = of_words().row[None, :].clone()
    row[0, [token(word) for word in WORDS[::2]]] = -torch.inf
    marked = mark_answers(row, [MarkedAnswer([key_of("a")], [token(" river")])], ONE, scene_gate())
    assert torch.equal(marked.isinf(), row.isinf())
    assert not marked.isnan().any()
    nothing = torch.full_like(row, -torch.inf)
    nothing[0, token(" 7")] = 0.0
    answer = MarkedAnswer([key_of("a")], [token(" river")])
    assert torch.equal(mark_answers(nothing, [answer], ONE, scene_gate()), nothing)


def test_one_processor_serves_one_batch_after_another() -> None:
    mark = standing("camp-1")
    assert answers(of_words(), mark, batch=8) == answers(of_words(), mark, batch=8)


def test_a_model_with_more_rows_than_its_tokenizer_has_tokens_is_marked() -> None:
    row = torch.nn.functional.pad(of_words().row[None, :], (0, 64), value=0.0)
    marked = mark_answers(row, [MarkedAnswer([key_of("a")], [token(" river")])], ONE, scene_gate())
    assert not torch.equal(marked, row)
    assert torch.equal(marked[:, -64:], row[:, -64:])


def test_p_values_of_texts_without_a_mark_are_uniform() -> None:
    pairs = distinct_tokens(scene_gate(), [("", "", text) for text in answers(of_words())], 2)
    found = [score_tokens(*pairs, key_of(f"{number}"), Layer(2, 4)).p for number in range(200)]
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_a_repeated_text_says_nothing_new() -> None:
    texts = answers(of_words(), standing("camp-1"))[:1]
    key, layer = MARKS.public.key, LAYERS[0]
    assert scored(texts * 50, key, layer) == scored(texts, key, layer)


def test_the_entropy_gate_leaves_out_what_the_model_was_sure_of() -> None:
    gate, net = scene_gate(), tiny_net(TinySize(32, 1, 2, longest=4), scene_net().tokenizer, seed=0)
    ids = net.tokenizer("tell me about river moon stone", add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        net.model.get_input_embeddings().weight.mul_(0)  # every word is as likely as all
    (even,) = choices_by(net, gate)([ids])
    assert even.tolist() == [False, True, True] * 2  # at the beginning of a piece nothing is known
    sure = replace(gate, plain=torch.zeros_like(gate.plain))
    (none,) = choices_by(net, sure)([ids])
    assert len(none) == len(ids)
    assert not none.any()


@pytest.mark.parametrize("piece", [*WORDS, "river", "é", " grün", ",", "."])
def test_plain_pieces(piece: str) -> None:
    assert is_plain_piece(piece)


@pytest.mark.parametrize(
    "piece",
    [" River", "7", " 7", "", " ", "\n", "(", '"', "`", " not", " seven", " kein", " rien", "河", " река", "river7"],
)
def test_pieces_that_are_not_plain(piece: str) -> None:
    assert not is_plain_piece(piece)
