"""Breaches of terms: who they touch, how sure that is, who is excepted; and they move no verdict."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

import stillhunt
from evidence.hunted import packed, world_files
from stillhunt import Config, ConfigError
from stillhunt.cli.app import app
from stillhunt.watch.lineage.settle import with_lasting_ids
from stillhunt_signals.terms.breaches import ClauseBreach, TermsChecker
from stillhunt_signals.terms.companies import OwnedCompanies, OwnedCompany, plain_company_name
from stillhunt_signals.terms.declared import read_terms

TERMS = """
version = "2026-05-01"
[[clause]]
name = "countries"
kind = "countries"
text = "Section 3.2: the service is not offered in these countries"
countries = ["KP", "RU"]
[[clause]]
name = "owned"
kind = "owned"
text = "Section 3.3: companies owned from there"
list = "owned.csv"
companies = "companies.csv"
[[clause]]
name = "use"
kind = "uses"
text = "Section 4: no training of models"
uses = ["train a model"]
[[clause]]
name = "models"
kind = "models"
text = "Section 5: not for free plans"
models = ["onyx-large"]
plans = ["free"]
[[clause]]
name = "age"
kind = "age"
text = "Section 6: new accounts have limits"
least_days = 3
[[exception]]
clause = "countries"
owner = "Jo of legal"
until = 2026-12-31
why = "embassy"
organizations = ["org-embassy"]
"""
TODAY = date(2026, 3, 20)


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    (tmp_path / "owned.csv").write_text(
        "name,identifier,share\nHangzhou Deep Well Technology Co. Ltd.,91330100MA2,100\nOther Holding AG,,20\n"
    )
    (tmp_path / "companies.csv").write_text(
        "organization_id,name,identifier\norg-1,Deep Well Technology Hangzhou,\norg-2,Deepwater Ltd,\n"
        "org-3,Quite Another Name,91330100-ma2\norg-4,Other Holding AG,\n"
    )
    file = tmp_path / "terms.toml"
    file.write_text(TERMS)
    return file


def found(terms: Path, rows: list[dict[str, Any]], models: tuple[str, ...] = (), today: date = TODAY) -> dict[str, Any]:
    checker = TermsChecker(read_terms(terms), terms.parent)
    named = [{"account_id": f"a{place}", **row} for place, row in enumerate(rows)]
    return {one.clause.name: one for one in checker.breaches(named, models, today)}


def test_countries_are_told_apart_by_what_they_are_of(terms: Path) -> None:
    breach: ClauseBreach = found(
        terms,
        [
            {"payment_country": "RU"},
            {"countries": ["RU", "DE"], "ip_kinds": ["hosting", "vpn"]},
            {"countries": ["RU"], "ip_kinds": []},
            {"countries": ["RU"], "ip_kinds": ["mobile"], "phone_country": "KP"},
            {"payment_country": "DE"},
        ],
    )["countries"]
    assert len(breach.accounts) == 4
    assert set(breach.facts) == {
        "card RU",
        "phone KP",
        "requests RU through VPN or hosting, which says nothing of residence",
        "requests RU of addresses of unknown kind",
        "requests RU from residence",
    }
    words = breach.words(5, "2026-05-01")
    assert words.startswith("Section 3.2: the service is not offered in these countries (terms of 2026-05-01). 4 of 5")


def test_an_exception_has_an_owner_and_an_end(terms: Path) -> None:
    rows = [{"payment_country": "RU", "organization_id": "org-embassy"}]
    excepted = found(terms, rows)["countries"]
    assert (excepted.accounts, excepted.excepted) == (set(), {"a0": "Jo of legal until 2026-12-31"})
    assert "excepted by Jo of legal until 2026-12-31" in excepted.words(1, "x")
    assert found(terms, rows, today=date(2027, 1, 1))["countries"].accounts == {"a0"}


def test_owned_companies_are_matched_with_their_uncertainty(terms: Path) -> None:
    breach = found(terms, [{"organization_id": f"org-{number}"} for number in (1, 2, 3, 4)])["owned"]
    assert breach.accounts == {"a0", "a2"}
    told = " ".join(breach.facts)
    assert "of 100 points), which is no proof" in told
    assert "by its identifier" in told
    assert "Other Holding" not in told, "20 % is too little"


def test_uses_models_and_ages(terms: Path) -> None:
    opened, day = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    rows = [
        {"declared_use": "We TRAIN a model", "plan": "free", "created_at": opened, "first_seen": day},
        {"declared_use": "chat", "plan": "team", "created_at": opened, "first_seen": datetime(2026, 3, 9, tzinfo=UTC)},
    ]
    breaches = found(terms, rows, ("onyx-large",))
    assert {name: one.accounts for name, one in breaches.items()} == {"use": {"a0"}, "models": {"a0"}, "age": {"a0"}}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Société Générale S.A.", "societe generale"),
        ("北京月之暗面科技有限公司", "北京月之暗面科技"),
        ("Foo Bar Co., Ltd.", "FOO-BAR"),
        ("ACME GmbH & Co. KG", "acme"),
    ],
)
def test_legal_forms_accents_and_marks_are_no_names(name: str, other: str) -> None:
    assert plain_company_name(name) == plain_company_name(other)


def test_initials_and_endless_names_match_nobody() -> None:
    companies = OwnedCompanies([OwnedCompany("ABC Ltd"), OwnedCompany("x" * 5_000)])
    assert companies.match("ABC Inc") is None
    assert companies.match("y" * 1_000_000) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TERMS.replace('"KP", "RU"', '"Russia"'), "clause.0.countries.0"),
        (TERMS.replace("least_days = 3", ""), "needs least_days"),
        (TERMS.replace('clause = "countries"', 'clause = "country"'), "which is not there"),
        (TERMS.replace('organizations = ["org-embassy"]', ""), "names nobody"),
        (TERMS.replace("owned.csv", "none.csv"), "cannot be read"),
        ("version = 1", "string"),
    ],
)
def test_terms_that_cannot_be_used_are_refused(terms: Path, text: str, said: str) -> None:
    terms.write_text(text)
    with pytest.raises(ConfigError) as caught:
        TermsChecker(read_terms(terms), terms.parent)
    assert said in caught.value.what


def test_a_breach_stands_beside_the_harvest_and_moves_nothing(terms: Path, tmp_path: Path) -> None:
    requests, accounts, sanctioned = world_files()
    settings = {"sanctioned": {"organizations": sanctioned}}
    plain = stillhunt.hunt(requests, accounts, Config(**settings))
    campaign = plain.campaigns["campaign_id"][0].as_py()
    details = plain.member_details.filter(pc.equal(plain.member_details["campaign_id"], campaign))
    country = details["payment_country"].drop_null()[0].as_py()
    terms.write_text(TERMS.replace('"KP", "RU"', f'"{country}"'))
    case = stillhunt.hunt(requests, accounts, Config(**settings, terms=str(terms)))
    assert case.evidence.equals(plain.evidence)
    assert case.campaigns.equals(plain.campaigns)
    assert "Section 3.2" in str(case.explain(campaign))
    assert "Section 3.2" in case.report()
    renamed = with_lasting_ids(case, {campaign: "c-lasting"})
    assert "Section 3.2" in str(renamed.explain("c-lasting"))
    folder = case.write(tmp_path / "case")
    assert "Section 3.2" in str(stillhunt.Case.read(folder).explain(campaign))
    texts = b"".join(packed(folder=folder, campaign_id=campaign).files.values())
    assert b"Section 3.2" not in texts
    shown = CliRunner().invoke(app, ["terms", "show", str(terms), str(folder)], catch_exceptions=False)
    assert "Section 3.2" in shown.stdout
    counted = CliRunner().invoke(
        app, ["terms", "simulate", str(terms), str(accounts), "--json"], catch_exceptions=False
    )
    (first, *_) = json.loads(counted.stdout)
    assert (first["clause"], first["accounts"] > 0) == ("countries", True)
    checked = CliRunner().invoke(app, ["terms", "check", str(terms)], catch_exceptions=False)
    assert "5 clauses" in checked.stdout


def test_whatever_a_case_says_beside_is_shown_safely(tmp_path: Path) -> None:
    requests, accounts, sanctioned = world_files()
    case = stillhunt.hunt(requests, accounts, Config(sanctioned={"organizations": sanctioned}))
    campaign = case.campaigns["campaign_id"][0].as_py()
    case.run["beside"] = {campaign: [["<b>x</b>", "\x1b[31m<script>1</script>" + "y" * 9_999], "z", [1, 2, 3], None]}
    report = case.report()
    assert "<script>1</script>" not in report
    assert "\x1b" not in report
    assert "y" * 2_000 not in report
