"""Sources of hosted gateways and tracers: recognised, read, told truly in `carries`, never thrown by odd records."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collect.sources.cloud_records import RECORDS
from tests.collect.sources.reading import hashed_address, read_logs

from stillhunt.collect.formats import recognise, source_named
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row, Sample, Source
from stillhunt.collect.values.chat import read_chat
from thoroughness import examples

NAMES = sorted(RECORDS)
ODD = (None, 7, -1.5, "x", "{", True, [], {}, [None], [[]], {"a": None}, "[1", 10**30)
EXPECTED = {
    "prompt": "How tall is a lighthouse?",
    "system_prompt": "You answer in one sentence.",
    "response": "Often some thirty metres.",
    "account_id": "acct-1",
    "input_tokens": 21,
    "output_tokens": 6,
    "temperature": 0.2,
    "top_p": 0.9,
    "max_tokens": 300,
    "conversation_id": "s-1",
    "end_user_id": "reader-7",
    "user_agent": "OpenAI/Python 1.109.1",
    "client_ip": hashed_address("192.0.2.7"),
    "model": "gpt-4o-mini",
}
"""What every record here says, where its log carries the column."""
EXCEPTIONS = {
    "langfuse-legacy": {"conversation_id": "s-1"},
    "bedrock": {"model": "anthropic.claude-3-haiku-20240307-v1:0", "status": 429, "organization_id": "123456789012"},
    "azure-llm": {"model": "mini", "account_id": "workspace"},
    "vertex": {"model": "gemini-2.5-flash", "request_id": "7315802184490319872"},
    "batch": {
        "account_id": "log.jsonl",
        "channel": "batch",
        "response": None,
        "input_tokens": None,
        "output_tokens": None,
    },
    "helicone": {"country": "NO", "api_key_id": "key-1"},
    "kong": {"api_key_id": "cred-1", "status": 200},
    "openrouter": {"api_key_id": "key-1"},
}


def written(folder: Path, records: Any, name: str = "log.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def rows_of(source: Source, records: list[Any]) -> Iterator[Row]:
    known = source.gather(iter(records)) if source.gather else None
    for record in records:
        try:
            if source.rows is not None:
                yield from source.rows(record)
            elif source.rows_within is not None:
                yield from source.rows_within(record, known)
        except (PassedOverError, BrokenRecordError):
            continue


@pytest.mark.parametrize("name", NAMES)
def test_records_are_known_by_their_content(name: str) -> None:
    records = RECORDS[name]
    for sample in (records, records[:1], records[-1:]):
        names = frozenset(key for record in sample for key in record)
        found = recognise(Sample("json", sample, names))
        assert found is not None
        assert found.name == name or (name, found.name) == ("langfuse-legacy", "langfuse")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "batch-output"])
def test_what_the_documentation_shows_is_read(name: str, tmp_path: Path) -> None:
    read = read_logs(written(tmp_path, RECORDS[name]))
    assert not read.rejects
    assert {file.format for file in read.inputs} == {name}
    carries = source_named(name).carries
    first = next(row for row in read.rows if row["request_id"] != "row-2" and row["request_id"] != "row-3")
    for column, value in {**EXPECTED, **EXCEPTIONS.get(name, {})}.items():
        if column in carries:
            assert first[column] == value, column


@pytest.mark.parametrize("name", NAMES)
def test_carries_names_what_is_carried(name: str) -> None:
    source = source_named(name)
    filled = {"timestamp", "account_id"} if source.nameless else set()
    for row in rows_of(source, list(RECORDS[name])):
        filled |= {column for column, value in row.items() if value not in (None, "", [])}
        chat = read_chat(row.get("messages"))
        if chat:
            filled |= {"prompt", "turn"} | ({"system_prompt"} if chat.system_prompt else set())
    if "account_fallback" in filled:
        filled.add("account_id")
    assert filled - {"messages", "links", "account_fallback"} == set(source.carries)


@pytest.mark.parametrize("name", NAMES)
def test_rows_depend_on_neither_order_nor_files(name: str, tmp_path: Path) -> None:
    records = list(RECORDS[name])
    if len(records) == 1 or name == "batch-output":
        pytest.skip("one record or no rows by itself")
    told = [column for column in source_named(name).carries if column not in ("timestamp",)]
    told = [column for column in told if not (name == "batch" and column == "account_id")]

    def read(*parts: list[Any]) -> list[dict[str, Any]]:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for number, part in enumerate(parts):
            written(folder, part, f"{number}.jsonl")
        return [{column: row[column] for column in told} for row in read_logs(folder, format=name).rows]

    whole = read(records)
    assert whole
    assert read(records[::-1]) == whole
    assert read(*[[record] for record in records]) == whole


@pytest.mark.parametrize("name", NAMES)
def test_fields_of_other_kinds_lose_no_record_to_an_error(name: str) -> None:
    source = source_named(name)
    for record, path in [(whole, path) for whole in RECORDS[name] for path in _paths(whole)]:
        for odd in ODD:
            list(rows_of(source, [_changed(record, path, odd)]))
        list(rows_of(source, [_changed(record, path, _GONE)]))


@settings(derandomize=True, max_examples=examples(50), deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_mutated_records_never_raise(name: str, seed: int) -> None:
    choose = random.Random(seed)
    records = copy.deepcopy(list(RECORDS[name]))
    for _ in range(choose.randrange(1, 6)):
        place = choose.randrange(len(records))
        paths = list(_paths(records[place])) if isinstance(records[place], dict) else []
        if paths:
            records[place] = _changed(records[place], choose.choice(paths), choose.choice((*ODD, _GONE)))
    list(rows_of(source_named(name), records))


_GONE = object()


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield (*path, key)
        yield from _paths(below, (*path, key))


def _changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    record = copy.deepcopy(record)
    place = record
    for key in path[:-1]:
        place = place[key]
    if value is _GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return record
