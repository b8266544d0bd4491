"""After a crash, what was acknowledged is there whatever it holds, and what is cut or damaged is said."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.checking import check_spool
from stillhunt.watch.spool.closing import close_left_behind
from stillhunt.watch.spool.ledger import SpoolLedger
from stillhunt.watch.spool.parts import OPEN, closed_parts, open_parts
from stillhunt.watch.spool.sums import read_sums, sums_path
from stillhunt_server.receiving.committer import MOVED, WRITES, Committer
from watch.spooling import SPANS, commit, contents, flip, killed_with

NUL = b'{"a": "\0"}\n'
KEPT = rb'{"a": "\u0000"}' + b"\n"
"""The same on disk."""
AFTER = [b'{"n": %d}\n' % number for number in range(20)]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def open_part(spool: Path) -> Path:
    (path,) = open_parts(spool)
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def statements(spool: Path) -> list[str]:
    return [one.statement for one in check_spool(spool)]


def test_records_behind_a_zero_byte_outlive_a_kill(spool: Path) -> None:
    killed_with(spool, [NUL, *AFTER])
    (recovered,) = close_left_behind(spool)
    assert contents(spool) == KEPT + b"".join(AFTER)
    assert (recovered.cut, recovered.damage) == (0, "")
    assert check_spool(spool) == []
    assert SpoolLedger(spool).read().entries[SpoolLedger(spool).name_of(recovered.path)].records == 21
    assert list(recovered.path.parent.glob(".*")) == []


@pytest.mark.parametrize("torn", [b'{"torn', b"\0" * 4096, b'{"x": "\0"}\n{"torn"}\n'])
def test_only_what_no_checksum_covers_is_cut(spool: Path, torn: bytes) -> None:
    killed_with(spool, [NUL, *AFTER])
    append(open_part(spool), torn)
    (recovered,) = close_left_behind(spool)
    assert contents(spool) == KEPT + b"".join(AFTER)
    assert recovered.cut == len(torn)
    assert check_spool(spool) == []


@pytest.mark.parametrize("lines", [0, 1, 20])
def test_what_was_synced_is_kept_where_a_power_failure_took_its_sums(spool: Path, lines: int) -> None:
    killed_with(spool, [NUL, *AFTER])
    sums = sums_path(open_part(spool))
    sums.write_bytes(b"".join(sums.read_bytes().splitlines(keepends=True)[:lines]))
    append(open_part(spool), b"\0" * 4096)
    close_left_behind(spool)
    assert contents(spool) == KEPT + b"".join(AFTER)
    assert check_spool(spool) == []


def test_entries_of_protobuf_are_kept_by_their_sums(spool: Path) -> None:
    batches = [b"\x0a\x03a\0b", b"\x0a\x02\0\0"]
    killed_with(spool, batches, SPANS)
    append(open_part(spool), b"\x0a\x05tor")
    (recovered,) = close_left_behind(spool)
    assert contents(spool) == b"".join(batches)
    assert recovered.cut == 5


def test_a_damaged_batch_is_kept_and_said(spool: Path) -> None:
    killed_with(spool, AFTER)
    flip(open_part(spool), 3)
    (recovered,) = close_left_behind(spool)
    assert len(contents(spool)) == len(b"".join(AFTER))
    assert recovered.damage == "up to 1 of its 20 acknowledged requests were damaged or missing"
    assert recovered.damage in statements(spool)[0]


@pytest.mark.parametrize("left", [0, 35])
def test_acknowledged_bytes_that_are_gone_are_said(spool: Path, left: int) -> None:
    killed_with(spool, AFTER)
    os.truncate(open_part(spool), left)
    close_left_behind(spool)
    assert contents(spool) == b"".join(AFTER)[: left - left % 9]
    assert "acknowledged requests were damaged or missing" in statements(spool)[0]


@pytest.mark.parametrize("at", [2, 40, -3])
def test_a_damaged_line_of_the_sums_costs_nothing(spool: Path, at: int) -> None:
    killed_with(spool, AFTER)
    flip(sums_path(open_part(spool)), at)
    close_left_behind(spool)
    assert contents(spool) == b"".join(AFTER)


def test_a_part_of_an_older_version_is_judged_by_its_form_and_its_loss_is_said(spool: Path) -> None:
    killed_with(spool, AFTER)
    append(open_part(spool), NUL + b"".join(AFTER))
    sums_path(open_part(spool)).unlink()
    (recovered,) = close_left_behind(spool)
    assert contents(spool) == b"".join(AFTER)
    assert "had no checksum" in recovered.damage
    assert recovered.damage in statements(spool)[0]


def test_a_line_without_its_end_is_no_damage_in_a_part_of_an_older_version(spool: Path) -> None:
    killed_with(spool, AFTER)
    sums_path(open_part(spool)).unlink()
    append(open_part(spool), b'{"torn')
    (recovered,) = close_left_behind(spool)
    assert (recovered.cut, recovered.damage) == (6, "")


def test_a_batch_that_was_cut_off_again_has_no_sum(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.mkdir()
    committer = Committer(spool)
    assert commit(committer, AFTER[0]) is None
    real = os.write

    def fails(handle: int, data: bytes) -> int:
        written = real(handle, data)
        if Path(f"/proc/self/fd/{handle}").readlink().name.endswith(".sums"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return written

    def never(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", fails)
        broken.setattr(os, "fsync", never)  # so the part cannot be closed either
        assert isinstance(commit(committer, AFTER[1]), OSError)
    committer.stop()
    (recovered,) = close_left_behind(spool)
    assert recovered.damage == ""
    assert contents(spool) == AFTER[0]
    assert check_spool(spool) == []


@pytest.mark.parametrize("idle", [True, False])
def test_an_open_part_that_is_removed_is_saved(spool: Path, idle: bool) -> None:
    spool.mkdir()
    faults = ServiceFaults()
    committer = Committer(spool, faults=faults)
    assert commit(committer, b"".join(AFTER), records=20) is None
    first = open_part(spool)
    first.unlink()
    if not idle:
        assert commit(committer, NUL) is None
    for _ in range(500):
        if open_parts(spool) and "saved in" in "".join(fault.statement for fault in faults.current()):
            break
        threading.Event().wait(0.01)
    (fault,) = faults.current()
    assert fault.name == MOVED
    assert "source gateway was removed or renamed" in fault.statement
    assert "saved in another part" in fault.statement
    committer.stop()
    assert b"".join(AFTER) in contents(spool)
    assert check_spool(spool) == []
    assert faults.current() == ()


def test_a_spool_that_is_removed_while_it_is_written_is_made_again(spool: Path) -> None:
    spool.mkdir()
    committer = Committer(spool)
    for record in AFTER:
        assert commit(committer, record) is None
    shutil.rmtree(spool)
    assert commit(committer, NUL) is None
    committer.stop()
    assert contents(spool) == b"".join(AFTER) + KEPT
    assert check_spool(spool) == []


def test_a_spool_that_is_renamed_takes_nothing_until_it_is_back(spool: Path) -> None:
    spool.mkdir()
    faults = ServiceFaults()
    committer = Committer(spool, faults=faults)
    assert commit(committer, AFTER[0]) is None
    away = spool.rename(spool.with_name("away"))
    error = commit(committer, AFTER[1])
    assert isinstance(error, OSError)
    assert error.errno == errno.ENOENT
    assert {fault.name for fault in faults.current()} == {MOVED, WRITES}
    away.rename(spool)
    assert commit(committer, AFTER[2]) is None
    committer.stop()
    assert contents(spool) == AFTER[0] + AFTER[2]
    assert check_spool(spool) == []


def test_a_part_that_is_cut_while_it_is_written_is_closed_and_said(spool: Path) -> None:
    spool.mkdir()
    committer = Committer(spool)
    assert commit(committer, b"".join(AFTER), records=20) is None
    os.truncate(open_part(spool), 9)
    assert commit(committer, NUL) is None
    committer.stop()
    assert contents(spool) == AFTER[0] + KEPT
    (statement,) = statements(spool)
    assert statement.endswith("has 9 bytes in place of 190: 20 requests were acknowledged in it")


def test_writes_that_fail_are_a_fault_until_the_disk_works_again(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.mkdir()
    faults, now = ServiceFaults(), [0.0]
    committer = Committer(spool, clock=lambda: now[0], faults=faults)

    def fails(_handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        broken.setattr(os, "fsync", fails)
        commit(committer, NUL)
        assert [fault.statement for fault in faults.current()] == [
            "what is sent cannot be written and is refused: Input/output error"
        ]
        now[0] = 20.0
        commit(committer, NUL)
        assert faults.current()
    now[0] = 40.0
    assert commit(committer, NUL) is None
    committer.stop()
    assert faults.current() == ()
    assert not any(spool.glob(".probe"))


def test_sums_name_every_batch(spool: Path) -> None:
    spool.mkdir()
    committer = Committer(spool)
    for record in AFTER:
        assert commit(committer, record, records=2) is None
    sums = read_sums(open_part(spool))
    assert (sums.end, sums.records, sums.trusted) == (len(b"".join(AFTER)), 40, True)
    committer.stop()
    assert [path.name for path in closed_parts(spool)[0].parent.iterdir() if OPEN in path.name] == []
