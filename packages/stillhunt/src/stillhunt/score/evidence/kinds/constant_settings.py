"""A joint temperature, top_p and max_tokens that each member keeps and few others use."""

from typing import NamedTuple

import numpy as np

from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.requests import Requests
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind, declared_kind, sharing_figures
from stillhunt.score.stats.shared_keys import shared_value


class SettingsParameters(NamedTuple):
    """Parameters of the evidence from constant settings."""

    constant_share: float
    cap_bits: float


P = read_parameters(SettingsParameters, "score.constant_settings")


def _weigh_constant_settings(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    requests, candidate, key = case.log.requests, case.candidate, case.log.keys.settings
    if key.empty:
        return None
    members = len(candidate.accounts)
    own = requests.settings[candidate.rows]
    most = commonest(candidate.row_account, own, members)
    agree = np.bincount(candidate.row_account[own == most[candidate.row_account]], minlength=members)
    constant = (most >= 0) & (agree >= P.constant_share * candidate.volumes)
    found = shared_value(np.where(constant, most, -1), candidate.accounts, key)
    figures = {**sharing_figures(found, members), "varied": _varied_elsewhere(requests, candidate)}
    return kind.finding(found.bits, figures, rows=candidate.rows, count=len(candidate.rows))


def _varied_elsewhere(requests: Requests, candidate: Candidate) -> int:
    """Members whose traffic outside the candidate has another setting than their commonest inside it."""
    rows, owner = requests.of_accounts(candidate.accounts), requests.owners(candidate.accounts)
    inside = commonest(candidate.row_account, requests.settings[candidate.rows], len(candidate.accounts))
    other = requests.settings[rows] != inside[owner]
    other[np.searchsorted(rows, candidate.rows)] = False
    return int(np.count_nonzero(np.bincount(owner[other])))


KIND = declared_kind("constant_settings", _weigh_constant_settings, most_bits=P.cap_bits, least_bits=0.0)
