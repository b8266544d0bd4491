"""What requests ask for, and what speaks for people with matters of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.log_facts import FOLLOW_UP
from stillhunt.score.evidence.conduct import ANY_OF_THEM, ASKS, OWN_DATA, TRAITS, asked_conduct, own_matters
from stillhunt.score.evidence.findings import Finding
from told import DAY, HOUR, group_of, told_log

from stillhunt.extract.text.conduct import BITS

MEMBERS, EACH = 12, 30
ROWS = MEMBERS * EACH


def log_with(rng: np.random.Generator, **columns: Any) -> Frame:
    """The members' log: every column as given, times at random over ten days."""
    owner = np.repeat(np.arange(MEMBERS), EACH)
    return told_log(owner, rng.integers(0, 10 * DAY, ROWS), **columns)


def flagged(rng: np.random.Generator, share: float, flag: int) -> Finding:
    conduct = np.where(rng.random(ROWS) < share, flag, 0)
    frame = log_with(rng, conduct=conduct)
    return asked_conduct(frame, group_of(frame, MEMBERS))


def matters(frame: Frame) -> dict[str, Finding]:
    return {finding.kind: finding for finding in own_matters(frame, group_of(frame, MEMBERS))}


def test_traits_are_flags_of_the_text_pass() -> None:
    masks = [trait.flags for trait in ASKS]
    assert masks == [
        BITS["REASONING"] | BITS["TRACE_FORMAT"],
        BITS["RUBRIC"],
        BITS["CLEAN_TRACE"],
        BITS["EXTRACTION_PROBE"] | BITS["TRANSLATE_TRACE"],
        BITS["AGENT_TRAJECTORY"],
    ]
    assert sum(masks) == ANY_OF_THEM.flags, "no flag in two traits, none left out"
    assert (BITS["OWN_DATA"], BITS["FOLLOW_UP"]) == (OWN_DATA, FOLLOW_UP)
    assert 0 < sum(trait.weight for trait in TRAITS) < 1


@pytest.mark.parametrize("trait", ASKS, ids=lambda trait: trait.words)
def test_each_trait_speaks_for_and_stays_below_the_cap(trait: Any) -> None:
    found = flagged(np.random.default_rng(1), 0.9, trait.flags)
    assert 0.5 < found.bits <= 4.0
    assert "90%" in found.statement or "9" in found.statement
    assert found.count == pytest.approx(0.9 * ROWS, rel=0.1)
    assert 0 < len(found.rows) <= 50


def test_nothing_asked_costs_little_and_a_tenth_is_no_habit() -> None:
    rng = np.random.default_rng(2)
    assert -1.4 < flagged(rng, 0.0, 1).bits < 0.0
    assert flagged(rng, 0.1, 1).bits < 0.0


def test_several_skills_at_once_are_seen() -> None:
    """A fifth of each of four: no trait alone is a habit, together they are."""
    rng = np.random.default_rng(3)
    mixed = np.choose(rng.integers(0, 5, ROWS), [1, 1 << 2, 1 << 3, 1 << 5, 0])
    frame = log_with(rng, conduct=mixed)
    assert asked_conduct(frame, group_of(frame, MEMBERS)).bits > -0.5


def test_what_other_groups_ask_for_is_usual() -> None:
    """Where half of all groups grade with a model, grading says less; one campaign's groups move nothing."""
    rng = np.random.default_rng(4)

    def bits(groups_that_grade: int, size: int) -> float:
        owner = np.repeat(np.arange(MEMBERS + 20), np.r_[np.full(MEMBERS, EACH), np.full(20, size)])
        cluster = np.maximum(owner - MEMBERS + 1, 0)
        grades = (owner < MEMBERS) | ((owner >= MEMBERS) & (owner < MEMBERS + groups_that_grade))
        frame = told_log(owner, rng.integers(0, DAY, len(owner)), cluster=cluster, conduct=np.where(grades, 1 << 2, 0))
        return asked_conduct(frame, group_of(frame, MEMBERS)).bits

    alone = bits(0, 50)
    assert bits(10, 50) < alone - 0.3
    assert bits(2, 5_000) == pytest.approx(alone, abs=0.01), "two huge campaigns of the same kind are cut away"


