"""What every source must do, checked on its fixture: a source without one fails."""

from __future__ import annotations

import copy
import gzip
import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.collect.sources.fixtures import FIXTURES, Fixture, Records
from tests.collect.sources.otlp_fixtures import write_protobuf
from tests.collect.sources.reading import Read, read_logs

from stillhunt.base.errors import InputError
from stillhunt.collect.decode.records import NO_COUNTERPART, UNKNOWN_MODEL
from stillhunt.collect.formats import SOURCES, recognise, source_named
from stillhunt.collect.formats.source import Sample
from thoroughness import examples

CALLS = [source.name for source in SOURCES if source.role != "accounts"]
DERIVED = {"source", "client_prefix", "origin_file", "origin_row"}
ODD = (None, True, -1, 2.5, 10**30, "", "x", "[1", "{", [], [None], {}, {"a": [1]}, "\ud800", "x" * 300)
_GONE = object()


@pytest.fixture(params=CALLS)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def log(folder: Path, name: str, *parts: Records, marks: tuple[str, ...] = ()) -> list[Path]:
    """Files of one source, one for each part, and the file beside them, which holds the same copies."""
    fixture = FIXTURES[name]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, records in enumerate(parts):
        paths.append(folder / f"{number}.{fixture.extension}")
        paths[-1].write_bytes(fixture.lines(records))
    if fixture.beside:
        paths.append(folder / "beside.jsonl")
        beside = [record for mark in marks for record in fixture.copy_beside(mark)]
        paths[-1].write_bytes(fixture.lines([*fixture.beside, *beside]))
    return paths


def told(read: Read, *without: str) -> list[dict[str, Any]]:
    """Rows without where they stand; nor ids and times that their file stands for."""
    left = {"origin_file", "origin_row", *without}
    if any(file.format == "batch" for file in read.inputs):
        left.add("timestamp")
    if any(file.format == "nginx-combined" for file in read.inputs):
        left.add("request_id")
    rows = [{column: value for column, value in row.items() if column not in left} for row in read.rows]
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def read_as(name: str, *paths: Path) -> Read:
    """Read logs of nobody in particular."""
    return read_logs(*paths, default_account="acct-9", **({} if FIXTURES[name].beside else {"format": name}))


def test_every_source_has_a_fixture() -> None:
    assert list(FIXTURES)
    assert set(FIXTURES) == {source.name for source in SOURCES}


@pytest.mark.parametrize("name", FIXTURES)
def test_it_is_known_by_its_content_and_by_no_other_first(name: str) -> None:
    source, records = source_named(name), FIXTURES[name].records
    names = frozenset(key for record in records if isinstance(record, dict) for key in record)
    framing = "text" if isinstance(records[0], str) else "json"
    found = recognise(Sample(framing, records, names))
    assert found is not None
    assert found.name == source.name


def test_it_fills_what_it_says_and_nothing_else(name: str, tmp_path: Path) -> None:
    read = read_logs(*log(tmp_path, name, FIXTURES[name].records))
    assert not read.rejects
    assert {file.format for file in read.inputs} - {"batch"} == {name} - {"batch"}
    filled = {
        column
        for row in read.rows
        for column, value in row.items()
        if value is not None and (column, value) != ("model", UNKNOWN_MODEL)
    }
    carried = set(source_named(name).carries) | (set(source_named("batch").carries) if FIXTURES[name].beside else set())
    assert filled - DERIVED - (set() if FIXTURES[name].ids else {"request_id"}) == carried


def test_ids_and_times_lose_nothing(name: str, tmp_path: Path) -> None:
    fixture = FIXTURES[name]
    mark = "0012" if fixture.made else "000000000012345678901234567890"
    changed = fixture.copy(mark)
    if fixture.time is not None and not fixture.made:
        old, new, _ = fixture.time
        changed = [json.loads(json.dumps(record).replace(old, new)) for record in changed]
    elif fixture.time is not None:
        old, new, _ = fixture.time
        mark, changed = "1", [json.loads(json.dumps(record).replace(old, new)) for record in fixture.records]
    read = read_logs(*log(tmp_path, name, changed, marks=(mark,)))
    assert not read.rejects
    if fixture.ids:
        found = fixture.ids[0] + ("" if fixture.made else mark)
        assert any(found in row["request_id"] for row in read.rows)
    if fixture.time is not None:
        assert fixture.time[2] in {row["timestamp"].microsecond for row in read.rows}


def test_a_broken_record_is_one_reject_and_harms_no_other(name: str, tmp_path: Path) -> None:
    records = FIXTURES[name].records
    whole = told(read_as(name, *log(tmp_path / "a", name, records)))
    paths = log(tmp_path / "b", name, records)
    text = paths[0].read_bytes()
    paths[0].write_bytes(text + b'{"broken": \n')
    read = read_as(name, *paths)
    assert len(read.rejects) == 1
    assert "broken" in read.rejects[0]["raw"]
    assert told(read) == whole


