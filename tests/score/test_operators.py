"""Ties between campaigns, pools of accounts, and mixtures of two operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from row_logs import DAY, HOUR, log_of_rows

from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.campaign_keys import CampaignKeys, Comparison
from stillhunt.score.operators.mixtures import split_mixtures
from stillhunt.score.operators.ties import find_campaign_sets, ties_between
from stillhunt.score.output.evidence_table import operators_table
from stillhunt.score.verdict.rules import Claim, Weighed
from stillhunt.score.verdict.verdict import Judged

MEMBERS, OTHERS, EACH = 20, 400, 30
ALL = 2 * MEMBERS + OTHERS
Array = np.ndarray[Any, np.dtype[Any]]


def candidate_of(log: ScoredLog, first: int, last: int, number: int = 0) -> Candidate:
    """Accounts first to last as a candidate with all of their rows."""
    accounts = np.arange(first, last)
    rows = np.flatnonzero((log.requests.account >= first) & (log.requests.account < last))
    owner = log.requests.account[rows] - first
    places, zero = np.arange(len(accounts)), np.zeros(len(accounts))
    return Candidate(number, accounts, places * 0, places, places * 0 + 3, zero, zero, rows, owner, owner)


def judged(candidate: Candidate, verdict: str = "act", bits: float = 10.0) -> Judged:
    members = len(candidate.accounts)
    claim = Claim(HARVEST_OPERATION, bits, -5.5, 0.0, "chance", {"chance": bits})
    weighed = Weighed(claim, [], [], 0.0, np.full(members, 9.0), np.ones(members), np.zeros(members, bool))
    return Judged(candidate, [], weighed, verdict, HARVEST_OPERATION)


def two_campaigns(*, client: bool = False, card: bool = False, sign_up: bool = False, pause: bool = False) -> ScoredLog:
    """Two campaigns of 20 accounts each, the first ones of the log, that share what is asked for."""
    rng = np.random.default_rng(5)
    number = np.arange(ALL)
    campaign = np.where(number < MEMBERS, 0, np.where(number < 2 * MEMBERS, 1, 2))
    inside = campaign < 2
    account = np.repeat(number, EACH)
    time = np.sort(rng.integers(0, 14 * DAY, len(account)))
    rng.shuffle(time)
    if pause:  # both stand still for ten hours on the sixth day
        busy = inside[account] & (time >= 5 * DAY) & (time < 5 * DAY + 10 * HOUR)
        time[busy] += 11 * HOUR
    own = np.where(client, 0, campaign)
    agent = np.where(inside, 1000 + own, number % 7)[account]
    keys = {
        "payment_fingerprint": np.where(inside, 5000 + np.where(card, 0, campaign) * 10 + number % 2, number),
        "created_at": np.where(inside, 40 + np.where(sign_up, 0, campaign) * 9, number % 200) * DAY,
    }
    return log_of_rows(
        account,
        time,
        customers={name: values.tolist() for name, values in keys.items()},
        user_agent=[f"agent {code}" for code in agent.tolist()],
    )


def sets_of(log: ScoredLog) -> list[str]:
    pair = [candidate_of(log, 0, MEMBERS), candidate_of(log, MEMBERS, 2 * MEMBERS)]
    return [one.relation for one in find_campaign_sets(log, pair)]


def test_two_independent_kinds_make_one_operator() -> None:
    assert sets_of(two_campaigns(client=True, card=True)) == ["one_operator"]
    assert sets_of(two_campaigns(client=True, pause=True)) == ["one_operator"]


@pytest.mark.parametrize("shared", ["client", "card", "sign_up", "pause"])
def test_one_kind_is_not_enough(shared: str) -> None:
    assert sets_of(two_campaigns(**{shared: True})) == []


def test_sign_up_days_and_schedule_without_a_decisive_kind_tie_nobody() -> None:
    assert sets_of(two_campaigns(sign_up=True, pause=True)) == []


def test_rivals_with_nothing_in_common_are_not_tied() -> None:
    log = two_campaigns()
    first, second = (CampaignKeys(log, candidate_of(log, 20 * k, 20 * k + 20)) for k in (0, 1))
    assert [tie for tie in ties_between(first, second, Comparison(log, np.arange(40))) if tie.bits >= 3.0] == []


def test_the_statement_counts_accounts_and_values() -> None:
    log = two_campaigns(card=True)
    first, second = (CampaignKeys(log, candidate_of(log, 20 * k, 20 * k + 20)) for k in (0, 1))
    strongest = ties_between(first, second, Comparison(log, np.arange(40)))[0]
    assert strongest.statement == "All 40 accounts of both campaigns pay with the same 2 payment instruments"


def test_campaigns_on_the_same_accounts_are_one_pool() -> None:
    log = two_campaigns(client=True, card=True)
    pair = [candidate_of(log, 0, 30), candidate_of(log, 10, 40)]
    (found,) = find_campaign_sets(log, pair)
    assert (found.relation, found.campaigns) == ("one_pool", (0, 1))
    assert found.describe(*found.held[0]).statement.startswith(
        "20 accounts serve both campaigns, 66.7 % of the smaller one"
    )


def test_a_third_campaign_does_not_make_one_operator_of_a_pool() -> None:
    log = two_campaigns(client=True, card=True)
    three = [candidate_of(log, 0, 16), candidate_of(log, 4, 20), candidate_of(log, 20, 40)]
    found = {one.relation: one.campaigns for one in find_campaign_sets(log, three)}
    assert found["one_pool"] == (0, 1)
    assert len(found["one_operator"]) == 2


def test_table_has_a_row_for_each_campaign_and_its_id_stays_when_the_order_changes() -> None:
    log = two_campaigns(client=True, card=True)
    pair = [judged(candidate_of(log, 20 * k, 20 * k + 20, k)) for k in (0, 1)]
    table = operators_table(log, pair, ["c-a", "c-b"], [])
    turned = operators_table(log, pair[::-1], ["c-b", "c-a"], [])
    assert table["campaign_id"].to_pylist() == ["c-a", "c-b"]
    assert table["tied_to"].to_pylist() == ["c-b", "c-a"]
    assert set(table["operator_id"].to_pylist()) == set(turned["operator_id"].to_pylist())
    assert table["accounts"].to_pylist() == [40, 40]
    for bits, parts in zip(table["bits"].to_pylist(), table["kind_bits"].to_pylist(), strict=True):
        assert bits == pytest.approx(sum(parts))


def test_groups_left_alone_are_in_no_set() -> None:
    log = two_campaigns(client=True, card=True)
    pair = [judged(candidate_of(log, 20 * k, 20 * k + 20, k), ("act", "none")[k]) for k in (0, 1)]
    assert operators_table(log, pair, ["c-a", "c-b"], []).num_rows == 0


def mixture(*, words_by_client: bool) -> tuple[ScoredLog, Candidate]:
    """One campaign of 40 accounts with four clients; words depend on the client, or on nothing."""
    rng = np.random.default_rng(11)
    account = np.repeat(np.arange(ALL), EACH)
    client = (np.arange(ALL) * 4 // (2 * MEMBERS) % 4)[account]
    kind = client // 2 if words_by_client else rng.integers(0, 2, len(account))
    words = [sorted({int(k) * 100 + int(w) for w in rng.integers(0, 30, 8)}) for k in kind]
    log = log_of_rows(
        account,
        rng.integers(0, 14 * DAY, len(account)),
        user_agent=[f"agent {code}" for code in client.tolist()],
        topic_words=words,
    )
    return log, candidate_of(log, 0, 2 * MEMBERS)


def by(verdict: str) -> Callable[[Candidate], Judged]:
    return lambda part: judged(part, verdict)


def test_a_campaign_whose_clients_predict_its_words_is_two() -> None:
    log, whole = mixture(words_by_client=True)
    parts, splits = split_mixtures(log, [judged(whole)], by("act"))
    assert sorted(part.candidate.accounts.tolist() for part in parts) == [list(range(20)), list(range(20, 40))]
    assert splits[0].z > 10.0
    table = operators_table(log, parts, ["c-a", "c-b"], splits)
    assert table["relation"].to_pylist() == ["two_operators", "two_operators"]
    assert "ask in different words" in table["statements"][0].as_py()[0]


def test_one_queue_for_all_clients_stays_one_campaign() -> None:
    log, whole = mixture(words_by_client=False)
    parts, splits = split_mixtures(log, [judged(whole)], by("act"))
    assert (len(parts), splits) == (1, [])


def test_a_mixture_stays_whole_where_no_part_reaches_its_verdict() -> None:
    log, whole = mixture(words_by_client=True)
    parts, splits = split_mixtures(log, [judged(whole)], by("review"))
    assert (parts[0].candidate is whole, splits) == (True, [])


def test_who_uses_the_others_client_goes_where_its_words_are() -> None:
    log, whole = mixture(words_by_client=True)
    client = log.requests.client_fingerprint.copy()
    client[log.requests.account == 0] = client[log.requests.account == 39][0]
    changed = ScoredLog(replace(log.requests, client_fingerprint=client), log.accounts)
    parts, _ = split_mixtures(changed, [judged(whole)], by("act"))
    assert sorted(part.candidate.accounts.tolist() for part in parts)[0] == list(range(20))


@pytest.mark.parametrize(("bits", "verdict", "parts"), [(1.0, "act", 2), (-1.0, "act", 1), (1.0, "none", 1)])
def test_a_group_left_alone_is_taken_apart_where_it_is_likely_and_a_part_is_a_campaign(
    bits: float, verdict: str, parts: int
) -> None:
    log, whole = mixture(words_by_client=True)
    left_alone = judged(whole, "none", bits)
    assert len(split_mixtures(log, [left_alone], by(verdict))[0]) == parts
