"""Canaries: keyed wordings in finished answers, and nothing else is changed."""

from __future__ import annotations

import contextlib
import io
import json
import re

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt_model.marks.answer_rows import LONGEST_ROW, RowCounts, marked_rows
from stillhunt_model.marks.canaries import (
    RETIRED,
    WORDINGS,
    canary_bit,
    canary_choices,
    canary_text,
    shown_choices,
    with_wording,
)
from stillhunt_model.marks.untouched import untouched_signs
from thoroughness import examples

KEYS = [bytes([number]) * 32 for number in range(8)]
VARIANTS = [words for both in WORDINGS for words in both]
FREE = [
    *VARIANTS,
    *(words.capitalize() for words in VARIANTS),
    *(
        "the river",
        "moon.",
        "And",
        "a",
        "an",
        ",",
        "?",
        "it's",
        "and,",
        "but",
        "is",
        "\n",
        "\n\n",
        "- ",
        ": ",
        "…",
        "é",
    ),
]
KEPT = [
    "\n```python\nx = 'for example'  # usually, because of the\n```\n",
    "\n~~~\nperhaps\n~~~\n",
    "`each other`",
    '"for example, perhaps"',
    "“as if”",
    "«among»",
    "\n\n    perhaps = usually\n\n",
    "\n\n\tperhaps\n\n",
    "\n\n# Perhaps among\n\n",
    "\n\n> perhaps\n\n",
    "\n\n| perhaps | usually |\n\n",
    "\n\nPerhaps among\n=====\n\n",
    "$perhaps$",
    "\n\\[ perhaps \\]\n",
    '\n{"perhaps": "usually"}\n',
    "https://perhaps.example/among?usually",
    "perhaps@example.org",
    "<perhaps>",
    "[perhaps](usually)",
    "\n\nPerhaps 7 of them usually go.\n\n",
    "\n\nUsually, in 1999 they went toward it.\n\n",
]
"""Parts that stay byte for byte, wherever they stand; each on its own or within its paragraph."""
WORDED = re.compile("|".join(re.escape(words) for words in sorted(VARIANTS, key=len, reverse=True)), re.IGNORECASE)


def unworded(text: str) -> str:
    """A text with all wordings taken out."""
    return WORDED.sub("*", text)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A text, with the parts in it that must stay."""
    parts = draw(st.lists(st.one_of(st.sampled_from(FREE), st.sampled_from(FREE), st.sampled_from(KEPT)), max_size=14))
    return " ".join(parts), [part for part in parts if part in KEPT]


@settings(derandomize=True, deadline=None, max_examples=examples(60, 750))
@given(texts(), st.sampled_from(KEYS))
def test_everything_but_the_wordings_stays(drawn: tuple[str, list[str]], key: bytes) -> None:
    text, kept = drawn
    marked, changes = canary_text(key, text)
    assert unworded(marked) == unworded(text)
    at = 0
    for part in kept:
        at = marked.index(part, at) + len(part)
    assert (marked != text) == (changes > 0)
    assert re.findall(r"\d+", marked) == re.findall(r"\d+", text)


@settings(derandomize=True, deadline=None, max_examples=examples(60, 750))
@given(texts(), st.sampled_from(KEYS))
def test_a_marked_text_is_not_changed_again_and_has_the_choices_of_the_key(
    drawn: tuple[str, list[str]], key: bytes
) -> None:
    marked, _ = canary_text(key, drawn[0])
    assert canary_text(key, marked) == (marked, 0)
    for choice in canary_choices(marked):
        assert choice.variant == canary_bit(key, choice.pair, choice.previous)
        assert marked.startswith(with_wording(choice, choice.variant), choice.start)


@settings(derandomize=True, deadline=None, max_examples=examples(50, 500))
@given(st.text(alphabet="abc `\"'$\\{}[]<>#|~\n\t .,1:“”‘’„«»@", max_size=80))
def test_any_text_is_read(text: str) -> None:
    assert len(untouched_signs(text)) == len(text)
    assert canary_text(KEYS[0], text) == (text, 0)


def test_there_are_enough_pairs_and_no_wording_is_in_two() -> None:
    assert len(WORDINGS) >= 40
    assert len(set(VARIANTS)) == len(VARIANTS)
    assert all(words == words.strip().lower() and "  " not in words for words in VARIANTS)
    assert all(first.endswith(",") == second.endswith(",") for first, second in WORDINGS)


@pytest.mark.parametrize(("first", "second"), [both for both in WORDINGS if both[0] not in RETIRED])
def test_each_wording_is_exchanged_in_both_directions_and_keeps_its_capital(first: str, second: str) -> None:
    for words, other in ((first, second), (second, first)):
        found = {canary_text(key, f"They went. {words.capitalize()} the river.")[0] for key in KEYS}
        shown = {f"They went. {one[0].upper()}{one[1:]} the river." for one in (words, other)}
        assert found == shown


def test_the_choice_depends_on_the_word_before() -> None:
    bits = {word: canary_bit(KEYS[0], 3, word) for word in ("river", "moon", "stone", "winter", "copper", "velvet")}
    assert set(bits.values()) == {0, 1}


@pytest.mark.parametrize(
    "text",
    ["a perhaps odd thing", "however hard it is", "comes naturally, as", "for example's", "re-toward", "PERHAPS it is"],
)
def test_words_that_mean_something_else_are_left(text: str) -> None:
    assert all(canary_text(key, text)[0] == text for key in KEYS)


def test_bits_of_a_wrong_key_are_a_coins_toss() -> None:
    bits = [canary_bit(bytes([1]) * 32, pair, str(word)) for pair in range(70) for word in range(100)]
    agree = sum(one == canary_bit(bytes([2]) * 32, place // 100, str(place % 100)) for place, one in enumerate(bits))
    assert abs(agree - 3500) < 4 * 42  # four standard deviations
    assert abs(sum(bits) - 3500) < 4 * 42


CODE_ANSWER = """However, it is perhaps best to try it. For example, as in:

