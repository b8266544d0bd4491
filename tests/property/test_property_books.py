"""The case tables agree with each other, with the log, and with the settings; every probability can be rebuilt."""

from __future__ import annotations

import gc
import weakref
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from small_log import SmallLog, Stages, act_campaigns, flagged_accounts, with_changes

import stillhunt
from stillhunt import score
from stillhunt.base.config import Config
from stillhunt.base.families import LIMIT_FAMILIES, OTHERS, PRIOR, SIGN_KINDS
from stillhunt.base.schema_case import HARVEST_FACTS
from stillhunt.score import rebuild_verdict, verdict_differences
from stillhunt.score.context.log import ScoredLog, read_log
from stillhunt.score.verdict.explanations import EXPLANATIONS
from stillhunt.score.verdict.members import P as MEMBERS

LINKAGE = ("identity", "network", "timing")
PLAN = ("content", "queue")
Tables = dict[str, pa.Table]


@pytest.fixture(scope="session", params=["as found", "reviews too", "half of it sanctioned", "unmoved by evidence"])
def judged(request: pytest.FixtureRequest, log: SmallLog, stages: Stages) -> tuple[Tables, Config]:
    """Case tables and the settings that they were made with."""
    config = {
        "as found": log.config,
        "reviews too": with_changes(log.config, score={"prior_bits": -6.0, "act_probability": 0.9999}),
        "half of it sanctioned": with_changes(log.config, sanctioned={"accounts": tuple(sorted(log.harvesters)[::2])}),
        "unmoved by evidence": with_changes(log.config, score={"prior_bits": -200.0}),
    }[request.param]
    return stages.scored(config), config


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def bits_by(tables: Tables) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Sums of bits of every campaign and of every member."""
    campaign: defaultdict[str, float] = defaultdict(float)
    member: defaultdict[tuple[str, str], float] = defaultdict(float)
    for row in rows_of(tables["evidence"]):
        if row["account_id"] is None:
            campaign[row["campaign_id"]] += row["bits"]
        else:
            member[row["campaign_id"], row["account_id"]] += row["bits"]
    return campaign, member


def probability(bits: float) -> float:
    return 1.0 / (1.0 + 2.0**-bits)


def findings_of(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    """The findings about each whole campaign: rows of evidence that state no rule."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in tables["campaigns"]["campaign_id"].to_pylist()}
    for row in rows_of(tables["evidence"]):
        if row["account_id"] is None and row["family"] not in (PRIOR, OTHERS, *LIMIT_FAMILIES):
            found[row["campaign_id"]].append(row)
    return found


def odds_of(tables: Tables) -> dict[str, dict[str, float]]:
    """Log2 odds of a harvest against each explanation, of each campaign."""
    odds: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for row in rows_of(tables["evidence"].filter(pc.equal(tables["evidence"]["family"], OTHERS))):
        assert row["account_id"] is None
        assert row["kind"] not in odds[row["campaign_id"]]
        odds[row["campaign_id"]][row["kind"]] = row["raw_bits"]
    return odds


def test_the_settings_make_different_cases(log: SmallLog, stages: Stages) -> None:
    """Else the checks below would all look at one case."""
    found = stages.scored(log.config)
    assert found["campaigns"].num_rows > 1
    assert act_campaigns(found) == [log.harvesters]
    unmoved = stages.scored(with_changes(log.config, score={"prior_bits": -200.0}))
    assert set(unmoved["campaigns"]["verdict"].to_pylist()) == {"none"}


def test_evidence_rebuilds_every_probability(judged: tuple[Tables, Config]) -> None:
    tables, config = judged
    campaign, member = bits_by(tables)
    assert set(campaign) == set(tables["campaigns"]["campaign_id"].to_pylist())
    for row in rows_of(tables["campaigns"]):
        assert row["score"] == pytest.approx(probability(campaign[row["campaign_id"]]), abs=1e-9)
    assert tables["members"].num_rows == len(member)
    for row in rows_of(tables["members"]):
        given = probability(member[row["campaign_id"], row["account_id"]])
        assert row["score"] == pytest.approx(probability(campaign[row["campaign_id"]]) * given, abs=1e-9)
    possible = {config.score.prior_bits if one.prior is None else one.prior for one in EXPLANATIONS}
    for row in rows_of(tables["evidence"].filter(pc.equal(tables["evidence"]["family"], PRIOR))):
        if row["account_id"] is None:
            assert row["bits"] in possible
        else:
            assert 0.0 <= row["bits"] <= MEMBERS.most_prior_bits


