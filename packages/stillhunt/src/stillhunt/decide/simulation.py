"""What a policy would have done at the snapshots that are kept: all of it, and each of its rules alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.units import DAY
from stillhunt.decide.actions import Action, rank
from stillhunt.decide.appeals import list_appeals
from stillhunt.decide.case_work import dismissed_until
from stillhunt.decide.entries import LogEntry, chained
from stillhunt.decide.log import log_locked, read_log
from stillhunt.decide.names import OWN_RULE_PREFIX, RULE_PREFIX
from stillhunt.decide.own_rules import open_own_rules, with_own_rules
from stillhunt.decide.policy import Policy, RuleState
from stillhunt.decide.rules import Findings, decide
from stillhunt.decide.running import findings_of
from stillhunt.decide.weighed_links import known_by_texts, read_customers
from stillhunt.ledger.chain import LEDGER_START
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, DECISIONS
from stillhunt.watch.database.tables_console import CASES
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.follow_ups import read_follow_ups
from stillhunt.watch.snapshots import all_snapshots

OLD_ACCOUNT = timedelta(days=90)
"""Age at a decision from which an account counts as one with a history of its own. Judgement."""
ASKING_SHARE = 0.1
"""Share of an account's requests that continue a conversation from which it counts as one that asks back. Judgement."""
SIMULATED_DAYS = 30.0
"""Days before now whose snapshots are looked at. Judgement: what people decided of older ones says little of today."""


_ABOUT_CUSTOMERS = ("account_id", "requests", "other_requests", "payment_country", "created_at")


@dataclass(frozen=True)
class RuleTrial:
    """What one rule alone would have done, in force and without any cap of the others."""

    rule: str  # its name; "own.NAME" for one of the provider's own
    state: RuleState  # that it has now
    touched: Mapping[Action, int]  # accounts by the strongest action that each would have had
    accounts: tuple[str, ...]  # these accounts, in alphabetical order
    appealed: int  # touched accounts that appealed against any decision in these days
    # touched accounts of which a person said that it was right: by an appeal upheld, a decision stronger than observe,
    # or an action on their campaign
    confirmed: int
    # touched accounts of which a person said that it was wrong: by an appeal granted, an override that lets through, or
    # a dismissal of their campaign. Where people said both, the account counts here.
    dismissed: int


@dataclass
class Simulation:
    """What a policy would have done."""

    snapshots: int = 0
    # accounts by the strongest action that each would have had
    touched: Counter[Action] = field(default_factory=Counter)
    undone: int = 0  # accounts with a decision that a later snapshot would have undone
    own_traffic: int = 0  # touched accounts of whose requests more than half are outside of the campaign
    # touched accounts of whose requests at least ASKING_SHARE continue a conversation; None where no snapshot tells
    asking_back: int | None = None
    paying: int = 0  # touched accounts with a payment instrument in the accounts table
    old: int = 0  # touched accounts that were opened more than 90 days before
    rules: list[RuleTrial] = field(default_factory=list)  # each rule alone
    log: list[LogEntry] = field(default_factory=list)  # what would stand in the decision log


class _Replay:
    """The log of one policy, snapshot by snapshot, as if no person had decided anything."""

    def __init__(self, policy: Policy, secret: bytes) -> None:
        self.policy, self._secret, self.log = policy, secret, list[LogEntry]()

    def look(self, findings: Findings, now: int) -> None:
        last = self.log[-1].place if self.log else LEDGER_START
        self.log += chained(decide(self.policy, findings, self.log, now, self._secret), last)

    def strongest(self) -> dict[str, LogEntry]:
        """Account -> the strongest that rules in force would have done."""
        acts: dict[str, LogEntry] = {}
        for entry in self.log:
            before = acts.get(entry.account_id)
            stronger = before is None or rank(entry.action) > rank(before.action)
            if entry.kind == "rule" and not entry.dry_run and stronger:
                acts[entry.account_id] = entry
        return acts


