"""A campaign whose calls carry odd values in fields that it chooses is found as it is without them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

import stillhunt
from stillhunt.triage import set_aside_sentence
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec


@pytest.fixture(scope="module")
def world() -> World:
    campaigns = [CampaignSpec(2, 14, name=name, requests_per_account_day=40.0) for name in ("one", "two")]
    return build_world(WorldSpec(accounts=120, days=3, seed=3, campaigns=tuple(campaigns)))


def guilty_of(world: World) -> set[str]:
    return {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}


def disturbed(world: World, column: str, value: Any) -> pa.Table:
    """The world's requests with a value in all calls of the harvesters."""
    guilty = guilty_of(world)
    rows = [{**row, column: value} if row["account_id"] in guilty else row for row in world.requests.to_pylist()]
    kept = world.requests.drop_columns([column])
    return kept.append_column(column, pa.array([row[column] for row in rows]))


def hunted(world: World, requests: pa.Table) -> stillhunt.Case:
    return stillhunt.hunt(requests, None, stillhunt.Config(sanctioned={"organizations": world.sanctioned}))


@pytest.mark.parametrize(
    ("column", "value"),
    [("end_user_id", "u" * 1_100), ("request_id", "one id for all"), ("max_tokens", -1)],
    ids=["a long end user", "one request id", "a negative limit"],
)
def test_both_campaigns_are_found(column: str, value: Any, world: World) -> None:
    case = hunted(world, disturbed(world, column, value))
    assert case.run["counts"]["requests"] == world.requests.num_rows
    assert (case.run["counts"]["rejects"], case.run["counts"]["campaigns"]) == (0, 2)
    assert {row["account_id"] for row in case.accounts.to_pylist() if row["flagged"]} == guilty_of(world)
    (changed,) = case.run["changed"].items()
    assert changed[0].startswith(f"{column}: ")
    assert changed[1] == sum(row["account_id"] in guilty_of(world) for row in world.requests.to_pylist())


def test_an_account_most_of_whose_rows_are_set_aside_is_named(world: World) -> None:
    rows = world.requests.to_pylist()
    name = rows[0]["account_id"]
    own = [n for n, row in enumerate(rows) if row["account_id"] == name]
    assert len(own) > 5
    times = [None if n in own[1:] else row["timestamp"] for n, row in enumerate(rows)]
    place = world.requests.schema.get_field_index("timestamp")
    requests = world.requests.set_column(place, "timestamp", pa.array(times, pa.timestamp("us", "UTC")))
    case = hunted(world, requests)
    lost = len(own) - 1
    assert case.run["set_aside"] == {
        "accounts": 1,
        "mostly": 1,
        "named": [{"account_id": name, "rows": lost, "requests": 1}],
    }
    said = f"most rows of {name} ({lost} of {len(own)} rows) were set aside"
    assert said in set_aside_sentence(case.run)
    assert said.capitalize()[:20] in case.report()
