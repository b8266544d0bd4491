"""Every parser of logs with what it starts from: records of the tests, and captures of real software where they lie."""

from __future__ import annotations

import csv
import functools
import gzip
import io
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import parts
from logs import AccountsTarget, LogTarget, Target, filled_lines, scratch
from mutating import (
    Change,
    Pool,
    bytes_changed,
    csv_changed,
    json_document_changed,
    json_lines_changed,
    lines_changed,
)
from mutating_protobuf import protobuf_changed

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.collect.sources.fixtures import FIXTURES, Records  # the records of the tests
from tests.collect.sources.otlp_fixtures import write_protobuf

CAPTURES = Path(__file__).parents[3] / "shared" / "vendor_samples"
"""Logs of real software beside the repository; what is made of them stays out of it."""
CAPTURED = {
    "litellm-callback": ("litellm_callback/*.jsonl.gz", "litellm_generic_api/*.jsonl.gz"),
    "langfuse-ingestion": ("langfuse_ingestion/*.jsonl.gz",),
    "envoy": ("envoy/*.jsonl.gz",),
    "nginx": ("nginx/*.jsonl.gz",),
    "nginx-combined": ("nginx/combined.log.gz",),
    "batch": ("openai_batch/*.jsonl.gz",),
    "otlp": ("otlp/*/traces.jsonl.gz",),
    "otlp-logs": ("otlp/*/logs.jsonl.gz",),
}
TAKEN = 6
LONGEST_SEED = 40_000
MARKS = ("90017", "90018")
LAYOUTS = (0, 1, 2, 3, 4)
NO_REQUEST_ID, NO_TIME, WHOLE = frozenset({"request_id"}), frozenset({"timestamp"}), frozenset[str]()
TIMES = (
    "2026-11-02T10:00:00Z",
    "2026-11-02T10:00:00.123456789+05:30",
    "2026-11-02 10:00:00",
    "2026-11-02",
    "20261102T100000",
    "2026-W45-1",
    "1795000000",
    "1795000000.25",
    "1795000000123",
    "1.795e9",
    "-1",
    "2026-11-02 10:00:00 UTC",
    "2026-11-02T24:00:00",
)
PLAIN = {
    "request_id": "r1",
    "timestamp": 1_767_225_600,
    "account_id": "a1",
    "model": "m1",
    "prompt": "how tall is a heron",
    "client_ip": "192.0.2.7",
    "user_agent": "x/1",
    "input_tokens": 7,
    "temperature": 0.5,
    "status": 200,
    "turn": 1,
    "conversation_id": "c1",
    "asn": "AS64500",
}
CHAT = {name: value for name, value in PLAIN.items() if name != "prompt"} | {
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "t"}]}]
}
NESTED = {
    "id": "r1",
    "at": "2026-11-02T10:00:00Z",
    "who": {"id": "a1"},
    "body": {"model": "m", "messages": [{"x.y": "p"}]},
}
CUSTOMER = {"email": "a@b.example", "created_at": "2026-01-02", "plan": "x", "signup_ip": "192.0.2.7"}
MAPPING = {
    "request_id": "id",
    "timestamp": "at",
    "account_id": "who.id",
    "model": "body.model",
    "prompt": "body.messages.0.x.y",
}
REPRS = (
    b"{'a': [1, None, True], 'b': 'it\\'s'}",
    b'[{"role": "user", "content": "x"}]',
    b"{'proxy': {'headers': {'x': 'y'}}, 'n': 1.5}",
    b"[('a', 1)]",
)


def _json(record: Any) -> bytes:
    return record.encode() if isinstance(record, str) else json.dumps(record).encode()


def _lines(records: Sequence[Any]) -> bytes:
    return b"".join(_json(record) + b"\n" for record in records)


def _laid_out(seeds: Sequence[bytes]) -> list[bytes]:
    return [bytes([layout]) + seed for seed in seeds for layout in LAYOUTS]


def _captured(name: str) -> list[bytes]:
    """The first lines of the captures of a source."""
    found: list[bytes] = []
    for path in sorted(itertools.chain(*(CAPTURES.glob(pattern) for pattern in CAPTURED.get(name, ())))):
        with gzip.open(path) as file:
            lines = (line.rstrip(b"\n") for line in file)
            found += itertools.islice((line for line in lines if len(line) < LONGEST_SEED), TAKEN)
    return found


def _loaded(lines: Sequence[bytes]) -> list[Any]:
    return [parts._loaded(line) for line in lines]


