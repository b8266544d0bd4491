"""Bad input never stops the run, never vanishes silently, and never reaches a terminal unescaped."""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from gathering import START, collected, config, opened, row, write_csv, write_lines, write_parquet

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.collect.values.fields import REQUEST_FIELDS, field_map


def reasons(log) -> list[tuple[str, str, str, str]]:
    return [tuple(r.values()) for r in log.rejects().to_pylist()]


def test_an_empty_file_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    write_lines(tmp_path / "b.jsonl", [row(1)])
    rows, log = collected(tmp_path)
    assert [r["request_id"] for r in rows] == ["r1"]
    assert reasons(log) == [("a.jsonl", "file", "the file is empty", "")]
    assert rows[0]["origin_file"] == 1  # the index counts every file found


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.json.gz"])
def test_nothing_but_an_empty_file_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        collected(tmp_path / name)


def test_a_parquet_file_without_rows_is_no_error(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([row(1)]).slice(0, 0), tmp_path / "a.parquet")
    rows, log = collected(tmp_path)
    assert rows == []
    assert log.facts.rejected_rows == 0


def test_a_missing_required_column_says_which_and_prints_a_map_line(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet", [{"request_id": "r", "model_name": "m", "user_id": "u", "timestamp": 1}]
    )
    with pytest.raises(InputError) as caught:
        collected(path)
    text = str(caught.value)
    assert "account_id, model is missing" in text
    assert "request_id, model_name, user_id, timestamp" in text
    assert 'mapping={"account_id": "user_id", "model": "model_name"}' in text
    assert "--map account_id=user_id --map model=model_name" in caught.value.on_command_line()
    rows, _log = collected(
        write_parquet(path, [{**row(1, model_name="m", user_id="u")}]),
        mapping={"account_id": "user_id", "model": "model_name"},
    )
    assert rows[0]["account_id"] == "u"


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "table"])
def test_a_mapping_to_a_field_that_no_row_has_is_told(tmp_path: Path, kind: str) -> None:
    rows = [row(n, question=f"what is {n}?") for n in range(3)]
    log = {
        "jsonl": lambda: write_lines(tmp_path / "a.jsonl", rows),
        "csv": lambda: write_csv(tmp_path / "a.csv", rows),
        "parquet": lambda: write_parquet(tmp_path / "a.parquet", rows),
        "table": lambda: pa.Table.from_pylist(rows),
    }[kind]()
    right = collected(log, mapping={"prompt": "question"})[1].facts
    assert right.unmapped == ()
    wrong = collected(log, mapping={"prompt": "questoin", "model": "model"})[1].facts
    assert wrong.unmapped == (
        "prompt is mapped to questoin, a field that no log has at its beginning; did you mean question or request_id?",
    )


def test_a_mapping_into_nested_fields_is_met_at_any_depth(tmp_path: Path) -> None:
    log = write_lines(tmp_path / "a.jsonl", [row(1, meta={"a": {"b": [{"c": "x"}]}, "t": '{"d": 1}'})])
    for path in ("meta.a", "meta.a.b", "meta.a.b.0.c", "meta.t.d"):
        assert collected(log, mapping={"prompt": path})[1].facts.unmapped == ()
    assert collected(log, mapping={"prompt": "meta.x"})[1].facts.unmapped


def test_columns_found_are_escaped_and_bounded_in_the_message(tmp_path: Path) -> None:
    names = {f"c{n}\x1b[31m" + "x" * 500: 1 for n in range(500)}
    with pytest.raises(InputError) as caught:
        collected(write_lines(tmp_path / "a.jsonl", [names]))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 6000


def test_one_file_without_a_required_column_does_not_stop_the_others(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [{"request_id": "x"}] * 7)
    write_parquet(tmp_path / "b.parquet", [row(1)])
    rows, log = collected(tmp_path)
    assert len(rows) == 1
    assert log.facts.rejected_rows == 7  # all its rows are lost, and count


def test_wrong_types_become_null_and_are_counted_by_column(tmp_path: Path) -> None:
    bad = {
        "input_tokens": "many",
        "output_tokens": -1,
        "temperature": "warm",
        "top_p": float("inf"),
        "turn": 1.5,
        "status": 2**40,
        "max_tokens": True,
        "asn": "a number",
        "sampling_rate": 2,
    }
    rows = [row(n, **{name: value}) for n, (name, value) in enumerate(bad.items())]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in [*rows, row(99)]).replace("Infinity", "1e999"))
    kept, log = collected(path)
    assert len(kept) == len(bad) + 1
    assert all(kept[n][name] is None for n, name in enumerate(bad))
    assert sorted(what.partition(":")[0] for what in log.facts.changed) == sorted(bad)
    assert set(log.facts.changed.values()) == {1}
    assert log.facts.rejected_rows == 0


