"""Columns of texts, redacted."""

from __future__ import annotations

import pyarrow as pa

from stillhunt.base.redaction import redacted


def redacted_texts(values: pa.ChunkedArray | pa.Array, longest: int) -> pa.Array:
    """A column of texts that people wrote, redacted; equal texts are read once.

    Args:
        values: strings; null stays null.
        longest: characters of a text that are kept; what is read of it is as much again.
    """
    texts = values.to_pylist()
    known = {text: redacted(text[: 2 * longest])[:longest] for text in dict.fromkeys(texts) if text is not None}
    return pa.array([known.get(text) for text in texts], pa.string())
