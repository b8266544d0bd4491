"""A share as events of MISP (core format, RFC draft draft-dulaunoy-misp-core-format)."""

from typing import Any

from stillhunt.tools import formatting
from stillhunt_evidence.sharing.indicators import SharedIndicator, indicators_of
from stillhunt_evidence.sharing.parameters import MOST_SHARED_ADDRESSES, MOST_SHARED_PHRASES, MOST_SHARED_VALUES
from stillhunt_evidence.sharing.shared_campaign import (
    LIMITS_OF_CLAIM,
    SharedCampaign,
    SharedFile,
    campaign_name,
    campaign_text,
    percent_of,
    utc_text,
)
from stillhunt_evidence.sharing.stix_bundle import stix_pattern

_FINISHED = "2"
_THREAT = {"act": "2", "review": "3"}
_UNDEFINED_THREAT = "4"
_INHERIT = "5"
"""Attributes and objects are passed on as far as their event."""
_CORRELATED = ("AS", "anonymised", "stix2-pattern", "campaign-id")
"""Types whose equal values mean something in the events of others."""
_GALAXY = "misp-galaxy:mitre-atlas-attack-pattern"
_TEMPLATES = {
    "asn": ("4ec55cc6-9e49-4c64-b794-03c25c1a6587", "6", "network"),
    "stix2-pattern": ("0c5bd072-7c3e-4d45-86f7-a8104d9143b9", "4", "misc"),
    "course-of-action": ("3d1c2c06-68a9-4394-8c8d-258d115f796f", "1", "misc"),
    "annotation": ("5d8dc046-15a1-4ca3-a09f-ed4ede7c4487", "3", "misc"),
    "anonymisation": ("5867cffe-60ff-44f6-b097-e5f36b5de0ac", "2", "misc"),
}
"""Template of MISP's objects -> its uuid, its version, and its category."""
_CATEGORIES = {
    **dict.fromkeys(("campaign-id", "campaign-name", "threat-actor"), "Attribution"),
    **dict.fromkeys(("AS", "anonymised"), "Network activity"),
    "stix2-pattern": "Payload installation",
}
_ASPECTS = dict.fromkeys(("skill", "model", "language", "client", "country", "settings"), MOST_SHARED_VALUES)
_MOST_HASHES = {"address": MOST_SHARED_ADDRESSES, "network": MOST_SHARED_ADDRESSES, "phrase": MOST_SHARED_PHRASES}
"""Lists of attributes, and the most that each can have."""
_HASH_METHOD = "hash - A hash function maps each attribute to a new (not necessarily unique) attribute."
_HASHED_BY = {
    "address": "SipHash-2-4 of the address or its /24 or /48, under keys that are derived from the key of the circle",
    "phrase": "HMAC-SHA256 of the hash of some words in a row under the key of the circle, shortened to 64 bits",
}
_HASH_WORDS = {"address": "an address", "network": "a network (/24 or /48)", "phrase": "a recurring phrase"}


def misp_events(share: SharedFile) -> dict[str, Any]:
    """A share as one event of MISP for each campaign.

    Returns `{"Event": ...}` for one campaign, `{"response": [{"Event": ...}, ...]}` for more: MISP imports both.
    """
    events = [{"Event": _MispWriter(share, campaign).event()} for campaign in share.campaigns]
    return events[0] if len(events) == 1 else {"response": events}