def _source(name: str) -> Target:
    """A source in its own framing, JSON lines or text."""
    fixture = FIXTURES[name]
    lines = [_json(record) for record in (*fixture.records, *fixture.copy("1001"))]
    seeds = [*lines, b"\n".join(lines), *_captured(name)]
    text = isinstance(fixture.records[0], str)
    beside = b""
    if fixture.beside:
        beside = _lines([record for mark in (*MARKS, "1001") for record in fixture.copy_beside(mark)])
        beside += _lines(fixture.beside)
    log = LogTarget(
        name,
        name,
        _lines(fixture.copy(MARKS[0])),
        _lines(fixture.copy(MARKS[1])),
        counted=filled_lines,
        left=NO_REQUEST_ID if text else NO_TIME if name.startswith("batch") else WHOLE,
        beside=beside,
        suffix=fixture.extension,
    )
    change = lines_changed(lines) if text else json_lines_changed(Pool(_loaded(seeds)))
    return Target(name, _laid_out(seeds), change, log.check)


def _protobuf(name: str) -> Target:
    """OpenTelemetry in protobuf: export requests one after the other."""
    fixture, path = FIXTURES[name], scratch() / "seed.pb"

    def packed(records: Records) -> bytes:
        return write_protobuf(path, list(records)).read_bytes()

    seeds = [packed(fixture.records), packed([*fixture.records, *fixture.copy("1001")])]
    pattern = "otlp/*/logs.pb*" if name == "otlp-logs" else "otlp/*/traces.pb*"
    for capture in sorted(CAPTURES.glob(pattern)):
        data = capture.read_bytes()
        data = gzip.decompress(data) if capture.suffix == ".gz" else data
        seeds.append(data[:LONGEST_SEED])
    log = LogTarget(f"{name}-protobuf", name, packed(fixture.copy(MARKS[0])), lines=False, suffix="pb")
    return Target(log.name, _laid_out(seeds), protobuf_changed, log.check)


def _spendlogs_csv() -> Target:
    """LiteLLM's table as COPY writes it."""
    fixture = FIXTURES["litellm-spendlogs"]
    names = list(fixture.records[0])

    def table(records: Records) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for record in records:
            values = [record.get(name) for name in names]
            writer.writerow([json.dumps(v) if isinstance(v, dict | list) else v for v in values])
        return text.getvalue().encode()

    head = (",".join(names) + "\n").encode() + table(fixture.copy(MARKS[0]))
    seeds = [table(fixture.records), table([*fixture.records, *fixture.copy("1001")])]
    for capture in sorted(CAPTURES.glob("litellm_spendlogs/*.csv.gz")):
        with gzip.open(capture, "rt", encoding="utf-8", newline="") as file:
            rows = list(itertools.islice(csv.reader(file), 3))
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        seeds.append(text.getvalue().encode())
    log = LogTarget(
        "litellm-spendlogs-csv", "litellm-spendlogs", head, table(fixture.copy(MARKS[1])), lines=False, suffix="csv"
    )
    change = csv_changed(Pool([*fixture.records]))
    return Target(log.name, [*_laid_out(seeds), *(bytes([m]) + head + seeds[0] for m in (2, 3))], change, log.check)


def _canonical() -> Iterator[Target]:
    """Logs that have our columns: lines, arrays, tables, with --map, and what carries them."""
    first, second = PLAIN | {"request_id": "good-1"}, PLAIN | {"request_id": "good-2", "account_id": "a2"}
    lines = [_json(PLAIN), _json(CHAT), _json(PLAIN | {"timestamp": "2026-11-02T10:00:00Z"})]
    pool = Pool([PLAIN, CHAT])
    log = LogTarget("canonical", "canonical", _lines([first]), _lines([second]), counted=filled_lines)
    yield Target(log.name, _laid_out([*lines, b"\n".join(lines)]), json_lines_changed(pool), log.check)
    log = LogTarget(
        "canonical-array",
        "canonical",
        b"[" + _json(first) + b",",
        b"," + _json(second) + b"]",
        lines=False,
        suffix="json",
    )
    array = [b"[" + b",\n".join(lines) + b"]"]
    yield Target(log.name, [*_laid_out(lines), *_laid_out(array)], json_document_changed(pool), log.check)
    table = [b",".join(b'"%s"' % str(v).encode() for v in PLAIN.values())]
    head = ",".join(PLAIN).encode() + b"\n" + table[0].replace(b"r1", b"good-1") + b"\n"
    log = LogTarget("canonical-csv", "canonical", head, table[0], lines=False, suffix="csv")
    yield Target(log.name, [*_laid_out(table), b"\x02" + head], csv_changed(pool), log.check)
    good = NESTED | {"id": "good-1"}, NESTED | {"id": "good-2"}
    log = LogTarget("map", "canonical", _lines(good[:1]), _lines(good[1:]), counted=filled_lines, mapping=MAPPING)
    yield Target(log.name, _laid_out([_json(NESTED)]), json_lines_changed(Pool([NESTED])), log.check)
    yield from _carried(first, second, lines, pool)


