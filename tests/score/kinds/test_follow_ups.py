"""Requests that nobody follows up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows

from stillhunt.score.context.requests import FOLLOW_UP
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.follow_ups import KIND, P, client_rows

REQUESTS = 1000


def with_later_turns(later: int, *, known: int = REQUESTS, by_people: int = REQUESTS) -> Finding | None:
    """A group of ten accounts, so many of whose requests are later turns, and so many of known turn.

    So many of the first are of 12 words, as people write; the rest are of 13.
    """
    place = np.arange(REQUESTS)
    turn = [None if n >= known else int(n < later) for n in place.tolist()]
    log = log_of_rows(place % 10, place, turn=turn, words=np.where(place < by_people, 12, 13))
    return finding_of(KIND, log, group_of(log, 10))


@pytest.mark.parametrize(
    ("later", "bits"), [(0, 1.5), (15, 0.75), (29, 0.05), (30, -0.24), (300, -2.4), (750, -6.0), (990, -6.0)]
)
def test_bits_fall_with_the_share_of_follow_ups(later: int, bits: float) -> None:
    found = with_later_turns(later)
    assert found is not None
    assert found.bits == pytest.approx(bits)
    assert found.count == REQUESTS
    assert len(found.rows) == 50
    if bits > 0:
        assert found.statement.startswith("Almost no follow-up questions: ")
        assert found.statement.endswith("% of its requests are first turns")
    else:
        assert found.statement.startswith(f"{later // 10} % of its requests are follow-up questions")


@pytest.mark.parametrize(
    ("later", "by_people", "bits"), [(300, 0, 0.0), (300, 100, -0.8), (300, 300, -2.4), (29, 0, 0.05), (900, 900, -6.0)]
)
def test_only_what_looks_like_a_persons_turn_counts_against(later: int, by_people: int, bits: float) -> None:
    """Programs send later turns, too: steps of an agent, a second request for the same item."""
    found = with_later_turns(later, by_people=by_people)
    assert found is not None
    assert found.bits == pytest.approx(bits)


def test_what_asks_back_counts_however_long_it_is() -> None:
    place = np.arange(REQUESTS)
    conduct = np.where(place < 100, FOLLOW_UP, 0)
    log = log_of_rows(place % 10, place, turn=(place < 300).astype(int), words=np.full(REQUESTS, 90), conduct=conduct)
    found = finding_of(KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == pytest.approx(-0.8)


@pytest.mark.parametrize(("known", "bits"), [(49, 0.0), (50, 1.5)])
def test_the_absence_in_a_few_requests_says_nothing(known: int, bits: float) -> None:
    found = with_later_turns(0, known=known)
    assert found is not None
    assert found.bits == bits
    assert found.count == known


def test_unknown_turns_say_nothing() -> None:
    assert with_later_turns(0, known=0) is None
    assert P.min_requests == 50


def test_turns_count_from_the_earliest_of_each_account() -> None:
    """Answers that stand in every call of an account are examples of its template."""
    place = np.arange(REQUESTS)
    log = log_of_rows(place % 10, place, turn=(place % 10 + 3).tolist())
    found = finding_of(KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == P.none_bits


def conversing_log(styles: list[tuple[str | None, float | None, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of (client, temperature, turn) for each of 30 accounts, and those looked through for follow-ups.

    The first request of each is in the untemplated slice of content cluster 5.
    """
    count = len(styles)
    log = log_of_rows(
        np.repeat(np.arange(30), count),
        np.arange(30 * count),
        cluster=np.tile([5] + [-1] * (count - 1), 30),
        user_agent=[style[0] for style in styles] * 30,
        temperature=[style[1] for style in styles] * 30,
        turn=[style[2] for style in styles] * 30,
    )
    group = replace(group_of(log, 20, cluster=5), untemplated=True)
    found = finding_of(KIND, log, group)
    assert found is not None
    rows = client_rows(log, group)
    assert found.count == len(rows)
    return rows, np.flatnonzero(log.requests.account < 20)


def test_follow_ups_are_looked_for_in_the_same_request_style_and_client() -> None:
    """Untemplated slices leave conversations out; what the same programs of the members sent is looked through."""
    rows, _ = conversing_log([("curl/8", 0.7, 0), ("curl/8", 0.7, 1), ("curl/8", None, 1), ("browser", 0.7, 1)])
    assert rows.tolist() == [row for row in range(80) if row % 4 < 2]


def test_requests_of_unknown_client_are_one_client() -> None:
    rows, own = conversing_log([(None, 0.7, 0), (None, 0.7, 1), ("curl/8", 0.7, 1)])
    assert rows.tolist() == [row for row in own.tolist() if row % 3 < 2]


def test_clients_are_those_of_each_member() -> None:
    """What one member sends with another member's client is not its slice's."""
    log = log_of_rows(
        np.array([0, 0, 1, 1]), np.arange(4), cluster=np.array([5, -1, 5, -1]), user_agent=["a", "b", "b", "a"]
    )
    assert client_rows(log, replace(group_of(log, 2, cluster=5), untemplated=True)).tolist() == [0, 2]
    nobody = replace(group_of(log, 2, cluster=9), untemplated=True)
    assert client_rows(log, nobody).tolist() == []
