"""Caps: how many bits one family, the linkage families together, and one member's evidence may add or take."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.caps import LINKAGE, OWN_SUBJECTS, cap_linkage, capped, family_bits, member_evidence
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
CAPS = Config().score.family_cap_bits.model_dump()
LINKAGE_CAP = Config().score.linkage_cap_bits

bits = st.floats(-200.0, 200.0, allow_nan=False)
findings = st.lists(
    st.builds(lambda family, value: Finding(family, "test", "", value), st.sampled_from(sorted(CAPS)), bits),
    max_size=12,
)


def of(family: str, *values: float, independent: bool = False) -> list[Finding]:
    return [Finding(family, "test", "", value, independent=independent) for value in values]


def test_families_of_one_operation() -> None:
    assert LINKAGE == ("timing", "network", "identity")


@steady
@given(findings)
def test_linkage_cap_holds_however_strong_and_touches_nothing_else(raw: list[Finding]) -> None:
    kept = cap_linkage(raw, LINKAGE_CAP)
    assert sum(f.bits for f in kept if f.bits > 0 and f.family in LINKAGE) <= LINKAGE_CAP + 1e-9
    for before, after in zip(raw, kept, strict=True):
        assert after == before or (before.family in LINKAGE and before.bits > after.bits >= 0)


@steady
@given(findings)
def test_caps_bound_each_family_and_turn_no_sign(raw: list[Finding]) -> None:
    kept = capped(raw, CAPS)
    assert len(kept) == len(raw)
    for family, total in family_bits(kept).items():
        assert abs(total) <= CAPS[family] + 1e-9
    for before, after in zip(raw, kept, strict=True):
        assert before.bits * after.bits >= 0
        assert abs(after.bits) <= abs(before.bits) + 1e-9
    for family in sorted({f.family for f in raw}):
        against = [(b.bits, a.bits) for b, a in zip(raw, kept, strict=True) if b.family == family and b.bits < 0]
        if sum(b.bits for b in raw if b.family == family) >= 0:
            assert all(after == before for before, after in against), "evidence for never shrinks evidence against"


def scaled(findings: list[Finding], caps: dict[str, float], linkage: float = 100.0) -> list[float]:
    return [round(f.bits, 9) for f in cap_linkage(capped(findings, caps), linkage)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([6.0, 2.0], [6.0, 2.0]),  # just at the cap
        ([6.0, 3.0], [16 / 3, 8 / 3]),  # over it: all positive bits by one factor
        ([12.0, 4.0, -2.0], [7.5, 2.5, -2.0]),  # evidence against stays whole, and leaves room for as much more
        ([-12.0, -4.0, 2.0], [-7.5, -2.5, 2.0]),  # the same on the other side
        ([-20.0], [-8.0]),
        ([0.0, 16.0], [0.0, 8.0]),
        ([0.05, 15.95], [0.025, 7.975]),
    ],
)
def test_only_the_side_that_exceeds_the_cap_is_scaled(values: list[float], expected: list[float]) -> None:
    assert scaled(of("content", *values), {"content": 8.0}) == pytest.approx(expected)


def test_each_family_has_its_own_cap() -> None:
    raw = [*of("content", 20.0), *of("queue", 20.0), *of("content", 20.0)]
    assert scaled(raw, {"content": 8.0, "queue": 14.0}) == [4.0, 14.0, 4.0]


def test_the_linkage_families_share_a_cap_that_binds_positive_bits_alone() -> None:
    raw = [*of("identity", 6.0), *of("network", 2.0, -1.0), *of("timing", 4.0), *of("content", 8.0)]
    caps = dict.fromkeys(("identity", "network", "timing", "content"), 8.0)
    assert scaled(raw, caps, 12.0) == [6.0, 2.0, -1.0, 4.0, 8.0]
    assert scaled(raw, caps, 6.0) == [3.0, 1.0, -1.0, 2.0, 8.0]


def test_independent_evidence_is_neither_capped_nor_takes_room() -> None:
    """Its kind has a cap of its own; the family's and the linkage cap are for the rest."""
    raw = [*of("network", 11.0, independent=True), *of("network", 8.0), *of("identity", 4.0)]
    assert scaled(raw, {"network": 8.0, "identity": 8.0}, 12.0) == [11.0, 8.0, 4.0]
    assert scaled(raw, {"network": 4.0, "identity": 8.0}, 6.0) == [11.0, 3.0, 3.0]
    assert scaled(of("network", -20.0, independent=True), {"network": 4.0}) == [-20.0]


