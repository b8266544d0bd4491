"""Groups by who pays: accounts of one card that use one template, whatever each of them asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import DAY, MIN_SLICE_REQUESTS, log_of_rows
from test_operators import judged

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.holder_groups import find_holder_groups
from stillhunt.score.verdict.verdict import Judged

EACH, OTHERS = 20, 60


def log_of(
    *,
    users: int = 12,
    holders: int = 12,
    templated: int = EACH,
    outside: int = 0,
    casual: bool = False,
    organization: str | None = None,
) -> ScoredLog:
    """The first accounts of the log have one card, and the first of these use a template.

    Args:
        templated: requests of each user that show it.
        outside: accounts of other cards that use it, too.
        casual: whether all others have it in one of their requests.
    """
    accounts = holders + OTHERS
    number = np.arange(accounts)
    account = np.repeat(number, EACH)
    place = np.tile(np.arange(EACH), accounts)
    uses = (number < users) | (number >= accounts - outside)
    return log_of_rows(
        account,
        np.random.default_rng(3).integers(0, 14 * DAY, len(account)),
        cluster=np.where((uses[account] & (place < templated)) | (casual & (place == 0)), 0, -1),
        customers={
            "payment_fingerprint": np.where(number < holders, 0, 100 + number).tolist(),
            "organization_id": [organization if one < holders else None for one in number.tolist()],
        },
    )


def found_in(log: ScoredLog, before: list[Judged] | None = None, verdict: str = "review") -> list[Judged]:
    def judge_one(candidate: Candidate) -> Judged:
        return judged(candidate, verdict)

    return find_holder_groups(log, before or [], judge_one, MIN_SLICE_REQUESTS)


def test_accounts_of_one_card_that_use_one_template_are_a_group() -> None:
    (found,) = found_in(log_of(outside=20))
    assert found.candidate.accounts.tolist() == list(range(12))
    assert len(found.candidate.rows) == 12 * EACH
    assert found.candidate.formed_on.tolist() == [3] * 12  # neither fold formed it, so both judge it


@pytest.mark.parametrize(
    "log",
    [
        log_of(users=7, holders=7),
        log_of(holders=24),
        log_of(templated=4),
        log_of(organization="firm"),
        log_of(casual=True),
    ],
    ids=[
        "a family",
        "a part of a reseller's accounts",
        "little of what they send",
        "who says who they are",
        "words that everybody uses",
    ],
)
def test_who_shares_less_is_no_group(log: ScoredLog) -> None:
    assert found_in(log) == []


def test_two_templates_of_the_same_accounts_are_one_group() -> None:
    log = log_of()
    cluster = np.where(np.arange(len(log.requests.cluster)) % 2, log.requests.cluster, log.requests.cluster * 2 + 1)
    changed = ScoredLog(replace(log.requests, cluster=np.where(log.requests.cluster < 0, -1, cluster)), log.accounts)
    (found,) = found_in(changed)
    assert (len(found.candidate.accounts), len(found.candidate.slice_cluster)) == (12, 24)


def test_what_the_search_has_found_is_not_looked_for_again() -> None:
    log = log_of()
    (found,) = found_in(log)
    assert found_in(log, [found]) == []
    (again,) = found_in(log, [replace(found, verdict="none")])
    assert again.candidate.number == found.candidate.number + 1


def test_a_group_without_a_verdict_is_left_out() -> None:
    assert found_in(log_of(), verdict="none") == []


def test_without_a_customer_table_there_are_no_groups() -> None:
    account = np.repeat(np.arange(20), EACH)
    assert found_in(log_of_rows(account, np.arange(len(account)) * 1_000_000)) == []
