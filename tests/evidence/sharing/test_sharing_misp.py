"""MISP: events that pymisp reads, objects as their templates ask, tags, distribution, and withdrawals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evidence.sharing.format_checks import check_misp
from evidence.sharing.share_scenes import FIRST, REVIEW, addresses, changed, filled, later, rich_case, shared
from stillhunt_evidence.sharing import misp_event
from stillhunt_evidence.sharing.formats import share_formats
from stillhunt_evidence.sharing.misp_event import misp_events
from stillhunt_evidence.sharing.tlp import tlp_label


def test_one_campaign_is_one_event_and_more_are_a_response() -> None:
    assert set(misp_events(shared(None, FIRST))) == {"Event"}
    assert len(misp_events(shared())["response"]) == 3
    assert len(check_misp(share_formats()["misp"](shared()).decode())) == 3


def test_an_event_has_what_was_found() -> None:
    share = shared(None, FIRST, counts=addresses())
    (event,) = check_misp(share_formats()["misp"](share).decode())
    assert event.uuid == share.campaigns[0].uid
    assert event.Orgc.name == "Acme AI"
    assert [tag.name for tag in event.tags] == [
        "tlp:amber",
        'estimative-language:likelihood-probability="almost-certain"',
        'misp-galaxy:mitre-atlas-attack-pattern="Establish Accounts (ATLAS)"',
        'misp-galaxy:mitre-atlas-attack-pattern="Exfiltration via ML Inference API"',
        'misp-galaxy:mitre-atlas-attack-pattern="Extract ML Model"',
        'misp-galaxy:mitre-atlas-attack-pattern="ML Model Inference API Access"',
        'stillhunt:verdict="act"',
    ]
    values = [(one.type, one.value) for one in event.attributes]
    assert ("campaign-id", share.campaigns[0].uid) in values
    assert ("anonymised", f"address:{11:016x}") in values
    assert ("text", "client: openai-python") in values
    assert not any(one.to_ids for one in event.attributes)
    names = sorted(one.name for one in event.objects)
    assert names == sorted(
        ["annotation", "asn", *["anonymisation"] * 2, *["course-of-action"] * 3, *["stix2-pattern"] * 2]
    )
    (asn,) = (one for one in event.objects if one.name == "asn")
    assert [one.value for one in asn.attributes if one.object_relation == "asn"] == ["64500"]


def test_only_what_means_something_elsewhere_is_correlated() -> None:
    event = misp_events(shared(None, FIRST, counts=addresses()))["Event"]
    attributes = [*event["Attribute"], *(inner for one in event["Object"] for inner in one["Attribute"])]
    correlated = {one["type"] for one in attributes if not one["disable_correlation"]}
    assert correlated == {"AS", "anonymised", "campaign-id", "stix2-pattern"}


@pytest.mark.parametrize(
    ("label", "distribution"), [("clear", "3"), ("green", "1"), ("amber", "0"), ("amber+strict", "0"), ("red", "0")]
)
def test_an_event_is_passed_on_no_further_than_its_label(label: str, distribution: str) -> None:
    event = misp_events(shared(None, REVIEW, tlp=tlp_label(label)))["Event"]
    assert event["distribution"] == distribution
    assert {"name": f"tlp:{label}"} in event["Tag"]
    assert event["threat_level_id"] == "3"


def test_a_later_share_is_the_same_event_and_newer() -> None:
    old, new = (misp_events(shared(None, FIRST, at=later(days)))["Event"] for days in (20, 30))
    assert old["uuid"] == new["uuid"]
    assert int(old["timestamp"]) < int(new["timestamp"])
    assert [one["uuid"] for one in old["Object"]] == [one["uuid"] for one in new["Object"]]
    assert [one["uuid"] for one in old["Attribute"]] == [one["uuid"] for one in new["Attribute"]]


def _uuids(event: dict[str, Any]) -> set[str]:
    """Of all attributes and objects, and of the attributes of objects."""
    inner = [one for outer in event["Object"] for one in outer["Attribute"]]
    return {one["uuid"] for one in (*event["Attribute"], *event["Object"], *inner)}


def test_what_is_withdrawn_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("address", "network", "phrase"):  # a withdrawal has as many of each as there can ever be: thousands
        monkeypatch.setitem(misp_event._MOST_HASHES, kind, 20)
    before = misp_events(shared(None, FIRST, counts=addresses()))["Event"]
    text = share_formats()["misp"](shared(None, FIRST, withdrawn=True)).decode()  # without the logs
    check_misp(text)
    event = json.loads(text)["Event"]
    assert _uuids(before) < _uuids(event)
    case = rich_case()
    rows = [row for row in case.campaigns.to_pylist() if row["campaign_id"] != FIRST]
    gone = shared(changed(case, campaigns=filled("campaigns", rows)), FIRST, withdrawn=True)
    assert _uuids(before) < _uuids(misp_events(gone)["Event"])
    assert event["info"].startswith("Withdrawn: ")
    assert {"name": "stillhunt:withdrawn"} in event["Tag"]
    inner = [one for outer in event["Object"] for one in outer["Attribute"]]
    assert all(one["deleted"] for one in (*event["Attribute"], *event["Object"], *inner))
    assert not any("deleted" in one for one in misp_events(shared(None, FIRST))["Event"]["Attribute"])
