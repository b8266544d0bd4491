"""The one order of requests: what sorting by all its columns gives, however many rows tie."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import InputError
from stillhunt.base.schema import SKETCHES, TRAFFIC
from stillhunt.link import judged_requests
from stillhunt.link.judged_requests import CANONICAL_ORDER, canonical_order, move_mapped_rows, move_rows
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(25))


def tied(seed: int, rows: int, kinds: int, *, chunks: int = 1, nulls: float = 0.3) -> pa.Table:
    """Requests whose columns hold few different values each; nullable ones nothing now and then."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in CANONICAL_ORDER:
        field = SKETCHES.arrow.field(name)
        values = rng.integers(0, kinds, rows).tolist()
        if pa.types.is_string(field.type):
            values = [("", "Z", "a", "é", "z" * 3)[value % 5] for value in values]
        if name == "timestamp":
            values = [value - 1 for value in values]
        if field.nullable:
            values = [None if rng.random() < nulls else value for value in values]
        kind = pa.int64() if name == "timestamp" else field.type
        columns[name] = pa.array(values, kind).cast(field.type)
    columns["row"] = pa.array(np.arange(rows))
    table = pa.table(columns)
    bounds = np.linspace(0, rows, chunks + 1).astype(int).tolist()
    return pa.concat_tables([table.slice(a, b - a) for a, b in pairwise(bounds)])


def in_order(table: pa.Table) -> list[dict[str, object]]:
    found = canonical_order(table)
    assert sorted(found.to_pylist()) == list(range(table.num_rows))
    return table.take(found).select(list(CANONICAL_ORDER)).to_pylist()


def sorted_by_all(table: pa.Table) -> list[dict[str, object]]:
    keys = [(name, "ascending") for name in CANONICAL_ORDER]
    return table.take(pc.sort_indices(table, sort_keys=keys)).select(list(CANONICAL_ORDER)).to_pylist()


@steady
@given(st.integers(0, 2**32 - 1), st.integers(0, 80), st.integers(1, 5), st.integers(1, 4))
def test_order_of_ties_is_that_of_all_columns(seed: int, rows: int, kinds: int, chunks: int) -> None:
    table = tied(seed, rows, kinds, chunks=chunks)
    assert in_order(table) == sorted_by_all(table)


@pytest.mark.parametrize("kinds", [1, 2, 40])
def test_order_of_many_rows(kinds: int) -> None:
    table = tied(kinds, 4_000, kinds, chunks=3)
    assert in_order(table) == sorted_by_all(table)
    again = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert in_order(again) == in_order(table)


def test_a_table_already_in_order_and_one_without_ties() -> None:
    table = tied(3, 500, 3)
    ordered = table.take(canonical_order(table))
    assert in_order(ordered) == sorted_by_all(table)
    place = table.schema.get_field_index("timestamp")
    times = pa.array(np.random.default_rng(2).permutation(500)).cast(table.schema.field("timestamp").type)
    single = table.set_column(place, "timestamp", times)
    assert in_order(single) == sorted_by_all(single)


def test_no_requests() -> None:
    assert canonical_order(tied(0, 0, 1)).to_pylist() == []
    assert canonical_order(SKETCHES.empty()).to_pylist() == []


@steady
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 4), st.sampled_from([0.0, 0.3, 1.0]))
def test_rows_are_moved_as_arrow_moves_them(seed: int, rows: int, chunks: int, nulls: float) -> None:
    rng = np.random.default_rng(seed)
    places = rng.integers(0, max(rows, 1), rows // 2 * 2)
    for type_ in {field.type for field in TRAFFIC.arrow}:
        stored = type_.value_type if pa.types.is_dictionary(type_) or pa.types.is_list(type_) else type_
        drawn = rng.integers(0, 3, rows).tolist()
        if pa.types.is_list(type_):
            column = pa.array([[value] * value for value in drawn], type_)
        else:
            texts = [None if rng.random() < nulls else f"{value}" for value in drawn]
            values = pa.array(texts, pa.string())
            column = values if pa.types.is_string(stored) else values.cast(pa.int64()).cast(stored)
            column = column.cast(type_)
        bounds = np.linspace(0, rows, chunks + 1).astype(int).tolist()
        chunked = pa.chunked_array([column.slice(a, b - a) for a, b in pairwise(bounds)], type_)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(judged_requests, "HELD_BYTES", 0)
            patch.setattr(judged_requests, "WORDS_AT_ONCE", 3)
            for found in (move_rows(chunked, places), move_mapped_rows(chunked, places)):
                found.validate(full=True)
                assert (found.type, found.to_pylist()) == (type_, column.take(pa.array(places)).to_pylist())


def test_lists_without_a_value_stay_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_requests, "HELD_BYTES", 0)
    nothing = pa.chunked_array([pa.nulls(3, pa.list_(pa.uint16()))])
    assert move_mapped_rows(nothing, np.array([2, 0, 1, 1])).to_pylist() == [None] * 4


def test_more_words_than_a_table_holds_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judged_requests, "HELD_BYTES", 0)
    words = pa.chunked_array([pa.ListArray.from_arrays(pa.array([0, 1 << 10]), pa.array([7] * (1 << 10), pa.uint16()))])
    with pytest.raises(InputError, match=r"2,147,484,672 telling words"):
        move_mapped_rows(words, np.zeros((1 << 21) + 1, np.int64))
