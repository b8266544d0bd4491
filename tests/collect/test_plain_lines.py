"""Lines that are read together: they and their records are those that a reader of single lines gives."""

import itertools
import json
import random
import tempfile
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError, OutputError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests
from stillhunt.collect.decode import json_columns
from stillhunt.collect.decode.json_columns import JsonColumns
from stillhunt.collect.decode.lines import PROBED_RECORDS
from stillhunt.collect.decode.streams import KEPT_BYTES_OF_LONG_LINE, lines
from stillhunt.collect.formats.shared.http import PRIVATE_NETWORKS
from stillhunt.collect.input_doubts import ProxyCheck
from stillhunt.collect.join.spool import Spool
from stillhunt.collect.normalise.kernels_identity import read_ipv4
from stillhunt.collect.values.address_ranges import AddressRanges, parse_address
from stillhunt.collect.values.fields import REQUEST_FIELDS, RawBatch, field_map
from stillhunt.collect.values.strings import text_buffers
from thoroughness import examples

CONTENT = st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r", b"\r\n", b"\n\n", b"x" * 9]), max_size=30).map(b"".join)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(CONTENT, st.lists(st.integers(0, 60), max_size=6), st.sampled_from([1, 3, 8, 100]))
def test_lines_do_not_depend_on_the_pieces(content: bytes, cuts: list[int], longest: int) -> None:
    bounds = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    pieces = [content[first:last] for first, last in itertools.pairwise(bounds)]
    wanted = content.split(b"\n")
    wanted = wanted[: -1 if not wanted[-1] else None]
    found = list(lines(iter(pieces), longest))
    assert [line.number for line in found] == list(range(len(wanted)))
    for line, whole in zip(found, wanted, strict=True):
        assert line.complete == (len(whole) <= longest)
        if line.complete:
            assert line.data == whole.removesuffix(b"\r")
        else:
            assert whole.startswith(line.data[:KEPT_BYTES_OF_LONG_LINE])


def rows_of(path: Path, **collect: object) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    config = Config.load({"collect": {"identity_key": "0" * 64, **collect}}, environ={})
    with DuckDBEngine() as engine:
        log = open_requests(path, mapping=None, config=config, engine=engine, progress=Silent())
        rows = [row for table in log.batches() for row in table.to_pylist()]
        rejects = sorted(log.rejects().to_pylist(), key=str)
        log.close()
    return rows, rejects


BROKEN = (b'{"request_id": ', b"[1]", b"", b"   ", b'{"account_id": "\xff", "prompt": "\xfe"}', b"\xef\xbb\xbf{}")


@pytest.mark.parametrize("nested", [False, True])
def test_broken_lines_change_nothing_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nested: bool
) -> None:
    draw = random.Random(3)
    content = []
    for number in range(3000):
        row: dict[str, object] = {"request_id": f"r{number}", "account_id": f"a{number % 7}", "model": "m"}
        row |= {"timestamp": "2026-01-01T00:00:00Z", "prompt": "p" * draw.randrange(2000), "client_ip": "1.2.3.4"}
        row |= {"meta": {"turn": number}} if nested else {"turn": number}
        content.append(json.dumps(row).encode())
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(content))
    with monkeypatch.context() as patch:  # no line is read by itself
        patch.setattr("stillhunt.collect.decode.lines._LineDecoder.decode", None)
        whole, _ = rows_of(path)
    assert len(whole) == 3000
    for place in (0, 700, 1500, 2999):
        content[place:place] = draw.sample(BROKEN, 3)
    path.write_bytes(b"\n".join(content))
    rows, rejects = rows_of(path)
    assert len(rejects) >= 4
    assert [{**row, "origin_row": 0} for row in rows] == [{**row, "origin_row": 0} for row in whole]
    assert rows_of(path, batch_rows=1000) == (rows, rejects)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53 + 1, 2**63, -(2**63), 10**400, "9" * 30]),
    st.floats(width=32),
    st.text(max_size=8),
    st.sampled_from(["", "2026-01-01", "\x00", "\ud800", "é\U0001f600", '"', "\\", "\n"]),
    st.dictionaries(st.sampled_from(["a", "turn"]), st.integers(0, 3), max_size=2),
    st.lists(st.integers(0, 3), max_size=2),
)
T = 1_700_000_000  # a time, in seconds since 1970
PLAIN = (st.integers(-3, 3), st.floats(width=32), st.text(max_size=8), st.sampled_from(["", "2026-01-01", "\n", "é"]))
FIELDS = ("turn", "temperature", "prompt", "system_prompt", "unknown", "max_tokens", "meta")


