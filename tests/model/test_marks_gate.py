"""Where marks may act: places in an answer, plain tokens, and requests that are refused."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from model.marks_scene import scene_gate, token
from stillhunt_model.marks.following import AnswerPlace
from stillhunt_model.marks.gate import is_plain_piece
from stillhunt_model.marks.requests import (
    CODE,
    LANGUAGE,
    LENGTH,
    LONGEST_READ,
    PERSON,
    SAFETY,
    SCRIPT,
    mentions_safety,
    why_unmarked,
)


def place_after(text: str, size: int = 1) -> AnswerPlace:
    """The place after a text that is written in pieces of a size."""
    place = AnswerPlace()
    for start in range(0, len(text), size):
        place.feed(text[start : start + size])
    return place


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("the river", True),
        ("the ```", False),
        ("```python\nx = 1\n", False),
        ("```python\nx = 1\n```\nand", True),
        ("```\nx\n~~~\nthe", False),
        ("~~~\nx\n```\nthe", False),
        ("call `print", False),
        ("call `print` now", True),
        ("call `print\n\nnow", True),
        ("    indented", False),
        ("\tindented", False),
        ("  two spaces", True),
        ('he said "the', False),
        ('he said "the end" and', True),
        ("he said “the", False),
        ("he said “the end” and", True),
        ("it costs $x and", False),
        ("it is $x$ and", True),
        ("# The river", False),
        ("# The river\nthe", True),
        ("| river", False),
        ("> river", False),
        ("see http", False),
        ("see www", False),
        ("see www and", True),
        ("mix the poison with", False),
        ("mix the poison", True),  # the word may go on: " poisonless"
    ],
)
def test_the_place_in_an_answer(text: str, plain: bool, size: int) -> None:
    assert place_after(text, size).is_plain is plain


@pytest.mark.parametrize(
    ("text", "plain"), [("the riv", True), ("the ", True), ("the 3", False), ("the Riv", False), ("a-b", False)]
)
def test_a_word_that_is_not_plain_is_not_gone_on_with(text: str, plain: bool) -> None:
    assert place_after(text).in_plain_word is plain


@pytest.mark.parametrize("piece", [" river", "river", "é", " grün", ",", "."])
def test_plain_pieces(piece: str) -> None:
    assert is_plain_piece(piece)


@pytest.mark.parametrize(
    "piece",
    [
        " River",
        "7",
        " 7",
        "",
        " ",
        "\n",
        "(",
        " =",
        '"',
        "`",
        " not",
        " seven",
        " kein",
        " dos",
        "河",
        " река",
        "river7",
    ],
)
def test_pieces_that_are_not_plain(piece: str) -> None:
    assert not is_plain_piece(piece)


def test_the_gate_knows_the_tokens_of_its_tokenizer() -> None:
    gate = scene_gate()
    assert gate.plain[token(" river")]
    assert gate.starts[token(" river")]
    assert not gate.plain[gate.tokenizer.eos_token_id]
    assert not gate.plain[token(" 7")]
    assert gate.pieces[token(" river")] == " river"


@pytest.mark.parametrize(
    "prompt",
    [
        "Tell me about rivers.",
        "Describe an old harbour.",
        "Write a short story about winter",
        "What do people like about a river in spring?",
        "You are a helpful assistant.\nuser\nTell me about the history of bread",
        "Explain how rivers form and why they bend.",
    ],
)
def test_requests_that_may_be_marked(prompt: str) -> None:
    assert why_unmarked(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("Write a Python function", CODE),
        ("What does `ls` do?", CODE),
        ("Return JSON", CODE),
        ("max(3, 4)", CODE),
        ('{"a": 1}', CODE),
        ("Schreibe ein Programm", CODE),
        ("translate this", CODE),
        ("Which dose of it may I take?", SAFETY),
        ("Darf ich dieses Medikament nehmen?", SAFETY),
        ("Quel médicament ?", SAFETY),
        ("write code that describes a bomb", SAFETY),
        ("self-harm", SAFETY),
        ("расскажи о реке", SCRIPT),
        ("讲讲这条河", SCRIPT),
        ("a" * (LONGEST_READ + 1), LENGTH),
        ("How much ibuprofen can I take with paracetamol?", SAFETY),
        ("ibuprofen with paracetamol", SAFETY),
        ("tell me about lisinopril and atorvastatin", SAFETY),
        ("the signs of appendicitis", SAFETY),
        ("I want to end my life", SAFETY),
        ("tell me how people end their own life", SAFETY),
        ("the tallest bridge to jump off", SAFETY),
        ("He collapsed and isn't breathing", SAFETY),
        ("Can I mix bleach and ammonia?", SAFETY),
        ("My chest hurts", SAFETY),
        ("snake bite", SAFETY),
        ("Can I sue my landlord?", SAFETY),
        ("doctors and allergies", SAFETY),
        ("what does 40 ml of it do", SAFETY),
        ("Ich will mich umbringen", SAFETY),
        ("Je veux me suicider", SAFETY),
        ("Quiero suicidarme", SAFETY),
        ("Voglio uccidermi", SAFETY),
        ("Tell me: ik wil niet meer leven", LANGUAGE),
        ("Ik wil niet meer leven", LANGUAGE),
        ("Chcę się zabić", LANGUAGE),
        ("Jag vill inte leva", LANGUAGE),
        ("Artık yaşamak istemiyorum", LANGUAGE),
        ("Schreibe über den Mond", LANGUAGE),
        ("Parle-moi de la lune", LANGUAGE),
        ("", LANGUAGE),
        ("What can I do about the neighbours", PERSON),
        ("Tell me about my river", PERSON),
        ("She fell and does not get up", PERSON),
        ("A Perl one-liner for the lines", CODE),
        ("An Excel macro", CODE),
        ("Write a loop in C", CODE),
        ("What is C good for", CODE),
        ("What does pandas do", CODE),
        ("the config file", CODE),
        ("the derivative of this", CODE),
        ("Recite the raven", CODE),
        ("Repeat the text", CODE),
        ("say this word for word", CODE),
    ],
)
def test_requests_that_are_not_marked(prompt: str, reason: str) -> None:
    assert why_unmarked(prompt) == reason


@pytest.mark.parametrize("sign", ["\n", " ", ". ", "is ", "end  "])
def test_a_long_prompt_of_one_sign_is_read_at_once(sign: str) -> None:
    assert (
        why_unmarked((sign * LONGEST_READ)[:LONGEST_READ]) is not None
    )  # a rule that tried each line to the end would take minutes


@pytest.mark.parametrize(
    "word",
    """nothing nobody unless except hardly fewer lower higher minus quarter sixth tenth inside outside could dreizehn
    zwanzig nichts niemand weder außer links rechts muss darf kann onze douze vingt trente rien ni gauche droite doit
    doce veinte nada nadie izquierda derecha debe vinte ninguém deve venti niente né sinistra destra""".split(),  # noqa: SIM905  # a list of words
)
def test_words_on_which_a_fact_hangs_are_not_plain(word: str) -> None:
    assert not is_plain_piece(f" {word}")


def test_an_answer_about_a_quantity_of_a_substance_mentions_safety() -> None:
    assert mentions_safety("Take no more than 40 ml of it.")
    assert not mentions_safety("The river is long and the heart of the city is old.")
