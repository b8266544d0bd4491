"""One row per run, each in a file of its own, so that a benchmark can be interrupted and resumed."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stillhunt
import stillhunt_lab
from stillhunt._version import __version__
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt_lab.bench.spec import BenchSpec, Run

SIZES_FILE = "sizes.json"
NOT_DETECTING = ("cli", "web")
"""Parts of the core that do not influence any verdict."""


def open_folder(out: Path, spec: BenchSpec) -> None:
    """Make the folder of a bench, or check that it holds runs of the same sizes.

    Raises:
        ConfigError: it holds runs of other sizes.
        OutputError: it cannot be written.
    """
    known = out / SIZES_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        if known.exists():
            before = json.loads(known.read_text("utf-8"))
            if before != spec.sizes():
                raise ConfigError(
                    f"the folder holds runs of other sizes: {before}",
                    where=str(out),
                    next_step="use the same sizes, or name another folder",
                    command_step="use the same sizes, or name another folder with --out",
                )
        else:
            _write_whole(known, spec.sizes())
    except (OSError, ValueError) as error:
        raise OutputError(
            f"the folder of the bench cannot be used: {error}",
            where=str(out),
            next_step="name another folder",
            command_step="name another with --out",
        ) from error


def is_measured(out: Path, run: Run) -> bool:
    """Whether a run's row is there."""
    return (out / run.file_name).exists()


def write_row(out: Path, run: Run, measured: dict[str, Any]) -> None:
    """Write the row of a run to a temporary file and rename it.

    Raises:
        OutputError: it cannot be written.
    """
    world = run.world
    row = {
        "part": run.part,
        "generator": world.generator,
        "rung": world.rung,
        "seed": world.seed,
        "method": run.method,
        **measured,
        "versions": versions(),
    }
    try:
        _write_whole(out / run.file_name, row)
    except OSError as error:
        raise OutputError(
            f"a row cannot be written: {error}", where=str(out), next_step="check space and permissions, then resume"
        ) from error


def read_rows(out: Path) -> list[dict[str, Any]]:
    """All rows of a folder, in order of their names.

    Raises:
        ConfigError: a row cannot be read.
    """
    rows = []
    for path in sorted(out.glob("*.json")):
        if path.name == SIZES_FILE:
            continue
        try:
            rows.append(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"a row of the bench cannot be read: {error}", where=str(path), next_step="remove it and run again"
            ) from error
    return rows


def read_sizes(out: Path) -> dict[str, Any]:
    """Sizes of the worlds of a folder.

    Raises:
        ConfigError: it holds no bench.
    """
    try:
        sizes: dict[str, Any] = json.loads((out / SIZES_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the folder holds no bench: {error}", where=str(out), next_step="run the bench first"
        ) from error
    return sizes


@cache
def versions() -> dict[str, str]:
    """What the figures depend on: versions of stillhunt, its sources, Python and the libraries that compute."""
    return {
        "stillhunt": __version__,
        "detector": source_hash(detecting=True),
        "lab": source_hash(detecting=False),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "numba", "numpy", "pyarrow", "scipy")},
    }


def source_hash(*, detecting: bool) -> str:
    """Hash of the source files of the core or the lab, by name and content.

    Args:
        detecting: those that a verdict depends on; else those of the lab.

    Returns:
        Twelve hexadecimal digits of the SHA-256.
    """
    total = hashlib.sha256()
    folder = Path((stillhunt if detecting else stillhunt_lab).__path__[0])
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        if place.parts[0] not in NOT_DETECTING:
            total.update(place.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def _write_whole(path: Path, document: Any) -> None:
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_text(json.dumps(document) + "\n", "utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)  # an interrupt leaves nothing half-written