def test_order_and_split_do_not_matter(name: str, tmp_path: Path) -> None:
    fixture = FIXTURES[name]
    marks = tuple(f"{1000 + number}" for number in range(12))
    records = [record for mark in marks for record in fixture.copy(mark)]
    whole = told(read_as(name, *log(tmp_path / "a", name, records, marks=marks)))
    assert len(whole) >= 12
    random.Random(3).shuffle(records)
    parts = log(tmp_path / "b", name, records[:7], records[7:], marks=marks)
    assert told(read_as(name, *parts)) == whole


def test_compressed_is_plain(name: str, tmp_path: Path) -> None:
    for number, pack in enumerate((lambda data: data, gzip.compress, zstandard.ZstdCompressor().compress)):
        paths = log(tmp_path / str(number), name, FIXTURES[name].records)
        paths[0].write_bytes(pack(paths[0].read_bytes()))
        rows = told(read_as(name, *paths))
        if number == 0:
            plain = rows
        assert rows == plain


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from paths_of(below, (*path, key))


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    record = copy.deepcopy(record)
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is _GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return record


def hostile(fixture: Fixture) -> Iterator[Any]:
    """Copies of the records, each with one field gone, of another kind, or of another depth."""
    number, values = 2000, itertools.cycle(ODD)
    for place, record in enumerate(fixture.records):
        for path in paths_of(record):
            # Every value meets every source; not in each of its fields, of which some have hundreds.
            for odd in (*itertools.islice(values, 5), _GONE):
                number += 1
                for n, one in enumerate(fixture.copy(str(number))):
                    yield changed(one, path, odd) if n == place else one
            if len(path) > 12:
                break


def test_odd_fields_lose_no_other_record(name: str, tmp_path: Path) -> None:
    fixture = FIXTURES[name]
    good = list(fixture.copy("1001")), list(fixture.copy("1002"))
    whole = told(read_as(name, *log(tmp_path / "a", name, [*good[0], *good[1]], marks=("1001", "1002"))))
    odd = list(hostile(fixture))
    read = read_as(name, *log(tmp_path / "b", name, [*good[0], *odd, *good[1]], marks=("1001", "1002")))
    rows = told(read)
    assert [row for row in rows if row in whole] == whole


FILLINGS = ("[" * 20_000 + "]" * 20_000, '{"a":' * 3_000 + "1" + "}" * 3_000, f'"{"x" * 2**20}"')


def test_deep_and_long_fields_lose_no_other_record(name: str, tmp_path: Path) -> None:
    fixture = FIXTURES[name]
    good = list(fixture.copy("1001"))
    whole = told(read_as(name, *log(tmp_path / "a", name, good, marks=("1001",))))
    paths = log(tmp_path / "b", name, good, marks=("1001",))
    draw = random.Random(5)
    spoilt = b""
    for record in fixture.copy("3000"):
        places = sorted(paths_of(record), key=repr)
        for filling in FILLINGS:
            for path in draw.sample(places, min(2, len(places))):
                spoilt += json.dumps(changed(record, path, "@@")).replace('"@@"', filling).encode() + b"\n"
    paths[0].write_bytes(spoilt + paths[0].read_bytes())
    rows = told(read_as(name, *paths))
    assert [row for row in rows if row in whole] == whole


@settings(
    derandomize=True,
    max_examples=examples(5),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.integers(0, 2**32 - 1))
def test_bytes_of_any_kind_never_raise(tmp_path_factory: pytest.TempPathFactory, name: str, seed: int) -> None:
    draw = random.Random(seed)
    fixture = FIXTURES[name]
    data = bytearray(fixture.lines([*fixture.records, *fixture.copy("1001")]))
    for _ in range(draw.randrange(1, 12)):
        place = draw.randrange(len(data))
        data[place : place + draw.randrange(3)] = draw.choice(
            (b"", b'"', b"{", b"[", b"\xff", b"\x00", b"\n", b"9" * 40)
        )
    (path, *beside) = log(tmp_path_factory.mktemp("bytes"), name, [])
    path.write_bytes(bytes(data))
    try:
        read_as(name, path, *beside)
    except InputError:
        return


def test_what_only_completes_calls_is_passed_over_alone(tmp_path: Path) -> None:
    (path, _) = log(tmp_path, "batch-output", FIXTURES["batch-output"].records)
    with pytest.raises(InputError, match=NO_COUNTERPART):
        read_logs(path)


@pytest.mark.parametrize("name", ["otlp", "otlp-logs"])
def test_protobuf_that_is_cut_anywhere_never_raises(name: str, tmp_path: Path) -> None:
    path = write_protobuf(tmp_path / "log.pb", [*FIXTURES[name].records, *FIXTURES[name].copy("7")])
    data = path.read_bytes()
    for end in range(1, len(data), 193):
        path.write_bytes(data[:end])
        try:
            read_logs(path, format=name)
        except InputError:
            continue
