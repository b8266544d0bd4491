"""The key under which an address is searched for: whose it is, and that none is drawn for a search."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.collect.normalise.identity import address_hashes
from stillhunt.extract import identity_key
from stillhunt.watch import hunting
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.searched_address import hash_for_search

ADDRESS = "198.51.100.7"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def test_the_key_is_that_of_the_settings_or_else_of_the_folder(folder: DataFolder, tmp_path: Path) -> None:
    own, other = identity_key(folder.state), identity_key(tmp_path / "state")
    assert hash_for_search(folder, Config(), ADDRESS) == address_hashes(ADDRESS, own)
    assert hash_for_search(folder, Config(state=str(tmp_path / "state")), ADDRESS) == address_hashes(ADDRESS, own)
    assert hash_for_search(None, Config(state=str(tmp_path / "state")), ADDRESS) == address_hashes(ADDRESS, other)
    named = Config(collect={"identity_key": "k" * 20})
    assert hash_for_search(folder, named, ADDRESS) == address_hashes(ADDRESS, "k" * 20)


def test_without_a_key_the_search_says_so_and_draws_none(folder: DataFolder, tmp_path: Path) -> None:
    for place, config in ((folder, Config()), (None, Config()), (None, Config(state=str(tmp_path / "none")))):
        with pytest.raises(ConfigError, match="the key of their hashes is not here"):
            hash_for_search(place, config, ADDRESS)
    assert list(folder.state.iterdir()) == []
    assert not (tmp_path / "none").exists()


def test_hunts_of_a_cluster_use_the_key_of_the_folder(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster keeps no state, but without a lasting key its cases could not be searched."""
    used: list[Config] = []

    def hunt(_inputs: object, _customers: object, config: Config, **_: object) -> None:
        used.append(config)
        raise InputError("enough")

    monkeypatch.setattr(hunting, "hunt", hunt)
    with pytest.raises(InputError, match="enough"):
        hunt_now(HuntPlan(folder, Config(engine="spark"), ("logs",)))
    assert used[0].collect.identity_key == identity_key(folder.state)
    assert used[0].state == ""
    assert hash_for_search(folder, Config(engine="spark"), ADDRESS) == address_hashes(
        ADDRESS, used[0].collect.identity_key
    )
