"""Machine code is kept where nobody else can put any, also by a service that has no folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import stillhunt
from stillhunt import _kernel_cache


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary directory of its own, a numba that can write nowhere, and the environment put back in the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/dev/null/cache")
    monkeypatch.setattr(_kernel_cache, "_places_of_numba", lambda: ["/dev/null/cache"])
    return tmp_path


def chosen() -> Path:
    _kernel_cache.choose_kernel_cache()
    return Path(os.environ["NUMBA_CACHE_DIR"])


def test_private_folder_is_taken_and_taken_again(temporary: Path) -> None:
    assert chosen() == chosen() == temporary / f"stillhunt-kernels-{os.getuid()}"
    assert chosen().stat().st_mode & 0o777 == 0o700
    assert _kernel_cache.is_temporary()


@pytest.mark.parametrize("attack", ["open to others", "link", "file", "of somebody else"])
def test_folder_that_others_may_have_filled_is_not_used(
    temporary: Path, attack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = temporary / f"stillhunt-kernels-{os.getuid()}"
    if attack == "link":
        (temporary / "theirs").mkdir(mode=0o700)
        trap.symlink_to(temporary / "theirs")
    elif attack == "file":
        trap.touch(mode=0o600)
    else:
        trap.mkdir(mode=0o700)
    if attack == "open to others":
        trap.chmod(0o770)
    if attack == "of somebody else":
        theirs = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: theirs)
        trap.rename(temporary / f"stillhunt-kernels-{theirs}")
    folder = chosen()
    assert folder.name != f"stillhunt-kernels-{os.getuid()}"
    assert folder.parent == temporary
    assert folder.stat().st_mode & 0o777 == 0o700


def test_place_that_can_be_made_is_left_to_numba(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_kernel_cache, "_places_of_numba", lambda: ["/dev/null/cache", str(temporary / "a" / "b")])
    assert chosen() == Path("/dev/null/cache")
    assert not _kernel_cache.is_temporary()


@pytest.mark.parametrize("unusable", [{}, {"NUMBA_CACHE_DIR": "/dev/null/cache"}])
def test_service_without_a_home_can_use_the_kernels(temporary: Path, unusable: dict[str, str]) -> None:
    package = shutil.copytree(
        Path(stillhunt.__file__).parent, temporary / "stillhunt", ignore=shutil.ignore_patterns("__pycache__")
    )
    for folder in [package, *filter(Path.is_dir, package.rglob("*"))]:
        (folder / "__pycache__").touch()  # a file, so that not even root can write into it
    code = (
        "import stillhunt.cli.doctor as doctor; from stillhunt.link.topics import topic_word_kernels\n"
        "check = doctor._kernel_cache(); print(check.state, check.seen, check.advice)"
    )
    environment = {"HOME": "/dev/null", "TMPDIR": str(temporary), "PYTHONPATH": str(temporary), **unusable}
    seen = subprocess.run(
        [sys.executable, "-B", "-c", code], env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    assert seen.returncode == 0, seen.stderr
    assert f"in {temporary}/stillhunt-kernels-{os.getuid()}, because no other folder" in seen.stdout
    assert "set NUMBA_CACHE_DIR to a folder that lasts" in seen.stdout
