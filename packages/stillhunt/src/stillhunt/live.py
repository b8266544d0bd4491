"""The live half, for other distributions: data folders, their database and snapshots, and hunts as `serve` runs them.

Names are loaded when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stillhunt.cli.watching import hunt_on_schedule, reach_database
    from stillhunt.decide.cases.work import read_work
    from stillhunt.watch.child import hunt_in_child
    from stillhunt.watch.folder import DATABASE, SNAPSHOTS, SPOOL, DataFolder
    from stillhunt.watch.hunting import HuntPlan
    from stillhunt.watch.known_database import open_database
    from stillhunt.watch.schedule import after_hunt
    from stillhunt.watch.snapshots import latest_snapshot

_HOMES = {
    "stillhunt.cli.watching": "hunt_on_schedule reach_database",
    "stillhunt.decide.cases.work": "read_work",
    "stillhunt.watch.child": "hunt_in_child",
    "stillhunt.watch.folder": "DATABASE SNAPSHOTS SPOOL DataFolder",
    "stillhunt.watch.hunting": "HuntPlan",
    "stillhunt.watch.known_database": "open_database",
    "stillhunt.watch.schedule": "after_hunt",
    "stillhunt.watch.snapshots": "latest_snapshot",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "DATABASE",
    "SNAPSHOTS",
    "SPOOL",
    "DataFolder",
    "HuntPlan",
    "after_hunt",
    "hunt_in_child",
    "hunt_on_schedule",
    "latest_snapshot",
    "open_database",
    "reach_database",
    "read_work",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