def simulate(
    policy: Policy, folder: DataFolder, database: WatchDatabase, config: Config, now: int, days: float = SIMULATED_DAYS
) -> Simulation:
    """What a policy would have done at each snapshot of the last days, had there been no decision before.

    With what was dismissed and linked by then, each snapshot decides what deciding at that time did. It differs where
    people ended decisions, and where the accounts table or the times of links changed since.

    Args:
        policy: what is tried; it is simulated as if its mode were enforce.
    """
    tried = policy.model_copy(update={"mode": "enforce"})
    with log_locked(database) as log:
        secret = log.secret
    whole, result = _Replay(tried, secret), Simulation()
    alone = {trial: _Replay(one, secret) for trial, one in _iterate_single_rules(tried, folder)}
    about: dict[str, dict[str, Any]] = {}
    again: dict[str, int] | None = None
    own, customers = open_own_rules(folder), cache(lambda: read_customers(config))
    for snapshot in all_snapshots(folder):
        made_at: int = snapshot.facts()["made_at"]
        if made_at <= now - int(days * DAY):
            continue
        findings = findings_of(snapshot)
        texts = known_by_texts(folder, database, findings.facts, customers, made_at)
        findings = replace(findings, by_texts=texts, dismissed=dismissed_until(database, made_at))
        whole.look(with_own_rules(findings, snapshot, own), made_at)
        for (name, _state), one in alone.items():
            seen = with_own_rules(findings, snapshot, own, alone=name[4:]) if name.startswith("own.") else findings
            one.look(seen, made_at)
        about |= {row["account_id"]: row for row in findings.facts.select(_ABOUT_CUSTOMERS).to_pylist()}
        counted = read_follow_ups(snapshot.path)
        again = {**(again or {}), **counted} if counted is not None else again
        result.snapshots += 1
    result.log, acts = whole.log, whole.strongest()
    result.touched = Counter(entry.action for entry in acts.values())
    result.undone = len({entry.account_id for entry in whole.log if entry.kind == "undo" and not entry.dry_run})
    _count_customers(result, acts, about, again)
    people = _read_people(database)
    result.rules = [_try_rule(*trial, one, people) for trial, one in alone.items()]
    return result


def _iterate_single_rules(policy: Policy, folder: DataFolder) -> Iterator[tuple[tuple[str, RuleState], Policy]]:
    """Name and state of each rule, and the policy with this rule in force and no other."""
    for rule in policy.rule:
        single = rule.model_copy(update={"state": "in_force"})
        yield (rule.name, rule.state), policy.model_copy(update={"rule": (single,)})
    own, without = open_own_rules(folder), policy.model_copy(update={"rule": ()})
    for terms in () if own is None else own.rules:
        yield (f"{OWN_RULE_PREFIX}{terms.name}".removeprefix(RULE_PREFIX), terms.state), without


def _count_customers(
    result: Simulation,
    acts: Mapping[str, LogEntry],
    about: Mapping[str, Mapping[str, Any]],
    again: Mapping[str, int] | None,
) -> None:
    """Count signs of real customers; accounts outside of campaigns show none here."""
    result.asking_back = None if again is None else 0
    for account, entry in acts.items():
        row = about.get(account)
        if row is None:
            continue
        result.own_traffic += row["other_requests"] > row["requests"]
        if again is not None and result.asking_back is not None:
            least = ASKING_SHARE * (row["requests"] + row["other_requests"])
            result.asking_back += again.get(account, 0) >= least
        result.paying += row["payment_country"] is not None
        opened: datetime | None = row["created_at"]
        result.old += opened is not None and datetime.fromtimestamp(entry.made_at / 1e6, UTC) - opened > OLD_ACCOUNT


@dataclass(frozen=True)
class _People:
    """What people said: accounts, and campaigns by what became of them."""

    appealed: frozenset[str]
    right: frozenset[str]
    wrong: frozenset[str]


def _read_people(database: WatchDatabase) -> _People:
    """What people said of accounts, by themselves or through the campaign that they are members of."""
    appeals = list_appeals(database, open_only=False)
    right = {one.account_id for one in appeals if one.status == "upheld"}
    wrong = {one.account_id for one in appeals if one.status == "overturned"}
    for entry in read_log(database, DECISIONS.c.kind.in_(("case", "override"))):
        if entry.kind in ("case", "override"):
            (right if rank(entry.action) > rank("observe") else wrong).add(entry.account_id)
    member, case = CAMPAIGN_MEMBERS.c, CASES.c
    joined = CAMPAIGN_MEMBERS.join(CASES, case.campaign_id == member.campaign_id)
    decided = select(member.account_id, case.status).select_from(joined)
    for row in database.read(decided.where(case.status.in_(("acted", "dismissed")))):
        (right if row["status"] == "acted" else wrong).add(row["account_id"])
    return _People(frozenset(one.account_id for one in appeals), frozenset(right), frozenset(wrong))


def _try_rule(rule: str, state: RuleState, replay: _Replay, people: _People) -> RuleTrial:
    acts = replay.strongest()
    touched = Counter(entry.action for entry in acts.values())
    return RuleTrial(
        rule,
        state,
        dict(touched),
        tuple(sorted(acts)),
        len(people.appealed & acts.keys()),
        len((people.right - people.wrong) & acts.keys()),
        len(people.wrong & acts.keys()),
    )
