"""The explanations beside a harvest: which are possible, what counts against each, and odds by Bayes' rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.base.explanations import EXPLANATION_OF, odds_against_all, one_operator_bits
from stillhunt.base.families import FAMILY_OF, SIGN_KINDS
from stillhunt.score import verdict_parameters
from stillhunt.score.evidence.catalogue import KIND_OF
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict import explanations as module
from stillhunt.score.verdict.caps import LINKAGE
from stillhunt.score.verdict.explanations import (
    EXPLANATIONS,
    PLAIN_BITS,
    POSING,
    ExplanationWeights,
    leading_explanation,
    weigh_explanations,
)
from stillhunt.score.verdict.rules import sigmoid, weigh_findings
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
SETTINGS = Config().score
BY_KEY = {one.key: one for one in EXPLANATIONS}
ALWAYS, OPENLY = {"chance", "public", "one_place"}, ("declared_organisation", "open_customer")

kinds = st.sampled_from(sorted(KIND_OF.values(), key=lambda kind: kind.name))
bits = st.floats(-60.0, 60.0, allow_nan=False)
groups = st.dictionaries(kinds, bits, max_size=12).map(
    lambda found: [
        Finding(kind.family, kind.name, "", 0.0 if kind.name in SIGN_KINDS else b) for kind, b in found.items()
    ]
)
odds_lists = st.lists(st.floats(-40.0, 40.0), min_size=1, max_size=6)


def finding(family: str, bits: float, kind: str = "test", **columns: Any) -> Finding:
    return Finding(family, kind, "", bits, **columns)


def sign(kind: str) -> Finding:
    return finding("identity", 0.0, kind)


def odds_of(*found: Finding) -> dict[str, float]:
    """Log2 odds of a harvest against each possible explanation, by the prior and the findings alone."""
    weighed = weigh_explanations(found, SETTINGS.prior_bits, SETTINGS.linkage_cap_bits)
    return {one.explanation.key: one.summed_odds for one in weighed}


def probability(*found: Finding) -> float:
    return sigmoid(odds_against_all(list(odds_of(*found).values())))


# What follows from the odds.


@steady
@given(st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=7))
def test_odds_against_all_are_bayes_rule(joint: list[float]) -> None:
    """From prior times likelihood of a harvest and of each other explanation."""
    harvest, *others = joint
    bits = odds_against_all([float(np.log2(harvest / other)) for other in others])
    assert sigmoid(bits) == pytest.approx(harvest / sum(joint))


@steady
@given(st.dictionaries(st.sampled_from([*EXPLANATION_OF]), st.floats(1e-6, 1.0)), st.floats(1e-6, 1.0))
def test_one_operator_is_bayes_rule_too(others: dict[str, float], harvest: float) -> None:
    joint = {"chance": 0.25} | others  # separate customers are always possible
    bits = one_operator_bits({key: float(np.log2(harvest / other)) for key, other in joint.items()})
    together = harvest + sum(other for key, other in joint.items() if EXPLANATION_OF[key].one_operator)
    assert sigmoid(bits) == pytest.approx(together / (harvest + sum(joint.values())))


@steady
@given(odds_lists)
def test_the_best_explanation_bounds_the_odds(odds: list[float]) -> None:
    assert min(odds) - np.log2(len(odds)) - 1e-9 <= odds_against_all(odds) <= min(odds)
    assert odds_against_all(odds[:1]) == odds[0]


def test_odds_beyond_the_range_of_floats_stay_finite() -> None:
    assert odds_against_all([5_000.0, 6_000.0]) == 5_000.0
    assert odds_against_all([-5_000.0, 6_000.0]) == -5_000.0


@steady
@given(groups)
def test_the_claim_is_bayes_rule_over_the_explanations_it_lists(group: list[Finding]) -> None:
    claim = weigh_findings(group, 5, SETTINGS).claim
    shares = {key: 2.0**-odds for key, odds in claim.odds.items()}
    together = 1.0 + sum(share for key, share in shares.items() if EXPLANATION_OF[key].one_operator)
    total = 1.0 + sum(shares.values())
    assert sigmoid(one_operator_bits(claim.odds)) == pytest.approx(together / total)
    assert claim.probability == pytest.approx((together if claim.operation == "posing" else 1.0) / total)


@steady
@given(groups)
def test_the_rows_against_separate_customers_add_up(group: list[Finding]) -> None:
    weighed = weigh_findings(group, 5, SETTINGS)
    claim = weighed.claim
    own = claim.prior_bits + sum(found.bits for found in weighed.findings)
    assert own >= claim.odds["chance"] - 1e-9, "less the doubt of low odds"
    assert own + claim.other_bits == pytest.approx(claim.bits)
    if claim.operation == "harvest":
        assert claim.odds[claim.leading] == min(claim.odds.values())
        assert claim.other_bits <= 1e-9


@steady
@given(groups)
def test_low_odds_count_twice_what_they_lack_and_high_ones_stay_as_they_are(group: list[Finding]) -> None:
    weighed = weigh_explanations(group, SETTINGS.prior_bits, SETTINGS.linkage_cap_bits)
    summed, stated = (odds_against_all([getattr(one, name) for one in weighed]) for name in ("summed_odds", "odds"))
    assert stated == pytest.approx(summed if summed >= PLAIN_BITS else 2.0 * summed - PLAIN_BITS)
    assert len({round(one.odds - one.summed_odds, 6) for one in weighed}) == 1, "the explanations keep their order"


# Which explanations are possible.


@pytest.mark.parametrize(
    ("found", "possible"),
    [
        ((), ALWAYS | {"company", "reseller"}),
        ((POSING,), ALWAYS | {"company", "reseller"}),
        (("declared_organisation",), ALWAYS | {"customer"}),
        (("open_customer", "no_repeats"), ALWAYS | {"customer"}),
        (OPENLY, ALWAYS | {"customer"}),
    ],
)
def test_who_is_openly_one_customer_is_neither_a_hidden_firm_nor_a_reseller(
    found: tuple[str, ...], possible: set[str]
) -> None:
    assert {one.key for one in EXPLANATIONS if one.applies_to(found)} == possible
    assert set(odds_of(*(finding("identity", 0.0, kind) for kind in found))) == possible


def test_one_of_the_kinds_is_enough_to_make_possible_or_to_rule_out() -> None:
    one = ExplanationWeights("x", "", {}, {}, only_with=("a", "b"), never_with=("c", "d"))
    assert [one.applies_to(found) for found in (["a"], ["b", "z"], ["z"], [], ["a", "c"], ["b", "d"])] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_only_an_explanation_without_conditions_can_lead_the_table() -> None:
    """Which families are strong is read off the first, chance, which must always be there."""
    assert EXPLANATIONS[0].key == "chance"
    assert (EXPLANATIONS[0].only_with, EXPLANATIONS[0].never_with) == ((), ())


# What counts against each.


@pytest.mark.parametrize(
    ("kind", "family", "bits", "share"),
    [
        ("test", "queue", 3.0, 0.25),
        ("test", "queue", -3.0, 0.5),
        ("test", "queue", 0.0, 0.25),
        ("test", "content", 3.0, 0.0),  # a family that is not named
        ("test", "content", -3.0, 0.0),
        ("own", "queue", 3.0, 1.0),  # the kind's numbers in place of its family's
        ("own", "queue", -3.0, 0.1),
    ],
)
def test_the_side_of_a_finding_decides_what_counts(kind: str, family: str, bits: float, share: float) -> None:
    one = ExplanationWeights("x", "", {"queue": 25}, {"queue": 50}, kinds={"own": (100, 10)})
    found = finding(family, bits, kind)
    assert one.share_counted(found) == share
    (weighed,) = one.weigh([found], linkage_cap=99.0)
    assert weighed.bits == pytest.approx(bits * share)


def test_linkage_is_capped_by_what_counts_of_it() -> None:
    """Half of 20 bits fit under a cap of 14."""
    one = ExplanationWeights("x", "", {"network": 50, "identity": 100, "queue": 100}, {})
    found = [finding("network", 20.0), finding("queue", 9.0)]
    assert [f.bits for f in one.weigh(found, 14.0)] == [10.0, 9.0]
    found.append(finding("identity", 18.0))
    assert [f.bits for f in one.weigh(found, 14.0)] == pytest.approx([5.0, 9.0, 9.0])


def test_a_sign_adds_its_bits_whatever_the_finding_says_by_itself() -> None:
    one = ExplanationWeights("x", "", {"identity": 100}, {}, signs={"posing": 8.0, "bare": -4.0})
    found = [finding("identity", 2.0, "posing"), finding("identity", 0.0, "bare"), finding("identity", 1.0)]
    assert [f.bits for f in one.weigh(found, 3.0)] == [10.0, -4.0, 1.0], "nor does the cap hold it"


@pytest.mark.parametrize("kind", ["failover", "account_replacement"])
def test_separate_people_take_over_nobodys_work(kind: str) -> None:
    """Where another account goes on when one is refused, that refutes separate people, and no firm or reseller."""
    bare, found = odds_of(), odds_of(finding("timing", 4.0, kind))
    more = {key: found[key] - bare[key] for key in found}
    assert [more[key] for key in ("chance", "public", "one_place")] == pytest.approx([4.0, 4.0, 4.0])
    assert max(more["company"], more["reseller"]) <= 1.4


@pytest.mark.parametrize(
    ("key", "kind", "against"),
    [
        ("one_place", "one_place", -4.0),
        ("one_place", POSING, 8.0),
        ("one_place", "unlinked_customers", 3.0),
        ("company", POSING, 3.0),
        ("company", "unlinked_customers", 3.0),
        ("reseller", POSING, -1.3),
        ("reseller", "other_work", -4.0),
        ("chance", "few_accounts", -2.0),
        ("company", "own_mail_domain", -7.0),
        ("company", "unknown_holders", -3.0),
        ("company", "unknown_place", -2.0),
        ("one_place", "unknown_place", -6.0),
    ],
)
def test_who_the_accounts_say_they_are_moves_the_priors(key: str, kind: str, against: float) -> None:
    bare, signed = odds_of(), odds_of(sign(kind))
    assert signed[key] - bare[key] == pytest.approx(against)
    moved = {other for other in bare if signed[other] != bare[other]}
    assert moved == {one.key for one in EXPLANATIONS if kind in one.signs}


def test_every_sign_and_condition_is_a_kind_of_evidence() -> None:
    named = {name for one in EXPLANATIONS for name in (*one.kinds, *one.signs, *one.only_with, *one.never_with)}
    assert named <= KIND_OF.keys()
    assert {name for one in EXPLANATIONS for name in one.signs} == SIGN_KINDS
    assert all(share >= 0 for one in EXPLANATIONS for pair in one.kinds.values() for share in pair)
    assert all(
        0 <= share <= 100 for one in EXPLANATIONS for part in (one.counts, one.predicts) for share in part.values()
    )


def test_before_any_evidence_the_odds_are_the_priors() -> None:
    assert odds_of() == {
        key: SETTINGS.prior_bits if one.prior is None else one.prior for key, one in BY_KEY.items() if key != "customer"
    }


def test_of_equals_the_first_leads() -> None:
    weighed = weigh_explanations([], BY_KEY["company"].prior or 0.0, SETTINGS.linkage_cap_bits)
    assert leading_explanation(weighed).explanation.key == "chance"
    assert leading_explanation(weighed[1:]).explanation.key == "company"


# What evidence can do, and what it cannot.


@steady
@given(groups, st.integers(0, 11), st.floats(0.0, 40.0))
def test_more_evidence_for_a_harvest_lowers_no_odds(group: list[Finding], place: int, more: float) -> None:
    """So it never lowers the probability; here the families are capped already."""
    if place >= len(group) or group[place].kind in SIGN_KINDS:
        return
    stronger = [*group]
    stronger[place] = finding(group[place].family, group[place].bits + more, group[place].kind)
    before, after = odds_of(*group), odds_of(*stronger)
    assert all(after[key] >= odds - 1e-9 for key, odds in before.items())
    assert probability(*stronger) >= probability(*group) - 1e-12


@steady
@given(st.dictionaries(st.sampled_from(sorted(FAMILY_OF)), st.tuples(bits, st.floats(0.0, 200.0))))
def test_more_evidence_of_a_family_never_lowers_the_probability(families: dict[str, tuple[float, float]]) -> None:
    """Caps of the families included."""
    before = weigh_findings([finding(name, value) for name, (value, _) in families.items()], 5, SETTINGS)
    after = weigh_findings([finding(name, value + more) for name, (value, more) in families.items()], 5, SETTINGS)
    assert after.claim.probability >= before.claim.probability - 1e-12


@steady
@given(st.sampled_from(sorted(FAMILY_OF)), st.lists(bits, max_size=5))
def test_no_single_family_reaches_act(family: str, values: list[float]) -> None:
    """However strong: the prior outweighs their caps."""
    for extra in ([], [sign(POSING)], [sign("unlinked_customers")]):
        claim = weigh_findings([*(finding(family, value) for value in values), *extra], 5, SETTINGS).claim
        assert claim.operation == "posing" or claim.probability < SETTINGS.act_probability


def most_by_priors(*signs: str, timing: bool = False) -> float:
    """P(harvest) where one operator is certain, by the priors of those explanations and, if so, all of timing."""
    odds = []
    for one in EXPLANATIONS:
        if EXPLANATION_OF[one.key].one_operator and one.applies_to(signs):
            assert one.prior is not None
            share = one.counts["timing"] / 100.0 if timing else 0.0
            odds.append(
                one.prior + sum(one.signs.get(kind, 0.0) for kind in signs) + share * SETTINGS.family_cap_bits.timing
            )
    return sigmoid(odds_against_all(odds))


@steady
@given(
    st.lists(st.builds(finding, st.sampled_from(LINKAGE), st.floats(0.0, 5_000.0)), max_size=12),
    st.sampled_from([(), (POSING,), ("one_place",), ("unlinked_customers",), *((kind,) for kind in OPENLY)]),
)
def test_linkage_alone_says_no_more_than_the_priors_of_one_operator_allow(
    linkage: list[Finding], signs: tuple[str, ...]
) -> None:
    """One card, one address and one client show one operator; that it harvests they do not show."""
    timing = any(found.family == "timing" for found in linkage)
    found = [*linkage, *(finding("identity", 0.0, kind) for kind in signs)]
    odds = weigh_findings(found, 5, SETTINGS).claim.odds
    harvests = sigmoid(odds_against_all(list(odds.values())))
    assert harvests <= most_by_priors(*signs, timing=timing) + 1e-12
    assert harvests < SETTINGS.act_probability


def test_linkage_without_a_schedule_is_nothing_for_a_person_to_look_at_as_a_harvest() -> None:
    """And the bound is not an idle one: it is reached where one operator is beyond doubt."""
    sure = [finding(family, 500.0) for family in LINKAGE if family != "timing"]
    for signs in ((), (POSING,), ("open_customer",)):
        assert most_by_priors(*signs) < SETTINGS.review_probability
        reached = probability(*sure, *(finding("identity", 0.0, kind) for kind in signs))
        assert reached == pytest.approx(most_by_priors(*signs), rel=0.05)


def test_linkage_with_a_schedule_is_none_either() -> None:
    sure = [finding(family, 500.0) for family in LINKAGE]
    assert weigh_findings([*sure, sign(POSING)], 20, SETTINGS).claim.operation == "posing"


def test_more_evidence_of_one_queue_never_lowers_the_probability() -> None:
    """Also where its cap binds, beside findings that count otherwise than their family."""

    def probability(bits: float) -> float:
        found = [finding("queue", 0.5, "no_repeats"), finding("queue", bits), finding("content", 8.0)]
        return weigh_findings(found, 20, SETTINGS).claim.probability

    assert probability(11.5) <= probability(20.0) <= probability(60.0)


# The table and its copies.


def test_a_pack_records_the_numbers_of_every_explanation() -> None:
    recorded = verdict_parameters()
    assert {name.removeprefix("score.explanations.") for name in recorded if ".explanations." in name} == set(BY_KEY)
    assert recorded["score.explanations.reseller"]["prior"] == BY_KEY["reseller"].prior
    assert recorded["score.explanations.chance"]["prior"] is None
    assert recorded["score.explanations.one_place"] == {
        "prior": 3.0,
        "counts": dict(BY_KEY["one_place"].counts),
        "predicts": dict(BY_KEY["one_place"].predicts),
        "kinds": {kind: list(numbers) for kind, numbers in BY_KEY["one_place"].kinds.items()},
        "signs": dict(BY_KEY["one_place"].signs),
        "only_with": [],
        "never_with": [],
    }
    assert recorded["score.explanations.customer"]["only_with"] == list(OPENLY)
    assert recorded["score.verdict"]["independent_families"] == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("content = 100", "wording = 100"), "names a family that is none: wording"),
        (("[reseller]", "[resellers]"), "words and numbers are not of the same explanations"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], said: str
) -> None:
    text = Path(module.__file__).with_suffix(".toml").read_text("utf-8")
    assert change[0] in text
    (tmp_path / "explanations.toml").write_text(text.replace(*change), "utf-8")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "explanations.py"))
    with pytest.raises(ContractError, match=said):
        module._read_explanations()