@st.composite
def written_lines(draw: st.DrawFn) -> bytes:
    """Lines of a log, most of them with one type for each field."""
    kinds = {name: draw(st.sampled_from([*PLAIN, *PLAIN, *PLAIN, VALUES])) for name in FIELDS}
    first = {
        "request_id": "f",
        "account_id": "a",
        "timestamp": T,
        "model": "m",
        **{n: draw(k) for n, k in kinds.items()},
    }
    content = [json.dumps(first).encode()] * draw(st.sampled_from([0, PROBED_RECORDS, PROBED_RECORDS]))
    for number in range(draw(st.integers(1, 12))):
        usual = {name: draw(st.none() | kind) for name, kind in kinds.items()}
        row = {"request_id": f"r{number}", "account_id": "a", "timestamp": T + number, "model": "m", **usual}
        if draw(st.integers(0, 9)) == 9:
            row[draw(st.sampled_from(FIELDS))] = draw(VALUES)
        text = json.dumps(row, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
        content.append(
            draw(st.sampled_from([text] * 12 + [text + b"{}", text[:-1] + b',"turn":1}', text + b" ", *BROKEN]))
        )
    return draw(st.sampled_from([b"\n", b"\r\n"])).join(content)


@settings(max_examples=examples(100, 3000), deadline=None, derandomize=True)
@given(written_lines())
def test_lines_are_decoded_together_as_one_by_one(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "log.jsonl"
        path.write_bytes(content)
        found = []
        for _ in range(2):
            try:
                found.append(rows_of(path))
            except InputError as error:
                found.append(([{"error": str(error)}], []))
            patch.setattr(JsonColumns, "decode", lambda *_: None)
    assert found[0] == found[1]


PLAIN_RECORDS = [
    {"request_id": f"r{n}", "account_id": "a", "timestamp": T + n, "model": "m", "prompt": "p", "max_tokens": n}
    | {"temperature": n / 2, "turn": 1, "stream": True, "output_tokens": n * 1.5 if n % 2 else n}
    for n in range(PROBED_RECORDS + 20)
]
ODD = {
    name: content.replace(b"{R", b'{"request_id":"x","account_id":"a","timestamp":1700000000,"model":"m"')
    for name, content in {
        "two records": b'{R}{"request_id":"y"}',
        "two records and a blank line": b"{R}{R}\n ",
        "a broken text": b'{R,"prompt":"\xff"}',
        "an empty text": b'{R,"prompt":""}',
        "a large integer": b'{R,"output_tokens":9007199254740993}',
        "no number": b'{R,"temperature":NaN}',
        "no number in a field that nobody wants": b'{R,"z":{"y":[-Inf ]}}',
        "another such": b'{R,"z":-NaN}',
        "a nested value": b'{R,"usage":{"output_tokens":7}}',
        "JSON in a text": b'{R,"usage":"{\\"output_tokens\\":7}"}',
        "another type": b'{R,"turn":"2"}',
        "a field twice": b'{R,"turn":2,"turn":3}',
        "two names of a column": b'{R,"prompt":"one","input":"two"}',
        "another name and type": b'{R,"input":3}',
        "a byte order mark": b"\xef\xbb\xbf{R}",
        "a line end": b'{R,"turn":2}\r',
        "blank lines": b"\n   \n",
        "a long line": b'{R,"prompt":"' + b"x" * 70_000 + b'"}',
    }.items()
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
@pytest.mark.parametrize("names", [{}, {"prompt": "text", "max_tokens": "limit"}], ids=["our names", "others"])
def test_an_odd_line_is_read_as_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: bytes, names: dict[str, str]
) -> None:
    plain = [json.dumps({names.get(key, key): value for key, value in row.items()}).encode() for row in PLAIN_RECORDS]
    for ours, theirs in names.items():
        odd = odd.replace(f'"{ours}"'.encode(), f'"{theirs}"'.encode())
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*plain[:-10], odd, *plain[-10:]]) + b"\n")
    limits: dict[str, object] = {"max_line_bytes": 1 << 16} if len(odd) > 1 << 16 else {}
    together = rows_of(path, **limits)
    assert len(together[0]) >= len(PLAIN_RECORDS)
    monkeypatch.setattr(JsonColumns, "decode", lambda *_: None)
    assert rows_of(path, **limits) == together


def test_elements_keep_their_numbers_beside_empty_arrays(tmp_path: Path) -> None:
    rows = [json.dumps(row) for row in PLAIN_RECORDS[:6]]
    path = tmp_path / "log.json"
    path.write_text(f"[{','.join(rows[:2])},]\n[]\n[]\n[{','.join(rows[2:])},")
    found, rejects = rows_of(path)
    assert [row["origin_row"] for row in found] == [0, 1, 5, 6, 7, 8]
    assert [reject["place"] for reject in rejects] == ["element 11"]


