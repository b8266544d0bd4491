"""Rich worlds: honest groups that resemble campaigns, and what campaigns do beside their rung."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from test_campaigns import first_turns, homogeneity
from typer.testing import CliRunner

from stillhunt.base.errors import ConfigError
from stillhunt.cli.app import app
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec, build_campaign
from stillhunt_lab.worlds.grammar import read_data
from stillhunt_lab.worlds.look_alikes import PACK_TEMPLATES, SHEET_ITEMS
from stillhunt_lab.worlds.personas import RECIPES, RICH_RECIPES, persona_counts
from stillhunt_lab.worlds.rungs import Traits
from stillhunt_lab.worlds.scene import Draft, People, Scene

RICH = WorldSpec(accounts=1_200, days=7, seed=5, look_alikes="rich")


def digest(world: World) -> str:
    tables = (world.requests, world.accounts, world.truth_accounts, world.truth_requests)
    return hashlib.sha256(repr(([table.to_pydict() for table in tables], world.sanctioned)).encode()).hexdigest()


@pytest.fixture(scope="module")
def rich() -> World:
    return build_world(RICH)


@pytest.fixture(scope="module")
def requests(rich: World) -> pd.DataFrame:
    """All requests with their account's row and persona."""
    accounts = rich.accounts.join(rich.truth_accounts, "account_id").drop_columns(["organization_id"])
    return rich.requests.to_pandas().merge(accounts.to_pandas(), on="account_id")


def of(requests: pd.DataFrame, persona: str) -> pd.DataFrame:
    return requests[requests.persona == persona]


def accounts_of(requests: pd.DataFrame, persona: str) -> pd.DataFrame:
    return of(requests, persona).drop_duplicates("account_id")


def fixed_words(texts: pd.Series) -> pd.Series:
    """The first two sentences of prompts: who shares a template shares them."""
    return texts.str.split(". ", regex=False).str[:2].str.join(". ")


@pytest.mark.parametrize(
    ("campaigns", "expected"),
    [
        ((), "a97e2ba9928a386e0f35fef50568b1971fd8220eb6c83449bcdbb9668ae25704"),
        (
            (CampaignSpec(5, 10), CampaignSpec(7, 8), CampaignSpec(11, 8), CampaignSpec(4, 8, kind="pool")),
            "b51b04986fd7c2e616f0fc59bbf99b67daa72ffc9a3079728ed827f56dac70d3",
        ),
    ],
)
def test_usual_worlds_stay_as_they_were_before_rich_ones(campaigns: tuple[CampaignSpec, ...], expected: str) -> None:
    assert digest(build_world(WorldSpec(accounts=120, days=4, seed=9, campaigns=campaigns))) == expected


def test_a_rich_world_follows_from_its_seed_and_adds_to_the_usual_one(rich: World) -> None:
    assert digest(build_world(RICH)) == digest(rich)
    usual = build_world(WorldSpec(RICH.accounts, RICH.days, RICH.seed))
    personas = set(rich.truth_accounts["persona"].to_pylist())
    assert personas == RECIPES.keys() | RICH_RECIPES.keys()
    assert set(usual.truth_accounts["persona"].to_pylist()) == RECIPES.keys()
    assert rich.accounts.num_rows == usual.accounts.num_rows == RICH.accounts


def test_all_of_a_rich_world_is_honest_without_campaigns(rich: World) -> None:
    assert set(rich.truth_accounts["campaign"].to_pylist()) == {""}
    assert set(rich.truth_requests["campaign"].to_pylist()) == {""}


def test_chat_gives_way_to_rich_personas() -> None:
    usual, rich = (dict(persona_counts(2_000, rich=rich)) for rich in (False, True))
    by_name = {recipe.persona: count for recipe, count in rich.items()}
    assert sum(rich.values()) == sum(usual.values()) == 2_000
    assert {recipe.persona for recipe, count in rich.items() if usual.get(recipe) != count} == {
        "chat",
        *RICH_RECIPES,
    }
    assert all(by_name[name] >= 2 * recipe.group for name, recipe in RICH_RECIPES.items())


@pytest.mark.parametrize("persona", ["account_shop", "gateway_shop"])
def test_a_shop_pays_with_one_card_for_customers_of_many_kinds(requests: pd.DataFrame, persona: str) -> None:
    own = of(requests, persona)
    shops = own.groupby("payment_fingerprint")
    assert shops.account_id.nunique().min() >= 4
    assert (own.signup_ip.str.rsplit(".", n=1).str[0].groupby(own.payment_fingerprint).nunique() == 1).all()
    assert (shops.temperature.nunique() >= 3).all()
    assert (shops.email_domain.nunique() >= 2).all()
    assert own.turn.gt(0).mean() > 0.1
    assert own.prompt[own.turn == 0].nunique() > 0.95 * (own.turn == 0).sum()


