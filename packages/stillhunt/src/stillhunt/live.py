"""The live half, for other distributions: data folders, their database and snapshots, and hunts as `serve` runs them.

Names are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base.config import Config
    from stillhunt.cli.database import reach_database
    from stillhunt.cli.watching import hunt_on_schedule
    from stillhunt.decide.actions import ACTIONS, HIGHEST_CEILING, REASON_TEXTS, ReasonCode, rank
    from stillhunt.decide.actions import rank as action_rank
    from stillhunt.decide.appeals import list_appeals
    from stillhunt.decide.case_work import read_all_work, read_work
    from stillhunt.decide.entries import in_force, standing
    from stillhunt.decide.log import read_state
    from stillhunt.decide.own_rules import OwnRules
    from stillhunt.decide.policy import Policy, RuleState, RuleTerms, SignUpAnswer, SignUpTerms, parse_declared
    from stillhunt.decide.running import policy_of
    from stillhunt.decide.simulation import Simulation, simulate
    from stillhunt.watch.child import hunt_in_child
    from stillhunt.watch.database.store import WatchDatabase
    from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, CAMPAIGN_ROWS, LINKED_ACCOUNTS
    from stillhunt.watch.folder import DATABASE, SNAPSHOTS, SPOOL, DataFolder
    from stillhunt.watch.holds import Hold
    from stillhunt.watch.hunting import HuntPlan
    from stillhunt.watch.known_database import open_database
    from stillhunt.watch.rule_rows import FULLEST_TEXT, RuleRows, read_rule_rows
    from stillhunt.watch.schedule import after_hunt
    from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS, PHRASE_SMOOTHING
    from stillhunt.watch.signatures.parameters import SIGNATURES as SENDER_BITS
    from stillhunt.watch.snapshots import Snapshot, latest_snapshot
    from stillhunt.watch.subject.holdings import Holding, Search, hold_over
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
