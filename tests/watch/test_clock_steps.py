"""A clock that is moved is noticed, and one that is corrected a little is not."""

from __future__ import annotations

import pytest

from stillhunt_server.fault_looks import CLOCK_FAULT, SHOWN_SECONDS, ClockSteps


class Clocks:
    def __init__(self) -> None:
        self.steady, self.moved = 1000.0, 0.0
        self.steps = ClockSteps(lambda: 1.7e9 + self.steady + self.moved, lambda: self.steady)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(864_000.0, "ahead by 10 days"), (-7200.0, "back by 2 hours"), (180.0, "ahead by 3 minutes"), (-11.0, "by 11")],
)
def test_a_step_is_told_once_and_shown_for_a_while(seconds: float, said: str) -> None:
    clocks = Clocks()
    assert clocks.steps.moved() == 0.0
    assert clocks.steps.faults() == {}
    clocks.steady += 5.0
    clocks.moved = seconds
    assert said in clocks.steps.faults()[CLOCK_FAULT]
    assert clocks.steps.moved() == 0.0
    clocks.steady += SHOWN_SECONDS - 1
    assert CLOCK_FAULT in clocks.steps.faults()
    clocks.steady += 2
    assert clocks.steps.faults() == {}


def test_many_small_corrections_are_a_step_at_last() -> None:
    clocks = Clocks()
    found = []
    for _ in range(30):
        clocks.moved += 1.0
        found.append(clocks.steps.moved())
    assert [one for one in found if one] == pytest.approx([10.0] * 3)
