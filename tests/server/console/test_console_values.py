"""Search for values that pages show, and the page of all accounts that have one."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_scenes import ACCUSED, ACT, Reader, Scene, account_path
from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt_server.case_views.account_values import find_accounts_with_value, find_values
from stillhunt_server.console.snapshot import LatestSource

STRANGER, CARD = "91c2-acct-none", 0xC0FFEE0000000001
HOSTILE = '<b onclick="x()">\u202eevil.example'


@pytest.fixture
def told(scene: Scene, published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A scene whose snapshot tells mail domains and cards of all accounts, as hunts with an accounts table do."""
    copy = tmp_path / "copy"
    shutil.copytree(published.folder.path, copy, symlinks=True)
    ids = published.shown.case.accounts["account_id"].to_pylist()
    free = next(one for one in ids if one not in set(published.shown.case.members["account_id"].to_pylist()))
    rows = [(one, "Quanor.example", CARD) for one in (ACCUSED, free)] + [(ids[-2], HOSTILE, 7)]
    names, domains, cards = zip(*rows, strict=True)
    table = {"account_id": names, "email_domain": domains, "payment_fingerprint": pa.array(cards, pa.uint64())}
    folder = type(published.folder)(copy)
    source = LatestSource(folder)
    shown = source.current()
    assert shown is not None
    pq.write_table(pa.table(table), shown.folder.parent / "rule_accounts.parquet")
    monkeypatch.setattr(scene.console, "source", source)
    return scene


def pivot(reader: Reader, wanted: str, kind: str) -> str:
    """Address of the accounts with the first value of a kind that a search finds."""
    page = page_of(reader.get("/search", params={"for": wanted}))
    return next(link for link in page.links() if link.startswith(f"/values?kind={kind}"))


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        ("quanor", "email_domain"),
        ("c0ffee", "card"),
        ("as64500", "network"),
        ("LITELLM", "client"),
        ("nl", "country"),
        ("pro-p", "plan"),
    ],
)
@pytest.mark.parametrize("name", ["vera", "anna"])
def test_what_a_page_shows_is_found_and_leads_to_its_accounts(told: Scene, wanted: str, kind: str, name: str) -> None:
    reader = told.reader(name)
    answer = reader.get(pivot(reader, wanted, kind))
    page = page_of(answer)
    assert answer.status_code == 200
    assert len(page.rows) > 1
    assert ("accounts with" in page.text) or ("account with" in page.text)


def test_all_accounts_with_a_domain_are_listed_whether_a_group_has_them_or_not(told: Scene) -> None:
    anna = told.reader("anna")
    page = page_of(anna.get(pivot(anna, "QUANOR.EXAMPLE", "email_domain")))
    assert "2 accounts with E-mail domain: Quanor.example" in page.text
    assert {account_path(ACCUSED), f"/campaigns/{ACT}"} <= set(page.links())
    assert len(page.rows) == 1 + 2


def test_a_model_leads_to_the_members_of_its_campaigns(told: Scene) -> None:
    anna, shown = told.reader("anna"), told.console.source.current()
    assert shown is not None
    model = shown.by_id[ACT].row["models"][0]
    link = pivot(anna, model[1:-1].upper(), "model")
    assert ACT in anna.page(link)


def test_words_of_excerpts_lead_to_the_accounts_that_sent_them(told: Scene) -> None:
    anna, shown = told.reader("anna"), told.console.source.current()
    assert shown is not None
    row = shown.case.samples.to_pylist()[0]
    link = pivot(anna, row["text"][:20].swapcase(), "excerpt")
    assert account_path(row["account_id"]) in page_of(anna.get(link)).links()


def test_an_account_shows_its_card_as_the_tag_that_is_searched(told: Scene) -> None:
    anna = told.reader("anna")
    page = page_of(anna.get(account_path(ACCUSED)))
    assert f"{CARD:016x}" in page.text
    (link,) = [one for one in page.links() if one.startswith("/values?kind=card")]
    assert link == pivot(anna, f"{CARD:016x}", "card")


def test_a_hostile_value_stays_text_and_the_audit_has_what_was_looked_at(told: Scene) -> None:
    anna = told.reader("anna")
    link = pivot(anna, "evil.example", "email_domain")
    assert "evil" not in link, "an address tells nothing of the value"
    page = page_of(anna.get(link))
    assert "\u202e" not in page.text
    ((who, what, about),) = told.looks(anna, link)
    assert (who, what) == ("anna", "accounts")
    assert "evil.example" in about
    for wrong in (f"{link}0", "/values?kind=nothing&ref=1", "/values", f"/values?kind=excerpt&for={quote(HOSTILE)}"):
        assert page_of(anna.get(wrong)) is not None
    assert anna.get(f"{link}0").status_code == 404
    assert told.reader().get(link).status_code != 200


def test_a_long_case_is_paged_and_hits_are_bounded(told: Scene) -> None:
    anna, shown = told.reader("anna"), told.console.source.current()
    assert shown is not None
    page = page_of(anna.get(pivot(anna, "as64500", "network")))
    assert len(page.rows) == 1 + 50, "a heading and a page"
    assert any("page=2" in link and "kind=network" in link for link in page.links())
    hits, number = find_values(shown.case, shown.folder, "e", 3)
    assert len(hits) == 3 < number


def test_a_case_folder_without_a_snapshot_has_the_values_of_members(published: Published) -> None:
    case: Case = published.shown.case
    (hit, *_), _ = find_values(case, Path("/nowhere/case"), "as64500 example", 5)
    value, accounts = find_accounts_with_value(case, Path("/nowhere/case"), hit.kind, hit.ref)
    assert (value, len(accounts)) == ("AS64500 Example", hit.accounts)
    with pytest.raises(CaseError, match="no account"):
        find_accounts_with_value(case, Path("/nowhere/case"), "card", hit.ref)
