"""Columns in files: what comes back is what was kept, without its memory, and a full disk is said."""

from __future__ import annotations

import errno
import mmap
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base import column_files
from stillhunt.base.column_files import (
    column_of,
    mapped_array,
    mapped_column,
    mapped_tables,
    release_mapped,
    release_mapped_beyond,
)
from stillhunt.base.errors import OutputError

ROWS = 200_000


@pytest.fixture
def _small_files() -> Iterator[None]:
    """No file may have more than 64 kB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def part(number: int, rows: int) -> pa.Table:
    """Rows with columns of all forms, whose codes differ from part to part."""
    names = pa.array([f"name-{number}", None, f"name-{number + 1}"]).dictionary_encode()
    return pa.table(
        {
            "text": pa.array([f"{number}-{row}" if row % 3 else None for row in range(rows)], pa.string()),
            "coded": names.take(pa.array(np.arange(rows) % 3)),
            "words": pa.array([[row, number][: row % 3] for row in range(rows)], pa.list_(pa.uint16())),
            "sometimes": pa.array([number if number % 2 else None] * rows, pa.int64()),
            "never": pa.nulls(rows, pa.float64()),
        }
    )


def test_columns_of_parts_come_back_in_their_order() -> None:
    parts = [part(number, rows) for number, rows in enumerate((5, 0, 1, 7))]
    mapped = mapped_tables(iter(parts))
    for field in parts[0].schema:
        for _ in range(2):
            assert column_of(mapped, field).to_pylist() == pa.concat_tables(parts).column(field.name).to_pylist()
            release_mapped()


def test_memory_is_given_back_while_another_thread_makes_files(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(set[Any]):
        """Files between the first two of which another thread makes one."""

        def __iter__(self) -> Iterator[Any]:
            for place, content in enumerate(super().__iter__()):
                if not place:
                    thread.start()
                    thread.join(0.1)  # it waits until all are seen, and need not be over
                yield content

    thread = threading.Thread(target=mapped_tables, args=([part(9, 4)],))
    monkeypatch.setattr(column_files, "_mapped", Interrupted())
    mapped_tables([part(0, 4)])
    mapped_tables([part(1, 4)])
    release_mapped()
    thread.join()


def test_no_part_at_all_is_an_empty_column() -> None:
    words = part(0, 1).schema.field("words")
    assert column_of(mapped_tables([]), words) == pa.chunked_array([], words.type)


def test_columns_without_values_are_not_written() -> None:
    assert "never" not in mapped_tables([part(0, 3)])[0].column_names


@pytest.mark.parametrize("held", [1, column_files.HELD_BYTES])
@pytest.mark.parametrize("name", part(0, 1).column_names)
def test_a_column_in_a_file_is_the_same(name: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", held)
    column = part(1, 100).column(name)
    assert mapped_column(column).to_pylist() == column.to_pylist()


def test_a_long_column_takes_no_memory_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", 1)
    before = pa.total_allocated_bytes()
    kept = mapped_column(pa.array(np.arange(ROWS)).filter(pa.array(np.ones(ROWS, bool))))
    assert len(kept) == ROWS
    assert pa.total_allocated_bytes() - before < ROWS


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int32, np.uint64])
@pytest.mark.parametrize("held", [1, column_files.HELD_BYTES])
def test_numbers_in_a_file_are_the_same(kind: type[np.generic], held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", held)
    values = (np.arange(1000) % 7).astype(kind)
    kept = mapped_array(values)
    assert kept.flags.owndata == (held > 1)
    for _ in range(2):
        assert kept.dtype == values.dtype
        assert kept.tolist() == values.tolist()
        release_mapped()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say what takes memory")
def test_what_was_read_of_files_is_given_back_beyond_a_limit_alone() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE

    kept = mapped_array(np.arange(1 << 22))  # 32 MB
    assert kept.sum() > 0
    read = resident()
    release_mapped_beyond(1 << 40)
    assert resident() > read - (1 << 24)
    release_mapped_beyond(0)
    assert resident() < read - (1 << 24)
    assert kept.tolist()[-1] == (1 << 22) - 1


@pytest.mark.usefixtures("_small_files")
@pytest.mark.parametrize("keep", [lambda: mapped_tables([part(0, ROWS // 10)]), lambda: mapped_array(np.ones(8193))])
def test_a_full_disk_is_an_error_that_says_where_to_make_room(
    keep: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(column_files, "HELD_BYTES", 1)  # all but the last number have room
    with pytest.raises(OutputError, match="no room for the requests") as found:
        keep()
    assert "TMPDIR" in str(found.value.next_step)


@pytest.mark.parametrize(
    ("number", "step"), [(errno.ENOSPC, "make room there"), (errno.ENOMEM, "more memory"), (errno.EMFILE, "ulimit -n")]
)
def test_what_to_do_depends_on_what_has_ended(number: int, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise OSError(number, "it has ended")

    monkeypatch.setattr(column_files.mmap, "mmap", fail)
    with pytest.raises(OutputError) as raised:
        mapped_array(np.arange(1 << 20))
    assert step in raised.value.next_step
