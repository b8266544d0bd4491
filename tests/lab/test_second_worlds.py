"""The second generator: repeatable, true to its own truth, and different where its rungs say so."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.schema import REQUESTS
from stillhunt_lab.second_worlds.build import build_second_world, lay_out
from stillhunt_lab.second_worlds.kinds import CUSTOMER_KINDS
from stillhunt_lab.second_worlds.records import Block
from stillhunt_lab.second_worlds.scene import Scene, open_scene
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World

TABLES = ("requests", "accounts", "truth_accounts", "truth_requests")


@cache
def world(rung: int) -> World:
    return build_second_world(SecondSpec(rung, accounts=120, days=10, seed=5, campaign_accounts=30))


@cache
def laid_out(rung: int) -> tuple[Scene, dict[str, Block]]:
    scene = open_scene(SecondSpec(rung, accounts=400 if rung == 3 else 50, seed=6, campaign_accounts=60))
    return scene, {block.name: block for block in lay_out(scene)}


def homogeneity(scene: Scene, block: Block, harvested: bool) -> float:
    """Chi-square of the account-by-topic table of first turns over its degrees of freedom; 1 = one work queue."""
    calls = block.calls
    rows = (calls.turn == 0) & (calls.status == 200) & ((calls.campaign >= 0) == harvested)
    table = np.zeros((len(block.people), len(scene.texts.popularity)))
    distinct = np.unique(np.stack([calls.owner[rows], calls.job[rows]]), axis=1)  # a second try is no second item
    np.add.at(table, (distinct[0], block.jobs.topic[distinct[1]]), 1)
    table = table[table.sum(1) >= 8]
    table = table[:, table.sum(0) >= 12]
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(((table - expected) ** 2 / expected).sum() / freedom)


def harvested_prompts(built: World) -> pd.DataFrame:
    requests = built.requests.to_pandas()
    return requests[(built.truth_requests["campaign"].to_pandas() != "").to_numpy()]


def test_one_spec_one_world() -> None:
    spec = SecondSpec(6, accounts=50, seed=9, days=4, campaign_accounts=12)
    first, second = build_second_world(spec), build_second_world(spec)
    for name in TABLES:
        assert getattr(first, name).equals(getattr(second, name)), name
    other = build_second_world(SecondSpec(6, accounts=50, seed=10, days=4, campaign_accounts=12))
    assert not first.requests.equals(other.requests)


def test_honest_rows_do_not_depend_on_the_campaigns() -> None:
    with_campaign, without = world(1), world(0)
    honest = with_campaign.requests.filter(pc.equal(with_campaign.truth_requests["campaign"], ""))
    assert honest.num_rows == without.requests.num_rows < with_campaign.requests.num_rows
    assert honest.sort_by("request_id").equals(without.requests.sort_by("request_id"))


@pytest.mark.parametrize("rung", [0, 1, 8, 11])
def test_truth_and_tables_agree(rung: int) -> None:
    built = world(rung)
    assert set(built.requests.column_names) <= {column.name for column in REQUESTS.columns}
    requests, accounts = built.requests.to_pandas(), built.accounts.to_pandas().set_index("account_id")
    truth = built.truth_requests.to_pandas()
    assert requests.request_id.is_unique
    assert accounts.index.is_unique
    assert requests.request_id.tolist() == truth.request_id.tolist()
    assert requests.timestamp.is_monotonic_increasing
    assert (requests.timestamp.to_numpy() > accounts.created_at.reindex(requests.account_id).to_numpy()).all()
    worked_for = (
        truth[truth.campaign != ""].groupby("account_id").campaign.agg(lambda names: "|".join(sorted(set(names))))
    )
    named = built.truth_accounts.to_pandas().set_index("account_id").campaign
    assert named[named != ""].to_dict() == worked_for.to_dict()
    assert (rung > 0) == bool(len(worked_for))


def test_honest_world_holds_its_look_alikes() -> None:
    _, blocks = laid_out(3)
    assert {kind.name for kind in CUSTOMER_KINDS} - {"contract_reseller", "contract_author"} <= set(blocks)
    assert len(CUSTOMER_KINDS) >= 18
    big = build_second_world(SecondSpec(0, accounts=1000, days=4, seed=1))
    personas = set(big.truth_accounts["persona"].to_pylist())
    assert {"contract_reseller", "contract_author"} <= personas
    declared = set(big.accounts["organization_id"].to_pylist())
    assert big.sanctioned
    assert set(big.sanctioned) <= declared


def test_later_turns_failures_and_second_tries_occur() -> None:
    requests = world(0).requests.to_pandas()
    assert 0.2 < (requests.turn > 0).mean() < 0.7
    assert {200, 429, 500, 503, 529} <= set(requests.status)
    assert 0.002 < (requests.status != 200).mean() < 0.06
    again = requests[requests.duplicated(["account_id", "prompt"])]
    assert len(again) / len(requests) > 0.005
    assert (requests.prompt.str.len() > 0).all()
    assert (requests.output_tokens[requests.status != 200] == 0).all()


@pytest.mark.parametrize("rung", [3, 5, 6, 7, 11, 12])
def test_campaigns_draw_from_one_queue_and_honest_groups_do_not(rung: int) -> None:
    scene, blocks = laid_out(rung)
    assert 0.8 < homogeneity(scene, blocks["c0"], harvested=True) < 1.25
    if rung == 3:
        honest = {
            name: homogeneity(scene, blocks[name], harvested=False)
            for name in ("talker", "polymath", "kit_user", "product")
        }
        assert min(honest.values()) > 1.3, honest
        assert honest["kit_user"] > 4 < honest["product"]


def test_no_item_is_done_twice_but_for_lost_receipts() -> None:
    _, blocks = laid_out(5)
    calls = blocks["c0"].calls
    pairs = np.unique(np.stack([calls.job, calls.owner]), axis=1)
    _, owners = np.unique(pairs[0], return_counts=True)
    assert 0 < (owners > 1).mean() < 0.02


def recurring(prompts: pd.DataFrame, length: int) -> float:
    """Largest part of an account's requests that share one run of words, median over accounts."""
    shares = []
    for _, group in prompts[prompts.turn == 0].groupby("account_id"):
        texts = group.prompt.drop_duplicates().tolist()
        if len(texts) < 10:
            continue
        counts: Counter[str] = Counter()
        for text in texts:
            words = text.split()
            counts.update({" ".join(words[k : k + length]) for k in range(len(words) - length + 1)})
        shares.append(counts.most_common(1)[0][1] / len(texts))
    assert shares
    return float(np.median(shares))


