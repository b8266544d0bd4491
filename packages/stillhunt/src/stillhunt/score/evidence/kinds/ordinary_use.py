"""What requests ask for, and signs of customers with work of their own: own data, checks run again, conversations.

Three kinds that say little where the signs are missing, since pipelines of honest firms lack them too, and that are
evidence against a harvest where they are there.

Safety researchers, teams that grade with a model and firms that keep audit trails ask for the same things as a
harvest, so a trait is weighed against how *groups* of honest accounts differ, most of them all or nothing, and never
against single requests. The log's other groups may only raise what is usual, each counting once and the extremes cut
away, so that neither the candidate nor another campaign makes itself usual.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Ints
from stillhunt.base.conduct_flags import BITS
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import DAY
from stillhunt.score import kernels
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind
from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio

# Strength of the distribution over honest groups (a template either asks for a thing or it does not)
_HONEST_STRENGTH = 1.0
_ASKED_STRENGTH = 4.0  # Strength of that distribution (operations differ)
# Share of the log's groups cut away at the upper end before they say what is usual (other campaigns are among them)
_TRIMMED_GROUPS = 0.1
_MIN_GROUPS = 10  # Other groups from which the log may raise what is usual (fewer are no sample of what is usual)
MIN_CONDUCT_REQUESTS = 20  # Requests below which no share is judged (mostly noise)


class ConductParameters(NamedTuple):
    """Parameters of the evidence from conduct; of each trait, its usual share and its weight."""

    reasoning: tuple[float, float]
    grading: tuple[float, float]
    cleaning: tuple[float, float]
    probing: tuple[float, float]
    agents: tuple[float, float]
    any_of_them: tuple[float, float]
    asked_mean: float
    most_bits: float


ASKED_CONDUCT = read_parameters(ConductParameters, "score.asked_conduct")


@dataclass(frozen=True)
class Trait:
    """Something that requests ask for."""

    verb: str
    flags: int  # conduct flags of which any one shows it, see `base/conduct_flags.py`
    usual: float  # share of honest groups that live on it
    weight: float  # part of operations that live on it


_PROBES = BITS["EXTRACTION_PROBE"] | BITS["TRANSLATE_TRACE"]
TRAITS = (
    Trait("elicit reasoning", BITS["REASONING"] | BITS["TRACE_FORMAT"], *ASKED_CONDUCT.reasoning),
    Trait("have answers graded", BITS["RUBRIC"], *ASKED_CONDUCT.grading),
    Trait("have traces rewritten or cleaned", BITS["CLEAN_TRACE"], *ASKED_CONDUCT.cleaning),
    Trait("probe for hidden instructions or reasoning", _PROBES, *ASKED_CONDUCT.probing),
    Trait("drive tools step by step", BITS["AGENT_TRAJECTORY"], *ASKED_CONDUCT.agents),
    Trait("elicit reasoning, grade, clean, probe or drive tools", 0b10111111, *ASKED_CONDUCT.any_of_them),
)
_ASKED_SHARES = BetaPrior(ASKED_CONDUCT.asked_mean, _ASKED_STRENGTH)


def _weigh_asked(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = case.candidate.rows
    if len(rows) < MIN_CONDUCT_REQUESTS:
        return None
    conduct = case.log.requests.numbers("conduct", rows)
    # A mixture over the traits: an operation lives on one of them, or on none.
    ratio, shown, strongest = 1.0 - sum(trait.weight for trait in TRAITS), TRAITS[0], 0.0
    for trait in TRAITS:
        hits = int(np.count_nonzero(conduct & trait.flags))
        usual = max(trait.usual, _usual_in_log(case.log, case.candidate, trait))
        own = share_ratio(hits, len(rows), BetaPrior(usual, _HONEST_STRENGTH), _ASKED_SHARES)
        ratio += trait.weight * own
        if trait.weight * own > strongest:
            shown, strongest = trait, trait.weight * own
    hit = (conduct & shown.flags) > 0
    usual = max(shown.usual, _usual_in_log(case.log, case.candidate, shown))
    return kind.finding(
        max(float(np.log2(ratio)), 0.0),  # lexicons and classifier know few of the wordings: their silence says nothing
        {"share": hit.mean(), "verb": shown.verb, "usual": usual},
        rows=rows[hit],
        count=int(hit.sum()),
    )


def _usual_in_log(log: ScoredLog, candidate: Candidate, trait: Trait) -> float:
    """Mean share over the log's other groups, each counting once, without the upper tenth of them."""
    groups = log.background.groups
    others = groups.others(candidate.slice_cluster)
    if others.sum() < _MIN_GROUPS:
        return 0.0
    order, share = groups.by_share(trait.flags)
    share = share[others[order]]
    return float(share[: len(share) - int(np.ceil(_TRIMMED_GROUPS * len(share)))].mean())


