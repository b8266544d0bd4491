"""What the work costs and buys: settings held constant, one model, full answers, use against the plan's price.

All of it is weak: pipelines of honest firms hold their settings too. A rare joint setting that many accounts share is
weighed as any shared key; the rest are ranks among the log's other groups or among customers of the same plan, uniform
for a group like the others, so that no scale and no price list is needed.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Floats, Ints, commonest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding, examples
from stillhunt.score.stats.rates import part_bits, rank_ratio
from stillhunt.score.stats.shared_keys import shared_value

CONSTANT = 0.9
"""Share of an account's requests that its commonest setting has, from which it is constant."""
SETTINGS_CAP = 2.0
"""Users of one framework share its settings too, so sharing them stays weak."""
LEAST_GROUPS = 20
LEAST_PEERS = 20
RANK_PART = 0.5
LEANING = 3.0
"""Density 3 rank^2: an operation's mean rank is 0.75 where an honest group's is 0.5."""
PLAN_POWER = 2.0
"""Groups found at all use more than the median customer (0.6 to 0.7), so that ranks against the plan lean less."""
USE_OF_GROUPS = 0.67
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def economics(frame: Frame, candidate: Candidate) -> list[Finding]:
    """What the candidate's use and settings say.

    Args:
        frame: the log.
        candidate: the candidate.

    Returns:
        Findings of family conduct; none where their columns are missing.
    """
    found = (_constant_settings(frame, candidate), _mix_and_answers(frame, candidate), _plan_use(frame, candidate))
    return [finding for finding in found if finding is not None]


def _constant_settings(frame: Frame, candidate: Candidate) -> Finding | None:
    """Members whose slice has one joint setting, where few outsiders have it; bare defaults tell nothing."""
    codes = frame.settings
    if frame.settings_key.empty:
        return None
    own = codes[candidate.rows]
    most = commonest(candidate.row_account, own, len(candidate.accounts))
    agree = np.bincount(candidate.row_account[own == most[candidate.row_account]], minlength=len(candidate.accounts))
    loads = np.bincount(candidate.row_account, minlength=len(candidate.accounts))
    constant = (most >= 0) & (agree >= CONSTANT * loads)
    found = shared_value(np.where(constant, most, -1), candidate.accounts, frame.settings_key)
    varied = _varied_elsewhere(frame, candidate, codes)
    return Finding(
        "conduct",
        "constant_settings",
        f"{found.sharing} of {len(candidate.accounts)} accounts hold {found.values} joint settings of temperature and "
        f"length that are rarer outside; {varied} of them use others in the rest of their traffic",
        min(found.bits, SETTINGS_CAP),
        examples(candidate.rows),
        len(candidate.rows),
    )


def _varied_elsewhere(frame: Frame, candidate: Candidate, codes: Ints) -> int:
    """Members whose traffic outside the candidate has another setting than its commonest inside."""
    rows = frame.rows_of(candidate.accounts)
    inside = commonest(candidate.row_account, codes[candidate.rows], len(candidate.accounts))
    loads = frame.first[candidate.accounts + 1] - frame.first[candidate.accounts]
    owner = np.repeat(np.arange(len(candidate.accounts)), loads)
    other = codes[rows] != inside[owner]
    other[np.searchsorted(rows, candidate.rows)] = False
    return int(np.count_nonzero(np.bincount(owner[other])))


def _mix_and_answers(frame: Frame, candidate: Candidate) -> Finding | None:
    """Ranks of the share of one model and of the answers' length among the log's other groups."""
    groups = frame.groups
    others = groups.others(candidate.slice_cluster)
    if others.sum() < LEAST_GROUPS or not len(candidate.rows):
        return None
    models = np.bincount(frame.model[candidate.rows])
    share = float(models.max() / len(candidate.rows))
    ranks = [_rank(share, groups.one_model[others])]
    tokens = frame.numbers("output_tokens", candidate.rows)
    answer = float(tokens[tokens >= 0].mean()) if (tokens >= 0).any() else float("nan")
    told = f"{share:.0%} of its requests ask for one model"
    known = others & ~np.isnan(groups.answer)
    if not np.isnan(answer) and known.sum() >= LEAST_GROUPS:
        ranks.append(_rank(answer, groups.answer[known]))
        told += f" and its answers have {answer:.0f} tokens"
    ratio = float(np.mean([rank_ratio(rank, LEANING) for rank in ranks]))
    below = " and ".join(f"{rank:.0%}" for rank in ranks)
    return Finding(
        "conduct",
        "mix_and_answers",
        f"{told}: more than in {below} of the log's other groups",
        part_bits(ratio, RANK_PART),
        examples(candidate.rows),
        len(candidate.rows),
    )


def _rank(value: float, others: Floats) -> float:
    """Share of the others below, ties counting half; never 0 or 1."""
    below = float((others < value).sum()) + 0.5 * float((others == value).sum()) + 0.5
    return below / (len(others) + 1.0)


def _plan_use(frame: Frame, candidate: Candidate) -> Finding | None:
    """Use of the members among customers who pay for the same plan: the group's middle rank."""
    plan = frame.customers.codes.get("plan")
    if plan is None or not frame.peers:
        return None
    of_member, used_by = plan[candidate.accounts], frame.use[candidate.accounts]
    ranks: list[float] = []
    for own in np.unique(of_member).tolist():
        used = used_by[of_member == own]
        # Members are no peers: what they add to the public's ranks is taken off.
        aside = np.sort(used[frame.public[candidate.accounts[of_member == own]]])
        peers = frame.peers.get(own, aside)
        if own < 0 or len(peers) - len(aside) < LEAST_PEERS:
            continue
        below = sum(np.searchsorted(peers, used, side) - np.searchsorted(aside, used, side) for side in _SIDES)
        ranks += ((below / 2.0 + 0.5) / (len(peers) - len(aside) + 1.0)).tolist()
    if len(ranks) < len(candidate.accounts) / 2:
        return None
    middle = float(np.median(ranks))
    # Ranks of groups that are found at all have their middle at USE_OF_GROUPS; a power makes them uniform again.
    even = middle ** (np.log(0.5) / np.log(USE_OF_GROUPS))
    return Finding(
        "conduct",
        "plan_use",
        f"half of its accounts use more than {middle:.0%} of the customers who pay for the same plan",
        part_bits(rank_ratio(even, PLAN_POWER), RANK_PART),
        count=len(candidate.rows),
    )
