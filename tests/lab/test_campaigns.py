from __future__ import annotations

import numpy as np
import pytest

from stillhunt.base.errors import ConfigError
from stillhunt.base.units import DAY, HOUR
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec, build_campaign
from stillhunt_lab.worlds.personas import CHAT, RECIPES, build_persona
from stillhunt_lab.worlds.rungs import PAUSE, RUNGS
from stillhunt_lab.worlds.scene import Draft, Scene

_RUNGS = sorted(RUNGS)
_ONE_QUEUE = [rung for rung in _RUNGS if RUNGS[rung].work in ("queue", "company") and rung != 11]
"""Rungs with one queue and no replacements."""


def homogeneity(draft: Draft, rows: np.ndarray) -> float:
    """Chi-square of the account-by-topic table over its degrees of freedom; 1 = drawn from one work queue."""
    counts = np.zeros((int(draft.owner.max()) + 1, 80))
    np.add.at(counts, (draft.owner[rows], draft.topic[rows]), 1)
    counts = counts[counts.sum(axis=1) >= 8]
    counts = counts[:, counts.sum(axis=0) > 0]
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return float(((counts - expected) ** 2 / expected).sum() / freedom)


def first_turns(draft: Draft) -> np.ndarray:
    return (draft.campaign != "") & (draft.turn == 0)


@pytest.fixture(scope="module", params=_ONE_QUEUE)
def worked(scene: Scene, request: pytest.FixtureRequest) -> Draft:
    """What many workers of one queue sent: so many that a gap of ten hours is no chance."""
    return build_campaign(scene, CampaignSpec(request.param, 140), "c", 0)[1]


def test_accounts_of_a_campaign_draw_from_one_queue(worked: Draft) -> None:
    draft = worked
    assert 0.85 < homogeneity(draft, first_turns(draft)) < 1.15
    loads = np.bincount(draft.owner[draft.campaign != ""])
    assert loads.std() / loads.mean() < 0.35  # equalised


def test_all_workers_of_a_queue_pause_once(worked: Draft) -> None:
    times = np.sort(worked.time[first_turns(worked)])
    assert np.diff(times).max() >= PAUSE - HOUR


def test_items_do_not_repeat_across_accounts(worked: Draft) -> None:
    long = [text for row in np.flatnonzero(first_turns(worked)).tolist() if len(text := worked.prompt[row]) > 300]
    assert len(set(long)) == len(long) > 50


def test_specialised_accounts_differ_from_each_other(scene: Scene) -> None:
    _, draft = build_campaign(scene, CampaignSpec(5, 80, skills=3, specialised=True), "c", 0)
    assert homogeneity(draft, first_turns(draft)) > 3.0


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.persona)
def test_honest_accounts_have_own_topics_and_heavy_tails(scene: Scene, recipe: object) -> None:
    people, draft = build_persona(scene, recipe, 40)  # type: ignore[arg-type]  # ids are made from the object itself
    loads = np.bincount(draft.owner, minlength=len(people))
    assert loads.var() / loads.mean() > 5.0  # Poisson would be 1
    assert homogeneity(draft, draft.turn == 0) > 1.4


def test_many_honest_accounts_never_pause_at_once(scene: Scene) -> None:
    _, chat = build_persona(scene, CHAT, 400)
    assert np.diff(np.sort(chat.time)).max() < PAUSE / 2


def test_templates_are_fixed_up_to_rung_five_and_paraphrased_on_six(scene: Scene) -> None:
    for rung, fewest, most in ((1, 1, 1), (5, 2, 4), (6, 400, 10**6)):
        _, draft = build_campaign(scene, CampaignSpec(rung, 60, skills=1), "c", 0)
        texts = [draft.prompt[row] for row in np.flatnonzero(first_turns(draft)).tolist()]
        # Rungs 1 to 5 put the template on the first line.
        heads = {text.split("\n")[0] for text in texts if "\n" in text}
        assert fewest <= len(heads) <= most


def test_low_and_slow_keeps_to_waking_hours_and_small_days(scene: Scene) -> None:
    people, draft = build_campaign(scene, CampaignSpec(4, 60), "c", 0)
    rows = first_turns(draft)
    local = ((draft.time[rows] // HOUR) + people.zone[draft.owner[rows]]) % 24
    assert (local < 5.5).mean() < 0.04
    day = draft.owner[rows] * 1_000_000 + draft.time[rows] // DAY
    assert np.unique(day, return_counts=True)[1].max() <= 20


def test_identities_follow_the_ladder(scene: Scene) -> None:
    sheets = {
        rung: build_campaign(scene, CampaignSpec(rung, 60, requests_per_account_day=4.0), "c", 0)[0] for rung in _RUNGS
    }
    assert len(set(sheets[1].payment)) <= 3
    assert len(set(sheets[2].payment)) == 60
    assert len(set(sheets[2].address.tolist())) <= 10
    for rung in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12):
        cards = [card for card in sheets[rung].payment if card is not None]
        assert len(set(cards)) == len(cards)
        assert len(set(sheets[rung].address.tolist())) == 60
    spans = [np.ptp(sheets[rung].created) for rung in (1, 2, 3, 4, 5, 6)]
    assert spans == sorted(spans)


def test_cover_share_is_kept(scene: Scene) -> None:
    for share in (0.25, 0.5, 0.75):
        _, draft = build_campaign(scene, CampaignSpec(6, 60, cover_share=share), "c", 0)
        assert abs((draft.campaign == "").mean() - share) < 0.1


def test_requests_per_account_day_is_kept(scene: Scene) -> None:
    slow, fast = (
        build_campaign(scene, CampaignSpec(3, 60, requests_per_account_day=daily), "c", 0)[1] for daily in (6.0, 24.0)
    )
    assert 3.0 < len(fast) / len(slow) < 5.0


def test_a_pool_serves_two_labs_and_customers(scene: Scene) -> None:
    people, draft = build_campaign(scene, CampaignSpec(5, 40, kind="pool"), "p", 0)
    assert set(draft.campaign.tolist()) == {"", "pa", "pb"}
    assert {"pa|pb"} < set(people.campaign.tolist()) <= {"pa", "pb", "pa|pb", ""}
    assert 0.5 < (draft.campaign == "").mean() < 0.75
    assert set(people.persona.tolist()) == {"pool"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"rung": 0},
        {"rung": 14},
        {"rung": 9, "kind": "pool"},
        {"rung": 1, "accounts": 1},
        {"rung": 1, "skills": 5},
        {"rung": 1, "cover_share": 1.0},
        {"rung": 1, "requests_per_account_day": 0.0},
    ],
)
def test_impossible_campaigns_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="next:"):
        CampaignSpec(**wrong)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_harvest_nothing_do_no_harm(seed: int) -> None:
    """So few requests that the last workers have none; their cover traffic has nothing to stand beside."""
    campaign = CampaignSpec(10, accounts=20, requests_per_account_day=0.5)
    world = build_world(WorldSpec(accounts=30, days=3, seed=seed, campaigns=(campaign,)))
    harvest = [row for row in world.truth_requests.to_pylist() if row["campaign"]]
    assert 0 < len({row["account_id"] for row in harvest}) < 20