def test_templates_are_fixed_then_paraphrased_then_gone() -> None:
    fixed, paraphrased, oblique = (recurring(harvested_prompts(world(rung)), 5) for rung in (1, 6, 7))
    assert fixed > 0.8
    assert oblique < 0.12 < paraphrased < fixed


def test_pool_serves_labs_and_customers() -> None:
    built = world(8)
    truth = built.truth_requests.to_pandas().merge(
        built.truth_accounts.to_pandas(), on="account_id", suffixes=("", "_all")
    )
    pool = truth[truth.persona == "pool"]
    assert set(pool.campaign) == {"", "c0-lab0", "c0-lab1", "c0-lab2"}
    assert 0.5 < (pool.campaign == "").mean() < 0.9
    assert pool.campaign_all.str.contains("|", regex=False).any()


def test_relays_carry_a_rival_harness_and_replay_sessions() -> None:
    prompts = harvested_prompts(world(9))
    assert 0.3 < prompts.system_prompt.notna().mean() < 0.8
    assert prompts.system_prompt.str.contains("Mirolo|Kestrel|Opal").sum() == prompts.system_prompt.notna().sum()
    long = prompts[(prompts.prompt.str.len() > 60) & (prompts.status == 200)]
    accounts = long.groupby("prompt").account_id.nunique()
    assert 0.05 < (accounts > 1).mean() < 0.3


