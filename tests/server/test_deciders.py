"""Deciders beside gateways: a decision is in force on all of them within a second, also while the database is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.collect.sources.postgres_server import running

from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.enforcing import hearing, live
from stillhunt_server.enforcing.live import LiveDecisions
from watch.databases import url_of

pytestmark = pytest.mark.service
DECIDERS = 4


def until(held: Callable[[], bool], seconds: float = 20) -> float:
    began = time.monotonic()
    while not held():
        assert time.monotonic() < began + seconds, "it did not happen in time"
        threading.Event().wait(0.002)
    return time.monotonic() - began


def block(database: WatchDatabase, account: str) -> None:
    span = DecisionSpan(time.time_ns() // 1000, 1.0)
    decide_as_person(database, account, "block", DecisionAuthor("anna", "resells answers"), span)


def test_a_decision_is_in_force_on_all_deciders_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RELOAD_SECONDS", 600.0)  # so that only what is heard counts
    with ExitStack() as opened:
        server = opened.enter_context(running())
        server.run("postgres", "CREATE DATABASE ledger")
        author = WatchDatabase(url_of(server, "ledger"), tmp_path / "author.db")
        opened.callback(author.close)
        deciders = []
        for number in range(DECIDERS):
            data = tmp_path / str(number)
            data.mkdir()
            database = WatchDatabase(url_of(server, "ledger"), data / "unused.db")
            opened.callback(database.close)
            decisions = LiveDecisions(database, lambda: None, kept=data / "verified")
            decisions.start()
            ear = hearing.DecisionHearing(database, decisions.wake, ServiceFaults())
            ear.start()
            opened.callback(decisions.stop)
            opened.callback(ear.stop)
            deciders.append(decisions)
        until(lambda: all(one.age() is not None for one in deciders))
        threading.Event().wait(0.5)  # each has its ear on the wall
        worst = 0.0
        for number in range(10):
            block(author, f"thief-{number}")
            worst = max(worst, until(lambda: all(len(one.table) == number + 1 for one in deciders), 1.0))  # noqa: B023 - it is called at once
        assert worst < 1.0
        revision = deciders[0].revision
        server.run("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ledger'")
        until(lambda: all(one.revision == revision for one in deciders))
        until(lambda: _is_heard_again(author, deciders))
    assert all(len(one.table) >= 10 for one in deciders)  # the database is away, and what was known is in force
    deciders[0].look()
    assert "decisions" in deciders[0].problems
    first = deciders[0].age()
    threading.Event().wait(0.05)
    assert first is not None
    assert (deciders[0].age() or 0) > first


def test_word_that_comes_with_an_answer_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "LISTEN_SECONDS", 0.01)
    monkeypatch.setattr(hearing, "PROBE_WAITS", 1)
    looks: list[float] = []
    with running() as server:
        server.run("postgres", "CREATE DATABASE ledger")
        database = WatchDatabase(url_of(server, "ledger"), tmp_path / "unused.db")
        ear = hearing.DecisionHearing(database, lambda: looks.append(time.monotonic()), ServiceFaults())
        ear.start()
        until(lambda: len(looks) > 3)  # nobody decided: one look at the start, and one after each probe
        ear.stop()
        database.close()


def _is_heard_again(author: WatchDatabase, deciders: list[LiveDecisions]) -> bool:
    """Whether a new decision comes through after all connections were cut; the ears are opened again by themselves."""
    before = len(deciders[0].table)
    try:
        block(author, f"later-{before}-{time.monotonic_ns()}")
    except Exception:  # the author's own connection was cut, too
        return False
    threading.Event().wait(0.2)
    return all(len(one.table) > 10 for one in deciders) and len({one.revision for one in deciders}) == 1


def test_a_decider_that_starts_without_the_database_knows_what_it_kept(tmp_path: Path) -> None:
    with running() as server:
        server.run("postgres", "CREATE DATABASE ledger")
        database = WatchDatabase(url_of(server, "ledger"), tmp_path / "unused.db")
        block(database, "thief")
        decisions = LiveDecisions(database, lambda: None, kept=tmp_path / "verified")
        decisions.start()
        assert decisions.age() is not None
        decisions.stop()
    again = LiveDecisions(database, lambda: None, kept=tmp_path / "verified")
    again.look()
    assert len(again.table) == 1
    assert again.age() is None
    assert again.faults()
    database.close()
