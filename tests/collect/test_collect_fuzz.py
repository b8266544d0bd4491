"""Arbitrary bytes in text logs: no exception but InputError, and every record is either a row or a reject."""

from __future__ import annotations

import csv
import json

import pytest
from gathering import collected, row
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import InputError
from stillhunt.base.formatting import escape_controls
from stillhunt.collect.decode.lines import JsonReader, TextFile
from stillhunt.collect.values.fields import REQUEST_FIELDS, field_map
from stillhunt.collect.values.rejects import Rejects
from thoroughness import examples

GOOD_LINE = json.dumps(row(1)).encode()
GOOD_RECORD = b"r1,1767225600,a1,m1,text"
HEADER = b"request_id,timestamp,account_id,model,prompt"

JSON_BYTES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [GOOD_LINE, GOOD_LINE[:-3], b"{}", b"[]", b"[{}]", b"", b" ", b"\xef\xbb\xbf", b'{"request_id":{}}']
    ),
    st.dictionaries(
        st.sampled_from(
            ["request_id", "timestamp", "account_id", "model", "prompt", "input_tokens", "client_ip", "messages"]
        ),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8)),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
        max_size=8,
    ).map(lambda record: json.dumps(record).encode()),
)
CSV_BYTES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [
            GOOD_RECORD,
            b'r1,1767225600,a1,m1,"quoted ""text"""',
            b'"',
            b",,,,",
            b"\r",
            b"\x00,\x00",
            b"r1,1767225600\xff,a,m,x",
        ]
    ),
)


@settings(derandomize=True, deadline=None, max_examples=examples(30))
@given(st.lists(JSON_BYTES, max_size=6))
def test_json_lines(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    data = b"\n".join([GOOD_LINE, *pieces, GOOD_LINE])
    path = tmp_path_factory.mktemp("fuzz") / "a.jsonl"
    path.write_bytes(data)
    rows, log = collected(path)
    lines = [line for line in data.split(b"\n") if line and not line.isspace()]
    assert len(rows) + log.facts.rejected_rows == len(lines)
    assert len(rows) >= 2
    assert all(escape_controls(text) == text for reject in log.rejects().to_pylist() for text in reject.values())


@settings(derandomize=True, deadline=None, max_examples=examples(30))
@given(st.lists(CSV_BYTES, max_size=6))
def test_csv_records(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    data = b"\n".join([HEADER, GOOD_RECORD, *pieces]) + b"\n"
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(data)
    rows, log = collected(path)
    assert len(rows) >= 1
    assert len(rows) + log.facts.rejected_rows == 1 + records_of(data.split(b"\n", 2)[2])


def records_of(data: bytes) -> int:
    """Records by the csv module alone, fed line by line; each error costs one record."""
    texts = iter([line.decode("utf-8", "replace") + "\n" for line in data.replace(b"\r\n", b"\n").split(b"\n")[:-1]])
    parser = csv.reader(texts)
    count = 0
    while True:
        try:
            record = next(parser, None)
        except csv.Error:
            count += 1
            continue
        if record is None:
            return count
        count += bool(record) and record != [""]


@settings(derandomize=True, deadline=None, max_examples=examples(15))
@given(
    st.binary(max_size=200),
    st.sampled_from(["a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.jsonl.gz", "a", "a.zst"]),
)
def test_any_file_at_all(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / name
    for content in (data, b"PAR1" + data + b"PAR1", b"\x1f\x8b\x08" + data, b"\x28\xb5\x2f\xfd" + data, b"[{" + data):
        path.write_bytes(content)
        with pytest.raises(InputError):
            collected(path)


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(
    st.lists(
        st.one_of(
            st.integers(), st.text(max_size=5), st.dictionaries(st.text(max_size=3), st.text(max_size=9), max_size=3)
        ),
        max_size=6,
    ),
    st.integers(1, 9),
)
def test_array_elements_are_those_of_json(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], indent: int
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.json"
    path.write_text(json.dumps([row(0), *values], indent=indent, ensure_ascii=False))
    fields = field_map(REQUEST_FIELDS, None)
    rejects = Rejects()
    reader = JsonReader(TextFile(path, "a", 0, fields, 100, 1 << 20), ("request_id",), array=True)
    found = list(reader.batches(REQUEST_FIELDS, rejects))
    objects = 1 + sum(isinstance(value, dict) for value in values)
    assert sum(batch.rows for batch in found) == objects
    assert rejects.rows == 1 + len(values) - objects
