"""STIX 2.1: valid for the strict validator and for stix2, related as the standard says, versions and withdrawals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evidence.sharing.format_checks import check_stix
from evidence.sharing.share_scenes import FIRST, REVIEW, SECOND, addresses, changed, filled, later, rich_case, shared
from stillhunt_evidence.sharing.formats import share_formats
from stillhunt_evidence.sharing.indicators import SharedIndicator
from stillhunt_evidence.sharing.shared_campaign import SharedFile, SharedValue
from stillhunt_evidence.sharing.stix_bundle import STIX_EXTENSION, stix_bundle, stix_pattern
from stillhunt_evidence.sharing.tlp import TLP_EXTENSION, TLP_LABELS, tlp_label

PUBLIC = ("marking-definition", "extension-definition", "attack-pattern", "course-of-action", "identity")
OASIS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
"""oasis-open/cti-stix-common-objects, extension-definition-specifications/tlp-2.0."""


def objects(share: SharedFile) -> dict[str, list[dict[str, Any]]]:
    """The objects of a valid bundle by their type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in check_stix(share_formats()["stix"](share).decode()):
        found.setdefault(one["type"], []).append(one)
    return found


@pytest.mark.parametrize("name", list(OASIS))
def test_every_label_of_tlp_is_the_object_of_oasis(name: str) -> None:
    found = objects(shared(None, REVIEW, tlp=tlp_label(name.upper())))
    (marking,) = found["marking-definition"]
    assert marking == {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{OASIS[name]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{name.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": name}},
    }
    assert set(TLP_LABELS) == set(OASIS)
    for kind, made in found.items():
        for one in made:
            public = kind in PUBLIC or one.get("relationship_type") == "mitigates"
            assert one.get("object_marking_refs", []) == ([] if public else [marking["id"]])


def test_everything_is_related_as_the_standard_says() -> None:
    found = objects(shared(None, FIRST, SECOND, counts=addresses()))
    links = {
        (one["relationship_type"], one["source_ref"].split("--")[0], one["target_ref"].split("--")[0])
        for one in found["relationship"]
    }
    assert links == {
        ("attributed-to", "campaign", "intrusion-set"),
        ("indicates", "indicator", "campaign"),
        ("mitigates", "course-of-action", "attack-pattern"),
        ("uses", "campaign", "attack-pattern"),
        ("uses", "campaign", "infrastructure"),
        ("uses", "campaign", "tool"),
    }
    assert len(found["campaign"]) == len(found["sighting"]) == len(found["note"]) == len(found["report"]) == 2
    assert len(found["intrusion-set"]) == 1
    assert {one["name"] for one in found["course-of-action"]} >= {"Block accounts after a person has looked"}
    for report in found["report"]:
        assert sum(ref.startswith("campaign--") for ref in report["object_refs"]) == 1


def test_a_campaign_says_what_was_measured() -> None:
    share = shared(None, FIRST)
    (campaign,) = objects(share)["campaign"]
    counts = share.campaigns[0].counts
    facts = campaign["extensions"][STIX_EXTENSION]
    assert campaign["confidence"] == 99
    assert facts["extension_type"] == "property-extension"
    assert (facts["accounts"], facts["requests"], facts["verdict"]) == (120, counts.requests, "act")
    assert facts["probability"] == 0.9999
    assert facts["shared_values"]["network"] == [
        {"value": "Example Hosting", "number": 64500, "requests": 5000, "accounts": 80}
    ]
    assert facts["circle_key_check"] == share.key_check
    assert facts["findings"][0]["bits"] == 11.4


def test_sightings_have_times_and_a_count_that_the_standard_allows() -> None:
    share = shared(None, FIRST)
    (sighting,) = objects(share)["sighting"]
    assert sighting["count"] == share.campaigns[0].counts.requests
    assert (sighting["first_seen"], sighting["last_seen"]) == ("2026-03-02T00:00:00.000Z", "2026-03-16T00:00:00.000Z")


def test_notes_say_the_limits_of_the_claim() -> None:
    (note,) = objects(shared(None, REVIEW))["note"]
    assert "names no company and no person" in note["content"]
    assert "+12.1 bits, content: 91 % of the requests" in note["content"]
    assert note["confidence"] < 99


def test_indicators_have_patterns_and_little_confidence_where_others_use_the_same() -> None:
    made = objects(shared(None, FIRST, counts=addresses()))
    found = {one["name"]: one for kind in ("indicator", "infrastructure", "tool") for one in made[kind]}
    assert {one["name"] for one in made["infrastructure"]} == {"Autonomous system 64500"}
    facts = {name: one["extensions"][STIX_EXTENSION] for name, one in found.items()}
    assert facts["Autonomous system 64500"]["number"] == 64500
    assert facts["Client openai-python"]["user_agent_pattern"] == "(?i)^(Async)?OpenAI/Python"
    assert not any("autonomous-system" in one["pattern"] or "User-Agent" in one["pattern"] for one in made["indicator"])
    confidences = {name: one["confidence"] for name, one in found.items()}
    assert confidences == {
        "Autonomous system 64500": 20,
        "Client openai-python": 10,
        "Client curl": 10,
        "Keyed hashes of addresses": 60,
        "Keyed hashes of networks (/24, /48)": 60,
        "Keyed hashes of recurring phrases": 85,
    }
    hashed = found["Keyed hashes of addresses"]
    assert hashed["pattern"] == (
        f"[ipv4-addr:extensions.'{STIX_EXTENSION}'.address_hash IN ('{11:016x}', '{12:016x}') OR "
        f"ipv6-addr:extensions.'{STIX_EXTENSION}'.address_hash IN ('{11:016x}', '{12:016x}')]"
    )
    assert hashed["extensions"][STIX_EXTENSION]["hashes"][0] == {"hash": f"{11:016x}", "requests": 3, "accounts": 3}
    assert all(one["labels"] == ["not-for-blocking"] for one in found.values())
    assert hashed["valid_until"] == "2026-06-14T00:00:00.000Z"


def test_no_indicator_is_surer_than_its_campaign() -> None:
    case = rich_case()
    row = next(row for row in case.campaigns.to_pylist() if row["campaign_id"] == REVIEW)

    weak = changed(case, campaigns=filled("campaigns", [{**row, "score": 0.07}]))
    assert {one["confidence"] for one in objects(shared(weak, REVIEW))["indicator"]} == {7}


@pytest.mark.parametrize("text", ["a'b", "a\\", "a\\' OR 'x' = 'x", "']"])
def test_texts_stay_inside_of_a_pattern(text: str) -> None:
    from stix2patterns.validator import validate  # slow

    value = SharedValue("x", 1, 9)
    pattern = stix_pattern(SharedIndicator("client", "x", "x", "x", 1, 1, 1, value=value, pattern=text))
    assert validate(pattern)
    assert pattern.count(" MATCHES ") == 1
    assert pattern.endswith("']")


def test_a_later_share_has_the_same_objects_and_is_newer() -> None:
    before, after = (stix_bundle(shared(None, FIRST, at=later(days)))["objects"] for days in (20, 30))
    old, new = ({one["id"]: one for one in made} for made in (before, after))
    assert set(old) == set(new)
    for name, one in old.items():
        assert one["created"] == new[name]["created"]
        if one["type"] not in PUBLIC and one.get("relationship_type") != "mitigates":
            assert one["modified"] < new[name]["modified"]
            assert one["created"] <= one["modified"]


def test_a_case_older_than_the_standard_date_is_valid() -> None:
    assert objects(shared(None, REVIEW, at=later(-20_000)))


def test_what_is_withdrawn_is_revoked_and_nothing_else() -> None:
    shared_before = {one["id"] for one in stix_bundle(shared(None, FIRST, counts=addresses()))["objects"]}
    found = objects(shared(None, FIRST, withdrawn=True))  # without the logs, and so without the addresses
    assert {one["id"] for made in found.values() for one in made} > shared_before
    for kind, made in found.items():
        for one in made:
            kept = kind in (*PUBLIC, "intrusion-set") or one.get("relationship_type") == "mitigates"
            assert one.get("revoked", False) is not kept, kind


def test_a_campaign_that_the_case_has_no_more_is_revoked_by_its_id() -> None:
    case = rich_case()
    rows = [row for row in case.campaigns.to_pylist() if row["campaign_id"] != FIRST]
    later_case = changed(case, campaigns=filled("campaigns", rows))
    before = [one for made in objects(shared(case, FIRST, counts=addresses())).values() for one in made]
    gone = {one["id"]: one for made in objects(shared(later_case, FIRST, withdrawn=True)).values() for one in made}
    tie = {one["id"] for one in before if one.get("relationship_type") == "attributed-to"}
    shared_by_us = {one["id"] for one in before if one.get("object_marking_refs")} - tie
    shared_by_us -= {one["id"] for one in before if one["type"] == "intrusion-set"}
    assert len(shared_by_us) >= 20
    assert all(gone[name]["revoked"] for name in shared_by_us)


def test_bytes_are_the_same_every_time() -> None:
    first, second = (share_formats()["stix"](shared(counts=addresses())) for _ in range(2))
    assert first == second
    assert json.loads(first)["id"].startswith("bundle--")


def test_a_sighting_counts_no_more_than_the_standard_allows() -> None:
    case = rich_case()
    row = next(row for row in case.campaigns.to_pylist() if row["campaign_id"] == REVIEW)
    large = changed(case, campaigns=filled("campaigns", [{**row, "requests": 2_000_000_000}]))
    assert objects(shared(large, REVIEW))["sighting"][0]["count"] == 999_999_999
