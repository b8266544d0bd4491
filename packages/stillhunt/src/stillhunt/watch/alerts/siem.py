"""Alerts in the schemas of SIEMs: OCSF Detection Finding, and Elastic Common Schema."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stillhunt._version import __version__
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.watch.alerts.sending import Due

OCSF_VERSION, ECS_VERSION = "1.8.0", "9.1.0"
_CREATE, _UPDATE = 1, 2
_FINDINGS, _DETECTION_FINDING = 2, 2004
_SEVERITIES = {2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
_ECS_SEVERITY = {2: 21, 3: 47, 4: 73, 5: 99}
"""Severity of OCSF -> number that Elastic's detection rules use for the same word."""
_SEVERITY_OF = {
    "campaign_review": 3,
    "accounts_replaced": 3,
    "early_sign": 2,
    "mention": 2,
    "hunt_failing": 3,
    "hunt_recovered": 2,
    "disk_limit": 3,
    "enforcement_fault": 5,
    "service_fault": 4,
    "fault_ended": 2,
}
_FAULTS = ("enforcement_fault", "service_fault", "fault_ended")
_OPERATIONS = ("mention", "hunt_failing", "hunt_recovered", "disk_limit", "budget_limit", *_FAULTS)
_GOOD_NEWS = ("hunt_recovered", "fault_ended")
_ABOUT_KNOWN = ("campaign_rises", "campaign_merged", "campaign_split", *_GOOD_NEWS)
_STATISTICAL = 3
_DISTILLATION = "model distillation"
_ATLAS = {"id": "AML.TA0010", "name": "Exfiltration"}, {"id": "AML.T0024", "name": "Exfiltration via AI Inference API"}
_EXTRACT = {"id": "AML.T0024.002", "name": "Extract AI Model"}
"""What harvesting is called in MITRE ATLAS."""


def as_ocsf(due: Due) -> dict[str, Any]:
    """An alert as an OCSF event of class 2004; a campaign is one finding, and each alert about it an event of it."""
    body, kind = due.body, due.body["kind"]
    campaign: Mapping[str, Any] = body.get("campaign", {})
    activity = _UPDATE if kind in _ABOUT_KNOWN else _CREATE
    severity = _SEVERITY_OF.get(kind, 4)
    finding: dict[str, Any] = {
        "uid": campaign.get("id") or due.alert_id,
        "title": body["title"],
        "desc": body["text"],
        "types": ["operations" if kind in _OPERATIONS else _subject_of(campaign)],
        "analytic": {"name": f"stillhunt {kind}", "uid": kind, "type_id": _STATISTICAL, "type": "Statistical"},
        "created_time": due.at // 1000,
    }
    for name, column in (("first_seen_time", "first_seen"), ("last_seen_time", "last_seen")):
        if column in campaign:
            finding[name] = int(datetime.fromisoformat(campaign[column]).timestamp() * 1000)
    if body["link"]:
        finding["src_url"] = body["link"]
    event: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": "Create" if activity == _CREATE else "Update",
        "category_uid": _FINDINGS,
        "category_name": "Findings",
        "class_uid": _DETECTION_FINDING,
        "class_name": "Detection Finding",
        "type_uid": _DETECTION_FINDING * 100 + activity,
        "severity_id": severity,
        "severity": _SEVERITIES[severity],
        "status_id": 1,
        "status": "New",
        "is_alert": kind not in _GOOD_NEWS,
        "time": due.at // 1000,
        "message": body["title"],
        "metadata": {
            "version": OCSF_VERSION,
            "uid": due.alert_id,
            "product": {"name": "stillhunt", "vendor_name": "stillhunt", "version": __version__},
        },
        "finding_info": finding,
    }
    if "probability" in campaign:
        event["confidence_score"] = int(campaign["probability"] * 100)
    if evidence := [("for", one) for one in campaign.get("evidence_for", ())]:
        evidence += [("against", one) for one in campaign["evidence_against"]]
        event["evidences"] = [{"name": one["family"], "data": {**one, "speaks": side}} for side, one in evidence]
    rest = {name: value for name, value in campaign.items() if not name.startswith("evidence_")}
    return {**event, "unmapped": {"stillhunt": rest}} if campaign else event


def as_ecs(due: Due) -> dict[str, Any]:
    """An alert as a document of the Elastic Common Schema; what has no field there stands under `stillhunt`."""
    body, kind = due.body, due.body["kind"]
    campaign: Mapping[str, Any] = body.get("campaign", {})
    operations = kind in _OPERATIONS
    document: dict[str, Any] = {
        "@timestamp": datetime.fromtimestamp(due.at / 1e6, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
        "ecs": {"version": ECS_VERSION},
        "message": body["title"],
        "event": {
            "id": due.alert_id,
            "kind": "alert",
            "category": ["host" if operations else "threat"],
            "type": ["info" if operations else "indicator"],
            "action": kind,
            "provider": "stillhunt",
            "module": "stillhunt",
            "dataset": "stillhunt.alerts",
            "severity": _ECS_SEVERITY[_SEVERITY_OF.get(kind, 4)],
            "reason": body["text"],
        },
        "rule": {"id": kind, "name": f"stillhunt {kind}", "ruleset": "stillhunt", "version": __version__},
        "observer": {"product": "stillhunt", "type": "analysis", "vendor": "stillhunt", "version": __version__},
    }
    if body["link"]:
        document["event"]["url"] = body["link"]
    if not operations and _subject_of(campaign) == _DISTILLATION:
        (tactic, technique), extract = _ATLAS, _EXTRACT
        document["threat"] = {
            "framework": "MITRE ATLAS",
            "tactic": _wrap_values_in_lists(tactic),
            "technique": {**_wrap_values_in_lists(technique), "subtechnique": _wrap_values_in_lists(extract)},
        }
    if "probability" in campaign:
        document["event"]["risk_score"] = round(campaign["probability"] * 100, 1)
        document["event"]["start"], document["event"]["end"] = campaign["first_seen"], campaign["last_seen"]
    return {**document, "stillhunt": {"campaign": dict(campaign)}} if campaign else document


def _subject_of(campaign: Mapping[str, Any]) -> str:
    """What an alert is about: distillation, also where no campaign is named, or what else the campaign is called."""
    kind = str(campaign.get("kind", HARVEST_OPERATION))
    return _DISTILLATION if kind == HARVEST_OPERATION else kind


def _wrap_values_in_lists(named: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in named.items()}
