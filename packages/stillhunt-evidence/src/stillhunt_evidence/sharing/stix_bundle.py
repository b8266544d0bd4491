"""A share as a bundle of STIX 2.1 (OASIS standard, 10 June 2021)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stillhunt.tools import formatting
from stillhunt_evidence.sharing.atlas import ATLAS_SOURCE, AtlasTechnique, RecommendedMeasure
from stillhunt_evidence.sharing.indicators import NOT_FOR_BLOCKING, SharedIndicator, indicators_of
from stillhunt_evidence.sharing.shared_campaign import (
    LIMITS_OF_CLAIM,
    SharedCampaign,
    SharedFile,
    SharedOperator,
    SharedValue,
    campaign_name,
    campaign_text,
    percent_of,
    public_uuid,
    shown_probability,
    utc_text,
)

EXTENSION_VERSION = "1.1.0"
STIX_EXTENSION = f"extension-definition--{public_uuid('extension-definition', EXTENSION_VERSION)}"
"""Id of the extension; another version has another id."""
_PROJECT = f"identity--{public_uuid('identity', 'stillhunt')}"
_EXTENSION_CREATED = "2026-11-29T00:00:00.000Z"
_SCHEMA = (
    "Of a campaign: verdict (act, review or none); kind (harvest, posing, account_farm, relay); probability (0 to 1); "
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
    common = {"spec_version": "2.1", "created": _EXTENSION_CREATED, "modified": _EXTENSION_CREATED}
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


# Days after the last request until an indicator expires (addresses and clients change hands; a campaign that goes on is
# shared again)
_VALID_DAYS = 90


FIRST_VERSION = datetime(2020, 1, 1, tzinfo=UTC)
"""When every object was created, as STIX sees it: the time may never change, and a later hunt may see another first
request. No model that answers through an API is older."""
_MOST_COUNT = 999_999_999
"""Largest count of a sighting in STIX."""
_CREATED = utc_text(FIRST_VERSION)


def stix_bundle(share: SharedFile) -> dict[str, Any]:
    """A share as a bundle of STIX 2.1, which the strict validator of OASIS accepts."""
    objects = [share.tlp.marking_definition, *_StixWriter(share).objects()]
    return {"type": "bundle", "id": f"bundle--{share.ids.uuid('bundle', utc_text(share.at))}", "objects": objects}


class _StixWriter:
    """Makes the objects of one bundle."""

    def __init__(self, share: SharedFile) -> None:
        self._share = share
        self._modified = utc_text(max(share.at, FIRST_VERSION))
        self._sender = f"identity--{share.sender_uid}"

    def objects(self) -> list[dict[str, Any]]:
        share = self._share
        identity = {"name": share.sender, "identity_class": "organization"}
        made = [{**_public_object("identity", self._sender), **identity}, *extension_objects()]
        techniques = {one.id: one for campaign in share.campaigns for one in campaign.techniques}
        measures = {one.key: one for campaign in share.campaigns for one in campaign.measures}
        made += [_attack_pattern(techniques[name]) for name in sorted(techniques)]
        made += [_course_of_action(measures[name]) for name in sorted(measures)]
        made += [
            self._build_mitigates_relation(measures[one], techniques[two])
            for one in sorted(measures)
            for two in sorted(techniques)
        ]
        made += [self._intrusion_set(operator) for operator in share.operators]
        for campaign in share.campaigns:
            made += self._of_campaign(campaign)
        return made

    def _of_campaign(self, campaign: SharedCampaign) -> list[dict[str, Any]]:
        made = [self._build_campaign_object(campaign)]
        target = made[0]["id"]
        if campaign.operator:
            made.append(self._build_stix_relationship("attributed-to", target, f"intrusion-set--{campaign.operator}"))
        made += [self._build_stix_relationship("uses", target, _attack_pattern_id(one)) for one in campaign.techniques]
        for indicator in indicators_of(campaign, withdrawn=self._share.withdrawn):
            if indicator.value is None:
                made.append(self._build_stix_indicator(campaign, indicator))
                made.append(self._build_stix_relationship("indicates", made[-1]["id"], target))
            else:
                made.append(self._build_used_object(campaign, indicator, indicator.value))
                made.append(self._build_stix_relationship("uses", target, made[-1]["id"]))
        made.append(self._build_stix_sighting(campaign, target))
        made.append(self._build_evidence_note(campaign, target))
        made.append(self._build_campaign_report(campaign, [one["id"] for one in made]))
        return made

    def _build_common_fields(self, kind: str, uid: str, *, withdrawable: bool = True) -> dict[str, Any]:
        """What every object of the sender has."""
        common: dict[str, Any] = {
            "type": kind,
            "spec_version": "2.1",
            "id": f"{kind}--{uid}",
            "created_by_ref": self._sender,
            "created": _CREATED,
            "modified": self._modified,
            "object_marking_refs": [self._share.tlp.marking],
        }
        if self._share.withdrawn and withdrawable:
            common["revoked"] = True
        return common

    def _build_mitigates_relation(self, measure: RecommendedMeasure, technique: AtlasTechnique) -> dict[str, Any]:
        source, target = _course_of_action_id(measure), _attack_pattern_id(technique)
        uid = public_uuid("relationship", "mitigates", source, target)
        return {
            **_public_object("relationship", f"relationship--{uid}"),
            "relationship_type": "mitigates",
            "source_ref": source,
            "target_ref": target,
        }

    def _intrusion_set(self, operator: SharedOperator) -> dict[str, Any]:
        campaigns = formatting.plural(len(operator.campaigns), "campaign")
        bits = formatting.distance_bits(operator.bits)
        ties = " ".join(f"{one}." for one in operator.sentences)
        return {
            # an operator may have campaigns that are not withdrawn with these
            **self._build_common_fields("intrusion-set", operator.uid, withdrawable=False),
            "name": f"Operator {operator.short}",
            "description": f"{campaigns} in this file, tied by {bits} beyond chance: {ties} {LIMITS_OF_CLAIM}",
            "first_seen": utc_text(operator.first_seen),
            "last_seen": utc_text(operator.last_seen),
        }

    def _build_campaign_object(self, campaign: SharedCampaign) -> dict[str, Any]:
        return {
            **self._build_common_fields("campaign", campaign.uid),
            "name": campaign_name(campaign),
            "description": campaign_text(campaign),
            "first_seen": utc_text(campaign.first_seen),
            "last_seen": utc_text(campaign.last_seen),
            "objective": _describe_objective(campaign),
            "confidence": percent_of(campaign),
            "extensions": {STIX_EXTENSION: campaign_facts(self._share, campaign)},
        }

    def _build_stix_indicator(self, campaign: SharedCampaign, indicator: SharedIndicator) -> dict[str, Any]:
        made = {
            **self._build_common_fields(
                "indicator", self._share.ids.uuid("indicator", campaign.uid, indicator.kind, indicator.key)
            ),
            "name": indicator.name,
            "description": indicator.text,
            "indicator_types": ["anomalous-activity"],
            "pattern": stix_pattern(indicator),
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": utc_text(campaign.first_seen),
            "valid_until": utc_text(campaign.last_seen + timedelta(days=_VALID_DAYS)),
            "confidence": indicator.confidence,
            "labels": [NOT_FOR_BLOCKING],
        }
        if indicator.hashes:
            made["extensions"] = {STIX_EXTENSION: hash_facts(self._share, indicator)}
        return made

    def _build_used_object(
        self, campaign: SharedCampaign, indicator: SharedIndicator, value: SharedValue
    ) -> dict[str, Any]:
        """An autonomous system or a client: what the campaign uses. As an indicator, importers would block it."""
        kind = "infrastructure" if indicator.kind == "network" else "tool"
        facts = {"user_agent_pattern": indicator.pattern} if indicator.pattern else value_facts(value)
        times = {"first_seen": utc_text(campaign.first_seen), "last_seen": utc_text(campaign.last_seen)}
        return {
            **self._build_common_fields(kind, self._share.ids.uuid(kind, campaign.uid, indicator.key)),
            "name": indicator.name,
            "description": indicator.text,
            **(times if kind == "infrastructure" else {}),
            "confidence": indicator.confidence,
            "labels": [NOT_FOR_BLOCKING],
            "extensions": {STIX_EXTENSION: {"extension_type": "property-extension", **facts}},
        }

    def _build_stix_relationship(self, name: str, source: str, target: str) -> dict[str, Any]:
        return {
            **self._build_common_fields("relationship", self._share.ids.uuid("relationship", name, source, target)),
            "relationship_type": name,
            "source_ref": source,
            "target_ref": target,
        }

    def _build_stix_sighting(self, campaign: SharedCampaign, target: str) -> dict[str, Any]:
        return {
            **self._build_common_fields("sighting", self._share.ids.uuid("sighting", campaign.uid)),
            "description": "Harvested requests in the sender's own logs.",
            "first_seen": utc_text(campaign.first_seen),
            "last_seen": utc_text(campaign.last_seen),
            "count": min(campaign.counts.requests, _MOST_COUNT),
            "sighting_of_ref": target,
            "where_sighted_refs": [self._sender],
        }

    def _build_evidence_note(self, campaign: SharedCampaign, target: str) -> dict[str, Any]:
        findings = "\n".join(
            f"- {formatting.bits(one.bits)} bits, {one.family}: {one.sentence}" for one in campaign.findings
        )
        return {
            **self._build_common_fields("note", self._share.ids.uuid("note", campaign.uid)),
            "abstract": f"{campaign_name(campaign)}: the evidence, and the limits of the claim",
            "content": f"{LIMITS_OF_CLAIM}\n\n{findings}".strip(),
            "object_refs": [target],
            "confidence": percent_of(campaign),
        }

    def _build_campaign_report(self, campaign: SharedCampaign, refs: list[str]) -> dict[str, Any]:
        named = [_attack_pattern_id(one) for one in campaign.techniques]
        named += [_course_of_action_id(one) for one in campaign.measures]
        named += [f"intrusion-set--{campaign.operator}"] if campaign.operator else []
        return {
            **self._build_common_fields("report", self._share.ids.uuid("report", campaign.uid)),
            "name": campaign_name(campaign),
            "description": campaign_text(campaign),
            "report_types": ["campaign"],
            "published": self._modified,
            "object_refs": [*refs, *named],
        }


def _public_object(kind: str, uid: str) -> dict[str, Any]:
    """What every object has that no campaign changes."""
    return {"type": kind, "spec_version": "2.1", "id": uid, "created": _CREATED, "modified": _CREATED}


def stix_pattern(indicator: SharedIndicator) -> str:
    """The pattern of an indicator; of keyed hashes one over the properties of our extension."""
    if indicator.kind == "network" and indicator.value is not None:
        return f"[autonomous-system:number = {indicator.value.number}]"
    if indicator.kind == "client":
        header = "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'"
        return f"[{header} MATCHES {_quote_stix_text(indicator.pattern)}]"
    digests = ", ".join(_quote_stix_text(one.digest) for one in indicator.hashes) or _quote_stix_text("withdrawn")
    if indicator.kind == "phrase_hashes":
        return f"[network-traffic:extensions.'{STIX_EXTENSION}'.phrase_hash IN ({digests})]"
    name = indicator.kind.removesuffix("es")
    sides = [f"{kind}:extensions.'{STIX_EXTENSION}'.{name} IN ({digests})" for kind in ("ipv4-addr", "ipv6-addr")]
    return f"[{' OR '.join(sides)}]"


def _quote_stix_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _describe_objective(campaign: SharedCampaign) -> str:
    skills = ", ".join(one.value for one in campaign.values.skills)
    if campaign.kind != "harvest":
        return "Use of a service by one operation through many accounts."
    return f"Answers of a model{skills and f': {skills}'}."


def _attack_pattern_id(technique: AtlasTechnique) -> str:
    return f"attack-pattern--{public_uuid('attack-pattern', technique.id)}"


def _attack_pattern(technique: AtlasTechnique) -> dict[str, Any]:
    return {
        **_public_object("attack-pattern", _attack_pattern_id(technique)),
        "name": technique.name,
        "external_references": [{"source_name": ATLAS_SOURCE, "external_id": technique.id}],
        "kill_chain_phases": [{"kill_chain_name": ATLAS_SOURCE, "phase_name": technique.tactic.phase}],
    }


def _course_of_action_id(measure: RecommendedMeasure) -> str:
    return f"course-of-action--{public_uuid('course-of-action', measure.key)}"


def _course_of_action(measure: RecommendedMeasure) -> dict[str, Any]:
    return {
        **_public_object("course-of-action", _course_of_action_id(measure)),
        "name": measure.name,
        "description": measure.text,
        "external_references": [{"source_name": ATLAS_SOURCE, "external_id": measure.mitigation}],
    }