def test_rows_without_time_or_account_name_the_column(tmp_path: Path) -> None:
    bad = {"timestamp": "yesterday", "account_id": None}
    rows = [row(n, **{name: value}) for n, (name, value) in enumerate(bad.items())]
    kept, log = collected(write_lines(tmp_path / "a.jsonl", [*rows, row(99)]))
    assert [r["request_id"] for r in kept] == ["r99"]
    assert [place for _source, place, _reason, _raw in reasons(log)] == [
        f"line {n + 1}, column {name}" for n, name in enumerate(bad)
    ]


def test_negative_tokens_are_unknown_in_every_format(tmp_path: Path) -> None:
    for name, write in {"a.parquet": write_parquet, "a.jsonl": write_lines, "a.csv": write_csv}.items():
        path = write(tmp_path / name, [row(1, input_tokens=5), row(2, input_tokens=-5)])
        rows, log = collected(path)
        assert [r["input_tokens"] for r in rows] == [5, None], name
        assert log.facts.changed == {"input_tokens: negative, so unknown": 1}, name


def test_a_truncated_parquet_file_is_set_aside(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(n) for n in range(1000)])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged or cut short"):
        collected(path)
    write_parquet(tmp_path / "b.parquet", [row(1)])
    rows, log = collected(tmp_path)
    assert len(rows) == 1
    assert reasons(log)[0][0] == "a.parquet"


def test_a_damaged_row_group_costs_its_rows_only(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(n) for n in range(3000)], row_group_size=1000)
    facts = pq.ParquetFile(path).metadata.row_group(1).column(4)
    data = bytearray(path.read_bytes())
    start = facts.dictionary_page_offset or facts.data_page_offset
    data[start : start + facts.total_compressed_size] = b"\xff" * facts.total_compressed_size
    path.write_bytes(bytes(data))
    rows, log = collected(path)
    assert len(rows) == 2000
    assert {r["origin_row"] for r in rows} == {*range(1000), *range(2000, 3000)}
    assert log.facts.rejected_rows == 1000
    assert reasons(log)[0][1] == "row group 1, rows 1000 to 1999"


def test_a_broken_json_line_in_the_middle_costs_one_row(tmp_path: Path) -> None:
    good = [json.dumps(row(n)) for n in range(3)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([good[0], '{"request_id": "r', "[1, 2]", "null", "", good[1], good[2]]))
    rows, log = collected(path)
    assert [r["origin_row"] for r in rows] == [0, 5, 6]
    assert [place for _s, place, _r, _raw in reasons(log)] == ["line 2", "line 3", "line 4"]


def test_invalid_utf8_is_replaced_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(json.dumps(row(1, prompt="a?b")).encode().replace(b"a?b", b"a\xff\xfeb") + b"\n")
    assert collected(path)[0][0]["prompt"] == "a\ufffd\ufffdb"
    path = tmp_path / "a.csv"
    path.write_bytes(b"request_id,timestamp,account_id,model,prompt\nr1,1767225600,a,m,a\xff\xfeb\n")
    assert collected(path)[0][0]["prompt"] == "a\ufffd\ufffdb"
    texts = pa.array([b"a\xff\xfeb", b"fine"], pa.binary())
    table = pa.Table.from_pylist([row(1), row(2)]).set_column(4, "prompt", texts)
    rows, log = collected(table)
    assert [r["prompt"] for r in rows] == ["a\ufffd\ufffdb", "fine"]
    assert log.facts.replaced_texts == 1


def test_lone_surrogates_in_json_do_not_stop_the_run(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"request_id":"r\\ud800","timestamp":1767225600,"account_id":"a","model":"m","prompt":"x\\udfff"}\n'
    )
    rows, _log = collected(path)
    assert "\ufffd" in rows[0]["prompt"]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv"])
