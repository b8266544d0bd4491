"""The policy of a data folder, applied to its latest snapshot."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.decide.actions import Action
from stillhunt.decide.case_work import dismissed_within
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import DecisionLog, log_locked
from stillhunt.decide.own_rules import open_own_rules, with_own_rules
from stillhunt.decide.policy import Policy, read_policy
from stillhunt.decide.rules import Findings, decide, remembered_span
from stillhunt.decide.weighed_links import known_by_texts, read_customers
from stillhunt.triage import Case
from stillhunt.triage.account_facts import account_facts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import POLICY_FILE, DataFolder
from stillhunt.watch.snapshots import Snapshot, latest_snapshot


def policy_of(folder: DataFolder, config: Config) -> Policy | None:
    """The policy of a data folder; None where there is none, and then nothing is decided.

    `config`: settings; `decide.policy` names the file, or else it is POLICY_FILE of the folder. Raises ConfigError: it
    is there and cannot be used, or it was named and is not there.
    """
    path = Path(config.decide.policy) if config.decide.policy else folder.path / POLICY_FILE
    return read_policy(path) if config.decide.policy or path.exists() else None


def read_second_person(folder: DataFolder, config: Config) -> tuple[Action, ...]:
    """Actions of a person that wait until a second one approves them; a ConfigError as of `policy_of`."""
    return (policy_of(folder, config) or Policy()).second_person


def findings_of(snapshot: Snapshot) -> Findings:
    """What rules look at in a snapshot; a CaseError if its case is damaged."""
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
        ConfigError: the rules of the provider's own cannot be used.
    """
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        return []
    findings = findings_of(snapshot)
    texts = known_by_texts(folder, database, findings.facts, partial(read_customers, config), now)
    findings = with_own_rules(replace(findings, by_texts=texts), snapshot, open_own_rules(folder))
    with log_locked(database) as log:  # under which nobody dismisses a campaign or reopens it
        return apply_rules(log, policy, replace(findings, dismissed=dismissed_within(log.connection)), now)


def apply_rules(log: DecisionLog, policy: Policy, findings: Findings, now: int) -> list[LogEntry]:
    """Append what the rules of a policy decide."""
    lately = log.lately(now, remembered_span(policy))
    return log.append(decide(policy, findings, lately, now, log.secret))
