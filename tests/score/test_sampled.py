"""Logs that are samples: what there would be without, and what the evidence then claims."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import stillhunt
from stillhunt.base.config import Config
from stillhunt.cli.findings import as_document
from stillhunt.collect.inspection import sampled_facts
from stillhunt.score import evidence_needs
from stillhunt.score.output.tables import unsampled
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

NEEDS = evidence_needs()


@pytest.fixture(scope="module")
def world() -> World:
    campaign = CampaignSpec(2, 12, name="plain", requests_per_account_day=30.0)
    return build_world(WorldSpec(accounts=80, days=5, seed=3, campaigns=(campaign,)))


def hunted(world: World, rates: np.ndarray | None) -> stillhunt.Case:
    table = world.requests
    if rates is not None:
        table = table.append_column("sampling_rate", pa.array(rates))
    return stillhunt.hunt(table, world.accounts, Config(seed=4))


@pytest.fixture(scope="module")
def whole(world: World) -> stillhunt.Case:
    return hunted(world, None)


@pytest.fixture(scope="module")
def sampled(world: World) -> stillhunt.Case:
    return hunted(world, np.full(world.requests.num_rows, 0.25))


def test_estimates() -> None:
    values = np.array([10, 20, 30], np.int64)
    assert unsampled(values, None) == 60
    assert unsampled(values, np.array([0.5, 1.0, 0.1])) == 340
    assert unsampled(np.zeros(0, np.int64), np.zeros(0)) == 0
    order = np.random.default_rng(1).permutation(5000)
    many, rates = np.arange(5000), np.tile([0.1, 0.3, 0.7, 1.0], 1250)
    assert unsampled(many, rates) == unsampled(many[order], rates[order])


def test_volumes_are_those_of_all_calls(whole: stillhunt.Case, sampled: stillhunt.Case) -> None:
    before = {row["campaign_id"]: row for row in whole.campaigns.to_pylist()}
    assert any(row["verdict"] == "act" for row in before.values())
    for row in sampled.campaigns.to_pylist():
        other = before[row["campaign_id"]]
        assert row["requests"] == other["requests"] == other["estimated_requests"]
        assert row["estimated_requests"] == 4 * row["requests"]
        assert row["output_tokens"] == 4 * other["output_tokens"]
        assert row["list_value"] == pytest.approx(4 * other["list_value"], abs=0.05)


def test_a_sample_claims_no_more(whole: stillhunt.Case, sampled: stillhunt.Case) -> None:
    def positive(case: stillhunt.Case, kinds: tuple[str, ...]) -> set[str]:
        rows = case.evidence.to_pylist()
        return {
            row["kind"] for row in rows if row["account_id"] is None and row["raw_bits"] > 0 and row["kind"] in kinds
        }

    assert "no_repeats" in positive(whole, NEEDS.every_call)
    assert positive(sampled, NEEDS.every_call) == set()
    assert positive(sampled, NEEDS.even_sampling) == positive(whole, NEEDS.even_sampling) != set()
    scores = {row["campaign_id"]: row["score"] for row in whole.campaigns.to_pylist()}
    assert all(row["score"] <= scores[row["campaign_id"]] for row in sampled.campaigns.to_pylist())


def test_parts_sampled_differently_are_not_compared(world: World) -> None:
    rates = np.where(np.arange(world.requests.num_rows) % 2, 1.0, 0.5)
    kinds = {row["kind"] for row in hunted(world, rates).evidence.to_pylist() if row["raw_bits"] > 0}
    assert not kinds & {*NEEDS.every_call, *NEEDS.even_sampling}


def test_a_log_that_keeps_all_is_no_sample(world: World, whole: stillhunt.Case) -> None:
    case = hunted(world, np.ones(world.requests.num_rows))
    assert case.run["sampled"] == {}
    assert case.campaigns.equals(whole.campaigns)
    assert case.evidence.equals(whole.evidence)


def test_it_is_said(sampled: stillhunt.Case, whole: stillhunt.Case) -> None:
    requests = sampled.run["counts"]["requests"]
    facts = sampled.run["sampled"]
    assert (facts["requests"], facts["estimated_requests"]) == (requests, 4 * requests)
    assert "25 % of calls" in facts["sentence"]
    assert "no_repeats" in facts["sentence"]
    assert facts["sentence"][:40] in sampled.report()
    campaign = sampled.campaigns["campaign_id"][0].as_py()
    assert "those that the log leaves out" in sampled.explain(campaign).text()
    assert "those that the log leaves out" not in whole.explain(campaign).text()
    document = as_document(sampled.model, None, 1.0)
    assert document["sampled"] == facts
    assert document["campaigns"][0]["origins"]
    assert sampled_facts(NEEDS, {1.0: 5}, 10) == {}
