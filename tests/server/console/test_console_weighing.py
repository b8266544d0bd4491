"""The lever on the evidence, and two groups beside each other, on a case that a hunt made."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from evidence.hunted import campaigns, hunted_case
from server.console.console_html import page_of
from server.console.console_scenes import ACT, REVIEW, Scene
from stillhunt.base.errors import CaseError
from stillhunt.triage.model import CampaignModel
from stillhunt_server.case_views.lever import WeighedAgain, weigh_without, weighed_by_hunt
from stillhunt_server.console import context


def weighed(model: CampaignModel, *without: str) -> WeighedAgain:
    case, name = hunted_case(), model.row["campaign_id"]
    rows = [
        table.filter(table["campaign_id"].to_numpy() == name)
        for table in (case.tables["evidence"], case.tables["members"])
    ]
    return weigh_without(case, model, rows[0], rows[1], without)


@pytest.fixture(scope="module")
def model() -> CampaignModel:
    return next(one for one in hunted_case().model.campaigns if one.row["campaign_id"] == campaigns()[0])


def test_with_everything_it_is_what_the_hunt_said(model: CampaignModel) -> None:
    found = weighed(model)
    assert (found.verdict, found.probability) == (model.verdict, model.row["score"])
    assert found.log2_odds == pytest.approx(model.total.log2_odds)
    assert list(found.families) == list(model.row["families"])
    rows = hunted_case().tables["evidence"]
    rows = rows.filter(rows["campaign_id"].to_numpy() == model.row["campaign_id"])
    assert weighed_by_hunt(model, rows) == replace(found, flagged=None)


def test_without_its_findings_for_it_the_verdict_falls(model: CampaignModel) -> None:
    kinds = [term.kind for term in model.total.supporting]
    less, none = weighed(model, kinds[0]), weighed(model, *kinds)
    assert none.log2_odds < less.log2_odds < weighed(model).log2_odds
    assert (none.verdict, none.flagged) == ("none", 0)


def test_without_evidence_against_it_the_sum_rises(model: CampaignModel) -> None:
    against = [term.kind for term in model.total.opposing]
    assert against
    assert weighed(model, *against).log2_odds > weighed(model).log2_odds


def test_few_campaigns_are_weighed_beside_pages(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = scene.console.source.current()
    assert shown is not None
    monkeypatch.setattr(context, "_WEIGHING", threading.BoundedSemaphore(1))
    with context._WEIGHING:
        found = context._weigh_beside(shown, ACT)
    assert isinstance(found.exception(timeout=0), CaseError)
    failed = context._weigh_beside(shown, "nothing").exception()
    assert isinstance(failed, CaseError)
    assert failed.__traceback__ is None, "its frames have the case"
    assert context._WEIGHING.acquire(timeout=30), "it is free again"


def test_a_case_that_cannot_be_weighed_again_says_so(scene: Scene) -> None:
    page = page_of(scene.reader("vera").get(f"/campaigns/{ACT}/lever?off=family:content&off=%3Cb%3E"))
    assert "cannot be weighed again" in page.text or "With everything" in page.text


@pytest.mark.parametrize("other", ["", REVIEW, "nothing", ACT, "\x00<b>"])
def test_two_groups_stand_beside_each_other(scene: Scene, other: str) -> None:
    page = page_of(scene.reader("vera").get(f"/campaigns/{ACT}/beside", params={"with": other}))
    rows = {row[0].strip(" \u2260"): row[1:] for row in page.rows}
    assert len(rows["Verdict"]) == 2
    if other == REVIEW:
        assert rows["Verdict"] == ["act", "review"]
