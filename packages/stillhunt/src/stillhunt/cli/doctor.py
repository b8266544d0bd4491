"""`stillhunt doctor`: whether this machine can hunt, and what to fix if not."""

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer

from stillhunt._kernel_cache import VARIABLE, is_temporary
from stillhunt._version import __version__
from stillhunt.base.config import Config
from stillhunt.base.container_memory import container_memory
from stillhunt.base.errors import ConfigError
from stillhunt.base.installing import install_command
from stillhunt.cli.compiling import COMPILING_TAKES, compile_once, is_compiled
from stillhunt.cli.options import JsonFlag
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json

OLDEST_PYTHON = (3, 11)
MEMORY_NEEDED_GB = 2.5  # the 16 million request case
DISK_NEEDED_GB = 2.0  # spill files and the case folder of the same
DEPENDENCIES = ("duckdb", "jinja2", "msgspec", "numba", "numpy", "pyarrow", "pydantic", "rich", "scipy", "typer")
OPTIONAL = {"enrich": "ua_parser", "postgres": "adbc_driver_postgresql", "spark": "pyspark"}
"""Extra -> a module that it brings; distributions with commands say themselves that they are missing."""
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Check:
    """One line of the examination: its name, its state (ok, warn or fail), what was seen, and what to do."""

    name: str
    state: str
    seen: str
    advice: str = ""


def doctor(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the kernels now, so that the first hunt is fast.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check whether this machine is fit for a hunt.

    Checks Python, dependencies, cores, memory, disk, permissions, settings and caches, and says what to fix.
    """
    if warm:
        with open_progress(quiet=False) as progress:
            compile_once(progress)
    checks = examine()
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        console = output_console()
        for check in checks:
            advice = f"; {check.advice}" if check.advice else ""
            print_columns(console, [(check.state, check.name, check.seen + advice)], (STYLES[check.state],), (4, 11))
    raise typer.Exit(1 if any(check.state == "fail" for check in checks) else 0)


def examine() -> list[Check]:
    """All checks, the most important first."""
    checks: tuple[Callable[[], Check], ...] = (
        _check_python_version,
        _check_cores,
        _check_memory,
        _check_disk_space,
        _check_writable_folders,
        _check_settings,
        _kernel_cache,
    )
    return [
        Check("stillhunt", "ok", __version__),
        *(check() for check in checks),
        *map(_check_dependency, DEPENDENCIES),
        *(
            Check(f"[{extra}]", "ok", "not installed", install_command(extra))
            for extra in OPTIONAL
            if _is_missing(extra)
        ),
    ]


def _is_missing(extra: str) -> bool:
    return importlib.util.find_spec(OPTIONAL[extra]) is None


def _check_python_version() -> Check:
    seen = f"{platform.python_version()} ({platform.python_implementation()}, {platform.machine()})"
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", "fail", seen, "install Python 3.11 or newer")
    return Check("python", "ok", seen)


def _check_dependency(name: str) -> Check:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return Check(name, "fail", f"cannot be imported: {error}", "install stillhunt again in a fresh environment")
    return Check(name, "ok", importlib.metadata.version(name))


def _check_cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    advice = "" if usable > 1 else "the hunt will take at least twice as long"
    return Check("cores", "ok" if usable > 1 else "warn", f"{usable} usable", advice)


def _check_memory() -> Check:
    limit_gb = min(psutil.virtual_memory().total, container_memory()) / 1e9
    if limit_gb < MEMORY_NEEDED_GB:
        advice = "large logs will spill to disk; set a lower limit with --set memory_limit_gb=1"
        return Check("memory", "warn", f"{limit_gb:.1f} GB", advice)
    return Check("memory", "ok", f"{limit_gb:.1f} GB")


def _check_disk_space() -> Check:
    here = shutil.disk_usage(Path.cwd()).free / 1e9
    temporary = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    seen = f"{here:.1f} GB free here, {temporary:.1f} GB in {tempfile.gettempdir()}"
    if min(here, temporary) < DISK_NEEDED_GB:
        return Check("disk", "warn", seen, "free some space, or set TMPDIR to a larger disk")
    return Check("disk", "ok", seen)


def _check_writable_folders() -> Check:
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return Check("writing", "fail", f"{folder}: {error.strerror}", "work in a folder that you may write to")
    return Check("writing", "ok", "this folder and the temporary one")


def _check_settings() -> Check:
    try:
        Config.load()
    except ConfigError as error:
        return Check("settings", "fail", f"{error.what} [{error.where}]", error.command_step)
    return Check("settings", "ok", "valid")


def _kernel_cache() -> Check:
    """Whether all kernels are compiled, and whether they will stay so."""
    warm = is_compiled()
    advice = "" if warm else f"the first hunt compiles for {COMPILING_TAKES}; 'stillhunt doctor --warm' compiles now"
    seen = "warm" if warm else "cold"
    if is_temporary():
        seen += f", in {os.environ[VARIABLE]}, because no other folder for it can be written"
        lasting = f"set {VARIABLE} to a folder that lasts and that only you can write: its content is executed"
        advice = f"{advice}; {lasting}" if advice else lasting
    return Check("numba cache", "warn" if advice else "ok", seen, advice)
