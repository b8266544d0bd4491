"""Campaigns with chosen features, and cases and key folders around them, for the tests of matching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stillhunt.base.schema_case import CAMPAIGNS, CASE_TABLES, CASE_VERSION, PHRASE_HASHES
from stillhunt.extract import SKETCH_VERSION
from stillhunt.triage import Case
from stillhunt_evidence.matching.comparing import FeatureSet, FeatureWeight
from stillhunt_evidence.matching.features import CampaignFeature, CampaignFeatures, SketchOrigin

CIRCLE, KEY, OWN = "group", bytes(range(32)), bytes(range(1, 33))
SKETCHES_MADE = SketchOrigin(SKETCH_VERSION, 0)


def features_of(name: str, phrases: range, words: range = range(0), share: int = 2, bits: int = 16) -> CampaignFeatures:
    """A campaign with these phrases and words, all of one weight."""
    kinds = {"phrase": phrases, "word": words}
    return CampaignFeatures(
        name, {kind: tuple(CampaignFeature(value, share, bits) for value in own) for kind, own in kinds.items()}
    )


def sets_of(phrases: range, words: range = range(0), share: int = 2, bits: int = 16) -> dict[str, FeatureSet]:
    """The same in the form in which campaigns are compared."""
    return {
        kind: {str(value): FeatureWeight(share, bits) for value in own}
        for kind, own in (("phrase", phrases), ("word", words))
    }


def case_of(campaigns: dict[str, tuple[range, range]], verdict: str = "act", **run: Any) -> Case:
    """A case whose campaigns have these phrases and words."""
    size = len(campaigns)
    rows = [
        {"campaign_id": name, "kind": kind, "phrase": value}
        for name, own in sorted(campaigns.items())
        for kind, values in zip(("phrase", "word"), own, strict=True)
        for value in values
    ]
    same = {"requests": 50, "accounts": 30, "looked_at": 100, "members_looked_at": 30, "others": 1, "compared": 500}
    same |= {"other_requests": 2, "compared_requests": 5_000}
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    empty: dict[str, Any] = {name: [[]] * size for name in ("skills", "models", "families")}
    tables["campaigns"] = CAMPAIGNS.build(
        campaign_id=list(campaigns), kind=["harvest"] * size, score=[0.99] * size, verdict=[verdict] * size,
        accounts=[30] * size, requests=[100] * size, first_seen=[0] * size, last_seen=[9] * size,
        output_tokens=[0] * size, list_value=[0.0] * size, estimated_requests=[100] * size, **empty,
    )  # fmt: skip
    phrases = PHRASE_HASHES.build(
        **{name: [row.get(name, same.get(name)) for row in rows] for name in PHRASE_HASHES.names}
    )
    return Case(
        tables, run={"case_version": CASE_VERSION, "sketch_version": SKETCH_VERSION, "seed": 0, **run}, phrases=phrases
    )


def write_circle(folder: Path, key: bytes = KEY, circle: str = CIRCLE) -> None:
    """The key of a circle in a folder of keys."""
    path = folder / "circles" / f"{circle}.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(key.hex() + "\n")
    path.chmod(0o600)
