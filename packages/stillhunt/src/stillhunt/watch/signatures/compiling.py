"""From a hunt's findings and its sketches to signatures, with the rate of false matches on traffic set aside for it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import betaincinv

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.units import DAY
from stillhunt.extract import SKETCH_VERSION
from stillhunt.link.requests.arrays import Flags, Hashes, Ints, values
from stillhunt.watch.signatures import passes
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS, LEAST_HONEST_ACCOUNTS, MATCHING
from stillhunt.watch.signatures.queues import queue_profiles
from stillhunt.watch.signatures.returns import SignedCampaign, campaigns_to_sign, harvested_requests
from stillhunt.watch.signatures.signature import (
    MICRO,
    NO_REQUEST,
    SENDER_FEATURES,
    SIGNATURES_VERSION,
    FalseMatches,
    Signature,
    SignatureSet,
    Unsigned,
    fill_sentence,
)
from stillhunt.watch.signatures.weighing import style_hashes
from stillhunt.watch.signatures.weights import (
    Counts,
    Material,
    all_sender_weights,
    campaign_phrases,
    material_of,
    mean_bits,
    phrase_weights,
    rate_sentences,
    reasons_of,
    style_weights,
    topic_weights,
)

# Harvested requests that a campaign needs for a signature (a phrase in half a percent of fewer requests was seen once)
_LEAST_HARVESTED = 50
# Share of the mean bits of a harvested request that such a request needs, too (who quotes one sentence of a template
# shows a part of it)
_ALONE_SHARE = 0.8
# Accounts of no group that may reach the threshold, as a share of the campaign's members. They are taken for members
# that the hunt missed, and are no part of the honest traffic; of more, none is set aside
_MOST_SET_ASIDE = 0.1


_UNKNOWN = FalseMatches(0, 0, 0, 0, 0, 0, 0.0, 1e6)
_SURE = 0.95


def compile_signatures(sketches: Dataset, tables: Mapping[str, pa.Table], config: Config, made_at: int) -> SignatureSet:
    """Compile one signature for each harvesting campaign to act on.

    There are three passes over the requests: the campaigns' own are fetched, their phrases are counted in one half of
    the honest accounts, and the signatures are tried on both halves. The first half sets weights and thresholds, and
    the rates are stated on the second.

    Args:
        config: settings; `seed` and `watch.signature_days` are used.
    """
    campaigns = campaigns_to_sign(tables)
    if not campaigns:
        return _as_set([], [], config)
    found = harvested_requests(sketches, tables, campaigns)
    materials = [material_of(found.filter(pc.equal(found["campaign"], at))) for at in range(len(campaigns))]
    phrases = [campaign_phrases(one) for one in materials]
    candidates = pa.array(sorted(set(tables["members"]["account_id"].to_pylist())), pa.string())
    known = np.unique(np.concatenate(phrases))
    styles = {name: np.unique(hashes) for name, hashes in style_hashes(found).items()}
    shown = {name: [one.senders[name].hashes for one in materials] for name in SENDER_FEATURES}
    senders = {name: np.unique(np.concatenate(hashes)) for name, hashes in shown.items()}
    honest = passes.HonestSide(candidates, config.seed, known, styles, senders)
    counts = Counts(sketches.gather(passes.count_honest, passes.HONEST_COUNTS, honest, passes.COUNTED_COLUMNS))
    drafts: dict[str, Signature] = {}
    without: dict[str, Unsigned] = {}
    for campaign, material, own in zip(campaigns, materials, phrases, strict=True):
        expires_at = campaign.last_seen + int(config.watch.signature_days * DAY)
        draft = _draft_signature(campaign, material, own, counts, made_at, expires_at)
        if isinstance(draft, Unsigned):
            without[campaign.name] = draft
        else:
            drafts[campaign.name] = draft
    signed = [campaign for campaign in campaigns if campaign.name in drafts]
    scores = _try_drafts(sketches, honest, signed, list(drafts.values()))
    signatures = []
    for number, campaign in enumerate(signed):
        own_scores = scores.filter(pc.equal(scores["signature"], number))
        settled = _settle_signature(drafts[campaign.name], campaign, own_scores, counts)
        if isinstance(settled, Unsigned):
            without[campaign.name] = settled
        else:
            signatures.append(settled)
    made = _as_set(signatures, [without[one.name] for one in campaigns if one.name in without], config)
    profiles = queue_profiles(sketches, found, campaigns, (honest, counts), config)
    return msgspec.structs.replace(made, queues=profiles)


def _as_set(signatures: list[Signature], without: list[Unsigned], config: Config) -> SignatureSet:
    return SignatureSet(SIGNATURES_VERSION, SKETCH_VERSION, config.seed, signatures, without)


def _draft_signature(
    campaign: SignedCampaign, material: Material, phrases: Hashes, counts: Counts, made_at: int, expires_at: int
) -> Signature | Unsigned:
    """A signature without threshold and rate, or why there is none."""
    if material.requests < _LEAST_HARVESTED:
        return _explain_unsigned(campaign, "few_requests", own=material.requests, least=_LEAST_HARVESTED)
    if not counts.enough():
        honest = min(counts.total(half)[1] for half in (passes.CHOOSING, passes.STATING))
        return _explain_unsigned(campaign, "few_honest", honest=honest, least=LEAST_HONEST_ACCOUNTS)
    known, bits = phrase_weights(material, phrases, counts)
    if not len(known):
        return _explain_unsigned(campaign, "no_template", withdraws=len(phrases) > 0)
    style = style_weights(material, counts)
    return Signature(
        campaign_id=campaign.name,
        made_at=made_at,
        expires_at=expires_at,
        last_seen=campaign.last_seen,
        phrases=known.tolist(),
        phrase_bits=bits.tolist(),
        style=style,
        topics=topic_weights(material, counts),
        account_bits=MATCHING.account_bits,
        harvest_bits=mean_bits(material, known, bits),
        false_matches=_UNKNOWN,
        reasons=reasons_of(material, bits, known, style, counts),
        senders=all_sender_weights(material, counts),
    )


def _explain_unsigned(campaign: SignedCampaign, why: str, *, withdraws: bool = False, **figures: float) -> Unsigned:
    return Unsigned(campaign.name, fill_sentence(why, **figures), withdraws)


def _try_drafts(
    sketches: Dataset, honest: passes.HonestSide, campaigns: Sequence[SignedCampaign], drafts: list[Signature]
) -> pa.Table:
    if not drafts:
        return passes.SCORES.empty_table()
    members = pa.array(sorted({name for campaign in campaigns for name in campaign.members}), pa.string())
    trial = passes.SignatureTrial(honest, members, tuple(drafts))
    return sketches.gather(passes.try_signatures, passes.SCORES, trial, MATCHED_COLUMNS)


def _settle_signature(
    draft: Signature, campaign: SignedCampaign, scores: pa.Table, counts: Counts
) -> Signature | Unsigned:
    """The signature with its threshold and rate, or why there is none."""
    group, bits, matched, most = (values(scores, name) for name in ("group", "bits", "matched", "most"))
    alike = (group != passes.MEMBER) & (bits >= round(MATCHING.account_bits * MICRO))
    if alike.sum() > max(1.0, _MOST_SET_ASIDE * len(campaign.members)):
        alike[:] = False  # many who are no members use its wording
    highest = int(bits[(group == passes.CHOOSING) & ~alike].max(initial=0)) / MICRO
    own = pc.is_in(scores["account_id"], value_set=pa.array(campaign.members, pa.string())).to_numpy()
    usual = float(np.median(bits[own])) / MICRO if own.any() else 0.0
    bar = max(MATCHING.account_bits, MATCHING.member_share * usual, MATCHING.honest_margin * highest)
    linked = bits >= round(bar * MICRO)
    caught = int((linked & own).sum())
    if caught < MATCHING.least_caught * len(campaign.members):
        withdraws, few = highest >= MATCHING.account_bits, {"caught": caught, "all": len(campaign.members)}
        return _explain_unsigned(campaign, "few_caught", withdraws=withdraws, **few, bar=bar, highest=highest)
    rate = _measure_false_matches(matched, linked & (group == passes.STATING) & ~alike, alike, counts)
    if rate.per_million > MATCHING.allowed_per_million:
        figures = {"linked": rate.linked, "matched": rate.matched, "requests": rate.requests}
        return _explain_unsigned(campaign, "links_honest", withdraws=True, **figures)
    figures = {"caught": caught, "all": len(campaign.members), "honest": counts.total(passes.CHOOSING)[1]}
    links = fill_sentence("links", **figures, usual=usual, first=FIRST_REQUESTS, bar=bar, highest=highest)
    choosing, stating = (group == passes.CHOOSING) & ~alike, (group == passes.STATING) & ~alike
    alone, sentences = _compute_request_threshold(most, own, choosing, stating, draft.harvest_bits)
    reasons = [*draft.reasons, links, *sentences, *rate_sentences(rate)]
    settled = {"account_bits": round(bar, 3), "request_bits": alone, "false_matches": rate, "reasons": reasons}
    return msgspec.structs.replace(draft, **settled)


def _compute_request_threshold(
    most: Ints, own: Flags, choosing: Flags, stating: Flags, harvest_bits: float
) -> tuple[float, list[str]]:
    """Bits by which one request tells the campaign, and a sentence on it; NO_REQUEST where an honest one has as many.

    Only phrases count: a gateway does not know all of a request's style.
    """
    highest = int(most[choosing].max(initial=0)) / MICRO
    usual = _ALONE_SHARE * harvest_bits
    bar = round(max(MATCHING.least_alone_bits, usual, MATCHING.honest_margin * highest), 3)
    reached = most >= round(bar * MICRO)
    if (reached & stating).any() or not (reached & own).any():
        return NO_REQUEST, []
    caught = int((reached & own).sum())
    return bar, [fill_sentence("alone", bar=bar, caught=caught, all=int(own.sum()), highest=highest)]


def _measure_false_matches(matched: Ints, linked: Flags, alike: Flags, counts: Counts) -> FalseMatches:
    requests, accounts = counts.total(passes.STATING)
    false = int(matched[linked].sum())
    bound = 1.0 if false >= requests else float(betaincinv(false + 1, requests - false, _SURE))
    return FalseMatches(
        requests=requests,
        matched=false,
        accounts=accounts,
        linked=int(linked.sum()),
        set_aside=int(alike.sum()),
        set_aside_matched=int(matched[alike].sum()),
        per_million=round(1e6 * false / requests, 3),
        at_most_per_million=round(1e6 * bound, 3),
    )
