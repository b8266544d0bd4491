"""From findings to probabilities and verdicts: thresholds, limits, open customers, posing accounts, refuted members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_logs import group_of, log_of_rows

from stillhunt.base.config import Config
from stillhunt.base.explanations import one_operator_bits
from stillhunt.base.families import BUDGET, FLAGGING, INDEPENDENCE, MEMBERSHIP, STANDING
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.verdict import rules, verdict
from stillhunt.score.verdict.rules import (
    Claim,
    P,
    Weighed,
    judge_weighed,
    sigmoid,
    weigh_findings,
)
from stillhunt.score.verdict.verdict import Judged, judge
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
SETTINGS = Config().score
CAPS = SETTINGS.family_cap_bits
PRIOR, FLOOR = SETTINGS.prior_bits, SETTINGS.family_floor_bits
MEMBERS = 8
LOG = log_of_rows(np.repeat(np.arange(30), 4), np.arange(120))
GROUP = group_of(LOG, MEMBERS)
ACT_BITS = float(np.log2(SETTINGS.act_probability / (1.0 - SETTINGS.act_probability)))
REVIEW_BITS = float(np.log2(SETTINGS.review_probability / (1.0 - SETTINGS.review_probability)))


def finding(family: str, bits: float, kind: str = "test", **columns: Any) -> Finding:
    return Finding(family, kind, "", bits, **columns)


def verdict_on(
    monkeypatch: pytest.MonkeyPatch, *findings: Finding, required_bits: float = 0.0, min_accounts: int = 5
) -> Judged:
    """The verdict on a group about which these findings are made, whoever of it is judged."""

    def gathered(case: CandidateCase) -> list[Finding]:
        return [_of_those(one, case) for one in findings]

    monkeypatch.setattr(verdict, "gather_evidence", gathered)
    return judge(LOG, GROUP, SETTINGS, min_slice_requests=4, min_accounts=min_accounts, required_bits=required_bits)


def _of_those(one: Finding, case: CandidateCase) -> Finding:
    if one.member_bits is None:
        return one
    return finding(
        one.family,
        one.bits,
        one.kind,
        member_bits=one.member_bits[np.isin(GROUP.accounts, case.candidate.accounts)],
        independent=one.independent,
    )


def test_probability_of_odds() -> None:
    assert sigmoid(0.0) == 0.5
    assert sigmoid(2.0) == pytest.approx(0.8)
    assert sigmoid(-2.0) == pytest.approx(0.2)


# The odds.


def test_bits_and_probability_are_those_against_all_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(monkeypatch, finding("content", 5.0), finding("queue", 7.0), finding("conduct", -1.5))
    odds = judged.weighed.claim.odds
    assert odds["chance"] == pytest.approx(PRIOR + 10.5)
    assert judged.probability == pytest.approx(1.0 / (1.0 + sum(2.0**-one for one in odds.values())))
    assert judged.probability == sigmoid(judged.bits)
    assert (judged.weighed.families, judged.limits, judged.kind) == (["queue", "content"], [], "harvest")


def test_findings_are_capped_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [finding(family, 80.0) for family in ("content", "identity", "network")]
    without, with_timing = verdict_on(monkeypatch, *found), verdict_on(monkeypatch, *found, finding("timing", 80.0))
    assert without.weighed.claim.odds["chance"] == pytest.approx(PRIOR + CAPS.content + CAPS.identity + CAPS.network)
    assert with_timing.weighed.claim.odds["chance"] == pytest.approx(PRIOR + CAPS.content + SETTINGS.linkage_cap_bits)


def test_families_above_the_floor_the_strongest_first_then_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(
        monkeypatch,
        finding("queue", FLOOR),
        finding("conduct", FLOOR - 0.01),
        finding("content", FLOOR),
        finding("network", FLOOR + 6.0),
    )
    assert judged.weighed.claim.leading == "company", "which explains the network: it is a strong family all the same"
    assert judged.weighed.families == ["network", "content", "queue"]


# The verdict on what was weighed.


def weighed(
    bits: float, families: tuple[str, ...] = ("content", "queue"), operation: str = "harvest", member: float = 0.999
) -> Weighed:
    """A group with such odds, strong families and members."""
    claim = Claim(operation, bits, PRIOR, 0.0, "chance", {"chance": bits})
    probability = np.full(MEMBERS, member)
    apart = np.zeros(MEMBERS, bool)
    return Weighed(claim, [], list(families), 0.0, np.log2(probability / (1.0 - probability)), probability, apart)


def verdict_of(
    group: Weighed, *, required: float = 0.0, likely: int = MEMBERS, least: int = 5
) -> tuple[str, list[str]]:
    """The verdict, and the families of the rows that say what keeps it lower than its probability."""
    found, limits = judge_weighed(group, SETTINGS, required_bits=required, likely_members=likely, min_accounts=least)
    assert all(limit.statement for limit in limits)
    return found, [limit.family for limit in limits]


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (ACT_BITS + 1e-6, "act"),
        (ACT_BITS - 1e-6, "review"),
        (REVIEW_BITS + 1e-6, "review"),
        (REVIEW_BITS - 1e-6, "none"),
    ],
)
def test_the_probability_decides(bits: float, expected: str) -> None:
    assert verdict_of(weighed(bits)) == (expected, [])


def test_act_needs_two_families() -> None:
    """One family alone is never enough, however probable it makes a campaign; and the row names it."""
    assert verdict_of(weighed(40.0, ("queue",))) == ("review", [INDEPENDENCE])
    assert verdict_of(weighed(40.0, ())) == ("review", [INDEPENDENCE])
    assert verdict_of(weighed(40.0, ("identity", "network"))) == ("act", [])
    for families, said in ((("queue",), "only 'One work queue' is strong"), ((), "none is strong")):
        _, (limit,) = judge_weighed(
            weighed(40.0, families), SETTINGS, required_bits=0.0, likely_members=MEMBERS, min_accounts=5
        )
        assert said in limit.statement


def test_act_needs_somebody_to_act_on() -> None:
    assert verdict_of(weighed(40.0, member=0.9)) == ("review", [FLAGGING])
    sure = weighed(40.0)
    assert verdict_of(replace(sure, set_apart=np.ones(MEMBERS, bool))) == ("review", [FLAGGING])
    assert verdict_of(replace(sure, set_apart=np.arange(MEMBERS) > 0)) == ("act", [])


@pytest.mark.parametrize(("required", "expected"), [(20.0 - PRIOR, "act"), (20.0 - PRIOR + 0.001, "review")])
def test_act_needs_what_the_budget_asks(required: float, expected: str) -> None:
    """The prior is no evidence."""
    assert verdict_of(weighed(20.0), required=required) == (expected, [BUDGET] if expected == "review" else [])


@pytest.mark.parametrize(("allowed", "said"), [(1.0, "1 false campaign in"), (2.0, "2 false campaigns in")])
def test_the_budget_says_what_it_asks_and_what_there_is(allowed: float, said: str) -> None:
    settings = SETTINGS.model_copy(update={"false_campaigns_per_month": allowed})
    _, (limit,) = judge_weighed(weighed(20.0), settings, required_bits=30.0, likely_members=MEMBERS, min_accounts=5)
    assert limit.statement.startswith(f"A budget of {said} 30 days asks 30.0 bits")
    assert f"this one has {20.0 - PRIOR:.1f}, " in limit.statement


@pytest.mark.parametrize(("likely", "expected"), [(5, "act"), (4, "none"), (1, "none")])
def test_a_campaign_needs_members(likely: int, expected: str) -> None:
    assert verdict_of(weighed(20.0), likely=likely) == (expected, [] if expected == "act" else [MEMBERSHIP])


def test_too_few_members_are_said_in_one_and_in_many() -> None:
    for likely, said in (
        (1, "1 account of the group is likelier a member"),
        (3, "3 accounts of the group are likelier"),
    ):
        _, (limit,) = judge_weighed(weighed(20.0), SETTINGS, required_bits=0.0, likely_members=likely, min_accounts=5)
        assert limit.statement.startswith(said)
        assert limit.statement.endswith("at least 5")


def test_every_reason_is_said_and_none_where_the_probability_says_as_little() -> None:
    doubtful = {"families": ("queue",), "member": 0.9}
    assert verdict_of(weighed(20.0, **doubtful), required=99.0) == ("review", [INDEPENDENCE, FLAGGING, BUDGET])
    assert verdict_of(weighed(ACT_BITS - 0.1, **doubtful), required=99.0) == ("review", [])
    assert verdict_of(weighed(REVIEW_BITS - 0.1, **doubtful), required=99.0, likely=1) == ("none", [])


@steady
@given(
    st.floats(-10.0, 40.0),
    st.lists(st.sampled_from(["content", "queue", "identity"]), unique=True),
    st.floats(0.5, 0.9999),
    st.floats(0.0, 50.0),
    st.integers(0, MEMBERS),
)
def test_a_verdict_is_lower_than_its_probability_says_only_with_a_reason(
    bits: float, families: list[str], member: float, required: float, likely: int
) -> None:
    """And with a reason it always is."""
    group = weighed(bits, tuple(families), member=member)
    said = "act" if bits >= ACT_BITS else "review" if bits >= REVIEW_BITS else "none"
    found, reasons = verdict_of(group, required=required, likely=likely)
    assert (found != said) == bool(reasons)
    ranks = ("act", "review", "none")
    assert ranks.index(found) >= ranks.index(said)


HALF = np.arange(MEMBERS) < MEMBERS / 2


def standing_verdict(group: Weighed, before: np.ndarray, required: float = 0.0) -> tuple[str, list[str]]:
    """The verdict where the look before flagged some members, and the families of the rows that say why."""
    found, limits = judge_weighed(
        group, SETTINGS, required_bits=required, likely_members=MEMBERS, min_accounts=5, standing=before
    )
    return found, [limit.family for limit in limits]


@pytest.mark.parametrize(("below", "expected"), [(0.0, "act"), (4.12, "act"), (4.14, "none")])
def test_what_the_look_before_reached_stands_while_it_is_up_for_review(below: float, expected: str) -> None:
    """Where it flagged half of the members; it needs what it always needs to be reached."""
    said = [STANDING] if expected == "act" else []
    assert standing_verdict(weighed(ACT_BITS - below + 1e-6), HALF) == (expected, said)
    fewer = HALF & (np.arange(MEMBERS) > 0)
    reached = ("act", [STANDING]) if below == 0.0 else ("review" if expected == "act" else "none", [])
    assert standing_verdict(weighed(ACT_BITS - below + 1e-6), fewer) == reached
    assert verdict_of(weighed(ACT_BITS - below + 1e-6)) == (reached[0], [])


def test_what_stands_needs_as_much_less_of_the_budget_and_all_else() -> None:
    group, own = weighed(20.0), 20.0 - PRIOR
    assert standing_verdict(group, HALF, own + 4.12) == ("act", [STANDING])
    assert standing_verdict(group, HALF, own + 4.14) == ("review", [BUDGET, STANDING])
    assert standing_verdict(weighed(20.0, ("queue",)), HALF) == ("act", [STANDING])
    assert standing_verdict(weighed(20.0, ()), HALF) == ("review", [INDEPENDENCE, STANDING])
    assert verdict_of(weighed(20.0, ("queue",))) == ("review", [INDEPENDENCE])
    assert standing_verdict(weighed(20.0, operation="posing"), HALF) == ("review", [])


# Honest customers, and accounts that pose as such.


@pytest.mark.parametrize("kind", ["declared_organisation", "open_customer"])
def test_a_group_that_openly_is_one_customer_is_none_however_strong_the_rest(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    found = [finding(family, 80.0, member_bits=np.full(MEMBERS, 9.0)) for family in ("content", "queue", "conduct")]
    assert verdict_on(monkeypatch, *found).verdict == "act"
    judged = verdict_on(monkeypatch, *found, finding("identity", -6.0, kind))
    assert (judged.verdict, judged.weighed.claim.leading, judged.limits) == ("none", "customer", [])


POSING = finding("identity", 0.0, "posing_customers")
ONE_OPERATOR = (finding("network", 8.0), finding("timing", 8.0), finding("identity", 2.0), finding("content", -2.0))


def test_accounts_of_one_operator_that_pose_as_customers_are_put_up_for_review(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(monkeypatch, *ONE_OPERATOR, POSING)
    claim = judged.weighed.claim
    assert (judged.verdict, judged.kind, judged.limits) == ("review", "posing", [])
    assert judged.probability == sigmoid(one_operator_bits(claim.odds)) >= P.one_operator_probability
    harvest = sigmoid(float(-np.log2(sum(2.0**-odds for odds in claim.odds.values()))))
    assert harvest < SETTINGS.review_probability
    assert claim.leading in ("chance", "public", "one_place"), "it is weighed against separate parties"
    assert claim.odds.keys() >= {"company", "reseller"}, "and the odds against all are kept"


@pytest.mark.parametrize(
    "found",
    [
        ONE_OPERATOR,
        (*ONE_OPERATOR[1:], POSING),
        (*ONE_OPERATOR, POSING, finding("conduct", -1.6, "talk")),
        (*ONE_OPERATOR, POSING, finding("conduct", -1.6, "follow_ups")),
    ],
    ids=["they do not pose", "one operator is not sure", "people talk", "people ask back"],
)
def test_who_may_be_somebody_else_does_not_pose(monkeypatch: pytest.MonkeyPatch, found: tuple[Finding, ...]) -> None:
    judged = verdict_on(monkeypatch, *found)
    assert (judged.verdict, judged.kind) == ("none", "harvest")


def test_families_and_small_firms_do_not_pose() -> None:
    for accounts, operation in ((rules._POSING_ACCOUNTS, "posing"), (rules._POSING_ACCOUNTS - 1, "harvest")):
        assert weigh_findings([*ONE_OPERATOR, POSING], accounts, SETTINGS).claim.operation == operation


def test_a_few_signs_of_people_do_not_hide_one_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    little = finding("conduct", -rules._PEOPLE_BITS, "talk"), finding("conduct", rules._PEOPLE_BITS)
    assert verdict_on(monkeypatch, *ONE_OPERATOR, POSING, *little).kind == "posing"


def test_a_harvest_by_accounts_that_pose_is_a_harvest(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*ONE_OPERATOR[:3], finding("content", 8.0), finding("queue", 12.0, member_bits=np.full(MEMBERS, 6.0))]
    judged = verdict_on(monkeypatch, *found, POSING)
    assert judged.kind == "harvest"
    assert judged.probability < sigmoid(one_operator_bits(judged.weighed.claim.odds))


def test_posing_is_for_review_at_most_and_needs_members() -> None:
    assert verdict_of(weighed(40.0, operation="posing"), required=99.0) == ("review", [])
    assert verdict_of(weighed(40.0, operation="posing"), likely=4) == ("none", [MEMBERSHIP])


# The members.


def members(*values: float, rest: float = 4.0) -> np.ndarray:
    return np.array([*values, *[rest] * (MEMBERS - len(values))])


def test_likelier_strangers_leave_and_the_rest_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others say one bit for an account where it is asked who stays, and then one and a half for each who does."""
    judged = verdict_on(monkeypatch, finding("queue", 9.0, member_bits=members(-1.01, -1.0, -0.99)))
    assert judged.candidate.accounts.tolist() == list(range(1, MEMBERS))
    assert judged.weighed.member_prior == 1.5
    assert judged.weighed.member_bits[0] == 0.5
    assert judged.member_probability[-1] == pytest.approx(2.0**5.5 / (2.0**5.5 + 1.0))


