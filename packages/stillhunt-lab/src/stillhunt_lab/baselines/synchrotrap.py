"""SynchroTrap: accounts that act on the same objects at about the same time.

Cao, Yang, Yu, Palow: Uncovering Large Groups of Active Malicious Accounts in Online Social Networks, CCS 2014. Two
actions match if they concern one object within the matching window; the similarity of two accounts is the Jaccard
index of their actions, per constraint (kind of object); accounts are grouped by single-linkage clustering, which at
one threshold is the connected components of the pairs above it, and groups below a size are dropped. As there, time
is cut into windows; the objects are client addresses (one of the paper's own constraints) and templates in place of
pages and apps. The paper tunes thresholds to each application by hand; window, similarity and least matches here are
ours, and the least group size is the five accounts that all methods of the benchmark need.
"""

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array

from stillhunt.tools import HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import MIN_ACCOUNTS, AccountLog, MethodResult, MethodSettings, distinct_pairs
from stillhunt_lab.baselines.shared_keys import components

WINDOW_HOURS = 24
"""Long enough for loose synchrony; with one hour no campaign of the lab's worlds reaches the similarity."""
SIMILARITY = 0.5
MIN_MATCHES = 5
"""Fewer matched actions of a pair are chance."""


def find_lockstep(requests: pa.Table, _accounts: pa.Table | None, _settings: MethodSettings) -> MethodResult:
    """Groups of accounts whose actions match in object and day.

    Returns single-linkage clusters as groups; the score is the highest similarity to any other account.
    """
    log = AccountLog(requests, None)
    window = log.time // (WINDOW_HOURS * HOUR)
    window = window - window.min()
    best, first, second = np.zeros(log.size), [], []
    for code in (log.codes("client_ip"), log.prefix_codes()):
        action = np.where(code >= 0, code * (int(window.max()) + 1) + window, -1)
        left, right, similarity = action_similarity(log.owner, action, log.size)
        np.maximum.at(best, left, similarity)
        np.maximum.at(best, right, similarity)
        first.append(left[similarity >= SIMILARITY])
        second.append(right[similarity >= SIMILARITY])
    labels = components(log.size, np.concatenate(first), np.concatenate(second))
    return log.result(best, np.bincount(labels)[labels] >= MIN_ACCOUNTS, labels)


def action_similarity(account: Array, action: Array, accounts: int) -> tuple[Array, Array, Array]:
    """Jaccard index of the actions of every pair of accounts that share enough of them.

    `action`: object and window as one number, shape (n,); below 0 = none. Returns one account, the other, and their
    similarity, 0 to 1, each of shape (pairs,).
    """
    owner, code = distinct_pairs(account, action)
    _, column = np.unique(code, return_inverse=True)
    own = np.bincount(owner, minlength=accounts)
    table = csr_array(
        (np.ones(len(owner), np.int32), (owner, column)), shape=(accounts, int(column.max(initial=-1)) + 1)
    )
    both = (table @ table.T).tocoo()
    pair = (both.row < both.col) & (both.data >= MIN_MATCHES)
    left, right, shared = both.row[pair], both.col[pair], both.data[pair]
    return left, right, shared / (own[left] + own[right] - shared)
