"""What redaction hides in eight scripts and fourteen languages, what it leaves, and how long hostile texts take."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.redaction import REDACTIONS, WHAT_IS_REPLACED, redacted
from stillhunt.base.redaction.credentials import passes_luhn
from stillhunt.base.redaction.edits import edited, non_overlapping, tidy_spans
from stillhunt.base.redaction.name_lists import name_lists
from stillhunt.triage.account_facts import redacted_texts
from thoroughness import examples

LABELLED = Path(__file__).parents[1] / "data" / "redaction"
HIDDEN_SHARE = 0.8
"""Of the letters and digits of something that must be gone, as in benchmarks/evidence/redaction.py."""


def labelled(part: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (LABELLED / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()]


def left_of(text: str) -> set[int]:
    """Places of the characters that no rule touches."""
    origin, current = list(range(len(text))), text
    for _, find in REDACTIONS:
        edits = find(current)
        kept, at = [], 0
        for start, end, label in edits:
            kept += [*origin[at:start], *[-1] * len(label)]
            at = end
        current, origin = edited(current, edits), [*kept, *origin[at:]]
    assert current == redacted(text)
    return set(origin)


def recall(part: str) -> tuple[Counter[str], Counter[str]]:
    found, all_ = Counter[str](), Counter[str]()
    for row in labelled(part):
        left = left_of(row["text"])
        for start, end, kind in row["spans"]:
            letters = [place for place in range(start, end) if row["text"][place].isalnum()]
            all_.update((kind, row["language"], "all"))
            if sum(place not in left for place in letters) >= HIDDEN_SHARE * len(letters):
                found.update((kind, row["language"], "all"))
    return found, all_


def test_the_labelled_set_has_eight_languages_and_every_kind() -> None:
    for part in ("dev", "held"):
        rows = labelled(part)
        assert len({row["language"] for row in rows}) >= 8
        kinds = {kind for row in rows for _, _, kind in row["spans"]}
        assert kinds == {
            "name",
            "address",
            "phone",
            "email",
            "key",
            "card",
            "iban",
            "id",
            "ip",
            "url",
            "dob",
            "password",
        }


def test_everything_of_the_part_that_rules_were_written_with_is_hidden() -> None:
    found, all_ = recall("dev")
    assert found == all_


def test_nearly_everything_of_the_part_that_was_held_out_is_hidden() -> None:
    found, all_ = recall("held")
    assert {kind for kind in all_ if found[kind] < all_[kind] and len(kind) > 3 and kind != "name"} == set()
    assert found["name"] / all_["name"] >= 0.9  # measured 44 of 48: the others are unknown names without a context
    assert found["all"] / all_["all"] >= 0.96  # measured 141 of 145
    assert all(found[key] / all_[key] >= 0.9 for key in all_ if len(key) == 2)


@pytest.mark.parametrize("part", ["dev", "held"])
def test_prompts_without_anything_to_hide_stay_as_they_are(part: str) -> None:
    clean = [row["text"] for row in labelled(part) if not row["spans"]]
    assert len(clean) >= 25
    assert [text for text in clean if redacted(text) != text] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Please ask Maria Kovacs of 12 Elm Street", "Please ask [name] of [postal address]"),
        ("my name is jane smith and i like tea", "my name is [name] and i like tea"),
        ("Janet has 5 apples and gives Tom 2.", "Janet has 5 apples and gives Tom 2."),
        ("Best regards,\nPiotr Zed\nSales", "Best regards,\n[name]\nSales"),
        ("Best regards,\nthe team", "Best regards,\nthe team"),
        ("The password is required.", "The password is required."),
        ("The password is hunter2.", "The password is [secret]"),
        ("basic information and basic auth dXNlcjpwYXNz", "basic information and basic auth dXNlcjpwYXNz"),
        ("Authorization: Basic dXNlcjpwYXNzMQ==", "Authorization: [token]"),
        ("born on 3 May 1992; released on 3 May 1992", "born on [date of birth]; released on 3 May 1992"),
        ("passport number C01X0006H, section 4", "passport number [id number], section 4"),
        ("on 01.02.2001 at 10:30", "on 01.02.2001 at 10:30"),
        ("Tel.: 030 555 0146", "Tel.: [phone]"),
        ("During 1920 the Spring 3 release", "During 1920 the Spring 3 release"),
        ("山口県と山口市、仕様とお客様", "山口県と山口市、仕様とお客様"),
        ("山口太郎様", "[name]様"),
        ("https://hooks.slack.com/services/T1/B2/x", "https://hooks.slack.com/[secret]"),
        ("https://host.example/a/b and http://u:p@h.example", "https://host.example/a/b and http://[user]@h.example"),
    ],
)  # fmt: skip
def test_exact_redactions(text: str, shown: str) -> None:
    assert redacted(text) == shown


def test_the_words_name_every_label() -> None:
    other = {
        "e-mail": "e-mail", "address": "IP and MAC addresses", "id number": "identity", "uuid": "UUIDs",
        "secret": "secrets",
        "date of birth": "dates of birth", "name": "names of people", "postal address": "postal addresses",
        "encoded": "encoded strings", "hex": "long hex", "user": "the user and the query",
    }  # fmt: skip
    for label, _ in REDACTIONS:
        plain = label.strip("[]")
        assert other.get(plain, plain.removesuffix(" number")) in WHAT_IS_REPLACED, label


def test_a_redacted_text_is_left_as_it_is() -> None:
    for row in labelled("dev") + labelled("held"):
        once = redacted(row["text"])
        assert redacted(once) == once


HOSTILE = [
    *("a", "A1", "A1-", "1 ", "1-", "a.@", ":", "-----BEGIN RSA PRIVATE KEY-----", "http://", "0x", "password:"),
    *("eyJaaaaaaa-", "Aa ", "Anna ", "Anna de ", "Dr. ", "Mr Mr ", "A. ", "Name: ", "From: Aa ", "Best regards, "),
    *("12 Elm ", "rue de ", "Address: 1", "born ", "id A1 ", "(0", "+1 ", "王", "王小", "省市", "1号", "田中", "김민"),
    *("محمد ", "شارع ", "Иван ", "ул. "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_time_in_proportion_to_their_length(unit: str) -> None:
    begin = time.process_time()
    redacted(unit * (32_000 // len(unit)))
    assert time.process_time() - begin < 2.0  # measured 0.2 s at most; a pattern that backtracks takes 10 s and more


@settings(derandomize=True, max_examples=examples(60), deadline=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("Aa1 .:@-/\n=王")), max_size=200))
def test_any_text_is_taken(text: str) -> None:
    redacted(text).encode("utf-8", "surrogatepass")


def test_edits_that_overlap_are_joined() -> None:
    assert non_overlapping([(4, 9, "b"), (0, 6, "a"), (2, 3, "c"), (12, 12, "d")]) == [(0, 9, "a")]
    assert tidy_spans([(5, 9), (-2, 3), (3, 4), (8, 20)], 12) == [(0, 4), (5, 12)]


def test_columns_are_redacted_and_bounded() -> None:
    column = pa.chunked_array([["my name is Jane Smith", None], ["x" * 50, "my name is Jane Smith"]])
    assert redacted_texts(column, 20).to_pylist() == ["my name is [name]", None, "x" * 20, "my name is [name]"]


def test_check_digits_of_cards() -> None:
    assert passes_luhn("4012 8888 8888 1881")
    assert not passes_luhn("4012 8888 8888 1882")


def test_name_lists_are_small_and_hold_no_word_of_templates() -> None:
    lists = name_lists()
    file = Path(redacted.__code__.co_filename).with_name("names.txt")
    assert file.stat().st_size < 500_000
    assert {"maria", "katarzyna", "giovanni", "jurgen", "femke", "mehmet"} <= lists.given
    assert "MERCHANTABILITY" in file.read_text(encoding="utf-8"), "the licence of the list"
    words = {
        "Will",
        "May",
        "Mark",
        "Server",
        "Line",
        "Paris",
        "Python",
        "Edit",
        "Job",
        "Test",
        "Model",
        "Answer",
        "Write",
    }
    assert not {word.lower() for word in words} & lists.given
