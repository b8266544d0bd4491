"""The live half, for other distributions: data folders, their database and snapshots, and hunts as `serve` runs them.

Names are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.cli.watching import hunt_on_schedule, reach_database
    from stillhunt.decide.actions import rank as action_rank
    from stillhunt.decide.case_work import read_work
    from stillhunt.decide.entries import in_force
    from stillhunt.decide.log import read_state
    from stillhunt.decide.past import DecidedAccount, past_decisions
    from stillhunt.watch.child import hunt_in_child
    from stillhunt.watch.folder import DATABASE, SNAPSHOTS, SPOOL, DataFolder
    from stillhunt.watch.hunting import HuntPlan
    from stillhunt.watch.known_database import open_database
    from stillhunt.watch.schedule import after_hunt
    from stillhunt.watch.snapshots import latest_snapshot
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
