"""OCSF and the Elastic Common Schema: events that SIEMs accept, indicators for rules, closed when withdrawn."""

from __future__ import annotations

from typing import Any

import pytest

from evidence.sharing.format_checks import check_ecs, check_ocsf
from evidence.sharing.share_scenes import FIRST, REVIEW, SECOND, addresses, changed, filled, phrase, rich_case, shared
from stillhunt_evidence.sharing.formats import SHARE_FORMATS
from stillhunt_evidence.sharing.parameters import MOST_EVENT_HASHES
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.tlp import tlp_label


def ocsf(share: SharedFile) -> list[dict[str, Any]]:
    return check_ocsf(SHARE_FORMATS["ocsf"](share).decode())


def ecs(share: SharedFile) -> list[dict[str, Any]]:
    return check_ecs(SHARE_FORMATS["ecs"](share).decode())


def test_each_campaign_is_a_finding_and_each_operation_an_incident() -> None:
    share = shared()
    events = ocsf(share)
    assert [one["class_uid"] for one in events] == [2004] * 3 + [2005] * 2
    listed = [len(one["finding_info_list"]) for one in events[3:]]
    assert sorted(listed) == [1, 2]
    assert {info["uid"] for one in events[3:] for info in one["finding_info_list"]} == {
        one["finding_info"]["uid"] for one in events[:3]
    }


def test_a_finding_says_how_sure_and_what() -> None:
    share = shared(None, FIRST, counts=addresses())
    (finding, incident) = ocsf(share)
    assert (finding["severity"], finding["status"], finding["is_alert"]) == ("High", "New", True)
    assert (finding["confidence_score"], finding["confidence"]) == (99, "High")
    assert finding["finding_info"]["attacks"][1] == {
        "tactic": {"uid": "AML.TA0010", "name": "Exfiltration"},
        "technique": {"uid": "AML.T0024", "name": "Exfiltration via AI Inference API"},
    }
    assert finding["finding_info"]["attacks"][2]["sub_technique"]["uid"] == "AML.T0024.002"
    found = {(one["type"], one["value"]) for one in finding["osint"]}
    assert {
        ("Autonomous System", "AS64500"),
        ("User Agent", "openai-python"),
        ("Hash", f"{11:016x}"),
    } <= found
    assert {one["tlp"] for one in finding["osint"]} == {"AMBER"}
    assert finding["unmapped"]["stillhunt"]["accounts"] == 120
    assert (incident["verdict"], incident["priority"]) == ("Suspicious", "High")


def test_a_finding_to_review_is_of_medium_severity() -> None:
    finding, incident = ocsf(shared(None, REVIEW))
    assert (finding["severity"], incident["severity"], incident["priority"]) == ("Medium", "Medium", "Low")


def test_amber_strict_is_called_as_ocsf_does() -> None:
    finding, _ = ocsf(shared(None, FIRST, tlp=tlp_label("amber+strict")))
    assert {one["tlp"] for one in finding["osint"]} == {"AMBER STRICT"}
    assert "TLP:AMBER+STRICT" in finding["metadata"]["labels"]


def test_events_hold_the_most_used_hashes() -> None:
    rows = [phrase(FIRST, number, 10 + number) for number in range(MOST_EVENT_HASHES + 5)]
    share = shared(changed(rich_case(), phrases=filled("phrases", rows)), FIRST)
    assert len(share.campaigns[0].hashes) == MOST_EVENT_HASHES + 5
    finding, _ = ocsf(share)
    digests = [one["value"] for one in finding["osint"] if one["type"] == "Hash"]
    assert digests == [one.digest for one in share.campaigns[0].hashes[:MOST_EVENT_HASHES]]
    assert ecs(share)[0]["related"]["hash"] == digests


def test_what_is_withdrawn_is_closed() -> None:
    finding, incident = ocsf(shared(None, FIRST, withdrawn=True))
    assert (finding["activity_name"], finding["status"], finding["is_alert"]) == ("Close", "Archived", False)
    assert (incident["activity_name"], incident["status"], incident["verdict"]) == ("Close", "Closed", "Disregard")
    alert, *indicators = ecs(shared(None, FIRST, withdrawn=True))
    assert (alert["event"]["action"], alert["event"]["risk_score"]) == ("campaign_withdrawn", 0)
    assert {one["threat"]["indicator"]["confidence"] for one in indicators} == {"None"}
    assert ocsf(shared(None, "hunt-gone", withdrawn=True))
    assert ecs(shared(None, "hunt-gone", withdrawn=True))


def test_documents_of_elastic_are_an_alert_and_its_indicators() -> None:
    share = shared(None, FIRST, SECOND, counts=addresses())
    documents = ecs(share)
    assert [one["event"]["kind"] for one in documents].count("alert") == 2
    alert = next(one for one in documents if one["event"]["id"] == share.campaigns[0].uid)
    assert alert["event"]["severity"] == 73
    assert alert["threat"]["framework"] == "MITRE ATLAS"
    assert alert["threat"]["technique"]["subtechnique"] == {"id": ["AML.T0024.002"], "name": ["Extract AI Model"]}
    assert alert["threat"]["group"]["id"] == share.operators[0].uid
    assert "TLP:AMBER" in alert["tags"]
    systems = [one["threat"]["indicator"] for one in documents if one["event"]["kind"] == "enrichment"]
    assert {one["type"] for one in systems} == {"autonomous-system", "software"}
    found = [one for one in systems if one["type"] == "autonomous-system"]
    assert {one["as"]["number"] for one in found} == {64500}
    assert len({one["id"][0] for one in found}) == 2
    assert found[0]["marking"] == {"tlp": "AMBER", "tlp_version": "2.0"}


@pytest.mark.parametrize("label", ["clear", "green", "amber", "amber+strict", "red"])
def test_every_label_is_one_that_the_schemas_know(label: str) -> None:
    share = shared(None, FIRST, tlp=tlp_label(label))
    assert ocsf(share)
    assert ecs(share)
