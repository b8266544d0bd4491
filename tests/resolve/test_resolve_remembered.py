"""Groups of earlier looks are candidates again; their slices are found by their requests, whatever they are called."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillhunt.base.schema import CANDIDATES, REMEMBERED
from stillhunt.base.units import HOUR
from stillhunt.resolve import add_remembered, remember_groups

NAMES = [f"n{number}" for number in range(8)]
EACH = 20
"""Requests of each account, one an hour."""
CLUSTER, BARE = 4, 6
NOTHING = REMEMBERED.empty()


def log(
    cluster: int | list[int] = CLUSTER, hours: int = EACH, names: list[str] = NAMES, *, apart: bool = True
) -> tuple[pa.Table, pa.Table]:
    """TRAFFIC and SLICED, as far as they are read, in canonical order.

    `cluster`: of all requests, or by hour. `apart`: each request is a conversation, or all of an account are one.
    """
    account, number = np.repeat(names, hours), np.tile(np.arange(hours), len(names))
    conversation = [hash_of(name, hour * apart) for name, hour in zip(account, number.tolist(), strict=True)]
    traffic = {
        "account_id": pa.array(account, pa.string()),
        "timestamp": pa.array(number * HOUR, pa.timestamp("us", tz="UTC")),
        "conversation": pa.array(conversation, pa.uint64()),
    }
    clusters = np.resize(np.array(cluster), hours)[number]
    return pa.table(traffic), pa.table({"cluster": pa.array(clusters, pa.int32()), "untemplated": clusters == BARE})


def hash_of(name: str, hour: int) -> int:
    return (int.from_bytes(name.encode()) * 2654435761 + hour * 40503) * 0x9E3779B97F4A7C15 % (1 << 64)


def found(names: list[str], cluster: int = CLUSTER, formed: int = 1, *, style: bool = False) -> pa.Table:
    size = len(names)
    return CANDIDATES.build(
        candidate=[0] * size, cluster=[cluster] * size, account_id=names, formed=[formed] * size,
        content_microbits=[5_000_000] * size, queue_microbits=[3_000_000] * size, untemplated=[False] * size,
        searched=[7 + (name == "n3") for name in names], style=[style] * size, remembered=[False] * size,
    )  # fmt: skip


def shown(traffic: pa.Table, names: list[str]) -> tuple[pa.ChunkedArray, pa.Array]:
    """A campaign of some accounts: its id by request, and the rows."""
    inside = np.isin(traffic["account_id"].to_numpy(), names)
    return pa.chunked_array([["c-1"] * int(inside.sum())], pa.string()), pa.array(np.flatnonzero(inside))


def after_look(before: pa.Table = NOTHING, names: list[str] = NAMES) -> pa.Table:
    tables = log()
    return REMEMBERED.check(remember_groups(*tables, found(NAMES), shown(tables[0], names), before))


def added(candidates: pa.Table, remembered: pa.Table, tables: tuple[pa.Table, pa.Table], least: int = 5) -> pa.Table:
    table = add_remembered(candidates, remembered, *tables, least=least)
    assert table.slice(0, candidates.num_rows).equals(candidates)
    return table.slice(candidates.num_rows)


def test_without_a_look_before_candidates_are_what_the_search_found() -> None:
    assert add_remembered(found(NAMES), REMEMBERED.empty(), *log(), least=5) == found(NAMES)


def test_a_group_that_the_search_misses_is_a_candidate_under_the_clusters_of_today() -> None:
    table = added(CANDIDATES.empty(), after_look(), log(cluster=9, hours=EACH + 3))
    assert table["account_id"].to_pylist() == NAMES
    assert set(table["cluster"].to_pylist()) == {9}
    assert set(table["remembered"].to_pylist()) == {True}
    # The folds that formed it still do not judge it; bits of the past count for nothing.
    assert [table[name].to_pylist()[0] for name in ("formed", "content_microbits", "queue_microbits")] == [1, 0, 0]
    assert set(table["searched"].to_pylist()) == {8}


def test_a_group_that_one_candidate_holds_is_that_candidate() -> None:
    assert added(found(NAMES), after_look(), log()).num_rows == 0
    fewer = added(found(NAMES[:7]), after_look(), log())
    assert fewer["account_id"].to_pylist() == NAMES
    assert set(fewer["candidate"].to_pylist()) == {1}
    assert fewer["content_microbits"].to_pylist() == [5_000_000] * 7 + [0]
    assert fewer["queue_microbits"].to_pylist() == [3_000_000] * 7 + [0]


def test_each_group_is_a_candidate_of_its_own() -> None:
    tables = log()
    campaigns = pa.chunked_array([["c-2"] * 3 * EACH + ["c-1"] * 5 * EACH], pa.string())
    remembered = remember_groups(*tables, found(NAMES), (campaigns, pa.array(range(8 * EACH))), NOTHING)
    assert added(found(["x"]), remembered, log(names=["x", *NAMES]), 3)["candidate"].to_pylist() == [1] * 3 + [2] * 5


def test_two_slices_that_are_one_today_were_formed_by_the_folds_of_both() -> None:
    """What no search found, as by cards, counts as formed by both folds."""
    before, rows = log([CLUSTER, 5]), pa.array(range(len(NAMES) * EACH))
    campaign = pa.chunked_array([["c-1"] * len(rows)], pa.string())
    for second, formed in ((found(NAMES, 5, 2), 3), (found(NAMES, 5, 1), 1), (CANDIDATES.empty(), 3)):
        candidates = pa.concat_tables([found(NAMES), second])
        table = added(CANDIDATES.empty(), remember_groups(*before, candidates, (campaign, rows), NOTHING), log(9))
        assert set(table["formed"].to_pylist()) == {formed}


def test_requests_of_one_conversation_are_told_by_their_time() -> None:
    before = log([8, CLUSTER], apart=False)
    rows = pa.array(np.flatnonzero(before[1]["cluster"].to_numpy() == CLUSTER))
    campaign = pa.chunked_array([["c-1"] * len(rows)], pa.string())
    remembered = remember_groups(*before, found(NAMES), (campaign, rows), NOTHING)
    assert set(added(CANDIDATES.empty(), remembered, log([9, 3], apart=False))["cluster"].to_pylist()) == {3}
    # The latest sixteen of twenty are of the hours 4 to 19.
    wanted = {(hash_of("n0", hour) + hour * HOUR) % (1 << 64) for hour in range(4, EACH)}
    latest = after_look()
    assert set(latest.filter(pc.equal(latest["account_id"], "n0"))["request"].to_pylist()) == wanted


def test_a_style_that_is_none_today_has_slices_without_a_template() -> None:
    """A group has no template where none of its slices has one, and is a style where all of them are."""
    tables = log()
    remembered = remember_groups(*tables, found(NAMES, style=True), shown(tables[0], NAMES), NOTHING)
    for cluster, untemplated, style in (
        (9, {False}, {True}),
        (BARE, {True}, {False}),
        ([9, BARE], {False}, {True, False}),
    ):
        table = added(CANDIDATES.empty(), remembered, log(cluster))
        assert [set(table[name].to_pylist()) for name in ("untemplated", "style")] == [untemplated, style]
    mixed = pa.concat_tables([found(NAMES[:4], style=True), found(NAMES[4:])])
    remembered = remember_groups(*tables, mixed, shown(tables[0], NAMES), NOTHING)
    assert set(added(CANDIDATES.empty(), remembered, tables)["style"].to_pylist()) == {False}


@pytest.mark.parametrize(("least", "rows"), [(8, 8), (9, 0)])
def test_a_group_of_too_few_accounts_is_none(least: int, rows: int) -> None:
    assert added(CANDIDATES.empty(), after_look(), log(), least).num_rows == rows


def test_a_group_whose_accounts_are_gone_is_none() -> None:
    for names in (["other"], [*NAMES[:3], "other"]):
        assert added(CANDIDATES.empty(), after_look(), log(names=names)).num_rows == 0
    assert added(CANDIDATES.empty(), after_look(), log(-1)).num_rows == 0


def test_a_slice_that_is_mostly_other_requests_is_another() -> None:
    """Sixteen requests of each slice are remembered; of two accounts they lie among as many others, and one more."""
    remembered = after_look()
    assert remembered.num_rows == 16 * len(NAMES)
    traffic, sliced = log()
    more = []
    for name, others in (("n0", 16), ("n1", 17)):
        extra = pa.table(
            {
                "account_id": pa.array([name] * others, pa.string()),
                "timestamp": pa.array([10 * HOUR] * others, pa.timestamp("us", tz="UTC")),
                "conversation": pa.array(range(others), pa.uint64()),
            }
        )
        more.append(extra)
    size = sum(one.num_rows for one in more)
    both = pa.concat_tables([traffic, *more]).sort_by([(name, "ascending") for name in ("account_id", "timestamp")])
    cut = pa.table({"cluster": pa.array([CLUSTER] * size, pa.int32()), "untemplated": pa.array([False] * size)})
    table = added(CANDIDATES.empty(), remembered, (both, pa.concat_tables([sliced, cut])))
    assert table["account_id"].to_pylist() == [name for name in NAMES if name != "n1"]


def test_a_group_that_three_looks_leave_alone_is_forgotten() -> None:
    looks = [after_look()]
    for _ in range(3):
        looks.append(after_look(looks[-1], names=[]))
    assert [set(one["missed"].to_pylist()) for one in looks] == [{0}, {1}, {2}, set()]
    again = after_look(looks[2])
    assert again.equals(looks[0])


def test_a_group_of_which_half_is_shown_is_not_missed() -> None:
    before = after_look()
    assert set(after_look(before, NAMES[:3])["missed"].to_pylist()) == {0, 1}
    assert set(after_look(before, NAMES[:4])["missed"].to_pylist()) == {0}


def test_an_earlier_group_stays_beside_what_is_shown_now() -> None:
    before = after_look(names=NAMES[:4])
    later = after_look(before, names=NAMES[4:])
    groups = {(row["group"], row["account_id"], row["missed"]) for row in later.to_pylist()}
    assert groups == {(0, name, 0) for name in NAMES[4:]} | {(1, name, 1) for name in NAMES[:4]}
