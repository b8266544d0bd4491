"""Rules of the provider's own, over columns and counts: another distribution keeps and evaluates them."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Protocol

from stillhunt.decide.policy import RuleTerms
from stillhunt.decide.rules import Findings
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.rule_rows import read_rule_rows
from stillhunt.watch.snapshots import Snapshot

OWN_RULES_GROUP = "stillhunt.own_rules"
"""Entry point of a function that opens the rules of a data folder; the first one by name is used."""


class OwnRules(Protocol):
    """The rules of the provider's own that were saved in a data folder, in any state."""

    @property
    def rules(self) -> Sequence[RuleTerms]:
        """All of them, by name."""

    def fitting(self, name: str, snapshot: Snapshot) -> Collection[str]:
        """Accounts that fit a rule at a snapshot, by what the snapshot keeps (`watch.rule_rows`)."""


def open_own_rules(folder: DataFolder) -> OwnRules | None:
    """The rules of a data folder; None where nothing that is installed brings any.

    Raises ConfigError: what was saved was changed, or cannot be used by this version.
    """
    points = sorted(entry_points(group=OWN_RULES_GROUP), key=lambda one: one.name)
    opened: OwnRules | None = points[0].load()(folder) if points else None
    return opened


def with_own_rules(findings: Findings, snapshot: Snapshot, own: OwnRules | None, *, alone: str = "") -> Findings:
    """Findings with the accounts that fit rules of the provider's own; those that are off are left out.

    `alone`: evaluate this rule only, as if it were in force. Raises CaseError: the snapshot is damaged.
    """
    if own is None:
        return findings
    chosen = [one for one in own.rules if one.state != "off"]
    if alone:
        chosen = [one.model_copy(update={"state": "in_force"}) for one in own.rules if one.name == alone]
    if not chosen:
        return findings
    fitting = tuple((rule, frozenset(own.fitting(rule.name, snapshot))) for rule in chosen)
    rows = read_rule_rows(snapshot).accounts
    sanctioned = frozenset(rows["account_id"].filter(rows["sanctioned"]).to_pylist())
    return replace(findings, own=fitting, sanctioned=sanctioned)