def test_mean_over_honest_groups_is_at_most_one() -> None:
    """Groups all or nothing, drawn as the null says, for every trait at once."""
    rng = np.random.default_rng(5)
    worth = []
    for _ in range(150):
        conduct = np.zeros(ROWS, np.int64)
        for trait in ASKS:
            share = rng.beta(trait.usual, 1.0 - trait.usual)
            conduct |= np.where(rng.random(ROWS) < share, trait.flags & -trait.flags, 0)
        frame = log_with(rng, conduct=conduct)
        worth.append(2.0 ** asked_conduct(frame, group_of(frame, MEMBERS)).bits)
    assert np.mean(worth) < 1.1


def test_own_matters_speak_against() -> None:
    rng = np.random.default_rng(6)
    checks = np.tile(np.arange(EACH) % 5 + 1, MEMBERS) + np.repeat(np.arange(MEMBERS), EACH) * 100
    frame = log_with(
        rng,
        conduct=np.where(rng.random(ROWS) < 0.4, OWN_DATA, 0),
        prompt_hash=checks,
        conversation=np.arange(ROWS) // 3,
        turn=np.arange(ROWS) % 3,
        words=np.full(ROWS, 5),
    )
    found = matters(frame)
    assert set(found) == {"own_data", "own_checks", "talk"}
    assert all(finding.bits < -1.0 for finding in found.values()), {k: f.bits for k, f in found.items()}


def test_machines_without_own_matters_earn_next_to_nothing() -> None:
    frame = log_with(np.random.default_rng(7), turn=np.zeros(ROWS, np.int64))
    assert all(-0.3 <= finding.bits <= 0.5 for finding in matters(frame).values())


def test_talk_is_seen_though_later_turns_lack_the_template() -> None:
    """They are in no slice: the conversation leads to them."""
    rng = np.random.default_rng(8)
    turn = np.arange(ROWS) % 3
    owner = np.repeat(np.arange(MEMBERS), EACH)
    frame = told_log(
        owner,
        rng.integers(0, 10 * DAY, ROWS),
        cluster=np.where(turn == 0, 0, -1),
        conversation=np.arange(ROWS) // 3,
        turn=turn,
        conduct=np.where(turn > 0, FOLLOW_UP, 0),
        words=np.full(ROWS, 40),
    )
    assert matters(frame)["talk"].bits < -1.0


def test_retries_of_the_same_day_are_no_checks() -> None:
    owner = np.repeat(np.arange(MEMBERS), EACH)
    noon = np.tile(np.arange(EACH), MEMBERS) * DAY + 12 * HOUR
    frame = told_log(
        np.r_[owner, owner], np.r_[noon, noon + HOUR], prompt_hash=np.r_[np.arange(ROWS), np.arange(ROWS)] + 1
    )
    assert matters(frame)["own_checks"].bits > 0


def test_columns_that_are_missing_say_nothing() -> None:
    assert "talk" not in matters(log_with(np.random.default_rng(9))), "no turn, no talk"


def test_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(10)
    owner, time = np.repeat(np.arange(MEMBERS), EACH), rng.integers(0, 10 * DAY, ROWS)
    columns = {
        "conduct": rng.integers(0, 1 << 14, ROWS),
        "prompt_hash": rng.integers(1, 60, ROWS),
        "turn": rng.integers(0, 3, ROWS),
        "conversation": rng.integers(0, 90, ROWS),
        "words": rng.integers(1, 30, ROWS),
    }
    shuffled = rng.permutation(ROWS)
    found = []
    for order in (np.arange(ROWS), shuffled):
        frame = told_log(owner[order], time[order], **{name: values[order] for name, values in columns.items()})
        group = group_of(frame, MEMBERS)
        found.append([f.bits for f in (asked_conduct(frame, group), *own_matters(frame, group))])
    assert found[0] == found[1]
