"""Which requests' texts are read again: those that follow a few moments, found without sorting the log."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.triage.excerpts import SAMPLED_MOMENTS, SAMPLED_REQUESTS, requests_near_moments
from thoroughness import examples

requests = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40)), min_size=1, max_size=120)


@settings(derandomize=True, deadline=None, max_examples=examples(60, 1000))
@given(requests, st.booleans())
def test_requests_that_follow_the_moments_of_the_log(rows: list[tuple[str, int]], by_campaign: bool) -> None:
    if by_campaign:
        rows.sort(key=lambda row: row[0])
    campaign, time = (list(column) for column in zip(*rows, strict=True))
    near = SAMPLED_REQUESTS // SAMPLED_MOMENTS
    moments = [
        sorted(time)[place] for place in np.linspace(0, len(time) - 1, SAMPLED_MOMENTS + 2).astype(int)[1:-1].tolist()
    ]
    wanted: list[int] = []
    for name in dict.fromkeys(campaign):
        own = sorted((row for row in range(len(rows)) if campaign[row] == name), key=lambda row: (time[row], row))
        begins = [min(sum(time[row] < moment for row in own), max(len(own) - near, 0)) for moment in moments]
        wanted += sorted({row for begin in begins for row in own[begin : begin + near]})
    found = requests_near_moments(pa.chunked_array([campaign]), pa.chunked_array([pa.array(time, pa.int64())]))
    assert found.to_pylist() == wanted
