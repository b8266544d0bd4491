"""One operation that was found as several groups is one campaign; tenants of one pool stay apart."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from row_logs import log_of_rows, with_requests
from test_operators import MEMBERS, Array, judged, two_campaigns

from stillhunt.base.config import Config
from stillhunt.score.context.candidate import Candidate, candidate_of
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.mixtures import Split
from stillhunt.score.operators.wholes import join_wholes
from stillhunt.score.verdict.verdict import Judged

ACCOUNTS, EACH = 20, 24


def pool(first_share: Array) -> ScoredLog:
    """Accounts with requests in two content clusters, so many of each in the first."""
    account = np.repeat(np.arange(ACCOUNTS), EACH)
    place = np.tile(np.arange(EACH), ACCOUNTS)
    cluster = np.where(place < np.round(first_share * EACH)[account], 0, 1)
    return log_of_rows(account, np.arange(len(account)) * 1_000_000, cluster=cluster)


ONE_MIX = pool(np.full(ACCOUNTS, 0.5))
TENANTS = pool(np.arange(ACCOUNTS) % 3 / 2)


def group(log: ScoredLog, cluster: int, number: int, accounts: Array | None = None) -> Candidate:
    own = np.unique(log.requests.account[log.requests.cluster == cluster]) if accounts is None else accounts
    nothing = np.zeros(len(own))
    return candidate_of(log, number, np.full(len(own), cluster), own, np.full(len(own), 3), nothing, nothing)


def joined(
    log: ScoredLog, verdicts: tuple[str, str], whole: Callable[[Candidate], Judged], splits: tuple[Split, ...] = ()
) -> tuple[list[Judged], list[Split]]:
    parts = [judged(group(log, cluster, cluster), verdict) for cluster, verdict in enumerate(verdicts)]
    with ThreadPoolExecutor(2) as threads:
        return join_wholes(log, parts, splits, whole, Config().score, threads)


def by(verdict: str) -> Callable[[Candidate], Judged]:
    return lambda candidate: judged(candidate, verdict)


def never(_: Candidate) -> Judged:
    raise AssertionError("nothing is joined")


def test_groups_with_one_mix_on_the_same_accounts_are_one_campaign() -> None:
    (whole,), _ = joined(ONE_MIX, ("act", "review"), by("act"))
    assert whole.candidate.accounts.tolist() == list(range(ACCOUNTS))
    assert whole.candidate.rows.tolist() == list(range(ACCOUNTS * EACH))
    assert whole.candidate.slice_cluster.tolist() == [0] * ACCOUNTS + [1] * ACCOUNTS


@pytest.mark.parametrize("whole", ["act", "review"])
def test_what_was_judged_before_its_turn_counts_only_while_its_groups_are_there(whole: str) -> None:
    account = np.repeat(np.arange(ACCOUNTS), EACH)
    log = log_of_rows(account, np.arange(len(account)) * 1_000_000, cluster=np.tile(np.arange(EACH) % 3, ACCOUNTS))
    parts = [judged(group(log, cluster, cluster), "review") for cluster in range(3)]
    with ThreadPoolExecutor(2) as threads:
        (found,), _ = join_wholes(log, parts, [], by(whole), Config().score, threads)
    assert np.unique(found.candidate.slice_cluster).tolist() == [0, 1, 2]
    assert found.candidate.rows.tolist() == list(range(len(account)))


def test_each_whole_of_several_stays() -> None:
    wholes = 5  # more than are judged at once
    account = np.repeat(np.arange(wholes * ACCOUNTS), EACH)
    cluster = np.tile(np.arange(EACH) % 2, wholes * ACCOUNTS) + account // ACCOUNTS * 2
    log = log_of_rows(account, np.arange(len(account)) * 1_000_000, cluster=cluster)
    parts = [judged(group(log, one, one), "review") for one in range(2 * wholes)]
    with ThreadPoolExecutor(2) as threads:
        found, _ = join_wholes(log, parts, [], by("act"), Config().score, threads)
    pairs = [[2 * one, 2 * one + 1] for one in range(wholes)]
    assert sorted(np.unique(one.candidate.slice_cluster).tolist() for one in found) == pairs
    assert len({one.candidate.number for one in found}) == wholes


def test_where_judging_fails_nothing_more_is_judged() -> None:
    begun: list[int] = []

    def fail(candidate: Candidate) -> Judged:
        begun.append(candidate.number)
        raise ValueError("it fails")

    log = pool(np.full(ACCOUNTS, 0.5))
    parts = [judged(group(log, number % 2, number), "review") for number in range(6)]
    with ThreadPoolExecutor(1) as threads, pytest.raises(ValueError, match="it fails"):
        join_wholes(log, parts, [], fail, Config().score, threads)
    assert len(begun) <= 3  # of the 9 pairs: those that were begun with the one that failed


def test_tenants_of_one_pool_stay_apart() -> None:
    assert len(joined(TENANTS, ("act", "act"), never)[0]) == 2


@pytest.mark.parametrize(
    ("verdicts", "whole", "groups"),
    [
        (("act", "review"), "review", 2),
        (("review", "review"), "review", 1),
        (("review", "none"), "review", 2),
        (("none", "review"), "act", 1),
    ],
)
def test_a_whole_takes_the_place_of_its_parts_where_it_says_no_less(
    verdicts: tuple[str, str], whole: str, groups: int
) -> None:
    assert len(joined(ONE_MIX, verdicts, by(whole))[0]) == groups


def test_groups_left_alone_are_not_joined() -> None:
    assert len(joined(ONE_MIX, ("none", "none"), never)[0]) == 2


def test_a_whole_that_flags_fewer_accounts_is_not_taken() -> None:
    def fewer(candidate: Candidate) -> Judged:
        return judged(candidate.without(np.arange(ACCOUNTS) > 0), "act")

    assert len(joined(ONE_MIX, ("act", "act"), fewer)[0]) == 2


def test_parts_of_a_mixture_are_not_joined_again() -> None:
    splits = (Split(0, 1, 12.0),)
    groups, left = joined(ONE_MIX, ("act", "act"), never, splits)
    assert (len(groups), left) == (2, [*splits])


def test_a_mixture_has_the_number_of_the_whole_that_its_part_became() -> None:
    groups, (split,) = joined(ONE_MIX, ("act", "act"), by("act"), (Split(1, 7, 12.0),))
    assert (split.first, split.second) == (groups[0].candidate.number, 7)


@pytest.mark.parametrize(
    ("shared", "template", "campaigns"), [("card", True, 1), ("card", False, 2), ("pause", False, 1)]
)
def test_campaigns_of_one_operator_are_one_where_they_have_one_template_or_schedule(
    shared: str, template: bool, campaigns: int
) -> None:
    plain = two_campaigns(client=True, **{shared: True})
    log = with_requests(plain, cluster=clusters_of(plain, template))
    halves = np.split(np.arange(2 * MEMBERS), 2)
    parts = [judged(group(log, int(place and not template), place, own)) for place, own in enumerate(halves)]
    with ThreadPoolExecutor(2) as threads:
        found = join_wholes(log, parts, [], by("act"), Config().score, threads)[0]
    assert sorted(len(one.candidate.accounts) for one in found) == [2 * MEMBERS // campaigns] * campaigns


def clusters_of(log: ScoredLog, template: bool) -> Array:
    """Content cluster of each request: both campaigns use 0, or each its own; others use 2, or none."""
    account = log.requests.account
    second = (account >= MEMBERS) & (not template)
    others = np.where(np.arange(len(account)) % 7, -1, 2)
    return np.where(account < 2 * MEMBERS, second.astype(np.int64), others)
