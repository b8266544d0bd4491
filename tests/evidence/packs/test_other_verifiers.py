"""Packs are verified by other tools as well: openssl as the page says, and a verifier written from the page alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from evidence.hunted import one_pack, signer
from stillhunt_evidence.packs.archive import archive_parts

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "pack-format.md"
NODE, TOOLS = shutil.which("node"), all(map(shutil.which, ("openssl", "jq", "unzip", "bash", "sha256sum")))


def content() -> bytes:
    return b"".join(archive_parts(one_pack().files))


def by_hand(folder: Path) -> subprocess.CompletedProcess[str]:
    """The commands of the page, without those of the time stamp."""
    block = re.search(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    script = "set -euo pipefail\n" + block[1].partition("# the time stamp")[0]
    return subprocess.run(["bash", "-c", script], cwd=folder, check=False, capture_output=True, text=True)


@pytest.mark.service
@pytest.mark.skipif(not TOOLS, reason="openssl, jq or unzip is not installed")
def test_openssl_verifies_a_pack_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(content())
    done = by_hand(tmp_path)
    assert done.returncode == 0, done.stderr
    assert signer().fingerprint in done.stdout
    assert "Signature Verified Successfully" in done.stdout


@pytest.mark.service
@pytest.mark.skipif(not TOOLS, reason="openssl, jq or unzip is not installed")
@pytest.mark.parametrize("name", ["run.json", "tables/evidence.parquet", "manifest.dsse.json"])
def test_openssl_notices_a_changed_file(name: str, tmp_path: Path) -> None:
    changed = bytearray(one_pack().files[name])
    changed[40] ^= 1
    (tmp_path / "pack.zip").write_bytes(b"".join(archive_parts({**one_pack().files, name: bytes(changed)})))
    assert by_hand(tmp_path).returncode != 0


def second(path: Path, fingerprint: str) -> subprocess.CompletedProcess[str]:
    words = [str(NODE), str(ROOT / "examples" / "verify_pack.mjs"), str(path), fingerprint]
    return subprocess.run(words, check=False, capture_output=True, text=True)


@pytest.mark.service
@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_second_verifier_accepts_a_pack_and_no_other_signer(tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    path.write_bytes(content())
    done = second(path, signer().fingerprint)
    assert done.returncode == 0, done.stdout + done.stderr
    assert second(path, "0" * 64).returncode == 1
    assert second(path, "hello").returncode == 2


@pytest.mark.service
@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_second_verifier_notices_what_is_touched(tmp_path: Path) -> None:
    whole = content()
    step = len(whole) // 15
    changes = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(7, len(whole), step)]
    changes += [whole[:-1], whole + b"\0", b"", whole[:1000]]
    for changed in changes:
        path = tmp_path / "pack.zip"
        path.write_bytes(changed)
        done = second(path, signer().fingerprint)
        assert done.returncode == 1, done.stdout
        assert "at " not in done.stderr  # no trace of a crash
