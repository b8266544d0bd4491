"""What rules see of accounts beside the log: types of signals, how many share a value, and breaches of the terms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from signal_files import write_rows

from stillhunt import ConfigError
from stillhunt.base.config import Config
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.rule_rows import HOUR_ROWS, RuleRows
from stillhunt_signals.rules import known_beside
from stillhunt_signals.rules.fitting import SnapshotValues, fitting_accounts
from stillhunt_signals.rules.known_beside import add_known_columns, columns_with_signals
from stillhunt_signals.rules.language import compile_condition, typed_columns
from stillhunt_signals.rules.saved import RuleLedger

ROWS = [
    {"account_id": "a", "risk": 70, "passed": "yes", "tier": "gold", "device": "d1"},
    {"account_id": "b", "risk": 5, "passed": "no", "tier": "tin", "device": "d1"},
    {"account_id": "stranger", "risk": 9, "passed": "no", "tier": "tin", "device": "d1"},
]
TERMS = """
version = "1"
[[clause]]
name = "places"
kind = "countries"
text = "Section 3"
countries = ["XX"]
of = ["card"]
[[exception]]
clause = "places"
accounts = ["c"]
owner = "Jo"
until = 9999-12-31
why = "contract"
"""


def declared(folder: Path, **more: Any) -> Config:
    source = write_rows(folder / "known.csv", ROWS)
    forms = {
        "radar": ("risk", "score"),
        "kyc": ("passed", "flag"),
        "tier": ("tier", "category"),
        "my-device": ("device", "shared"),
    }
    signals = {
        name: {"from": source, "column": column, "kind": kind, "about": "harvest"}
        for name, (column, kind) in forms.items()
    }
    return Config.model_validate({"signals": {**signals, **more}})


def seen(*names: str) -> pa.Table:
    """Accounts as rules see them; all cards are of a country that the terms exclude."""
    columns = {name: pa.nulls(len(names), pa.string()) for name in known_beside._OF_TERMS}
    columns |= {"account_id": pa.array(names), "payment_country": pa.array(["XX"] * len(names))}
    columns["first_request"] = columns.pop("first_seen")
    return pa.table(columns)


def test_each_form_has_its_type_and_strangers_count_for_what_is_shared(tmp_path: Path) -> None:
    config = declared(tmp_path)
    kinds = {name: one.kind for name, one in columns_with_signals(config).items() if name.startswith("signal.")}
    assert kinds == {"signal.kyc": "flag", "signal.my_device": "number", "signal.radar": "share", "signal.tier": "text"}
    found = add_known_columns(config, seen("b", "c", "a"), None).to_pydict()
    assert found == {
        "account_id": ["b", "c", "a"],
        "signal.kyc": [False, None, True],
        "signal.my_device": [3, None, 3],
        "signal.radar": [5.0, None, 70.0],
        "signal.tier": ["tin", None, "gold"],
    }


def test_what_cannot_be_read_is_said_and_the_rest_is_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gone = {"from": str(tmp_path / "gone.csv"), "column": "x", "kind": "flag", "about": "honest"}
    found = add_known_columns(declared(tmp_path, gone=gone), seen("a"), None)
    assert "signal.gone" not in found.column_names
    assert found["signal.radar"].to_pylist() == [70.0]
    assert "Rules do not see signal.gone in this hunt: it cannot be read" in caplog.text
    assert "Next: mend from in [signals.gone]" in caplog.text


def test_breaches_are_those_without_an_exception(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "terms.toml").write_text(TERMS)
    monkeypatch.setattr(known_beside, "_ROWS_AT_ONCE", 2)
    config = Config.model_validate({"terms": str(tmp_path / "terms.toml")})
    found = add_known_columns(config, seen("a", "b", "c", "d"), None).to_pydict()
    assert found == {"account_id": ["a", "b", "c", "d"], "breaches": [["places"], ["places"], [], ["places"]]}


def test_signals_of_the_log_have_no_column_and_two_have_not_one_name(tmp_path: Path) -> None:
    of_log = {"from": "log", "column": "country", "kind": "category", "about": "harvest"}
    assert "signal.place" not in columns_with_signals(declared(tmp_path, place=of_log))
    again = {"from": "x.csv", "column": "x", "kind": "flag", "about": "honest"}
    with pytest.raises(ConfigError, match=r"another signal is called signal\.my_device"):
        columns_with_signals(declared(tmp_path, my_device=again))


def test_a_signal_that_was_declared_in_another_way_since_fits_nobody(tmp_path: Path) -> None:
    condition = compile_condition(
        "signal.radar > 1.0 || signal.new", "when", typed_columns({"signal.radar": "share", "signal.new": "flag"})
    )
    ledger = RuleLedger(DataFolder(tmp_path))
    fitting = {}
    for name, values in (("as it was", [2.0, 0.5]), ("text", ["2.0", "0.5"]), ("number", [2, 0])):
        accounts = seen("a", "b").append_column("signal.radar", pa.array(values))
        rows = RuleRows(accounts, HOUR_ROWS.empty_table(), accounts)
        fitting[name] = fitting_accounts(condition, SnapshotValues(rows, 0, ledger))
    assert fitting == {"as it was": {"a"}, "text": frozenset(), "number": frozenset()}
