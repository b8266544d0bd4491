"""Account ids that are e-mail or IP addresses stand in clear, and every artefact says so."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from stillhunt.cli.exporting import export
from stillhunt.cli.findings import as_document
from stillhunt.cli.screen import print_findings
from stillhunt.triage import Case, personal_ids, personal_ids_sentence

from .fixtures import build, demo_case

EMAILS = ["jo@mail.example", "Jo.Doe+x@sub.mail.example", "<jo@mail.example>", "jo@xn--mller-kva.example", "ü@x.de"]
ADDRESSES = ["203.0.113.7", "2001:db8::1", "::ffff:203.0.113.7"]
NEITHER = [
    "acct-1",
    "@team",
    "jo@",
    "a@b",
    "1.2.3",
    "12:34:56",
    "key:1",
    "jo at mail.example",
    "",
    "dead.beef",
    "a:b:c",
]
CAMPAIGN = "hunt-7f3a91c2"


def renamed(case: Case, names: dict[str, str]) -> Case:
    """The case with other account ids."""
    tables = {}
    for name, table in case.tables.items():
        rows = table.to_pylist()
        if "account_id" in table.schema.names:
            rows = [{**row, "account_id": names.get(row["account_id"], row["account_id"])} for row in rows]
        tables[name] = build(name, rows)
    return Case(tables, case.samples, case.timeline, case.run)


@pytest.fixture(scope="module")
def case() -> Case:
    return renamed(demo_case(), {"91c2-acct-0000": "jo@mail.example", "91c2-acct-0001": "203.0.113.7"})


def shown(case: Case) -> str:
    file = io.StringIO()
    print_findings(Console(file=file, soft_wrap=True), case.model, "case", 0.01)
    return file.getvalue()


def test_what_counts_as_an_address() -> None:
    assert personal_ids(pa.chunked_array([EMAILS])) == {"emails": len(EMAILS), "addresses": 0}
    assert personal_ids(pa.chunked_array([ADDRESSES])) == {"emails": 0, "addresses": len(ADDRESSES)}
    assert personal_ids(pa.chunked_array([NEITHER])) == {"emails": 0, "addresses": 0}
    assert personal_ids(pa.chunked_array([], pa.string())) == {"emails": 0, "addresses": 0}


def test_the_sentence_agrees_with_its_numbers() -> None:
    one = personal_ids_sentence(pa.chunked_array([["jo@mail.example", "a"]]))
    assert one.startswith("Of 2 account ids 1 is an e-mail address. They stand")
    both = personal_ids_sentence(pa.chunked_array([[*EMAILS, *ADDRESSES]]))
    assert both.startswith("Of 8 account ids 5 are e-mail addresses and 3 are IP addresses.")


def test_every_artefact_says_so(case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "1 is an e-mail address and 1 is an IP address"
    assert f"ids Of 500 account ids {words}" in " ".join(shown(case).split())
    assert words in case.report()
    assert f"account ids           {words}, as in the logs: personal data" in case.explain(CAMPAIGN).text(200)
    assert "account id            1 is an e-mail address" in case.explain("jo@mail.example").text()
    folder = case.write(tmp_path / "case")
    export(folder, CAMPAIGN, every_member=True, out=tmp_path / "a.csv")
    assert words in capsys.readouterr().err


def test_none_does_where_no_id_is_an_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = demo_case()
    export(case.write(tmp_path / "case"), CAMPAIGN, out=tmp_path / "a.csv")
    explained = case.explain(CAMPAIGN).text() + case.explain("91c2-acct-0003").text()
    everything = shown(case) + case.report() + explained + capsys.readouterr().err
    assert "handle them as personal data" not in everything
    assert "as in the logs: personal data" not in everything


def test_json_has_the_counts_of_the_run(case: Case) -> None:
    case.run["personal_ids"] = {"emails": 1, "addresses": 1}
    assert as_document(case.model, None, 0.01)["personal_ids"] == {"emails": 1, "addresses": 1}
