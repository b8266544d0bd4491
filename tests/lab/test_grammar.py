from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt_lab.worlds.grammar import (
    MAX_ITEM_SENTENCES,
    Pattern,
    compose_follow_ups,
    compose_items,
    draw_sentences,
    expand_alternatives,
    integer_stream,
    load_grammar,
)
from stillhunt_lab.worlds.templates import draw_family, draw_template, load_skills, paraphrase


def _items(seed: int, count: int) -> list[str]:
    grammar, rng = load_grammar(), np.random.default_rng(seed)
    topics = rng.integers(0, len(grammar.topics), count)
    languages = np.where(rng.random(count) < 0.8, 0, rng.integers(0, len(grammar.languages), count))
    return compose_items(grammar, rng, topics, languages, draw_sentences(rng, np.full(count, 2.5)))


def test_topics_and_languages_are_many() -> None:
    grammar = load_grammar()
    assert len(grammar.topics) >= 60
    assert {"zh", "ja", "ar", "ru", "th", "es", "de", "fr"} < set(grammar.languages)


def test_items_hardly_ever_repeat_and_differ_in_length() -> None:
    items = _items(5, 20_000)
    assert len(set(items)) / len(items) > 0.95
    words = np.array([len(item.split()) for item in items])
    assert 5 <= np.percentile(words, 25) < np.median(words) < np.percentile(words, 75)
    assert 100 < words.max() < 400


def test_no_slot_or_bracket_is_left_unfilled() -> None:
    grammar, rng = load_grammar(), np.random.default_rng(8)
    topics = np.tile(np.arange(len(grammar.topics)), len(grammar.languages))
    languages = np.repeat(np.arange(len(grammar.languages)), len(grammar.topics))
    for _ in range(20):
        texts = compose_items(grammar, rng, topics, languages, np.full(len(topics), 6))
        texts += compose_follow_ups(grammar, rng, topics, languages)
        for text in texts:
            assert "%s" not in text
            assert "{t}" not in text
            assert not re.search(r"\[[^\]\n]*\|", text)
            assert text.strip()


def test_topic_words_tell_the_topic() -> None:
    grammar, rng = load_grammar(), np.random.default_rng(2)
    recipes, algebra = (grammar.topics.index(name) for name in ("recipes", "algebra"))
    for topic, word in ((recipes, "sourdough starter"), (algebra, "quadratic equation")):
        rows = np.full(400, topic)
        own = compose_items(grammar, rng, rows, np.zeros(400, np.int64), np.full(400, 4))
        other = compose_items(grammar, rng, algebra + recipes - rows, np.zeros(400, np.int64), np.full(400, 4))
        assert sum(word in text for text in own) > 10 * sum(word in text for text in other)


def test_same_state_same_texts_other_state_other_texts() -> None:
    assert _items(4, 300) == _items(4, 300)
    assert set(_items(4, 300)).isdisjoint(text for text in _items(5, 300) if len(text) > 60)


@pytest.mark.parametrize(
    ("source", "readings"),
    [
        ("plain", ["plain"]),
        ("[a|b] c", ["a c", "b c"]),
        ("x[, y| z]", ["x, y", "x z"]),
        ("| {k} | v |", ["| {k} | v |"]),
    ],
)
def test_alternatives(source: str, readings: list[str]) -> None:
    assert expand_alternatives(source) == readings


def test_pattern_keeps_percent_and_braces() -> None:
    pattern = Pattern.parse("100 % of {t} {{ {n} }}")
    assert pattern.slots == ("t", "n")
    assert pattern.fill({"t": ["tea"], "n": ["5"]}, iter([3, 4])) == "100 % of tea { 5 }"


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 30.0))
def test_sentence_counts_stay_in_range(seed: int, verbosity: float) -> None:
    counts = draw_sentences(np.random.default_rng(seed), np.full(50, verbosity))
    assert counts.min() >= 1
    assert counts.max() <= MAX_ITEM_SENTENCES


def test_fixed_templates_of_one_family_are_few_and_paraphrases_many() -> None:
    for skill in load_skills():
        draws = integer_stream(np.random.default_rng(1))
        family = draw_family(draws, skill, width=4)
        paraphrases = {paraphrase(draws, family, "ITEM") for _ in range(400)}
        assert len(paraphrases) > 390
        assert all(text.count("ITEM") == 1 for text in paraphrases)
        template = draw_template(draws, family)
        assert template.endswith(tuple(f"{label} " for label in family.labels))


def test_two_authors_of_one_skill_share_part_of_the_grammar_only() -> None:
    skill = load_skills()[0]
    draws = integer_stream(np.random.default_rng(2))
    families = [draw_family(draws, skill, width=3) for _ in range(12)]
    chosen = {tuple(sorted(sentence.pieces for sentence in family.sentences["duty"])) for family in families}
    assert len(chosen) > 4
