"""Private set intersection: one side learns which of its features the other side's campaigns have, and no others.

The protocol is Diffie-Hellman private set intersection on the curve P-256 (Meadows 1986; Huberman, Franklin and Hogg
1999), by the library openmined-psi. Each side encrypts its features under a key of its own, and encryption commutes.
Both sides are taken to follow the protocol; who asks for features that it does not have learns of those, so the number
of features in a request is bounded.
"""

import importlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from stillhunt import ConfigError, PackError
from stillhunt_evidence.matching.comparing import Coverage, FeatureWeight, PairScore, covered_share, judge_coverage
from stillhunt_evidence.matching.features import FEATURE_KINDS, CampaignFeatures, SketchOrigin
from stillhunt_evidence.matching.intersection_files import (
    INTERSECTION_VERSION,
    MOST_ANSWERED,
    AnsweredCampaign,
    AnsweredSet,
    AskedCampaign,
    Header,
    MatchRequest,
    MatchResponse,
    MatchSecret,
    points_of,
    unusable_message,
)
from stillhunt_evidence.matching.parameters import MOST_ASKED_FEATURES

PSI_EXTRA = "stillhunt-evidence[psi]"
_UNUSED_RATE = 1e-9
"""Rate of false positives of a filter; encrypted features are sent whole, so none is used."""


class AskedPair(NamedTuple):
    """One campaign of the asking side, the number of one of the answering side, and how alike they are."""

    mine: str
    theirs: int
    score: PairScore


def ask(
    campaigns: Sequence[CampaignFeatures], sketches: SketchOrigin, *, counts_only: bool = False
) -> tuple[MatchRequest, MatchSecret]:
    """Make a request, and what is kept secret until the response is there.

    Args:
        counts_only: learn only how many features both have; for one campaign.

    Returns:
        The request, to be sent, and the secret, to be kept.

    Raises:
        ConfigError: the library is not installed.
        PackError: they have more features than one request may ask for, or none.
    """
    psi = _import_psi_library()
    if counts_only and len(campaigns) != 1:
        raise PackError("only counts can be asked for one campaign at a time", next_step="name one campaign")
    header = Header(INTERSECTION_VERSION, *sketches, secrets.token_hex(16), counts_only)
    client = psi.client.CreateWithNewKey(not counts_only)
    values = {kind: _shuffle_items({one.value for c in campaigns for one in c.kinds[kind]}) for kind in FEATURE_KINDS}
    if not any(values.values()):
        raise PackError("nothing is known of these campaigns by which they could be found", next_step="name others")
    if max(len(one) for one in values.values()) > MOST_ASKED_FEATURES:
        raise PackError(
            f"these campaigns have more than {MOST_ASKED_FEATURES:,} features of one kind",
            next_step="make several requests, each for some of the campaigns",
        )
    encrypted = {kind: _encrypt_feature_values(client, kind, own) for kind, own in values.items()}
    asked = [
        AskedCampaign(
            one.campaign_id, *([(f.value, f.share, f.bits) for f in one.kinds[kind]] for kind in FEATURE_KINDS)
        )
        for one in campaigns
    ]
    secret = MatchSecret(header, client.GetPrivateKeyBytes(), values["phrase"], values["word"], asked)
    return MatchRequest(header, encrypted["phrase"], encrypted["word"]), secret


def answer(
    request: MatchRequest, campaigns: Sequence[CampaignFeatures], sketches: SketchOrigin, where: str
) -> MatchResponse:
    """Answer a request; each campaign is encrypted under a key of its own, which is forgotten.

    Raises ConfigError: the library is not installed. Raises PackError: the request holds what is no encrypted feature,
    its sketches differ, or there are too many campaigns.
    """
    psi = _import_psi_library()
    if len(campaigns) > MOST_ANSWERED:
        raise PackError(f"an answer holds at most {MOST_ANSWERED:,} campaigns", next_step="name some of them")
    if (request.header.sketch_version, request.header.seed) != sketches:
        raise unusable_message(
            f"it was made under seed {request.header.seed}, and your case under seed {sketches.seed}",
            where,
            "hunt under the same seed on both sides",
        )
    asked = {kind: points_of(getattr(request, kind), where) for kind in FEATURE_KINDS}
    reveal = not request.header.counts_only
    answered = []
    for campaign in _shuffle_items(campaigns):
        parts = [_answer_feature_set(psi, kind, asked[kind], campaign, reveal, where) for kind in FEATURE_KINDS]
        answered.append(AnsweredCampaign(*parts))
    return MatchResponse(request.header, answered)


