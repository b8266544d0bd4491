"""How a work queue hands out items: nothing is lost, quotas hold, and each discipline does what its name says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stillhunt.base.units import DAY, HOUR, MINUTE
from stillhunt_lab.second_worlds.spec import START
from stillhunt_lab.second_worlds.work_queues import DISCIPLINES, QueueRules, Shifts, run_queue

DAYS = 4
RULES = QueueRules("lease", START, START + DAYS * DAY, drop_hours=6.0, batch=40, crash=0.1)


def shifts(workers: int, quota: int = 12) -> Shifts:
    hours = np.zeros((workers, DAYS * 24), bool)
    hours[:, np.arange(DAYS * 24) % 24 >= 8] = True
    return Shifts(
        hours,
        np.full(workers, quota),
        np.full(workers, START),
        np.full(workers, START + DAYS * DAY),
        np.zeros(workers, bool),
    )


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_quotas_shifts_and_stills_hold(discipline: str) -> None:
    still = (START + DAY + 12 * HOUR, START + DAY + 18 * HOUR)
    rules = replace(RULES, discipline=discipline, stills=(still,))
    served = run_queue(np.random.default_rng(1), rules, shifts(15))
    assert len(served.item) > 300
    day = (served.time - START) // DAY
    assert np.unique(np.stack([served.worker, day]), axis=1, return_counts=True)[1].max() <= 12
    night = ((served.time - START) // HOUR % 24) < 7  # the last lease of a shift may run over by minutes
    assert night.mean() < 0.02
    inside = (served.time > still[0] + 30 * MINUTE) & (served.time < still[1])
    assert inside.sum() == 0


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_dropped_items_are_done_by_somebody(discipline: str) -> None:
    """Workers drop parts of leases all the time, yet of the first batches nothing stays undone."""
    always = replace(shifts(15), hours=np.ones((15, DAYS * 24), bool))
    rules = replace(RULES, discipline=discipline, batch=15, crash=0.3)
    served = run_queue(np.random.default_rng(2), rules, always)
    assert set(range(15 * 8)) <= set(served.item.tolist())
    _, times = np.unique(served.item, return_counts=True)
    assert 0 < (times > 1).mean() < 0.15  # lost receipts


def test_a_banned_worker_is_refused_and_another_takes_over() -> None:
    banned = replace(shifts(10), until=np.where(np.arange(10) < 5, START + 2 * DAY + 9 * HOUR, START + DAYS * DAY))
    served = run_queue(np.random.default_rng(3), RULES, replace(banned, banned=np.arange(10) < 5))
    refused = served.status == 403
    assert set(served.worker[refused]) == set(range(5))
    assert (served.time[refused] >= START + 2 * DAY + 9 * HOUR).all()
    assert not ((served.worker < 5) & ~refused & (served.time > START + 2 * DAY + 10 * HOUR)).any()
    for item in set(served.item[refused].tolist()):
        assert (served.worker[(served.item == item) & ~refused] >= 5).all()
        assert ((served.item == item) & ~refused).any()


def test_work_stealing_evens_out_uneven_shares() -> None:
    """With stealing every worker reaches its quota although shares are drawn at random."""
    served = run_queue(np.random.default_rng(4), replace(RULES, discipline="steal", batch=400, crash=0.0), shifts(20))
    loads = np.bincount(served.worker, minlength=20)
    assert loads.std() / loads.mean() < 0.1


def test_one_bucket_paces_all_workers() -> None:
    rules = replace(RULES, discipline="bucket", batch=30, crash=0.0)
    served = run_queue(np.random.default_rng(5), rules, shifts(40, quota=40))
    assert len(served.time) <= 30 * DAYS * 4
    assert np.diff(np.sort(served.time)).mean() > 5 * MINUTE
