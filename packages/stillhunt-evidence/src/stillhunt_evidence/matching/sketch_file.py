"""The file of sketches that one provider gives another of its circle: features under keyed hashes, and no ids or text.

Who has the circle's key can try phrases and words of his own against the hashes; docs/howto/match.md says what that
tells him. Who lacks it learns how many campaigns and features there are, and how often each is used.
"""

import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec

from stillhunt import PackError
from stillhunt.logs import SKETCH_VERSION
from stillhunt.tools import UNSAFE
from stillhunt_evidence.keys.folder import HASH_DIGITS, keyed_hash
from stillhunt_evidence.matching.comparing import FeatureSet, FeatureWeight, PairScore, compare_campaigns
from stillhunt_evidence.matching.features import (
    FEATURE_KINDS,
    MOST_FEATURES,
    MOST_HALF_BITS,
    CampaignFeatures,
    SketchOrigin,
)

SKETCHES_FORMAT, SKETCHES_FORMAT_VERSION = "stillhunt campaign sketches", 1
MOST_CAMPAIGNS = 1_000
MOST_SKETCH_BYTES = 32 << 20
_KEY_CHECK = "key check"

Digits = Annotated[str, msgspec.Meta(pattern=rf"\A[0-9a-f]{{{HASH_DIGITS}}}\Z")]
HalfBits = Annotated[int, msgspec.Meta(ge=0, le=MOST_HALF_BITS)]


class SketchedFeatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Features of one kind, by ascending hash."""

    hashes: Annotated[list[Digits], msgspec.Meta(max_length=MOST_FEATURES)]
    # -2 log2 of the share of the campaign's requests with it
    share: Annotated[list[HalfBits], msgspec.Meta(max_length=MOST_FEATURES)]
    # how much more frequent it is than in other customers' traffic, in half bits
    bits: Annotated[list[HalfBits], msgspec.Meta(max_length=MOST_FEATURES)]


class CampaignSketch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One campaign."""

    name: Digits
    phrase: SketchedFeatures
    word: SketchedFeatures


class SketchFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sketches of one provider's campaigns."""

    format: Annotated[str, msgspec.Meta(max_length=64)]
    version: int
    circle: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9][a-z0-9-]{0,62}\Z")]
    key_check: Digits  # a hash under that key of the circle's name, so that a wrong key shows
    sketch_version: int
    seed: int  # by which the middle of long prompts was chosen
    campaigns: Annotated[list[CampaignSketch], msgspec.Meta(max_length=MOST_CAMPAIGNS)]


def sketch_file(
    campaigns: Sequence[CampaignFeatures], circle: str, circle_key: bytes, own_key: bytes, sketches: SketchOrigin
) -> bytes:
    """The content of a file of sketches.

    `own_key`: of the provider's own pseudonyms, under which campaigns have their names. Raises PackError: there are too
    many campaigns for one file.
    """
    if len(campaigns) > MOST_CAMPAIGNS:
        raise PackError(
            f"the case has {len(campaigns)} campaigns, and a file holds {MOST_CAMPAIGNS}",
            next_step="name the campaigns that are to be shared",
        )
    made = [
        CampaignSketch(
            opaque_name(own_key, one.campaign_id), *(_sketch_features(circle_key, kind, one) for kind in FEATURE_KINDS)
        )
        for one in campaigns
    ]
    made.sort(key=lambda one: one.name)
    check = _key_check(circle_key, circle)
    found = SketchFile(SKETCHES_FORMAT, SKETCHES_FORMAT_VERSION, circle, check, *sketches, made)
    return msgspec.json.encode(found, order="sorted") + b"\n"


def opaque_name(own: bytes, campaign_id: str) -> str:
    """The name under which a campaign goes out."""
    return keyed_hash(own, "shared campaign", campaign_id)


def hashed_feature(key: bytes, kind: str, value: int) -> str:
    """The hash under which a feature is in a file; no other export of the circle has the same."""
    return keyed_hash(key, f"matched {kind}", str(value))


def _key_check(key: bytes, circle: str) -> str:
    return keyed_hash(key, _KEY_CHECK, circle)


