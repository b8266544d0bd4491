"""Sketches on disk: what is written comes back, in any partitions, each request once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.coded import codes, plain
from stillhunt.base.errors import OutputError
from stillhunt.base.schema import SKETCHES
from stillhunt.base.shape import TIMESTAMP
from stillhunt.extract.store import segments, store
from stillhunt.extract.store.segments import FEW, FEW_VALUES, PARTITIONS, Segment, joined, partition_of, write_segment
from stillhunt.extract.store.store import SegmentWriter, Store
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(15))
EVERYBODY = range(PARTITIONS)
PLACE = [("origin_file", "ascending"), ("origin_row", "ascending")]


def random_sketches(seed: int, rows: int, *, accounts: int = 40, empty: Sequence[str] = (), file: int = 0) -> pa.Table:
    """SKETCHES with nulls, empty lists, texts of few and of many values; columns of `empty` hold nothing."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, accounts, rows)
    keys = np.random.default_rng(7).integers(0, 2**64, accounts, dtype=np.uint64)
    columns: dict[str, Any] = {}
    for field in SKETCHES.arrow:
        if pa.types.is_list(field.type):
            top = 2**32 if field.type.value_type == pa.uint32() else 2**16
            values = [rng.integers(0, top, rng.integers(0, 5)).tolist() for _ in range(rows)]
        elif pa.types.is_string(field.type):
            kinds = FEW_VALUES + 90 if field.name == "user_agent" else 7
            values = [f"{field.name}-{n}" for n in rng.integers(0, kinds, rows).tolist()]
        elif pa.types.is_floating(field.type):
            values = rng.random(rows).tolist()
        else:
            values = rng.integers(0, 100, rows).tolist()
        if field.nullable:
            values = [None if rng.random() < 0.3 else value for value in values]
        columns[field.name] = values
    columns["account_id"] = [f"a{number:05d}" for number in owner.tolist()]
    columns["account_key"] = keys[owner]
    columns["request_id"] = [f"f{file}-r{row}" for row in range(rows)]
    columns["request_key"] = rng.choice(2**20, rows, replace=False).astype(np.uint64) + np.uint64(2**40 * (file + 1))
    columns["origin_file"], columns["origin_row"] = [file] * rows, list(range(rows))
    columns["timestamp"] = pa.array(columns["timestamp"], pa.int64()).cast(TIMESTAMP)
    for name in empty:
        field = SKETCHES.arrow.field(name)
        columns[name] = [[]] * rows if pa.types.is_list(field.type) else [None] * rows
    return SKETCHES.build(**columns)


def in_order(table: pa.Table) -> pa.Table:
    """Rows by file and row, with the declared columns."""
    return table.select(SKETCHES.names).cast(SKETCHES.arrow).sort_by(PLACE).combine_chunks()


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    for name in expected.column_names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name


@pytest.mark.parametrize("rows", [0, 1, 5, 900])
@pytest.mark.parametrize("empty", [(), ("user_agent", "turn", "phrases", "topic_words", "output_tokens")])
def test_a_segment_gives_back_what_was_written(tmp_path: Path, rows: int, empty: tuple[str, ...]) -> None:
    table = random_sketches(rows, rows, empty=empty)
    write_segment(tmp_path / "one", table)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    segment = Segment(tmp_path / "one", [0])
    parts = segment.read(EVERYBODY, SKETCHES.names)
    part = partition_of(table["account_key"].to_numpy())
    assert sum(one.num_rows for one in parts) == rows
    for one, number in zip(parts, sorted(set(part.tolist())), strict=True):
        assert_same(one, table.filter(pa.array(part == number)))
    schema = pa.schema([field.with_nullable(True) for field in SKETCHES.arrow])
    for one in parts:
        assert all(a.type == b.type or a.type == FEW for a, b in zip(one.schema, schema, strict=True))
        assert joined([one, one.cast(schema)], SKETCHES.names).schema.equals(schema)


