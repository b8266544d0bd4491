"""New accounts that start where others stop: seen where it happens, worth nothing where chance does it."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import DAY, HOUR, Array, finding_of, group_of, log_of_rows

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.account_replacement import KIND, P, _count_votes
from stillhunt.score.stats.beta_binomial import lean_ratio, part_bits

EACH, DAYS = 80, 14


def replacing(rng: np.random.Generator, delay: Array, *, stops: Array) -> ScoredLog:
    """Every second account stops at a given time; the others start so much later, each after its own stop."""
    pairs = len(stops)
    starts = np.clip(stops + delay, 0, DAYS * DAY - HOUR)
    first, last = np.r_[np.zeros(pairs), starts], np.r_[stops, np.full(pairs, DAYS * DAY)]
    owner = np.repeat(np.arange(2 * pairs), EACH)
    time = first[owner] + rng.random(len(owner)) * (last - first)[owner]
    time[::EACH], time[EACH - 1 :: EACH] = first, last
    return log_of_rows(owner, time.astype(np.int64), status=np.full(len(owner), 200))


def found_in(log: ScoredLog, members: int | None = None) -> Finding:
    found = finding_of(KIND, log, group_of(log, members or log.accounts.count))
    assert found is not None
    return found


def test_new_accounts_soon_after_stops_are_evidence() -> None:
    rng = np.random.default_rng(6)
    stops = (np.arange(9) + 2.4) * DAY
    found = found_in(replacing(rng, rng.uniform(1, 8, 9) * HOUR, stops=stops))
    assert found.bits > 2.0
    assert found.statement.startswith(
        "On 9 of 9 days when accounts stopped for good, the nearest start of a new member"
    )
    assert "(9 stops, 0 after a refusal; 9 starts)" in found.statement


def test_a_wave_of_stops_is_one_coincidence() -> None:
    rng = np.random.default_rng(7)
    wave = np.full(9, 6.0) * DAY + rng.integers(0, HOUR, 9)
    assert found_in(replacing(rng, rng.uniform(1, 8, 9) * HOUR, stops=wave)).bits < 1.0


def test_unrelated_starts_replace_nobody() -> None:
    rng = np.random.default_rng(8)
    worth = []
    for _ in range(80):
        stops = rng.uniform(2, 12, 9) * DAY
        starts = rng.uniform(0, 13, 9) * DAY
        worth.append(2.0 ** found_in(replacing(rng, starts - stops, stops=stops)).bits)
    assert np.mean(worth) < 1.1


def plain_votes(stops: list[int], starts: list[int]) -> list[int]:
    """For each run of stops within a day of its first: which side is nearer, by a majority of its stops."""
    if not starts:
        return []
    runs: list[tuple[int, list[int]]] = []
    for stop in stops:
        wait = min([start - stop for start in starts if start > stop] + [DAY, DAY])
        since = min([stop - start for start in starts if start <= stop] + [DAY, DAY])
        lean = (since > wait) - (since < wait)
        if not runs or stop >= runs[-1][0] + DAY:
            runs.append((stop, []))
        runs[-1][1].append(lean)
    return [int(np.sign(sum(leans))) for _, leans in runs]


@pytest.mark.parametrize("seed", range(40))
def test_votes_are_those_of_the_definition(seed: int) -> None:
    """Times in quarters of a day, so that ties and the ends of a day are met."""
    rng = np.random.default_rng(seed)
    stops, starts = (np.sort(rng.integers(0, 40, rng.integers(0, 8)) * DAY // 4) for _ in range(2))
    assert _count_votes(stops, starts).tolist() == plain_votes(stops.tolist(), starts.tolist())


@pytest.mark.parametrize("seed", range(6))
def test_bits_are_those_of_the_definition(seed: int) -> None:
    """Accounts with a first and a last request in quarters of a day; those at the ends of the log are not counted."""
    rng = np.random.default_rng(seed)
    count = 24
    first = rng.integers(0, 6 * 4, count) * DAY // 4
    last = np.minimum(first + rng.integers(1, 8 * 4, count) * DAY // 4, 9 * DAY)
    first[0], last[0] = 0, 9 * DAY
    status = np.where(rng.random(2 * count) < 0.4, 429, 200)
    log = log_of_rows(np.r_[np.arange(count), np.arange(count)], np.r_[first, last], status=status)
    found = found_in(log)
    starts = sorted(time for time in first.tolist() if time >= 2 * DAY)
    stopped = [number for number in range(count) if last[number] <= 7 * DAY]
    votes = plain_votes(sorted(last[stopped].tolist()), starts)
    ahead, trials = votes.count(1), len(votes) - votes.count(0)
    assert trials > 1
    assert found.bits == pytest.approx(min(part_bits(lean_ratio(ahead, trials, P.strength), P.part), P.cap_bits))
    assert found.statement.startswith(f"On {ahead} of {trials} days")
    refused = sum(int(status[count + number] == 429) for number in stopped)
    assert f"({len(stopped)} stops, {refused} after a refusal; {len(starts)} starts)" in found.statement
    assert found.count == len(stopped)
    shown = {log.requests.account[row] for row in found.rows.tolist()}
    assert shown == set(stopped)


@pytest.mark.parametrize("gap", [0, 1])
def test_accounts_near_the_ends_of_the_log_neither_start_nor_stop(gap: int) -> None:
    """An account that begins two days after the log begins is new; a microsecond earlier it may have been there."""
    log = log_of_rows(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 9 * DAY, 2 * DAY - gap, 9 * DAY, 0, 7 * DAY + gap]))
    found = found_in(log)
    assert ("(1 stop, 0 after a refusal; 1 start)" if gap == 0 else "(0 stops, 0 after a refusal; 0 starts)") in (
        found.statement
    )
    assert found.bits == 0.0
