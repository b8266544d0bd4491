"""What customers get through real gateways while stillhunt is dead, hangs, is slow, or starts again.

Fail open: everybody gets through, and nobody is refused who has no decision. Fail closed: everybody gets 503, and
nobody gets through who is blocked. In both, decisions hold again as soon as stillhunt answers.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from gateways.proxies import Around, Gateway, gateway
from gateways.services import until
from gateways.surroundings import SlowLine

pytestmark = pytest.mark.service
FREE, BLOCKED = "nobody", "block"
OPEN, CLOSED = {FREE: {200}, BLOCKED: {200, 403}}, {FREE: {200, 503}, BLOCKED: {403, 503}}
"""Account -> statuses that it may get while stillhunt fails and comes back."""


@pytest.fixture(scope="module", params=[True, False], ids=["open", "closed"])
def fail_open(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def running(around: Around, name: str, fail_open: bool) -> Iterator[Gateway]:
    with gateway(name, around.setup(fail_open=fail_open)) as made:
        yield made


def check_failing(running: Gateway, requests: int = 5, seconds: float = 5.0) -> None:
    """Everybody gets what was chosen for failures, and soon; the machine of a test may add to the 50 ms."""
    for account in [FREE, BLOCKED] * requests:
        begin = time.monotonic()
        answer = running.ask(account, headers={"x-stillhunt-action": "mine"})
        assert time.monotonic() - begin < seconds
        assert answer.status == (200 if running.setup.fail_open else 503)
        if answer.status == 200:
            assert "x-stillhunt-action" not in answer.json["headers"]


def holds_again(running: Gateway) -> None:
    """Decisions hold: after one answer that came in time, and on a busy machine not all do."""
    until(lambda: running.ask(BLOCKED).status == 403, 5, "the account is refused again")
    until(lambda: running.ask(FREE).status == 200, 5, "the account passes again")


class Customers:
    """Two accounts that send requests at a steady rate, each on its own thread."""

    def __init__(self, running: Gateway, seconds_between: float = 0.02) -> None:
        self.statuses: dict[str, Counter[int]] = {FREE: Counter(), BLOCKED: Counter()}
        self.errors: list[Exception] = []
        self._running, self._between = running, seconds_between
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(account,)) for account in self.statuses]

    def _send(self, account: str) -> None:
        for number in itertools.count():
            if self._stop.wait(self._between):
                return
            try:
                answer = self._running.ask(account, method="POST", body=b"%d" % number)
                self.statuses[account][answer.status] += 1
            except OSError as error:
                self.errors.append(error)

    @contextmanager
    def sending(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def wait_for(self, requests: int) -> None:
        """Wait until each account got further answers."""
        wanted = {account: statuses.total() + requests for account, statuses in self.statuses.items()}
        until(lambda: all(self.statuses[one].total() >= wanted[one] for one in wanted), 10, "requests flow")

    def check(self, allowed: dict[str, set[int]]) -> None:
        """Each request got an answer, and one that it may get."""
        assert not self.errors
        for account, statuses in self.statuses.items():
            assert set(statuses) <= allowed[account], (account, statuses)


def test_killed_and_started_again_while_requests_flow(running: Gateway, around: Around) -> None:
    holds_again(running)
    customers, before = Customers(running), len(around.model.asked)
    with customers.sending():
        customers.wait_for(10)
        around.stillhunt.kill()
        try:
            check_failing(running)
        finally:
            around.stillhunt.start()
        holds_again(running)
        customers.wait_for(10)
    fail_open = running.setup.fail_open
    customers.check(OPEN if fail_open else CLOSED)
    assert customers.statuses[BLOCKED][403]
    assert customers.statuses[FREE][200]
    if fail_open:
        assert customers.statuses[BLOCKED][200]
    else:
        assert customers.statuses[FREE][503]
        assert not [seen for seen in around.model.asked[before:] if seen["headers"]["x-account-id"] == BLOCKED]


def test_hung(running: Gateway, around: Around) -> None:
    holds_again(running)
    with around.stillhunt.hung():
        check_failing(running)
    holds_again(running)


def test_hanging_again_and_again_while_requests_flow(running: Gateway, around: Around) -> None:
    holds_again(running)
    customers = Customers(running)
    with customers.sending():
        for _ in range(5):
            with around.stillhunt.hung():
                customers.wait_for(3)
            holds_again(running)
    customers.check(OPEN if running.setup.fail_open else CLOSED)


def test_slow(running: Gateway, around: Around) -> None:
    line = SlowLine(around.stillhunt.port)
    try:
        with gateway(running.name, replace(running.setup, stillhunt=line.port)) as slow:
            holds_again(slow)
            line.delay = 0.4
            check_failing(slow)
            line.delay = 0.0
            holds_again(slow)
    finally:
        line.close()
