"""What rules see of a hunt, against counting by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from stillhunt.base.dataset import LocalDataset
from stillhunt.base.schema import ACCOUNTS
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.base.shape import TIMESTAMP
from stillhunt.watch.rule_rows import LEAST_HOUR_REQUESTS, collect_rule_rows, read_rule_rows, rule_files
from stillhunt.watch.snapshots import Snapshot

LONG = "é" * 999
END = datetime(2026, 5, 2, 12, 40, tzinfo=UTC)


def requests() -> pa.Table:
    rows: list[dict[str, Any]] = []

    def send(account: str, at: datetime, number: int, **changes: Any) -> None:
        for place in range(number):
            row = {
                "account_id": account, "timestamp": at + timedelta(seconds=place), "prompt_hash": place % 7,
                "model": f"m{place % 2}", "client_prefix": None, "user_agent": "curl", "conversation": place,
                "status": 429 if place % 4 == 0 else 200, "input_tokens": 10, "output_tokens": None,
                "network": "AS1 One", "ip_kind": None, "country": "SE",
            }  # fmt: skip
            rows.append({**row, **changes})

    send("busy", END.replace(minute=5), 20)
    send("busy", END - timedelta(hours=3), LEAST_HOUR_REQUESTS, client_prefix=5, output_tokens=3)
    send("busy", END - timedelta(hours=30), 50)
    send("quiet", END - timedelta(minutes=1), LEAST_HOUR_REQUESTS - 1)
    send("newest", END, 1)
    types = {"timestamp": TIMESTAMP, "ip_kind": pa.string(), "prompt_hash": pa.uint64(), "client_prefix": pa.uint64()}
    table = pa.Table.from_pylist(rows)
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    return table


def seen(*names: str) -> pa.Table:
    columns = {
        "account_id": names, "score": 0.0, "verdict": "none", "flagged": False, "sanctioned": False,
        "campaign_id": None, "reasons": [[]] * len(names), "requests": 1, "harvest_requests": 0,
    }  # fmt: skip
    full = {name: value if isinstance(value, list | tuple) else [value] * len(names) for name, value in columns.items()}
    return pa.table(full).cast(CASE_TABLES["accounts"].arrow)


def test_hours_of_the_last_day_are_counted_and_quiet_ones_left_out() -> None:
    rows = collect_rule_rows(LocalDataset.of(requests()), {"accounts": seen("busy")}, None).hours.to_pylist()
    (account,) = collect_rule_rows(LocalDataset.of(requests()), {"accounts": seen("busy")}, None).accounts.to_pylist()
    assert (account["clients"], account["networks"], account["ip_kinds"], account["countries"]) == (
        ["curl"], ["AS1 One"], [], ["SE"],
    )  # fmt: skip
    assert [row["account_id"] for row in rows] == ["busy", "busy"]
    early, late = sorted(rows, key=lambda row: row["hour"])
    assert (late["hour"], late["requests"], late["prompts"], late["models"]) == (END.replace(minute=0), 20, 7, 2)
    assert (late["networks"], late["clients"], late["conversations"], late["refused"]) == (0, 1, 20, 5)
    assert (late["input_tokens"], late["output_tokens"]) == (200, 0)
    assert (early["requests"], early["networks"], early["output_tokens"]) == (LEAST_HOUR_REQUESTS, 1, 30)


def test_accounts_have_their_customer_and_how_many_share_the_card(tmp_path: Any) -> None:
    customers = pa.Table.from_pylist(
        [
            {
                "account_id": "a",
                "plan": "free",
                "payment_fingerprint": 7,
                "signup_prefix": 1,
                "declared_use": "é" * 999,
            },
            {"account_id": "b", "plan": "free", "payment_fingerprint": 7, "signup_prefix": 1},
            {"account_id": "unseen", "payment_fingerprint": 7},
            {"account_id": "c"},
        ],
        schema=ACCOUNTS.arrow,
    )
    rows = collect_rule_rows(LocalDataset.of(requests()), {"accounts": seen("a", "c", "unknown")}, customers)
    first, second, third = rows.accounts.to_pylist()
    assert (first["plan"], first["card_accounts"], first["signup_network_accounts"]) == ("free", 3, 2)
    assert (first["clients"], first["payment_fingerprint"]) == (None, 7)
    assert first["declared_use"] == "é" * 256
    assert (second["plan"], second["card_accounts"], third["plan"], third["card_accounts"]) == (None, 0, None, 0)
    for name, content in rule_files(rows).items():
        (tmp_path / name).write_bytes(content)
    again = read_rule_rows(Snapshot(1, tmp_path))
    assert (again.accounts.to_pylist(), again.hours.to_pylist()) == (rows.accounts.to_pylist(), rows.hours.to_pylist())


def test_a_snapshot_of_an_earlier_version_has_no_rows(tmp_path: Any) -> None:
    rows = read_rule_rows(Snapshot(1, tmp_path))
    assert (rows.accounts.num_rows, rows.hours.num_rows) == (0, 0)
    made = collect_rule_rows(LocalDataset.of(requests()), {"accounts": seen("busy")}, None)
    assert rows.accounts.column_names == made.accounts.column_names