def test_the_score_is_bayes_rule_over_the_explanations(judged: tuple[Tables, Config]) -> None:
    """Straight from the odds that the rows state."""
    tables, _ = judged
    odds = odds_of(tables)
    for row in rows_of(tables["campaigns"]):
        assert row["kind"] in ("harvest", "not_known"), "no accounts of this log pose as separate customers"
        against = sum(2.0**-bits for bits in odds[row["campaign_id"]].values())
        assert row["score"] == pytest.approx(1.0 / (1.0 + against), abs=1e-9)


def test_every_verdict_follows_from_its_evidence_bit_for_bit(
    judged: tuple[Tables, Config], case: stillhunt.Case
) -> None:
    tables, config = judged
    budget = case.run["budget"]
    for row in rows_of(tables["campaigns"]):
        evidence, members = (
            tables[name].filter(pc.equal(tables[name]["campaign_id"], row["campaign_id"]))
            for name in ("evidence", "members")
        )
        facts = (budget["accounts"], budget["days"])
        rebuilt = rebuild_verdict(evidence, members, tables["accounts"], config, *facts)
        assert verdict_differences(rebuilt, row, evidence, members, tables["accounts"]) == []


def test_an_account_has_the_score_of_its_strongest_membership(judged: tuple[Tables, Config]) -> None:
    tables, _ = judged
    best: defaultdict[str, float] = defaultdict(float)
    for row in rows_of(tables["members"]):
        best[row["account_id"]] = max(best[row["account_id"]], row["score"])
    for row in rows_of(tables["accounts"]):
        assert row["score"] == best[row["account_id"]]


def test_verdicts_follow_the_thresholds(judged: tuple[Tables, Config]) -> None:
    tables, config = judged
    settings = config.score
    found = findings_of(tables)
    limited = set(
        tables["evidence"].filter(pc.is_in(tables["evidence"]["family"], pa.array(LIMIT_FAMILIES)))[0].to_pylist()
    )
    for row in rows_of(tables["campaigns"]):
        name = row["campaign_id"]
        assert set(row["families"]) <= {one["family"] for one in found[name] if one["raw_bits"] > 0.0}
        said = "act" if row["score"] >= settings.act_probability else "review"
        said = said if row["score"] >= settings.review_probability else "none"
        assert (row["verdict"] != said) == (name in limited), "lower than the probability says, with a reason"
        if row["verdict"] == "act":
            assert row["score"] >= settings.act_probability
            assert len(row["families"]) >= 2
            assert set(row["families"]) & set(PLAN), "identity and network alone never convict"
        if row["verdict"] == "review":
            assert row["score"] >= settings.review_probability
        if row["verdict"] != "none":
            assert row["accounts"] >= config.resolve.min_accounts


def test_flags_are_acts_and_name_a_live_campaign(judged: tuple[Tables, Config]) -> None:
    tables, config = judged
    verdict = dict(zip(*(tables["campaigns"][c].to_pylist() for c in ("campaign_id", "verdict")), strict=True))
    memberships = set(zip(*(tables["members"][c].to_pylist() for c in ("account_id", "campaign_id")), strict=True))
    for row in rows_of(tables["accounts"]):
        assert row["flagged"] == (row["verdict"] == "act")
        if row["campaign_id"] is not None:
            assert verdict[row["campaign_id"]] in ("act", "review")
            assert (row["account_id"], row["campaign_id"]) in memberships
        if row["flagged"]:
            assert verdict[row["campaign_id"]] == "act"
            assert row["score"] >= config.score.act_probability
            assert row["reasons"]
        if row["verdict"] == "review":
            assert row["score"] >= config.score.review_probability


def test_bits_stay_within_their_caps(judged: tuple[Tables, Config]) -> None:
    """What is against in a family leaves room for as much more; who the accounts say they are is a prior."""
    tables, config = judged
    caps = config.score.family_cap_bits.model_dump()
    for name, found in findings_of(tables).items():
        capped = [one for one in found if one["kind"] not in SIGN_KINDS and not one["independent"]]
        for family, cap in caps.items():
            own = [one for one in capped if one["family"] == family]
            room = sum(max(-one["raw_bits"], 0.0) for one in own)
            assert sum(max(one["bits"], 0.0) for one in own) <= cap + room + 1e-9, (name, family)
        linkage = sum(max(one["bits"], 0.0) for one in capped if one["family"] in LINKAGE)
        assert linkage <= config.score.linkage_cap_bits + 1e-9


