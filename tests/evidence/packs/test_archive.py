"""The archive of a pack: one form, that every program reads, and no other."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import PackError
from stillhunt_evidence.packs.archive import MOST_ENTRIES, NAME, archive_parts, read_archive

NAMES = st.from_regex(NAME, fullmatch=True)
ENTRIES = st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=6)
FEW = {"a.txt": b"one", "b/c.bin": bytes(range(256)), "d": b""}


def bytes_of(entries: dict[str, bytes]) -> bytes:
    return b"".join(archive_parts(entries))


def read(content: bytes, folder: Path) -> dict[str, bytes]:
    path = folder / "pack.zip"
    path.write_bytes(content)
    return read_archive(path)


@given(entries=ENTRIES)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_what_is_written_is_read_here_and_by_the_standard_library(
    entries: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytes_of(entries)
    assert read(content, tmp_path_factory.mktemp("pack")) == entries
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.testzip() is None
        assert {name: file.read(name) for name in file.namelist()} == entries
    assert bytes_of(dict(reversed(entries.items()))) == content


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_reads_it(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(bytes_of(FEW))
    subprocess.run(["unzip", "-q", "pack.zip"], cwd=tmp_path, check=True)
    assert (tmp_path / "b/c.bin").read_bytes() == FEW["b/c.bin"]


def test_every_changed_bit_of_a_small_archive_is_refused_or_is_in_a_content(tmp_path: Path) -> None:
    content = bytes_of(FEW)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(PackError):
            read(bytes(changed), tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 21, 40, 100, 300])
def test_cut_and_lengthened_archives_are_refused(cut: int, tmp_path: Path) -> None:
    content = bytes_of(FEW)
    with pytest.raises(PackError, match="no evidence pack as it was made"):
        read(content[:cut], tmp_path)
    with pytest.raises(PackError, match="no evidence pack as it was made"):
        read(content[: len(content) - cut - 1], tmp_path)
    with pytest.raises(PackError, match="no evidence pack as it was made"):
        read(content + bytes(cut + 1), tmp_path)


@pytest.mark.parametrize(
    ("option", "value"), [("compression", zipfile.ZIP_DEFLATED), ("comment", b"hello"), ("extra", b"\x01\x00\x00\x00")]
)
def test_an_archive_of_another_form_is_refused(option: str, value: bytes, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as file:
        info = zipfile.ZipInfo("a.txt")
        if option == "comment":
            file.comment = value
        if option == "extra":
            info.extra = value
        file.writestr(info, b"a" * 100, compress_type=value if option == "compression" else zipfile.ZIP_STORED)
    with pytest.raises(PackError):
        read_archive(tmp_path / "pack.zip")


@pytest.mark.parametrize("name", ["../a", "/a", "A", "a/b/c", "", "a\\b", ".a", "a" * 101, "ä", "a\n"])
def test_names_that_lead_elsewhere_are_neither_written_nor_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot have this name"):
        bytes_of({name: b""})
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as file:
        file.writestr(zipfile.ZipInfo(name or "x/../y"), b"")
    with pytest.raises(PackError):
        read_archive(tmp_path / "pack.zip")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="too much"):
        bytes_of({f"a{number}": b"" for number in range(MOST_ENTRIES + 1)})
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as file:
        for number in range(MOST_ENTRIES + 1):
            file.writestr(zipfile.ZipInfo(f"a{number:06}", (1980, 1, 1, 0, 0, 0)), b"")
    with pytest.raises(PackError, match="too many entries"):
        read_archive(tmp_path / "pack.zip")


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="No such file"):
        read_archive(tmp_path / "nothing.zip")
