"""Lasting ids: who keeps which, on campaigns written by hand."""

from __future__ import annotations

import pytest
from watched_campaigns import WINDOW, accounts, found, known

from stillhunt.watch.lineage.campaigns import ACTIVE, DORMANT, ENDED, MERGED, Settled
from stillhunt.watch.lineage.settle import settle


def events(settled: Settled) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(event.campaign_id, event.event, event.others) for event in settled.events]


def test_first_hunt_gives_its_own_ids_and_leaves_groups_unsaid() -> None:
    settled = settle([], [found("c-1", accounts(0, 5)), found("c-2", accounts(7, 9), "none")], WINDOW)
    assert settled.lasting == {"c-1": "c-1", "c-2": "c-2"}
    assert events(settled) == [("c-1", "born", ())]
    assert settled.statuses == {}
    (event,) = settled.events
    assert event.reason == "Found for the first time, with the verdict act: 5 accounts and 500 requests"


@pytest.mark.parametrize(
    "members",
    [
        accounts(0, 10),
        accounts(0, 10, requests=3),  # the window slid over most of its requests
        accounts(0, 300),  # it grew
        accounts(8, 10),  # most of it left
        accounts(5, 15),  # half of it was replaced
        {**accounts(5, 10, requests=34), **accounts(10, 15)},  # and the new half harvests three times as much
    ],
    ids=["unchanged", "slid", "grew", "shrank", "swapped", "swapped-unevenly"],
)
def test_changed_campaign_keeps_its_id_without_a_word(members: dict[str, int]) -> None:
    settled = settle([known("c-old", accounts(0, 10))], [found("c-new", members)], WINDOW)
    assert settled == Settled({"c-new": "c-old"})


def test_a_shared_account_or_two_make_no_lineage() -> None:
    pool = accounts(0, 2)
    settled = settle([known("c-1", accounts(0, 10))], [found("c-2", {**pool, **accounts(20, 28)})], WINDOW)
    assert settled.lasting == {"c-2": "c-2"}
    assert events(settled) == [("c-1", "dormant", ()), ("c-2", "born", ())]


def test_account_that_harvests_little_here_brings_little_of_its_campaign() -> None:
    """Nine tenths of the first campaign are one pool account, which the second uses for a few requests."""
    before = {"pool": 900, **accounts(0, 10, requests=10)}
    settled = settle([known("c-1", before)], [found("c-2", {"pool": 10, **accounts(20, 30)})], WINDOW)
    assert settled.lasting == {"c-2": "c-2"}


def test_two_campaigns_on_one_pool_keep_their_own_ids() -> None:
    first = {**accounts(0, 10, requests=50), **accounts(10, 20)}
    second = {**accounts(0, 10, requests=60), **accounts(20, 30)}
    settled = settle(
        [known("c-1", first), known("c-2", second)],
        [found("c-2", {**first, "a99": 5}), found("c-1", {**second, "a98": 5})],
        WINDOW,
    )
    assert settled == Settled({"c-2": "c-1", "c-1": "c-2"})


def test_small_campaign_inside_the_accounts_of_a_large_one() -> None:
    large, small = accounts(0, 50), accounts(0, 3, requests=20)
    both = [known("c-1", large), known("c-2", small)]
    settled = settle(both, [found("c-3", {**small, "a60": 1}), found("c-4", {**large, "a61": 1})], WINDOW)
    assert settled == Settled({"c-3": "c-2", "c-4": "c-1"})


def test_merge_keeps_the_id_of_the_larger() -> None:
    both = [known("c-1", accounts(0, 4)), known("c-2", accounts(4, 10))]
    settled = settle(both, [found("c-1", accounts(0, 10))], WINDOW)
    assert settled.lasting == {"c-1": "c-2"}
    assert settled.statuses == {"c-1": MERGED}
    assert events(settled) == [("c-1", "merged", ("c-2",))]
    (event,) = settled.events
    assert event.reason == "It is part of c-2 now, which has 100 % of its 400 requests by the same accounts"


def test_split_keeps_the_id_for_the_larger_part() -> None:
    parts = [found("c-1", accounts(0, 4)), found("c-2", accounts(4, 10))]
    settled = settle([known("c-1", accounts(0, 10))], parts, WINDOW)
    assert settled.lasting["c-2"] == "c-1"
    new = settled.lasting["c-1"]
    assert new not in ("c-1", "c-2")
    assert events(settled) == [(new, "split", ("c-1",))]
    assert "100 % of its 400 requests" in settled.events[0].reason


