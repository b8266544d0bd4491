"""A campaign is found through the logs of gateways as it is in our own tables, and nobody else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from vendor_logs import litellm, nginx, otlp, write_log

import stillhunt
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

SHAPES = {"litellm": litellm, "nginx": nginx, "otlp": otlp}


@pytest.fixture(scope="module")
def world() -> World:
    campaign = CampaignSpec(2, 20, name="plain", requests_per_account_day=30.0)
    return build_world(WorldSpec(accounts=150, days=5, seed=29, campaigns=(campaign,)))


@pytest.fixture(scope="module")
def plain(world: World) -> stillhunt.Case:
    """The case of the same requests in our own columns."""
    return stillhunt.hunt(world.requests, None, stillhunt.Config(sanctioned={"organizations": world.sanctioned}))


def flagged(case: stillhunt.Case) -> set[str]:
    """Accounts to act on."""
    return {row["account_id"] for row in case.accounts.to_pylist() if row["flagged"]}


@pytest.mark.parametrize("logs", [("litellm",), ("litellm", "nginx"), ("otlp",)], ids="+".join)
def test_the_campaign_is_found_in_the_logs_of_gateways(
    logs: tuple[str, ...], world: World, plain: stillhunt.Case, tmp_path: Path
) -> None:
    paths = [str(write_log(world.requests, SHAPES[name], tmp_path / f"{name}.jsonl")) for name in logs]
    config = stillhunt.Config(sanctioned={"organizations": world.sanctioned})
    case = stillhunt.hunt(paths, None, config)
    assert case.run["counts"]["requests"] == world.requests.num_rows
    assert case.run["counts"]["rejects"] == 0
    guilty = {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}
    assert flagged(case) == flagged(plain) == guilty
    (network,) = (entry for entry in case.run["coverage"] if entry["family"] == "network")
    assert network["available"] is (logs != ("litellm",))
