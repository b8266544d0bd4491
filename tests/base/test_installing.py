"""How to install an extra: from where stillhunt itself came, and pip understands what is said."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import sys
import tomllib
from pathlib import Path
from unittest import mock

from stillhunt.base import installing
from stillhunt.base.installing import install_command

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "install"]


class Installed:
    """A distribution as `importlib.metadata` has it."""

    requires = importlib.metadata.requires("stillhunt")

    def __init__(self, origin: dict[str, object] | None) -> None:
        self.origin = origin

    def read_text(self, name: str) -> str | None:
        return json.dumps(self.origin) if name == "direct_url.json" and self.origin is not None else None


def command_for(extra: str, origin: dict[str, object] | None) -> list[str]:
    with mock.patch.object(installing, "distribution", return_value=Installed(origin)):
        return shlex.split(install_command(extra))


def test_a_clone_names_its_own_folders() -> None:
    clone = {"url": (ROOT / "packages" / "stillhunt").as_uri(), "dir_info": {"editable": True}}
    folders = ROOT / "packages"
    assert command_for("lab", clone) == [*PIP, "-e", f"{folders}/stillhunt-lab"]
    model = [*PIP, "-e", f"{folders}/stillhunt-model", "-e", f"{folders}/stillhunt-evidence"]
    assert command_for("model", clone) == model
    assert command_for("nats", clone) == [*PIP, "-e", f"{folders}/stillhunt-server[nats]"]
    assert command_for("enrich", clone) == [*PIP, "-e", f"{folders}/stillhunt[enrich]"]


def test_wheels_are_looked_for_in_their_folder(tmp_path: Path) -> None:
    wheel = tmp_path / "my wheels" / "stillhunt-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    told = command_for("lab", {"url": wheel.as_uri(), "archive_info": {}})
    assert told == [*PIP, "-f", str(wheel.parent), "stillhunt[lab]"]
    wheel.parent.rmdir()
    assert command_for("lab", {"url": wheel.as_uri(), "archive_info": {}}) == [*PIP, "stillhunt[lab]"]


def test_a_repository_is_asked_for_the_same_commit() -> None:
    origin = {"url": "https://example.org/s.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    source = "git+https://example.org/s.git@abc#subdirectory=packages/"
    assert command_for("server", origin) == [*PIP, f"stillhunt-server @ {source}stillhunt-server"]
    assert command_for("enrich", origin) == [*PIP, f"stillhunt[enrich] @ {source}stillhunt"]


def test_of_an_index_pip_notes_nothing() -> None:
    assert command_for("lab", None) == [*PIP, "stillhunt[lab]"]


def test_what_a_clone_names_is_there() -> None:
    """With the real metadata of this installation, which is a clone."""
    words = shlex.split(install_command("model"))
    assert words[:4] == PIP
    named = [tomllib.loads(Path(word, "pyproject.toml").read_text("utf-8"))["project"]["name"] for word in words[5::2]]
    assert named == ["stillhunt-model", "stillhunt-evidence"]
