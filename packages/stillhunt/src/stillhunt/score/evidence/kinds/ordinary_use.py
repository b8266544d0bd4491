"""Signs of customers with work of their own: their own data, checks that they run again, conversations.

Three kinds that say little where the signs are missing, since pipelines of honest firms lack them too, and that are
evidence against a harvest where they are there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import judgement, measured, read_parameters
from stillhunt.base.units import DAY
from stillhunt.score import kernels
from stillhunt.score.evidence.case import CandidateCase
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, NeededColumn, Null, Wording
from stillhunt.score.evidence.kinds.asked_conduct import MIN_CONDUCT_REQUESTS
from stillhunt.score.stats.arrays import Flags, Ints
from stillhunt.score.stats.beta_binomial import BetaPrior, least_bits, part_bits, share_ratio

OWN_DATA = 1 << 11
"""Conduct flag of prompts about the writer's own files, firm or mail, see `extract/text/conduct.py`."""


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


P = read_parameters(OrdinaryUseParameters, "score.ordinary_use")


def _own_data(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    rows = case.candidate.rows
    shown = (case.log.requests.numbers("conduct", rows) & OWN_DATA) > 0
    return _weighed(kind, rows, shown, P.honest_own_data, P.harvest_own_data)


def _own_checks(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """Prompts that an account sends again on another day, as scheduled checks do; retries are of the same day."""
    requests, candidate = case.log.requests, case.candidate
    if requests.days < 2:  # no later day on which anything could be asked again
        return None
    known = requests.prompt_hash[candidate.rows] != 0
    rows, owner = candidate.rows[known], candidate.row_account[known]
    first = np.searchsorted(owner, np.arange(len(candidate.accounts) + 1))
    shown = kernels.again_later(first, requests.prompt_hash[rows], requests.time[rows] // DAY)
    return _weighed(kind, rows, shown, P.honest_checks, P.harvest_checks)


def _talk(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """Conversations behind the slices, with later turns, which lack the template and so are in no slice."""
    requests, candidate = case.log.requests, case.candidate
    if (requests.turn[candidate.rows] < 0).all():
        return None
    rows = candidate.rows[np.unique(requests.conversation[candidate.rows], return_index=True)[1]]
    shown = requests.human_turns[rows] >= P.min_follow_ups
    if not shown.any() and _conversations_unknown(case):
        return None
    return _weighed(kind, rows, shown, P.honest_talk, P.harvest_talk)


def _conversations_unknown(case: CandidateCase) -> bool:
    """Whether there are later turns, and yet the log says of no two requests that they are one conversation."""
    requests = case.log.requests
    rows = requests.of_accounts(case.candidate.accounts)
    return bool((requests.turn[rows] > 0).any()) and len(np.unique(requests.conversation[rows])) == len(rows)


def _weighed(
    kind: EvidenceKind, rows: Ints, shown: Flags, honest: tuple[float, float], harvest: tuple[float, float]
) -> Finding | None:
    if len(shown) < MIN_CONDUCT_REQUESTS:
        return None
    hits = int(shown.sum())
    bits = part_bits(share_ratio(hits, len(shown), BetaPrior(*honest), BetaPrior(*harvest)), P.part)
    return kind.finding(bits, {"share": shown.mean()}, rows=rows[shown], count=hits)


OWN_DATA_KIND = EvidenceKind(
    name="own_data",
    family="conduct",
    order=140,
    measures="requests about the writer's own files, firm or mail",
    null=Null("honest groups, frozen", measured("seeded worlds; table score.ordinary_use")),
    columns=(NeededColumn("prompt", "requests about the writers' own data"),),
    calls="any",
    most_bits=P.most_bits,
    least_bits=least_bits(P.part),
    wording=Wording(
        "Few of its requests mention the writer's own files, company or mail: {share:%}",
        "{share:%} of its requests mention the writer's own files, company or mail",
        "Too few requests to judge whether they mention the writer's own data",
    ),
    members=None,
    weigh=_own_data,
)
OWN_CHECKS_KIND = EvidenceKind(
    name="own_checks",
    family="conduct",
    order=150,
    measures="prompts that an account sends again on another day",
    null=Null("honest groups, frozen", judgement("table score.ordinary_use")),
    columns=(NeededColumn("prompt", "prompts that an account sends again on another day"),),
    calls="every",
    most_bits=P.most_bits,
    least_bits=least_bits(P.part),
    wording=Wording(
        "Few of its requests repeat what the account asked on an earlier day: {share:%}",
        "{share:%} of its requests repeat what the account asked on an earlier day",
        "Too few requests to judge whether they repeat earlier ones",
    ),
    members=None,
    weigh=_own_checks,
)
TALK_KIND = EvidenceKind(
    name="talk",
    family="conduct",
    order=160,
    measures="conversations with two or more follow-up questions that lack the template",
    null=Null("honest groups, frozen", judgement("table score.ordinary_use")),
    columns=(
        NeededColumn("turn", "conversations that nobody continues"),
        NeededColumn("conversation_id", "conversations whose later turns lack the template", enough=False),
    ),
    calls="every",
    most_bits=P.most_bits,
    least_bits=least_bits(P.part),
    wording=Wording(
        "Few of its conversations have two or more follow-up questions: {share:%}",
        "{share:%} of its conversations have two or more follow-up questions, as people ask them",
        "The log does not say which requests belong to one conversation",
    ),
    members=None,
    weigh=_talk,
)
KINDS = (OWN_DATA_KIND, OWN_CHECKS_KIND, TALK_KIND)
