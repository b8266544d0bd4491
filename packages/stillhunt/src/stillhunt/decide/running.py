"""The policy of a data folder, applied to its latest snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stillhunt.base.config import Config
from stillhunt.decide.actions import Action, rank
from stillhunt.decide.case_work import dismissed_within
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.log import DecisionLog, log_locked
from stillhunt.decide.policy import Policy, read_policy
from stillhunt.decide.rules import Findings, decide, remembered_span
from stillhunt.decide.weighed_links import known_by_texts
from stillhunt.ledger.chain import LEDGER_START
from stillhunt.triage import Case
from stillhunt.triage.account_facts import account_facts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import POLICY_FILE, DataFolder
from stillhunt.watch.follow_ups import read_follow_ups
from stillhunt.watch.snapshots import Snapshot, all_snapshots, latest_snapshot


def policy_of(folder: DataFolder, config: Config) -> Policy | None:
    """The policy of a data folder; None where there is none, and then nothing is decided.

    Args:
        config: settings; `decide.policy` names the file, or else it is POLICY_FILE of the folder.

    Raises:
        ConfigError: it is there and cannot be used, or it was named and is not there.
    """
    path = Path(config.decide.policy) if config.decide.policy else folder.path / POLICY_FILE
    return read_policy(path) if config.decide.policy or path.exists() else None


def findings_of(snapshot: Snapshot) -> Findings:
    """What rules look at in a snapshot.

    Raises:
        CaseError: its case is damaged.
    """
    case = Case.read(snapshot.case)
    named = case.model.campaigns
    kinds = {one.row["campaign_id"]: one.row["kind"] for one in named}
    return Findings(account_facts(case.model, named), kinds, snapshot.sequence)


def decide_latest(
    folder: DataFolder, database: WatchDatabase, config: Config, policy: Policy, now: int
) -> list[LogEntry]:
    """Apply a policy to the latest snapshot; what was decided about it already is not decided again.

    Raises:
        CaseError: the snapshot is damaged.
        InputError: the accounts table cannot be read.
    """
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        return []
    findings = findings_of(snapshot)
    findings = replace(findings, by_texts=known_by_texts(folder, database, findings.facts, config))
    with log_locked(database) as log:  # under which nobody dismisses a campaign or reopens it
        return apply_rules(log, policy, replace(findings, dismissed=dismissed_within(log.connection)), now)


def apply_rules(log: DecisionLog, policy: Policy, findings: Findings, now: int) -> list[LogEntry]:
    """Append what the rules of a policy decide."""
    lately = log.lately(now, remembered_span(policy))
    return log.append(decide(policy, findings, lately, now, log.secret))


OLD_ACCOUNT = timedelta(days=90)
"""Age at a decision from which an account counts as one with a history of its own. Judgement."""


ASKING_SHARE = 0.1
"""Share of an account's requests that continue a conversation from which it counts as one that asks back. Judgement."""


@dataclass
class Simulation:
    """What a policy would have done.

    Attributes:
        touched: accounts by the strongest action that each would have had.
        undone: accounts with a decision that a later snapshot would have undone.
        own_traffic: touched accounts of whose requests more than half are outside of the campaign.
        asking_back: touched accounts of whose requests at least ASKING_SHARE continue a conversation; None where no
            snapshot tells.
        paying: touched accounts with a payment instrument in the accounts table.
        old: touched accounts that were opened more than 90 days before.
    """

    snapshots: int = 0
    touched: Counter[Action] = field(default_factory=Counter)
    undone: int = 0
    own_traffic: int = 0
    asking_back: int | None = None
    paying: int = 0
    old: int = 0


def simulate(policy: Policy, folder: DataFolder) -> Simulation:
    """What a policy would have done at each snapshot that is kept, had there been no decision before.

    Args:
        policy: what is tried; it is simulated as if its mode were enforce.
    """
    tried = policy.model_copy(update={"mode": "enforce"})
    result, log = Simulation(), list[LogEntry]()
    about: dict[str, dict[str, Any]] = {}
    again: dict[str, int] | None = None
    for snapshot in all_snapshots(folder):
        findings = findings_of(snapshot)
        made_at: int = snapshot.facts()["made_at"]
        log += chained(decide(tried, findings, log, made_at, b""), log[-1].place if log else LEDGER_START)
        about.update(_facts_by_account(findings))
        counted = read_follow_ups(snapshot.path)
        again = {**(again or {}), **counted} if counted is not None else again
        result.snapshots += 1
    acts: dict[str, LogEntry] = {}
    for entry in log:
        before = acts.get(entry.account_id)
        if entry.kind == "rule" and (before is None or rank(entry.action) > rank(before.action)):
            acts[entry.account_id] = entry
    result.touched = Counter(entry.action for entry in acts.values())
    result.undone = len({entry.account_id for entry in log if entry.kind == "undo"})
    result.asking_back = None if again is None else 0
    for account, entry in acts.items():
        row = about[account]
        result.own_traffic += row["other_requests"] > row["requests"]
        if again is not None and result.asking_back is not None:
            least = ASKING_SHARE * (row["requests"] + row["other_requests"])
            result.asking_back += again.get(account, 0) >= least
        result.paying += row["payment_country"] is not None
        opened: datetime | None = row["created_at"]
        result.old += opened is not None and datetime.fromtimestamp(entry.made_at / 1e6, UTC) - opened > OLD_ACCOUNT
    return result


def _facts_by_account(findings: Findings) -> dict[str, dict[str, Any]]:
    names = ["account_id", "requests", "other_requests", "payment_country", "created_at"]
    return {row["account_id"]: row for row in findings.facts.select(names).to_pylist()}