def test_every_harvested_request_belongs_to_its_slice_and_account(
    judged: tuple[Tables, Config], stages: Stages
) -> None:
    tables, _ = judged
    columns = ["request_id", "account_id", *HARVEST_FACTS]
    sent = {row["request_id"]: row for row in rows_of(stages.traffic.select(columns))}
    slices = {row["slice_id"]: row for row in rows_of(tables["slices"])}
    members = set(zip(*(tables["members"][c].to_pylist() for c in ("account_id", "campaign_id")), strict=True))
    assert len(slices) == tables["slices"].num_rows
    for row in rows_of(tables["harvest"]):
        own = slices[row["slice_id"]]
        assert own["account_id"] == sent[row["request_id"]]["account_id"]
        for name in HARVEST_FACTS:
            assert row[name] == sent[row["request_id"]][name], name
        assert own["campaign_id"] == row["campaign_id"]
        assert (own["account_id"], row["campaign_id"]) in members
    listed = tables["harvest"]["request_id"].to_pylist()
    assert len(set(listed)) == len(listed), "a request is harvested once"


def test_counts_agree_between_the_tables(judged: tuple[Tables, Config], stages: Stages) -> None:
    tables, _ = judged
    live = {row["campaign_id"] for row in rows_of(tables["campaigns"]) if row["verdict"] != "none"}
    harvested = Counter(tables["harvest"]["campaign_id"].to_pylist())
    by_slice = Counter(tables["harvest"]["slice_id"].to_pylist())
    in_members: Counter[str] = Counter()
    by_account: Counter[str] = Counter()
    for row in rows_of(tables["members"]):
        in_members[row["campaign_id"]] += row["requests"]
        by_account[row["account_id"]] += row["requests"] if row["campaign_id"] in live else 0
    heads = Counter(tables["members"]["campaign_id"].to_pylist())
    for row in rows_of(tables["campaigns"]):
        assert row["accounts"] == heads[row["campaign_id"]]
        assert row["requests"] == in_members[row["campaign_id"]]
        assert harvested[row["campaign_id"]] == (row["requests"] if row["campaign_id"] in live else 0)
    sent: Counter[str] = Counter()
    for row in rows_of(tables["slices"]):
        assert row["harvest_requests"] == by_slice[row["slice_id"]]
        assert (row["campaign_id"] is not None) == (row["harvest_requests"] > 0)
        sent[row["account_id"]] += row["requests"]
    traffic = Counter(stages.traffic["account_id"].to_pylist())
    for row in rows_of(tables["accounts"]):
        assert row["requests"] == sent[row["account_id"]] == traffic[row["account_id"]]
        assert row["harvest_requests"] == by_account[row["account_id"]]
    for row in rows_of(tables["members"]):
        assert row["share"] == pytest.approx(row["requests"] / traffic[row["account_id"]])


def test_a_campaign_sums_up_its_requests(case: stillhunt.Case, log: SmallLog) -> None:
    """Times, models, tokens and value, straight from the log."""
    prices = log.config.report.default_price
    by_id = {row["request_id"]: row for row in rows_of(log.requests.drop_columns(["prompt", "system_prompt"]))}
    own: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_of(case.harvest):
        own[row["campaign_id"]].append(by_id[row["request_id"]])
    for row in rows_of(case.campaigns):
        requests = own[row["campaign_id"]]
        assert row["first_seen"] == min(r["timestamp"] for r in requests)
        assert row["last_seen"] == max(r["timestamp"] for r in requests)
        assert row["output_tokens"] == sum(r["output_tokens"] or 0 for r in requests)
        models = Counter(r["model"] for r in requests)
        assert set(row["models"]) == set(models)
        assert row["models"][0] == min(models, key=lambda model: (-models[model], model))
        value = sum(
            (r["input_tokens"] or 0) * prices.input + (r["output_tokens"] or 0) * prices.output for r in requests
        )
        assert row["list_value"] == pytest.approx(value / 1e6, abs=0.01)


def test_cited_requests_exist_and_are_its_own(judged: tuple[Tables, Config], stages: Stages) -> None:
    tables, _ = judged
    owner = dict(zip(*(stages.traffic[c].to_pylist() for c in ("request_id", "account_id")), strict=True))
    members = set(zip(*(tables["members"][c].to_pylist() for c in ("account_id", "campaign_id")), strict=True))
    for row in rows_of(tables["evidence"]):
        assert len(row["request_ids"]) <= min(50, row["request_count"])
        for request in row["request_ids"]:
            assert (owner[request], row["campaign_id"]) in members
            assert row["account_id"] in (None, owner[request])


