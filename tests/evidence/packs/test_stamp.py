"""Time stamps: by a real authority, checked here and by openssl, and refused where they are anything else."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from evidence.hunted import packed, signer
from evidence.packs.authority import HAS_OPENSSL, authority_server, make_authority
from stillhunt.base.errors import ConfigError, PackError
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.making import Pack
from stillhunt_evidence.packs.manifest import STAMP_FILE
from stillhunt_evidence.packs.stamp import get_stamp, read_certificates
from stillhunt_evidence.packs.verifying import Trust, verify_pack

pytestmark = [pytest.mark.service, pytest.mark.skipif(not HAS_OPENSSL, reason="openssl is not installed")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_authority(tmp_path_factory.mktemp("tsa") / "one")


@pytest.fixture(scope="module")
def stamped_pack(authority: Path) -> Pack:
    with authority_server(authority.parent) as url:
        return packed(authority=url)


def written(files: dict[str, bytes], folder: Path) -> Path:
    path = folder / "pack.zip"
    path.write_bytes(b"".join(archive_parts(files)))
    return path


def test_a_stamp_says_when_and_is_checked(stamped_pack: Pack, authority: Path, tmp_path: Path) -> None:
    path = written(dict(stamped_pack.files), tmp_path)
    found = verify_pack(path, Trust([signer()], "", read_certificates(authority)))
    assert found.stamped is not None
    assert abs(found.stamped - datetime.now(UTC)) < timedelta(minutes=20)
    unchecked = verify_pack(path, Trust([signer()]))
    assert (unchecked.claimed, unchecked.stamped) == (found.stamped, None)
    page = stamped_pack.files["dossier.html"].decode()
    assert "<dt>Time stamp</dt><dd>in timestamp.tsr, of an authority" in page
    assert "<dt>Time stamp</dt><dd>none</dd>" in packed().files["dossier.html"].decode()


def test_openssl_checks_it_as_the_page_says(stamped_pack: Pack, authority: Path, tmp_path: Path) -> None:
    (tmp_path / "root.txt").write_text(stamped_pack.manifest.merkle_root)
    (tmp_path / "stamp.tsr").write_bytes(stamped_pack.files[STAMP_FILE])
    words = ["openssl", "ts", "-verify", "-data", "root.txt", "-in", "stamp.tsr", "-CAfile", str(authority)]
    assert b"OK" in subprocess.run(words, cwd=tmp_path, check=True, capture_output=True).stdout
    (tmp_path / "root.txt").write_text("0" * 64)
    assert subprocess.run(words, cwd=tmp_path, check=False, capture_output=True).returncode != 0


def test_another_authority_is_not_believed(stamped_pack: Pack, tmp_path: Path) -> None:
    other = make_authority(tmp_path / "other")
    path = written(dict(stamped_pack.files), tmp_path)
    with pytest.raises(PackError, match="not one of this pack by a trusted authority"):
        verify_pack(path, Trust([signer()], "", read_certificates(other)))


def test_a_changed_stamp_is_noticed_without_the_authority(stamped_pack: Pack, tmp_path: Path) -> None:
    stamp = stamped_pack.files[STAMP_FILE]
    for place in range(0, len(stamp), 97):
        changed = bytearray(stamp)
        changed[place] ^= 1
        with pytest.raises(PackError):
            verify_pack(written({**stamped_pack.files, STAMP_FILE: bytes(changed)}, tmp_path), Trust([signer()]))


def test_a_stamp_that_is_asked_for_must_be_there(authority: Path, tmp_path: Path) -> None:
    path = written(dict(packed().files), tmp_path)
    with pytest.raises(PackError, match="has no time stamp"):
        verify_pack(path, Trust([signer()], "", read_certificates(authority)))


def test_answers_that_are_no_stamp_of_this_root_are_refused(authority: Path) -> None:
    with authority_server(authority.parent) as url:
        replayed = get_stamp("0" * 64, url)
    for answer, status, said in (
        (b"hello", 200, "is no time stamp"),
        (replayed, 200, "or something else"),
        (b"", 503, "it answers 503"),
        (bytes(300 << 10), 200, "too long"),
    ):
        with authority_server(authority.parent, answer, status) as url, pytest.raises(PackError, match=said):
            get_stamp("1" * 64, url)
    for url in ("http://127.0.0.1:9/", "no-address", "ftp://127.0.0.1/"):
        with pytest.raises(PackError, match="gives no time stamp"):
            get_stamp("0" * 64, url)


def test_a_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("hello")
    for name in ("a.pem", "missing.pem"):
        with pytest.raises(ConfigError, match="no certificate"):
            read_certificates(tmp_path / name)
