"""Customers from the tables of the LiteLLM proxy, named as accounts or lying among the logs."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import KEY

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_accounts
from stillhunt.collect.formats.litellm import customers as litellm_accounts
from stillhunt.pipeline import reading
from thoroughness import examples

(ACCOUNTS_OF,) = litellm_accounts.SOURCES
CONFIG = Config.load({"collect": {"identity_key": KEY}})
OWN = {
    "plan": "pro",
    "declared_use": "research",
    "signup_ip": "203.0.113.7",
    "signup_country": "DE",
    "payment_fingerprint": "card-1",
    "payment_country": "DE",
    "phone_country": "DE",
}


def user(number: int, **more: Any) -> dict[str, Any]:
    return {
        "user_id": f"u{number}",
        "user_email": f"dev{number}@example.org",
        "user_role": "internal_user",
        "organization_id": None,
        "team_id": None,
        "teams": [],
        "metadata": {},
        "password": "never read",
        "created_at": f"2026-01-0{number}T00:00:00Z",
        **more,
    }


def key(number: int, owner: str | None, **more: Any) -> dict[str, Any]:
    return {
        "token": f"{number:064x}",
        "key_alias": f"key-{number}",
        "user_id": owner,
        "team_id": None,
        "organization_id": None,
        "metadata": {},
        "created_at": "2026-02-01T00:00:00Z",
        **more,
    }


def team(name: str, owner: str | None) -> dict[str, Any]:
    return {"team_id": name, "team_alias": name.upper(), "organization_id": owner, "members": [], "admins": []}


ORGANISATION = {"organization_id": "org-1", "organization_alias": "One", "metadata": {}}


def lines(path: Path, records: list[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def customers(*sources: Any, config: Config = CONFIG) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    with DuckDBEngine(threads=1) as engine:
        table, rejects = open_accounts(list(sources), mapping=None, config=config, engine=engine, progress=Silent())
    assert table is not None
    return {row["account_id"]: row for row in table.to_pylist()}, rejects.to_pylist()


def tables(folder: Path) -> list[Path]:
    return [
        lines(folder / "users.jsonl", [user(1, metadata=OWN), user(2, teams=["t1"]), user(3)]),
        lines(folder / "keys.jsonl", [key(1, "u1"), key(2, "u3", organization_id="org-2"), key(3, None, team_id="t1")]),
        lines(folder / "teams.jsonl", [team("t1", "org-1"), team("t2", None)]),
        lines(folder / "organisations.jsonl", [ORGANISATION]),
    ]


def test_tables_complete_each_other_in_any_order(tmp_path: Path) -> None:
    files = tables(tmp_path)
    seen = []
    for seed in range(4):
        random.Random(seed).shuffle(files)
        rows, rejects = customers(*files)
        assert not rejects
        seen.append(rows)
    assert all(rows == seen[0] for rows in seen)
    rows = seen[0]
    assert list(rows) == [f"{3:064x}", "u1", "u2", "u3"]
    assert rows["u2"]["organization_id"] == "org-1"  # its team's
    assert rows["u3"]["organization_id"] == "org-2"  # its key's
    assert rows["u1"]["organization_id"] is None
    assert rows[f"{3:064x}"]["organization_id"] == "org-1"
    assert rows["u1"]["email_domain"] == "example.org"
    assert rows["u1"]["email_hash"] != rows["u2"]["email_hash"]
    assert rows["u1"]["created_at"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert rows["u1"]["plan"] == "pro"


def test_a_record_carries_what_its_source_says(tmp_path: Path) -> None:
    rows, _ = customers(lines(tmp_path / "users.jsonl", [user(1, metadata=OWN, organization_id="org-1")]))
    derived = {"signup_prefix", "email_domain", "email_hash"}
    filled = {name for name, value in rows["u1"].items() if value is not None} - derived
    assert filled | {"email"} == set(ACCOUNTS_OF.carries)


def test_every_file_reads_the_same(tmp_path: Path) -> None:
    rows = [user(1, teams="{t1,t2}", metadata=json.dumps(OWN)), user(2, teams="{}", metadata="{}", team_id="t2")]
    with (tmp_path / "users.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "users.parquet")
    lines(tmp_path / "users.jsonl", rows)
    more = lines(tmp_path / "teams.jsonl", [team("t1", "org-1"), team("t2", None)])
    seen = [customers(tmp_path / f"users.{kind}", more)[0] for kind in ("csv", "parquet", "jsonl")]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["u1"]["organization_id"] == "org-1"


def test_teams_of_two_organisations_tell_none(tmp_path: Path) -> None:
    users = lines(tmp_path / "users.jsonl", [user(1, teams=["t1", "t2"])])
    rows, _ = customers(users, lines(tmp_path / "teams.jsonl", [team("t1", "org-1"), team("t2", "org-2")]))
    assert rows["u1"]["organization_id"] is None


def test_the_operators_own_table_comes_first_and_is_completed(tmp_path: Path) -> None:
    own = pa.table({"account_id": ["u1", "z9"], "plan": ["free", "pro"]})
    users = lines(tmp_path / "users.jsonl", [user(1, metadata=OWN), user(2)])
    rows, rejects = customers(users, own)
    assert not rejects
    assert list(rows) == ["u1", "u2", "z9"]
    assert rows["u1"]["plan"] == "free"
    assert rows["u1"]["email_domain"] == "example.org"


def test_a_format_given_by_hand_is_that_of_the_logs(tmp_path: Path) -> None:
    config = Config.load({"collect": {"identity_key": KEY, "format": "litellm-callback"}})
    rows, _ = customers(lines(tmp_path / "users.jsonl", [user(1)]), config=config)
    assert list(rows) == ["u1"]


def test_litellms_own_user_is_no_customer_and_a_row_without_a_name_is_a_reject(tmp_path: Path) -> None:
    users = lines(tmp_path / "users.jsonl", [user(1), user(2, user_id="default_user_id"), user(3, user_id=None)])
    rows, rejects = customers(users)
    assert list(rows) == ["u1"]
    assert len(rejects) == 1


def call(number: int) -> dict[str, Any]:
    return {"request_id": f"r{number}", "timestamp": 1_795_000_000 + number, "account_id": f"u{number}", "model": "m"}


def test_tables_that_lie_among_the_logs_are_the_customers(tmp_path: Path) -> None:
    tables(tmp_path)
    lines(tmp_path / "calls.jsonl", [call(1), call(2)])
    with reading(str(tmp_path), config=CONFIG) as (batches, found):
        assert sum(batch.num_rows for batch in batches) == 2
        assert found is not None
        assert found.num_rows == 4
    given = pa.table({"account_id": ["z9"]})
    with reading(str(tmp_path), given, config=CONFIG) as (batches, found):
        assert sum(batch.num_rows for batch in batches) == 2
        assert found is not None
        assert found.num_rows == 5


def test_customers_alone_are_no_log_and_a_log_is_no_customer_table(tmp_path: Path) -> None:
    users = lines(tmp_path / "users.jsonl", [user(1)])
    with pytest.raises(InputError, match="no request log"), reading(str(users), config=CONFIG):
        pass
    record = {"request_id": "r", "call_type": "acompletion", "api_key": "k", "spend": 0, "startTime": 1_795_000_000}
    spend = lines(tmp_path / "spend.jsonl", [record])
    with pytest.raises(InputError, match="not a customer table"):
        customers(spend)


ODD = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.lists(st.integers(), max_size=2))


@settings(max_examples=examples(60), deadline=None, derandomize=True)
@given(data=st.data())
def test_no_odd_field_stops_the_reading(data: Any) -> None:
    records: list[Any] = [user(1, metadata=OWN), key(1, "u1"), key(2, None), team("t1", "org-1"), dict(ORGANISATION)]
    for record in records:
        name = data.draw(st.sampled_from(sorted(record)))
        record[name] = data.draw(st.one_of(ODD, st.dictionaries(st.text(max_size=3), ODD, max_size=2)))
    assert ACCOUNTS_OF.gather is not None
    directory = ACCOUNTS_OF.gather(iter(records))
    for record in records:
        try:
            rows = list(ACCOUNTS_OF.rows_within(record, directory)) if ACCOUNTS_OF.rows_within else []
        except (litellm_accounts.BrokenRecordError, litellm_accounts.PassedOverError):
            continue
        assert all(isinstance(row["account_id"], str) for row in rows)
