"""Background threads: one that falls is reported, started again, and well again after a while."""

from __future__ import annotations

import threading

import pytest

from stillhunt.watch import service_faults as kept_thread
from stillhunt.watch.service_faults import KeptThread, ServiceFaults


@pytest.mark.parametrize("fall", [RecursionError("deep"), MemoryError(), SystemExit(3), None])
def test_a_thread_that_falls_goes_on(fall: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_thread, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(kept_thread, "STEADY_SECONDS", 0.3)
    faults, stop, runs, works = ServiceFaults(), threading.Event(), [0], threading.Event()
    seen: list[list[str]] = []

    def work() -> None:
        runs[0] += 1
        if runs[0] == 1:
            if fall is not None:
                raise fall
            return
        seen.append([fault.name for fault in faults.current()])
        works.set()
        stop.wait(20)

    thread = KeptThread("work", work, stop.is_set)
    thread.report_to(faults)
    thread.start()
    assert works.wait(10)
    assert seen == [["thread work"]]
    for _ in range(200):
        if not faults.current():
            break
        threading.Event().wait(0.05)
    assert faults.current() == ()
    stop.set()
    thread.join(10)
    assert (thread.is_alive(), runs[0]) == (False, 2)
