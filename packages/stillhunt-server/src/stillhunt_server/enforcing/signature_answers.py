"""Requests answered by signatures while their gateway waits: the first ones of an operation that returns."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.units import DAY
from stillhunt.decide.actions import WITHOUT_FLAG, rank, weaker
from stillhunt.decide.case_work import dismissed_campaigns
from stillhunt.decide.links import action_of
from stillhunt.decide.policy import Policy
from stillhunt.decide.spared import accounts_before, own_traffic, untouched_accounts
from stillhunt.decide.table import InForce
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import signatures_in_force
from stillhunt.watch.links import enter_links
from stillhunt.watch.signatures.matcher import LinkedAccount
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.enforcing.answers import Answers, GatewayAnswer
from stillhunt_server.enforcing.inline_matcher import AskedRequest, InlineMatcher


@dataclass(frozen=True)
class _Armed:
    """What one snapshot gives: its signatures, and whom they do not touch."""

    matcher: InlineMatcher
    untouched: frozenset[str]
    before: dict[str, memoryview]  # campaign -> hashes of the accounts that were seen before it, ascending
    own_traffic: memoryview  # hashes of the accounts with much traffic of their own, ascending
    linked: set[str] = field(default_factory=set)

    def spares(self, account: str, campaign: str) -> bool:
        before = self.before.get(campaign)
        return account in self.untouched or (before is not None and _has_account_hash(before, account))


def _sort_name_hashes(names: pa.ChunkedArray) -> memoryview:
    return np.sort(np.array([hash(name) for name in names.to_pylist()], np.int64)).data


def _has_account_hash(hashes: memoryview, account: str) -> bool:
    key = hash(account)
    place = bisect_left(hashes, key)
    return place < len(hashes) and hashes[place] == key  # an equal hash spares, and harms nobody


class SignatureAnswers:
    """Answers requests whose texts are at hand.

    A request that shows a campaign's template by itself is answered with `signature.first_request` of the policy, and
    so is each of an account that is linked, until its decision stands in the log; with tag at most where nothing but
    its texts agrees. Spared are accounts that were seen
    before the campaign was, those that rules may not touch, those about which a person decided, and all where an
    analyst dismissed the campaign.

    `answer` is called by one thread and `refresh` by another; what they share is handed over by assignment.
    """

    def __init__(self, folder: DataFolder, database: WatchDatabase, config: Config) -> None:
        self._folder, self._database, self._config = folder, database, config
        self._sequence: int | None = None
        self._armed: _Armed | None = None
        self._dismissed: frozenset[str] = frozenset()
        self._new_links: deque[LinkedAccount] = deque()
        self._day = -1
        self._refused: set[str] = set()

    @property
    def armed(self) -> bool:
        """Whether there are signatures, so that texts are worth reading."""
        return self._armed is not None

    def refresh(self) -> None:
        """Take the signatures of a new snapshot, and enter accounts that were linked since the last time.

        Raises:
            CaseError: a snapshot is damaged.
        """
        if self._new_links:
            links = [self._new_links.popleft() for _ in range(len(self._new_links))]
            try:
                enter_links(self._database, links, self._config.alerts)
            except BaseException:
                self._new_links.extendleft(reversed(links))
                raise
        self._dismissed = dismissed_campaigns(self._database)
        snapshot = latest_snapshot(self._folder)
        if snapshot is None or snapshot.sequence == self._sequence:
            return
        found = signatures_in_force(self._folder, self._config.seed, time.time_ns() // 1000).signatures
        names = [one.campaign_id for one in found]
        before = accounts_before(self._folder, self._database, names)
        hashed = {id(column): _sort_name_hashes(column) for column in before.values()}
        untouched = frozenset((*untouched_accounts(self._folder), *self._config.sanctioned.accounts))
        named = {name: hashed[id(column)] for name, column in before.items()}
        longest = self._config.collect.max_text_bytes
        matcher = InlineMatcher(found, self._config.seed, most_text_bytes=longest)
        self._armed = _Armed(matcher, untouched, named, _sort_name_hashes(own_traffic(self._folder))) if found else None
        self._sequence = snapshot.sequence

    def answer(self, asked: AskedRequest, known: GatewayAnswer, answers: Answers) -> GatewayAnswer:
        """What happens to a request."""
        armed, policy = self._armed, answers.policy
        found = armed.matcher.match(asked) if armed is not None else None
        if armed is None or found is None or not (found.shows_alone or found.linked):
            return known
        if found.linked and asked.account_id not in armed.linked:
            armed.linked.add(asked.account_id)
            self._new_links.extend(armed.matcher.links_of(asked.account_id))
        beyond_texts = found.same_sender and not _has_account_hash(armed.own_traffic, asked.account_id)
        action = action_of(policy.signature.first_request, beyond_texts)
        acts = policy.mode == "enforce" and not policy.kill_switch and not known.by_person
        if not acts or action == "observe" or (known.action != "none" and rank(action) <= rank(known.action)):
            return known
        if asked.account_id in policy.exempt.accounts or found.campaign_id in self._dismissed:
            return known
        if armed.spares(asked.account_id, found.campaign_id):
            return known
        if rank(action) > rank(WITHOUT_FLAG) and not self._has_room(asked.account_id, policy, asked.now):
            action = weaker(action, WITHOUT_FLAG)
        decision = InForce(0, "rule", action, policy.signature.reason, 0)
        return answers.answer_of(action, decision, asked.account_id, asked.model or "")

    def _has_room(self, account: str, policy: Policy, now: int) -> bool:
        """Whether the day's cap allows to refuse this account, too."""
        if now // DAY != self._day:
            self._day, self._refused = now // DAY, set()
        if account not in self._refused and len(self._refused) < policy.accounts_per_day:
            self._refused.add(account)
        return account in self._refused
