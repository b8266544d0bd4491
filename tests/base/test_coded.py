"""Strings kept once each: what comes out is what went in, in one dictionary whatever the pieces were."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.coded import codes, is_coded, one_dictionary, plain
from stillhunt.base.shape import CODED
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(25))
pieces = st.lists(st.lists(st.sampled_from(["", "a", "b", "z", "é", None]), max_size=6), max_size=4)


def each_form(parts: list[list[str | None]]) -> list[pa.ChunkedArray]:
    """The column plain, coded piece by piece, and coded with strings before it that no row has."""
    column = pa.chunked_array(parts, pa.string())
    longer = pa.chunked_array([["q"], *parts, ["c"]], pa.string()).dictionary_encode().unify_dictionaries()
    return [
        column,
        pa.chunked_array([chunk.cast(CODED) for chunk in column.chunks], CODED),
        longer.slice(1, len(column)),
    ]


@steady
@given(pieces)
def test_values_are_the_same_in_any_form(parts: list[list[str | None]]) -> None:
    told = [text for part in parts for text in part]
    names = sorted({text for text in told if text is not None})
    for column in each_form(parts):
        assert plain(column).to_pylist() == told
        assert not is_coded(plain(column).type)
        code, texts = codes(column)
        assert [None if one < 0 else texts[one].as_py() for one in code.tolist()] == told
        whole = one_dictionary(column)
        assert (whole.to_pylist(), whole.type) == (told, CODED)
        assert whole.dictionary.to_pylist() == names
