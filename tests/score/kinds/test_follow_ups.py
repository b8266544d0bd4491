"""Requests that nobody follows up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows, with_accounts, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import FOLLOW_UP
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.no_repeats import (
    _MIN_COMPARISON_REQUESTS,
    _MIN_REQUESTS,
    FOLLOW_UPS,
    FOLLOW_UPS_KIND,
    client_rows,
    share_without_follow_ups,
)

REQUESTS = 1000
OTHERS = 63
EACH = 20
Columns = dict[str, np.ndarray]


def among_others(members: Columns, *, asking: int = OTHERS, each: int = EACH) -> ScoredLog:
    """The members' requests among 63 other accounts, of whom so many send a second turn in each conversation."""
    account = np.repeat(np.arange(OTHERS), each)
    place = np.arange(len(account))
    later = np.where(account < asking, place % 2, 0)
    others = {
        "account": account + int(members["account"].max()) + 1,
        "turn": later,
        "words": np.where(later > 0, 5, 30),
        "conversation": place // 2 + REQUESTS,
        "cluster": np.full(len(account), -1),
    }
    columns = {name: np.concatenate([members[name], others[name]]) for name in others}
    turn = [int(one) if one >= 0 else None for one in columns.pop("turn")]
    return log_of_rows(columns.pop("account"), np.arange(len(turn)), turn=turn, **columns)


def group_among_others(
    later: int, *, known: int = REQUESTS, by_people: int = REQUESTS, asking: int = OTHERS, each: int = EACH
) -> ScoredLog:
    """A group of ten accounts, so many of whose requests are later turns, and so many of known turn.

    So many of the first are of 12 words, as people write; the rest are of 13.
    """
    place = np.arange(REQUESTS)
    members = {
        "account": place % 10,
        "turn": np.where(place < known, place < later, -1),
        "words": np.where(place < by_people, 12, 13),
        "conversation": place,
        "cluster": np.zeros(REQUESTS, np.int64),
    }
    return among_others(members, asking=asking, each=each)


def with_later_turns(later: int, **others: int) -> Finding | None:
    log = group_among_others(later, **others)
    return finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))


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
    ("later", "by_people", "bits"), [(300, 100, -0.8), (300, 300, -2.4), (29, 0, 0.05), (900, 900, -6.0)]
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
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == pytest.approx(-0.8)


@pytest.mark.parametrize("step", [1 << 5, 1 << 17])
def test_what_a_tool_answers_is_no_persons_turn(step: int) -> None:
    """Where tools are driven, a short later turn counts only if it asks back as people do."""
    place = np.arange(REQUESTS)
    conduct = step | np.where(place < 100, FOLLOW_UP, 0)
    log = log_of_rows(place % 10, place, turn=(place < 900).astype(int), words=np.full(REQUESTS, 4), conduct=conduct)
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == pytest.approx(-0.8)