ASKED_KIND = declared_kind("asked_conduct", _weigh_asked, most_bits=ASKED_CONDUCT.most_bits, least_bits=0.0)


OWN_DATA = BITS["OWN_DATA"]


class OrdinaryUseParameters(NamedTuple):
    """Parameters of the signs of ordinary use: mean and strength of each share, over honest groups and operations."""

    honest_own_data: tuple[float, float]
    harvest_own_data: tuple[float, float]
    honest_checks: tuple[float, float]
    harvest_checks: tuple[float, float]
    honest_talk: tuple[float, float]
    harvest_talk: tuple[float, float]
    min_follow_ups: int
    part: float
    most_bits: float


ORDINARY = read_parameters(OrdinaryUseParameters, "score.ordinary_use")


def _own_data(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = case.candidate.rows[case.own_requests(case.candidate)]
    shown = (case.log.requests.numbers("conduct", rows) & OWN_DATA) > 0
    return _weigh_share(kind, rows, shown, ORDINARY.honest_own_data, ORDINARY.harvest_own_data)


def _own_checks(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """Prompts that an account sends again on another day, as scheduled checks do; retries are of the same day."""
    requests, candidate = case.log.requests, case.candidate
    if requests.days < 2:  # no later day on which anything could be asked again
        return None
    known = requests.prompt_hash[candidate.rows] != 0
    rows, owner = candidate.rows[known], candidate.row_account[known]
    first = np.searchsorted(owner, np.arange(len(candidate.accounts) + 1))
    shown = kernels.again_later(first, requests.prompt_hash[rows], requests.time[rows] // DAY)
    return _weigh_share(kind, rows, shown, ORDINARY.honest_checks, ORDINARY.harvest_checks)


def _weigh_talk(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """Conversations behind the slices, with later turns, which lack the template and so are in no slice."""
    requests, candidate = case.log.requests, case.candidate
    if (requests.turn[candidate.rows] < 0).all():
        return None
    rows = candidate.rows[case.own_requests(candidate)]
    rows = rows[np.unique(requests.conversation[rows], return_index=True)[1]]
    shown = requests.human_turns[rows] >= ORDINARY.min_follow_ups
    if not shown.any() and _conversations_unknown(case):
        return None
    return _weigh_share(kind, rows, shown, ORDINARY.honest_talk, ORDINARY.harvest_talk)


def _conversations_unknown(case: CandidateCase) -> bool:
    """Whether there are later turns, and yet the log says of no two requests that they are one conversation."""
    requests = case.log.requests
    rows = requests.of_accounts(case.candidate.accounts)
    return bool((requests.turn[rows] > 0).any()) and len(np.unique(requests.conversation[rows])) == len(rows)


def _weigh_share(
    kind: EvidenceKind, rows: Ints, shown: Flags, honest: tuple[float, float], harvest: tuple[float, float]
) -> Finding | None:
    if len(shown) < MIN_CONDUCT_REQUESTS:
        return None
    hits = int(shown.sum())
    bits = part_bits(share_ratio(hits, len(shown), BetaPrior(*honest), BetaPrior(*harvest)), ORDINARY.part)
    return kind.finding(bits, {"share": shown.mean()}, rows=rows[shown], count=hits)


OWN_DATA_KIND = declared_kind("own_data", _own_data, most_bits=ORDINARY.most_bits, least_bits=least_bits(ORDINARY.part))
OWN_CHECKS_KIND = declared_kind(
    "own_checks", _own_checks, most_bits=ORDINARY.most_bits, least_bits=least_bits(ORDINARY.part)
)
TALK_KIND = declared_kind("talk", _weigh_talk, most_bits=ORDINARY.most_bits, least_bits=least_bits(ORDINARY.part))
KINDS = (ASKED_KIND, OWN_DATA_KIND, OWN_CHECKS_KIND, TALK_KIND)
