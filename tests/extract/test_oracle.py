"""Every kernel against its plain-Python twin."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
import text_oracle as oracle
from hostile_texts import WORDS, encoded, requests, unchecked_strings
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.extract import sketch_requests
from stillhunt.extract.text.row_kernels import Texts, hash_rows
from thoroughness import examples

CHUNK, KEPT = 8192, 4096


def assert_like_oracle(prompts: list[bytes], seed: int = 0) -> None:
    table = sketch_requests(requests(prompts), Config(seed=seed))
    for row, prompt in zip(table.to_pylist(), prompts, strict=True):
        expected = oracle.sketch(prompt, seed)
        assert {name: row[name] for name in expected} == expected, prompt[:200]


@settings(max_examples=examples(50), deadline=None, derandomize=True)
@given(st.lists(encoded, min_size=1, max_size=12), st.integers(0, 3))
def test_arbitrary_text_gives_what_the_plain_twin_gives(prompts: list[bytes], seed: int) -> None:
    assert_like_oracle(prompts, seed)


ALPHABETS = ("ab ", "a", "1a ", "1", "é a", "й", "的一 ", "ก", "a😀 1")
BORDERS = (63, 64, 65, 127, 128, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7)
MANY_CHUNKS = 5 * CHUNK + 90
"""Tried with words, one long word, and characters of all widths: the plain twin takes a second for each."""


@pytest.mark.parametrize(
    ("size", "alphabet"),
    [*product(BORDERS, ALPHABETS), *((MANY_CHUNKS, one) for one in ("ab ", "a", "的一 ", "a😀 1"))],
)
def test_lengths_around_block_and_chunk_borders(size: int, alphabet: str) -> None:
    draw = random.Random(f"{size} {alphabet}")
    whole = "".join(draw.choice(alphabet) for _ in range(size)).encode()
    assert_like_oracle(list(dict.fromkeys((whole, whole[:size], whole[1:]))))  # ASCII has as many bytes as characters


@pytest.mark.parametrize("share", [1, 5, 11, 12, 13, 60])
@pytest.mark.parametrize("foreign", ["é", "’", "—", "\u0301", "\u200b", "的", "й", "😀", "\u0130", "\ud800"])
def test_ascii_text_with_some_other_characters_in_each_block(share: int, foreign: str) -> None:
    draw = random.Random(share * 2**20 + ord(foreign))
    text = "".join(foreign if draw.random() < share / 64 else draw.choice("abC 1'_{") for _ in range(1500))
    assert_like_oracle([text.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")[1:]])


@pytest.mark.parametrize("count", [191, 192, 193, 799, 800, 801, 1200, KEPT - 1, KEPT, KEPT + 1, KEPT + 150, 9000])
def test_numbers_of_tokens_around_region_borders(count: int) -> None:
    draw = random.Random(count)
    words = [draw.choice([*WORDS, "alpha", "βήτα", "漢字", "x9", "12"]) for _ in range(count)]
    plain = [f"w{draw.randrange(10**9)}" for _ in range(count)]
    assert_like_oracle([" ".join(words).encode(), " ".join(plain).encode()], seed=count)


@settings(max_examples=examples(50), deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=100), min_size=1, max_size=8), st.integers(0, 2**64 - 1))
def test_byte_hash_is_what_the_plain_twin_gives(values: list[bytes], seed: int) -> None:
    data = np.frombuffer(b"".join(values), np.uint8)
    ends = np.cumsum([len(v) for v in values], dtype=np.int64)
    begins = ends - np.array([len(v) for v in values], np.int64)
    out = np.empty(len(values), np.uint64)
    hash_rows(Texts(data, begins, ends), np.uint64(seed), out)
    assert out.tolist() == [oracle.hash_bytes(value, seed) for value in values]


@settings(max_examples=examples(30), deadline=None, derandomize=True)
@given(st.lists(encoded, min_size=1, max_size=6))
def test_system_prompts_give_what_the_plain_twin_gives(prompts: list[bytes]) -> None:
    table = sketch_requests(requests([b""] * len(prompts), system_prompt=unchecked_strings(prompts)), Config())
    for got, prompt in zip(table["system_phrases"].to_pylist(), prompts, strict=True):
        assert got == oracle.system_phrases([t.hash for t in oracle.tokens(prompt)[0]])
