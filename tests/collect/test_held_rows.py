"""Tables that are kept for a second look: many inputs share one bounded memory and one file."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from stillhunt.base.errors import OutputError
from stillhunt.collect.join import spool as spools
from stillhunt.collect.join.spool import HeldRowsRoom, Spool

SCHEMA = pa.schema([("text", pa.string()), ("number", pa.int64())])


def table(number: int, rows: int = 50) -> pa.Table:
    return pa.table({"text": [f"{number}" * 20] * rows, "number": list(range(rows))}, SCHEMA)


def count_open_files() -> int:
    """Those of this process; 0 where the system does not say."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_spools_give_back_what_they_got_and_hold_no_more_memory_than_they_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = 3 * table(0).nbytes
    monkeypatch.setattr(spools, "MEMORY_BYTES", kept)
    room = HeldRowsRoom()
    each = [Spool(SCHEMA, room) for _ in range(40)]
    before = count_open_files()

    def fill(place: int) -> None:
        for number in range(3):
            each[place].add(table(10 * place + number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fill, range(40)))
    assert count_open_files() == before + bool(before)
    held = sum(one.nbytes for spool in each for one in spool._tables if isinstance(one, pa.Table))
    assert 0 < held <= kept
    for _ in range(2):  # as often as needed
        for place, spool in enumerate(each):
            assert [one.to_pylist() for one in spool.tables()] == [
                table(10 * place + number).to_pylist() for number in range(3)
            ]
    for spool in each:
        spool.close()
        assert list(spool.tables()) == []
    assert room.take_memory(kept)
    assert not room.take_memory(1)
    room.close()


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "MEMORY_BYTES", 0)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spools.os, "pwrite", full)
    with closing(HeldRowsRoom()) as room, pytest.raises(OutputError, match="kept for a second look") as caught:
        Spool(SCHEMA, room).add(table(1))
    assert "TMPDIR" in caught.value.next_step


def test_a_write_in_pieces_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "MEMORY_BYTES", 0)
    write, lock = os.pwrite, threading.Lock()

    def write_some(handle: int, data: memoryview, place: int) -> int:
        with lock:
            return write(handle, data[:100], place)

    monkeypatch.setattr(spools.os, "pwrite", write_some)
    with closing(HeldRowsRoom()) as room:
        spool = Spool(SCHEMA, room)
        spool.add(table(1, rows=2000))
        (found,) = spool.tables()
    assert found.equals(table(1, rows=2000))