def test_a_segment_holds_nothing_of_the_input_it_came_from(tmp_path: Path) -> None:
    """So the segments of a file can be kept and read under another number."""
    table = random_sketches(3, 50)
    write_segment(tmp_path / "one", table)
    for number in (0, 12):
        (found, *_) = Segment(tmp_path / "one", [number]).read(EVERYBODY, ["origin_file"])
        assert set(found["origin_file"].to_pylist()) == {number}


@pytest.mark.parametrize(
    "names", [("topic_words",), ("request_id", "phrases"), ("origin_file",), ("turn", "origin_row")]
)
def test_some_columns_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    table = random_sketches(4, 300, empty=("turn",))
    write_segment(tmp_path / "one", table)
    found = Segment(tmp_path / "one", [0]).read([5, 63, 6], names)
    part = partition_of(table["account_key"].to_numpy())
    present = [number for number in (5, 63, 6) if (part == number).any()]
    assert len(found) == len(present)
    for one, number in zip(found, present, strict=True):
        assert one.column_names == list(names)
        assert_same(one, table.filter(pa.array(part == number)).select(list(names)))


def test_a_flipped_bit_anywhere_is_an_error(tmp_path: Path) -> None:
    """None of its bytes is beyond the checksums of streams and index."""
    path = tmp_path / "one"
    write_segment(path, random_sketches(8, 60))
    whole = path.read_bytes()
    for place in range(0, len(whole), len(whole) // 60):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(bytes(content))
        with pytest.raises(OutputError, match="gone or changed"):
            Segment(path, [0]).read(EVERYBODY, SKETCHES.names)


def test_tables_in_pieces_and_views_are_written_as_they_are(tmp_path: Path) -> None:
    text_hash = random_sketches(5, 400)
    pieces = pa.concat_tables([text_hash.slice(10, 90), text_hash.slice(100, 1), text_hash.slice(101, 200)])
    write_segment(tmp_path / "one", pieces)
    found = pa.concat_tables(Segment(tmp_path / "one", [0]).read(EVERYBODY, SKETCHES.names))
    assert_same(in_order(found), in_order(text_hash.slice(10, 291)))


def stored(folder: Path, files: dict[int, pa.Table], cuts: Sequence[int] = ()) -> Store:
    """A store of input files, each added in pieces."""
    for number, table in files.items():
        writer = SegmentWriter(folder / str(number))
        for first, last in pairwise([0, *(cut for cut in cuts if cut < table.num_rows), table.num_rows]):
            writer.add(number, table.slice(first, last - first))
        writer.close()
    return Store([(number, folder / str(number)) for number in sorted(files)])


def whole_of(one: Store, columns: Sequence[str] | None = None) -> tuple[list[pa.Table], pa.Table]:
    """Tables of the partitions, and all rows."""
    tables: list[pa.Table] = []

    def keep(table: pa.Table, _: Any) -> pa.Table:
        tables.append(table)
        return table

    names = SKETCHES.names if columns is None else columns
    schema = pa.schema([SKETCHES.arrow.field(name).with_nullable(True) for name in names])
    return tables, one.dataset(1).gather(keep, schema, None, columns)


@pytest.mark.parametrize(("worked", "groups"), [(10_000, 1), (200, 3), (1, PARTITIONS)])
def test_any_grouping_of_partitions_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worked: int, groups: int
) -> None:
    monkeypatch.setattr(store, "WORKED_ROWS", worked)
    monkeypatch.setattr(store, "SEGMENT_ROWS", 130)
    files = {number: random_sketches(number, 300 + number, file=number) for number in range(3)}
    files[1] = files[1].slice(0, 0)
    found = stored(tmp_path, files, [100, 140, 299])
    assert len(list((tmp_path / "0").glob("*.segment"))) == 3
    assert found.rows == 602
    tables, rows = whole_of(found)
    assert len(tables) == groups
    assert_same(in_order(rows), pa.concat_tables([files[0], files[2]]))
    owners = [set(table["account_id"].to_pylist()) for table in tables]
    assert sum(map(len, owners)) == len(set.union(*owners)), "all requests of an account lie in one partition"


