"""From findings to probabilities and verdicts: thresholds, families, open customers, refuted members, the budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from row_logs import group_of, log_of_rows

from stillhunt.base.config import Config
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.verdict import rules, verdict
from stillhunt.score.verdict.rules import sigmoid
from stillhunt.score.verdict.verdict import Judged, judge

SETTINGS = Config().score
PRIOR, FLOOR = SETTINGS.prior_bits, SETTINGS.family_floor_bits
MEMBERS = 8
LOG = log_of_rows(np.repeat(np.arange(30), 4), np.arange(120))
GROUP = group_of(LOG, MEMBERS)
ACT_BITS = float(np.log2(SETTINGS.act_probability / (1.0 - SETTINGS.act_probability))) - PRIOR
REVIEW_BITS = float(np.log2(SETTINGS.review_probability / (1.0 - SETTINGS.review_probability))) - PRIOR


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


def test_bits_and_probability_are_prior_and_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(monkeypatch, finding("content", 5.0), finding("queue", 7.0), finding("conduct", -1.5))
    assert judged.bits == pytest.approx(PRIOR + 10.5)
    assert judged.probability == pytest.approx(1.0 / (1.0 + 2.0 ** -(PRIOR + 10.5)))
    assert judged.families == ["queue", "content"]
    assert judged.held_back is None


def test_findings_are_capped_by_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(monkeypatch, finding("content", 80.0), finding("identity", 80.0), finding("network", 80.0))
    caps = SETTINGS.family_cap_bits.model_dump()
    assert judged.findings[0].bits == caps["content"]
    assert judged.findings[1].bits + judged.findings[2].bits == pytest.approx(SETTINGS.linkage_cap_bits)


def test_families_above_the_floor_the_strongest_first_then_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = verdict_on(
        monkeypatch,
        finding("queue", FLOOR),
        finding("conduct", FLOOR - 0.01),
        finding("content", FLOOR),
        finding("network", FLOOR + 1.0),  # as much as linkage may earn
    )
    assert judged.families == ["network", "content", "queue"]


def test_act_needs_two_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """One family alone is never enough, however probable it makes a campaign."""
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    assert verdict_on(monkeypatch, finding("queue", 40.0)).verdict == "review"
    assert verdict_on(monkeypatch, finding("queue", 40.0), finding("content", FLOOR - 0.01)).verdict == "review"
    assert verdict_on(monkeypatch, finding("queue", 40.0), finding("content", FLOOR)).verdict == "act"
    assert verdict_on(monkeypatch, finding("queue", 40.0), finding("identity", FLOOR)).verdict == "act"


@pytest.mark.parametrize(
    ("identity", "network", "content", "queue", "expected"),
    [
        (20.0, 20.0, FLOOR, 0.0, "act"),  # content alone reaches its floor
        (20.0, 20.0, 0.0, FLOOR, "act"),
        (20.0, 20.0, 0.75 * FLOOR, 0.75 * FLOOR, "act"),  # both together reach one and a half floors
        (20.0, 20.0, 0.74 * FLOOR, 0.75 * FLOOR, "review"),  # they reach one: one operation, and a queue in doubt
        (20.0, 20.0, 0.5 * FLOOR, 0.5 * FLOOR, "review"),
        (20.0, 20.0, 0.49 * FLOOR, 0.5 * FLOOR, "none"),  # one operation, and no sign of a queue
        (20.0, 20.0, 2.5 * FLOOR, -2.0 * FLOOR, "act"),  # what is against in one family does not hide the other
    ],
)
def test_one_work_queue_must_show(
    monkeypatch: pytest.MonkeyPatch, identity: float, network: float, content: float, queue: float, expected: str
) -> None:
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    found = [finding("identity", identity), finding("network", network)]
    found += [finding("content", content), finding("queue", queue)]
    assert verdict_on(monkeypatch, *found).verdict == expected


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (ACT_BITS + 1e-6, "act"),
        (ACT_BITS - 1e-6, "review"),
        (REVIEW_BITS + 1e-6, "review"),
        (REVIEW_BITS - 1e-6, "none"),
    ],
)
def test_probabilities_decide(monkeypatch: pytest.MonkeyPatch, bits: float, expected: str) -> None:
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    assert verdict_on(monkeypatch, finding("content", bits / 2), finding("queue", bits / 2)).verdict == expected


@pytest.mark.parametrize("kind", ["declared_organisation", "open_customer"])
def test_a_group_that_openly_is_one_customer_is_for_review_at_most(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    found = [finding("content", 30.0), finding("queue", 30.0), finding("identity", -6.0, kind)]
    assert verdict_on(monkeypatch, *found).verdict == "review"
    assert verdict_on(monkeypatch, *found[:2]).verdict == "act"


@pytest.mark.parametrize(
    ("needs", "linkage", "expected"),
    [
        ("nothing", 0.0, "act"),
        ("linkage", FLOOR, "act"),
        ("linkage", FLOOR - 0.01, "review"),
        ("never", 4.0, "review"),
    ],
)
def test_what_honest_groups_explain_too_needs_more(
    monkeypatch: pytest.MonkeyPatch, needs: str, linkage: float, expected: str
) -> None:
    """Strangers who sample one public set share prompts and template; only one operator ties them, too."""
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    found = [finding("content", 30.0), finding("queue", 30.0), finding("network", linkage)]
    found[1] = replace(found[1], act_needs=needs)
    assert verdict_on(monkeypatch, *found).verdict == expected


def test_review_needs_a_family_above_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many weak findings that make a campaign probable show nothing that a person could look at."""
    monkeypatch.setattr(rules, "capped", lambda findings, *_: findings)
    families = ("content", "queue", "identity", "network", "timing", "conduct")
    found = [finding(family, FLOOR - 0.01) for family in families]
    enough = -PRIOR + 5.0 - sum(one.bits for one in found)
    assert verdict_on(monkeypatch, *found, finding("another", min(enough, FLOOR - 0.01))).families == []
    assert verdict_on(monkeypatch, *found, *[finding(f"f{n}", 1.0) for n in range(40)]).verdict == "none"


