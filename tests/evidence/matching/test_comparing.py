"""Two campaigns are called one by what both have and how rare it is on both sides; a public prompt is not enough."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.matching.match_scenes import sets_of
from stillhunt_evidence.matching.comparing import (
    _LEAST_FEATURES,
    MATCH,
    NO_MATCH,
    TOO_LITTLE,
    Coverage,
    FeatureWeight,
    compare_campaigns,
    covered_share,
    judge_coverage,
)
from stillhunt_evidence.matching.parameters import MATCH_VALUES as P


def test_the_same_template_and_subjects_match() -> None:
    score = compare_campaigns(sets_of(range(60), range(100)), sets_of(range(5, 65), range(5, 105)))
    assert score.verdict == MATCH
    assert score.bits == pytest.approx(sum(score.parts.values()))
    assert score.bits >= P.match_bits
    assert score.sentences[0].startswith("They share 55 phrases of 60 here and 60 there, 91.7 % of their weight")
    assert score.sentences[1].startswith("They share 95 telling words of 100 here and 100 there")
    assert score.sentences[2].endswith("for one campaign; 15.0 are needed for a match")


def test_nothing_in_common_is_no_match() -> None:
    score = compare_campaigns(sets_of(range(60), range(100)), sets_of(range(100, 160), range(200, 300)))
    assert score.verdict == NO_MATCH
    assert score.bits < -20
    assert score.sentences[2].endswith("they are two campaigns")


def test_a_public_prompt_alone_matches_nobody() -> None:
    """All phrases are the same, and what is asked differs."""
    score = compare_campaigns(sets_of(range(60), range(100)), sets_of(range(60), range(80, 180)))
    assert score.parts["phrase"] == P.most_bits
    assert score.verdict != MATCH


def test_the_same_subjects_alone_match_nobody() -> None:
    score = compare_campaigns(sets_of(range(0), range(100)), sets_of(range(0), range(100)))
    assert score.parts == {"phrase": 0.0, "word": P.most_bits}
    assert score.verdict == TOO_LITTLE
    assert score.sentences[0] == "One side has 0 phrases and the other 0; 8 are needed on both"


def test_too_few_features_say_nothing() -> None:
    few = range(_LEAST_FEATURES - 1)
    score = compare_campaigns(sets_of(few, few), sets_of(few, few))
    assert (score.bits, score.verdict) == (0.0, TOO_LITTLE)
    assert score.sentences[0] == "One side has 7 phrases and the other 7; 8 are needed on both"
    enough = range(_LEAST_FEATURES)
    assert compare_campaigns(sets_of(enough), sets_of(enough)).bits > 0


def test_what_one_side_knows_to_be_common_counts_little() -> None:
    """Half of the phrases are those of a framework that honest customers of the other provider use."""
    mine = sets_of(range(60))
    theirs = {"phrase": {**sets_of(range(30), bits=1)["phrase"], **sets_of(range(100, 130))["phrase"]}, "word": {}}
    rare = {"phrase": {**sets_of(range(30))["phrase"], **sets_of(range(100, 130))["phrase"]}, "word": {}}
    assert compare_campaigns(mine, theirs).bits < compare_campaigns(mine, rare).bits
    assert compare_campaigns(mine, theirs).verdict == NO_MATCH


def test_frequent_features_weigh_more() -> None:
    features = {"often": FeatureWeight(0, 10), "seldom": FeatureWeight(8, 10)}
    assert covered_share(features, {"often": 10}) == pytest.approx(64 / 65)
    assert covered_share(features, {"seldom": 10}) == pytest.approx(1 / 65)
    assert covered_share(features, {"often": 5, "seldom": 10}) == 1.0
    assert covered_share(features, {}) == 0.0
    assert covered_share({}, {}) == 0.0


def test_the_lower_coverage_counts() -> None:
    part = compare_campaigns(sets_of(range(20), range(20)), sets_of(range(200), range(200)))
    assert part.bits == compare_campaigns(sets_of(range(200), range(200)), sets_of(range(20), range(20))).bits < 0
    assert Coverage(9, 9, 9, 0.9, 0.4).lower == 0.4
    assert Coverage(9, 9, 9, 0.9, None).lower == 0.9


def test_bits_grow_with_coverage() -> None:
    bits = [
        judge_coverage({kind: Coverage(60, 60, 0, at / 10, at / 10) for kind in ("phrase", "word")}).bits
        for at in range(11)
    ]
    assert bits == sorted(bits)
    assert bits[2] < 0 < bits[8] < P.match_bits < bits[9]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_neither_sides_nor_order_matter(data: st.DataObject) -> None:
    weights = st.builds(FeatureWeight, st.integers(0, 20), st.integers(0, 20))
    keys = st.integers(0, 40).map(str)
    mine, theirs = (
        {kind: data.draw(st.dictionaries(keys, weights, max_size=30)) for kind in ("phrase", "word")} for _ in range(2)
    )
    score = compare_campaigns(mine, theirs)
    assert abs(score.bits) <= 2 * P.most_bits
    other = compare_campaigns(theirs, mine)
    assert (other.bits, other.verdict) == (score.bits, score.verdict)
    turned = {kind: dict(reversed(own.items())) for kind, own in mine.items()}
    assert compare_campaigns(turned, theirs) == score