class _MispWriter:
    """Makes the event of one campaign."""

    def __init__(self, share: SharedFile, campaign: SharedCampaign) -> None:
        self._share, self._campaign = share, campaign
        self._at = str(max(0, int(share.at.timestamp())))

    def event(self) -> dict[str, Any]:
        share, campaign = self._share, self._campaign
        withdrawn = "Withdrawn: " if share.withdrawn else ""
        return {
            "uuid": campaign.uid,
            "info": f"{withdrawn}{campaign_name(campaign)}",
            "date": f"{campaign.first_seen:%Y-%m-%d}",
            "timestamp": self._at,
            "published": False,
            "analysis": _FINISHED,
            "threat_level_id": _THREAT.get(campaign.verdict, _UNDEFINED_THREAT),
            "distribution": str(share.tlp.misp_distribution),
            "Orgc": {"uuid": share.sender_uid, "name": share.sender},
            "Tag": [{"name": name} for name in self._list_misp_tags()],
            "Attribute": self._build_misp_attributes(),
            "Object": self._build_misp_objects(),
        }

    def _list_misp_tags(self) -> list[str]:
        campaign = self._campaign
        words = formatting.likelihood(campaign.probability).removeprefix("a ").replace(" ", "-")
        tags = [f"tlp:{self._share.tlp.name}", f'estimative-language:likelihood-probability="{words}"']
        tags += [f'{_GALAXY}="{one.galaxy}"' for one in campaign.techniques]
        tags.append(f'stillhunt:verdict="{campaign.verdict}"')
        return [*tags, "stillhunt:withdrawn"] if self._share.withdrawn else tags

    def _build_misp_attributes(self) -> list[dict[str, Any]]:
        campaign = self._campaign
        made = [
            self._build_misp_attribute("id", "campaign-id", campaign.uid, "Id of the campaign in this circle."),
            self._build_misp_attribute("name", "campaign-name", campaign_name(campaign), campaign_text(campaign)),
        ]
        for name, value in (
            ("accounts", campaign.counts.accounts),
            ("requests", campaign.counts.requests),
            ("output tokens", campaign.counts.output_tokens),
            ("probability in percent", percent_of(campaign)),
        ):
            made.append(self._build_misp_attribute(f"counter {name}", "counter", str(value), name))
        for aspect, most in _ASPECTS.items():
            values = campaign.values.aspects().get(aspect, ())
            texts = [(f"{aspect}: {one.value}", formatting.plural(one.requests, "request")) for one in values]
            made += self._build_attribute_list(aspect, "text", texts, most)
        for kind, most in _MOST_HASHES.items():
            texts = [
                (
                    f"{kind}:{one.digest}",
                    f"Keyed hash of {_HASH_WORDS[kind]}: {formatting.volume(one.requests, one.accounts)}.",
                )
                for one in campaign.hashes_of(kind)
            ]
            made += self._build_attribute_list(f"{kind} hash", "anonymised", texts, most)
        name = f"Operator {campaign.operator[:8]}"
        ties = [(name, "Several campaigns are tied to it.")] if campaign.operator else []
        return [*made, *self._build_attribute_list("tied operator", "threat-actor", ties, 1)]

    def _build_attribute_list(
        self, name: str, kind: str, texts: list[tuple[str, str]], most: int
    ) -> list[dict[str, Any]]:
        """Attributes of a list. Their ids come from their places, so that a withdrawal reaches all of them by them."""
        if self._share.withdrawn:
            texts = [*texts, *((f"{name} {place}", "Withdrawn.") for place in range(len(texts), most))]
        return [self._build_misp_attribute(f"{name} {place}", kind, *text) for place, text in enumerate(texts)]

    def _build_misp_attribute(self, place: str, kind: str, value: str, comment: str) -> dict[str, Any]:
        made: dict[str, Any] = {
            "uuid": self._share.ids.uuid("misp attribute", self._campaign.uid, place),
            "type": kind,
            "category": _CATEGORIES.get(kind, "Other"),
            "value": value,
            "comment": comment,
            "to_ids": False,
            "disable_correlation": kind not in _CORRELATED,
            "distribution": _INHERIT,
            "timestamp": self._at,
        }
        return {**made, "deleted": True} if self._share.withdrawn else made

    def _build_misp_objects(self) -> list[dict[str, Any]]:
        campaign = self._campaign
        made = [self._build_evidence_annotation()]
        made += [
            self._build_misp_object(
                "course-of-action",
                one.key,
                one.text,
                (("name", "text", one.name), ("type", "text", one.misp_type), ("description", "text", one.text)),
            )
            for one in campaign.measures
        ]
        found = indicators_of(campaign, withdrawn=self._share.withdrawn)
        made += [self._build_indicator_object(one) for one in found if one.value is not None]
        hashed = {"phrase" if one.kind == "phrase_hashes" else "address" for one in found if one.value is None}
        for kind in sorted(hashed):
            rows = [("description", "text", _HASHED_BY[kind]), ("method", "text", _HASH_METHOD)]
            rows += [("keyed-hash-function", "text", "hmac-sha256")] if kind == "phrase" else []
            made.append(
                self._build_misp_object("anonymisation", kind, f"Circle {self._share.ids.circle}.", tuple(rows))
            )
        return made

    def _build_evidence_annotation(self) -> dict[str, Any]:
        campaign = self._campaign
        lines = [f"{formatting.bits(one.bits)} bits, {one.family}: {one.sentence}" for one in campaign.findings]
        text = "\n".join([campaign_text(campaign), LIMITS_OF_CLAIM, *lines])
        when = utc_text(self._share.at)
        rows = (
            ("text", "text", text),
            ("format", "text", "text"),
            ("type", "text", "Executive Summary"),
            ("modification-date", "datetime", when),
        )
        return self._build_misp_object("annotation", "evidence", "The evidence, and the limits of the claim.", rows)

    def _build_indicator_object(self, indicator: SharedIndicator) -> dict[str, Any]:
        comment = f"{indicator.text} Confidence {indicator.confidence} %."
        key = f"{indicator.kind} {indicator.key}"
        if indicator.kind == "network" and indicator.value is not None:
            first, last = self._campaign.first_seen, self._campaign.last_seen
            rows: list[tuple[str, str, str]] = [("asn", "AS", str(indicator.value.number))]
            described = indicator.value.value or ("withdrawn" if self._share.withdrawn else "")
            rows += [("description", "text", described)] if described else []
            rows += [("first-seen", "datetime", utc_text(first)), ("last-seen", "datetime", utc_text(last))]
            return self._build_misp_object("asn", key, comment, tuple(rows))
        rows = [
            ("stix2-pattern", "stix2-pattern", stix_pattern(indicator)),
            ("version", "text", "stix 2.1"),
            ("comment", "comment", comment),
        ]
        return self._build_misp_object("stix2-pattern", key, comment, tuple(rows))

    def _build_misp_object(
        self, name: str, key: str, comment: str, rows: tuple[tuple[str, str, str], ...]
    ) -> dict[str, Any]:
        template, version, category = _TEMPLATES[name]
        uid = self._share.ids.uuid("misp object", self._campaign.uid, name, key)
        attributes = [
            {
                **self._build_misp_attribute(relation, kind, value, ""),
                "uuid": self._share.ids.uuid("misp object attribute", uid, relation),
                "object_relation": relation,
            }
            for relation, kind, value in rows
        ]
        made = {
            "uuid": uid,
            "name": name,
            "meta-category": category,
            "template_uuid": template,
            "template_version": version,
            "comment": comment,
            "distribution": _INHERIT,
            "timestamp": self._at,
            "Attribute": attributes,
        }
        return {**made, "deleted": True} if self._share.withdrawn else made