def test_nul_and_terminal_escapes_stay_in_the_prompt_and_nowhere_else(tmp_path: Path, name: str) -> None:
    write = {"a.parquet": write_parquet, "a.jsonl": write_lines, "a.csv": write_csv}[name]
    escape = "\x1b]0;owned\x07\x00\u202e"
    good = row(1, prompt=f"p{escape}q", account_id=f"acc{escape}", user_agent=f"ua{escape}")
    path = write(tmp_path / name, [good, row(2, prompt=escape, account_id=escape, timestamp=1)])
    rows, log = collected(path)
    assert rows[0]["prompt"] == f"p{escape}q"
    assert rows[0]["account_id"] == "acc\ufffd1b;]0;owned\ufffd7;\ufffd0;\ufffd202e;"
    assert rows[0]["user_agent"] == "ua\ufffd1b;]0;owned\ufffd7;\ufffd0;\ufffd202e;"
    shown = json.dumps(log.rejects().to_pylist(), ensure_ascii=False)
    assert all(c not in shown for c in "\x1b\x07\x00\u202e")


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "a.csv"])
def test_one_prompt_of_twenty_megabytes(tmp_path: Path, name: str) -> None:
    write = {"a.parquet": write_parquet, "a.jsonl": write_lines, "a.csv": write_csv}[name]
    text = "é" * 10_000_000
    path = write(tmp_path / name, [row(1), row(2, prompt="head " + text + " tail"), row(3)])
    rows, _log = collected(path)
    assert len(rows) == 3
    kept = rows[1]["prompt"]
    assert kept.startswith("head é")
    assert kept.endswith("é tail")
    assert len(kept.encode()) <= config().collect.max_text_bytes
    assert "\ufffd" not in kept


