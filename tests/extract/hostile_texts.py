"""Texts that try to break a tokeniser, and REQUESTS tables made of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stillhunt.base.schema import REQUESTS
from stillhunt.extract.lexicon import all_stop_words, phrases_by_feature
from stillhunt.extract.text.conduct import PROMPT_RULES

WORDS = [*all_stop_words()[::7], *(phrase for phrase, _ in phrases_by_feature(PROMPT_RULES.features)[::5])]
ODD = [
    "\u200d",
    "\u0301",
    "é",
    "e\u0301",
    "ﬁ",
    "Ａ",
    "𝐀",
    "𠀀",
    "😀",
    "ß",
    "İ",
    "ı",
    "٣",
    "३",
    "ก",
    "カ",
    "ｶ",
    "漢",
    "가",
    "ـ",
    "’",
]
MARKS = [
    "<think>",
    '"reasoning":',
    "[analysis]",
    "{};",
    "```",
    "\\frac{a}{b}",
    "1, 2.5",
    "x_1",
    "a-b",
    "\n",
    "\t",
    "...",
    "0x",
]

pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(ODD),
    st.sampled_from(MARKS),
    st.text(max_size=12),
    st.text("abcdefgh ", max_size=12),
    st.text("的一是不了人我在有他这为之大来", max_size=12),
    st.integers(60, 70).map(lambda n: "x" * n),
    st.integers(20, 24).map(lambda n: "й" * n + "é" * n),
    st.integers(0, 10**6).map(str),
)
texts = st.lists(pieces, max_size=60).flatmap(
    lambda parts: st.sampled_from(["", " ", ", "]).map(lambda between: between.join(parts))
)
encoded = st.one_of(
    texts.map(lambda text: text.encode("utf-8", errors="surrogatepass")),
    st.binary(max_size=300),
    st.tuples(texts, st.binary(max_size=6), texts).map(
        lambda parts: parts[0].encode("utf-8", "replace") + parts[1] + parts[2].encode("utf-8", "replace")
    ),
)


def unchecked_strings(values: Sequence[bytes | None]) -> pa.Array:
    """A large_string array of any bytes: what a hostile Parquet file can hold."""
    return pa.Array.from_buffers(pa.large_string(), len(values), pa.array(values, pa.large_binary()).buffers())


def requests(prompts: Sequence[bytes | None], **columns: object) -> pa.Table:
    """A REQUESTS table with the given prompts and plain values elsewhere."""
    n = len(prompts)
    given: dict[str, object] = {
        "request_id": [f"r{i}" for i in range(n)],
        "timestamp": [1_700_000_000_000_000 + i for i in range(n)],
        "account_id": [f"a{i % 3}" for i in range(n)],
        "model": ["m"] * n,
        "source": ["default"] * n,
        "origin_file": np.zeros(n, np.int32),
        "origin_row": np.arange(n),
        "prompt": unchecked_strings(prompts),
    }
    return REQUESTS.build(**(given | columns))