def test_channels_and_replacements() -> None:
    assert harvested_prompts(world(10)).channel.nunique() >= 4
    prompts = harvested_prompts(world(11))
    refused = prompts[prompts.status == 403]
    last = prompts[prompts.status == 200].groupby("account_id").timestamp.max()
    first = prompts.groupby("account_id").timestamp.min()
    banned = sorted(set(refused.account_id))
    assert len(banned) >= 8
    swap = refused.timestamp.min()
    assert (last[banned] < swap + pd.Timedelta(days=1.5)).all()
    replacements = first[first > swap - pd.Timedelta(hours=1)]
    assert len(replacements) >= 8
    undone = set(refused.prompt)  # what a banned account was refused is done by another
    done = set(prompts[(prompts.status == 200) & (prompts.timestamp > swap)].prompt)
    assert len(undone & done) > 0.7 * len(undone)


def test_loads_are_unequal_among_customers_and_equal_in_campaigns() -> None:
    _, blocks = laid_out(3)
    spread = {}
    for name in ("talker", "tinkerer", "product", "c0"):
        counts = np.bincount(blocks[name].calls.owner)
        spread[name] = counts.std() / counts.mean()
    assert spread.pop("c0") < 0.6 < min(spread.values())


def test_real_texts_serve_both_sides(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    topics = rng.integers(0, 12, 60_000)
    texts = [f"real text number {number} on topic {topic}" for number, topic in enumerate(topics.tolist())]
    file = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": texts, "topic": topics, "kind": ["chat"] * 60_000}), file)
    built = build_second_world(SecondSpec(4, accounts=150, seed=2, campaign_accounts=20, texts=file))
    honest = built.truth_requests["campaign"].to_pandas() == ""
    prompts = built.requests["prompt"].to_pandas()
    from_file = prompts.str.extract(r"real text number (\d+) on")[0]
    assert from_file[honest.to_numpy()].notna().mean() > 0.6 < from_file[~honest.to_numpy()].notna().mean()
    seen = from_file.dropna()
    both = set(seen[honest.reindex(seen.index)]) & set(seen[~honest.reindex(seen.index)])
    assert not both  # texts are drawn without replacement, so none tells honest from harvesting


def test_faulty_orders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rung 14 is not built"):
        SecondSpec(14)
    with pytest.raises(ConfigError, match="accounts is 3"):
        SecondSpec(1, accounts=3)
    pq.write_table(pa.table({"words": ["a"]}), tmp_path / "odd.parquet")
    with pytest.raises(InputError, match="no column text, topic"):
        build_second_world(SecondSpec(0, texts=tmp_path / "odd.parquet"))
    pq.write_table(pa.table({"text": ["short"], "topic": [1]}), tmp_path / "short.parquet")
    with pytest.raises(InputError, match="no text is long enough"):
        build_second_world(SecondSpec(0, texts=tmp_path / "short.parquet"))
    with pytest.raises(InputError, match="cannot be read"):
        build_second_world(SecondSpec(0, texts=tmp_path / "absent.parquet"))


def test_specialists_work_on_one_queue_each() -> None:
    spec = SecondSpec(2, accounts=50, seed=9, days=4, campaign_accounts=12, specialists=3)
    world = build_second_world(spec)
    everybody = build_second_world(replace(spec, specialists=0))
    for built, most in ((world, 3), (everybody, 1)):
        texts = dict(zip(built.requests["request_id"].to_pylist(), built.requests["prompt"].to_pylist(), strict=True))
        openings: dict[str, set[str]] = {}
        for row in built.truth_requests.to_pylist():
            if row["campaign"]:
                opening = " ".join((texts[row["request_id"]] or "").split()[:4])
                openings.setdefault(row["account_id"], set()).add(opening)
        apart = [len(one & other) == 0 for one in openings.values() for other in openings.values()]
        assert any(apart) == (most > 1)
