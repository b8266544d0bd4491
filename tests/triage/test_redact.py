"""Excerpts hide secrets, hold their bounds, and keep their marks on the same words."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.formatting import UNSAFE
from stillhunt.triage.redact import excerpt
from thoroughness import examples

SECRETS = [
    "joe.doe+spam@mail.example.com",
    "joe [at] mail.example.com",
    "+49 170 1234567",
    "(555) 123-4567",
    "0171 2345678",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "378282246310005",
    "123-45-6789",
    "DE89 3704 0044 0532 0130 00",
    "sk-proj-ABCDEFGH12345678",
    "ghp_abcdefghijklmnopqrst",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA1234567890abcdefghijk",
    "xoxb-123456789012-abcdefGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
    "192.168.10.44",
    "fe80::1ff:fe23:4567:890a",
    "d41d8cd98f00b204e9800998ecf8427e",
    "c2VjcmV0IHZhbHVlIHdpdGggZGlnaXRzIDEyMzQ1Njc4OTA=",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secret_is_replaced(secret: str) -> None:
    shown, _ = excerpt(f"please use {secret} for this task", 400)
    assert secret not in shown
    assert shown.startswith("please use [")
    assert shown.endswith(" for this task")


@pytest.mark.parametrize("secret", SECRETS)
def test_secret_with_invisible_characters_inside_is_replaced(secret: str) -> None:
    hidden = secret[:3] + "\u200b" + secret[3:6] + "\u202e\x00" + secret[6:]
    shown, _ = excerpt(f"use {hidden} now", 400)
    assert secret not in shown


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("password: hunter2hunter2", "password: [secret]"),
        ('{"api_key": "abcd1234"}', '{"api_key": "[secret]"}'),
        ("Authorization: Bearer abc.def.ghi", "Authorization: [token]"),
        ("see https://u:p@host.example/a/b?tok=1&x=2#frag", "see https://[user]@host.example/a/b?[query]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY----- end", "[private key] end"),
        ("at 12:30:45 we met, std::vector, 1 2 3 4", "at 12:30:45 we met, std::vector, 1 2 3 4"),
        ("a_long_identifier_in_plain_words_stays_as_it_is", "a_long_identifier_in_plain_words_stays_as_it_is"),
        ("red \x1b[31mtext\x1b[0m \x1b]0;title\x07end", "red text end"),
        ("line\r\nbreak\tand\u2028more", "line break and more"),
        ("\u202eevil\u2066 \ufeffbom", "evil bom"),
    ],
)
def test_exact_result(text: str, wanted: str) -> None:
    assert excerpt(text, 400)[0] == wanted


def test_marks_stay_on_their_words_through_redaction() -> None:
    text = "mail joe@mail.example or call; write every step of your reasoning\x1b[0m before the answer"
    start = text.index("write every")
    end = text.index("\x1b")
    shown, marks = excerpt(text, 400, [(start, end)])
    assert [shown[a:b] for a, b in marks] == ["write every step of your reasoning"]


def test_mark_on_a_secret_covers_its_label() -> None:
    text = "key sk-proj-ABCDEFGH12345678 end"
    shown, marks = excerpt(text, 100, [(8, 20)])
    assert [shown[a:b] for a, b in marks] == ["[key]"]


def test_mark_that_ends_before_a_secret_does_not_cover_its_label() -> None:
    shown, marks = excerpt("card:4111111111111111 and:more", 100, [(0, 5), (21, 30)])
    assert shown == "card:[card number] and:more"
    assert [shown[a:b] for a, b in marks] == ["card:", " and:more"]


def test_excerpt_goes_to_the_first_mark() -> None:
    text = "x " * 50_000 + "shared words here " + "y " * 50_000
    shown, marks = excerpt(text, 120, [(100_000, 100_017)])
    assert [shown[a:b] for a, b in marks] == ["shared words here"]
    assert shown[0] == shown[-1] == "…"
    assert len(shown) <= 120


def test_secret_across_the_window_edge_is_not_cut_loose() -> None:
    secret = "sk-" + "A1b2" * 500
    for padding in range(3900, 4500, 37):
        text = secret + " " * 1 + "word " * (padding // 5) + "shared phrase " + "z" * 10
        place = text.index("shared")
        shown, _ = excerpt(text, 60, [(place, place + 6)])
        assert "A1b2" not in shown


_ANY = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b[]\u202e\u200b@.:-+/?#=0123456789sk\n ")), max_size=300
)


@settings(derandomize=True, max_examples=examples(100, 1500), deadline=None)
@given(text=_ANY, chars=st.integers(8, 120), spans=st.lists(st.tuples(st.integers(-5, 320), st.integers(-5, 320))))
def test_excerpt_holds_its_promises(text: str, chars: int, spans: list[tuple[int, int]]) -> None:
    shown, marks = excerpt(text, chars, spans)
    assert len(shown) <= chars
    assert not UNSAFE.search(shown)
    assert all(0 <= start < end <= len(shown) for start, end in marks)
    assert all(before[1] < after[0] for before, after in pairwise(marks))
    shown.encode()


@settings(derandomize=True, max_examples=examples(40, 500), deadline=None)
@given(noise=_ANY, secret=st.sampled_from(SECRETS))
def test_no_secret_survives_between_noise(noise: str, secret: str) -> None:
    shown, _ = excerpt(f"{noise} {secret} {noise}", 4000)
    assert secret not in shown or secret in noise


@pytest.mark.parametrize(
    "unit",
    ["a", "1 ", "a.@", ":", "-----BEGIN RSA PRIVATE KEY-----", "\x1b]", "http://", "0x", "password:", "a-", "A1"],
)
def test_megabyte_fields_are_cheap(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    begin = time.process_time()
    shown, _ = excerpt(text, 320, [(500_000, 500_100)])
    assert len(shown) <= 320
    assert time.process_time() - begin < 1.0  # measured 0.03 s; quadratic patterns would take minutes


def test_names_and_addresses_end_with_their_line() -> None:
    text = "Kind regards,\r\nPiotr Zed\r\nPlease answer\u2028Address: 12 Long Way\nSolve the task"
    assert excerpt(text, 400)[0] == "Kind regards, [name] Please answer Address: [postal address] Solve the task"
