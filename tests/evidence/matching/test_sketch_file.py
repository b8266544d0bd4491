"""A file of sketches: nothing readable is in it, a wrong key is an error, and hostile content is refused."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.matching.match_scenes import CIRCLE, KEY, OWN, SKETCHES_MADE, case_of, features_of
from stillhunt.base.errors import CaseError, PackError
from stillhunt_evidence.matching import sketch_file as module
from stillhunt_evidence.matching.comparing import MATCH, FeatureWeight
from stillhunt_evidence.matching.features import CampaignFeature, campaign_features, sketches_of_case
from stillhunt_evidence.matching.sketch_file import (
    check_comparable,
    feature_sets,
    hashed_feature,
    match_files,
    opaque_name,
    sketch_file,
    sketches_from_json,
)

CAMPAIGNS = [features_of("c-one", range(1000, 1060), range(100)), features_of("c-two", range(2000, 2060))]


def content_of(key: bytes = KEY, circle: str = CIRCLE, made: tuple[int, int] = SKETCHES_MADE) -> bytes:
    return sketch_file(CAMPAIGNS, circle, key, OWN, made)


def read(content: bytes, key: bytes = KEY, circle: str = CIRCLE) -> module.SketchFile:
    return sketches_from_json(content, circle, key, where="theirs")


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(content_of()), **fields}).encode()


def test_features_come_back_under_hashes() -> None:
    found = read(content_of())
    assert [one.name for one in found.campaigns] == sorted(opaque_name(OWN, name) for name in ("c-one", "c-two"))
    one = next(one for one in found.campaigns if one.name == opaque_name(OWN, "c-one"))
    assert feature_sets(one)["phrase"] == {
        hashed_feature(KEY, "phrase", value): FeatureWeight(2, 16) for value in range(1000, 1060)
    }
    assert feature_sets(one)["word"].keys() == {hashed_feature(KEY, "word", value) for value in range(100)}


def test_nothing_readable_is_in_it() -> None:
    content = content_of().decode()
    assert "c-one" not in content
    numbers = {value for one in json.loads(content)["campaigns"] for value in one["phrase"]["hashes"]}
    assert not numbers & {str(value) for value in range(1000, 2060)}
    other = read(content_of(b"k" * 32), b"k" * 32)
    assert not {h for one in other.campaigns for h in one.phrase.hashes} & numbers
    assert hashed_feature(KEY, "phrase", 7) != hashed_feature(KEY, "word", 7)


def test_the_file_does_not_depend_on_order() -> None:
    turned = [module.CampaignFeatures(c.campaign_id, {k: v[::-1] for k, v in c.kinds.items()}) for c in CAMPAIGNS[::-1]]
    assert sketch_file(turned, CIRCLE, KEY, OWN, SKETCHES_MADE) == content_of()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (content_of(b"k" * 32), "under another key of this circle"),
        (content_of(circle="others"), "for the circle others"),
        (changed(circle="../x"), "matching regex"),
        (changed(version=2), "another version"),
        (changed(format="x"), "no file of sketches"),
        (changed(sketch_version=1), "another version of stillhunt"),
        (changed(more=1), "unknown field"),
        (changed(campaigns=[]).replace(b'"seed": 0, ', b""), "missing required field"),
        (b"[" * 100_000, "cannot be used"),
        (b"\xff", "cannot be used"),
        (b"", "cannot be used"),
    ],
)
def test_a_file_of_another_kind_is_an_error(content: bytes, what: str) -> None:
    with pytest.raises(PackError, match=what) as caught:
        read(content)
    assert caught.value.where == "theirs"
    assert caught.value.next_step


def spoiled(**fields: Any) -> bytes:
    """Two phrases in one campaign, with fields of them changed."""
    phrase = {"hashes": ["a" * 16, "b" * 16], "share": [1, 1], "bits": [9, 9], **fields}
    empty: dict[str, list[int]] = {"hashes": [], "share": [], "bits": []}
    return changed(campaigns=[{"name": "0" * 16, "phrase": phrase, "word": empty}])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (spoiled(hashes=["b" * 16, "a" * 16]), "hashes must ascend"),
        (spoiled(hashes=["a" * 16, "a" * 16]), "hashes must ascend"),
        (spoiled(hashes=["A" * 16, "b" * 16]), "regex"),
        (spoiled(hashes=["a" * 16]), "each feature needs one share"),
        (spoiled(share=[1]), "each feature needs one share"),
        (spoiled(bits=[9]), "each feature needs one share"),
        (spoiled(share=[1, 64]), "<= 63"),
        (spoiled(bits=[-1, 1]), ">= 0"),
        (spoiled(bits=[1.5, 1]), "int"),
        (spoiled(hashes=[f"{at:016x}" for at in range(257)], share=[1] * 257, bits=[1] * 257), "length <= 256"),
    ],
)
def test_what_no_sketch_may_hold_is_refused(content: bytes, what: str) -> None:
    assert read(spoiled()).campaigns[0].phrase.share == [1, 1]
    with pytest.raises(PackError, match=what):
        read(content)


def test_a_name_is_there_once() -> None:
    campaign = json.loads(content_of())["campaigns"][0]
    with pytest.raises(PackError, match="two campaigns have one name"):
        read(changed(campaigns=[campaign, campaign]))


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="1001 campaigns"):
        sketch_file([features_of(f"c{at}", range(0)) for at in range(1001)], CIRCLE, KEY, OWN, SKETCHES_MADE)
    monkeypatch.setattr(module, "MOST_SKETCH_BYTES", 100)
    with pytest.raises(PackError, match="more than 0 MiB"):
        read(content_of())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, len(content_of()) - 1), st.binary(min_size=0, max_size=4), st.integers(0, 6))
def test_damage_is_refused_or_harmless(place: int, new: bytes, cut: int) -> None:
    content = content_of()
    try:
        found = read(content[:place] + new + content[place + cut :])
    except PackError as error:
        message = str(error)
    else:
        message = ""
        assert len(msgspec.json.encode(found)) <= len(content) + len(new) + 1
    assert len(message) < 600


def test_other_seeds_cannot_be_compared() -> None:
    mine, theirs = read(content_of()), read(content_of(made=SKETCHES_MADE._replace(seed=5)))
    check_comparable(mine, mine, "theirs")
    with pytest.raises(PackError, match="seed 5, and yours under seed 0"):
        check_comparable(mine, theirs, "theirs")


def test_all_pairs_are_scored_the_most_alike_first() -> None:
    mine = read(content_of())
    theirs = read(sketch_file([CAMPAIGNS[0]], CIRCLE, KEY, b"x" * 32, SKETCHES_MADE))
    found = match_files(mine, theirs)
    assert [(one.mine, one.theirs) for one in found] == [
        (opaque_name(OWN, "c-one"), opaque_name(b"x" * 32, "c-one")),
        (opaque_name(OWN, "c-two"), opaque_name(b"x" * 32, "c-one")),
    ]
    assert [one.score.verdict == MATCH for one in found] == [True, False]


def test_features_of_a_case() -> None:
    case = case_of({"c-b": (range(3), range(2)), "c-a": (range(5, 6), range(0))})
    found = campaign_features(case)
    assert [one.campaign_id for one in found] == ["c-b", "c-a"]
    # Half of the requests; 2.5 of 5,001 requests and 1.5 of 501 accounts elsewhere: 8.4 bits by accounts, the lower.
    assert found[0].kinds["phrase"] == tuple(CampaignFeature(value, 2, 17) for value in range(3))
    assert found[0].kinds["word"] == tuple(CampaignFeature(value, 2, 20) for value in range(2))
    assert [one.campaign_id for one in campaign_features(case, ["c-a"])] == ["c-a"]
    assert sketches_of_case(case) == SKETCHES_MADE


def test_cases_that_cannot_be_sketched() -> None:
    with pytest.raises(CaseError, match="no campaign of this id"):
        campaign_features(case_of({"c-a": (range(3), range(0))}), ["c-z"])
    with pytest.raises(CaseError, match="no campaign of this id"):
        campaign_features(case_of({"c-a": (range(3), range(0))}, verdict="none"), ["c-a"])
    assert campaign_features(case_of({"c-a": (range(3), range(0))}, verdict="none")) == []
    with pytest.raises(CaseError, match="whose hashes differ"):
        campaign_features(case_of({"c-a": (range(3), range(0))}, sketch_version=1))
