"""The bucket under which a sketch keeps a word, so that what is counted by buckets can be named by words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS
from stillhunt.extract.sketches import sketch_requests

NO_BUCKET = -1


def word_buckets(words: Sequence[str]) -> npt.NDArray[np.int32]:
    """The topic-word bucket of each word; -1 for a word that shows no topic, such as a stop word or a number.

    Misleads: a bucket holds every 65,536th word, so that a rare word may share its bucket with a common one.

    Args:
        words: single words; in scripts without spaces two characters in a row.
    """
    count = len(words)
    same = ["-"] * count
    requests = REQUESTS.build(
        request_id=[str(number) for number in range(count)],
        timestamp=pa.array([0] * count, pa.int64()).cast(REQUESTS.arrow.field("timestamp").type),
        account_id=same,
        model=same,
        source=same,
        prompt=list(words),
        origin_file=[0] * count,
        origin_row=list(range(count)),
    )
    found = sketch_requests(requests, Config())["topic_words"]
    one = pc.equal(pc.list_value_length(found), 1)
    first = pc.list_element(pc.if_else(one, found, pa.scalar([0], found.type)), 0)
    buckets: npt.NDArray[np.int32] = pc.if_else(one, first.cast(pa.int32()), NO_BUCKET).to_numpy().astype(np.int32)
    return buckets
