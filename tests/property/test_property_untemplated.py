"""Traffic without a template: the same findings for any order, split and naming, and a case that names the slices."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_log import store_of
from untemplated_log import WORKERS, UntemplatedLog, build_untemplated_log, with_accounts

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.progress import Silent
from stillhunt.extract.store import store
from stillhunt.link import Linked, link_slices
from stillhunt.resolve import resolve_campaigns
from stillhunt.score import score_campaigns
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(3))


@pytest.fixture(scope="module")
def untemplated_log() -> UntemplatedLog:
    return build_untemplated_log()


@pytest.fixture(scope="module")
def linked(untemplated_log: UntemplatedLog) -> Linked:
    return link_slices(LocalDataset.of(untemplated_log.sketches), Config(), Silent())


@pytest.fixture(scope="module")
def candidates(linked: Linked) -> pa.Table:
    return resolve_campaigns(linked.links, linked.traffic, linked.sliced, Config())


@pytest.fixture(scope="module")
def case(linked: Linked, candidates: pa.Table) -> dict[str, pa.Table]:
    # Without addresses and a customer table they may be people in one place: 76 %.
    config = Config(score={"review_probability": 0.7})
    return score_campaigns(linked.traffic, linked.sliced, candidates, None, config, Silent(), linked.totals)[0]


def of_first(candidates: pa.Table) -> pa.Table:
    return candidates.filter(pc.equal(candidates["candidate"], 0))


def test_there_is_something_to_compare(untemplated_log: UntemplatedLog, candidates: pa.Table) -> None:
    first = of_first(candidates)
    assert first["untemplated"].to_pylist() == [True] * first.num_rows
    assert set(first["account_id"].to_pylist()) == untemplated_log.workers
    assert first["formed"].to_pylist().count(3) > 0.8 * len(untemplated_log.workers), (
        "nearly all formed it on either fold"
    )


@steady
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.floats(0.0, 1.0), max_size=4),
    st.sampled_from([500, 100_000]),
    st.sampled_from([700, 100_000]),
)
def test_row_order_file_split_segments_and_partitions_change_nothing(
    untemplated_log: UntemplatedLog,
    linked: Linked,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    cuts: list[float],
    segment_rows: int,
    worked_rows: int,
) -> None:
    rows = untemplated_log.sketches.num_rows
    shuffled = untemplated_log.sketches.take(pa.array(np.random.default_rng(seed).permutation(rows)))
    bounds = [0, *sorted(int(cut * rows) for cut in cuts), rows]
    parts = [in_file(shuffled.slice(a, b - a), number) for number, (a, b) in enumerate(pairwise(bounds)) if b > a]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "SEGMENT_ROWS", segment_rows)
        patch.setattr(store, "WORKED_ROWS", worked_rows)
        found = link_slices(store_of(parts, Path(tmp_path_factory.mktemp("log"))).dataset(2), Config(), Silent())
    assert found.sliced.equals(linked.sliced)
    assert found.links.equals(linked.links)
    assert found.totals.equals(linked.totals)
    places = ["origin_file", "origin_row"]
    assert found.traffic.drop_columns(places).equals(linked.traffic.drop_columns(places))


def in_file(sketches: pa.Table, number: int) -> pa.Table:
    """The sketches as those of one input file."""
    field = sketches.schema.field("origin_file")
    column = pa.array(np.full(sketches.num_rows, number), field.type)
    return sketches.set_column(sketches.schema.get_field_index("origin_file"), field, column)


@steady
@given(st.integers(0, 2**32 - 1))
def test_names_of_accounts_do_not_matter(untemplated_log: UntemplatedLog, candidates: pa.Table, seed: int) -> None:
    """Ties fall otherwise and sums run in another order; who worked for the work queue does not change."""
    ids = sorted(set(untemplated_log.sketches["account_id"].to_pylist()))
    order = np.random.default_rng(seed).permutation(len(ids))
    names = {old: f"customer/{place:04d}" for old, place in zip(ids, order.tolist(), strict=True)}
    sketches = with_accounts(untemplated_log.sketches, names)
    found = link_slices(LocalDataset.of(sketches), Config(), Silent())
    other = of_first(resolve_campaigns(found.links, found.traffic, found.sliced, Config()))
    first = of_first(candidates)

    def keyed(table: pa.Table, renamed: dict[str, str]) -> dict[str, tuple[int, int]]:
        columns = [table[name].to_pylist() for name in ("account_id", "formed", "queue_microbits")]
        return {renamed.get(name, name): (formed, bits) for name, formed, bits in zip(*columns, strict=True)}

    expected, got = keyed(first, names), keyed(other, {})
    assert got.keys() == expected.keys()
    for name, (formed, bits) in expected.items():
        assert got[name][0] == formed
        assert got[name][1] == pytest.approx(bits, abs=2)


def test_a_case_names_the_harvested_requests_of_untemplated_slices(
    untemplated_log: UntemplatedLog, case: dict[str, pa.Table]
) -> None:
    """Members, slices and harvest tell one story, and neither cover traffic nor customers are part of it."""
    campaign = case["campaigns"].slice(0, 1).to_pylist()[0]
    name = campaign["campaign_id"]
    members, harvest, slices = (
        case[table].filter(pc.equal(case[table]["campaign_id"], name)) for table in ("members", "harvest", "slices")
    )
    assert set(members["account_id"].to_pylist()) == untemplated_log.workers
    assert set(harvest["request_id"].to_pylist()) == untemplated_log.harvest
    assert set(harvest["slice_id"].to_pylist()) == set(slices["slice_id"].to_pylist())
    assert set(slices["account_id"].to_pylist()) == untemplated_log.workers
    assert sum(slices["harvest_requests"].to_pylist()) == len(untemplated_log.harvest) == campaign["requests"]
    assert sum(members["requests"].to_pylist()) == len(untemplated_log.harvest)
    assert all(0.7 < share < 0.95 for share in members["share"].to_pylist()), "the rest is cover"


def test_a_untemplated_campaign_is_judged_by_what_it_shows(case: dict[str, pa.Table]) -> None:
    """Topics and clients are evidence for it, work for its members; a template's tests are not asked."""
    name = case["campaigns"]["campaign_id"][0].as_py()
    rows = [row for row in case["evidence"].to_pylist() if row["campaign_id"] == name]
    bits = {row["kind"]: row["raw_bits"] for row in rows if row["account_id"] is None}
    assert bits["topic_mixture"] > 0
    assert bits["client_fingerprint"] > 0
    of_members = [row["bits"] for row in rows if row["account_id"] is not None and row["kind"] == "similar_workload"]
    assert len(of_members) == WORKERS
    assert np.median(of_members) > 1.0
    assert not {"phrase_mixture", "even_volume"} & {row["kind"] for row in rows}
