"""Each baseline gives its paper's answer where that answer is known by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base.shape import TIMESTAMP
from stillhunt_lab.baselines import BASELINES, MethodSettings
from stillhunt_lab.baselines.advisory import never_idle, no_ramp
from stillhunt_lab.baselines.catchsync import distance_to_bound
from stillhunt_lab.baselines.fraudar import densest_block
from stillhunt_lab.baselines.method import AccountLog
from stillhunt_lab.baselines.mmd import discrepancy
from stillhunt_lab.baselines.prada import nearest_distances, trimmed_normality
from stillhunt_lab.baselines.synchrotrap import action_similarity
from stillhunt_lab.worlds.build import WorldSpec, build_world

START = datetime(2026, 3, 2, tzinfo=UTC)
TEMPLATE = "You are an expert analyst who combines rigour with deep knowledge of the domain. Now: "


def log_of(*rows: tuple[str, float, str, str]) -> pa.Table:
    """A log of rows: account, hours since the start, address, prompt."""
    accounts, hours, addresses, prompts = zip(*rows, strict=True)
    return pa.table(
        {
            "request_id": [f"r{place}" for place in range(len(rows))],
            "timestamp": pa.array([START + timedelta(hours=h) for h in hours], TIMESTAMP),
            "account_id": list(accounts),
            "model": ["m"] * len(rows),
            "client_ip": list(addresses),
            "prompt": list(prompts),
        }
    )


def customers(ids: list[str], **columns: list[Any]) -> pa.Table:
    return pa.table({"account_id": ids, **columns})


@pytest.fixture
def settings() -> MethodSettings:
    def history() -> pa.Table:
        raise AssertionError("nobody asked for it")

    return MethodSettings(1, history)


def strangers(count: int) -> list[tuple[str, float, str, str]]:
    return [(f"s{i}", 5.0 * i + k, f"10.1.{i}.1", f"question {k} of {i}") for i in range(count) for k in range(3)]


def test_shared_keys_are_transitive_and_need_five(settings: MethodSettings) -> None:
    rows = strangers(12)
    cards = [f"card{i}" for i in range(12)]
    for i in range(4):
        cards[i] = "one card"
    rows += [("s3", 90.0, "10.9.9.9", "x"), ("s4", 91.0, "10.9.9.9", "x")]  # s4 joins by s3's address
    rows += [("s10", 90.0, "10.8.8.8", "x"), ("s11", 91.0, "10.8.8.8", "x")]  # a pair is none
    table = customers([f"s{i}" for i in range(12)], payment_fingerprint=cards)
    found = BASELINES["shared_keys"](log_of(*rows), table, settings)
    assert found.flagged == {"s0", "s1", "s2", "s3", "s4"}
    assert len(set(found.groups.values())) == 1
    assert found.acts == 1


def test_densest_block_survives_camouflage() -> None:
    """12 accounts hold the same 6 objects; each also touches popular objects that 100 honest accounts hold."""
    rng = np.random.default_rng(3)
    block = [(a, i) for a in range(12) for i in range(6)]
    camouflage = [(a, 6 + int(i)) for a in range(12) for i in rng.choice(10, 3, replace=False)]
    honest = [(a, 6 + int(i)) for a in range(12, 112) for i in rng.choice(10, 2, replace=False)]
    account, item = np.array(block + camouflage + honest).T
    members, items, density = densest_block(account, item, 112, 16)
    assert members.tolist() == list(range(12))
    assert set(range(6)) <= set(items.tolist())
    weights = 1 / np.log(np.bincount(item, minlength=16) + 5.0)
    inside = np.isin(account, members) & np.isin(item, items)
    assert density == pytest.approx(weights[item[inside]].sum() / (len(members) + len(items)))


def test_densest_block_of_one_clique_is_the_clique() -> None:
    account, item = np.array([(a, i) for a in range(4) for i in range(3)] + [(4, 3), (5, 3)]).T
    members, items, density = densest_block(account, item, 6, 4)
    assert (members.tolist(), items.tolist()) == ([0, 1, 2, 3], [0, 1, 2])
    assert density == pytest.approx(12 / np.log(9.0) / 7)


def test_catchsync_bound_is_reached_by_the_average_account() -> None:
    """An account whose objects are spread as everybody's lies on the bound; one whose objects are all alike, above."""
    cells = np.array([0] * 6 + [1] * 3 + [2])
    average = np.arange(10)
    account = np.array([0] * 10 + [1] * 5)
    distance = distance_to_bound(account, cells[np.concatenate([average, [9] * 5])], cells, 3)
    assert distance[0] == pytest.approx(0.0, abs=1e-12)
    share = np.array([0.6, 0.3, 0.1])
    background = (share**2).sum()
    bound = (-3 * 0.1**2 + 2 * 0.1 - background) / (1 - 3 * background)
    assert distance[1] == pytest.approx(1.0 - bound)
    assert distance[2] == 0.0


