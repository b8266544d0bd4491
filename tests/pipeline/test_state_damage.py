"""A hunt whose kept sketches were damaged gives the right case, or says which folder to delete."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from state_logs import assert_same_case, compare, crooked_rows, kept_folders, settings, small_world, write_rows

import stillhunt
from stillhunt.base.errors import StillhuntError
from stillhunt_lab.worlds.build import World


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


@pytest.fixture(scope="module")
def rows(world: World) -> list[dict[str, Any]]:
    return crooked_rows(world)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    """One bit in the middle, as a bad disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))


def overwrite(path: Path) -> None:
    """Every byte is another; the length stays."""
    path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))


def remove(path: Path) -> None:
    path.unlink()


Hunted = tuple[Path, stillhunt.Case]
"""A folder with logs and the state of a hunt of them; and their case without kept sketches."""


def hunted(base: Path, world: World, files: list[list[dict[str, Any]]]) -> Hunted:
    """Files of rows, hunted with and without a state folder."""
    (base / "logs").mkdir()
    for number, rows in enumerate(files):
        write_rows(base / "logs" / f"{number}.parquet", rows)
    return base, compare(base / "logs", world, base / "state")


@pytest.fixture(scope="module")
def damaged(world: World, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Hunted:
    """One file with rows that cannot be used."""
    return hunted(tmp_path_factory.mktemp("damaged"), world, [[*rows[:300], *rows[-6:]]])


@pytest.fixture(scope="module")
def several(world: World, tmp_path_factory: pytest.TempPathFactory) -> Hunted:
    """Two files that the state folder remembers as used together."""
    rows = crooked_rows(world, conversations=False)
    return hunted(tmp_path_factory.mktemp("several"), world, [rows[:200], rows[200:400]])


@pytest.mark.parametrize("damage", [cut_in_half, empty, flip, overwrite, remove], ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", ["*.segment", "facts*", "rejects*", "marks*", "followers*"])
def test_a_damaged_folder_is_made_anew_or_refused(
    world: World, damaged: Hunted, tmp_path: Path, kind: str, damage: Any
) -> None:
    """Never another case, never a crash: the right one, or an error that names the folder."""
    base, plain = damaged
    shutil.copytree(base / "state", tmp_path / "state")
    (name,) = kept_folders(tmp_path / "state")
    paths = list((tmp_path / "state" / name).glob(kind))
    assert paths
    for path in paths:
        damage(path)
    try:
        kept = stillhunt.hunt(str(base / "logs"), world.accounts, settings(world, tmp_path / "state"))
    except StillhuntError as error:
        assert name in str(error)  # noqa: PT017  # either of two ends is right
        return
    assert_same_case(kept, plain)


@pytest.mark.parametrize("damage", [cut_in_half, empty, flip, overwrite, remove], ids=lambda way: way.__name__)
def test_what_was_used_together_may_be_lost(world: World, several: Hunted, tmp_path: Path, damage: Any) -> None:
    base, plain = several
    shutil.copytree(base / "state", tmp_path / "state")
    damage(tmp_path / "state" / "together")
    before = kept_folders(tmp_path / "state")
    kept = stillhunt.hunt(str(base / "logs"), world.accounts, settings(world, tmp_path / "state"))
    assert_same_case(kept, plain)
    assert kept_folders(tmp_path / "state") == before