def test_only_the_gateway_sends_for_its_customers(requests: pd.DataFrame) -> None:
    for persona, one in (("gateway_shop", True), ("account_shop", False)):
        shops = of(requests, persona).groupby("payment_fingerprint")
        assert ((shops.user_agent.nunique() == 1) == one).all()
        assert ((shops.client_ip.nunique() <= 3) == one).all()


def test_a_trial_farm_uses_one_account_after_the_other(requests: pd.DataFrame) -> None:
    own = of(requests, "trial_farm")
    own = own.assign(farm=own.client_ip.str.split(".").str[:2].str.join("."))
    for _, farm in own.groupby("farm"):
        spans = farm.groupby("account_id").timestamp.agg(["min", "max"]).sort_values("min")
        assert len(spans) >= 5
        late = (spans["min"].iloc[1:].to_numpy() - spans["max"].iloc[:-1].to_numpy()) / np.timedelta64(1, "h")
        assert late.min() > -2.0  # a last conversation may run on for a while
        cards = farm.payment_fingerprint
        assert cards.nunique() == (1 if cards.notna().all() else 0)
        if cards.isna().all():
            assert farm.signup_ip.str.rsplit(".", n=1).str[0].nunique() == 1
        assert farm.user_agent.nunique() == 1
    assert own.payment_fingerprint.isna().any()
    assert (own.timestamp >= own.created_at).all()


def test_seats_of_an_undeclared_company_share_a_mail_domain_only(requests: pd.DataFrame) -> None:
    seats = accounts_of(requests, "undeclared_company")
    assert seats.groupby("email_domain").size().min() >= 10
    assert seats.payment_fingerprint.is_unique
    assert of(requests, "undeclared_company").organization_id.isna().all()


def test_a_class_repeats_the_items_of_one_sheet(requests: pd.DataFrame) -> None:
    own = of(requests, "class_sheet")
    first = own[(own.turn == 0) & (own.status == 200)]
    for _, course in first.groupby("email_domain"):
        askers = course.groupby("prompt").account_id.nunique()
        sheet = askers[askers >= 3]
        assert 5 <= len(sheet) <= SHEET_ITEMS
        on_the_sheet = course[course.prompt.isin(sheet.index)]
        assert len(on_the_sheet) > 0.7 * len(course)
        assert fixed_words(on_the_sheet.prompt).nunique() == 1


def test_strangers_ask_one_public_judge_several_times_for_each_item(requests: pd.DataFrame) -> None:
    own = of(requests, "public_judge")
    own = own[own.status == 200]
    assert fixed_words(own.prompt).nunique() == 1
    repeats = own.groupby("prompt")
    assert (repeats.account_id.nunique() == 1).all()
    assert repeats.size().mean() > 2.5
    assert own.drop_duplicates("account_id").payment_fingerprint.dropna().is_unique


def test_buyers_of_a_pack_share_templates_and_nothing_else(requests: pd.DataFrame) -> None:
    own = of(requests, "prompt_pack")
    heads = fixed_words(own.prompt[own.turn == 0])
    users = own.account_id.groupby(heads).nunique().sort_values(ascending=False)
    assert (users.iloc[:PACK_TEMPLATES] >= 3).sum() >= PACK_TEMPLATES // 2
    assert 0.5 < heads.isin(users.index[users >= 3]).mean() < 0.95
    assert accounts_of(requests, "prompt_pack").payment_fingerprint.dropna().is_unique


def test_apps_of_one_host_share_its_addresses_and_runtime(requests: pd.DataFrame) -> None:
    own = of(requests, "host_app")
    hosts = own.groupby("user_agent")
    assert hosts.account_id.nunique().tolist() == [10, 10, 4]
    assert hosts.client_ip.nunique().max() <= 3
    assert own.groupby("client_ip").user_agent.nunique().max() == 1
    assert own.system_prompt.nunique() >= 5
    assert accounts_of(requests, "host_app").payment_fingerprint.dropna().is_unique


def built(scene: Scene, traits: Traits, rung: int = 5) -> tuple[People, Draft]:
    return build_campaign(scene, CampaignSpec(rung, 40, traits=traits), "c", 0)


def test_few_cards_pay_for_all_accounts_and_change_nothing_else(scene: Scene) -> None:
    (usual, _), (few, draft) = built(scene, Traits()), built(scene, Traits(cards=3))
    paid = few.payment != None  # noqa: E711 - elementwise
    assert len(set(few.payment[paid].tolist())) == 3
    assert np.array_equal(paid, usual.payment != None)  # noqa: E711 - elementwise
    assert np.array_equal(few.created, usual.created)
    assert set(few.campaign.tolist()) == set(draft.campaign.tolist()) == {"c"}


