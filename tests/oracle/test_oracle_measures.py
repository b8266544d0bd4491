"""The measures of the benchmark against their definitions, pair by pair and item by item."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt_lab.bench.measures import (
    Truth,
    bcubed_f1,
    case_result,
    measure,
    upper_bound,
)
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
partitions = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=25)


@steady
@given(partitions)
def test_bcubed_item_by_item(items: list[tuple[int, int]]) -> None:
    precision = recall = 0.0
    for true, found in items:
        same = sum(item == (true, found) for item in items)
        precision += same / sum(f == found for _, f in items) / len(items)
        recall += same / sum(t == true for t, _ in items) / len(items)
    expected = 2 * precision * recall / (precision + recall)
    assert bcubed_f1([t for t, _ in items], [f for _, f in items]) == pytest.approx(expected)


def test_upper_bound_is_the_poisson_bound() -> None:
    """No event in 100 worlds: at most 3 per 100 (the rule of three)."""
    assert upper_bound(0, 100) == pytest.approx(0.03, abs=0.0005)
    assert upper_bound(2, 10) == pytest.approx(0.63, abs=0.005)


def test_measures_of_a_pool() -> None:
    """Two labs on one pool, one honest customer flagged, one harvester missed."""
    truth_requests = pa.table(
        {
            "request_id": ["r1", "r2", "r3", "r4", "r5", "r6"],
            "account_id": ["p", "p", "q", "s", "h", "k"],
            "campaign": ["one", "two", "two", "one", "", ""],
        }
    )
    truth_accounts = pa.table(
        {"account_id": ["p", "q", "s", "h", "k"], "persona": ["pool", "pool", "pool", "class", "chat"]}
    )
    tables = {
        "accounts": pa.table(
            {
                "account_id": ["p", "q", "s", "h", "k"],
                "flagged": [True, True, False, True, False],
                "score": [0.99, 0.995, 0.6, 0.992, 0.0],
                "campaign_id": ["c1", "c1", None, "c1", None],
            }
        ),
        "harvest": pa.table({"request_id": ["r1", "r3", "r5"], "campaign_id": ["c1", "c1", "c1"]}),
        "campaigns": pa.table({"verdict": ["act", "review", "none"]}),
    }
    found = measure(case_result(tables), Truth(truth_accounts, truth_requests))
    assert found.recall == pytest.approx(2 / 3)
    assert found.precision == pytest.approx(2 / 3)
    assert found.false_by_persona == {"class": 1}
    assert found.honest_accounts == 2
    assert found.request_recall == pytest.approx(2 / 4)
    assert found.request_precision == pytest.approx(2 / 3)
    assert found.recall_by_campaign == {"one": 0.5, "two": 1.0}
    assert (found.acts, found.reviews) == (1, 1)
    assert found.request_ari == pytest.approx(-0.5)
    # In order of score: q, h, p, s, and the rest have none.
    assert found.false_at_hits == [0, 1, 1]
    assert found.harvesting_accounts == 3
