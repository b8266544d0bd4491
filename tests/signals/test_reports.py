"""Reports: the facts of the case, no account and no secret, a lab told from a provider of accounts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from evidence.hunted import campaigns, case_folder, hunted_case
from stillhunt import CaseError
from stillhunt.cli.app import app
from stillhunt_signals.outlets import reports
from stillhunt_signals.outlets.reports import report_text


def test_a_report_for_a_government_has_its_parts_and_no_account() -> None:
    case, campaign = hunted_case(), campaigns()[0]
    text = report_text(case, campaign, "government", entity="Lab <x>", basis="a signed confession")
    for part in ("Entity", "Accounts", "Methods", "Hosting", "Harm", "How sure this is"):
        assert f"\n## {part}\n" in text
    assert "Lab \\<x\\>. This rests on: a signed confession." in text
    assert "as a laboratory does" in text
    assert not [one for one in case.accounts["account_id"].to_pylist() if one in text]
    assert "Not known." in report_text(case, campaign[:6], "government")


def test_a_provider_of_accounts_is_no_lab() -> None:
    assert "account networks" in reports._ROLES["account_farm"]
    assert "account networks" in reports._ROLES["relay"]
    assert "laborator" not in reports._ROLES["posing"]


def test_what_stays_here_is_in_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    case, campaign = hunted_case(), campaigns()[0]
    (model,) = [one for one in case.model.campaigns if one.row["campaign_id"] == campaign]
    first = model.strongest[0]
    assert first.shown.split(":")[0] in report_text(case, campaign, "government").replace("\\", "")
    hidden = replace(first, kind="outside_harvest", statement="Radar knows them")
    monkeypatch.setattr(type(model), "strongest", [hidden])
    assert "Radar" not in report_text(case, campaign, "government")


def test_customers_learn_no_method() -> None:
    text = report_text(hunted_case(), campaigns()[0], "customers")
    assert "can be appealed" in text
    assert not any(word in text for word in ("template", "queue", "%", "bits"))


def test_the_command_wants_a_reason_for_a_name() -> None:
    order = ["outlets", "report", str(case_folder()), campaigns()[0], "--for", "government", "--entity", "Lab"]
    assert CliRunner().invoke(app, order).exit_code == 2
    done = CliRunner().invoke(app, [*order, "--basis", "their paper"], catch_exceptions=False)
    assert "This rests on: their paper." in done.stdout
    with pytest.raises(CaseError):
        report_text(hunted_case(), "c-none", "customers")