def test_own_data_is_spoken_of_in_part_of_the_items(scene: Scene) -> None:
    heads = read_data("systems")["items"]["own_data"]

    def share(draft: Draft) -> float:
        rows = np.flatnonzero(first_turns(draft) & (draft.language == 0)).tolist()
        return float(np.mean([any(head in draft.prompt[row] for head in heads) for row in rows]))

    assert share(built(scene, Traits())[1]) == 0.0
    assert 0.25 < share(built(scene, Traits(own_data=0.3))[1]) < 0.35


def test_talk_follows_items_up_as_people_do(scene: Scene) -> None:
    usual, talk = built(scene, Traits())[1], built(scene, Traits(talk=0.6))[1]
    assert (usual.turn > 0).mean() < 0.12
    assert 0.33 < (talk.turn > 0).mean() < 0.42
    later = [len(talk.prompt[row].split()) for row in np.flatnonzero(talk.turn > 0).tolist()]
    assert np.median(later) <= 8


def test_samples_of_one_item_go_to_several_accounts(scene: Scene) -> None:
    _, draft = built(scene, Traits(copies=4))
    rows = np.flatnonzero(first_turns(draft))
    table = pd.DataFrame(
        {"prompt": [draft.prompt[row] for row in rows], "owner": draft.owner[rows], "time": draft.time[rows]}
    )
    samples = table.groupby("prompt")
    assert 3.8 < samples.size().mean() <= 4.5
    assert samples.owner.nunique().mean() > 3.5


def test_items_may_differ_in_numbers_only(scene: Scene) -> None:
    _, draft = build_campaign(
        scene, CampaignSpec(6, 40, cover_share=0.0, template="none", traits=Traits(bases=2)), "c", 0
    )
    texts = pd.Series([draft.prompt[row] for row in np.flatnonzero(first_turns(draft)).tolist()])
    assert texts.is_unique
    assert texts.str.replace(r"\d+", "#", regex=True).nunique() == 2 * len(set(draft.topic.tolist()))


def test_each_specialist_keeps_to_one_subject(scene: Scene) -> None:
    _, draft = built(scene, Traits(subjects=True))
    rows = first_turns(draft)
    subjects = {owner: set(draft.topic[rows & (draft.owner == owner)].tolist()) for owner in set(draft.owner.tolist())}
    assert {len(topics) for topics in subjects.values()} == {1}
    assert len(set.union(*subjects.values())) > 3
    assert homogeneity(draft, rows) > 3.0


def test_banned_accounts_are_replaced_on_any_rung(scene: Scene) -> None:
    usual, replaced = built(scene, Traits())[1], built(scene, Traits(replaced=True))[1]
    assert not (usual.status == 403).any()
    banned = set(replaced.owner[replaced.status == 403].tolist())
    assert len(banned) > 3
    for account in banned:
        own = replaced.owner == account
        assert replaced.time[own & (replaced.status == 403)].max() == replaced.time[own].max()


def test_truth_of_a_campaign_with_traits_is_that_of_its_requests() -> None:
    traits = Traits(cards=2, own_data=0.2, talk=0.3, copies=2, subjects=True, replaced=True)
    spec = WorldSpec(60, 5, 8, (CampaignSpec(5, 20, cover_share=0.4, traits=traits),), "rich")
    world = build_world(spec)
    assert digest(build_world(spec)) == digest(world)
    harvest = world.truth_requests.filter(pc.equal(world.truth_requests["campaign"], "c0"))
    harvesters = world.truth_accounts.filter(pc.equal(world.truth_accounts["campaign"], "c0"))
    assert set(harvest["account_id"].to_pylist()) == set(harvesters["account_id"].to_pylist())
    assert set(harvesters["persona"].to_pylist()) == {"harvest"}


@pytest.mark.parametrize(
    ("rung", "traits"),
    [
        (12, Traits(cards=2)),
        (5, Traits(cards=-1)),
        (5, Traits(copies=0)),
        (5, Traits(bases=-1)),
        (5, Traits(talk=1.5)),
        (5, Traits(own_data=-0.1)),
    ],
)
def test_impossible_traits_are_refused(rung: int, traits: Traits) -> None:
    with pytest.raises(ConfigError, match="next:"):
        CampaignSpec(rung, traits=traits)


def test_the_command_makes_rich_worlds_of_the_first_generator_only(tmp_path: Path) -> None:
    words = [
        "lab",
        "world",
        str(tmp_path / "w"),
        "--rung",
        "0",
        "--accounts",
        "160",
        "--days",
        "3",
        "--rich",
        "--quiet",
    ]
    made = CliRunner().invoke(app, words)
    assert made.exit_code == 0, made.output
    assert set(RICH_RECIPES) <= set(pq.read_table(tmp_path / "w" / "truth" / "accounts.parquet")["persona"].to_pylist())
    for other in (["--generator", "second"], ["--case", "founding"]):
        refused = CliRunner().invoke(app, ["lab", "world", str(tmp_path / "x"), "--rich", *other])
        assert refused.exit_code == 2
    assert not (tmp_path / "x").exists()
