"""Accounts that use the phrases of one template with the same mix, discounted where everybody has the phrases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import Array, finding_of, group_of, log_of_rows, untemplated_group, with_accounts

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.phrase_mixture import PHRASES_KIND, template_lift

MEMBERS = 10


def log_with(use: Array, outside: Array, script: Array | None = None) -> ScoredLog:
    """Accounts with so many requests in content cluster 0, and so many outside any; `script`: of each account."""
    account = np.repeat(np.arange(len(use)), use + outside)
    place = np.arange(len(account)) - np.searchsorted(account, account)
    return log_of_rows(
        account,
        np.arange(len(account)),
        cluster=np.where(place < use[account], 0, -1),
        script=np.ones(len(account), np.int64) if script is None else script[account],
    )


def found_in(log: ScoredLog, content: float | Array, members: int = MEMBERS) -> Finding:
    group = replace(group_of(log, members), content=np.zeros(members) + content)
    found = finding_of(PHRASES_KIND, log, group)
    assert found is not None
    return found


RARE = log_with(
    np.r_[np.full(MEMBERS, 40), np.zeros(200, np.int64)], np.r_[np.zeros(MEMBERS, np.int64), np.full(200, 20)]
)
"""Nobody but the members uses the template, which stands in all their requests: 4,001 times as often."""


@pytest.mark.parametrize(("content", "total"), [(8.0, 80.0), (2.0, 20.0), (50.0, 120.0), (0.0, 0.0), (-3.0, -30.0)])
def test_bits_are_two_for_each_doubling_of_twenty_held_out_bits(content: float, total: float) -> None:
    """Each slice counts up to 12 bits."""
    found = found_in(RARE, content)
    assert found.bits == pytest.approx(np.sign(total) * 2.0 * np.log2(1.0 + abs(total) / 20.0))
    assert found.member_bits is not None
    assert found.member_bits.tolist() == [min(content, 12.0)] * MEMBERS
    assert found.count == 400
    assert len(found.rows) == 50


def test_the_statement_says_how_much_more_often_members_use_the_phrases() -> None:
    assert found_in(RARE, 8.0).statement == (
        "10 accounts use one template with the same mix of phrases (80 bits on held-out requests before the cap), "
        "4,001 times as "
        "often as other customers"
    )
    assert found_in(RARE, -2.0).statement == (
        "10 accounts use one template, each with a mix of phrases of its own (20 bits against a common mix, on "
        "held-out requests)"
    )


@pytest.mark.parametrize(
    ("content", "statement"),
    [
        (
            8.0,
            (
                "10 accounts use the same words with the same mix, though no run of words recurs (80 bits on held-out "
                "requests before the cap), 4,001 times as often as other customers"
            ),
        ),
        (
            -2.0,
            (
                "10 accounts use the same words, each with a mix of its own (20 bits against a common mix, on held-out "
                "requests)"
            ),
        ),
    ],
)
def test_of_a_wording_style_nobody_says_that_it_is_a_template(content: float, statement: str) -> None:
    group = replace(group_of(RARE, MEMBERS), content=np.full(MEMBERS, content), style=True)
    found = finding_of(PHRASES_KIND, RARE, group)
    assert found is not None
    assert found.statement == statement


@pytest.mark.parametrize("users", [1, 8, 40, 150])
def test_phrases_that_casual_users_have_too_say_less(users: int) -> None:
    """Between 16 and 256 times as often as casual users the weight grows from none to all."""
    use = np.r_[np.full(MEMBERS, 40), np.full(users, 2), np.zeros(200 - users, np.int64)]
    outside = np.r_[np.zeros(MEMBERS, np.int64), np.full(users, 18), np.full(200 - users, 20)]
    lift = (4000 + 1.0) / (2 * users + 1.0)
    found = found_in(log_with(use, outside), 8.0)
    weight = np.clip((np.log2(lift) - 4.0) / 4.0, 0.0, 1.0)
    assert found.bits == pytest.approx(weight * 2.0 * np.log2(5.0))
    assert f"{round(lift):,} times as often" in found.statement or found.bits <= 0


def plain_lift(use: Array, outside: Array, members: Array, background: Array, least: int) -> float:
    """The lift by its definition, account by account."""
    casual = total = 0
    for account in range(len(use)):
        if account in members or not background[account] or use[account] >= least:
            continue
        casual, total = casual + int(use[account]), total + int(use[account] + outside[account])
    own = np.median([use[m] / (use[m] + outside[m]) for m in members.tolist()])
    return max(float(own / ((casual + 1) / (total + 1))), 1.0)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_lift_is_that_of_the_definition(seed: int, sampled: bool) -> None:
    """Accounts that use the template a lot without being members belong to neither side."""
    rng = np.random.default_rng(seed)
    use = rng.choice([0, 0, 0, 1, 2, 3, 4, 5, 9], 80)
    outside = rng.integers(1, 30, 80)
    use[:MEMBERS] += 5
    log = log_with(use, outside)
    background = rng.random(80) < 0.6 if sampled else np.ones(80, bool)
    log = with_accounts(log, background=background)
    group = group_of(log, MEMBERS)
    for least in (3, 4, 5):
        expected = plain_lift(use, outside, np.arange(MEMBERS), background, least)
        assert template_lift(log, group, least) == pytest.approx(expected)


def two_clusters(log: ScoredLog, members: int) -> Candidate:
    """The members' slices in content clusters 0 and 1."""
    rows = np.flatnonzero((log.requests.account < members) & (log.requests.cluster >= 0))
    account = log.requests.account[rows]
    return replace(
        group_of(log, members),
        slice_cluster=np.repeat([0, 1], members),
        slice_account=np.tile(np.arange(members), 2),
        formed_on=np.full(2 * members, 3),
        content=np.zeros(2 * members),
        queue=np.zeros(2 * members),
        rows=rows,
        row_account=account,
        row_slice=account + members * log.requests.cluster[rows],
    )


