"""Campaigns that belong together, in words: on the screen, in the report, in explanations, in --json and exports."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from rich.console import Console

from stillhunt.base.schema_case import CASE_OPERATORS
from stillhunt.cli.findings import as_document
from stillhunt.cli.screen import print_findings
from stillhunt.triage.case import Case
from stillhunt.triage.sentences import operator_models

from .fixtures import demo_case, operator_rows

BECAUSE = (
    "all 190 accounts of both campaigns use the same 3 client fingerprints (+7.6 bits); both begin and pause within "
    "the same hours, and others do not (+5.2 bits)"
)


@pytest.fixture(scope="module")
def case() -> Case:
    return demo_case()


def table_of(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=CASE_OPERATORS.arrow)


def test_one_operator_names_its_campaigns_and_the_reasons(case: Case) -> None:
    (operator,) = case.model.operators
    assert operator.label == "one operator"
    assert operator.words == (f"campaigns hunt-7f3a91c2 and hunt-c41d08be (190 accounts together), because {BECAUSE}")


def test_a_campaign_names_the_others_of_its_operator(case: Case) -> None:
    facts = dict(case.explain("hunt-7f3a91c2").facts)
    assert facts["one operator"] == f"o-1f2e3d4c with hunt-c41d08be (190 accounts together): {BECAUSE}"
    assert "one operator" not in dict(case.explain("hunt-0e9b55d7").facts)


def test_screen_and_report_say_so(case: Case) -> None:
    out = io.StringIO()
    print_findings(Console(file=out, width=300), case.model, None, 0.01)
    assert "one operator" in out.getvalue()
    assert "Campaigns that belong together" in case.report()
    assert "both begin and pause within the same hours" in case.report()


def test_a_case_without_operators_says_nothing_of_them(case: Case) -> None:
    tables = {**case.tables, "operators": CASE_OPERATORS.empty()}
    assert "belong together" not in Case(tables, run=case.run).report()


def test_json_has_the_operator_with_its_ties(case: Case) -> None:
    (operator,) = as_document(case.model, None, 0.01)["operators"]
    assert (operator["operator_id"], operator["relation"], operator["accounts"]) == ("o-1f2e3d4c", "one_operator", 190)
    first = operator["campaigns"][0]
    assert first["ties"][0] == {"kind": "client_fingerprint", "bits": 7.6}
    assert first["tied_to"] == "hunt-c41d08be"


def test_export_names_the_operator_of_each_account(case: Case) -> None:
    facts = case.account_facts()
    named = facts.filter(pc.is_valid(facts["operator_id"]))
    assert set(named["campaign_id"].to_pylist()) == {"hunt-7f3a91c2", "hunt-c41d08be"}
    assert set(named["operator_id"].to_pylist()) == {"o-1f2e3d4c"}


def test_pools_and_groups_taken_apart_have_labels_of_their_own() -> None:
    rows = [*operator_rows(("c-a", "c-b"), "one_pool"), *operator_rows(("c-c", "c-d"), "two_operators")]
    pool, apart = operator_models(table_of(*rows))
    assert (pool.label, apart.label) == ("one pool", "two operators")
    assert pool.words == "campaigns c-a and c-b (190 accounts together), because 80 accounts serve both campaigns"


def test_hostile_ids_are_bounded_and_escaped() -> None:
    hostile = "c-\x1b[31m" + "x" * 5000
    (operator,) = operator_models(table_of(*operator_rows((hostile, "c-b"))))
    assert "\x1b" not in operator.words
    assert len(operator.words) < 1000
