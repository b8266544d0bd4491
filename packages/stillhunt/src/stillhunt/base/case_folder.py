"""The files of a case folder, and how one is told from a folder of the user."""

import json
from pathlib import Path

from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS

RUN_FILE = "run.json"
REPORT_FILE = "report.html"
CASE_FILES = frozenset((RUN_FILE, REPORT_FILE, *(f"{name}.parquet" for name in (*CASE_TABLES, *CASE_VIEWS))))
_LONGEST_RUN = 1 << 28
"""Bytes; a longer run.json is somebody's log. That of a hunt takes some 300 bytes an input."""


def is_case_folder(folder: Path) -> bool:
    """True if the folder's run.json is that of a case, of whatever version."""
    path = folder / RUN_FILE
    try:
        if not path.is_file() or path.stat().st_size > _LONGEST_RUN:
            return False
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(run, dict) and "case_version" in run


def case_folder_around(path: Path) -> Path | None:
    """The case folder that is this path or holds it, at any depth; None where there is none."""
    absolute = path.resolve()
    return next((folder for folder in (absolute, *absolute.parents) if is_case_folder(folder)), None)