def _sketch_features(key: bytes, kind: str, campaign: CampaignFeatures) -> SketchedFeatures:
    rows = sorted((hashed_feature(key, kind, one.value), one.share, one.bits) for one in campaign.kinds[kind])
    return SketchedFeatures([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def sketches_from_json(content: bytes, circle: str, key: bytes, *, where: str) -> SketchFile:
    """Sketches from the content of a file, which is not trusted.

    Raises PackError: it is damaged, too large, of another version, circle or key, or holds what no sketch may hold.
    """
    if len(content) > MOST_SKETCH_BYTES:
        raise _build_sketch_file_error(f"it has more than {MOST_SKETCH_BYTES >> 20} MiB", where)
    try:
        found = msgspec.json.decode(content, type=SketchFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _build_sketch_file_error(UNSAFE.sub("?", str(error))[:300], where) from error
    if found.format != SKETCHES_FORMAT or found.version != SKETCHES_FORMAT_VERSION:
        raise _build_sketch_file_error("it is no file of sketches, or was made by another version of stillhunt", where)
    if found.sketch_version != SKETCH_VERSION:
        raise _build_sketch_file_error("its hashes were made by another version of stillhunt", where)
    if found.circle != circle:
        raise _build_sketch_file_error(f"it is for the circle {found.circle}", where, "name that circle")
    if not hmac.compare_digest(found.key_check, _key_check(key, circle)):
        raise _build_sketch_file_error(
            "it was made under another key of this circle", where, "compare the keys of the circle on both sides"
        )
    _check_campaigns(found, where)
    return found


def check_comparable(mine: SketchFile, theirs: SketchFile, where: str) -> None:
    """Refuse sketches of which the middle of long prompts was chosen by different seeds.

    Raises PackError: the seeds differ.
    """
    if mine.seed != theirs.seed:
        raise _build_sketch_file_error(
            f"it was made under seed {theirs.seed}, and yours under seed {mine.seed}",
            where,
            "hunt under the same seed on both sides",
        )


def feature_sets(campaign: CampaignSketch) -> Mapping[str, FeatureSet]:
    """The features of a campaign in the form in which they are compared."""
    kinds = {"phrase": campaign.phrase, "word": campaign.word}
    return {
        kind: {
            key: FeatureWeight(share, bits) for key, share, bits in zip(one.hashes, one.share, one.bits, strict=True)
        }
        for kind, one in kinds.items()
    }


def _check_campaigns(found: SketchFile, where: str) -> None:
    names = [one.name for one in found.campaigns]
    if len(set(names)) < len(names):
        raise _build_sketch_file_error("two campaigns have one name", where)
    for campaign in found.campaigns:
        for one in (campaign.phrase, campaign.word):
            if not len(one.hashes) == len(one.share) == len(one.bits):
                raise _build_sketch_file_error("each feature needs one share and one number of bits", where)
            if any(a >= b for a, b in zip(one.hashes, one.hashes[1:], strict=False)):
                raise _build_sketch_file_error("hashes must ascend", where)


def _build_sketch_file_error(what: str, where: str, next_step: str = "ask who made it for a new one") -> PackError:
    return PackError(f"the file of sketches cannot be used: {what}", where=where, next_step=next_step)


class ScoredPair(NamedTuple):
    """One campaign of each side, by the names in the files, and how alike they are."""

    mine: str
    theirs: str
    score: PairScore


def match_files(mine: SketchFile, theirs: SketchFile) -> list[ScoredPair]:
    """Score every campaign of one file against every campaign of another, the most alike first.

    A provider who sends phrases that it has from elsewhere gets a match by them, so a match is a reason to talk, and no
    proof.
    """
    ours = [(one.name, feature_sets(one)) for one in mine.campaigns]
    others = [(one.name, feature_sets(one)) for one in theirs.campaigns]
    found = [ScoredPair(a, b, compare_campaigns(x, y)) for a, x in ours for b, y in others]
    return sorted(found, key=lambda pair: (-pair.score.bits, pair.mine, pair.theirs))
