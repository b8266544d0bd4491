"""Accounts that draw from one work queue: the same mix of a template's phrases or a style's words, and of topics."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema import SLICE_PARAMETERS
from stillhunt.score.context.accounts import Accounts
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CAPS, CandidateCase, Finding
from stillhunt.score.evidence.held_out import held_out_homogeneity, part_of_own, usual_here, usual_index
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import least_bits
from stillhunt.score.stats.homogeneity import MIN_COMPARED_ACCOUNTS, index_bits
from stillhunt.score.stats.honest_reference import TOPIC_REFERENCE


def topic_finding(case: CandidateCase) -> Finding:
    """The finding about topics, which bounds what volume may say."""
    if TOPICS_KIND.name not in case.shared:
        case.shared[TOPICS_KIND.name] = _weigh_topic_mixture(case)
    found: Finding = case.shared[TOPICS_KIND.name]
    return found


def _weigh_topic_mixture(case: CandidateCase) -> Finding:
    candidate, log = case.candidate, case.log.requests
    # Members who left an untemplated group as likely strangers left for their topics on this fold, too.
    judged = case.without_refuted if candidate.untemplated else candidate
    # One request a conversation: its later turns keep the subject, and would count one draw many times.
    asked = log.first_of_conversation[judged.rows] & case.own_requests(judged)
    topic = np.where(asked, log.topic[judged.rows], -1)
    found = held_out_homogeneity(case.log, judged, topic)
    usual = usual_here(case.log, candidate, found, "topic", TOPIC_REFERENCE)
    members: Floats = np.clip(candidate.per_account(candidate.queue), -CAPS.key_bits, CAPS.key_bits)
    if found.freedom < 1 or found.accounts < MIN_COMPARED_ACCOUNTS:
        known = int(np.count_nonzero(topic >= 0))
        return TOPICS_KIND.insufficient({"known": known, "requests": len(judged.rows)}, members)
    bits = index_bits(found, usual)
    part = part_of_own(case) if bits > 0.0 else 1.0
    return TOPICS_KIND.finding(
        bits * part,
        {"accounts": found.accounts, "index": found.index, "usual": usual_index(found, usual)},
        rows=candidate.rows,
        count=len(candidate.rows),
        member_bits=members,
        variant=0 if part < 1.0 else None,
    )


TOPICS_KIND = declared_kind(
    "topic_mixture",
    lambda _, case: topic_finding(case),
    most_bits=None,
    least_bits=least_bits(TOPIC_REFERENCE.queue_share),
)


class PhraseMixtureParameters(NamedTuple):
    """Parameters of the phrase mixture."""

    unit_bits: float
    bits_per_doubling: float
    min_lift_bits: float


P = read_parameters(PhraseMixtureParameters, "score.phrase_mixture")


# Requests of the usual share that are added to those of each language (judgement: with fewer, no share is known)
_LANGUAGE_REQUESTS = 100.0
_LANGUAGE_ACCOUNTS = 5.0  # The same of accounts
# Doublings, over all customers, of a template's users among those who may speak as the members do, from which it is a
# language (seen: languages of four honest worlds 2.0 to 4.5, campaigns of three worlds below 0)
_REGIONAL_BITS = 2.0


def phrase_bits(case: CandidateCase) -> tuple[float, float, float]:
    """Bits of the phrase mixture, the held-out bits behind them, and how much more often members use the template."""
    candidate = case.candidate
    cap = SLICE_PARAMETERS.view_cap_bits
    total = float(np.clip(candidate.content, -cap, cap).sum())
    lift = template_lift(case.log, candidate, case.min_slice_requests)
    known = float(np.clip((np.log2(lift) - P.min_lift_bits) / P.min_lift_bits, 0.0, 1.0))
    bits = float(np.sign(total) * np.log2(1.0 + abs(total) / P.unit_bits) * P.bits_per_doubling) * known
    return bits, total, lift


def _weigh_phrase_mixture(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    candidate = case.candidate
    if candidate.untemplated:
        return None
    cap = SLICE_PARAMETERS.view_cap_bits
    bits, total, lift = phrase_bits(case)
    return kind.finding(
        bits,
        {"accounts": len(candidate.accounts), "held_out": round(abs(total)), "lift": round(lift)},
        rows=candidate.rows,
        count=len(candidate.rows),
        member_bits=np.clip(candidate.per_account(candidate.content), -cap, cap),
        variant=int(bits <= 0.0) if candidate.style else None,
    )


def template_lift(log: ScoredLog, candidate: Candidate, min_slice_requests: int) -> float:
    """Share of the members' traffic in the candidate's clusters over the share of casual users' traffic.

    Accounts that use the template a lot without being members (pipelines with the same wording) are left out: they
    belong neither to the background nor to the group. But where most of its users write in the members' script, or
    live in their countries, it is no template but a language, and everybody counts who speaks it.

    Args:
        min_slice_requests: requests in the clusters from which an account uses the template a lot.
    """
    accounts = log.accounts
    clusters = np.unique(candidate.slice_cluster)
    slices = log.slices.of_clusters(clusters)
    if candidate.has_untemplated:
        slices = slices[log.slices.templated(log.requests.untemplated)[slices]]
    owners, requests = log.slices.account[slices], log.slices.start[slices + 1] - log.slices.start[slices]
    if len(clusters) > 1:  # the slices of one cluster have an owner each, ascending
        owners, place = np.unique(owners, return_inverse=True)
        requests = np.bincount(place, weights=requests)
    inside = np.asarray(requests, np.float64)
    is_member = np.zeros(accounts.count, bool)
    is_member[candidate.accounts] = True
    member = is_member[owners]
    outside = np.flatnonzero(accounts.background[owners] & ~member)
    casual = _casual_share(accounts, owners[outside], inside[outside], candidate.accounts, min_slice_requests)
    of_member = np.zeros(len(candidate.accounts))
    of_member[np.searchsorted(candidate.accounts, owners[member])] = inside[member]
    share = of_member / np.maximum(accounts.requests[candidate.accounts], 1)
    # Of a whole, some accounts may be known by their bare questions alone.
    own = float(np.median(share[share > 0.0] if candidate.has_untemplated and share.any() else share))
    return max(own / casual, 1.0)


def _casual_share(accounts: Accounts, users: Ints, inside: Floats, members: Ints, heavy_use: int) -> float:
    """Share of casual users' traffic in the clusters; of all users', where the clusters are a language.

    Args:
        users: other accounts that use the clusters.
        inside: requests of each in them.
        heavy_use: requests from which an account is no casual user.
    """
    own, heavy = members[accounts.background[members]], inside >= heavy_use
    # Who else speaks a language shares the members' script or countries, and outnumbers any group of speakers.
    home, residents = accounts.speakers, accounts.background_speakers
    overall = max(len(users), 1) / max(accounts.background_count, 1)
    speakers = np.bincount(home[users], minlength=len(residents)) + _LANGUAGE_ACCOUNTS * overall
    nearby = float((speakers / (residents + _LANGUAGE_ACCOUNTS))[home[members]].mean())
    regional = float(np.clip(np.log2(nearby / overall) / _REGIONAL_BITS, 0.0, 1.0))
    outnumbered = len(users) * accounts.comparison_weight(members) / len(members) - 1.0
    language = regional * float(np.clip(outnumbered, 0.0, 1.0))
    aside = np.append(own, users[heavy])
    casual = _share_of_traffic(accounts, users[~heavy], inside[~heavy], aside, members, regional)
    everybody = _share_of_traffic(accounts, users, inside, own, members, regional)
    return float(casual ** (1.0 - language) * everybody**language)


def _share_of_traffic(
    accounts: Accounts, users: Ints, inside: Floats, aside: Ints, members: Ints, regional: float
) -> float:
    """Share of other customers' traffic in the clusters: of all, or of those who write as the members do.

    Args:
        users: other accounts that use the clusters.
        inside: requests of each in them.
        aside: accounts of the background sample that are not compared.
        regional: from all (0) to those who write as the members do (1).
    """
    home, sent = accounts.speakers, accounts.background_requests
    sent = sent - np.bincount(home[aside], accounts.requests[aside], len(sent))
    used = np.bincount(home[users], inside, len(sent))
    overall = (float(used.sum()) + 1.0) / (float(sent.sum()) + 1.0)
    nearby = float(((used + _LANGUAGE_REQUESTS * overall) / (sent + _LANGUAGE_REQUESTS))[home[members]].mean())
    return float(overall ** (1.0 - regional) * max(nearby, overall) ** regional)


def count_template_users(log: ScoredLog, candidate: Candidate) -> int:
    """Members with requests in a content cluster of the candidate: all, but for a whole with bare questions."""
    if not candidate.has_untemplated:
        return len(candidate.accounts)
    templated = ~log.requests.untemplated[candidate.rows]
    return len(np.unique(candidate.row_account[templated]))


PHRASES_KIND = declared_kind("phrase_mixture", _weigh_phrase_mixture, most_bits=None, least_bits=None)
KINDS = (TOPICS_KIND, PHRASES_KIND)