def test_a_store_of_nothing_is_one_empty_partition(tmp_path: Path) -> None:
    for found in (Store([]), stored(tmp_path, {0: random_sketches(0, 0)})):
        tables, rows = whole_of(found)
        assert len(tables) == 1
        assert in_order(rows).equals(SKETCHES.empty())
        assert found.settle_repeats() == (0, 0)


Repeat = tuple[int, int, int, str]
"""File, request, content, account."""


def repeated(rows: list[Repeat]) -> dict[int, pa.Table]:
    """Files of requests whose ids and contents are columns; accounts may differ, and with them partitions."""
    by_file: defaultdict[int, list[Repeat]] = defaultdict(list)
    for row in rows:
        by_file[row[0]].append(row)
    files = {}
    for number, own in by_file.items():
        table = random_sketches(number, len(own), file=number)
        columns: dict[str, list[Any]] = {
            "request_id": [f"r{request}" for _, request, _, _ in own],
            "request_key": [request * 977 for _, request, _, _ in own],
            "content_hash": [content for _, _, content, _ in own],
            "account_id": [account for _, _, _, account in own],
            "account_key": [ord(account[0]) << 58 & 2**64 - 1 for _, _, _, account in own],
            "source": ["log"] * len(own),
        }
        for name, column in columns.items():
            field = SKETCHES.arrow.field(name)
            table = table.set_column(table.schema.get_field_index(name), field, pa.array(column, field.type))
        files[number] = table
    return files


def plainly_settled(files: dict[int, pa.Table]) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Places of the rows that stay, and of those among them that share their id with others of the account."""
    names = ("account_id", "request_id", "content_hash")
    calls: defaultdict[tuple[Any, Any], dict[Any, tuple[int, int]]] = defaultdict(dict)
    for number, table in sorted(files.items()):
        for row in range(table.num_rows):
            account, request, content = (table[name][row].as_py() for name in names)
            calls[account, request].setdefault(content, (number, row))
    stay = {place for own in calls.values() for place in own.values()}
    return stay, {place for own in calls.values() if len(own) > 1 for place in own.values()}


@steady
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 2), st.sampled_from(["a", "b", "q"])),
        max_size=40,
    ),
    st.integers(1, 12),
    st.sampled_from([1, 7, 1_000]),
)
def test_repeats_are_settled(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Repeat], segment_rows: int, worked: int
) -> None:
    """Exact ones, and ids of several calls, many-fold, within a file and across files, segments and accounts."""
    files = repeated(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SEGMENT_ROWS", segment_rows)
        patch.setattr(store, "WORKED_ROWS", worked)
        found = stored(tmp_path_factory.mktemp("log"), files, range(3, 40, 3))
        stay, shared = plainly_settled(files)
        assert found.settle_repeats() == (len(shared), sum(t.num_rows for t in files.values()) - len(stay))
        kept = []
        for number, table in files.items():
            keys = [
                key ^ content if (number, row) in shared else key
                for row, (key, content) in enumerate(
                    zip(table["request_key"].to_pylist(), table["content_hash"].to_pylist(), strict=True)
                )
            ]
            place = table.schema.get_field_index("request_key")
            table = table.set_column(place, SKETCHES.arrow.field("request_key"), pa.array(keys, pa.uint64()))
            kept.append(table.filter(pa.array([(number, row) in stay for row in range(table.num_rows)])))
        expected = in_order(pa.concat_tables(kept)) if kept else SKETCHES.empty()
        assert_same(in_order(whole_of(found)[1]), expected)
        few = whole_of(found, ["topic_words", "content_hash"])[1]
        assert few.column_names == ["topic_words", "content_hash"]
        assert sorted(map(str, few.to_pylist())) == sorted(map(str, expected.select(few.column_names).to_pylist()))
        assert whole_of(found, ["origin_row"])[1].num_rows == expected.num_rows


@pytest.mark.parametrize("new", [{0}, {1, 3}, {2}, set(), {0, 1, 2, 3}])
@pytest.mark.parametrize("segment_rows", [1, 7, 1_000])
def test_what_is_beyond_other_inputs_is_what_settling_would_keep_if_it_came_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: set[int], segment_rows: int
) -> None:
    rng = np.random.default_rng(segment_rows)
    drawn = zip(
        *(rng.integers(0, top, 40).tolist() for top in (4, 5, 3)), rng.choice([*"ab"], 40).tolist(), strict=True
    )
    files = repeated(list(drawn))
    monkeypatch.setattr(store, "SEGMENT_ROWS", segment_rows)
    found = stored(tmp_path, files, range(3, 40, 3)).rows_beyond(sorted(new))
    stay, _ = plainly_settled({number + 10 * (number in new): table for number, table in files.items()})
    places = zip(found["origin_file"].to_pylist(), found["origin_row"].to_pylist(), strict=True)
    assert sorted(places) == sorted((number - 10, row) for number, row in stay if number >= 10)


def test_files_with_few_values_each_and_many_together(tmp_path: Path) -> None:
    """Each file's ids and clients are coded in a byte; those of all files together do not fit in one."""
    files = {number: random_sketches(number, 150, file=number) for number in range(3)}
    for number, table in files.items():
        place = table.schema.get_field_index("user_agent")
        table = table.set_column(place, "user_agent", pa.array([f"client {number}-{row}" for row in range(150)]))
        for name in ("request_key", "account_key", "account_id", "content_hash"):
            table = table.set_column(table.schema.get_field_index(name), name, files[0][name])
        files[number] = table
    found = stored(tmp_path, files)
    assert found.settle_repeats() == (0, 300)
    clients: list[int] = []

    def count(table: pa.Table, _: Any) -> pa.Table:
        clients.append(len(np.unique(codes(table["user_agent"])[0])))
        return table

    found.dataset(1).gather(count, pa.schema([("user_agent", pa.string())]), None, ["user_agent"])
    assert sum(clients) == 150