def members(*values: float) -> np.ndarray:
    return np.array([*values, *[4.0] * (MEMBERS - len(values))])


def test_likelier_strangers_leave_and_the_rest_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """At even odds a member stays."""
    judged = verdict_on(monkeypatch, finding("queue", 9.0, member_bits=members(-0.01, 0.0, 0.01)))
    assert judged.candidate.accounts.tolist() == list(range(1, MEMBERS))
    assert judged.member_bits[0] == 0.0
    assert judged.member_probability[0] == 0.5
    assert judged.member_probability[-1] == pytest.approx(16 / 17)


def test_where_too_few_stay_all_are_kept_and_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [finding("queue", 14.0, member_bits=members(-1.0, -1.0, -1.0, -1.0)), finding("content", 8.0)]
    enough = verdict_on(monkeypatch, *found, min_accounts=4)
    assert enough.candidate.accounts.tolist() == [4, 5, 6, 7]
    assert enough.verdict == "act"
    too_few = verdict_on(monkeypatch, *found, min_accounts=5)
    assert too_few.candidate.accounts.tolist() == list(range(MEMBERS))
    assert too_few.verdict == "none"


@pytest.mark.parametrize("stay", [5, 8])
def test_a_group_of_the_least_size_is_a_campaign(monkeypatch: pytest.MonkeyPatch, stay: int) -> None:
    found = [finding("queue", 14.0, member_bits=np.where(np.arange(MEMBERS) < stay, 1.0, -1.0))]
    judged = verdict_on(monkeypatch, *found, finding("content", 8.0), min_accounts=stay)
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
    caps = SETTINGS.family_cap_bits
    required = caps.content + caps.queue + more
    judged = verdict_on(monkeypatch, finding("content", 80.0), finding("queue", 80.0), required_bits=required)
    assert (judged.verdict, judged.held_back) == (expected, None if expected == "act" else required)


def test_the_budget_has_no_say_in_what_is_not_act(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verdict_on(monkeypatch, finding("queue", 14.0), required_bits=99.0).held_back is None
