"""Batches of bounded bytes, whatever a row group unfolds to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gathering import collected, content, opened, row, write_parquet

from stillhunt.collect.decode import batch_sizing as pieces
from stillhunt.collect.decode.batch_sizing import (
    UndecodableError,
    cut_batch,
    longest_named,
    regroup_batches,
    rows_at_a_time,
)

LONG = 50_000


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds a thousandth of the real ones, so that short texts are long."""
    for name in ("DECODED_BATCH_BYTES", "SMALL_GROUP_BYTES", "PIECE_BYTES"):
        monkeypatch.setattr(pieces, name, getattr(pieces, name) // 1000)


def batch_of(sizes: list[int]) -> pa.RecordBatch:
    return pa.record_batch({"n": list(range(len(sizes))), "text": ["x" * size for size in sizes]})


def numbers(batches: list[pa.RecordBatch]) -> list[int]:
    return [number for batch in batches for number in batch.column("n").to_pylist()]


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize(
    "sizes", [[10] * 300, [LONG] * 40, [10] * 150 + [LONG] * 9 + [10] * 141, [10 * LONG, 1], [0], []]
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_rows_keep_their_order_within_bounds(sizes: list[int], step: int) -> None:
    whole = batch_of(sizes)
    given = [whole.slice(start, step) for start in range(0, len(sizes), step)]
    made = list(regroup_batches(given, 100))
    assert numbers(made) == list(range(len(sizes)))
    assert [batch.column("text").to_pylist() for batch in made] == [
        whole.column("text").slice(batch.column("n")[0].as_py(), batch.num_rows).to_pylist() for batch in made
    ]
    for batch in made:
        assert 0 < batch.num_rows <= 100
        assert batch.num_rows == 1 or batch.nbytes <= 2 * pieces.DECODED_BATCH_BYTES
    if max(sizes, default=0) <= 10 and step < 100:
        assert all(batch.num_rows > 80 for batch in made[:-1])  # small ones are joined


def test_what_came_before_damage_is_handed_on() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield batch_of([1, 1])
        raise UndecodableError("no more")

    made = regroup_batches(broken(), 100)
    assert numbers([next(made)]) == [0, 1]
    with pytest.raises(UndecodableError):
        next(made)


def test_pieces_with_other_dictionaries_are_joined_or_handed_on() -> None:
    parts = [pa.record_batch({"n": [i], "text": pa.array(["ab"[i]]).dictionary_encode()}) for i in range(2)]
    made = list(regroup_batches(parts, 100))
    assert numbers(made) == [0, 1]
    assert [value for batch in made for value in batch.column("text").to_pylist()] == ["a", "b"]


def test_cutting_copies_nothing() -> None:
    whole = batch_of([5] * 10)
    parts = list(cut_batch(whole, 4))
    assert [part.num_rows for part in parts] == [4, 4, 2]
    assert {part.column("text").buffers()[2].address for part in parts} == {whole.column("text").buffers()[2].address}


@pytest.mark.usefixtures("narrow")
def test_rows_decoded_at_a_time_follow_the_bytes(tmp_path: Path) -> None:
    def rows_of(texts: list[str], **options: object) -> tuple[int, int]:
        path = tmp_path / "log.parquet"
        pq.write_table(pa.table({"prompt": texts}), path, **options)
        metadata = pq.ParquetFile(path).metadata
        longest = longest_named(path, metadata, 0, ["prompt"])
        return rows_at_a_time(metadata.row_group(0), ["prompt"], 1000, longest), longest

    assert rows_of([f"{n}" for n in range(1000)], use_dictionary=False) == (1000, 0)
    assert rows_of([f"{n}" + "x" * 600 for n in range(1000)], use_dictionary=False)[0] < 1000
    # A long text that stands in every row costs the file nothing, and memory a thousand times its size.
    assert rows_of(["x" * LONG] * 1000) == (pieces.SMALL_GROUP_BYTES // LONG, LONG)
    # Long texts among many short ones: small pieces, so that they cannot all meet in one.
    mixed = [f"{n}" + "x" * (LONG if n < 20 else 1) for n in range(1000)]
    assert rows_of(mixed, use_dictionary=False)[0] * LONG < 20 * LONG


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("dictionary", [True, False])
def test_long_prompts_side_by_side_are_read_as_ever(tmp_path: Path, dictionary: bool) -> None:
    rows = [row(n, prompt=f"{n} " + "long " * (10_000 if 40 <= n < 60 or n % 7 == 0 else 1)) for n in range(120)]
    rows += [row(120 + n, prompt="the same long text " * 3000) for n in range(30)]
    path = write_parquet(tmp_path / "log.parquet", rows, use_dictionary=dictionary)
    plain, _log = collected(pa.Table.from_pylist(rows))
    read, _log = collected(path)
    assert content(read) == content(plain)
    assert [r["origin_row"] for r in sorted(read, key=lambda r: int(r["request_id"][1:]))] == list(range(150))
    assert all(t.num_rows == 1 or t.nbytes < 3 * pieces.DECODED_BATCH_BYTES for t in opened(path).batches())