def learn(secret: MatchSecret, response: MatchResponse, where: str) -> list[AskedPair]:
    """What the response says, for each campaign of the asking side and each of the answering side.

    Returns:
        One entry for each pair, the most alike first. The other side's weights are not known, so coverage is that of
        the own features; where only counts were asked for, each feature weighs the same.

    Raises:
        ConfigError: the library is not installed.
        PackError: the response belongs to another request, or is damaged.
    """
    psi = _import_psi_library()
    if response.header != secret.header:
        raise unusable_message("it answers another request", where, "take the secret of that request")
    counts_only = secret.header.counts_only
    client = _run_library_call(lambda: psi.client.CreateFromKey(secret.key, not counts_only), where)
    found = []
    for number, theirs in enumerate(response.campaigns, 1):
        sets = {kind: getattr(theirs, kind) for kind in FEATURE_KINDS}
        sizes = {kind: len(points_of(one.own, where)) for kind, one in sets.items()}
        places = {kind: _find_common_places(psi, client, one, secret, kind, where) for kind, one in sets.items()}
        if counts_only:
            counts = {kind: len(common) for kind, common in places.items()}
            found += [_build_counted_pair(one, number, counts, sizes) for one in secret.campaigns]
        else:
            values = {kind: {getattr(secret, kind)[place] for place in common} for kind, common in places.items()}
            found += [_build_revealed_pair(one, number, values, sizes) for one in secret.campaigns]
    return sorted(found, key=lambda pair: (-pair.score.bits, pair.mine, pair.theirs))


def _import_psi_library() -> Any:
    try:
        return importlib.import_module("private_set_intersection.python")
    except ImportError as error:
        raise ConfigError(
            "private set intersection needs an extra",
            where="openmined-psi",
            next_step=f"pip install '{PSI_EXTRA}', or exchange files of sketches",
        ) from error


def _shuffle_items(items: Any) -> list[Any]:
    """In random order: the order of hashes would tell something of them."""
    mixed = sorted(items) if isinstance(items, set) else list(items)
    secrets.SystemRandom().shuffle(mixed)
    return mixed


def _label_feature_values(kind: str, values: Sequence[int]) -> list[str]:
    return [f"{kind}:{value}" for value in values]


def _encrypt_feature_values(client: Any, kind: str, values: Sequence[int]) -> bytes:
    return b"".join(client.CreateRequest(_label_feature_values(kind, values)).encrypted_elements) if values else b""


def _run_library_call(work: Callable[[], Any], where: str) -> Any:
    """Run the library on what came from outside; what it refuses is refused."""
    try:
        return work()
    except (RuntimeError, ValueError, TypeError) as error:
        raise unusable_message("an encrypted feature is no point of the curve", where) from error


def _answer_feature_set(
    psi: Any, kind: str, asked: list[bytes], campaign: CampaignFeatures, reveal: bool, where: str
) -> AnsweredSet:
    values = [one.value for one in campaign.kinds[kind]]
    server = psi.server.CreateWithNewKey(reveal)
    own: list[bytes] = []
    if values:
        setup = server.CreateSetupMessage(
            _UNUSED_RATE, max(len(asked), 1), _label_feature_values(kind, values), psi.DataStructure.RAW
        )
        own = sorted(setup.raw.encrypted_elements)
    back: list[bytes] = []
    if asked:
        request = psi.Request(reveal_intersection=reveal, encrypted_elements=asked)
        back = list(_run_library_call(lambda: server.ProcessRequest(request), where).encrypted_elements)
    return AnsweredSet(b"".join(own), b"".join(back))


def _find_common_places(
    psi: Any, client: Any, answered: AnsweredSet, secret: MatchSecret, kind: str, where: str
) -> list[int]:
    """Places of the common features among those that were sent; of counts, only how many there are is right."""
    own, asked = points_of(answered.own, where), points_of(answered.asked, where)
    sent = len(getattr(secret, kind))
    if len(asked) != sent:
        raise unusable_message("it does not answer what was asked", where)
    if not own or not asked:
        return []
    setup, response = psi.ServerSetup(), psi.Response(encrypted_elements=asked)
    setup.raw.encrypted_elements.extend(sorted(own))
    if secret.header.counts_only:
        size = int(_run_library_call(lambda: client.GetIntersectionSize(setup, response), where))
        return list(range(min(size, sent)))
    places = _run_library_call(lambda: client.GetIntersection(setup, response), where)
    return [int(one) for one in places if 0 <= int(one) < sent]


def _build_revealed_pair(
    campaign: AskedCampaign, number: int, common: Mapping[str, set[int]], sizes: Mapping[str, int]
) -> AskedPair:
    found = {}
    for kind in FEATURE_KINDS:
        features = {str(value): FeatureWeight(share, bits) for value, share, bits in getattr(campaign, kind)}
        shared = {key: one.bits for key, one in features.items() if int(key) in common[kind]}
        found[kind] = Coverage(len(features), sizes[kind], len(shared), covered_share(features, shared), None)
    return AskedPair(campaign.campaign_id, number, judge_coverage(found))


def _build_counted_pair(
    campaign: AskedCampaign, number: int, counts: Mapping[str, int], sizes: Mapping[str, int]
) -> AskedPair:
    found = {}
    for kind in FEATURE_KINDS:
        mine = len(getattr(campaign, kind))
        found[kind] = Coverage(mine, sizes[kind], counts[kind], counts[kind] / max(mine, 1), None)
    return AskedPair(campaign.campaign_id, number, judge_coverage(found))