def test_second_campaign_on_the_accounts_of_another_is_born_and_no_part_of_it() -> None:
    pool = accounts(0, 10)
    settled = settle([known("c-1", pool)], [found("c-1", pool), found("c-2", accounts(0, 9))], WINDOW)
    assert events(settled) == [("c-2", "born", ())]


def test_not_found_then_ended_then_back() -> None:
    rests = settle([known("c-1", accounts(0, 5))], [], WINDOW)
    assert rests.statuses == {"c-1": DORMANT}
    assert events(rests) == [("c-1", "dormant", ())]
    asleep = known("c-1", accounts(0, 5), DORMANT)
    assert settle([asleep], [], WINDOW) == Settled({})
    over = settle([known("c-1", accounts(0, 5), DORMANT, last_seen=WINDOW - 1)], [], WINDOW)
    assert over.statuses == {"c-1": ENDED}
    assert events(over) == [("c-1", "ended", ())]
    back = settle([known("c-1", accounts(0, 5), ENDED)], [found("c-9", accounts(2, 8))], WINDOW)
    assert back.lasting == {"c-9": "c-1"}
    assert back.statuses == {"c-1": ACTIVE}
    assert back.events[0].reason == (
        "Found again after it was ended: 3 of its 6 accounts were members before, and they sent 50 % of its "
        "600 requests"
    )


def test_not_found_and_old_is_ended_at_once() -> None:
    settled = settle([known("c-1", accounts(0, 5), last_seen=WINDOW - 1)], [], WINDOW)
    assert settled.statuses == {"c-1": ENDED}


def test_verdict_that_changes_is_said() -> None:
    settled = settle([known("c-1", accounts(0, 5))], [found("c-1", accounts(0, 5), "review", score=0.91)], WINDOW)
    assert settled.events[0].reason == (
        "The verdict changed from act to review; its probability is 91 % now, with 5 accounts and 500 requests"
    )


def test_group_left_alone_keeps_the_id_of_the_campaign_that_it_was() -> None:
    settled = settle([known("c-1", accounts(0, 5))], [found("c-2", accounts(0, 6), "none", score=0.1)], WINDOW)
    assert settled.lasting == {"c-2": "c-1"}
    assert settled.statuses == {}
    assert events(settled) == [("c-1", "verdict", ())]


def test_group_left_alone_wakes_no_campaign() -> None:
    asleep = known("c-1", accounts(0, 5), DORMANT, verdict="none")
    assert settle([asleep], [found("c-2", accounts(0, 6), "none")], WINDOW) == Settled({"c-2": "c-1"})


def test_campaign_has_a_better_claim_than_a_group_left_alone() -> None:
    both = [found("c-2", accounts(0, 6), "none"), found("c-3", accounts(6, 10))]
    settled = settle([known("c-1", accounts(0, 10))], both, WINDOW)
    assert settled.lasting == {"c-2": "c-2", "c-3": "c-1"}


def test_members_of_long_ago_tell_a_campaign_but_do_not_outweigh_it() -> None:
    """It had 100 accounts once and has 10: a hunt that finds 10 old ones again, and many new, finds the same one."""
    shrunk = known("c-1", accounts(0, 100), former=frozenset(accounts(10, 100)))
    assert settle([shrunk], [found("c-2", accounts(5, 30))], WINDOW).lasting == {"c-2": "c-1"}
    assert settle([shrunk], [found("c-2", accounts(50, 60))], WINDOW).lasting == {"c-2": "c-1"}
    assert settle([shrunk], [found("c-2", accounts(8, 40, requests=1) | accounts(90, 200))], WINDOW).lasting == {
        "c-2": "c-2"
    }


def test_unchanged_campaign_keeps_its_id_between_two_that_contest_it() -> None:
    same = {"a": 50, "b": 50, "c": 10}
    before = [known("c-k", same), known("c-l", {"a": 50, "c": 10, "z": 1000})]
    after = [found("c-f", same), found("c-g", {"b": 50, "c": 10, "y": 1000})]
    assert settle(before, after, WINDOW).lasting == {"c-f": "c-k", "c-g": "c-g"}


def test_no_reason_holds_what_an_adversary_wrote() -> None:
    hostile = "\x1b[31m<script>=1+1"
    before = [known("c-1", {hostile: 10, "b": 10}), known("c-2", {"c": 5, hostile: 1}, DORMANT)]
    after = [found("c-1", {hostile: 10, "c": 5, "b": 2}, "review"), found("c-3", {hostile + "2": 3})]
    told = [event.reason for event in settle(before, after, WINDOW).events]
    assert told
    assert not any(part in reason for reason in told for part in ("\x1b", "<", "=1"))
