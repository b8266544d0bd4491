"""What there is to compare of a campaign: its phrases and words, and how often they are used in it and elsewhere."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from stillhunt import CaseError
from stillhunt.case import Case
from stillhunt.logs import SKETCH_VERSION

FEATURE_KINDS = ("phrase", "word")
MOST_FEATURES = 256
"""Features of one kind that a campaign has: those of most weight, as in phrases.parquet."""
MOST_HALF_BITS = 63


class SketchOrigin(NamedTuple):
    """Version of sketches, and the seed by which the middle of long prompts was chosen."""

    version: int
    seed: int


class CampaignFeature(NamedTuple):
    """One phrase or word of a campaign."""

    value: int  # its hash, or the bucket of the word
    share: int  # how rarely the campaign uses it: -2 log2 of the share of its requests, 0 = all of them
    bits: int  # how much more frequent it is than in other customers' traffic, in half bits


@dataclass(frozen=True)
class CampaignFeatures:
    """What is compared of one campaign."""

    campaign_id: str
    kinds: dict[str, tuple[CampaignFeature, ...]]


def campaign_features(case: Case, wanted: Sequence[str] = ()) -> list[CampaignFeatures]:
    """Features of the campaigns of a case, in the order of its campaigns.

    `wanted`: ids of campaigns; all with the verdict act or review when empty. Raises CaseError: there is no such
    campaign, or the case was made by another version of the sketches.
    """
    names: list[str] = case.campaigns["campaign_id"].to_pylist()
    missing = [one for one in wanted if one not in names]
    if missing:
        raise CaseError(
            "the case has no campaign of this id with the verdict act or review",
            where=missing[0][:64],
            next_step="take an id from the table campaigns of the case",
        )
    made_by = sketches_of_case(case).version
    if made_by != SKETCH_VERSION:
        raise CaseError(
            "the case was made by another version of stillhunt, whose hashes differ",
            where="run.json",
            next_step="hunt again with this version",
        )
    chosen = [name for name in names if not wanted or name in wanted]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for row in case.phrases.to_pylist():
        if row["campaign_id"] in rows:
            rows[row["campaign_id"]].append(row)
    return [_features_of(name, rows[name]) for name in chosen]


def sketches_of_case(case: Case) -> SketchOrigin:
    """Of the sketches on which a case rests."""
    return SketchOrigin(int(case.run.get("sketch_version", SKETCH_VERSION)), int(case.run.get("seed", 0)))


def _features_of(name: str, rows: Sequence[dict[str, Any]]) -> CampaignFeatures:
    kinds = {
        kind: tuple(sorted(_build_campaign_feature(row) for row in rows if row["kind"] == kind)[:MOST_FEATURES])
        for kind in FEATURE_KINDS
    }
    return CampaignFeatures(name, kinds)


def _build_campaign_feature(row: dict[str, Any]) -> CampaignFeature:
    share = row["requests"] / max(row["looked_at"], 1)
    bits = _compute_excess_bits(share, row["other_requests"], row["compared_requests"])
    if row["kind"] == "phrase":
        members = row["accounts"] / max(row["members_looked_at"], 1)
        bits = min(bits, _compute_excess_bits(members, row["others"], row["compared"]))
    return CampaignFeature(
        row["phrase"], _clamp_half_bits(-2.0 * math.log2(max(share, 1e-12))), _clamp_half_bits(2.0 * bits)
    )


def _compute_excess_bits(share: float, others: int, compared: int) -> float:
    """How much more frequent than elsewhere, log2; half a count is added to what was seen there."""
    return math.log2(max(share, 1e-12) * (compared + 1.0) / (others + 0.5))


def _clamp_half_bits(half_bits: float) -> int:
    return min(max(round(half_bits), 0), MOST_HALF_BITS)
