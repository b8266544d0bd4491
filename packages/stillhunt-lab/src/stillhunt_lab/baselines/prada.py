"""PRADA: the distances between the queries of an attacker are not normally distributed.

Juuti, Szyller, Marchal, Asokan: PRADA: Protecting Against DNN Model Stealing Attacks, EuroS&P 2019 (arXiv
1805.02628), algorithm 1. Of each client's queries the distance to the nearest query of its growing set is recorded; a
query joins the set when that distance exceeds the set's threshold, which is the mean less one standard deviation of
the distances that joined. A client with more than 100 distances is an attacker where Shapiro and Wilk's W of them,
without values more than three standard deviations from the mean, is below delta = 0.95.

Two things have to differ. The paper keeps one growing set per predicted class; a language model predicts none, so
there is one set. Queries are texts: Euclidean distance between unit vectors of hashed TF-IDF words in place of
images.
"""

import numpy as np
import pyarrow as pa
from scipy.stats import shapiro

from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.embedding import LEARNED_PROMPTS, PromptEmbedding, first_requests
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings

DELTA = 0.95
MIN_DISTANCES_TO_FLAG = 100
MIN_DISTANCES_TO_RANK = 20
"""Accounts with fewer than 100 distances are never flagged, but ranked: most have no more."""
PRADA_QUERIES_PER_ACCOUNT = 600


def find_abnormal_distances(requests: pa.Table, _accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
    """Accounts whose queries keep distances that are not normal.

    Returns flagged accounts without groups; the score is 1 - W.
    """
    log = AccountLog(requests, None)
    rows = first_requests(log, PRADA_QUERIES_PER_ACCOUNT)
    prompts = log.prompts().take(pa.array(rows))
    learned = np.unique(np.linspace(0, len(rows) - 1, LEARNED_PROMPTS).astype(np.int64))
    vectors = PromptEmbedding(prompts.take(pa.array(learned)), settings.seed).vectors(prompts)
    scores, flagged = np.zeros(log.size), np.zeros(log.size, bool)
    bounds = np.searchsorted(log.owner[rows], np.arange(log.size + 1))
    for account in range(log.size):
        distances = nearest_distances(vectors[bounds[account] : bounds[account + 1]])
        if len(distances) < MIN_DISTANCES_TO_RANK:
            continue
        normality = trimmed_normality(distances)
        scores[account] = 1.0 - normality
        flagged[account] = len(distances) > MIN_DISTANCES_TO_FLAG and normality < DELTA
    return log.result(scores, flagged)


def nearest_distances(queries: Array) -> Array:
    """Distance of each query but the first to its nearest in the growing set.

    `queries`: vectors in the order in which they came, shape (queries, dimensions).
    """
    if len(queries) < 2:
        return np.zeros(0)
    gram = queries @ queries.T
    square = np.diag(gram)
    table = np.sqrt(np.maximum(square[:, None] + square[None] - 2 * gram, 0.0))
    growing, joined = [0], [0.0]
    joined.clear()
    threshold = 0.0
    distances = np.zeros(len(queries) - 1)
    for query in range(1, len(queries)):
        distance = float(table[query, growing].min())
        distances[query - 1] = distance
        if distance > threshold:
            growing.append(query)
            joined.append(distance)
            threshold = max(threshold, float(np.mean(joined) - np.std(joined)))
    return distances


def trimmed_normality(distances: Array) -> float:
    """Shapiro and Wilk's W without outliers beyond three standard deviations, 0 to 1; 0 where nothing varies.

    `distances`: shape (n,), n at least 3.
    """
    kept = distances[np.abs(distances - distances.mean()) <= 3 * distances.std()]
    if len(kept) < 3 or np.ptp(kept) < 1e-9:
        return 0.0
    return float(shapiro(kept).statistic)
