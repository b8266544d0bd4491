"""Isolation forest over account aggregates: few cuts isolate an outlier.

Liu, Ting, Zhou: Isolation Forest, ICDM 2008; implementation: scikit-learn. 100 trees of 256 accounts as in the paper;
potential anomalies are scores of 0.6 and more, the paper's contour. The aggregates are what a security team would
compute.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.ensemble import IsolationForest

from stillhunt.tools import DAY, HOUR, MILLISECOND
from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings, distinct_counts

TREES = 100
SAMPLE = 256
ANOMALY = 0.6


def find_isolated(requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
    """Accounts whose aggregates are outliers.

    Returns flagged accounts without groups; the score is the paper's, 0 to 1.
    """
    log = AccountLog(requests, accounts)
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLE, log.size), random_state=settings.seed)
    table = account_aggregates(log)
    scores = -forest.fit(table).score_samples(table)
    return log.result(scores, scores >= ANOMALY)


def account_aggregates(log: AccountLog) -> Array:
    """Twenty-one numbers of each account.

    Returns shape (accounts, 21); counts and times as logarithms, nothing missing.
    """
    size, owner, time = log.size, log.owner, log.time
    requests = np.maximum(np.bincount(owner, minlength=size), 1)
    hours = (time - time.min()) // HOUR
    busiest = np.zeros(size)
    hour_of_account, hour_requests = np.unique(owner * (int(hours.max()) + 1) + hours, return_counts=True)
    np.maximum.at(busiest, hour_of_account // (int(hours.max()) + 1), hour_requests)
    days = np.maximum(distinct_counts(owner, hours // 24, size), 1)
    gap_median, gap_spread = _gap_statistics(log)
    length = pc.utf8_length(log.prompts()).to_numpy().astype(float)
    mean_length, spread_length = _mean_and_spread(owner, length, size)
    output, _ = _mean_and_spread(owner, np.nan_to_num(log.numbers("output_tokens")), size)
    sent, _ = _mean_and_spread(owner, np.nan_to_num(log.numbers("input_tokens")), size)
    later, _ = _mean_and_spread(owner, (np.nan_to_num(log.numbers("turn")) > 0).astype(float), size)
    first = np.full(size, np.inf)
    np.minimum.at(first, owner, time.astype(float))
    age = np.nan_to_num((first - log.opened()) / DAY, nan=0.0)
    card, address = log.customer_codes("payment_fingerprint"), log.customer_codes("signup_ip")
    columns = [
        np.log(requests), np.log(days), np.log(requests / days), np.log(np.maximum(busiest, 1)),
        distinct_counts(owner, hours % 24, size), gap_median, gap_spread,
        *(np.log1p(distinct_counts(owner, log.codes(name), size))
          for name in ("client_ip", "asn", "country", "user_agent", "model", "temperature")),
        np.log1p(mean_length), np.log1p(spread_length), np.log1p(output), np.log1p(sent), later,
        distinct_counts(owner, log.prefix_codes(), size) / requests,
        np.log1p(np.maximum(age, 0.0)),
        np.log1p(_count_other_holders(card) + _count_other_holders(address)),
    ]  # fmt: skip
    return np.column_stack(columns).astype(np.float64)


def _count_other_holders(code: Array) -> Array:
    """How many other accounts hold the same value, by account; 0 where it is unknown."""
    return np.where(code >= 0, np.bincount(code + 1)[code + 1] - 1, 0)


def _mean_and_spread(owner: Array, value: Array, size: int) -> tuple[Array, Array]:
    count = np.maximum(np.bincount(owner, minlength=size), 1)
    mean = np.bincount(owner, value, minlength=size) / count
    square = np.bincount(owner, value**2, minlength=size) / count
    return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


def _gap_statistics(log: AccountLog) -> tuple[Array, Array]:
    """Mean and spread of the logarithm of the gaps between an account's requests, milliseconds."""
    order = np.lexsort((log.time, log.owner))
    same = np.diff(log.owner[order]) == 0
    gaps = np.log1p(np.diff(log.time[order])[same] / MILLISECOND)
    return _mean_and_spread(log.owner[order][1:][same], gaps, log.size)
