"""What is cleared in a folder that others share, and the key that outlives a hunt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.schema import SKETCHES
from stillhunt.extract.store.folders import FORGOTTEN_SECONDS, KEY, MARKED, MARKER, host_tag, identity_key, own_folder
from stillhunt.extract.store.partials import Partials

GONE = 2**22 + 1  # above the highest process number that Linux gives


def old(folder: Path) -> Path:
    os.utime(folder, (1e9, 1e9))
    assert FORGOTTEN_SECONDS < 1e9
    return folder


@pytest.mark.parametrize(
    "name",
    [
        "stillhunt-2026-03-case",
        f"stillhunt-{GONE}-mine",
        f"stillhunt-{GONE}-{'0' * 8}-case",
        f"stillhunt-{GONE}-{'0' * 8}-abcdefgh",
        f"stillhunt-{GONE}-{host_tag()}-abcdefgh",
        "stillhunt-9999999999999999999999-0ddb0851-abcdefgh",
    ],
)
@pytest.mark.parametrize("files", [(), ("run.json", "report.html"), (MARKER,)], ids=["empty", "case", "other marker"])
def test_a_folder_of_the_user_survives(tmp_path: Path, name: str, files: tuple[str, ...]) -> None:
    (tmp_path / name).mkdir()
    for file in files:
        (tmp_path / name / file).write_text("mine")
    old(tmp_path / name)
    own_folder(tmp_path)
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == sorted(files)


def test_a_marker_alone_condemns_nothing(tmp_path: Path) -> None:
    (tmp_path / "stillhunt-2026-03-case").mkdir()
    (tmp_path / "stillhunt-2026-03-case" / MARKER).write_text(MARKED)
    own_folder(tmp_path / ".")
    assert (tmp_path / "stillhunt-2026-03-case" / MARKER).exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / MARKER).write_text(MARKED)
    (tmp_path / f"stillhunt-{GONE}-{host_tag()}-abcdefgh").symlink_to(tmp_path / "mine")
    own_folder(tmp_path)
    assert (tmp_path / "mine" / MARKER).exists()


def test_what_a_dead_process_left_is_cleared(tmp_path: Path) -> None:
    left = own_folder(tmp_path)
    gone = left.rename(tmp_path / left.name.replace(f"-{os.getpid()}-", f"-{GONE}-"))
    living = own_folder(tmp_path)
    assert not gone.exists()
    own_folder(tmp_path)
    assert living.exists()


def test_the_key_is_drawn_once(tmp_path: Path) -> None:
    key = identity_key(tmp_path / "state")
    assert len(key) == 64
    assert identity_key(tmp_path / "state") == key
    assert [path.name for path in (tmp_path / "state").iterdir()] == [KEY]


def test_what_a_kill_left_beside_the_key_is_harmless(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.{os.getpid()}").write_text("")
    assert len(identity_key(tmp_path)) == 64


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00\x80"], ids=["empty", "blank", "binary"])
def test_what_is_no_key_is_refused_and_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY).write_bytes(content)
    with pytest.raises(OutputError, match="key of the state folder"):
        identity_key(tmp_path)
    assert (tmp_path / KEY).read_bytes() == content


@pytest.mark.parametrize("kept", [True, False])
def test_sketches_that_vanish_are_an_error_and_not_an_empty_log(tmp_path: Path, kept: bool) -> None:
    with Partials(Config(state=str(tmp_path) if kept else "")) as partials:
        partials.add(0, SKETCHES.build(**{name: [] for name in SKETCHES.names}))
        partials._writers[0].rows[0] = 5  # as if five had been written and were cleared away since
        with pytest.raises(OutputError, match=r"(?s)0 of 5 requests are there.*hunt again"):
            partials.store()


@pytest.mark.parametrize(
    "setting", [{"threads": 100_000}, {"memory_limit_gb": 1e308}, {"memory_limit_gb": 0.0001}], ids=str
)
def test_settings_that_no_machine_has_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="than or equal to"):
        Config.load(setting, environ={})


def test_new_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    identity_key(tmp_path / "state")
    working = own_folder(tmp_path / "other")
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "state", working.parent, working)] == [0o700] * 3
