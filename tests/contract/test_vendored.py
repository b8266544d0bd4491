"""Files of others, kept in the repository as they were published."""

from __future__ import annotations

import hashlib
import json
import tomllib
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


@pytest.mark.parametrize(("house", "vendor"), [("stillhunt", VENDORED[0]), ("stillhunt-server", VENDORED[1])])
def test_the_bill_of_materials_in_the_wheel_lists_them(house: str, vendor: Path) -> None:
    """PEP 770: a wheel says which libraries of others are in it, so that a scanner finds them."""
    folder = ROOT / "packages" / house
    (name,) = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "sbom-files"
    ]
    listed = {
        (part["properties"][0]["value"], part["hashes"][0]["content"], part["version"])
        for part in json.loads((folder / name).read_text())["components"]
    }
    sums = dict(reversed(line.split("  ")) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    scripts = {(str((vendor / one).relative_to(folder / "src")), sums[one]) for one in sums if one.endswith(".min.js")}
    assert {(file, digest) for file, digest, _ in listed} == scripts
    assert all(version in (vendor / "README.md").read_text() for _, _, version in listed)