def test_where_too_few_stay_all_are_kept_and_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    strangers = members(-3.0, -3.0, -3.0, -3.0, rest=9.0)
    found = [finding("content", 8.0, member_bits=strangers), finding("queue", 14.0)]
    enough = verdict_on(monkeypatch, *found, min_accounts=4)
    assert enough.candidate.accounts.tolist() == [4, 5, 6, 7]
    assert enough.verdict == "act"
    too_few = verdict_on(monkeypatch, *found, min_accounts=5)
    assert too_few.candidate.accounts.tolist() == list(range(MEMBERS))
    assert (too_few.verdict, [limit.family for limit in too_few.limits]) == ("none", [MEMBERSHIP])


@pytest.mark.parametrize("stay", [5, 8])
def test_a_group_of_the_least_size_is_a_campaign(monkeypatch: pytest.MonkeyPatch, stay: int) -> None:
    found = [finding("content", 8.0, member_bits=np.where(np.arange(MEMBERS) < stay, 9.0, -9.0))]
    judged = verdict_on(monkeypatch, *found, finding("queue", 14.0), min_accounts=stay)
    assert (judged.verdict, len(judged.candidate.accounts)) == ("act", stay)


@pytest.mark.parametrize(("bits", "independent", "left"), [(8.0, True, 1), (7.99, True, 0), (20.0, False, 0)])
def test_decisive_independent_evidence_refutes_members(
    monkeypatch: pytest.MonkeyPatch, bits: float, independent: bool, left: int
) -> None:
    """A member whose client is its own leaves, however well its topics fit; but only where clients decide the group."""
    clients = finding("network", bits, member_bits=members(-0.5, 0.0, 0.5), independent=independent)
    topics = finding("queue", 9.0, member_bits=members(5.0, 5.0, 5.0))
    judged = verdict_on(monkeypatch, clients, topics)
    assert judged.candidate.accounts.tolist() == list(range(left, MEMBERS))