def test_an_endless_line_is_set_aside_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(json.dumps(row(1)).encode() + b"\n")
        for _ in range(250):
            out.write(b"x" * (1 << 20))
        out.write(b"\n" + json.dumps(row(2)).encode() + b"\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows, log = collected(path, settings=config(max_line_bytes=1 << 20))
    assert [r["request_id"] for r in rows] == ["r1", "r2"]
    assert "longer than 1048576 bytes" in reasons(log)[0][2]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_compressed_data_cut_short_keeps_what_came_before(tmp_path: Path, suffix: str) -> None:
    draw = random.Random(5)
    data = b"".join(json.dumps(row(n, prompt=draw.randbytes(64).hex())).encode() + b"\n" for n in range(20_000))
    whole = gzip.compress(data) if suffix == "gz" else zstandard.compress(data)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(whole[: len(whole) // 2])
    rows, log = collected(path)
    assert 5_000 < len(rows) < 15_000
    assert any("cut short" in reason for _s, _p, reason, _raw in reasons(log))
    path.write_bytes(whole[:200_000] + b"garbage" * 1000 + whole[210_000:])
    rows, log = collected(path)
    assert rows
    assert log.facts.rejected_rows
    assert log.facts.inputs[0].sha256  # of the whole file, though its end was not unpacked


def test_several_compressed_members_in_one_file(tmp_path: Path) -> None:
    for suffix, pack in {"gz": gzip.compress, "zst": zstandard.compress}.items():
        path = tmp_path / f"a.jsonl.{suffix}"
        path.write_bytes(b"".join(pack(json.dumps(row(n)).encode() + b"\n") for n in range(3)))
        assert len(collected(path)[0]) == 3


def test_a_file_without_permission_is_set_aside(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every file")
    write_lines(tmp_path / "a.jsonl", [row(1)]).chmod(0)
    write_lines(tmp_path / "b.jsonl", [row(2)])
    rows, log = collected(tmp_path)
    assert len(rows) == 1
    assert "cannot be read" in reasons(log)[0][2]


def test_a_folder_without_permission_is_set_aside(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads every folder")
    closed = tmp_path / "closed"
    closed.mkdir()
    write_lines(tmp_path / "b.jsonl", [row(2)])
    closed.chmod(0)
    try:
        rows, log = collected(tmp_path)
    finally:
        closed.chmod(0o700)
    assert len(rows) == 1
    assert reasons(log)[0][:2] == ("closed", "folder")


def test_links_to_nothing_and_devices_are_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    write_lines(tmp_path / "c.jsonl", [row(2)])
    rows, log = collected(tmp_path)
    assert len(rows) == 1
    assert log.facts.rejected_rows == 2


def test_duplicate_ids_both_pass(tmp_path: Path) -> None:
    rows, log = collected(write_lines(tmp_path / "a.jsonl", [row(1), row(1, prompt="other")]))
    assert [r["request_id"] for r in rows] == ["r1", "r1"]
    assert log.facts.rejected_rows == 0


def test_files_with_different_schemas_in_one_run(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(1, input_tokens=3, extra=[1, 2])])
    write_lines(tmp_path / "b.jsonl", [row(2, timestamp="2026-01-01T00:00:00Z", status="200")])
    write_csv(tmp_path / "c.csv", [row(3, temperature=0.5)])
    rows, log = collected(tmp_path)
    assert [(r["input_tokens"], r["status"], r["temperature"]) for r in rows] == [
        (3, None, None),
        (None, 200, None),
        (None, None, 0.5),
    ]
    assert {"input_tokens", "status", "temperature", "prompt"} == set(log.facts.columns.present)


def test_csv_rows_of_the_wrong_width_and_open_quotes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "request_id,timestamp,account_id,model,prompt\n"
        "r1,1767225600,a,m,fine\n"
        "r2,1767225600,a,m,one,too many\n"
        "r3,1767225600\n"
        '\nr4,1767225600,a,m,"two\nlines, one field"\n'
        'r5,1767225600,a,m,"never closed\nr6,1767225600,a,m,x\n'
    )
    rows, log = collected(path)
    assert [(r["request_id"], r["prompt"], r["origin_row"]) for r in rows] == [
        ("r1", "fine", 0),
        ("r4", "two\nlines, one field", 3),
        ("r5", "never closed\nr6,1767225600,a,m,x\n", 4),
    ]
    assert [(place, reason) for _s, place, reason, _raw in reasons(log)] == [
        ("line 3", "6 fields, but the header names 5"),
        ("line 4", "2 fields, but the header names 5"),
    ]


def test_an_open_quote_costs_a_bounded_stretch_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    body = "".join(f"r{n},1767225600,a,m,text\n" for n in range(20_000))
    path.write_text('request_id,timestamp,account_id,model,prompt\nq,1767225600,a,m,"open\n' + body)
    rows, log = collected(path, settings=config(max_line_bytes=1 << 16))
    assert len(rows) > 10_000
    assert log.facts.rejected_rows >= 1


def test_json_arrays_with_broken_elements_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    good = json.dumps(row(1, prompt='brackets ]}, and \\"quotes'))
    path.write_text(f"[ {good} , 17, {{'bad'}},\n{good}] trailing")
    rows, log = collected(path)
    assert len(rows) == 2
    assert [place for _s, place, _r, _raw in reasons(log)] == ["element 2", "element 3", "element 5"]
    path.write_text(f"[{good}, {good[:-5]}")
    rows, log = collected(path)
    assert len(rows) == 1
    assert log.facts.rejected_rows == 2


def test_deeply_nested_json_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    deep = '{"request_id":' + "[" * 200_000 + "]" * 200_000 + "}"
    path.write_text(json.dumps(row(1)) + "\n" + deep + "\n")
    rows, log = collected(path)
    assert len(rows) == 1
    assert log.facts.rejected_rows == 1


def test_when_no_row_is_usable_the_first_reason_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [row(n, timestamp="never") for n in range(3)])
    log = opened(path)
    with pytest.raises(InputError, match=r"a\.jsonl, line 1, column timestamp: not a time"):
        list(log.batches())
    assert log.facts.rejected_rows == 3


def test_a_path_that_names_nothing_is_an_error(tmp_path: Path) -> None:
    for given in (tmp_path / "none.parquet", str(tmp_path / "*.nothing"), tmp_path, []):
        with pytest.raises(InputError):
            opened(given)
    with pytest.raises(InputError, match="int cannot be used as an input"):
        opened(17)


def test_unknown_names_left_of_a_mapping_are_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [row(1)])
    with pytest.raises(ConfigError, match="did you mean model"):
        opened(path, mapping={"modle": "m"})


def test_rejects_are_bounded_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\n" * 120_000 + json.dumps(row(1, timestamp=START)).encode() + b"\n")
    rows, log = collected(path)
    assert len(rows) == 1
    assert log.facts.rejected_rows == 120_000
    assert log.rejects().num_rows == 100_000


@pytest.mark.parametrize("field", ['a"b', "a\\b", "a\x1b[2Jb"])
def test_fields_with_characters_that_the_decoder_cannot_name_are_refused(field: str) -> None:
    with pytest.raises(ConfigError, match="quotation mark, a backslash or a control character"):
        field_map(REQUEST_FIELDS, {"account_id": field})
