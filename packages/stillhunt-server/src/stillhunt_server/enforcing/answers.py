"""What a gateway is answered: the decision about an account, and what follows from it for one request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from stillhunt.decide.actions import REASON_TEXTS, Action, ReasonCode
from stillhunt.decide.policy import Policy
from stillhunt.decide.table import DecisionTable, InForce

MINUTE_SECONDS = 60


class GatewayAnswer(NamedTuple):
    """What happens to one request."""

    # 200 where it goes through, 403 where it is refused, 429 where the account must wait
    status: Literal[200, 403, 429]
    action: Action | Literal["none"]
    reason: ReasonCode | Literal[""] = ""
    decision: int = 0  # its place in the log, by which the customer appeals; 0 where there is none
    expires_at: int = 0  # its end, microseconds since 1970; 0 where there is none
    retry_after: int = 0  # seconds to wait; 0 where nothing is to be waited for
    by_person: bool = False  # whether a person decided, whom no signature contradicts

    @property
    def message(self) -> str:
        """What the customer may be told; empty where nothing is decided."""
        return REASON_TEXTS[self.reason] if self.reason else ""


NO_DECISION = GatewayAnswer(200, "none")


class Answers:
    """Answers requests from one table; used by one thread."""

    def __init__(self, policy: Policy, seconds: Callable[[], float] = time.monotonic) -> None:
        self.policy = policy
        self._seconds = seconds
        self._minute = -1
        self._sent: Counter[str] = Counter()

    def answer(self, table: DecisionTable, account: str, model: str, now: int) -> GatewayAnswer:
        """What happens to a request of an account.

        Args:
            model: that it asks for; "" where the gateway does not name it.
        """
        found = table.find(account, now)
        if found is None or (found.kind == "rule" and not self._rules_count(account)):
            return NO_DECISION
        return self.answer_of(found.action, found, account, model)

    def answer_of(self, action: Action, found: InForce, account: str, model: str) -> GatewayAnswer:
        """What an action means for a request; see `answer`."""
        rest = (action, found.reason, found.seq, found.expires_at)
        by_person = found.kind != "rule"
        if action in ("step_up", "block") or (action == "limit" and self._is_model_limited(model)):
            return GatewayAnswer(403, *rest, by_person=by_person)
        if action == "throttle" and (wait := self._compute_throttle_wait(account)):
            return GatewayAnswer(429, *rest, wait, by_person)
        return GatewayAnswer(200, *rest, by_person=by_person)

    def _rules_count(self, account: str) -> bool:
        """Whether the policy lets rules' decisions count now: a switch of a person must not wait for the next hunt."""
        policy = self.policy
        return policy.mode == "enforce" and not policy.kill_switch and account not in policy.exempt.accounts

    def _is_model_limited(self, model: str) -> bool:
        """Whether a model is refused, whatever its letters' case and the provider before a slash."""
        names = {model.lower(), model.lower().rpartition("/")[2]} - {""}
        return any(fnmatchcase(name, pattern.lower()) for name in names for pattern in self.policy.limit.models)

    def _compute_throttle_wait(self, account: str) -> int:
        """Seconds until the account may ask again; 0 where it may now, and then the request counts.

        Only throttled accounts are counted, so that nobody can fill the memory.
        """
        minute, passed = divmod(self._seconds(), MINUTE_SECONDS)
        if minute != self._minute:
            self._minute = int(minute)
            self._sent.clear()
        if self._sent[account] >= self.policy.throttle.requests_per_minute:
            return MINUTE_SECONDS - int(passed)
        self._sent[account] += 1
        return 0