def test_where_one_input_fails_the_others_are_not_read_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines_ = b"\n".join(json.dumps(row).encode() for row in PLAIN_RECORDS) + b"\n"
    for name in "abcdef":
        (tmp_path / f"{name}.jsonl").write_bytes(lines_ * (20 if name in "ac" else 1))
    read, add = [], Spool.add

    def fail_in_the_second(spool: Spool, table: pa.Table) -> None:
        index = table["origin_file"][0].as_py()
        read.append(index)
        if index == 1:
            raise OutputError("no room")
        add(spool, table)

    monkeypatch.setattr(Spool, "add", fail_in_the_second)
    with pytest.raises(OutputError, match="no room"):
        rows_of(tmp_path, batch_rows=1000)
    assert len(read) < 6
    assert set(read) <= {0, 1, 2}


def test_a_file_that_is_mostly_odd_is_not_decoded_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []
    decode = JsonColumns._decode_columns
    monkeypatch.setattr(JsonColumns, "_decode_columns", lambda *given: tried.append(1) or decode(*given))
    lines_ = [json.dumps(row).encode() for row in PLAIN_RECORDS]
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join([*lines_, *[ODD["another type"], *lines_] * 20]))
    assert len(rows_of(path, batch_rows=1000)[0]) == 21 * len(lines_) + 20
    assert len(tried) == 2


def test_what_would_be_in_memory_three_times_is_not_decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = JsonColumns(field_map(REQUEST_FIELDS, None), ("turn",), {"turn": pa.int64()})
    assert columns.decode([b'{"turn":1}']) is not None
    monkeypatch.setattr(json_columns, "_MOST_BYTES", 9)
    assert columns.decode([b'{"turn":1}']) is None


ADDRESSES = st.one_of(
    st.lists(st.sampled_from([0, 1, 10, 99, 100, 127, 172, 192, 255, 256]), min_size=3, max_size=5).map(
        lambda parts: ".".join(map(str, parts))
    ),
    st.ip_addresses(v=6).map(str),
    st.ip_addresses(v=4).map(lambda one: f"::ffff:{one}"),
    st.text("0123456789abcf.:% ", max_size=16),
    st.text(max_size=5),
)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(ADDRESSES)
def test_addresses_are_those_of_the_standard_library(text: str) -> None:
    try:
        address: Any = ip_address(text)
    except ValueError:
        assert parse_address(text) is None
        return
    address = getattr(address, "ipv4_mapped", None) or address
    assert parse_address(text) == (address.version, int(address))


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(st.lists(ADDRESSES, max_size=20))
def test_the_kernel_reads_what_the_standard_library_reads(texts: list[str]) -> None:
    array = pa.array(texts, pa.large_string())
    numbers, unusual = np.empty(len(texts), np.int64), np.empty(len(texts), np.bool_)
    read_ipv4(*text_buffers(array), numbers, unusual)
    for text, number, other in zip(texts, numbers.tolist(), unusual.tolist(), strict=True):
        parsed = parse_address(text)
        if parsed is not None and parsed[0] == 4 and ":" not in text:
            assert (number, other) == (parsed[1], False)
        elif not other:  # with a port
            assert parse_address(text.rpartition(":")[0]) == (4, number)


def test_owners_of_addresses_are_those_of_their_networks() -> None:
    ranges = AddressRanges(("private", network) for network in PRIVATE_NETWORKS)
    for text, private in {"9.255.255.255": False, "10.0.0.0": True, "10.255.255.255": True, "11.0.0.0": False}.items():
        parsed = parse_address(text)
        assert parsed is not None
        assert bool(ranges.owner_of(parsed)) == private, text
        assert ranges.count_ipv4(np.array([parsed[1]])) == ({"private": 1} if private else {})
    assert [ranges.owner_of((6, value)) for value in (0, 1, 2, 0xFD << 120)] == ["private", "private", "", "private"]


@pytest.mark.parametrize("kind", [list, lambda texts: pa.array(texts, pa.large_string())])
def test_proxies_are_told_from_lists_and_from_arrays(kind: Any) -> None:
    texts: Sequence[str | None] = ["104.16.0.1", " 104.16.0.2:80", "2606:4700::1", "::ffff:104.16.0.3", None] * 30
    check = ProxyCheck()
    raw = RawBatch({"client_ip": kind(texts)}, len(texts), "x", 0, np.arange(len(texts)), str, str)
    check.note(raw)
    assert check.calls == 120
    assert check.doubt("nginx", edge=False).startswith("all calls come from addresses of Cloudflare")
