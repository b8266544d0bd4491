"""Campaigns that are connected with one, and those that merely resemble it; the two are never mixed up.

Connected are campaigns that share member accounts, or that the hunt set together in operators.parquet. Only a set with
the relation one operator says that one operator runs them. All else is likeness: it says where to look, and a popular
template, client or network makes campaigns of different people alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.base.schema_case import RELATIONS
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.model import ID_CHARS
from stillhunt.triage.sentences import RELATION_LABELS
from stillhunt_server.case_views.campaign_profiles import CampaignProfile, CampaignProfiles

SIMILAR = "similar"
SHARED_ACCOUNTS = "shared_accounts"
_ORDER = (RELATIONS[0], RELATIONS[1], SHARED_ACCOUNTS, RELATIONS[2], SIMILAR)
CONNECTION_LABELS = {**RELATION_LABELS, SHARED_ACCOUNTS: "shared accounts", SIMILAR: "similar, not tied"}
"""Relation -> its label."""
_SAID = sentences_beside(__file__)["similar"]

_WEIGHTS = {
    "template": 0.35,
    "network": 0.15,
    "client": 0.1,
    "skill": 0.1,
    "sign_up": 0.1,
    "country": 0.05,
    "model": 0.05,
    "time": 0.05,
    "size": 0.05,
}
"""Weight of each aspect in the order of similar campaigns, in all 1. Judgement: the wording says most, volume least."""
_LEAST_SIMILARITY = 0.15
"""Less is not shown. Judgement: same period, size, countries and models together, which honest groups share, are less
once their rarity is counted."""
_LEAST_MEASURE = 0.1
"""An aspect with less in common, after rarity, is not mentioned. Judgement: a tenth is little enough to be chance."""
_VALUES_NAMED = 3
_VALUE_CHARS = 40
_PHRASE_CHARS = 100
_STATEMENT_CHARS = 400


@dataclass(frozen=True)
class SharedAspect:
    """One thing that two campaigns have in common."""

    aspect: str  # accounts, template, client, network, country, model, skill, sign_up, time or size
    measure: float  # how much of it they share, 0 to 1, before rarity
    weighed: float  # the same after rarity, times the weight of the aspect; 0 for accounts, which connect
    words: str


@dataclass(frozen=True)
class SimilarCampaign:
    """Another campaign or group, and what it has in common with the one looked at."""

    campaign_id: str
    name: str  # its id, safe to show
    verdict: str
    relation: str  # one_operator, one_pool, two_operators, shared_accounts or similar
    # bits of the tie for one operator, Jaccard index of the members for one pool and shared accounts, else the
    # similarity, 0 to 1; comparable only within one relation
    strength: float
    strength_words: str
    shared: tuple[SharedAspect, ...]
    sentences: tuple[str, ...]
    # the last of them, where it says what the likeness does not show; else empty. Rows of one relation have the same,
    # so that a page can say it once
    caution: str

    @property
    def label(self) -> str:
        """The relation in words."""
        return CONNECTION_LABELS[self.relation]

    @property
    def connected(self) -> bool:
        """True where accounts or operators.parquet connect them; False where they are merely alike."""
        return self.relation != SIMILAR


@dataclass(frozen=True)
class SimilarCampaigns:
    """What is shown beside one campaign."""

    # connected campaigns first, then similar ones, the strongest first; at most as many as asked for
    rows: tuple[SimilarCampaign, ...]
    connected: int
    similar: int
    compared: int

    @property
    def cautions(self) -> tuple[str, ...]:
        """What these likenesses do not show, each said once."""
        return tuple(dict.fromkeys(row.caution for row in self.rows if row.caution))

    @property
    def sentence(self) -> str:
        """How many there are, and of how many."""
        others = formatting.plural(self.compared, "other campaign or group", "other campaigns and groups")
        counts = [
            f"{formatting.count(number) if number else 'none'} {formatting.verb(max(number, 1), 'is', 'are')} {what}"
            for number, what in ((self.connected, "connected"), (self.similar, "similar"))
        ]
        return f"Of {others} in this case, {' and '.join(counts)}."


class _Tie(NamedTuple):
    """How the hunt set two campaigns together: the row that says it, and whether it names this very pair."""

    relation: str
    row: Mapping[str, Any]
    names_pair: bool


def similar_campaigns(profiles: CampaignProfiles, campaign_id: str, limit: int = 20) -> SimilarCampaigns:
    """The campaigns and groups that are connected with one, or similar to it.

    Similarity is the sum over aspects of weight times overlap, where what many campaigns of the case share counts less
    (inverse frequency), and what is not known counts nothing. It misleads in a case with few campaigns, in which
    nothing is known to be common, and for groups left alone, whose prompts, clients and networks are not in the case.

    Raises:
        CaseError: the case has no such campaign.
    """
    if campaign_id not in profiles.by_id:
        raise CaseError(
            f"no campaign has the id '{formatting.shorten(campaign_id, ID_CHARS)}'",
            where="campaigns.parquet",
            next_step="campaigns.parquet has all ids",
        )
    one, ties = profiles.by_id[campaign_id], _find_ties(profiles, campaign_id)
    found = []
    for name, other in profiles.by_id.items():
        if name != campaign_id:
            found += _compare_campaigns(profiles, one, other, ties.get(name))
    found.sort(key=lambda row: (_ORDER.index(row.relation), -row.strength, row.campaign_id))
    connected = sum(row.connected for row in found)
    return SimilarCampaigns(tuple(found[:limit]), connected, len(found) - connected, len(profiles.by_id) - 1)


def _find_ties(profiles: CampaignProfiles, campaign_id: str) -> dict[str, _Tie]:
    """Other campaign -> what ties it; the closest relation counts."""
    ties: dict[str, _Tie] = {}
    for operator in sorted(profiles.case.operators, key=lambda operator: -_ORDER.index(operator.relation)):
        by_id = {row["campaign_id"]: row for row in operator.rows}
        own = by_id.get(campaign_id)
        for other, row in by_id.items() if own is not None else ():
            if own is not None and own["tied_to"] == other:
                ties[other] = _Tie(operator.relation, own, True)
            else:
                ties[other] = _Tie(operator.relation, row, row["tied_to"] == campaign_id)
    return ties


def _compare_campaigns(
    profiles: CampaignProfiles,
    one: CampaignProfile,
    other: CampaignProfile,
    tie: _Tie | None,
) -> list[SimilarCampaign]:
    """The other campaign as it is shown; nothing where it is neither connected nor similar enough."""
    both = len(one.members & other.members)
    jaccard = both / max(len(one.members) + len(other.members) - both, 1)
    shared = [*_compare_accounts(one, other, both, jaccard), *_compare_templates(one, other)]
    shared += [*_compare_values(profiles, one, other), *_compare_period_and_size(one, other)]
    similarity = math.fsum(aspect.weighed for aspect in shared)
    if tie is None and not both and similarity < _LEAST_SIMILARITY:
        return []
    relation = tie.relation if tie else SHARED_ACCOUNTS if both else SIMILAR
    strength, words = similarity, f"similarity {formatting.number(similarity, 2)} of 1"
    if tie is not None and relation == RELATIONS[0]:
        strength, words = tie.row["bits"], f"{formatting.bits(tie[1]['bits'])} bits"
    elif relation in (RELATIONS[1], SHARED_ACCOUNTS):
        strength, words = jaccard, f"Jaccard index {formatting.number(jaccard, 2)}"
    mentioned = sorted(
        (
            part
            for part in shared
            if part.aspect == "accounts" or part.weighed >= _LEAST_MEASURE * _WEIGHTS[part.aspect]
        ),
        key=lambda part: (part.aspect != "accounts", part.aspect in ("time", "size"), -part.weighed, part.aspect),
    )
    row, caution = other.model.row, _say_caution(profiles, relation)
    return [
        SimilarCampaign(
            campaign_id=row["campaign_id"],
            name=other.model.name,
            verdict=other.model.verdict,
            relation=relation,
            strength=strength,
            strength_words=words,
            shared=tuple(mentioned),
            sentences=(*_say_tie(tie), *(part.words for part in mentioned), *caution),
            caution="".join(caution),
        )
    ]


def _say_tie(tie: _Tie | None) -> list[str]:
    """What operators.parquet says of a pair, in sentences."""
    if tie is None:
        return []
    relation, row, names_pair = tie
    set_id = formatting.shorten(row["operator_id"], 24)
    if not names_pair:
        closest = formatting.shorten(row["tied_to"], 24)
        label = RELATION_LABELS[relation]
        return [fill(_SAID["tied_through"], set_id=set_id, relation=label, closest=closest)]
    bits = row["kind_bits"]
    reasons = [
        formatting.sentence(
            formatting.shorten(text, _STATEMENT_CHARS)
            + (f" ({formatting.bits(bits[place])} bits)" if place < len(bits) else "")
        )
        for place, text in enumerate(row["statements"])
    ]
    return [fill(_SAID["tied"], set_id=set_id, relation=RELATION_LABELS[relation]), *reasons]


def _say_caution(profiles: CampaignProfiles, relation: str) -> list[str]:
    if relation == SIMILAR:
        return [_SAID["not_tied"]]
    if relation not in (RELATIONS[1], SHARED_ACCOUNTS):
        return []
    several, all_members = profiles.in_several
    return [fill(_SAID["accounts_shared"], several=several, members=all_members)]


def _compare_accounts(one: CampaignProfile, other: CampaignProfile, both: int, jaccard: float) -> list[SharedAspect]:
    if not both:
        return []
    words = fill(
        _SAID["accounts"],
        both=both,
        own=formatting.share_of(both, len(one.members)),
        other=formatting.share_of(both, len(other.members)),
        jaccard=formatting.number(jaccard, 2),
    )
    return [SharedAspect("accounts", jaccard, 0.0, words)]


def _compare_templates(one: CampaignProfile, other: CampaignProfile) -> list[SharedAspect]:
    both = one.runs.keys() & other.runs.keys()
    if not both:
        return []
    jaccard = len(both) / (len(one.runs) + len(other.runs) - len(both))
    words = fill(
        _SAID["template"],
        both=len(both),
        one=len(one.runs),
        other=len(other.runs),
        jaccard=formatting.number(jaccard, 2),
        example=formatting.shorten(one.runs[min(both)], _PHRASE_CHARS),
    )
    return [SharedAspect("template", jaccard, jaccard * _WEIGHTS["template"], words)]


def _compare_values(profiles: CampaignProfiles, one: CampaignProfile, other: CampaignProfile) -> list[SharedAspect]:
    """Clients, networks, countries, models, skills and weeks of sign-up that both have, with their overlap."""
    found = []
    for aspect, words in _SAID["values"].items():
        ours, theirs = one.values[aspect], other.values[aspect]
        both = {value: min(ours[value], theirs[value]) for value in ours.keys() & theirs.keys()}
        if not both:
            continue
        overlap = math.fsum(both.values())
        rare = math.fsum(share * profiles.rarity(aspect, value) for value, share in both.items())
        first = sorted(both, key=lambda value: (-both[value], value))
        named = formatting.join_some([formatting.shorten(value, _VALUE_CHARS) for value in first], _VALUES_NAMED)
        have, known = profiles.having[aspect][first[0]], profiles.known[aspect]
        having = formatting.part_of(have, known, "campaign or group", "campaigns and groups")
        common = fill(_SAID["common"], having=having, have=have, values=len(first))
        said = f"{fill(words, overlap=overlap, named=named)}; {common}"
        found.append(SharedAspect(aspect, overlap, rare * _WEIGHTS[aspect], said))
    return found


def _compare_period_and_size(one: CampaignProfile, other: CampaignProfile) -> list[SharedAspect]:
    """Period and size, which say least."""
    overlap = _overlap_of(one.period, other.period)
    sizes = sorted((len(one.members), len(other.members)))
    ratio = sizes[0] / sizes[1] if sizes[1] else 0.0
    time = fill(_SAID["time"], overlap=overlap)
    size = fill(_SAID["size"], one=len(one.members), other=len(other.members))
    return [
        SharedAspect("time", overlap, overlap * _WEIGHTS["time"], time),
        SharedAspect("size", ratio, ratio * _WEIGHTS["size"], size),
    ]


def _overlap_of(one: tuple[datetime, datetime], other: tuple[datetime, datetime]) -> float:
    both = (min(one[1], other[1]) - max(one[0], other[0])).total_seconds()
    either = (max(one[1], other[1]) - min(one[0], other[0])).total_seconds()
    return max(both, 0.0) / either if either > 0 else 1.0
