"""The customer table, and what the whole input allows to find."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from gathering import DEFAULT, WRITERS, collected, engine, row, write_lines, write_parquet

from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.base.schema import ACCOUNTS, FAMILIES
from stillhunt.collect import open_accounts
from stillhunt.collect.inspection import coverage
from stillhunt.score import evidence_needs

NEEDS = evidence_needs()


def accounts(source: Any, mapping: dict[str, str] | None = None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    table, rejects = open_accounts(source, mapping=mapping, config=DEFAULT, engine=engine(), progress=Silent())
    assert table is not None
    return ACCOUNTS.check(table).to_pylist(), rejects.to_pylist()


def customer(number: int, **values: Any) -> dict[str, Any]:
    plain = {
        "account_id": f"a{number}",
        "created_at": "2026-01-01T00:00:00Z",
        "email": f" User{number}@Example.ORG ",
        "payment_fingerprint": "card",
        "signup_ip": "93.184.216.34",
        "declared_use": "research",
    }
    return {**plain, **values}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format(tmp_path: Path, name: str) -> None:
    rows, rejects = accounts(WRITERS[name](tmp_path / name, [customer(2), customer(1)]))
    assert [r["account_id"] for r in rows] == ["a1", "a2"]
    assert not rejects
    first, second = rows
    assert first["email_domain"] == "example.org"
    assert first["email_hash"] != second["email_hash"]
    assert first["payment_fingerprint"] == second["payment_fingerprint"]
    assert first["created_at"].isoformat() == "2026-01-01T00:00:00+00:00"
    requests, _log = collected(pa.Table.from_pylist([row(1, client_ip="93.184.216.34:999")]))
    assert requests[0]["client_ip"] == first["signup_ip"]  # the two tables compare
    assert requests[0]["client_prefix"] == first["signup_prefix"]


def test_mail_from_hash_and_domain_columns() -> None:
    table = pa.Table.from_pylist([{"account_id": "a", "email_hash": "abc", "email_domain": "Example.ORG."}])
    rows, _rejects = accounts(table)
    assert rows[0]["email_domain"] == "example.org"
    assert rows[0]["email_hash"] is not None


def test_no_accounts_table_is_fine() -> None:
    table, rejects = open_accounts(None, mapping=None, config=DEFAULT, engine=engine(), progress=Silent())
    assert table is None
    assert rejects.num_rows == 0


def test_an_accounts_file_that_lacks_half_the_accounts_is_fine(tmp_path: Path) -> None:
    rows, rejects = accounts(write_lines(tmp_path / "a.jsonl", [customer(n) for n in range(0, 10, 2)]))
    assert len(rows) == 5
    assert not rejects


def test_equal_rows_collapse_and_different_ones_leave_the_same_row_in_any_order() -> None:
    rows = [customer(1), customer(1), customer(1, plan="pro"), customer(1, signup_ip="1.1.1.1"), customer(2)]
    rows = [{"plan": None, **r} for r in rows]
    seen = set()
    for seed in range(8):
        random.Random(seed).shuffle(rows)
        kept, rejects = accounts(pa.Table.from_pylist(rows))
        seen.add(repr(kept))
        assert [r["account_id"] for r in kept] == ["a1", "a2"]
        assert len(rejects) in (2, 3)  # the pair of equal rows goes together
        assert all("differs" in r["reason"] for r in rejects)
    assert len(seen) == 1


def test_bad_rows_go_to_rejects_and_a_useless_table_is_an_error(tmp_path: Path) -> None:
    rows, rejects = accounts(
        write_lines(tmp_path / "a.jsonl", [customer(1), customer(2, created_at="never"), customer(3, account_id=None)])
    )
    assert len(rows) == 1
    assert [r["place"] for r in rejects] == ["line 2, column created_at", "line 3, column account_id"]
    with pytest.raises(InputError, match=r"accounts_mapping=\{.account_id.: "):
        accounts(write_parquet(tmp_path / "b.parquet", [{"accountid": "a"}]))
    with pytest.raises(InputError, match="no row of the accounts table"):
        accounts(write_lines(tmp_path / "c.jsonl", [customer(1, created_at="never")]))
    assert accounts(tmp_path / "b.parquet", {"account_id": "accountid", "model": "x"})[0][0]["account_id"] == "a"


def test_coverage_says_what_is_lost() -> None:
    plain = {c.family: c for c in coverage(NEEDS, frozenset(), None)}
    assert tuple(plain) == FAMILIES
    assert [name for name, c in plain.items() if c.available] == ["timing"]
    assert plain["identity"].sentence.endswith(", because there is no accounts table")
    assert plain["queue"].sentence.endswith(", because prompt is missing")
    assert plain["content"].sentence.endswith(", because prompt and system_prompt are missing")
    assert "prompt" in plain["content"].missing
    everything = {"prompt", "system_prompt", "response", "conversation_id", "status", "client_ip", "asn", "country"}
    everything |= {"user_agent", "tls_fingerprint", "output_tokens", "turn", "temperature", "max_tokens"}
    table, _rejects = open_accounts(
        pa.Table.from_pylist([customer(1, plan="pro")]),
        mapping=None,
        config=DEFAULT,
        engine=engine(),
        progress=Silent(),
    )
    full = coverage(NEEDS, frozenset(everything), table)
    assert all(c.available and not c.missing and c.sentence == f"{c.family}: nothing is missing" for c in full)
    partial = {c.family: c for c in coverage(NEEDS, frozenset(everything - {"tls_fingerprint"}), None)}
    assert partial["network"].available
    assert partial["network"].missing == ("tls_fingerprint",)
    lost = "without tls_fingerprint no detection of one client behind several user agents"
    assert lost in partial["network"].sentence
