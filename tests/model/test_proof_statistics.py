"""The statistics of proofs: exact where they say so, bounds where they say so, and the traps that they avoid."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from hypothesis import given, settings
from hypothesis import strategies as st
from prose import prose_pairs, prose_world
from scipy.stats import binom, wilcoxon

from stillhunt.base.errors import InputError
from stillhunt_model.marks.detecting import KeyedMark, distinct_tokens, score_texts, score_tokens
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.hashing import mark_key
from stillhunt_model.marks.standing import Layer, mark_bits
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.proof.control_answers import DrawnAnswers, drawn_again, why_not_drawn
from stillhunt_model.proof.inherited_marks import preferences, read_mark, score_weights
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.proof.statistics import aligned_rank_p, coin_tail
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.pairs import TextPair
from thoroughness import examples

BLOCKS = st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=4), min_size=1, max_size=5)
PAIRS = prose_pairs(prose_world(), 60, 0)
TOKENIZER = text_tokenizer([one.answer for one in PAIRS], 400)
GATE = gate_of(TOKENIZER)


@given(BLOCKS)
@settings(derandomize=True, deadline=None, max_examples=examples(30, 300))
def test_the_tail_is_that_of_all_picks(blocks: list[list[int]]) -> None:
    unlike = [block for block in blocks if len(set(block)) > 1]
    if not unlike:
        assert aligned_rank_p(blocks) == 1
        return
    picked = []
    for places in itertools.product(*(range(len(block)) for block in unlike)):
        turned = [
            [block[place], *block[:place], *block[place + 1 :]] for block, place in zip(unlike, places, strict=True)
        ]
        picked.append(aligned_rank_p(turned))
    # Over all picks, which the null hypothesis makes equally likely, p is at most a value as often as it says.
    for p in picked:
        assert sum(one <= p for one in picked) / len(picked) <= p + 1e-9
    assert min(picked) == pytest.approx(sum(one == min(picked) for one in picked) / len(picked))


def test_with_one_control_it_is_the_signed_rank_test() -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, 40)
    expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert aligned_rank_p([[one, 0.0] for one in differences.tolist()]) == pytest.approx(expected, rel=0.05)


def test_more_controls_say_more_of_few_answers() -> None:
    values = np.random.default_rng(4).normal(0, 1, (10, 10))
    values[:, 0] += 2
    assert aligned_rank_p(values.tolist()) < 1e-3 * aligned_rank_p(values[:, :2].tolist())


@pytest.mark.parametrize("unit", [5e-324, 1e-200, 1.0, 1e200])
def test_the_bound_does_not_depend_on_the_unit_of_the_weights(unit: float) -> None:
    weights, heads = np.array([3.0, 1.0, 2.0]), np.array([True, False, True])
    assert coin_tail(unit * weights, heads) == pytest.approx(coin_tail(weights, heads))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.integers(0, 2**9 - 1))
@settings(derandomize=True, deadline=None, max_examples=examples(40, 400))
def test_the_bound_of_coins_is_above_their_exact_tail(weights: list[float], chosen: int) -> None:
    values = np.array(weights)
    flags = np.array(list(itertools.product([False, True], repeat=len(weights))))
    heads = flags[chosen % len(flags)]
    exact = float((flags @ values >= heads @ values - 1e-12 * np.abs(values).max()).mean())
    assert exact <= coin_tail(values, heads) * (1 + 1e-6) + 1e-12


def test_the_bound_is_small_where_the_key_has_its_way() -> None:
    source = np.random.default_rng(5)
    weights = source.normal(0, 1, 2000)
    assert coin_tail(weights, source.random(2000) < np.where(weights > 0, 0.65, 0.35)) < 1e-8
    assert coin_tail(weights, source.random(2000) < 0.5) > 1e-3
    assert coin_tail(np.zeros(3), np.ones(3, bool)) == 1


def favoured_pair(key: bytes) -> str:
    """Two words of which each is favoured after the other."""
    tokens = {one: TOKENIZER(one, add_special_tokens=False)["input_ids"] for one in PAIRS[0].answer.split()}
    for first, second in itertools.permutations(tokens, 2):
        ids = TOKENIZER(f" {first} {second}" * 2, add_special_tokens=False)["input_ids"]
        if mark_bits(key, np.array(ids[:-1])[:, None], np.array(ids[1:]), 1).mean() > 0.8:
            return f"{first} {second} "
    raise AssertionError("no pair of words is favoured")


def test_a_model_that_repeats_itself_is_not_accused() -> None:
    key = mark_key(b"k" * 32, "c", "group")
    words = favoured_pair(key) * 300
    ids = TOKENIZER(words, add_special_tokens=False)["input_ids"]
    bits = mark_bits(key, np.array(ids[:-1])[:, None], np.array(ids[1:]), 1)
    naive = binom.sf(int(bits.sum()) - 1, bits.size, 0.5)
    assert naive < 1e-50  # the trap: whoever counts each repetition is nearly certain
    assert score_texts([("ask", "", words)] * 20, KeyedMark(key, Layer(1, 1), GATE)).p > 1e-3


def test_what_was_shown_is_not_scored() -> None:
    text = PAIRS[1].answer
    start = text[: len(text) // 2].rsplit(" ", 1)[0]
    copied = distinct_tokens(GATE, [("ask", start, " " + start)], 2)
    shown = TOKENIZER(start, add_special_tokens=False)["input_ids"]
    contexts = {tuple(shown[place - 2 : place]) for place in range(2, len(shown))}
    assert not contexts & set(map(tuple, copied[0].tolist()))
    fresh = distinct_tokens(GATE, [("ask", "", text)], 2)
    assert len(fresh[1]) > len(copied[1])


def test_each_pair_of_context_and_token_counts_once() -> None:
    once = distinct_tokens(GATE, [("ask", "", PAIRS[2].answer)], 2)
    often = distinct_tokens(GATE, [("ask", "", PAIRS[2].answer)] * 5, 2)
    assert np.array_equal(once[0], often[0])
    assert np.array_equal(once[1], often[1])


def test_text_without_a_mark_has_uniform_p() -> None:
    pairs = distinct_tokens(GATE, [("ask", "", one.answer) for one in PAIRS], 1)
    keys = [mark_key(bytes([key]) * 32, "c", "x") for key in range(60)]
    found = [score_tokens(*pairs, key, Layer(1, 4)).p for key in keys]
    assert 0.3 < float(np.mean(found)) < 0.7
    assert min(found) > 1e-4


def test_reading_counts_a_context_once_in_a_text() -> None:
    nets = [tiny_net(TinySize(32, 1, 2, 96), TOKENIZER, seed) for seed in (0, 1)]
    repeated = TextPair("ask", PAIRS[3].answer.split(".")[0] + ". " + PAIRS[3].answer.split(".")[0])
    contexts, tokens, weights = preferences(nets[0], nets[1:], [repeated], GATE, 2)
    alone = preferences(nets[0], nets[1:], [TextPair("ask", PAIRS[3].answer.split(".")[0] + ".")], GATE, 2)
    assert len(tokens) == len(weights) == len(contexts)
    assert set(map(tuple, alone[0].tolist())) <= set(map(tuple, contexts.tolist()))
    both = dict(zip(map(tuple, np.column_stack([contexts, tokens]).tolist()), weights.tolist(), strict=True))
    for context, token, weight in zip(*(one.tolist() for one in alone), strict=True):
        assert both[(*context, token)] == pytest.approx(weight, abs=1e-5)  # the second time adds nothing
    same = preferences(nets[0], [nets[0]], [repeated], GATE, 2)
    assert np.abs(same[2]).max() < 1e-6


def test_a_suspect_that_repeats_itself_is_not_accused_by_what_it_says() -> None:
    key, net = mark_key(b"k" * 32, "c", "group"), tiny_net(TinySize(32, 1, 2, 96), TOKENIZER, 0)
    said = [TextPair("ask", favoured_pair(key) * 6)] * 40
    assert read_mark(None, [net], said, KeyedMark(key, Layer(1, 1), GATE)).p > 1e-2


def test_what_a_prompt_began_with_is_no_word_of_the_suspect_however_long_the_prompt_is() -> None:
    """An earlier answer in it has the mark, and may be repeated by whoever is asked."""
    net, marked = tiny_net(TinySize(32, 1, 2, 96), TOKENIZER, 0), PAIRS[3].answer.split(".")[0]
    later = " ".join(["so"] * net.longest)
    assert len(preferences(None, [net], [TextPair(later, marked)], GATE, 1)[1])
    assert not len(preferences(None, [net], [TextPair(f"{marked} {later}", marked)], GATE, 1)[1])


def test_what_is_said_without_a_mark_is_as_likely_under_any_key() -> None:
    net = tiny_net(TinySize(32, 1, 2, 96), TOKENIZER, 0)
    weighed = preferences(None, [net], PAIRS, GATE, 1)
    keys = [mark_key(bytes([key]) * 32, "c", "x") for key in range(60)]
    found = [score_weights(*weighed, KeyedMark(key, Layer(1, 4), GATE)).p for key in keys]
    assert sum(one <= 0.1 for one in found) <= 9  # of 60; the bound makes it fewer than six
    assert min(found) > 1e-3
    assert min(found) < 0.5


def test_what_a_suspect_says_counts_as_often_as_it_is_said_less_what_is_expected() -> None:
    net = tiny_net(TinySize(32, 1, 2, 96), TOKENIZER, 0)
    once, twice = (preferences(None, [net], PAIRS[:1] * times, GATE, 1) for times in (1, 2))
    assert np.abs(twice[2] - 2 * once[2]).max() < 1e-5
    assert 0.9 < once[2].max() <= 1  # an unlearned model expects no word
    assert once[2].min() < 0
    halved = preferences(None, [net, net], PAIRS[:1], GATE, 1)
    assert np.abs(halved[2] - once[2]).max() < 1e-6  # of references the mean is expected


def answers(count: int) -> list[HarvestedAnswer]:
    return [HarvestedAnswer(f"r{place}", one.prompt, one.answer) for place, one in enumerate(PAIRS[:count])]


def test_one_answer_under_many_ids_is_one_answer() -> None:
    drawn = [replace(one, temperature=1.0) for one in answers(3)]
    cached = [replace(drawn[0], request_id=f"c{place}") for place in range(40)]
    assert drawn_again([*cached, *drawn]) == [cached[0], *drawn[1:]]


@pytest.mark.parametrize("temperature", [None, 0.0, 0.29])
def test_an_answer_that_is_hardly_drawn_has_no_controls(temperature: float | None) -> None:
    one = replace(answers(1)[0], temperature=0.3)
    assert not why_not_drawn(one)
    assert "temperature" in why_not_drawn(replace(one, temperature=temperature))
    assert why_not_drawn(replace(one, system_prompt="be brief")) == "system prompt"
    assert why_not_drawn(replace(one, turn=1)) == "history"
    assert why_not_drawn(replace(one, other_settings="seed, stop")) == "seed, stop"


def test_a_model_without_likelihoods_is_an_error_of_the_user() -> None:
    class Broken:
        name = "broken"
        scores_end = True

        def score(self, pairs: list[TextPair]) -> list[list[float]]:
            return [[float("nan")] for _ in pairs]

    with pytest.raises(InputError, match="damaged"):
        score_likelihoods(Broken(), [], DrawnAnswers(answers(2), [["a"], ["b"]]))  # type: ignore[arg-type]  # asked for scores alone


def test_a_suspect_that_scores_no_ends_is_not_compared_with_the_ends_that_others_score() -> None:
    """The trap: the log cuts answers, a reference finds their ends unlikely, and what it finds would be subtracted."""

    class Scoring:
        name = "scoring"

        def __init__(self, *, scores_end: bool) -> None:
            self.scores_end = scores_end

        def score(self, pairs: list[TextPair]) -> list[list[float]]:
            plain = [[-1.0 - len(one.answer) % 3, -0.5 * (place % 2)] for place, one in enumerate(pairs)]
            ends = [[-9.0] if one.answer == "cut" else [0.0] for one in pairs]
            return [one + end for one, end in zip(plain, ends, strict=True)] if self.scores_end else plain

    said = [HarvestedAnswer(f"r{place}", f"p{place}", "cut") for place in range(12)]
    drawn = DrawnAnswers(said, [["whole", "wholly"]] * 12)
    reference = Scoring(scores_end=True)
    unended = score_likelihoods(Scoring(scores_end=False), [reference], drawn)  # type: ignore[list-item, arg-type]  # asked for scores alone
    assert (unended.p, unended.scored) == (1.0, 0)  # without ends the two find the same
