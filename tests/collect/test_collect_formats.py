"""The same rows give the same requests, whatever the format, the order, the split into files and the identity key."""

from __future__ import annotations

import hashlib
import itertools
import random
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from gathering import START, WRITERS, collected, config, content, opened, row, write_lines, write_parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema import REQUESTS
from stillhunt.collect import open_requests
from thoroughness import examples

WORDS = ["alpha", "béta", "γ", 'delta "quoted"', "line\nbreak", "tab\there", "comma, comma", "\x1b[0m", "'", " "]
ADDRESSES = [
    "10.1.2.3",
    "93.184.216.34",
    "[2001:db8::1]:443",
    "::ffff:93.184.216.34",
    "unknown",
    "93.184.216.34, 10.0.0.1",
]


def fleet(seed: int, count: int = 60) -> list[dict[str, Any]]:
    """Rows of several accounts and conversations, with resent history, in time order."""
    draw = random.Random(seed)
    rows, said = [], {}
    for n in range(count):
        account, conversation = f"a{draw.randrange(3)}", draw.choice([None, "c1", "c2"])
        text = " ".join(draw.choice(WORDS) for _ in range(draw.randrange(1, 25))) + "."
        if draw.random() < 0.5:
            text = said.get((account, conversation), "") + text
        said[account, conversation] = text
        rows.append(
            row(
                n,
                account_id=account,
                conversation_id=conversation,
                prompt=text,
                turn=draw.choice([None, 0, 1]),
                client_ip=draw.choice([None, *ADDRESSES]),
                asn=draw.choice([None, 64500]),
                country=draw.choice([None, "DE"]),
                user_agent=draw.choice([None, "client/1.0", "клиент"]),
                input_tokens=draw.choice([None, 0, 17]),
                temperature=draw.choice([None, 0.0, 0.7, 1.0]),
                system_prompt=draw.choice([None, "be kind"]),
                status=draw.choice([None, 200, 429]),
            )
        )
        if draw.random() < 0.3:
            rows[-1]["timestamp"] = rows[draw.randrange(n + 1)]["timestamp"]
    return rows


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    rows = fleet(1)
    expected = content(collected(pa.Table.from_pylist(rows))[0])
    assert len(expected) == len(rows)
    assert content(collected(WRITERS[name](tmp_path / name, rows))[0]) == expected


def test_every_table_in_memory_gives_the_same_rows(tmp_path: Path) -> None:
    rows = fleet(2)
    table = pa.Table.from_pylist(rows)
    expected = content(collected(table)[0])
    path = write_parquet(tmp_path / "a.parquet", rows)
    engine = DuckDBEngine(threads=1)
    relation = engine._connection.read_parquet(str(path))
    log = open_requests(relation, mapping=None, config=config(), engine=engine, progress=Silent())
    from_relation = pa.concat_tables([REQUESTS.empty(), *log.batches()]).to_pylist()
    assert content(from_relation) == expected
    for source in (
        table.to_batches()[0],
        table.to_reader(7),
        pl.from_arrow(table),
        pl.from_arrow(table).lazy(),
        pd.DataFrame(rows),
    ):
        assert content(collected(source)[0]) == expected, type(source)
    assert content(collected([table.slice(0, 20), table.slice(20)])[0]) == expected


@pytest.mark.parametrize("seed", range(6))
def test_row_order_and_file_split_change_nothing(tmp_path: Path, seed: int) -> None:
    rows = fleet(seed, 120)
    expected = content(collected(pa.Table.from_pylist(rows))[0])
    assert any(
        r["prompt"] not in {e[REQUESTS.names.index("prompt")] for e in expected} for r in rows
    )  # history was cut
    draw = random.Random(seed)
    draw.shuffle(rows)
    assert content(collected(pa.Table.from_pylist(rows))[0]) == expected
    cuts = sorted(draw.sample(range(1, len(rows)), 4))
    for number, (start, end) in enumerate(itertools.pairwise([0, *cuts, len(rows)])):
        if number % 2:
            write_lines(tmp_path / f"{number}.jsonl", rows[start:end])
        else:
            write_parquet(tmp_path / f"{number}.parquet", rows[start:end], row_group_size=7)
    assert content(collected(tmp_path, settings=config(batch_rows=5))[0]) == expected


def test_rows_that_are_refused_do_not_count_as_history_in_any_order() -> None:
    rows = [
        row(0, prompt="x" * 80, timestamp=None),
        row(1, prompt="x" * 80 + "rest"),
        row(2, prompt="x" * 80 + "rest and more"),
    ]
    for order in itertools.permutations(rows):
        found, _log = collected(pa.Table.from_pylist(list(order)))
        assert [r["prompt"] for r in found] == ["x" * 80 + "rest", " and more"]


def test_the_identity_key_changes_no_equality() -> None:
    rows = fleet(3)
    one, _ = collected(pa.Table.from_pylist(rows), settings=config(identity_key="one"))
    two, _ = collected(pa.Table.from_pylist(rows), settings=config(identity_key="two"))
    none, _ = collected(pa.Table.from_pylist(rows), settings=Config())
    for column in ("client_ip", "client_prefix"):
        for other in (two, none):
            pairs = {(a[column], b[column]) for a, b in zip(one, other, strict=True)}
            assert len(pairs) == len({a for a, _b in pairs}) == len({b for _a, b in pairs})
            assert all((a is None) == (b is None) for a, b in pairs)
            assert all(a is None or a != b for a, b in pairs)
    same, _ = collected(pa.Table.from_pylist(rows), settings=config(identity_key="one"))
    assert content(one) == content(same)