def test_campaigns_are_named_once_and_stand_by_strength(judged: tuple[Tables, Config]) -> None:
    tables, _ = judged
    names = tables["campaigns"]["campaign_id"].to_pylist()
    assert len(set(names)) == len(names)
    odds, _ = bits_by(tables)
    for verdicts in (("act", "review"), ("none",)):
        strengths = [odds[r["campaign_id"]] for r in rows_of(tables["campaigns"]) if r["verdict"] in verdicts]
        assert np.all(np.diff(strengths) <= 1e-9)


def test_sanctioned_programmes_are_shown_and_never_flagged(log: SmallLog, stages: Stages) -> None:
    declared = set(sorted(log.harvesters)[::2])
    tables = stages.scored(with_changes(log.config, sanctioned={"accounts": tuple(sorted(declared))}))
    accounts = {row["account_id"]: row for row in rows_of(tables["accounts"])}
    for name in sorted(declared):
        assert accounts[name]["sanctioned"]
        assert accounts[name]["verdict"] == "none"
        assert "allowed" in accounts[name]["reasons"][0]
        assert accounts[name]["score"] > 0.9, "the score stays what the evidence says"
        assert accounts[name]["campaign_id"] is not None
    assert flagged_accounts(tables) == log.harvesters - declared
    assert act_campaigns(tables) == [log.harvesters], "a sanctioned member is still shown"


def test_a_sanctioned_organisation_covers_its_accounts(log: SmallLog, stages: Stages) -> None:
    known = log.accounts.filter(pc.is_valid(log.accounts["organization_id"]))
    organisation, count = Counter(known["organization_id"].to_pylist()).most_common(1)[0]
    assert count > 1
    tables = stages.scored(with_changes(log.config, sanctioned={"organizations": (organisation,)}))
    expected = set(known.filter(pc.equal(known["organization_id"], organisation))["account_id"].to_pylist())
    shown = {row["account_id"] for row in rows_of(tables["accounts"]) if row["sanctioned"]}
    assert shown == expected & set(log.requests["account_id"].to_pylist())


def test_thresholds_act_as_they_say(log: SmallLog, stages: Stages) -> None:
    found = stages.scored(log.config)
    odds = max(bits_by(found)[0].values())
    just_above = probability(odds + 0.5)
    assert just_above < 1.0
    stricter = stages.scored(with_changes(log.config, score={"act_probability": just_above}))
    assert not flagged_accounts(stricter)
    assert "review" in stricter["campaigns"]["verdict"].to_pylist()
    assert set(stricter["accounts"]["verdict"].to_pylist()) == {"none", "review"}
    strictest = {"act_probability": just_above, "review_probability": just_above}
    silent = stages.scored(with_changes(log.config, score=strictest))
    assert set(silent["campaigns"]["verdict"].to_pylist()) == {"none"}
    assert silent["harvest"].num_rows == 0
    assert silent["accounts"]["campaign_id"].null_count == silent["accounts"].num_rows
    one_family = stages.scored(with_changes(log.config, score={"family_floor_bits": 100.0}))
    assert not flagged_accounts(one_family), "no family stands, so nobody is flagged"
    too_few = stages.scored(with_changes(log.config, resolve={"min_accounts": len(log.harvesters) + 1}))
    assert not flagged_accounts(too_few)


def test_prior_moves_the_odds_against_separate_customers_alone(log: SmallLog, stages: Stages) -> None:
    base, moved = (
        odds_of(stages.scored(with_changes(log.config, score={"prior_bits": prior}))) for prior in (-13.0, -10.5)
    )
    assert base
    for name in base.keys() & moved.keys():
        by = {key: moved[name][key] - odds for key, odds in base[name].items()}
        shared = by.pop("public")  # the doubt of low odds, which all explanations have alike
        assert shared >= -1e-9
        for key, moved_by in by.items():
            assert moved_by - shared == pytest.approx(2.5 if key == "chance" else 0.0, abs=1e-9)


def test_the_log_is_freed_with_the_score(log: SmallLog, stages: Stages, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is most of what a hunt holds, and what is told of the campaigns afterwards needs the room."""
    read: list[weakref.ref[ScoredLog]] = []

    def reading(*tables: pa.Table) -> ScoredLog:
        made = read_log(*tables)
        made.comparisons["known"] = made  # as a comparison does, which refers to its log
        read.append(weakref.ref(made))
        return made

    monkeypatch.setattr(score, "read_log", reading)
    gc.disable()
    try:
        stages.scored(log.config)
        assert read[0]() is None
    finally:
        gc.enable()
