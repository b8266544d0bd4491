"""A share as events of OCSF 1.8: a Detection Finding for each campaign, an Incident Finding for each operation."""

from collections.abc import Iterable
from typing import Any

from stillhunt import __version__
from stillhunt.plugins import OCSF_VERSION
from stillhunt_evidence.sharing.indicators import indicators_of
from stillhunt_evidence.sharing.parameters import HIGH_CONFIDENCE, MEDIUM_CONFIDENCE, MOST_EVENT_HASHES
from stillhunt_evidence.sharing.shared_campaign import (
    LIMITS_OF_CLAIM,
    SharedCampaign,
    SharedFile,
    campaign_name,
    campaign_text,
    percent_of,
    utc_milliseconds,
)
from stillhunt_evidence.sharing.stix_bundle import campaign_facts

_FINDINGS, _DETECTION, _INCIDENT = 2, 2004, 2005
_CREATE, _CLOSE = (1, "Create"), (3, "Close")
_SEVERITIES = {"act": (4, "High"), "review": (3, "Medium")}
_INFORMATIONAL, _NEW = (1, "Informational"), (1, "New")
_STATISTICAL = (3, "Statistical")
_HIGH, _MEDIUM, _LOW = (3, "High"), (2, "Medium"), (1, "Low")
_HASH, _USER_AGENT, _OTHER_INDICATOR = (4, "Hash"), (6, "User Agent"), (99, "Autonomous System")


def ocsf_events(share: SharedFile) -> list[dict[str, Any]]:
    """A share as events of OCSF.

    Returns events of class 2004, one for each campaign, and of class 2005, one for each operator and for each campaign
    that is tied to none; by class and id.
    """
    made = [_build_detection_finding(share, campaign) for campaign in share.campaigns]
    by_operation: dict[str, list[SharedCampaign]] = {}
    for campaign in share.campaigns:
        by_operation.setdefault(campaign.operator or campaign.uid, []).append(campaign)
    return [*made, *(_build_incident_finding(share, uid, by_operation[uid]) for uid in sorted(by_operation))]


def _build_ocsf_event(share: SharedFile, class_uid: int, uid: str, severity: tuple[int, str]) -> dict[str, Any]:
    """What events of both classes have."""
    activity = _CLOSE if share.withdrawn else _CREATE
    at = utc_milliseconds(share.at)
    return {
        "activity_id": activity[0],
        "activity_name": activity[1],
        "category_uid": _FINDINGS,
        "category_name": "Findings",
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity[0],
        **_encode_ocsf_value("severity", severity),
        "time": at,
        "metadata": {
            "version": OCSF_VERSION,
            "uid": share.ids.uuid("ocsf", str(class_uid), uid, str(at)),
            "labels": [share.tlp.shown, f"circle:{share.ids.circle}"],
            "product": {"name": "stillhunt", "vendor_name": "stillhunt", "version": __version__},
        },
    }


def _build_detection_finding(share: SharedFile, campaign: SharedCampaign) -> dict[str, Any]:
    severity = _INFORMATIONAL if share.withdrawn else _SEVERITIES.get(campaign.verdict, _INFORMATIONAL)
    confidence = _grade_confidence(percent_of(campaign))
    event = _build_ocsf_event(share, _DETECTION, campaign.uid, severity)
    event["metadata"]["profiles"] = ["osint"]
    event |= {
        "class_name": "Detection Finding",
        **_encode_ocsf_value("status", (5, "Archived") if share.withdrawn else _NEW),
        "is_alert": not share.withdrawn,
        "message": f"{'Withdrawn: ' if share.withdrawn else ''}{campaign_name(campaign)}",
        **_encode_ocsf_value("confidence", confidence),
        "confidence_score": percent_of(campaign),
        "finding_info": _finding_info(share, campaign),
        "evidences": [
            {"name": one.kind, "data": {"family": one.family, "sentence": one.sentence, "bits": round(one.bits, 2)}}
            for one in campaign.findings
        ],
        "osint": _list_osint_indicators(share, campaign),
        "unmapped": {"stillhunt": _collect_unmapped_facts(share, campaign)},
    }
    if campaign.measures:
        event["remediation"] = {"desc": " ".join(one.text for one in campaign.measures)}
    return event


