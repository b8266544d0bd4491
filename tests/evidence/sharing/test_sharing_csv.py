"""CSV: a row for each thing that is shared, the same columns, and no formulas."""

from __future__ import annotations

from evidence.sharing.format_checks import check_csv
from evidence.sharing.share_scenes import FIRST, addresses, shared
from stillhunt_evidence.sharing.csv_rows import SHARED_COLUMNS, shared_csv


def test_each_thing_is_a_row() -> None:
    share = shared(None, FIRST, counts=addresses())
    rows = check_csv(shared_csv(share).decode())
    assert list(rows[0]) == list(SHARED_COLUMNS)
    assert {row["campaign"] for row in rows} == {share.campaigns[0].uid}
    assert {row["tlp"] for row in rows} == {"TLP:AMBER"}
    kinds = {row["kind"] for row in rows}
    assert kinds == {
        *("campaign", "limits", "time", "count", "tied_operator", "technique", "finding", "measure"),
        *("model", "skill", "language", "client", "network", "country", "settings"),
        *("address_hash", "network_hash", "phrase_hash"),
    }
    assert rows[0]["number"] == "0.9999"
    (network,) = (row for row in rows if row["kind"] == "network")
    assert (network["value"], network["requests"], network["accounts"]) == ("AS64500 Example Hosting", "5000", "80")
    assert [row["requests"] for row in rows if row["kind"] == "skill"] == ["", ""]


def test_the_row_says_whether_it_is_withdrawn() -> None:
    assert {row["status"] for row in check_csv(shared_csv(shared(None, FIRST)).decode())} == {"act"}
    rows = check_csv(shared_csv(shared(None, FIRST, withdrawn=True)).decode())
    assert {row["status"] for row in rows} == {"withdrawn"}