def test_slices_of_several_clusters_are_summed_by_account() -> None:
    rng = np.random.default_rng(9)
    count, each = 60, 20
    cluster = np.where(np.arange(count * each) < MEMBERS * each, rng.integers(0, 2, count * each), -1)
    casual = rng.random(count * each) < 0.05
    cluster = np.where((cluster < 0) & casual, rng.integers(0, 2, count * each), cluster)
    log = log_of_rows(np.repeat(np.arange(count), each), np.arange(count * each), cluster=cluster)
    use = np.bincount(log.requests.account[log.requests.cluster >= 0], minlength=count)
    expected = plain_lift(use, each - use, np.arange(MEMBERS), np.ones(count, bool), 4)
    assert template_lift(log, two_clusters(log, MEMBERS), 4) == pytest.approx(expected)


def test_members_who_use_the_template_less_than_everybody_have_no_lift() -> None:
    log = log_with(np.r_[np.full(4, 1), np.full(30, 3)], np.r_[np.full(4, 99), np.zeros(30, np.int64)])
    assert template_lift(log, group_of(log, 4), 4) == 1.0


def test_members_of_one_request_have_their_share_too() -> None:
    log = log_with(np.r_[np.ones(5, np.int64), np.zeros(30, np.int64)], np.r_[np.zeros(5, np.int64), np.full(30, 4)])
    assert template_lift(log, group_of(log, 5), 4) == pytest.approx(121.0)


def lift_by_country(use: Array, country: Array) -> float:
    """The lift of the first ten accounts, each with 40 requests, of which so many are in the template."""
    log = with_accounts(log_with(use, 40 - use), country=country)
    return template_lift(log, group_of(log, MEMBERS), 5)


@pytest.mark.parametrize(("users", "language"), [(60, True), (15, False), (10, False), (4, False)])
def test_what_most_of_a_country_writes_is_its_language_and_no_template(users: int, language: bool) -> None:
    """Others who use it a lot are counted where they live beside the members and are twice as many.

    Fewer of them may be the part of an operation that the search left out.
    """
    use = np.r_[np.full(MEMBERS + users, 30), np.zeros(400, np.int64)]
    speakers = np.r_[np.full(MEMBERS + users + 20, 7), np.full(380, 3)]
    spread = np.arange(len(use)) % 5
    everywhere = lift_by_country(use, spread)
    assert lift_by_country(use, np.full(len(use), -1)) == pytest.approx(everywhere, rel=0.1)
    assert everywhere > 10_000
    if language:
        assert lift_by_country(use, speakers) < 2.0
    elif users <= MEMBERS:
        assert lift_by_country(use, speakers) == pytest.approx(everywhere, rel=0.05)
    else:
        assert 50 < lift_by_country(use, speakers) < 0.5 * everywhere


@pytest.mark.parametrize(("script", "language"), [(5, True), (1, False)])
def test_a_script_tells_a_language_where_countries_do_not(script: int, language: bool) -> None:
    """Who writes in it lives everywhere, as do all others, who write in Latin letters."""
    use = np.r_[np.full(MEMBERS + 60, 30), np.zeros(400, np.int64)]
    log = with_accounts(log_with(use, 40 - use, np.where(use, script, 1)), country=np.arange(len(use)) % 5)
    assert (template_lift(log, group_of(log, MEMBERS), 5) < 2.0) == language


def test_a_template_that_only_the_members_use_is_no_language_of_their_country() -> None:
    use = np.r_[np.full(MEMBERS, 30), np.zeros(400, np.int64)]
    speakers = np.r_[np.full(MEMBERS, 7), np.full(400, 3)]
    assert lift_by_country(use, speakers) == pytest.approx(lift_by_country(use, np.full(len(use), -1)))


def test_casual_users_are_those_of_the_members_countries() -> None:
    """Two of 40 requests of each neighbour hold the phrases, and none of the rest of the world's."""
    use = np.r_[np.full(MEMBERS, 40), np.full(20, 2), np.zeros(980, np.int64)]
    neighbours = np.r_[np.full(MEMBERS + 20, 7), np.full(980, 3)]
    assert lift_by_country(use, np.full(len(use), -1)) == pytest.approx(40_001 / 41)
    assert lift_by_country(use, neighbours) < 30.0


def test_untemplated_groups_have_no_phrases() -> None:
    assert finding_of(PHRASES_KIND, RARE, untemplated_group(RARE, np.arange(MEMBERS))) is None
