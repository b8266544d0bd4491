"""Candidates by who pays: accounts of the same cards or sign-up networks that use one template, whatever each asks.

The search for groups compares what accounts ask. An operator that gives each account topics of its own, or has few
accounts, looks like separate customers to it, and no group is formed. Here a group is formed by the customer table:
nearly all accounts of some cards use one template, which is much of what they send and which few others use. A
reseller's accounts share cards, too; what they send is their customers', each with a wording of their own.

Neither fold took part in forming such a group, so both of them judge its topics.
"""

from collections.abc import Callable, Sequence

import numpy as np

from stillhunt.base.arrays import Flags, Ints
from stillhunt.score.context.candidate import Candidate, candidate_of
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.kinds.account_holders import TEMPLATE_LIFT
from stillhunt.score.evidence.kinds.phrase_mixture import template_lift
from stillhunt.score.verdict.linked_accounts import FORMED_BY, MIN_LINKED_ACCOUNTS
from stillhunt.score.verdict.verdict import Judged

_FEWEST_HOLDERS = 3  # Accounts with one card or network from which it ties them (two may be one family)
# Share of the accounts with a card or network who use the template, from which it is theirs (measured: campaigns .94 to
# 1, resellers .36 to .97; no script repeats it)
_HOLDERS_SHARE = 0.8
# Share of an account's requests that show the template, in the median (measured: campaigns .22 to 1, resellers .03 to
# .13; no script repeats it)
_TEMPLATE_SHARE = 0.25
_COMMON_SHARE = 0.5  # Share of the accounts from which two groups, or a group and a campaign, are the same one (half)
_BOTH_FOLDS = 3


def find_holder_groups(
    log: ScoredLog, judged: Sequence[Judged], judge_one: Callable[[Candidate], Judged], min_slice_requests: int
) -> list[Judged]:
    """Groups of holders with a verdict, the one with the most holders first.

    `judged`: what was found before, farms and relays too; those accounts are not looked at again. `min_slice_requests`:
    requests in a content cluster from which an account uses the template.
    """
    account, cluster = log.slices.account, log.slices.cluster
    number = max((one.candidate.number for one in judged), default=-1) + 1
    shown = [one.candidate.accounts for one in judged if one.verdict != "none"]
    found: list[Judged] = []
    for slices in _groups_of_slices(log, min_slice_requests):
        members, owner = np.unique(account[slices], return_inverse=True)
        shares = np.bincount(owner, weights=log.slices.requests[slices]) / log.accounts.requests[members]
        known = any(np.isin(members, own).mean() >= _COMMON_SHARE for own in shown)
        if known or float(np.median(shares)) < _TEMPLATE_SHARE:
            continue
        nothing = np.zeros(len(slices))
        both = np.full(len(slices), _BOTH_FOLDS)
        candidate = candidate_of(log, number, cluster[slices], account[slices], both, nothing, nothing)
        number += 1
        if template_lift(log, candidate, min_slice_requests) < TEMPLATE_LIFT:
            continue
        if (one := judge_one(candidate)).verdict != "none":
            found.append(one)
    return found


def _groups_of_slices(log: ScoredLog, min_slice_requests: int) -> list[Ints]:
    """Slices of each group: those of one content cluster, and of others that most of the same accounts use."""
    slices = log.slices
    rows = np.flatnonzero(
        (slices.requests >= min_slice_requests)
        & slices.templated(log.requests.untemplated)
        & (log.accounts.declared_organisation[slices.account] < 0)
    )
    rows = rows[_used_by_all_holders(log, slices.cluster[rows], slices.account[rows])]
    clusters, holders = np.unique(slices.cluster[rows], return_counts=True)
    groups: list[Ints] = []
    for place in np.argsort(-holders, kind="stable"):
        if holders[place] < MIN_LINKED_ACCOUNTS:
            break
        own = rows[slices.cluster[rows] == clusters[place]]
        for number, group in enumerate(groups):
            if np.isin(slices.account[own], slices.account[group]).mean() >= _COMMON_SHARE:
                groups[number] = np.append(group, own)
                break
        else:
            groups.append(own)
    return groups


def _used_by_all_holders(log: ScoredLog, cluster: Ints, account: Ints) -> Flags:
    """True for the slices whose account has a card or sign-up network nearly all of whose holders use the cluster."""
    present = np.diff(log.requests.first) > 0
    found = np.zeros(len(cluster), bool)
    for name in FORMED_BY:
        codes = log.accounts.customers.codes.get(name, np.full(log.accounts.count, -1))
        known = np.flatnonzero(codes[account] >= 0)
        value = codes[account[known]]
        _, place, users = np.unique(cluster[known] * np.int64(1 << 32) + value, return_inverse=True, return_counts=True)
        holders = np.bincount(codes[present & (codes >= 0)], minlength=int(codes.max(initial=-1)) + 1)[value]
        found[known] |= users[place] >= np.maximum(_FEWEST_HOLDERS, _HOLDERS_SHARE * holders)
    return found
