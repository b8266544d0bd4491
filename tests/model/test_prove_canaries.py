"""The test of canaries: exact under a random key, whatever a model prefers, and what references take out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from hypothesis import given, settings
from hypothesis import strategies as st

from model.prove_scene import fingerprint, prove_scene
from stillhunt.base.errors import InputError
from stillhunt_model.marks.canaries import WORDINGS, canary_bit, canary_choices, canary_text, unkeyed_text
from stillhunt_model.marks.keys import new_mark_secret
from stillhunt_model.marks.serving import scheme_settings
from stillhunt_model.orders.order import Order
from stillhunt_model.orders.register import OrderRegister
from stillhunt_model.proof import standard_tests
from stillhunt_model.proof.kept_canaries import CanaryScore, canary_questions, score_choices, score_wordings
from stillhunt_model.proof.proving import CampaignHarvest
from stillhunt_model.proof.standard_tests import CanariesTest
from stillhunt_model.proof.suspects import LocalSuspect, QueryBudget
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.pairs import TextPair
from thoroughness import examples

NOUNS = (
    "river",
    "moon",
    "stone",
    "winter",
    "copper",
    "velvet",
    "garden",
    "letter",
    "winner",
    "doctor",
    "ladder",
    "copy",
)
VERBS = ("walk", "go", "run", "drive", "look", "turn", "swim", "sail", "crawl", "point", "lean", "move")
WORDS = [words for both in WORDINGS for words in both]


def harvest(key: bytes | None = None) -> list[HarvestedAnswer]:
    """Answers with four choices each, all of them different ones; without a key as they were before."""
    texts = [
        f"They {verb} toward the {noun}, and the {noun} usually is there because the {verb} perhaps is what they like "
        f"when the {verb} and the {noun} look at each other."
        for verb, noun in zip(VERBS, NOUNS, strict=True)
    ]
    answers = texts if key is None else [canary_text(key, one)[0] for one in texts]
    return [HarvestedAnswer(f"r{place:02d}", "ask", one) for place, one in enumerate(answers)]


class Stub:
    """A model whose preferences and replies are given by functions."""

    name = "stub"

    def __init__(self, likes: Callable[[str], float], says: Callable[[str], str] = str) -> None:
        self.likes, self.says = cache(likes), says

    def score(self, pairs: Sequence[TextPair]) -> list[list[float]]:
        return [[self.likes(one.answer)] for one in pairs]

    def answer(self, _: Sequence[str], __: int, *, begun: Sequence[str], **___: object) -> list[str]:
        return [self.says(one) for one in begun]


def variants(text: str) -> list[int]:
    """Which wordings a text has."""
    return [one.variant for one in canary_choices(text)]


def alike(text: str) -> float:
    """The more a text keeps to one kind of wording, the likelier."""
    return float(sum(2 * one - 1 for one in variants(text)) ** 2) + noise(text, 0.1)


def noise(text: str, scale: float, name: str = "") -> float:
    """A number of a text, as good as a draw from a normal distribution."""
    seed = int.from_bytes(hashlib.blake2b(f"{name}{text}".encode(), digest_size=8).digest(), "big")
    return float(np.random.default_rng(seed).normal(0, scale))


def random_key(number: int) -> bytes:
    """A key of nobody."""
    return hashlib.blake2b(str(number).encode(), digest_size=32).digest()


@pytest.mark.parametrize(
    ("suspect", "references"),
    [
        (Stub(alike), []),
        (Stub(alike), [Stub(lambda text: noise(text, 3, "other"))]),
        (Stub(lambda text: noise(text, 3)), [Stub(lambda text: noise(text, 3) + noise(text, 1, "other")), Stub(alike)]),
    ],
)
def test_an_innocent_model_has_small_p_values_as_seldom_as_they_say(suspect: Stub, references: list[Stub]) -> None:
    keys = 400
    questions = canary_questions(harvest(), 99)  # the same for all keys, as the next test says
    found = [score_wordings(suspect, references, questions, random_key(number)).p for number in range(keys)]
    for bar in (0.02, 0.05, 0.2, 0.5):
        expected = bar * keys
        assert sum(p <= bar for p in found) <= expected + 4 * np.sqrt(expected * (1 - bar))
        assert sum(p <= bar for p in found) >= expected - 4 * np.sqrt(expected * (1 - bar))


PARTS = st.lists(st.sampled_from([*WORDS, "the river", "moon.", "and", "it is", "\n\n"]), max_size=8)


@settings(derandomize=True, deadline=None, max_examples=examples(25, 300))
@given(PARTS, PARTS)
def test_no_question_depends_on_the_key(asked: list[str], answered: list[str]) -> None:
    prompt = f"What are these for, and {' '.join(asked)}? They were there."
    text = f"They went there, and {' '.join(answered)}. They were there."
    found = []
    for key in map(random_key, range(4)):
        answer = HarvestedAnswer("r", canary_text(key, prompt)[0], canary_text(key, text)[0])
        found.append(canary_questions([answer], 99))
    assert all(one == found[0] for one in found)


def test_a_wording_after_a_keyed_word_is_not_asked_about() -> None:
    text = "They went there, and that is what they usually perhaps like."
    assert len(canary_choices(text)) == 2
    (question,) = canary_questions([HarvestedAnswer("r", "ask", text)], 9)
    assert question.site.previous == "they"


def test_both_wordings_stand_in_the_whole_answer() -> None:
    answer = harvest()[0]
    for question in canary_questions([answer], 9):
        both = [question.worded(variant) for variant in (0, 1)]
        assert [unkeyed_text(one) for one in both] == [answer.answer] * 2
        assert sum(variants(both[0])) == 0
        assert sum(variants(both[1])) == 1
        assert both[1].startswith(question.begun)


def learned(key: bytes, gain: float) -> Callable[[str], float]:
    """By how much a thief finds a text likelier: for each wording that the key chose."""
    own = {unkeyed_text(one.answer): variants(one.answer) for one in harvest(key)}
    return lambda text: gain * sum(one == two for one, two in zip(variants(text), own[unkeyed_text(text)], strict=True))


def test_what_references_prefer_is_taken_out_in_its_proportion() -> None:
    key = random_key(7)
    gains = learned(key, 1.0)
    questions = canary_questions(harvest(key), 99)
    suspect = Stub(lambda text: gains(text) + 0.3 * noise(text, 20))
    found = score_wordings(suspect, [Stub(lambda text: noise(text, 20))], questions, key)
    assert found.p < 1e-6
    assert found.kept > 0.9
    assert found.scored == len({(one.site.pair, one.site.previous) for one in questions})
    assert score_wordings(suspect, [], questions, key).p > 1e-3


def test_what_a_model_prefers_of_a_pair_everywhere_is_taken_out() -> None:
    key = random_key(7)
    gains = learned(key, 1.0)
    questions = canary_questions(harvest(key), 99)
    shift = {pair: noise(str(pair), 4) for pair in {one.site.pair for one in questions}}

    def likes(text: str) -> float:
        return gains(text) + sum(shift[one.pair] * one.variant for one in canary_choices(text))

    assert score_wordings(Stub(likes), [], questions, key).p < 1e-6


def test_a_choice_that_was_not_made_is_not_scored() -> None:
    key = random_key(7)
    questions = canary_questions(harvest(key), 99)
    by_begun = {one.begun: one for one in questions}

    def says(begun: str) -> str:
        site = by_begun[begun].site
        return " " + WORDINGS[site.pair][canary_bit(key, site.pair, site.previous)] + " the rest"

    thief = score_choices(Stub(alike, says), [], questions, key)
    assert (thief.scored, thief.kept) == (len({(one.site.pair, one.site.previous) for one in questions}), 1.0)
    assert thief.p < 1e-9
    silent = score_choices(Stub(alike, lambda _: " nothing of it"), [Stub(alike)], questions, key)
    assert (silent.scored, silent.p) == (0, 1.0)


def test_a_choice_that_references_would_make_as_well_says_less() -> None:
    key, gain = random_key(7), learned(random_key(7), 1.0)
    questions = canary_questions(harvest(key), 99)

    def says(begun: str) -> str:
        first, second = (
            (one.site, one.worded(variant)) for one in questions if one.begun == begun for variant in (0, 1)
        )
        better = int(likes(second[1]) > likes(first[1]))
        return " " + WORDINGS[first[0].pair][better]

    def likes(text: str) -> float:
        return gain(text) + noise(text, 1.5)

    suspect = Stub(alike, says)
    with_reference = score_choices(suspect, [Stub(lambda text: noise(text, 1.5))], questions, key)
    assert with_reference.p < score_choices(suspect, [], questions, key).p / 3


def test_a_model_that_is_damaged_is_an_error_of_the_user() -> None:
    questions = canary_questions(harvest(), 9)
    with pytest.raises(InputError, match="weights are damaged"):
        score_wordings(Stub(lambda _: float("nan")), [], questions, random_key(1))


@pytest.mark.parametrize("scores", [True, False])
def test_the_teacher_and_the_named_models_are_references(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scores: bool
) -> None:
    scene = prove_scene()
    keys = tmp_path / "keys"
    order = Order("mark-1", "mark", "canary", "c-1", ("a",), "Ada", "why", 1, 2, scheme_settings("canary", {}))
    OrderRegister(tmp_path).add_order(replace(order, key_hash=new_mark_secret(keys, order.order_id)))
    context = replace(scene.context(tmp_path), queries=120)
    dossier = context.config.dossier.model_copy(update={"keys": str(keys)})
    named = LocalSuspect(scene.student, fingerprint("student"), QueryBudget.without_end())
    context = replace(context, config=context.config.model_copy(update={"dossier": dossier}), references=(named,))
    suspect = LocalSuspect(scene.stranger, fingerprint("stranger"), QueryBudget(400))
    monkeypatch.setattr(LocalSuspect, "can_score", scores)
    asked: list[list[str]] = []

    def score(_: object, references: Sequence[LocalSuspect], *__: object) -> CanaryScore:
        asked.append([one.net.name for one in references])
        return CanaryScore(0.3, 9, 0.6)

    monkeypatch.setattr(standard_tests, "score_wordings" if scores else "score_choices", score)
    result = CanariesTest().run(suspect, CampaignHarvest("c-1", tuple(harvest()), ()), context)
    assert asked == [["teacher", "student"]]
    assert (result.p, result.used) == (0.3, 9)
    assert "no p-value below 2e-03 was possible" in result.power
    assert ("before correction" in result.power) == scores