def test_the_refuted_leave_the_group_on_which_topics_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first member is refuted by its client, the second a stranger by its topics."""
    seen: list[CandidateCase] = []

    def gathered(case: CandidateCase) -> list[Finding]:
        seen.append(case)
        inside = np.isin(GROUP.accounts, case.candidate.accounts)
        clients = finding("network", 9.0, member_bits=members(-0.5)[inside], independent=True)
        return [clients, finding("queue", 9.0, member_bits=members(5.0, -6.0)[inside])]

    monkeypatch.setattr(verdict, "gather_evidence", gathered)
    judge(LOG, GROUP, SETTINGS, min_slice_requests=7, min_accounts=5, required_bits=0.0)
    first, second = seen
    assert first.candidate is first.as_found is first.without_refuted is GROUP
    assert second.candidate.accounts.tolist() == list(range(2, MEMBERS))
    assert second.as_found is GROUP
    assert second.without_refuted.accounts.tolist() == list(range(1, MEMBERS))
    assert {case.min_slice_requests for case in seen} == {7}


@pytest.mark.parametrize(("more", "expected"), [(0.0, "act"), (0.001, "review")])
def test_the_budget_holds_back_what_would_be_act(monkeypatch: pytest.MonkeyPatch, more: float, expected: str) -> None:
    found = [finding("content", 80.0, member_bits=np.full(MEMBERS, 9.0)), finding("queue", 80.0)]
    required = weigh_findings(found, MEMBERS, SETTINGS).claim.bits - PRIOR + more
    judged = verdict_on(monkeypatch, *found, required_bits=required)
    assert (judged.verdict, [limit.family for limit in judged.limits]) == (expected, [BUDGET] if more else [])
