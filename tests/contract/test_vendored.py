"""Files of others, kept in the repository as they were published."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from source_tree import PACKAGE, ROOT

SERVER = ROOT / "packages" / "stillhunt-server" / "src" / "stillhunt_server"
VENDORED = [
    PACKAGE / "triage" / "vendor",
    SERVER / "console" / "vendor",
    ROOT / "tests" / "server" / "console" / "axe",
]


@pytest.mark.parametrize("vendor", VENDORED, ids=lambda path: str(path.relative_to(ROOT)))
def test_vendored_files_are_what_they_were(vendor: Path) -> None:
    listed = dict(reversed(line.split("  ")) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    assert set(listed) == {path.name for path in vendor.iterdir()} - {"SHA256SUMS", "README.md"}
    for name, wanted in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == wanted


def test_every_folder_with_hashes_is_held() -> None:
    assert {path.parent for top in (PACKAGE, SERVER, ROOT / "tests") for path in top.rglob("SHA256SUMS")} == set(
        VENDORED
    )
