"""The spool: acknowledged means on disk, and a torn part loses nothing that was acknowledged."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.parts import OPEN, Stream, ask_to_close, closed_parts, new_part, open_parts, whole_bytes
from stillhunt_server.receiving import committer as committer_module
from stillhunt_server.receiving.committer import LIMITS, Committer, SpoolBusyError
from stillhunt_server.receiving.export_fields import whole_fields

LINES = Stream("gateway", "jsonl", "jsonl")
SPANS = Stream("gateway", "traces", "pb")


class Answers:
    """Collects what the writer reports."""

    def __init__(self) -> None:
        self.errors: list[Exception | None] = []
        self.came = threading.Semaphore(0)

    def __call__(self, error: Exception | None) -> None:
        self.errors.append(error)
        self.came.release()

    def wait(self, number: int) -> list[Exception | None]:
        for _ in range(number):
            assert self.came.acquire(timeout=10)
        return self.errors


def test_a_record_is_on_disk_when_it_is_acknowledged(tmp_path: Path) -> None:
    committer, answers = Committer(tmp_path), Answers()
    committer.submit(LINES, b'{"a": 1}\n', answers)
    assert answers.wait(1) == [None]
    (part,) = open_parts(tmp_path)
    assert part.read_bytes() == b'{"a": 1}\n'
    assert closed_parts(tmp_path) == []
    committer.stop()
    (closed,) = closed_parts(tmp_path)
    assert closed.name == part.name.removesuffix(OPEN)
    assert closed.read_bytes() == b'{"a": 1}\n'


def test_streams_have_files_of_their_own_and_keep_their_order(tmp_path: Path) -> None:
    committer, answers = Committer(tmp_path), Answers()
    for number in range(500):
        committer.submit(LINES if number % 2 else replace(LINES, source="other"), b"%d\n" % number, answers)
    answers.wait(500)
    committer.stop()
    contents = [[int(line) for line in part.read_bytes().split()] for part in closed_parts(tmp_path)]
    assert sorted(len(content) for content in contents) == [250, 250]
    assert all(content == sorted(content) for content in contents)


def test_a_hunt_that_asks_gets_closed_parts(tmp_path: Path) -> None:
    committer, answers = Committer(tmp_path), Answers()
    committer.submit(LINES, b"1\n", answers)
    answers.wait(1)
    ask_to_close(tmp_path)
    committer.submit(LINES, b"2\n", answers)
    deadline = threading.Event()
    for _ in range(200):
        if closed_parts(tmp_path):
            break
        deadline.wait(0.02)
    assert closed_parts(tmp_path)
    committer.stop()


def test_parts_are_closed_by_age_and_by_size(tmp_path: Path) -> None:
    time = [0.0]
    limits = LIMITS._replace(part_seconds=100.0, part_bytes=10, idle_seconds=0.001)
    committer, answers = Committer(tmp_path, limits, lambda: time[0]), Answers()
    committer.submit(LINES, b"123456789\n", answers)
    committer.submit(SPANS, b"\x0a\x01a", answers)
    answers.wait(2)
    time[0] = 1.0  # the next look
    for _ in range(500):
        if len(closed_parts(tmp_path)) == 1:
            break
        threading.Event().wait(0.01)
    assert [part.suffix for part in closed_parts(tmp_path)] == [".jsonl"]
    time[0] = 200.0
    for _ in range(500):
        if len(closed_parts(tmp_path)) == 2:
            break
        threading.Event().wait(0.01)
    assert len(closed_parts(tmp_path)) == 2
    committer.stop()


def test_too_much_that_waits_is_refused_and_a_single_large_record_is_not(tmp_path: Path) -> None:
    committer, answers = Committer(tmp_path, LIMITS._replace(waiting_bytes=100)), Answers()
    committer.submit(LINES, b"x" * 1000 + b"\n", answers)
    answers.wait(1)
    with committer._wake:
        committer._waiting.append(committer_module._Waiting(LINES, b"x" * 90, 1, answers))
        committer._bytes = 90
        with pytest.raises(SpoolBusyError):  # the lock is ours, so the writer cannot take it meanwhile
            committer.submit(LINES, b"y" * 60, answers)
    committer.stop()
    with pytest.raises(SpoolBusyError):
        committer.submit(LINES, b"late\n", answers)


def test_a_failed_sync_is_reported_and_what_was_acknowledged_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer, answers = Committer(tmp_path), Answers()
    committer.submit(LINES, b"kept\n", answers)
    answers.wait(1)

    def fails(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(committer_module.os, "fdatasync", fails)
    committer.submit(LINES, b"lost\n", answers)
    answers.wait(1)
    monkeypatch.undo()
    committer.submit(LINES, b"later\n", answers)
    answers.wait(1)
    committer.stop()
    assert isinstance(answers.errors[1], OSError)
    assert answers.errors[2] is None
    assert sorted(part.read_bytes() for part in closed_parts(tmp_path)) == [b"kept\n", b"later\n"]


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"", b""),
        (b"no line end", b""),
        (b"one\ntwo", b"one\n"),
        (b"one\ntwo\n", b"one\ntwo\n"),
        (b"one\n" + b"\0" * 4096, b"one\n"),
        (b"one\n" + b"\0" * 100 + b"\n", b"one\n"),
        (b"one\n" + b"x" * (3 << 20), b"one\n"),
        (b"\n", b"\n"),
    ],
)
def test_lines_are_cut_back_to_the_last_whole_one(tmp_path: Path, content: bytes, whole: bytes) -> None:
    handle, path = new_part(tmp_path, LINES, datetime.now(UTC))
    path.write_bytes(content)
    assert content[: whole_bytes(handle, path.name)] == whole
    os.close(handle)


@settings(derandomize=True)
@given(
    st.lists(st.binary(max_size=300), max_size=5),
    st.integers(0, 1600),
    st.sampled_from([b"", b"\0" * 40, b"\x12\x01a"]),
)
def test_export_requests_are_cut_back_to_the_last_whole_entry(
    tmp_path_factory: pytest.TempPathFactory, entries: list[bytes], cut: int, after: bytes
) -> None:
    fields = [b"\x0a" + _varint(len(entry)) + entry for entry in entries]
    content = b"".join(fields)
    torn = content[:cut]
    whole = b""
    for field in fields:
        if len(whole) + len(field) > len(torn):
            break
        whole += field
    handle, path = new_part(tmp_path_factory.mktemp("spool"), SPANS, datetime.now(UTC))
    path.write_bytes(torn if len(torn) < len(content) else torn + after)
    assert whole_bytes(handle, path.name) == len(whole)
    os.close(handle)


@settings(derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([0x0A, 0x12, 0x08, 0x1D, 0x21]), st.binary(min_size=8, max_size=200))))
def test_only_entries_of_an_export_request_are_kept(fields: list[tuple[int, bytes]]) -> None:
    made, kept = b"", b""
    for tag, value in fields:
        body = {
            0: lambda _v: b"\x05",
            5: lambda v: v[:4],
            1: lambda v: v[:8],
            2: lambda v: _varint(len(v)) + v,
        }[tag & 7](value)
        made += bytes((tag,)) + body
        kept += bytes((tag,)) + body if tag == 0x0A else b""
    assert whole_fields(made) == kept


def test_parts_of_a_process_that_has_gone_are_closed_and_those_of_a_running_one_are_not(tmp_path: Path) -> None:
    handle, path = new_part(tmp_path, LINES, datetime.now(UTC))
    os.write(handle, b"one\ntwo")
    assert close_left_behind(tmp_path) == []
    os.close(handle)  # what the system does when a process dies
    (closed,) = close_left_behind(tmp_path)
    assert closed.path.read_bytes() == b"one\n"
    assert not path.exists()
    empty, empty_path = new_part(tmp_path, LINES, datetime.now(UTC))
    os.close(empty)
    assert close_left_behind(tmp_path) == []
    assert not empty_path.exists()


def test_hours_before_the_window_are_left_out(tmp_path: Path) -> None:
    for hour in (1, 5, 6, 7):
        handle, _ = new_part(tmp_path, LINES, datetime(2026, 1, 1, hour, 30, tzinfo=UTC))
        os.write(handle, b"1\n")
        os.close(handle)
    close_left_behind(tmp_path)
    since = datetime(2026, 1, 1, 6, 10, tzinfo=UTC)
    assert [path.parent.name for path in closed_parts(tmp_path, since)] == ["2026-01-01T06", "2026-01-01T07"]


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))