def _carried(first: Any, second: Any, lines: Sequence[bytes], pool: Pool) -> Iterator[Target]:
    """Records within what carried them."""
    ways: dict[str, Callable[[Any], bytes]] = {
        "prefix": lambda record: b"2026-11-02T10:00:00.123Z stdout F " + _json(record),
        "field": lambda record: _json({"log": json.dumps(record), "stream": "stdout"}),
        "object": lambda record: _json({"jsonPayload": record, "severity": "INFO"}),
        "list": lambda record: _json({"records": [record]}),
    }
    for way, carry in ways.items():
        log = LogTarget(f"carried-{way}", "", carry(first) + b"\n", carry(second) + b"\n")
        seeds = [carry(json.loads(line)) for line in lines]
        change = lines_changed(seeds) if way == "prefix" else json_lines_changed(pool)
        yield Target(log.name, _laid_out(seeds), change, log.check)
    seeds = [line.decode().encode(code) for line in lines for code in ("utf-16", "utf-8-sig")]
    log = LogTarget("utf-16", "", b"", lines=False)
    yield Target(log.name, [b"\x03" + seed for seed in seeds], bytes_changed, log.check)


def _accounts() -> Iterator[Target]:
    for name, records in {
        "litellm-accounts": FIXTURES["litellm-accounts"].copy,
        "accounts": lambda mark: [
            {"account_id": f"a{mark}", "email": "a@b.example", "created_at": "2026-01-02", "plan": "x"}
        ],
    }.items():
        seeds = [_json(record) for record in records("1001")]
        target = AccountsTarget(name, _lines(records(MARKS[0])), _lines(records(MARKS[1])))
        yield Target(name, _laid_out(seeds), json_lines_changed(Pool(_loaded(seeds))), target.check)


def _parts() -> Iterator[Target]:
    lines = [_json(PLAIN), _json(CHAT)]
    pool = Pool([PLAIN, CHAT])
    documents = [b"\n".join(lines), b"[" + b",".join(lines) + b"]", json.dumps(PLAIN, indent=1).encode(), b"[1][2]\n[]"]
    documents += [b"\xef\xbb\xbf" + lines[0], b'{"a":1}\r\n\r\n{"a":2}', b"[" + lines[0] + b"]\n[" + lines[1] + b"]"]
    yield Target("json-framing", documents, bytes_changed, parts.json_records)
    table = [b"a,b\n1,2\n", b'a;b\n"1;""2\n3";4\n', b"a\n\n1\n", b"a\tb\r\n1\t2\r\n"]
    yield Target("csv-framing", table, csv_changed(pool), parts.csv_records)
    wire = [seed[1:] for seed in _protobuf("otlp").seeds[:5]]
    yield Target("protobuf-framing", wire, protobuf_changed, parts.protobuf_records)
    yield Target("lines", [b"a\r\nb\n\nc", b"x" * 5000], bytes_changed, parts.text_lines)
    yield Target(
        "streams", [bytes([mode]) + text for mode in range(4) for text in documents], bytes_changed, parts.streams
    )
    yield Target(
        "timestamps", [moment.encode() for moment in TIMES], lines_changed([t.encode() for t in TIMES]), parts.moments
    )
    yield Target("values", [b"\n".join(lines * 2), *lines], json_lines_changed(pool), parts.values)
    talks = [json.dumps(value).encode() for value in (CHAT["messages"], {"messages": CHAT["messages"]})]
    yield Target("chat", talks, json_document_changed(Pool(_loaded(talks))), parts.chats)
    change = json_document_changed(pool)
    yield Target("python-reprs", REPRS, change, parts.reprs)
    paths = [{"path": path, "record": NESTED} for path in ("who.id", "body.messages.0.x.y", "body.messages.-1", "id")]
    yield Target("map-paths", [_json(path) for path in paths], json_document_changed(Pool(paths)), parts.mapped)


@functools.cache
def targets() -> Mapping[str, Target]:
    """Target by name, the most used parsers first."""
    first = ("litellm-callback", "litellm-spendlogs")
    made: list[Target] = [_source(name) for name in first]
    made += [_spendlogs_csv(), _source("otlp"), _protobuf("otlp"), _source("otlp-logs"), _protobuf("otlp-logs")]
    after = ("nginx", "bodies", "batch", "langfuse", "envoy")
    made += [_source(name) for name in after]
    made += _canonical()
    made += _parts()
    done = {target.name for target in made}
    made += [_source(name) for name in FIXTURES if name not in done and name != "litellm-accounts"]
    made += _accounts()
    return {target.name: target for target in made}


def changed(target: Target) -> Change:
    """The change of a target, that leaves the byte of the layout alone."""
    if target.name in {part.name for part in _parts()}:
        return target.change
    return lambda data, draw: data[:1] + target.change(data[1:], draw)
