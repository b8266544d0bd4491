"""Beginnings, pauses and ends of two groups: what nights, weekends and outages explain is none of them."""

from __future__ import annotations

import numpy as np

from stillhunt.score.stats.common_pool import Schedule, common_schedule, schedule_of

DAYS = 14
HOURS = 24 * DAYS
USUAL = np.ones(HOURS)


def active(*silent: tuple[int, int], level: int = 3) -> np.ndarray:
    counts = np.full(HOURS, level)
    for begin, end in silent:
        counts[begin:end] = 0
    return counts


def test_a_silence_at_usual_hours_is_a_pause() -> None:
    found = schedule_of(active((0, 20), (100, 110), (320, HOURS)), USUAL)
    assert (found.begin, found.end, found.pauses.tolist()) == (20, 319, [[100, 110]])


def test_who_is_there_from_the_first_hour_to_the_last_neither_begins_nor_ends() -> None:
    found = schedule_of(active(), USUAL)
    assert (found.begin, found.end, found.pauses.tolist()) == (None, None, [])


def test_nights_are_no_pauses() -> None:
    counts = np.where(np.arange(HOURS) % 24 < 9, 0, 5)
    assert schedule_of(counts, USUAL).pauses.tolist() == []


def test_weekends_are_no_pauses() -> None:
    assert schedule_of(active((120, 168), (288, 336)), USUAL).pauses.tolist() == []


def test_an_outage_of_all_is_no_pause() -> None:
    others = USUAL.copy()
    others[100:110] = 0.0
    assert schedule_of(active((100, 110)), others).pauses.tolist() == []


def test_sparse_traffic_shows_no_pause() -> None:
    counts = np.zeros(HOURS, np.int64)
    counts[::10] = 1
    assert schedule_of(counts, USUAL).pauses.tolist() == []


def test_an_empty_group_has_no_schedule() -> None:
    assert schedule_of(np.zeros(HOURS, np.int64), USUAL).begin is None


def at(begin: int | None, end: int | None, *pauses: tuple[int, int]) -> Schedule:
    return Schedule(begin, end, np.array(pauses, np.int64).reshape(-1, 2))


def test_one_pause_in_common_is_charged_by_the_number_of_pauses() -> None:
    bits, parts = common_schedule(at(None, None, (100, 110)), at(None, None, (100, 111)), HOURS, 3.0)
    more, _ = common_schedule(at(None, None, (100, 110), (200, 210)), at(None, None, (100, 111)), HOURS, 3.0)
    assert parts == ["pause"]
    assert bits > 5.0
    assert more == bits - 1.0


def test_pauses_of_unlike_length_are_not_one() -> None:
    assert common_schedule(at(None, None, (100, 110)), at(None, None, (100, 120)), HOURS, 3.0) == (0.0, [])


def test_beginnings_soon_after_the_log_begins_say_little() -> None:
    early, _ = common_schedule(at(20, None), at(21, None), HOURS, 3.0)
    late, parts = common_schedule(at(150, None), at(151, None), HOURS, 3.0)
    assert parts == ["begin"]
    assert early < 4.0 < late


def test_nothing_in_common_says_nothing() -> None:
    assert common_schedule(at(20, 300), at(60, None), HOURS, 3.0) == (0.0, [])
