"""Ledgers in files: what earlier versions wrote goes on, and one line is read to append one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt.base.errors import ConfigError
from stillhunt.base.ledger import file_ledger
from stillhunt.base.ledger.file_ledger import FileLedger, LedgerNames

DATA = Path(__file__).parents[1] / "data" / "ledgers"
NAMES = LedgerNames("log of tests", "restore it", "make room")


def copied(folder: Path, name: str) -> FileLedger:
    for ending in (".jsonl", ".last"):
        shutil.copy(DATA / f"{name}{ending}", folder)
    return FileLedger(folder / f"{name}.jsonl", NAMES)


@pytest.mark.parametrize(("name", "number"), [("orders", 3), ("trials", 4)])
def test_a_ledger_of_an_earlier_version_verifies_and_goes_on(tmp_path: Path, name: str, number: int) -> None:
    ledger = copied(tmp_path, name)
    old = (tmp_path / f"{name}.jsonl").read_bytes()
    with ledger.locked():
        assert len(ledger.entries()) == number
        added = [ledger.append({"kind": "new", "text": text}) for text in ("a", "\ud800")]
        assert [entry["seq"] for entry in added] == [number + 1, number + 2]
        assert ledger.entries()[number:] == added
    assert ledger.path.read_bytes().startswith(old)
    for place in range(number):
        changed = old.splitlines(keepends=True)
        changed[place] = changed[place].replace(b"a", b"b")
        ledger.path.write_bytes(ledger.path.read_bytes().replace(old, b"".join(changed)))
        with ledger.locked(), pytest.raises(ConfigError, match=f"line {place + 1}"):
            ledger.entries()
        ledger.path.write_bytes(ledger.path.read_bytes().replace(b"".join(changed), old))


def test_appending_reads_one_line_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, read = FileLedger(tmp_path / "log.jsonl", NAMES), list[bytes]()
    parse = file_ledger.parsed_line
    monkeypatch.setattr(file_ledger, "parsed_line", lambda raw: (read.append(raw), parse(raw))[1])
    with ledger.locked():
        for number in range(20):
            ledger.append({"number": number})
    assert len(read) == 19
    assert [json.loads(raw)["number"] for raw in read] == list(range(19))


def test_the_registers_of_an_earlier_version_are_those_of_the_model(tmp_path: Path) -> None:
    from stillhunt_model.orders.register import OrderRegister
    from stillhunt_model.proof.trials import PlannedTrial, TrialRegister

    copied(tmp_path, "orders")
    copied(tmp_path, "trials")
    orders = OrderRegister(tmp_path)
    assert [line.kind for line in orders.lines()] == ["order", "use", "end"]
    signed = orders.all_orders()[0]
    assert (signed.order_id, signed.reason) == ("mark-0a1b2c3d", "harvest é")
    assert orders.log_use(signed, "mark text", {"rows": 1}, signed.made_at + 3).seq == 4
    trials = TrialRegister(tmp_path, 5)
    assert trials.left() == 3
    places = trials.enter([PlannedTrial("a", "c", "e", "d", "f", (), 7)], datetime(2026, 3, 1, tzinfo=UTC))
    trials.conclude(places[0], {"p": 0.1})
    assert (places[0].number, trials.left()) == (3, 2)
    with pytest.raises(ConfigError, match="made for 5 pairs"):
        TrialRegister(tmp_path, 6).left()
