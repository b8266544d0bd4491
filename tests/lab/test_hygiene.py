"""No single column, and no single number computed per account, may give a careful campaign away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from aggregates import account_aggregates, auc, one_value_auc

from stillhunt_lab.worlds.build import WorldSpec, build_world, spec_for_rung
from stillhunt_lab.worlds.campaigns import CampaignSpec

LIMIT = 0.8


def test_auc_on_hand_made_cases() -> None:
    positive = np.array([False, False, True, True])
    assert auc(np.array([1.0, 2.0, 3.0, 4.0]), positive) == 1.0
    assert auc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 0.0
    assert auc(np.array([1.0, 1.0, 1.0, 1.0]), positive) == 0.5
    assert auc(np.array([1.0, 3.0, 2.0, 4.0]), positive) == 0.75
    assert one_value_auc(pd.Series(["a", "b", "c", "c"]), positive) == (1.0, "c")


@pytest.mark.parametrize(("rungs", "seed"), [((3, 6, 9), 23), ((4, 7, 10), 34), ((5, 8, 11), 25)])
def test_no_single_column_separates_the_classes(rungs: tuple[int, ...], seed: int) -> None:
    """Three campaigns of each of three rungs harvest in one world; those of a rung are told from honest accounts."""
    operations = tuple(CampaignSpec(rung, 45, name=f"{rung}-{number}") for rung in rungs for number in range(3))
    world = build_world(WorldSpec(accounts=500, seed=seed, campaigns=operations))
    numbers, typical, harvests = account_aggregates(world)
    campaign = world.truth_accounts.to_pandas().set_index("account_id").campaign.reindex(numbers.index)
    for rung in rungs:
        of_rung = campaign.str.contains(rf"\b{rung}-").to_numpy()
        assert of_rung.sum() > 100
        compared = ~harvests | of_rung
        own = harvests[compared]
        telling = {}
        for column in numbers:
            score = auc(numbers[column].to_numpy(float)[compared], own)
            telling[column] = max(score, 1.0 - score)
        for column in typical:
            telling[f"{column} is one value"] = one_value_auc(typical[column][compared], own)[0]
        assert len(telling) > 65
        assert {column: round(score, 3) for column, score in telling.items() if score > LIMIT} == {}, rung


def test_honest_and_harvesting_traffic_draw_on_the_same_texts() -> None:
    """Words of harvests occur in honest traffic, also those of the wrappings."""
    world = build_world(spec_for_rung(7, accounts=800, seed=33, campaign_accounts=25))
    requests, truth = world.requests.to_pandas(), world.truth_requests.to_pandas()
    harvested = (truth.campaign != "").to_numpy()
    known = set(" ".join(requests.prompt[~harvested]).lower().split())
    words = pd.Series(" ".join(requests.prompt[harvested]).lower().split())
    assert words.isin(known).mean() > 0.97


def test_the_naive_rung_is_easily_separated() -> None:
    """The measure can fail: on rung 1 one shared card separates the classes."""
    world = build_world(spec_for_rung(1, accounts=100, seed=21, campaign_accounts=30))
    numbers, _, harvests = account_aggregates(world)
    assert auc(numbers["payment_fingerprint_shared"].to_numpy(float), harvests) > 0.95
