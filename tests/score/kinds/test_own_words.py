"""Rare words that come back within accounts: customers have subjects of their own, workers of one queue do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import Array, finding_of, group_of, log_of_rows, with_requests

from stillhunt.base.arrays import GOLDEN_RATIO
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.own_words import (
    _MAX_GROUP_SHARE,
    _MEMBERS_PER_BIT,
    _REQUESTS_PER_ACCOUNT,
    KIND,
    OWN_WORDS,
    WordRecurrence,
    _sample_positions,
    recurrence_bits,
    word_recurrence,
)

MEMBERS, EACH, WORDS = 24, 20, 6
ROWS = MEMBERS * EACH
OWNER = np.repeat(np.arange(MEMBERS), EACH)
ALL_RARE = np.ones(1 << 16, np.int64)


def drawn_words(rng: np.random.Generator, *, own: bool, owner: Array = OWNER) -> Array:
    """Distinct words of each request: from one pool of 1,440 for all, or from 60 of the account's own."""
    place, width = np.arange(WORDS), (10 if own else 10 * MEMBERS)
    first = owner[:, None] * 60 if own else 0
    return first + place * width + rng.integers(0, width, (len(owner), WORDS))


def test_each_account_is_read_up_to_a_number_of_requests_chosen_by_hash() -> None:
    rng = np.random.default_rng(4)
    owner = np.sort(rng.integers(0, 12, 400) ** 2 // 12)
    hashes = rng.integers(0, 1 << 63, 400).astype(np.uint64)
    hashes[::3] = 7  # forms of one exercise
    keys, plain = (hashes * GOLDEN_RATIO).tolist(), list[int]()
    for account in range(12):
        own = sorted(np.flatnonzero(owner == account).tolist(), key=keys.__getitem__)
        plain += own[:_REQUESTS_PER_ACCOUNT]
    assert len(plain) < 400
    assert _sample_positions(hashes, owner).tolist() == sorted(plain)


def recurrence(words: Array, owner: Array = OWNER, rare: Array = ALL_RARE) -> WordRecurrence | None:
    begins = np.arange(len(owner) + 1) * words.shape[1]
    return word_recurrence(owner, begins, words.ravel(), rare)


def known_recurrence(words: Array, owner: Array = OWNER, rare: Array = ALL_RARE) -> WordRecurrence:
    found = recurrence(words, owner, rare)
    assert found is not None
    return found


def log_of(drawn: Array, *, order: Array | None = None, **columns: Any) -> ScoredLog:
    """The members' log, all prompts long enough to be looked at; the rows are given in another order if wished."""
    chosen = np.arange(ROWS) if order is None else order
    given: dict[str, Any] = {"words": np.full(ROWS, 30), "conversation": np.arange(ROWS)} | columns
    given = {name: np.asarray(values)[chosen] for name, values in given.items()}
    given |= {"topic_words": [sorted({*drawn[row].tolist()}) for row in chosen.tolist()]}
    given |= {"prompt_hash": (chosen + 1) * 7_919}
    return log_of_rows(OWNER[chosen], chosen * 1_000, **given)


def found_in(log: ScoredLog) -> Finding:
    found = finding_of(KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def test_a_queue_is_evidence_and_own_subjects_are_evidence_against() -> None:
    rng = np.random.default_rng(1)
    queue, own = found_in(log_of(drawn_words(rng, own=False))), found_in(log_of(drawn_words(rng, own=True)))
    assert 1.0 < queue.bits <= OWN_WORDS.cap_bits
    assert OWN_WORDS.least_bits <= own.bits < -1.0
    assert queue.statement.startswith("Rare words come back within its accounts no more than between them")
    assert own.statement.startswith("Its accounts have rare words of their own")
    assert queue.count == own.count == ROWS


@pytest.mark.parametrize("seed", range(3))
def test_where_accounts_are_exchangeable_the_log_ratio_is_near_zero(seed: int) -> None:
    """Whatever the prompts are and however many each account sends: labels drawn anew say nothing, on average."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 60, MEMBERS)
    owner = np.repeat(np.arange(MEMBERS), sizes)
    words = drawn_words(rng, own=True, owner=owner)
    found = [known_recurrence(words, rng.permutation(owner)) for _ in range(200)]
    ratios = np.array([one.log_ratio for one in found])
    assert abs(ratios.mean()) < 0.05
    assert ratios.std() == pytest.approx(np.mean([one.error for one in found]), rel=0.5), "the error is what it says"
    within, expected = (np.mean([getattr(one, name) for one in found]) for name in ("within", "expected"))
    assert within == pytest.approx(expected, rel=0.03)


def test_words_of_the_whole_groups_template_are_left_out() -> None:
    """A word in more than 5 % of all requests is no item's, though only five accounts have it."""
    rng = np.random.default_rng(2)
    words = drawn_words(rng, own=False)

    def with_word(rows: int) -> WordRecurrence:
        # Five requests of each account at most, so that it is no account's own template.
        marked = words.copy()
        chosen = np.flatnonzero(np.arange(ROWS) % EACH < 5)[:rows]
        marked[chosen, 0] = 60_000
        return known_recurrence(marked)

    limit = int(_MAX_GROUP_SHARE * ROWS)
    # Four accounts with ten pairs each and one with six, of 23 others that each request could have met.
    assert with_word(limit).within - with_word(limit + 1).within == pytest.approx(46 / 23, abs=0.3)


def test_an_accounts_own_template_is_left_out() -> None:
    """Each account of an operation may have a wording of its own: a word in more than 30 % of its requests."""
    words = drawn_words(np.random.default_rng(3), own=False)
    plain = known_recurrence(words)

    def with_own(share: float) -> WordRecurrence:
        marked = words.copy()
        chosen = np.arange(ROWS) % EACH < share * EACH
        marked[chosen, 0] = 50_000 + OWNER[chosen]
        return known_recurrence(marked)

    assert with_own(1.0).log_ratio == pytest.approx(plain.log_ratio, abs=0.2)
    assert with_own(0.3).log_ratio > plain.log_ratio + 0.7


def test_words_that_are_common_in_the_log_are_left_out() -> None:
    words = drawn_words(np.random.default_rng(4), own=True)
    rare = ALL_RARE.copy()
    rare[: 60 * MEMBERS] = 0
    assert recurrence(words) is not None
    assert recurrence(words, rare=rare) is None, "nothing is left to compare"
    log = log_of(words)
    counts = np.bincount(log.requests.topic_words[1], minlength=1 << 16)
    assert log.requests.rare_words.tolist() == (counts <= 5).tolist()


@pytest.mark.parametrize(("requests", "judged"), [(19, False), (20, True)])
def test_a_few_requests_are_not_judged(requests: int, judged: bool) -> None:
    owner = np.arange(requests) % 5
    words = drawn_words(np.random.default_rng(5), own=True, owner=owner) % 5 + owner[:, None] * 5
    assert (recurrence(words, owner) is not None) == judged


def test_few_requests_and_few_members_say_little() -> None:
    """Of five accounts a queue earns no more than five eighths of a bit, of two there is nothing to compare."""
    owner = np.repeat(np.arange(5), 8)
    words = np.random.default_rng(6).integers(0, 60, (40, WORDS))
    assert recurrence_bits(known_recurrence(words, owner), 5) <= 5 / _MEMBERS_PER_BIT
    assert recurrence(words, owner % 2) is None


@pytest.mark.parametrize("lacking", ["no words", "no word twice", "all words in common use"])
def test_where_no_rare_word_comes_back_nothing_is_said(lacking: str) -> None:
    words = np.arange(ROWS * WORDS).reshape(ROWS, WORDS)
    if lacking == "no words":
        words = words[:, :0]
    if lacking == "all words in common use":
        words = words % 5
    found = found_in(log_of(words))
    assert found.insufficient
    assert found.bits == 0.0
    assert found.statement.startswith(f"Too few conversations ({ROWS}) ")


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    words = drawn_words(rng, own=True)
    one, other = found_in(log_of(words)), found_in(log_of(words, order=rng.permutation(ROWS)))
    assert (one.bits, one.statement, one.count) == (other.bits, other.statement, other.count)


def test_later_turns_repeats_and_short_prompts_do_not_count() -> None:
    """A conversation keeps its subject, and the same prompt keeps its words: one request is all that they show."""
    rng = np.random.default_rng(8)
    own, queue = drawn_words(rng, own=True), drawn_words(rng, own=False)
    later = np.arange(ROWS) % 2 == 1
    mixed = np.where(later[:, None], own, queue)
    first_only = found_in(log_of(mixed, conversation=np.arange(ROWS) // 2))
    assert first_only.count == ROWS // 2
    assert first_only.bits > 0.5 > 0.0 > found_in(log_of(mixed)).bits
    assert found_in(log_of(mixed, words=np.where(later, 5, 6))).bits == first_only.bits
    log = log_of(mixed)
    assert found_in(with_requests(log, first_occurrence=~later)).bits == first_only.bits
    turn = later.astype(int)
    unnamed = found_in(log_of(mixed, turn=turn, conduct=turn << 5))  # what tools answer in conversations without names
    assert unnamed.bits == first_only.bits
    assert found_in(log_of(mixed, turn=turn)).count == ROWS, "a history that is made up costs a few words"
    begun_before = found_in(log_of(mixed, conversation=np.arange(ROWS) // 2, turn=np.arange(ROWS) % 7))
    assert begun_before.count == first_only.count


def test_no_account_decides_alone() -> None:
    """One account with a subject of its own and 2,000 requests is looked at in 40 of them."""
    owner = np.r_[OWNER, np.full(2_000, 0)]
    rng = np.random.default_rng(9)
    words = np.r_[drawn_words(rng, own=False), rng.integers(2_000, 3_000, (2_000, WORDS))]
    log = log_of_rows(
        owner,
        np.arange(len(owner)),
        words=np.full(len(owner), 30),
        topic_words=[sorted({*row}) for row in words.tolist()],
    )
    assert found_in(log).count == ROWS - EACH + _REQUESTS_PER_ACCOUNT
    assert found_in(log).bits > 0.0


@pytest.mark.parametrize("within", [0.0, 1.0, 30.0, 5_000.0])
@pytest.mark.parametrize("expected", [0.0, 1.0, 30.0, 5_000.0])
@pytest.mark.parametrize("error", [0.0, 0.3, 2.0])
def test_bits_are_bounded(within: float, expected: float, error: float) -> None:
    got = recurrence_bits(WordRecurrence(within, expected, error, 200, 50), 50)
    assert OWN_WORDS.least_bits <= got <= OWN_WORDS.cap_bits
    assert recurrence_bits(WordRecurrence(within, expected, error, 200, 4), 4) <= 0.5