def test_synchrotrap_similarity_is_jaccard() -> None:
    actions = {0: range(10), 1: range(5, 15), 2: range(8, 12), 3: range(100, 110)}
    account, action = np.array([(a, x) for a, own in actions.items() for x in own]).T
    left, right, similarity = action_similarity(account, action, 4)
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 1)]  # others share fewer than five
    assert similarity[0] == pytest.approx(5 / 15)


def test_synchrotrap_finds_lockstep_and_not_a_shared_address_at_other_times(settings: MethodSettings) -> None:
    rows = [(f"w{i}", 24.0 * day + i, f"10.0.0.{day}", "x") for i in range(6) for day in range(8)]
    rows += [(f"h{i}", 24.0 * (8 * i + day), "10.5.5.5", "x") for i in range(6) for day in range(8)]
    found = BASELINES["synchrotrap"](log_of(*rows), None, settings)
    assert found.flagged == {f"w{i}" for i in range(6)}
    assert found.acts == 1


def test_prada_distances_grow_their_set_as_in_algorithm_1() -> None:
    """On a line: 4 joins (above 0); 4.5 and 4.6 do not (threshold 4); 20 does, at 16 from 4."""
    distances = nearest_distances(np.array([[0.0], [4.0], [4.5], [4.6], [20.0], [20.1]]))
    assert distances == pytest.approx([4.0, 0.5, 0.6, 16.0, 0.1])


def test_prada_tells_normal_distances_from_two_kinds_of_them() -> None:
    rng = np.random.default_rng(5)
    assert trimmed_normality(rng.normal(1.0, 0.1, 200)) > 0.98
    assert trimmed_normality(np.concatenate([rng.normal(0.1, 0.01, 100), rng.normal(1.0, 0.01, 100)])) < 0.95
    assert trimmed_normality(np.full(50, 0.3)) == 0.0


def test_discrepancy_is_zero_in_one_law_and_known_between_two_points() -> None:
    rng = np.random.default_rng(7)
    same = [discrepancy(rng.normal(size=(60, 3)), rng.normal(size=(200, 3)), 0.3) for _ in range(30)]
    assert abs(np.mean(same)) < 0.01
    window, reference = np.zeros((4, 1)), np.ones((5, 1))
    assert discrepancy(window, reference, 0.5) == pytest.approx(2 - 2 * np.exp(-0.5))


def test_advisory_indicators() -> None:
    restless = [("bot", float(hour), "10.0.0.1", "x") for hour in range(24 * 4)]
    office = [("office", 24.0 * day + hour, "10.0.0.2", "x") for day in range(4) for hour in range(9, 17)]
    burst = [("burst", 30.0 + k / 60, "10.0.0.3", "x") for k in range(30)]
    ramp = [("ramp", 24.0 * day + k / 60, "10.0.0.4", "x") for day in range(4) for k in range(20 * (day + 1))]
    ids = ["bot", "burst", "office", "ramp"]
    table = customers(ids, created_at=pa.array([START - timedelta(days=1)] * 4, TIMESTAMP))
    log = AccountLog(log_of(*restless, *office, *burst, *ramp), table)
    assert dict(zip(log.ids, never_idle(log).tolist(), strict=True)) == {
        "bot": True, "burst": False, "office": False, "ramp": False,
    }  # fmt: skip
    assert no_ramp(log).tolist() == [True, True, False, False]  # the restless one starts at full speed too


def test_advisory_address_query_alone_is_enough(settings: MethodSettings) -> None:
    rows = strangers(5) + [(f"c{i}", float(i), "10.7.7.7", "x") for i in range(20)]
    found = BASELINES["advisory"](log_of(*rows), None, settings)
    assert found.flagged == {f"c{i}" for i in range(20)}


def test_isolation_forest_finds_the_odd_account(settings: MethodSettings) -> None:
    rows = [
        (f"a{i}", 24.0 * day + 9 + k, f"10.0.{i}.1", f"question {k} of day {day}")
        for i in range(60)
        for day in range(5)
        for k in range(4)
    ]
    odd = [("odd", k / 40, f"10.9.{k % 200}.1", TEMPLATE * 9 + str(k)) for k in range(4000)]
    found = BASELINES["isolation_forest"](log_of(*rows, *odd), None, settings)
    assert found.flagged == {"odd"}
    assert max(found.scores, key=lambda account: found.scores[account]) == "odd"


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_baseline_judges_every_account_the_same_twice_and_with_fewer_columns(name: str) -> None:
    world = build_world(WorldSpec(accounts=60, days=3, seed=4))
    settings = MethodSettings(2, lambda: world.requests)
    first = BASELINES[name](world.requests, world.accounts, settings)
    assert set(first.scores) == set(world.requests["account_id"].to_pylist())
    assert first.flagged <= set(first.scores)
    assert first == BASELINES[name](world.requests, world.accounts, settings)
    poorer = world.requests.select(["request_id", "timestamp", "account_id", "model"])
    assert set(BASELINES[name](poorer, None, settings).scores) == set(first.scores)
