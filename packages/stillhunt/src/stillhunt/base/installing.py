"""How to install what is missing: from the clone, wheels, repository or index that stillhunt itself came from."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from shlex import join
from typing import Any
from urllib.parse import unquote, urlsplit

_OURS = re.compile(r"(stillhunt-[a-z]+)(\[[a-z]+\])?==")


def install_command(extra: str) -> str:
    """The command that installs an extra of stillhunt where this stillhunt runs.

    Args:
        extra: as in `stillhunt[lab]`.

    pip notes where it took a distribution from if that was not an index or `--find-links` (PEP 610).
    """
    return join([sys.executable, "-m", "pip", "install", *_arguments(extra, *_read_origin())])


def _read_origin() -> tuple[dict[str, Any], list[str]]:
    """Where pip took stillhunt from, empty for an index, and what stillhunt requires."""
    try:
        found = distribution("stillhunt")
        return json.loads(found.read_text("direct_url.json") or "{}"), found.requires or []
    except (PackageNotFoundError, OSError, ValueError):
        return {}, []


def _arguments(extra: str, origin: dict[str, Any], requires: list[str]) -> list[str]:
    lines = [line for line in requires if re.search(rf"extra == [\"']{extra}[\"']", line)]
    ours = _OURS.match(lines[0]) if lines else None  # an extra brings one distribution of ours, or libraries
    name, options = (ours[1], ours[2] or "") if ours else ("stillhunt", f"[{extra}]")
    url = str(origin.get("url", ""))
    path = Path(unquote(urlsplit(url).path))
    if "vcs_info" in origin:
        source = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
        return [f"{name}{options} @ {source}#subdirectory=packages/{name}"]
    if "dir_info" in origin and (path.parent / name / "pyproject.toml").is_file():
        folders = _needed_folders(path.parent, name)
        return [word for folder in folders for word in ("-e", f"{folder}{options if folder.name == name else ''}")]
    if url.startswith("file:") and path.parent.is_dir():
        return ["-f", str(path.parent), f"stillhunt[{extra}]"]
    return [f"stillhunt[{extra}]"]


def _needed_folders(packages: Path, name: str) -> list[Path]:
    """The folders of a clone with a distribution and with those of ours that it needs, which no index may have."""
    folders = [packages / name]
    for folder in folders:
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        needed = [packages / found[1] for found in map(_OURS.match, project["dependencies"]) if found]
        folders += [one for one in needed if one not in folders]
    return folders