def subjects(topics: float, words: float, *others: Finding, family: str = "queue") -> list[float]:
    """Bits of topics, rare words and others under caps that bind nothing else."""
    found = [Finding(family, "topic_mixture", "", topics), Finding(family, "own_words", "", words), *others]
    return [f.bits for f in capped(found, dict.fromkeys(CAPS, 100.0))]


def test_subjects_of_their_own_are_charged_once() -> None:
    """Topics and rare words see one fact; what each says stays in proportion."""
    assert OWN_SUBJECTS.least_bits == -5.0
    assert subjects(-4.0, -6.0) == pytest.approx([-2.0, -3.0])
    assert subjects(-20.0, 0.0) == pytest.approx([-5.0, 0.0])
    assert subjects(-2.0, -3.0) == [-2.0, -3.0], "just what it may say"
    assert subjects(-2.0, -2.0) == [-2.0, -2.0]


def test_only_what_is_against_of_these_two_kinds_is_charged_once() -> None:
    volumes = Finding("queue", "even_volume", "", -3.0)
    assert subjects(3.0, -6.0, volumes) == pytest.approx([3.0, -5.0, -3.0])
    assert subjects(3.0, 4.0) == [3.0, 4.0]
    assert subjects(0.5, -6.0) == pytest.approx([0.5, -5.0])


def test_the_cap_of_the_family_comes_after_what_one_fact_may_say() -> None:
    found = [Finding("queue", "topic_mixture", "", -4.0), Finding("queue", "own_words", "", -6.0), *of("queue", -5.0)]
    assert [f.bits for f in capped(found, {"queue": 8.0})] == pytest.approx([-1.6, -2.4, -4.0])


def test_repeats_are_neither_capped_nor_take_room() -> None:
    """They tell public items from a queue, and would shrink as the rest of it grows."""
    raw = [Finding("queue", "no_repeats", "", 0.5), *of("queue", 20.0)]
    assert [f.bits for f in capped(raw, {"queue": 8.0})] == [0.5, 8.0]


def test_bits_of_a_family_are_summed() -> None:
    assert family_bits([*of("queue", 1.5, -0.5), *of("content", 2.0)]) == {"queue": 1.0, "content": 2.0}
    assert family_bits([]) == {}


def about_members(family: str, *values: float) -> Finding:
    return Finding(family, "test", "", 0.0, member_bits=np.array(values))


@pytest.mark.parametrize(
    ("family", "cap"), [("content", 12.0), ("queue", 6.0), ("identity", 8.0), ("network", 8.0), ("timing", np.inf)]
)
def test_the_evidence_about_one_member_is_capped_by_family(family: str, cap: float) -> None:
    """Member by member, all findings of a family by one factor, either way."""
    table = member_evidence([about_members(family, 20.0, 3.0, -20.0), about_members(family, 10.0, 1.0, -10.0)], 3)
    shrink = min(cap / 30.0, 1.0)
    assert table == pytest.approx(np.array([[20 * shrink, 3, -20 * shrink], [10 * shrink, 1, -10 * shrink]]))


def test_the_caps_of_members_are_per_family() -> None:
    found = [about_members("queue", 5.0), about_members("network", 5.0), about_members("queue", 4.0)]
    assert member_evidence(found, 1)[:, 0] == pytest.approx([5.0 * 6 / 9, 5.0, 4.0 * 6 / 9])


def test_findings_without_a_word_on_members_count_nothing_for_them() -> None:
    found = [Finding("queue", "test", "", 9.0), about_members("queue", 1.0, 2.0)]
    assert member_evidence(found, 2).tolist() == [[0.0, 0.0], [1.0, 2.0]]
    assert member_evidence([], 2).shape == (0, 2)
    assert member_evidence([about_members("queue", 0.0, 0.0)], 2).tolist() == [[0.0, 0.0]]
