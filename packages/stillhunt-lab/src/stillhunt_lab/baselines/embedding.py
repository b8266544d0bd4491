"""Prompts as vectors without a downloaded model: hashed word counts, TF-IDF weights, singular vectors."""

import numpy as np
import pyarrow as pa
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.baselines.method import AccountLog

VECTOR_BUCKETS = 1 << 14
DIMENSIONS = 64
LEARNED_PROMPTS = 8_000
"""Prompts that weights and directions are learned from."""


class PromptEmbedding:
    """Latent semantic analysis (Deerwester et al. 1990) over hashed words and word pairs."""

    def __init__(self, texts: pa.Array, seed: int) -> None:
        self._hashing = HashingVectorizer(
            n_features=VECTOR_BUCKETS, ngram_range=(1, 2), alternate_sign=False, norm=None
        )
        self._weights = TfidfTransformer(sublinear_tf=True)
        counts = self._weights.fit_transform(self._hashing.transform(texts.to_pylist()))
        dimensions = min(DIMENSIONS, len(texts) - 1)
        directions = TruncatedSVD(dimensions, n_iter=4, random_state=seed)
        with np.errstate(invalid="ignore"):  # prompts without a word have no variance to explain
            self._directions = directions.fit(counts)

    def vectors(self, texts: pa.Array) -> Array:
        """Unit vectors of prompts, shape (texts, dimensions); zeros where a prompt has no known word."""
        counts = self._weights.transform(self._hashing.transform(texts.to_pylist()))
        raw = self._directions.transform(counts)
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        return np.asarray(raw / np.where(length > 0, length, 1.0), np.float64)


def first_requests(log: AccountLog, most: int) -> Array:
    """Rows of the first requests of each account, by account and time."""
    order = np.lexsort((log.time, log.owner))
    return order[count_within_owners(log.owner, log.time)[order] < most]
