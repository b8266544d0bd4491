"""Settings held constant, one model, full answers, use against the plan: weak evidence, and none without columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.economics import PLAN_POWER, RANK_PART, SETTINGS_CAP, economics
from stillhunt.score.evidence.findings import Finding
from stillhunt.score.stats.rates import part_bits, rank_ratio
from told import DAY, Array, group_of, told_log

MEMBERS, OUTSIDERS, EACH = 12, 120, 20
ACCOUNTS = MEMBERS + OUTSIDERS
OWNER = np.repeat(np.arange(ACCOUNTS), EACH)
GROUPS = np.maximum(OWNER - MEMBERS + 4, 0) // 4
"""The members' content cluster, then one for every four outsiders."""


def found(frame: Frame) -> dict[str, Finding]:
    return {finding.kind: finding for finding in economics(frame, group_of(frame, MEMBERS))}


def log_with(rng: np.random.Generator, *, plan: list[str] | None = None, **columns: Any) -> Frame:
    return told_log(OWNER, rng.integers(0, 5 * DAY, len(OWNER)), plan=plan, cluster=GROUPS, **columns)


def settings(rng: np.random.Generator, members: Array) -> dict[str, Any]:
    """Outsiders draw from five temperatures and five lengths, each constant; the members' temperatures are given."""
    warm = rng.choice([0.0, 0.2, 0.5, 0.7, 1.0], ACCOUNTS)[OWNER]
    room = rng.choice([256, 512, 1024, 2048, 4096], ACCOUNTS)[OWNER]
    inside = OWNER < MEMBERS
    return {"temperature": np.where(inside, members, warm), "max_tokens": np.where(inside, 3000, room)}


def test_one_rare_setting_held_by_all_speaks_for_up_to_the_cap() -> None:
    rng = np.random.default_rng(1)
    finding = found(log_with(rng, **settings(rng, np.full(len(OWNER), 0.65))))["constant_settings"]
    assert 1.0 < finding.bits <= SETTINGS_CAP
    assert f"{MEMBERS} of {MEMBERS} accounts hold 1 joint settings" in finding.statement


def test_settings_that_vary_within_accounts_say_nothing() -> None:
    rng = np.random.default_rng(2)
    assert (
        found(log_with(rng, **settings(rng, rng.choice([0.1, 0.3, 0.65, 0.9], len(OWNER)))))["constant_settings"].bits
        == 0.0
    )


def test_the_public_setting_says_nothing() -> None:
    """Everybody sends what a popular client sends."""
    frame = log_with(
        np.random.default_rng(3), temperature=np.full(len(OWNER), 0.7), max_tokens=np.full(len(OWNER), 1024)
    )
    assert found(frame)["constant_settings"].bits == 0.0


def test_the_same_number_in_single_precision_is_the_same_setting() -> None:
    warm = np.where(OWNER % 2 == 0, 0.7, float(np.float32(0.7)))
    frame = log_with(np.random.default_rng(4), temperature=warm)
    assert len(np.unique(frame.settings)) == 1


def test_one_model_and_long_answers_rank_high() -> None:
    rng = np.random.default_rng(5)
    inside = OWNER < MEMBERS
    models = np.where(inside | (rng.random(len(OWNER)) < 0.6), "best", "small").tolist()
    tokens = np.where(inside, 900, rng.integers(50, 800, len(OWNER)))
    high = found(log_with(rng, model=models, output_tokens=tokens))["mix_and_answers"]
    low = found(
        log_with(rng, model=np.where(inside & (OWNER % 2 == 0), "small", "best").tolist(), output_tokens=1000 - tokens)
    )
    assert 0.5 < high.bits <= np.log2(0.5 + 0.5 * 3.0)
    assert low["mix_and_answers"].bits < 0.0


def test_use_beyond_the_plan_ranks_high() -> None:
    rng = np.random.default_rng(6)
    plan = ["pro" if number % 2 else "free" for number in range(ACCOUNTS)]
    tokens = np.where(OWNER < MEMBERS, 900, rng.integers(50, 800, len(OWNER)))
    heavy = found(log_with(rng, plan=plan, output_tokens=tokens))["plan_use"]
    assert heavy.bits == pytest.approx(part_bits(rank_ratio(1.0, PLAN_POWER), RANK_PART), abs=0.05)
    light = found(log_with(rng, plan=plan, output_tokens=1000 - tokens))["plan_use"]
    assert light.bits < 0.0


def test_groups_like_the_others_earn_nothing_on_average() -> None:
    rng = np.random.default_rng(7)
    worth = []
    for _ in range(40):
        model = rng.choice(["best", "mid", "small"], len(OWNER)).tolist()
        tokens = rng.lognormal(5.0, 1.0, len(OWNER)).astype(np.int64)
        kept = settings(rng, rng.choice([0.0, 0.2, 0.5, 0.7, 1.0], ACCOUNTS)[OWNER])
        kept["max_tokens"] = rng.choice([256, 512, 1024, 2048, 4096], ACCOUNTS)[OWNER]
        bits = {k: f.bits for k, f in found(log_with(rng, model=model, output_tokens=tokens, **kept)).items()}
        worth.append([2.0 ** bits["constant_settings"], 2.0 ** bits["mix_and_answers"]])
    assert (np.mean(worth, axis=0) < 1.1).all()


def test_columns_that_are_missing_say_nothing() -> None:
    """No settings, no plan, one model for all: nothing is found, and nothing held against anybody."""
    bits = {kind: finding.bits for kind, finding in found(log_with(np.random.default_rng(8))).items()}
    assert set(bits) <= {"mix_and_answers"}
    assert abs(bits.get("mix_and_answers", 0.0)) < 0.4


def test_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    time = rng.integers(0, 5 * DAY, len(OWNER))
    columns = settings(rng, rng.choice([0.65, 0.9], len(OWNER), p=[0.97, 0.03]))
    columns["output_tokens"] = rng.integers(10, 900, len(OWNER))
    columns["model"] = rng.choice(["best", "small"], len(OWNER))
    plan = ["pro" if number % 2 else "free" for number in range(ACCOUNTS)]
    told = []
    for order in (np.arange(len(OWNER)), rng.permutation(len(OWNER))):
        shuffled = {name: values[order] for name, values in columns.items()}
        shuffled["model"] = shuffled["model"].tolist()
        frame = told_log(OWNER[order], time[order], plan=plan, cluster=GROUPS[order], **shuffled)
        told.append({kind: finding.bits for kind, finding in found(frame).items()})
    assert told[0] == told[1]
    assert len(told[0]) == 3