def test_a_crash_while_writing_leaves_no_half_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not renamed is no segment, and a folder without its last file is not complete."""

    class KilledError(Exception):
        pass

    def killed(path: Path, target: Path) -> None:
        raise KilledError

    table = random_sketches(6, 60)
    folder = tmp_path / "0"
    writer = SegmentWriter(folder)
    monkeypatch.setattr(store, "SEGMENT_ROWS", 20)
    writer.add(0, table.slice(0, 20))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KilledError):
            writer.add(0, table.slice(20, 20))
    assert [path.name for path in sorted(folder.glob("*.segment"))] == ["00000.segment"]
    with monkeypatch.context() as patch:
        patch.setattr(segments, "COLUMN_GROUPS", (*segments.COLUMN_GROUPS[:2], ("no such column",)))
        with pytest.raises(KeyError):
            write_segment(folder / "00001.segment", table)
    assert not (folder / "00001.segment").exists()
    again = SegmentWriter(folder)
    assert list(folder.iterdir()) == [], "the next hunt begins the file anew"
    again.add(0, table)
    again.close()
    assert_same(in_order(whole_of(Store([(0, folder)]))[1]), in_order(table))


def test_small_inputs_that_are_written_together_are_read_as_if_each_were_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SEGMENT_ROWS", 40)
    files = {number: random_sketches(number, rows, file=number) for number, rows in enumerate((5, 7, 100, 0, 30, 3), 3)}
    alone = stored(tmp_path / "alone", files)
    writer = SegmentWriter(tmp_path / "together")
    for number, table in files.items():
        writer.add(number, table)
    writer.close()
    assert max(len(origins) for _path, origins in writer.written) > 1
    together = Store([], writer.written, writer.rows)
    assert rows_of(together) == rows_of(alone)
    assert together.rows == alone.rows
    assert +together.rows_of == +alone.rows_of


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments are joined, and runs of them marked, as in a log of four times as many files."""
    monkeypatch.setattr(store, "MANY_SEGMENTS", 8)
    monkeypatch.setattr(store, "MARK_EVERY", 8)


