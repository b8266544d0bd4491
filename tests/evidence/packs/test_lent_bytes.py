"""Bytes of a pack that Arrow reads: no thread of Arrow has them when the reader returns.

Such a thread lets go of them a moment later. Where Python ends within that moment, the process aborts after its output.
"""

from __future__ import annotations

import dataclasses
import threading
import zipfile
from pathlib import Path
from queue import SimpleQueue
from typing import ClassVar

import pyarrow as pa
import pytest

from evidence.hunted import one_pack, signer
from stillhunt.base.errors import ContractError
from stillhunt.base.table_files import parquet_bytes, table_of_parquet
from stillhunt.watch.subject.packs import pack_names
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.rebuilding import case_of_pack
from stillhunt_evidence.packs.verifying import Trust, verify_pack

READS = 5
"""Of a pack of 15 tables; with `pq.read_table`, two of three tables are let go of by a thread of Arrow."""


class LentBytes(bytes):
    """Bytes that note which thread lets go of them last."""

    let_go: ClassVar[SimpleQueue[int]] = SimpleQueue()

    def __del__(self) -> None:
        self.let_go.put(threading.get_ident())


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    path = tmp_path / "pack.zip"
    path.write_bytes(b"".join(archive_parts(one_pack().files)))
    return path


def threads_that_let_go(lent: int) -> set[int]:
    """Waits until nobody has any of the bytes that were lent."""
    return {LentBytes.let_go.get(timeout=60) for _ in range(lent)}


def test_rebuilding_leaves_no_thread_with_bytes_of_the_pack(pack: Path) -> None:
    verified = verify_pack(pack, Trust([signer()]))
    lent = 0
    for _ in range(READS):
        files = {name: LentBytes(content) for name, content in verified.files.items()}
        lent += len(files)
        case = case_of_pack(dataclasses.replace(verified, files=files))
        del files
        assert case.members.num_rows
    assert threads_that_let_go(lent) == {threading.get_ident()}


def test_looking_for_names_leaves_no_thread_with_bytes_of_the_pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = zipfile.ZipFile.read
    lent: list[str] = []

    def read_lent(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
        lent.append(entry.filename)
        return LentBytes(read(archive, entry))

    monkeypatch.setattr(zipfile.ZipFile, "read", read_lent)
    for _ in range(READS):
        assert not pack_names(pack, ["nobody"])
    assert threads_that_let_go(len(lent)) == {threading.get_ident()}


def test_a_file_of_too_many_rows_is_refused_before_it_is_decoded() -> None:
    content = parquet_bytes(pa.table({"x": [1, 2, 3]}))
    assert table_of_parquet(content, 3)["x"].to_pylist() == [1, 2, 3]
    with pytest.raises(ContractError, match="more than 2 rows"):
        table_of_parquet(content, 2)