@pytest.mark.parametrize(("words", "bits"), [(5, -2.4), (6, -0.8)])
def test_a_sentence_that_comes_word_for_word_again_was_sent_by_a_script(words: int, bits: float) -> None:
    """200 of the 300 later turns repeat what the account sent before; people repeat a few words only."""
    place = np.arange(REQUESTS)
    later = place % 100 < 30
    first = ~later | (place % 100 < 10)
    log = log_of_rows(place // 100, place, turn=later.astype(int), words=np.full(REQUESTS, words))
    log = with_requests(log, first_occurrence=first)
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == pytest.approx(bits)


def test_where_only_programs_send_later_turns_nothing_is_said() -> None:
    assert with_later_turns(300, by_people=0) is None


@pytest.mark.parametrize("known", [0, 1, 49])
def test_the_absence_in_a_few_requests_says_nothing(known: int) -> None:
    assert with_later_turns(0, known=known) is None
    assert known < _MIN_REQUESTS


def test_the_absence_in_enough_requests_is_evidence() -> None:
    found = with_later_turns(0, known=_MIN_REQUESTS)
    assert found is not None
    assert (found.bits, found.count) == (FOLLOW_UPS.none_bits, _MIN_REQUESTS)


def test_turns_count_from_the_earliest_of_each_account() -> None:
    """Answers that stand in every call of an account are examples of its template."""
    place = np.arange(REQUESTS)
    members = {"account": place % 10, "turn": place % 10 + 3, "words": place * 0 + 12, "conversation": place}
    log = among_others(members | {"cluster": place * 0})
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == FOLLOW_UPS.none_bits


# Compared with the other accounts of the log.


@pytest.mark.parametrize(("asking", "share"), [(0, 1.0), (16, 0.75), (32, 0.5), (48, 0.25), (63, 1 / 64)])
def test_no_more_than_the_surprise_of_it(asking: int, share: float) -> None:
    """The share counts one more account that asks nothing back, and no member."""
    log = group_among_others(0, asking=asking)
    assert share_without_follow_ups(log, group_of(log, 10)) == share
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == pytest.approx(min(FOLLOW_UPS.none_bits, -np.log2(share)))
    leaked = with_later_turns(15, asking=asking)
    assert leaked is not None
    assert leaked.bits == pytest.approx(found.bits / 2)


def test_where_all_others_ask_nothing_back_it_is_no_evidence() -> None:
    found = with_later_turns(0, asking=0)
    assert found is not None
    assert found.bits == 0.0
    against = with_later_turns(300, asking=0)
    assert against is not None
    assert against.bits == pytest.approx(-2.4), "follow-ups are against it all the same"


def test_without_other_accounts_it_is_no_evidence() -> None:
    place = np.arange(REQUESTS)
    log = log_of_rows(place % 10, place, turn=place * 0)
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == 0.0


@pytest.mark.parametrize(("each", "share"), [(_MIN_COMPARISON_REQUESTS, 1 / 64), (_MIN_COMPARISON_REQUESTS - 2, 1.0)])
def test_accounts_of_a_few_requests_had_no_occasion_to_ask_back(each: int, share: float) -> None:
    log = group_among_others(0, each=each)
    assert share_without_follow_ups(log, group_of(log, 10)) == share


def test_accounts_outside_the_background_sample_are_not_counted() -> None:
    log = group_among_others(0, asking=32)
    inside = np.arange(10 + OTHERS) < 10 + 32
    assert share_without_follow_ups(with_accounts(log, background=inside), group_of(log, 10)) == 1 / 33


# Follow-ups that lack the template.


def continued_log(continued: int, *, words: int = 8) -> ScoredLog:
    """A group of ten accounts whose slices hold first turns; so many conversations go on outside the slices."""
    first, more = np.arange(REQUESTS), np.arange(continued)
    members = {
        "account": np.r_[first, more] % 10,
        "turn": np.r_[first * 0, more * 0 + 1],
        "words": np.r_[first * 0 + 90, more * 0 + words],
        "conversation": np.r_[first, more],
        "cluster": np.r_[first * 0, more * 0 - 1],
    }
    return among_others(members)


@pytest.mark.parametrize(("continued", "bits"), [(0, 1.5), (15, 0.75), (29, 0.05)])
def test_conversations_that_people_continue_outside_the_slices_earn_less(continued: int, bits: float) -> None:
    log = continued_log(continued)
    group = group_of(log, 10)
    assert len(group.rows) == REQUESTS
    assert not (log.requests.turn[group.rows] > 0).any()
    found = finding_of(FOLLOW_UPS_KIND, log, group)
    assert found is not None
    assert found.bits == pytest.approx(bits)


@pytest.mark.parametrize("continued", [30, 300, 1000])
def test_where_people_continue_the_conversations_nothing_is_said(continued: int) -> None:
    """No absence, and no follow-up in a slice that could count against the group."""
    log = continued_log(continued)
    assert finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10)) is None


def test_programs_that_continue_the_conversations_ask_nothing_back() -> None:
    log = continued_log(300, words=90)
    found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
    assert found is not None
    assert found.bits == FOLLOW_UPS.none_bits


def test_the_order_of_rows_changes_nothing() -> None:
    """Ten members of whom five ask back outside their slices, given in two orders."""
    rng = np.random.default_rng(1)
    rows = 2_400
    account, turn = rng.integers(0, 60, rows), rng.integers(0, 2, rows)
    columns = {"turn": np.where(account < 10, turn * (account % 2), turn), "words": rng.integers(1, 20, rows)}
    columns |= {"conversation": rng.integers(0, 900, rows), "cluster": np.where(account < 10, 0, -1)}
    time = rng.permutation(rows)
    said = []
    for order in (np.arange(rows), rng.permutation(rows)):
        log = log_of_rows(account[order], time[order], **{name: values[order] for name, values in columns.items()})
        found = finding_of(FOLLOW_UPS_KIND, log, group_of(log, 10))
        assert found is not None
        said.append((found.bits, found.statement, share_without_follow_ups(log, group_of(log, 10))))
    assert said[0] == said[1]


def conversing_log(
    styles: list[tuple[str | None, float | None, int]], *, whole: bool = False
) -> tuple[np.ndarray, np.ndarray]:
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
    group = replace(group_of(log, 20, cluster=5), untemplated=not whole, searched=20)
    found = finding_of(FOLLOW_UPS_KIND, log, group)
    assert found is not None
    rows = client_rows(log, group)
    assert found.count == len(rows)
    return rows, np.flatnonzero(log.requests.account < 20)


def test_follow_ups_are_looked_for_in_the_same_request_style_and_client() -> None:
    """Untemplated slices leave conversations out; what the same programs of the members sent is looked through."""
    styles = [("curl/8", 0.7, 0), ("curl/8", 0.7, 1), ("curl/8", None, 1), ("browser", 0.7, 1)]
    rows, _ = conversing_log(styles)
    assert np.array_equal(rows, conversing_log(styles, whole=True)[0])
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