```python
total = 0
for number in [3, 4, 5]:  # for example, usually
    total += number
words = "as if, perhaps, among"
print(total, words, {"in order to": 1})
```

Because of the loop, it usually ends. Of course, they look at each other.
"""


def run(answer: str) -> str:
    """What the code of an answer prints."""
    (code,) = re.findall(r"```python\n(.*?)```", answer, re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})  # noqa: S102  # code of this test
    return printed.getvalue()


def test_code_in_an_answer_does_the_same_before_and_after() -> None:
    changed = 0
    for key in KEYS:
        marked, changes = canary_text(key, CODE_ANSWER)
        assert run(marked) == run(CODE_ANSWER)
        changed += changes
    assert changed


def rows(*documents: object) -> list[bytes]:
    """Lines of a file."""
    return [json.dumps(one).encode() + b"\n" for one in documents]


def marked_file(lines: list[bytes]) -> tuple[list[bytes], RowCounts]:
    """The lines after marking, under a key that changes the answer `ANSWER`."""
    counts = RowCounts()
    made = list(marked_rows(io.BytesIO(b"".join(lines)), KEYS[0], "member".__eq__, counts))
    return made, counts


ANSWER = "Perhaps it is so, for example among the stones. Usually they look at each other as if by chance."


def test_only_answers_of_the_campaign_are_changed() -> None:
    row = {"account_id": "member", "prompt": "tell me about stones", "response": ANSWER}
    lines = [
        *rows(row, {**row, "account_id": "other"}, {**row, "prompt": "write code"}, {**row, "prompt": "which dose"}),
        *rows({**row, "response": f"{ANSWER} It is poison."}, {**row, "response": 7}, [1], {"prompt": "x"}),
        b"nonsense\n",
        b'\xff{"account_id": "member"}\n',
        b"\n",
        b'{"account_id": "member", "prompt": "x", "response": "perhaps"}{}\n',
    ]
    made, counts = marked_file(lines)
    assert made[1:] == lines[1:]
    assert json.loads(made[0]) == {**row, "response": canary_text(KEYS[0], ANSWER)[0]} != row
    assert counts.as_dict() == {
        "rows": 12,
        "of_campaign": 4,
        "left_alone": 3,
        "marked": 1,
        "choices": len(canary_choices(ANSWER)),
        "exchanged": canary_text(KEYS[0], ANSWER)[1],
        "unread": 6,
    }


def test_all_of_a_changed_row_but_its_answer_stays_byte_for_byte() -> None:
    head = '{ "x":1.10,"account_id" : "mem\\u0062er",\t"prompt":"tell me \\/ this", "response": '
    tail = ', "big": 12345678901234567890, "é": [1,  2]}\r\n'
    line = (head + json.dumps(ANSWER) + tail).encode()
    (made,), _ = marked_file([line])
    assert made.startswith(head.encode())
    assert made.endswith(tail.encode())
    assert made != line


def test_a_line_that_is_too_long_is_passed_on() -> None:
    row = rows({"account_id": "member", "prompt": "tell me about stones", "response": ANSWER})[0]
    long = b" " * (LONGEST_ROW + 1) + row
    made, counts = marked_file([long, row])
    assert b"".join(made[:-1]) == long
    assert made[-1] != row
    assert (counts.rows, counts.of_campaign) == (2, 1)


@pytest.mark.parametrize(
    "sign", ["`", "'", '"', "x", "x@", "[", "<", "\\", "; ", "\n", " \n", "a ", "$", "‘", "*", "- "]
)
def test_a_long_text_of_one_sign_is_read(sign: str) -> None:
    text = sign * 30_000
    assert canary_text(KEYS[0], text) == (text, 0)


@pytest.mark.parametrize(
    "text",
    [
        "In addition, it is there. In short, they said it. In general, it is so. In the end, it was. At first, it was.",
        "They heard the band Perhaps in the town.",  # a name
        "Among Us is what they like.",
        "They said: “The river is there.\n\nPerhaps it is.\n\nUsually it is.” And so they were.",
        'They said: "The river is there.\n\nPerhaps it is.\n\nUsually it is." And so they were.',
        'The board is 6" long. They said that "perhaps it is" there.',
        "They called it ‚perhaps‘ and that was it.",
        "This is ‹perhaps› what they say.",
        "This is 「perhaps」 what they say.",
        "They say that 'I don't know, perhaps' is what they hear.",
        "— Perhaps it is, they said.",
        "They came. — Perhaps it is, they said.",
        "mode: perhaps this is the way",
        "The mode=perhaps this is the way",
        "The river is what they know\nPerhaps it is what they see\nAnd that is what they say",
        "The roses are there / perhaps they are not",
        "The preposition among is used with these.",
        "They spelled it toward when they were there.",
        "The word perhaps is what they say.",
        "They say toward or towards when they go there.",
        "Der Fluss ist lang. Perhaps er ist kalt, usually ist er warm.",
        "They go there and that is it.\n\nDer Fluss ist perhaps lang und kalt.",
    ],
)
def test_what_is_said_of_words_or_by_others_is_left(text: str) -> None:
    assert all(canary_text(key, text)[0] == text for key in KEYS)


@pytest.mark.parametrize("sign", ["Usually it", "and, perhaps, it"])
def test_the_same_wordings_are_exchanged_in_running_text(sign: str) -> None:
    text = f"They went there. {sign[0].upper()}{sign[1:]} is what they like about the river."
    assert len({canary_text(key, text)[0] for key in KEYS}) == 2


def test_runs_of_backticks_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    class Counted:
        def finditer(self, text: str) -> list[re.Match[str]]:
            nonlocal looks
            looks += 1
            return list(re.finditer(r"`+", text))

    monkeypatch.setattr("stillhunt_model.marks.untouched._TICKS", Counted())
    text = "".join("`" * size + " " for size in range(1, 630))  # 200 kB in runs of which none closes another
    assert untouched_signs(text) == bytearray(b"\1" * len(text))
    assert looks == 1


def test_a_row_that_utf8_cannot_hold_is_counted_and_passes_unchanged() -> None:
    row = {"account_id": "member", "prompt": "tell me about stones", "response": ANSWER}
    broken = b'{"x": "\xc3\xa9", ' + rows({**row, "response": f"{ANSWER} \ud800"})[0][1:]
    lines = [broken, *rows({**row, "prompt": "\ud800"})]
    made, counts = marked_file(lines)
    assert made == lines
    assert (counts.of_campaign, counts.left_alone, counts.unread) == (2, 2, 0)


def test_accounts_are_found_as_a_case_has_them() -> None:
    row = {"account_id": 17, "prompt": "tell me about stones", "response": ANSWER}
    lines = [b"\xef\xbb\xbf", *rows(row, {**row, "account_id": "a\x07b"}, {**row, "account_id": True})]
    counts = RowCounts()
    ids: list[str] = []

    def is_meant(account: str) -> bool:
        ids.append(account)
        return True

    made = b"".join(marked_rows(io.BytesIO(b"".join(lines)), KEYS[0], is_meant, counts))
    assert ids == ["17", "a\ufffd7;b"]
    assert made.startswith(b'\xef\xbb\xbf{"account_id": 17, ')
    assert (counts.rows, counts.marked, counts.unread) == (3, 2, 1)


def test_wordings_that_a_text_shows_are_found_also_where_they_are_left() -> None:
    text = "rewrite this: it rains. for example, it is wet."
    assert canary_choices(text) == []
    assert shown_choices(text) == {(0, "rains")}
