"""Campaigns tied by an index are those that a comparison of all pairs ties, and bounds leave none out."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_ties import plain_sets, plain_ties
from row_logs import DAY, HOUR, log_of_rows

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.tie_index import TieIndex
from stillhunt.score.operators.tie_kinds import P
from stillhunt.score.operators.ties import find_campaign_sets
from stillhunt.score.stats.common_pool import Draws, common_pool_bits
from thoroughness import examples

steady = settings(derandomize=True, deadline=None, max_examples=examples(15))
OTHERS, EACH = 150, 12


def operators_log(seed: int) -> tuple[ScoredLog, list[Candidate]]:
    """Up to nine campaigns of up to three operators, of whom some share sellers, accounts and pauses."""
    rng = np.random.default_rng(seed)
    campaigns, size = int(rng.integers(2, 10)), int(rng.integers(5, 14))
    count = campaigns * size + OTHERS
    campaign = np.minimum(np.arange(count) // size, campaigns)
    operator = np.append(rng.integers(0, 3, campaigns), 3)[campaign]
    inside = campaign < campaigns
    # Each kind is bought by operator, by campaign, or as everybody does.
    rank = {name: rng.integers(0, 3) for name in ("agent", "payment_fingerprint", "signup_prefix", "email_domain")}
    own = {
        name: np.where(inside & (kept > 0), 1000 + np.where(kept == 1, operator, 10 + campaign) * 10, 0)
        + rng.integers(0, np.where(inside & (kept > 0), 2, 40), count)
        for name, kept in rank.items()
    }
    account = np.repeat(np.arange(count), EACH)
    time = rng.integers(0, 14 * DAY, len(account))
    if rng.random() < 0.5:  # all campaigns stand still on the sixth day
        time[inside[account] & (time >= 5 * DAY) & (time < 5 * DAY + 12 * HOUR)] += 13 * HOUR
    log = log_of_rows(
        account,
        time,
        cluster=np.where(rng.random(count) < 0.7, operator, campaign)[account],
        customers={
            **{name: own[name].tolist() for name in ("payment_fingerprint", "signup_prefix")},
            "email_domain": [f"d{code}.example" for code in own["email_domain"].tolist()],
            "created_at": ((campaign * rng.integers(0, 2) + rng.integers(0, 3, count)) * DAY).tolist(),
        },
        user_agent=[f"agent {code}" for code in own["agent"][account].tolist()],
        temperature=rng.integers(0, 3, count)[account] / 2.0,
        client_prefix=(own["payment_fingerprint"][account] + rng.integers(0, 3, len(account))).astype(np.uint64),
    )
    parts, lends = [], int(rng.integers(0, 2))
    for number in range(campaigns):
        # In half of the logs campaigns have others' accounts, too: some of anybody's, or most of the first campaign's.
        lent = rng.choice([campaigns * size, size][int(rng.integers(0, 2))], int(rng.integers(0, size)))
        parts.append(
            candidate_of(log, np.union1d(np.flatnonzero(campaign == number), lent[: len(lent) * lends]), number)
        )
    return log, parts


def candidate_of(log: ScoredLog, accounts: np.ndarray, number: int) -> Candidate:
    """Accounts as a candidate with all of their rows."""
    rows = np.flatnonzero(np.isin(log.requests.account, accounts))
    owner = np.searchsorted(accounts, log.requests.account[rows])
    places, zero = np.arange(len(accounts)), np.zeros(len(accounts))
    cluster = log.requests.cluster[log.requests.first[accounts]]
    return Candidate(number, accounts, cluster, places, places * 0 + 3, zero, zero, rows, owner, owner)


@steady
@given(st.integers(0, 10_000))
def test_the_index_ties_what_the_plain_loop_ties(seed: int) -> None:
    log, campaigns = operators_log(seed)
    found = find_campaign_sets(log, campaigns)
    assert [(one.relation, one.campaigns) for one in found] == plain_sets(log, campaigns)
    members = np.unique(np.concatenate([one.accounts for one in campaigns]))
    for one in found:
        pairs = {held: one.describe(*held) for held in one.held}
        assert {place for pair in pairs for place in pair} == set(one.campaigns)
        for campaign, strongest in one.strongest_pairs().items():
            assert strongest == next(pair for held, pair in pairs.items() if campaign in held)
        for pair in pairs.values() if one.relation == "one_operator" else ():
            plain = plain_ties(log, (campaigns[pair.first], campaigns[pair.second]), members)
            assert {tie.kind: tie.bits for tie in pair.ties} == pytest.approx(plain, abs=2e-6)
            alike = any(kind.name in ("template", "schedule") and bits >= P.kind_bits for kind, bits in plain.items())
            assert ((pair.first, pair.second) in one.one_operation) == alike


def test_the_logs_have_operators_pools_and_neither() -> None:
    seen = Counter(one.relation for seed in range(15) for one in find_campaign_sets(*operators_log(seed)))
    assert min(seen["one_operator"], seen["one_pool"]) >= 5
    assert any(not find_campaign_sets(*operators_log(seed)) for seed in range(15))


groups = st.lists(
    st.none() | st.dictionaries(st.integers(0, 8), st.integers(1, 30), min_size=1, max_size=6), min_size=2, max_size=7
)


@settings(steady, max_examples=examples(150))
@given(groups, st.integers(0, 10_000), st.booleans())
def test_no_pair_with_enough_bits_is_left_out(
    counts: list[dict[int, int] | None], seed: int, one_coincidence: bool
) -> None:
    rng = np.random.default_rng(seed)
    draws = [
        None
        if one is None
        else Draws(np.array(sorted(one)), np.array([one[v] for v in sorted(one)]), 10 ** -rng.uniform(0, 4, len(one)))
        for one in counts
    ]
    index = TieIndex(draws, cap=8.0, one_coincidence=one_coincidence)
    pairs = [pair for pair in combinations(range(len(draws)), 2) if draws[pair[0]] and draws[pair[1]]]
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    plain = [
        common_pool_bits(one, other, cap=8.0, one_coincidence=one_coincidence)
        for one, other in ((draws[a], draws[b]) for a, b in pairs)
        if one is not None and other is not None
    ]
    assert index.bits(first, second).tolist() == plain
    for least in (0.5, 3.0):
        kept = set(zip(*(part.tolist() for part in index.may_tie(least)), strict=True))
        assert {pair for pair, bits in zip(pairs, plain, strict=True) if bits >= least} <= kept


def test_pairs_that_share_only_what_everybody_has_are_never_compared() -> None:
    common, rare = np.array([0]), np.array([0, 7])
    popular = Draws(common, np.array([20]), np.array([0.4]))
    seldom = Draws(rare, np.array([10, 10]), np.array([0.4, 1e-4]))
    index = TieIndex([popular, popular, seldom, seldom], cap=8.0, one_coincidence=False)
    assert [part.tolist() for part in index.may_tie(3.0)] == [[2], [3]]