def test_batches_are_bounded_and_read_once(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [row(n) for n in range(50)])
    log = opened(path, settings=config(batch_rows=8))
    assert max(table.num_rows for table in log.batches()) == 8
    assert log.facts.rows == 50
    with pytest.raises(Exception, match="read before"):
        next(log.batches())


def test_inputs_are_named_hashed_and_counted(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    write_lines(tmp_path / "b" / "two.jsonl.gz", [row(1), row(2, account_id=None)])
    write_parquet(tmp_path / "a.parquet", [row(3)])
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "notes.txt").write_text("no log")
    _rows, log = collected([tmp_path, pa.Table.from_pylist([row(4)])])
    assert [(i.name, i.rows) for i in log.facts.inputs] == [("a.parquet", 1), ("b/two.jsonl.gz", 1), ("table 1", 1)]
    for entry in log.facts.inputs[:2]:
        data = (tmp_path / entry.name).read_bytes()
        assert (entry.sha256, entry.bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_patterns_and_repeated_files_are_read_once(tmp_path: Path) -> None:
    for name in ("x/1/a.jsonl", "x/2/a.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        write_lines(path, [row(1)])
    rows, log = collected([str(tmp_path / "**" / "*.jsonl"), str(tmp_path / "x" / "1" / "a.jsonl")])
    assert len(rows) == 2
    assert len({i.name for i in log.facts.inputs}) == 2


PATHS = {"account_id": "metadata.user.id", "prompt": "messages.0.content", "model": "gen_ai.request.model"}


@pytest.mark.parametrize("name", ["log.parquet", "log.jsonl", "log.csv", "log.json"])
def test_nested_fields_are_found_by_dots(tmp_path: Path, name: str) -> None:
    nested = []
    for n in range(3):
        plain = row(n)
        nested.append(
            {
                "request_id": plain["request_id"],
                "timestamp": plain["timestamp"],
                "metadata": {"user": {"id": n}, "other": "x"},
                "messages": [{"role": "user", "content": f"say {n}"}],
                "gen_ai.request.model": "m9",
            }
        )
    rows, _log = collected(WRITERS[name](tmp_path / name, nested), mapping=PATHS)
    assert [(r["account_id"], r["prompt"], r["model"]) for r in rows] == [(str(n), f"say {n}", "m9") for n in range(3)]


def test_mapped_json_text_inside_a_column(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet", [row(1, metadata='{"ip": "93.184.216.34"}'), row(2, metadata="broken {")]
    )
    rows, _log = collected(path, mapping={"client_ip": "metadata.ip"})
    assert rows[0]["client_ip"] is not None
    assert rows[1]["client_ip"] is None


def test_numbers_as_ids_and_strings_as_numbers(tmp_path: Path) -> None:
    same = [
        row(0, request_id=7, account_id=12, conversation_id=3.0, input_tokens="5", temperature="0.5", asn="AS64500"),
        row(0, request_id="7", account_id="12", conversation_id="3", input_tokens=5.0, temperature=0.5, asn=64500),
    ]
    found = [content(collected(write_lines(tmp_path / "a.jsonl", [r]))[0]) for r in same]
    assert found[0] == found[1]


def test_empty_text_is_null_everywhere(tmp_path: Path) -> None:
    rows = [row(1, prompt="", conversation_id="", client_ip="", user_agent=""), row(2)]
    for name, write in WRITERS.items():
        found, log = collected(write(tmp_path / name, rows))
        assert (
            found[0]["prompt"] is found[0]["conversation_id"] is found[0]["client_ip"] is found[0]["user_agent"] is None
        )
        assert log.facts.columns.present == {"prompt"}


def test_float32_parameters_read_as_they_were_written() -> None:
    table = pa.Table.from_pylist([row(1), row(2)]).append_column(
        "temperature", pa.array([0.7, float("nan")], pa.float32())
    )
    assert [r["temperature"] for r in collected(table)[0]] == [0.7, None]


def test_source_is_a_word_and_never_a_path() -> None:
    rows = [row(1, source="eu"), row(2, source="/var/log/api.json"), row(3)]
    found, _log = collected(pa.Table.from_pylist(rows), settings=config(source="main"))
    assert [r["source"] for r in found] == ["eu", "api.json", "main"]


@settings(derandomize=True, deadline=None, max_examples=examples(20))
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "prompt": st.one_of(st.none(), st.text(max_size=30)),
                "system_prompt": st.one_of(st.none(), st.text(max_size=10)),
                "user_agent": st.one_of(st.none(), st.text(max_size=10)),
                "conversation_id": st.one_of(st.none(), st.text(max_size=5)),
                "client_ip": st.one_of(st.none(), st.sampled_from(ADDRESSES), st.text(max_size=10)),
                "input_tokens": st.one_of(st.none(), st.integers(0, 2**40)),
                "top_p": st.one_of(st.none(), st.floats(0, 1)),
            }
        ),
        min_size=1,
        max_size=6,
    )
)
def test_json_lines_and_arrow_agree_on_any_text(
    tmp_path_factory: pytest.TempPathFactory, extras: list[dict[str, Any]]
) -> None:
    rows = [row(n, **extra) for n, extra in enumerate(extras)]
    path = write_lines(tmp_path_factory.mktemp("any") / "a.jsonl", rows)
    table = pa.Table.from_pylist(
        rows,
        schema=pa.schema(
            [
                (n, pa.int64() if n in ("timestamp", "input_tokens") else pa.float64() if n == "top_p" else pa.string())
                for n in rows[0]
            ]
        ),
    )
    assert content(collected(path)[0]) == content(collected(table)[0])


def test_start_is_the_year_it_says() -> None:
    assert collected(pa.Table.from_pylist([row(0)]))[0][0]["timestamp"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert START == 1_767_225_600
