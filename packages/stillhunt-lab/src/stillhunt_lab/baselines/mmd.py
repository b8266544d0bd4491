"""MMD windows: the distance of a window of queries from known honest history.

An Embarrassingly Simple Detector (arXiv 2606.05725, code LabRAI/mmd-llm-mea-detection): maximum mean discrepancy
(Gretton et al., JMLR 2012) with a Gaussian kernel, bandwidth by the median heuristic, between a window of embedded
queries and benign history; the threshold is a quantile of benign windows alone, here the one that gives the paper's
0.3 % false alarms.

Two things have to differ. The paper judges windows of about 1,500 queries of all traffic together and names no
account, so windows here are of one account; and embeddings are hashed TF-IDF directions, not bge-small. The history is
a world of honest accounts only, which a real provider would not have.
"""

import numpy as np
import pyarrow as pa

from stillhunt_lab.arrays import Array
from stillhunt_lab.baselines.embedding import LEARNED_PROMPTS, PromptEmbedding, first_requests
from stillhunt_lab.baselines.method import AccountLog, MethodResult, MethodSettings

QUERIES_PER_TEST = 32
MIN_WINDOW = 12
MMD_QUERIES_PER_ACCOUNT = 128
FALSE_ALARMS = 0.003
REFERENCE_QUERIES = 1_500


def find_distant_windows(requests: pa.Table, _accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
    """Accounts with a window of queries that is farther from honest history than honest windows are.

    Returns flagged accounts without groups; the score is the largest discrepancy of an account's windows.
    """
    benign, log = AccountLog(settings.history, None), AccountLog(requests, None)
    rng = np.random.default_rng(settings.seed)
    history_rows = first_requests(benign, MMD_QUERIES_PER_ACCOUNT)
    texts = benign.prompts().take(pa.array(history_rows))
    learned = np.sort(rng.permutation(len(texts))[:LEARNED_PROMPTS])
    embedding = PromptEmbedding(texts.take(pa.array(learned)), settings.seed)
    history = embedding.vectors(texts)
    reference = history[np.sort(rng.permutation(len(history))[:REFERENCE_QUERIES])]
    gamma = median_gamma(reference)
    honest, _ = window_discrepancies(history, benign.owner[history_rows], reference, gamma)
    threshold = float(np.quantile(honest, 1 - FALSE_ALARMS)) if len(honest) else np.inf
    rows = first_requests(log, MMD_QUERIES_PER_ACCOUNT)
    vectors = embedding.vectors(log.prompts().take(pa.array(rows)))
    values, owner = window_discrepancies(vectors, log.owner[rows], reference, gamma)
    scores = np.zeros(log.size)
    np.maximum.at(scores, owner, values)
    return log.result(scores, scores > threshold)


def median_gamma(points: Array) -> float:
    """1 / median squared distance: the median heuristic."""
    squares = _compute_squared_distances(points, points)
    median = float(np.median(squares[np.triu_indices(len(points), 1)]))
    return 1.0 / max(median, 1e-9)


def discrepancy(window: Array, reference: Array, gamma: float, own: float | None = None) -> float:
    """Squared maximum mean discrepancy of two samples, without bias.

    Args:
        window: shape (n, dimensions), n at least 2.
        reference: shape (m, dimensions), m at least 2.
        gamma: of the kernel exp(-gamma d^2).
        own: mean kernel within the reference, where it is known already.
    """
    within = _mean_kernel(window, gamma)
    across = float(np.exp(-gamma * _compute_squared_distances(window, reference)).mean())
    return within + (_mean_kernel(reference, gamma) if own is None else own) - 2 * across


def window_discrepancies(vectors: Array, owner: Array, reference: Array, gamma: float) -> tuple[Array, Array]:
    """Discrepancy of every window of one account's queries in a row.

    `vectors`: queries by account and time, shape (n, dimensions). Returns discrepancies and accounts of the windows,
    each of shape (windows,).
    """
    own = _mean_kernel(reference, gamma)
    values, owners = [], []
    for account in np.unique(owner).tolist():
        first, last = np.searchsorted(owner, (account, account + 1))
        for start in range(first, last, QUERIES_PER_TEST):
            stop = min(start + QUERIES_PER_TEST, last)
            if stop - start >= MIN_WINDOW:
                values.append(discrepancy(vectors[start:stop], reference, gamma, own))
                owners.append(account)
    return np.array(values), np.array(owners, np.int64)


def _mean_kernel(points: Array, gamma: float) -> float:
    kernel = np.exp(-gamma * _compute_squared_distances(points, points))
    count = len(points)
    return float((kernel.sum() - np.trace(kernel)) / (count * (count - 1)))


def _compute_squared_distances(left: Array, right: Array) -> Array:
    squares: Array = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
    return np.maximum(squares, 0.0)
