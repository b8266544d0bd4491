"""A share as documents of the Elastic Common Schema: an alert for each campaign, and indicators for matching rules."""

from collections.abc import Iterable
from typing import Any

from stillhunt import __version__
from stillhunt.plugins import ECS_VERSION
from stillhunt_evidence.sharing.atlas import ATLAS, AtlasTechnique
from stillhunt_evidence.sharing.indicators import NOT_FOR_BLOCKING, SharedIndicator, indicators_of
from stillhunt_evidence.sharing.parameters import HIGH_CONFIDENCE, MEDIUM_CONFIDENCE, MOST_EVENT_HASHES
from stillhunt_evidence.sharing.shared_campaign import (
    LIMITS_OF_CLAIM,
    SharedCampaign,
    SharedFile,
    campaign_name,
    campaign_text,
    percent_of,
    utc_text,
)
from stillhunt_evidence.sharing.stix_bundle import campaign_facts

_SEVERITY = {"act": 73, "review": 47}
"""Verdict -> the number that Elastic's detection rules use for high and medium."""
_LOWEST_SEVERITY = 21
_TLP_VERSION = "2.0"
_TYPES = {"network": "autonomous-system", "client": "software"}


def ecs_documents(share: SharedFile) -> list[dict[str, Any]]:
    """A share as documents of the Elastic Common Schema; what has no field there stands under `stillhunt`.

    Returns for each campaign a document of kind alert, and for each autonomous system and client one of kind
    enrichment, which rules of the type indicator match read. Keyed hashes stand in related.hash of the alert.
    """
    made = []
    for campaign in share.campaigns:
        made.append(_build_ecs_alert(share, campaign))
        made += [
            _build_ecs_indicator(share, campaign, one)
            for one in indicators_of(campaign, withdrawn=share.withdrawn)
            if one.value is not None
        ]
    return made


def _build_ecs_document(share: SharedFile, kind: str, uid: str, action: str) -> dict[str, Any]:
    """What all documents have."""
    return {
        "@timestamp": utc_text(share.at),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": uid,
            "kind": kind,
            "category": ["threat"],
            "type": ["indicator"],
            "action": action,
            "provider": "stillhunt",
            "module": "stillhunt",
            "dataset": "stillhunt.shared",
        },
        "observer": {"product": "stillhunt", "type": "analysis", "vendor": "stillhunt", "version": __version__},
    }


def _build_ecs_alert(share: SharedFile, campaign: SharedCampaign) -> dict[str, Any]:
    withdrawn = share.withdrawn
    document = _build_ecs_document(
        share, "alert", campaign.uid, "campaign_withdrawn" if withdrawn else "campaign_shared"
    )
    document["message"] = f"{'Withdrawn: ' if withdrawn else ''}{campaign_name(campaign)}"
    document["event"] |= {
        "severity": _LOWEST_SEVERITY if withdrawn else _SEVERITY.get(campaign.verdict, _LOWEST_SEVERITY),
        "risk_score": 0 if withdrawn else percent_of(campaign),
        "reason": f"{campaign_text(campaign)} {LIMITS_OF_CLAIM}",
        "start": utc_text(campaign.first_seen),
        "end": utc_text(campaign.last_seen),
    }
    document["rule"] = {"id": "stillhunt", "name": "stillhunt", "ruleset": "stillhunt", "version": __version__}
    document["threat"] = _build_ecs_threat(campaign)
    document["tags"] = [NOT_FOR_BLOCKING, share.tlp.shown, f"circle:{share.ids.circle}"]
    if hashes := [one.digest for kind in ("address", "network", "phrase") for one in _first_hashes(campaign, kind)]:
        document["related"] = {"hash": hashes}
    facts = campaign_facts(share, campaign)
    document["stillhunt"] = {"shared_campaign": {name: facts[name] for name in facts if name != "extension_type"}}
    return document


def _first_hashes(campaign: SharedCampaign, kind: str) -> Iterable[Any]:
    return campaign.hashes_of(kind)[:MOST_EVENT_HASHES]


def _build_ecs_indicator(share: SharedFile, campaign: SharedCampaign, indicator: SharedIndicator) -> dict[str, Any]:
    uid = share.ids.uuid("indicator", campaign.uid, indicator.kind, indicator.key)
    action = "indicator_withdrawn" if share.withdrawn else "indicator_shared"
    document = _build_ecs_document(share, "enrichment", uid, action)
    found: dict[str, Any] = {
        "id": [uid],
        "type": _TYPES[indicator.kind],
        "name": indicator.name,
        "description": indicator.text,
        "confidence": _confidence_word(indicator.confidence, withdrawn=share.withdrawn),
        "first_seen": utc_text(campaign.first_seen),
        "last_seen": utc_text(campaign.last_seen),
        "modified_at": utc_text(share.at),
        "sightings": indicator.requests,
        "provider": share.sender,
        "marking": {"tlp": share.tlp.name.upper(), "tlp_version": _TLP_VERSION},
    }
    if indicator.value is not None and indicator.value.number is not None:
        found["as"] = {"number": indicator.value.number}
        if indicator.value.value:
            found["as"]["organization"] = {"name": indicator.value.value}
    document["message"] = indicator.name
    document["tags"] = [NOT_FOR_BLOCKING, share.tlp.shown]
    document["threat"] = {
        **_build_ecs_threat(campaign),
        "indicator": found,
        "feed": {"name": f"stillhunt, circle {share.ids.circle}"},
    }
    return document


def _build_ecs_threat(campaign: SharedCampaign) -> dict[str, Any]:
    threat: dict[str, Any] = {}
    if campaign.techniques:
        outer = {(one.parent or one).id: one.parent or one for one in campaign.techniques}
        inner = {one.id: one for one in campaign.techniques if one.parent}
        tactics = {one.tactic.id: one.tactic for one in campaign.techniques}
        threat = {
            "framework": ATLAS,
            "tactic": {"id": sorted(tactics), "name": [tactics[one].name for one in sorted(tactics)]},
            "technique": _list_technique_names(outer),
        }
        if inner:
            threat["technique"]["subtechnique"] = _list_technique_names(inner)
    if campaign.operator:
        threat["group"] = {"id": campaign.operator, "name": f"Operator {campaign.operator[:8]}"}
    return threat


def _list_technique_names(techniques: dict[str, AtlasTechnique]) -> dict[str, Any]:
    return {"id": sorted(techniques), "name": [techniques[one].name for one in sorted(techniques)]}


def _confidence_word(percent: int, *, withdrawn: bool) -> str:
    """Confidence in the words of ECS, cut where STIX cuts its scale of none, low, medium and high."""
    if withdrawn:
        return "None"
    return "High" if percent >= HIGH_CONFIDENCE else "Medium" if percent >= MEDIUM_CONFIDENCE else "Low"