def _build_incident_finding(share: SharedFile, uid: str, campaigns: list[SharedCampaign]) -> dict[str, Any]:
    verdict = "act" if any(one.verdict == "act" for one in campaigns) else campaigns[0].verdict
    severity = _INFORMATIONAL if share.withdrawn else _SEVERITIES.get(verdict, _INFORMATIONAL)
    confidence = _grade_confidence(max(percent_of(one) for one in campaigns))
    priority = _HIGH if verdict == "act" and not share.withdrawn else _LOW
    event = _build_ocsf_event(share, _INCIDENT, uid, severity)
    event["metadata"]["profiles"] = ["incident"]
    event |= {
        "class_name": "Incident Finding",
        **_encode_ocsf_value("status", (5, "Closed") if share.withdrawn else _NEW),
        **_encode_ocsf_value("verdict", (3, "Disregard") if share.withdrawn else (4, "Suspicious")),
        **_encode_ocsf_value("priority", priority),
        **_encode_ocsf_value("confidence", confidence),
        "message": ", ".join(campaign_name(one) for one in campaigns),
        "desc": f"{' '.join(campaign_text(one) for one in campaigns)} {LIMITS_OF_CLAIM}",
        "start_time": utc_milliseconds(min(one.first_seen for one in campaigns)),
        "end_time": utc_milliseconds(max(one.last_seen for one in campaigns)),
        "assignee_group": {"name": "not assigned"},
        "attacks": _list_atlas_attacks(campaigns),
        "finding_info_list": [_finding_info(share, one) for one in campaigns],
    }
    return event


def _finding_info(share: SharedFile, campaign: SharedCampaign) -> dict[str, Any]:
    return {
        "uid": campaign.uid,
        "title": campaign_name(campaign),
        "desc": f"{campaign_text(campaign)} {LIMITS_OF_CLAIM}",
        "types": ["model distillation" if campaign.kind == "harvest" else campaign.kind],
        "analytic": {
            "name": "stillhunt",
            "uid": "stillhunt",
            "version": __version__,
            **_encode_ocsf_value("type", _STATISTICAL),
        },
        "attacks": _list_atlas_attacks([campaign]),
        "first_seen_time": utc_milliseconds(campaign.first_seen),
        "last_seen_time": utc_milliseconds(campaign.last_seen),
        "modified_time": utc_milliseconds(share.at),
        "data_sources": ["LLM API request logs"],
    }


def _list_atlas_attacks(campaigns: Iterable[SharedCampaign]) -> list[dict[str, Any]]:
    """Techniques of MITRE ATLAS in the object that OCSF has for ATT&CK and ATLAS."""
    techniques = {one.id: one for campaign in campaigns for one in campaign.techniques}
    attacks = []
    for name in sorted(techniques):
        one = techniques[name]
        outer = one.parent or one
        attack: dict[str, Any] = {
            "tactic": {"uid": one.tactic.id, "name": one.tactic.name},
            "technique": {"uid": outer.id, "name": outer.name},
        }
        if one.parent:
            attack["sub_technique"] = {"uid": one.id, "name": one.name}
        attacks.append(attack)
    return attacks


def _list_osint_indicators(share: SharedFile, campaign: SharedCampaign) -> list[dict[str, Any]]:
    """The indicators; of keyed hashes the most used ones, since pipelines of SIEMs cut long events."""
    made: list[dict[str, Any]] = []
    for indicator in indicators_of(campaign):
        confidence = _grade_confidence(indicator.confidence)
        common = {
            "tlp": share.tlp.ocsf,
            **_encode_ocsf_value("confidence", confidence),
            "campaign": {"name": campaign_name(campaign)},
        }
        value = indicator.value
        if value is None:
            made += [
                {**_encode_ocsf_value("type", _HASH), "value": one.digest, "desc": f"Keyed hash: {one.kind}", **common}
                for one in indicator.hashes[:MOST_EVENT_HASHES]
            ]
        elif value.number is not None:
            system = {"number": value.number} | ({"name": value.value} if value.value else {})
            made.append(
                {
                    **_encode_ocsf_value("type", _OTHER_INDICATOR),
                    "value": f"AS{value.number}",
                    "desc": indicator.text,
                    "autonomous_system": system,
                    **common,
                }
            )
        else:
            made.append(
                {**_encode_ocsf_value("type", _USER_AGENT), "value": value.value, "desc": indicator.text, **common}
            )
    return made


def _encode_ocsf_value(name: str, value: tuple[int, str]) -> dict[str, Any]:
    """A value of one of the lists of OCSF, as number and as word."""
    return {f"{name}_id": value[0], name: value[1]}


def _grade_confidence(percent: int) -> tuple[int, str]:
    """Confidence in the three steps of OCSF, cut where STIX cuts its scale of low, medium and high."""
    return _HIGH if percent >= HIGH_CONFIDENCE else _MEDIUM if percent >= MEDIUM_CONFIDENCE else _LOW


def _collect_unmapped_facts(share: SharedFile, campaign: SharedCampaign) -> dict[str, Any]:
    facts = campaign_facts(share, campaign)
    return {name: value for name, value in facts.items() if name not in ("extension_type", "findings")}
