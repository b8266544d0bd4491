"""Signatures at work: new accounts of a known campaign are linked as their records arrive, and nobody else is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.watch import following
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, LINKED_ACCOUNTS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import Arrivals, SpoolFollower, SpoolTail
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.links import enter_links
from stillhunt.watch.signatures.matcher import LinkedAccount
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import Stream, new_part
from watch.small_world import harvesters, lines, recent

STREAM = Stream("gateway", "jsonl", "jsonl")


def append(handle: int, records: list[bytes]) -> None:
    os.write(handle, b"".join(records))


@pytest.mark.parametrize("ending", ["jsonl", "pb"])
def test_the_tail_gives_each_record_once_over_growth_closing_and_deletion(tmp_path: Path, ending: str) -> None:
    stream = Stream("gateway", "traces", ending)
    records = [b"\x0a\x03abc", b"\x0a\x01d", b"\x0a\x02ef"] if ending == "pb" else [b"abc\n", b"d\n", b"ef\n"]
    old, _ = new_part(tmp_path, stream, datetime.now(UTC))
    append(old, [records[0]])
    tail = SpoolTail(tmp_path)
    assert list(tail.new_records()) == []
    append(old, [records[1], records[2][:-1]])  # the last one is not whole yet
    assert list(tail.new_records()) == [(records[1], ending, True)]
    append(old, [records[2][-1:]])
    os.close(old)
    (closed,) = close_left_behind(tmp_path)
    assert list(tail.new_records()) == [(records[2], ending, True)]
    assert list(tail.new_records()) == []
    closed.path.unlink()
    new, _ = new_part(tmp_path, stream, datetime.now(UTC))
    append(new, records)
    os.close(new)
    assert list(tail.new_records()) == [(b"".join(records), ending, True)]


@pytest.mark.parametrize("sent", [recent, lines], ids=["as it happens", "a log of last year"])
def test_accounts_that_replace_others_are_linked_and_honest_ones_are_not(
    tmp_path: Path, sent: Callable[[], Sequence[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = DataFolder(tmp_path / "data"), Config()
    accounts = {line: json.loads(line)["account_id"] for line in sent()}
    replaced = set(sorted(harvesters())[:4])
    honest = [account for account in sorted(set(accounts.values())) if account not in harvesters()][:8]
    held_back = replaced | set(honest)
    handle, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
    append(handle, [line for line, account in accounts.items() if account not in held_back])
    os.close(handle)
    plan = HuntPlan(folder, config, (), time.time_ns() // 1000)
    assert hunt_now(plan) is not None
    database = WatchDatabase("", folder.database)
    follower = SpoolFollower(plan, database)
    assert follower.look() == []
    later, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
    linked = []
    busy = True

    def sometimes_busy(*words: Any) -> list[LinkedAccount]:
        nonlocal busy
        busy = not busy
        if not busy:
            raise OutputError("the database is locked")
        return enter_links(*words)

    monkeypatch.setattr(following, "enter_links", sometimes_busy)
    for account in sorted(held_back):
        own = [line for line, owner in accounts.items() if owner == account]
        for first in range(0, len(own), 5):
            append(later, own[first : first + 5])
            with suppress(OutputError):
                linked += follower.look()
    with suppress(OutputError):
        linked += follower.look()
    os.close(later)
    assert {one.account_id for one in linked} <= replaced
    assert len(linked) >= len(replaced) - 1
    assert max(one.requests for one in linked) <= 20
    rows = database.read(select(LINKED_ACCOUNTS))
    assert sorted(row["account_id"] for row in rows) == sorted(one.account_id for one in linked)
    assert [row["kind"] for row in database.read(select(ALERTS)) if row["kind"] == "accounts_replaced"]
    assert follower.look() == []
    follower.close()
    database.close()


def templated_lines(rows: int) -> list[bytes]:
    """Requests of twenty accounts that work from one template."""
    template = "you are given one record of the harbour register and rewrite it step by step as a lesson for pilots: "
    return [
        json.dumps(
            {
                "request_id": f"t{row}",
                "timestamp": "2026-03-05T10:00:00Z",
                "account_id": f"camp-{row % 20}",
                "model": "m",
                "prompt": f"{template} berth {row * 7919 % 1009} vessel {row}",
            }
        ).encode()
        + b"\n"
        for row in range(rows)
    ]


@pytest.mark.parametrize(("share", "signed"), [(0.25, True), (0.0, False)])
def test_arrivals_are_counted_before_there_is_any_signature(tmp_path: Path, share: float, signed: bool) -> None:
    folder = DataFolder(tmp_path / "data")
    config = Config.load({"watch": {"early_share": share}}, environ={})
    database = WatchDatabase("", folder.database)
    follower = SpoolFollower(HuntPlan(folder, config), database)
    handle, _ = new_part(folder.spool, STREAM, datetime.now(UTC))
    sent = templated_lines(300)
    for first in (0, 150):
        append(handle, sent[first : first + 150])
        assert follower.look() == []
    os.close(handle)
    assert follower.arrivals.held_bytes == sum(map(len, sent))
    assert (follower.arrivals.signs > 0) == signed
    follower.close()
    database.close()


def test_what_a_follower_tells_is_heard() -> None:
    words = "import sys; sys.stdin.readline(); print('[7, 1]'); print('[9, 2]'); print('not all of a l', end='')"
    child = subprocess.Popen([sys.executable, "-c", words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    heard: list[Arrivals] = []
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.close()
    following._hear_child(child, heard.append)
    child.wait()
    assert heard == [Arrivals(7, 1), Arrivals(9, 2)]
    assert child.stdout is not None
    child.stdout.close()


def test_of_much_that_is_new_only_the_first_bytes_of_a_look_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = templated_lines(300)
    monkeypatch.setattr(following, "FOLLOWED_BYTES", len(b"".join(sent[:50])))
    folder = DataFolder(tmp_path / "data")
    with closing(WatchDatabase("", folder.database)) as database:
        follower = SpoolFollower(HuntPlan(folder, Config()), database)
        counted = []
        sketch = follower._follower.sketch
        monkeypatch.setattr(
            follower._follower,
            "sketch",
            lambda records, ending: counted.append(records.count(b"\n")) or sketch(records, ending),
        )
        handle, path = new_part(folder.spool, STREAM, datetime.now(UTC))
        for _ in range(2):
            append(handle, sent)
            follower.look()
        os.close(handle)
        assert len(counted) == 2
        assert max(counted) <= 51
        assert follower.arrivals.held_bytes == path.stat().st_size
        follower.close()
