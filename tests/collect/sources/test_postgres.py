"""LiteLLM's database, and tables of other names, read from a real PostgreSQL server."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import itertools
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgres_server import CUSTOMERS, ENCODED, PASSWORD, SPEND_LOGS, USER, Server, program, running
from reading import CAPTURES, KEY, Read, captured, read_logs
from test_litellm import lines, payload, spend_row

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts, open_requests
from stillhunt.collect.locate.database import Database, address_of, stored_tables
from stillhunt.collect.values.rejects import Rejects

REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"
PLACES = ("source", "origin_file", "origin_row")
numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if not REQUIRED and importlib.util.find_spec("adbc_driver_postgresql") is None:
        pytest.skip("adbc-driver-postgresql is not installed")
    if not REQUIRED and None in (program("initdb"), program("pg_ctl"), program("psql")):
        pytest.skip("PostgreSQL is not installed")
    with running() as server:
        yield server


@pytest.fixture
def name() -> str:
    return f"litellm_{next(numbers)}"


def table_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def copy(table: str, path: Path) -> str:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="", encoding="utf-8") as file:
        columns = ", ".join(f'"{column}"' for column in next(csv.reader(file)))
    source = f"PROGRAM 'gzip -dc {path}'" if path.suffix == ".gz" else f"'{path}'"
    return f'\\copy "{table}" ({columns}) FROM {source} WITH (FORMAT csv, HEADER)\n'


def without_places(read: Read) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in PLACES} for row in read.rows]


def calls(tmp_path: Path, count: int = 5) -> Path:
    """Calls in an order that is not that of time."""
    rows = [spend_row(n, user=f"user-{n % 2}") for n in range(count, 0, -1)]
    rows[0] |= {"status": "failure", "prompt_tokens": "", "metadata": json.dumps({"error_information": {}})}
    rows[1] |= {"end_user": 'quotes " and, commas\nlines'}
    return table_file(tmp_path / "calls.csv", rows)


def test_calls_are_those_of_the_csv_in_order_of_time(server: Server, name: str, tmp_path: Path) -> None:
    file = calls(tmp_path)
    address = server.create(name, SPEND_LOGS + CUSTOMERS + copy("LiteLLM_SpendLogs", file))
    expected, found = read_logs(file), read_logs(address)
    assert without_places(found) == without_places(expected)
    assert not found.rejects
    assert [row["origin_row"] for row in sorted(found.rows, key=lambda row: row["timestamp"])] == [0, 1, 2, 3, 4]
    (log,) = found.inputs
    assert (log.name, log.format, log.rows) == (f"127.0.0.1/{name}/LiteLLM_SpendLogs", "litellm-spendlogs", 5)
    assert (log.sha256, log.bytes) == ("", 0)


def test_a_table_named_twice_is_read_once(server: Server, name: str, tmp_path: Path) -> None:
    address = server.create(name, SPEND_LOGS + copy("LiteLLM_SpendLogs", calls(tmp_path)))
    found = read_logs(address, f"{address}?table=public.LiteLLM_SpendLogs")
    assert [log.rows for log in found.inputs] == [5]


def test_a_database_and_another_log_of_its_calls_are_joined(server: Server, name: str, tmp_path: Path) -> None:
    address = server.create(name, SPEND_LOGS + copy("LiteLLM_SpendLogs", calls(tmp_path)))
    other = lines(tmp_path / "callback.jsonl", *(payload(n) for n in range(1, 8)))
    expected, found = read_logs(tmp_path / "calls.csv", other), read_logs(address, other)
    assert len(found.rows) == 7
    assert without_places(found) == without_places(expected)


def test_both_schemes_and_the_options_of_litellms_own_client_are_taken(
    server: Server, name: str, tmp_path: Path
) -> None:
    script = "CREATE SCHEMA gateway; SET search_path = gateway;\n" + SPEND_LOGS
    server.create(name, script + copy("LiteLLM_SpendLogs", calls(tmp_path)))
    address = server.address(name).replace("postgresql://", "postgres://")
    assert len(read_logs(f"{address}?schema=gateway&connection_limit=5&pool_timeout=0").rows) == 5


@captured
@pytest.mark.parametrize("kept", ["prompts_on", "prompts_off"])
def test_captures_are_those_of_the_csv(server: Server, name: str, kept: str) -> None:
    file = CAPTURES / "litellm_spendlogs" / f"{kept}.csv.gz"
    address = server.create(name, SPEND_LOGS + copy("LiteLLM_SpendLogs", file))
    expected, found = read_logs(file), read_logs(address)
    assert without_places(found) == without_places(expected)
    assert len(found.rejects) == len(expected.rejects)
    assert found.inputs[0].passed_over == expected.inputs[0].passed_over


def customers(sources: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    config = Config.load({"collect": {"identity_key": KEY}})
    with DuckDBEngine(threads=1) as engine:
        log = open_requests(sources, mapping=None, config=config, engine=engine, progress=Silent())
        table, _ = open_accounts(
            log.opened.customer_files() or None, mapping=None, config=config, engine=engine, progress=Silent()
        )
        list(log.batches())
        log.close()
    return [] if table is None else table.to_pylist(), log.rejects().to_pylist()


def test_customer_tables_are_read_with_the_calls(server: Server, name: str, tmp_path: Path) -> None:
    users = [
        {"user_id": f"user-{n}", "user_email": f"u{n}@mail.example", "user_role": "", "team_id": "team-1"}
        | {"teams": '{"team-1","team-2"}', "organization_id": "", "created_at": "2026-10-01 10:00:00.5"}
        | {"metadata": json.dumps({"plan": "free"})}
        for n in range(2)
    ]
    key = {"token": "cd" * 32, "key_alias": "one", "user_id": "", "team_id": "team-1", "organization_id": ""}
    files = {
        "LiteLLM_SpendLogs": calls(tmp_path),
        "LiteLLM_UserTable": table_file(tmp_path / "users.csv", users),
        "LiteLLM_VerificationToken": table_file(
            tmp_path / "keys.csv", [key | {"created_at": "2026-10-02 10:00:00", "metadata": "{}"}]
        ),
        "LiteLLM_TeamTable": table_file(
            tmp_path / "teams.csv",
            [{"team_id": "team-1", "team_alias": "One", "organization_id": "org-1", "metadata": "{}"}],
        ),
    }
    address = server.create(name, SPEND_LOGS + CUSTOMERS + "".join(copy(*pair) for pair in files.items()))
    found, rejects = customers(address)
    assert found == customers([str(path) for path in files.values()])[0]
    assert [row["organization_id"] for row in found] == ["org-1"] * 3
    assert not rejects  # a table without rows, here that of organisations, is no fault


def test_customers_that_may_not_be_read_are_told_and_calls_are_read(server: Server, name: str, tmp_path: Path) -> None:
    users = table_file(tmp_path / "users.csv", [{"user_id": "user-0", "user_email": "", "user_role": ""}])
    script = SPEND_LOGS + CUSTOMERS + copy("LiteLLM_SpendLogs", calls(tmp_path)) + copy("LiteLLM_UserTable", users)
    grant = f"CREATE ROLE reader_{name} LOGIN PASSWORD 'words'; GRANT SELECT ON \"LiteLLM_SpendLogs\" TO reader_{name};"
    server.create(name, script + grant)
    found, rejects = customers(server.address(name, f"reader_{name}:words@"))
    assert not found
    assert [row["source"].rsplit("/", 1)[-1] for row in rejects] == [
        "LiteLLM_OrganizationTable",
        "LiteLLM_TeamTable",
        "LiteLLM_UserTable",
        "LiteLLM_VerificationToken",
    ]
    assert {row["reason"] for row in rejects} == {"the table cannot be read: permission denied"}


MY_LOGS = """
CREATE TABLE my_logs (request_id uuid PRIMARY KEY, "timestamp" timestamptz, account_id varchar(40), model char(8),
    prompt text, client_ip inet, input_tokens numeric, temperature real, tools jsonb, "odd "" name" point);
