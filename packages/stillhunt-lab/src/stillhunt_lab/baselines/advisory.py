"""Hunting rules in the style of an advisory: one query and one threshold per account.

AA26-251A (CISA, NSA, FBI, 8 September 2026) lists what distillation traffic looks like, without thresholds. Hunting
queries published for it use at least 20 accounts on one address and more than 10,000 requests of one account; those
are taken as they are. The other thresholds are ours, read as literally as the text allows. An account is flagged by a
published query or by two indicators. Sanitised metadata, failover and quality harnesses need fields that request logs
do not have.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings, distinct_counts, distinct_pairs

ACCOUNTS_PER_ADDRESS = 20
REQUESTS_PER_ACCOUNT = 10_000
INDICATORS_TO_FLAG = 2

IDLE_HOURS = 6
IDLE_DAYS = 3
"""Round the clock: three days or more without a gap of six hours, and requests in three quarters of the hours."""
IDLE_COVER = 0.75
NEW_ACCOUNT_DAYS = 7
RAMP_REQUESTS = 20
RAMP_SHARE = 0.8
"""No ramp-up: an account opened within a week whose first day has 20 requests and 80 % of its busiest day."""
ADDRESSES_PER_ACCOUNT = 20
REASONING_SHARE = 0.2
REASONING = (
    r"step[- ]by[- ]step|chain[- ]of[- ]thought|(show|explain|articulate|write (out|down)|spell out|lay out)\b"
    r"[^.]{0,40}\b(reasoning|thinking|thought process)"
    r"|reasoning (process|trace|steps)|<think(ing)?>|think aloud|inner monologue"
)
SAME_CARD_ACCOUNTS = 3
SAME_TEMPLATE_ACCOUNTS = 5
SAME_TEMPLATE_REQUESTS = 10


def find_by_rules(requests: pa.Table, accounts: pa.Table | None, _settings: MethodSettings) -> MethodResult:
    """Accounts that a published query or two indicators of the advisory point at.

    Returns flagged accounts without groups; the score counts indicators, a published query as two.
    """
    log = AccountLog(requests, accounts)
    volume = np.bincount(log.owner, minlength=log.size)
    queries = crowded_addresses(log) | (volume > REQUESTS_PER_ACCOUNT)
    indicators = np.column_stack(
        [
            never_idle(log),
            no_ramp(log),
            distinct_counts(log.owner, log.codes("client_ip"), log.size) >= ADDRESSES_PER_ACCOUNT,
            asks_for_reasoning(log),
            _mark_shared_values(log.customer_codes("payment_fingerprint"), SAME_CARD_ACCOUNTS),
            _same_template(log),
        ]
    )
    scores = indicators.sum(axis=1) + INDICATORS_TO_FLAG * queries
    return log.result(scores.astype(np.float64), scores >= INDICATORS_TO_FLAG)


def crowded_addresses(log: AccountLog) -> Array:
    """Whether an account used an address that 20 accounts used, shape (accounts,)."""
    account, address = distinct_pairs(log.owner, log.codes("client_ip"))
    crowded = np.bincount(address) >= ACCOUNTS_PER_ADDRESS
    found = np.zeros(log.size, bool)
    found[account[crowded[address]]] = True
    return found


def never_idle(log: AccountLog) -> Array:
    """Whether an account works round the clock, shape (accounts,)."""
    account, hour = distinct_pairs(log.owner, (log.time - log.time.min()) // HOUR)
    bounds = np.searchsorted(account, np.arange(log.size + 1))
    found = np.zeros(log.size, bool)
    for number in range(log.size):
        own = hour[bounds[number] : bounds[number + 1]]
        if len(own) < 2:
            continue
        span = own[-1] - own[0] + 1
        restless = np.diff(own).max() <= IDLE_HOURS
        found[number] = span >= 24 * IDLE_DAYS and restless and len(own) >= IDLE_COVER * span
    return found


def no_ramp(log: AccountLog) -> Array:
    """Whether a new account started at full speed, shape (accounts,)."""
    first = np.full(log.size, np.iinfo(np.int64).max)
    np.minimum.at(first, log.owner, log.time)
    day = (log.time - first[log.owner]) // DAY
    width = int(day.max()) + 1
    volume = np.bincount(log.owner * width + day, minlength=log.size * width).reshape(log.size, width)
    with np.errstate(invalid="ignore"):  # accounts of unknown age are not new
        is_new: Array = (first - log.opened()) < NEW_ACCOUNT_DAYS * DAY
    at_once = (volume[:, 0] >= RAMP_REQUESTS) & (volume[:, 0] >= RAMP_SHARE * volume.max(axis=1))
    found: Array = is_new & at_once
    return found


def asks_for_reasoning(log: AccountLog) -> Array:
    """Whether a fifth of an account's prompts ask for the reasoning, shape (accounts,)."""
    asks = pc.match_substring_regex(log.prompts(), REASONING, ignore_case=True).to_numpy(zero_copy_only=False)
    requests = np.maximum(np.bincount(log.owner, minlength=log.size), 1)
    share = np.bincount(log.owner, asks, minlength=log.size) / requests
    return np.greater_equal(share, REASONING_SHARE)


def _mark_shared_values(code: Array, least: int) -> Array:
    holders: Array = np.where(code >= 0, np.bincount(code + 1)[code + 1], 0)
    return np.greater_equal(holders, least)


def _same_template(log: AccountLog) -> Array:
    """Whether ten of an account's prompts begin with the words that five accounts begin with."""
    head = log.prefix_codes()
    _, code = distinct_pairs(log.owner, head)
    common = np.bincount(code, minlength=int(head.max(initial=-1)) + 1) >= SAME_TEMPLATE_ACCOUNTS
    hits = (head >= 0) & common[head] if len(common) else np.zeros(len(head), bool)
    return np.bincount(log.owner[hits], minlength=log.size) >= SAME_TEMPLATE_REQUESTS
