"""TRAFFIC of a few made-up requests, for what is counted of a campaign's harvest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.schema import TRAFFIC
from stillhunt.triage.samples import Rereading

WORDS = {
    word: 100 + place
    for place, word in enumerate(("integral", "limit", "sonnet", "rhyme", "verse", "please", "answer", "tax"))
}
"""Words with their buckets."""
_DEFAULTS: dict[str, Any] = {
    "request_key": 0,
    "conversation": 0,
    "organization_id": None,
    "model": "m",
    "source": "s",
    "content_hash": 0,
    "prompt_hash": 0,
    "topic_words": [],
    "conduct": 0,
    "words": 9,
    "script": 1,
    "origin_file": 0,
    "origin_row": 0,
    "topic": -1,
}


def traffic_of(rows: list[dict[str, Any]]) -> pa.Table:
    """TRAFFIC with `topic`, in the order of the rows; what a row does not name is unknown."""
    schema = TRAFFIC.arrow.append(pa.field("topic", pa.int16(), False))
    columns = {}
    for field in schema:
        values = [
            {
                **_DEFAULTS,
                "request_id": f"r{at}",
                "account_id": "a",
                "timestamp": at,
                "conversation": at + 1,
                **row,
            }.get(field.name)
            for at, row in enumerate(rows)
        ]
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = pa.array(values, pa.int64()).cast(plain) if field.name == "timestamp" else pa.array(values, plain)
        columns[field.name] = array.dictionary_encode() if pa.types.is_dictionary(field.type) else array
    return pa.table(columns, schema=schema)


REREADING = Rereading(
    prompts=lambda requests: [None] * requests.num_rows,
    languages=lambda prompts: [None if text == "?" else "English" if text == "en" else "German" for text in prompts],
    buckets=lambda words: np.array([WORDS.get(word, -1) for word in words], np.int32),
)
