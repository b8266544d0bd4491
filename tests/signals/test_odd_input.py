"""Tables and bodies of others that are odd: one error that says what to do, or the right answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillhunt import ConfigError, InputError
from stillhunt.live import DataFolder
from stillhunt_signals.commands.terms import simulate_terms
from stillhunt_signals.outlets.telling import TellingLedger
from stillhunt_signals.sign_up.registered import SIGN_UPS_FILE, RegisteredSignUps, SignUp
from stillhunt_signals.signals.declared import signal_of
from stillhunt_signals.signals.values import read_values
from stillhunt_signals.terms.companies import read_named_rows


def _signal_from(path: Path, kind: str) -> Any:
    return signal_of("x", {"from": str(path), "column": "score", "kind": kind, "about": "harvest"})


def test_half_a_character_in_a_body_is_a_value(tmp_path: Path) -> None:
    bodies = tmp_path / "b.jsonl"
    bodies.write_text('{"account_id":"a","score":"\\ud800"}\n{"account_id":"b","score":"x"}\n')
    assert len(read_values(_signal_from(bodies, "category"), None)) == 2


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "d.csv"
    table.write_text("account_id,score,score\na,1,2\n")
    with pytest.raises(InputError, match="several columns 'score'"):
        read_values(_signal_from(table, "score"), None)


def test_a_column_of_lists_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"account_id": ["a", "b"], "score": [[1], [2]]}), tmp_path / "l.parquet")
    with pytest.raises(InputError, match="no single texts or numbers"):
        read_values(_signal_from(tmp_path / "l.parquet", "score"), None)


def test_a_list_of_companies_with_lists_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"name": ["a"], "organization_id": [[1]]}), tmp_path / "c.parquet")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_named_rows(tmp_path / "c.parquet")


def test_identifiers_keep_their_zeros(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("name,identifier\nAcme,00445790\n")
    assert read_named_rows(tmp_path / "c.csv") == [{"name": "Acme", "identifier": "00445790"}]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_organizations_with_numbers_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    (tmp_path / "owned.csv").write_text("name\nAcme Widgets\n")
    (tmp_path / "companies.csv").write_text("name,organization_id\nAcme Widgets Ltd,7\n")
    (tmp_path / "terms.toml").write_text(
        'version = "v"\n[[clause]]\nname = "owned"\nkind = "owned"\ntext = "x"\n'
        'list = "owned.csv"\ncompanies = "companies.csv"\n'
    )
    (tmp_path / "accounts.csv").write_text("account_id,organization_id\n1,7\n2,8\n")
    pq.write_table(pa.table({"account_id": [1, 2], "organization_id": [7, 8]}), tmp_path / "accounts.parquet")
    simulate_terms(tmp_path / "terms.toml", tmp_path / f"accounts.{form}", as_json=True)
    assert [one["accounts"] for one in json.loads(capsys.readouterr().out)] == [1]


def test_looking_at_switches_makes_no_folder(tmp_path: Path) -> None:
    assert TellingLedger(tmp_path / "nowhere").switched_on() == {}
    assert not (tmp_path / "nowhere").exists()


def test_a_sign_up_after_a_torn_line_is_kept(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    path = tmp_path / SIGN_UPS_FILE
    path.write_text('[1000,5,1,{"device":-1}]\n[1000,5,1,{"dev')
    RegisteredSignUps(folder, 2000).register(SignUp(2000, 7, True, {"device": 9}))
    again = RegisteredSignUps(folder, 2000)
    assert again.devices() == {7: 9}  # and the line that nobody can have written is passed over
