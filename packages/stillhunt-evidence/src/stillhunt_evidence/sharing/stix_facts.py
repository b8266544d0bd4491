"""The property extension by which objects of STIX carry what STIX has no property for."""

from __future__ import annotations

from typing import Any

from stillhunt_evidence.sharing.indicators import SharedIndicator
from stillhunt_evidence.sharing.shared_campaign import SharedCampaign, SharedFile, SharedValue, shown_probability
from stillhunt_evidence.sharing.shared_ids import public_uuid

EXTENSION_VERSION = "1.1.0"
STIX_EXTENSION = f"extension-definition--{public_uuid('extension-definition', EXTENSION_VERSION)}"
"""Id of the extension; another version has another id."""
_PROJECT = f"identity--{public_uuid('identity', 'stillhunt')}"
_CREATED = "2026-11-29T00:00:00.000Z"
_SCHEMA = (
    "Of a campaign: verdict (act, review or none); kind (harvest, account_farm, relay); probability (0 to 1); "
    "accounts, flagged_accounts, requests, estimated_requests, output_tokens (integers); evidence_families (strings); "
    "findings (list of objects with family, kind, sentence and bits); shared_values (skill, model, language, client, "
    "network, country, settings -> list of objects with value, requests, and where known accounts and number); circle "
    "and circle_key_check (strings). Of an indicator: circle, circle_key_check, and hashes (list of objects with hash, "
    "requests and accounts). Of an infrastructure, an autonomous system: value, number, requests and accounts. "
    "Of a tool, which is a client: user_agent_pattern (a regular expression for its header User-Agent). In patterns: "
    "address_hash and network_hash of an ipv4-addr or ipv6-addr, and phrase_hash of network-traffic, are keyed hashes "
    "of 16 hexadecimal digits under the key of the circle."
)


def extension_objects() -> list[dict[str, Any]]:
    """The definition of the extension, and who defines it."""
    common = {"spec_version": "2.1", "created": _CREATED, "modified": _CREATED}
    return [
        {
            "type": "identity",
            **common,
            "id": _PROJECT,
            "name": "stillhunt (software)",
            "identity_class": "system",
        },
        {
            "type": "extension-definition",
            **common,
            "id": STIX_EXTENSION,
            "created_by_ref": _PROJECT,
            "name": "stillhunt campaign facts",
            "description": "Measured facts of a campaign that harvests a model through its API, and keyed hashes.",
            "schema": _SCHEMA,
            "version": EXTENSION_VERSION,
            "extension_types": ["property-extension"],
        },
    ]


def campaign_facts(share: SharedFile, campaign: SharedCampaign) -> dict[str, Any]:
    """The extension of a campaign."""
    counts = campaign.counts
    facts = {
        "extension_type": "property-extension",
        "verdict": campaign.verdict,
        "kind": campaign.kind,
        "probability": shown_probability(campaign),
        "accounts": counts.accounts,
        "flagged_accounts": counts.flagged,
        "requests": counts.requests,
        "estimated_requests": counts.estimated_requests,
        "output_tokens": counts.output_tokens,
        "evidence_families": list(campaign.families),
        "findings": [
            {"family": one.family, "kind": one.kind, "sentence": one.sentence, "bits": round(one.bits, 2)}
            for one in campaign.findings
        ],
        "shared_values": {
            aspect: [value_facts(one) for one in values] for aspect, values in campaign.values.aspects().items()
        },
        "circle": share.ids.circle,
        "circle_key_check": share.key_check,
    }
    return {name: value for name, value in facts.items() if value not in ([], {})}  # STIX allows no empty lists


def hash_facts(share: SharedFile, indicator: SharedIndicator) -> dict[str, Any]:
    """The extension of an indicator of keyed hashes."""
    return {
        "extension_type": "property-extension",
        "circle": share.ids.circle,
        "circle_key_check": share.key_check,
        "hashes": [
            {"hash": one.digest, "requests": one.requests, "accounts": one.accounts} for one in indicator.hashes
        ],
    }


def value_facts(value: SharedValue) -> dict[str, Any]:
    """A value with what is known of it."""
    known = {"number": value.number, "requests": value.requests, "accounts": value.accounts}
    return {"value": value.value, **{name: number for name, number in known.items() if number}}