INSERT INTO my_logs SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid,
    timestamptz '2026-11-20 12:00+02' + n * interval '1 second', 'acct-' || n % 3, 'small', 'Question ' || n,
    ('203.0.113.' || n)::inet, n, 0.5, '[{"name": "find"}]' FROM generate_series(1, 50) n ORDER BY md5(n::text);
INSERT INTO my_logs VALUES ('00000000-0000-0000-0000-000000000099', 'infinity', 'acct-1', 'small', 'When?');
"""


def test_a_table_of_our_columns_is_read_whatever_its_types(server: Server, name: str) -> None:
    found = read_logs(f"{server.create(name, MY_LOGS)}?table=my_logs", batch_rows=7)
    assert [row["prompt"] for row in found.rows] == [f"Question {n}" for n in range(1, 51)]
    assert [row["origin_row"] for row in found.rows] == list(range(50))
    first = found.rows[0]
    assert first["request_id"] == "00000000-0000-0000-0000-000000000001"
    assert (first["model"], first["account_id"], first["input_tokens"]) == ("small", "acct-1", 1)
    assert first["timestamp"].isoformat() == "2026-11-20T10:00:01+00:00"
    assert first["client_ip"] is not None
    assert [row["place"] for row in found.rejects] == ["row 50, column timestamp"]  # at infinity
    assert found.inputs[0].format == "canonical"


def test_columns_of_other_names_are_mapped(server: Server, name: str) -> None:
    script = """
        CREATE VIEW seen AS SELECT request_id AS id, "timestamp" AS "When",
            jsonb_build_object('who', account_id) AS meta, model, prompt FROM my_logs WHERE isfinite("timestamp");
        CREATE TABLE nothing (LIKE my_logs);
    """
    address = server.create(name, MY_LOGS + script)
    mapping = {"request_id": "id", "timestamp": "When", "account_id": "meta.who"}
    found = read_logs(f"{address}?table=public.seen", mapping=mapping)
    assert [(row["origin_row"], row["account_id"]) for row in found.rows[:2]] == [(0, "acct-1"), (1, "acct-2")]
    with pytest.raises(InputError, match="the table is empty"):
        read_logs(f"{address}?table=nothing")
    with pytest.raises(InputError, match="required column account_id is missing"):
        read_logs(f"{address}?table=seen", mapping={"request_id": "id", "timestamp": "When"})


def test_what_arrives_while_reading_is_not_seen(server: Server, name: str, tmp_path: Path) -> None:
    address = server.create(name, SPEND_LOGS + copy("LiteLLM_SpendLogs", calls(tmp_path)))
    ((_, table),) = stored_tables(address, Rejects())
    before = list(table.batches(["request_id"]))
    server.run(
        name,
        "INSERT INTO \"LiteLLM_SpendLogs\" (request_id) VALUES ('late'); "
        "DELETE FROM \"LiteLLM_SpendLogs\" WHERE request_id = 'chatcmpl-1'",
    )
    assert list(table.batches(["request_id"])) == before
    with pytest.raises(InputError, match="read-only transaction"):
        table.database.rows('DELETE FROM "LiteLLM_SpendLogs" RETURNING request_id')
    table.database.close()
    with pytest.raises(InputError):
        table.is_empty()


def test_rows_come_in_bounded_batches_and_may_be_left_unread(server: Server, name: str) -> None:
    long = "CREATE TABLE long AS SELECT n AS request_id, repeat(md5(n::text), 1000) AS prompt "
    long += "FROM generate_series(1, 2000) n"
    ((_, table),) = stored_tables(f"{server.create(name, long)}?table=long", Rejects())
    for _ in range(2):
        stream = table.batches([])
        assert 0 < next(stream).nbytes < 6 << 20  # of 64 MB
        stream.close()
    assert sum(batch.num_rows for batch in table.batches(["request_id"])) == 2000


def test_bytes_of_no_encoding_are_replaced(server: Server, name: str, tmp_path: Path) -> None:
    server.run(
        "postgres", f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    broken = "UPDATE \"LiteLLM_SpendLogs\" SET end_user = E'caf\\xe9' WHERE request_id = 'chatcmpl-1';"
    server.run(name, SPEND_LOGS + copy("LiteLLM_SpendLogs", calls(tmp_path)) + broken)
    found = read_logs(server.address(name)).by("request_id")
    assert len(found) == 5
    assert found["call-1"]["end_user_id"] == "caf\ufffd"


def wrong(server: Server, name: str) -> list[str]:
    good = server.address(name)
    return [
        server.address(name, f"{USER}:{ENCODED}x@"),
        server.address(name, f"nobody:{ENCODED}@"),
        server.address("absent"),
        good.replace(str(server.port), "1"),
        f"{good}?sslmode=odd",
        f"{good}?odd=1",
        f"{good}?table=absent",
        f"{good}?table=a;b",
        f"{good}?table={'a' * 64}",
        good,
        f"postgresql://{USER}:{PASSWORD}@127.0.0.1/{name}",
        f"postgresql://{USER}:{ENCODED}@[::1/{name}",
        f"postgresql://{USER}:{ENCODED}%zz@127.0.0.1/{name}",
        f"postgresql://127.0.0.1:{server.port}/{name}?user={USER}&password={ENCODED}x",
    ]


def test_no_error_tells_credentials(server: Server, name: str) -> None:
    server.create(name, "CREATE TABLE other (a int)")
    for address in wrong(server, name):
        with pytest.raises(InputError) as caught:
            read_logs(address)
        told = "".join(traceback.format_exception(caught.value))
        assert not [word for word in (PASSWORD, ENCODED, USER) if word in told], told
        assert caught.value.__context__ is None
        assert caught.value.next_step
    with pytest.raises(InputError, match="there are: other"):
        read_logs(server.address(name))


def test_no_table_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    with pytest.raises(InputError, match=r"stillhunt\[postgres\]"):
        Database(address_of("postgresql://host/db"))


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("postgresql://user:pw@db.example:6432/logs", "db.example"),
        ("postgres://db-1:5432,db-2:5433/logs", "db-1,db-2"),
        ("postgresql://[::1]:5432/logs", "[::1]"),
        ("postgresql:///logs?host=/run/postgresql", "localhost"),
        ("postgresql://%2Frun%2Fpostgresql/logs", "localhost"),
    ],
)
def test_hosts_are_shown_without_ports_and_users(given: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    address = address_of(given)
    assert address.host == host
    assert "user:pw" not in repr(address)


def test_a_hunt_keeps_no_credentials(server: Server, name: str, tmp_path: Path) -> None:
    address = server.create(name, SPEND_LOGS + CUSTOMERS + copy("LiteLLM_SpendLogs", calls(tmp_path)))
    case = stillhunt.hunt(address, config=Config.load({"threads": 1}))
    case.write(tmp_path / "case")
    run = json.loads((tmp_path / "case" / "run.json").read_text())
    assert f"127.0.0.1/{name}/LiteLLM_SpendLogs" in json.dumps(run)
    for file in (tmp_path / "case").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [word for word in (PASSWORD, ENCODED, USER) if word.encode() in content], file