def small_files(state: Path, count: int, first: int = 0) -> list[tuple[int, Path]]:
    """Folders of small inputs under names as they are kept, each with its place in the order of names."""
    folders = []
    for place, number in enumerate(range(first, first + count)):
        folder = state / f"{number * 2654435761 % 2**32:08x}{number:056x}"
        if not folder.exists():
            writer = SegmentWriter(folder)
            writer.add(0, random_sketches(number, 5 + number % 7, accounts=9, empty=EMPTIES[number % 3], file=number))
            writer.close()
        folders.append((place, folder))
    return folders


EMPTIES = ((), ("user_agent", "phrases"), tuple(field.name for field in SKETCHES.arrow if field.nullable))


def rows_of(made: Store) -> list[list[dict[str, Any]]]:
    """All columns, and some of them, partition by partition in the order in which they are read."""
    read = made.dataset(1)
    some = ("turn", "origin_file", "account_key")
    schema = pa.schema([SKETCHES.arrow.field(name) for name in some])
    found = (read.gather(_whole, schema, None, some), read.gather(_whole, SKETCHES.arrow, None, SKETCHES.names))
    return [
        table.take(pa.array(np.argsort(partition_of(table["account_key"].to_numpy()), kind="stable"))).to_pylist()
        for table in found
    ]


def _whole(table: pa.Table, _: None) -> pa.Table:
    return pa.table({name: plain(table[name]) for name in table.column_names})


@pytest.mark.usefixtures("few_are_many")
def test_joining_small_segments_changes_no_row_and_no_order(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for first in (0, 3, 6):  # the window slides: files go at its begin and come at its end
        folders = small_files(state, 40, first)
        plain_store, joined_store = Store(folders), Store(folders)
        names = joined_store.gather_small(tmp_path / f"own-{first}", state)
        assert rows_of(joined_store) == rows_of(plain_store)
        assert len(joined_store._segments) < 20
        assert joined_store.rows_of == plain_store.rows_of
        assert all((state / name).is_dir() for name in names)
        assert names
    assert Store(small_files(state, 5)).gather_small(tmp_path / "few", state) == []


@pytest.mark.usefixtures("few_are_many")
def test_what_was_joined_is_used_again_and_only_the_ends_of_the_window_are_joined_anew(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = [
        set(Store(small_files(state, 100, first)).gather_small(tmp_path / f"own-{first}", state)) for first in range(3)
    ]
    assert len(made[0]) > 3
    assert max(len(made[0] ^ made[1]), len(made[1] ^ made[2])) <= 1, "a run that has become the first is not kept"
    name = sorted(made[0])[0]
    whole = (state / name / "00000.segment").read_bytes()
    (state / name / "00000.segment").write_bytes(whole[:200] + b"\0" * 8 + whole[208:])
    damaged_store = Store(small_files(state, 100))
    damaged_store.gather_small(tmp_path / "again", state)
    with pytest.raises(OutputError, match=f"delete the folder {name}"):
        rows_of(damaged_store)


@pytest.mark.usefixtures("few_are_many")
def test_a_hunt_that_joins_the_same_files_at_the_same_time_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, join = tmp_path / "state", store._join_segment_run

    def join_after_another_hunt(run: Sequence[Segment], folder: Path) -> None:
        join(run, folder)
        if len(folder.name) == 64 and folder.parent.name == "own":
            join(run, state / folder.name)

    folders = small_files(state, 40)
    monkeypatch.setattr(store, "_join_segment_run", join_after_another_hunt)
    made = Store(folders)
    assert made.gather_small(tmp_path / "own", state)
    assert rows_of(made) == rows_of(Store(folders))
