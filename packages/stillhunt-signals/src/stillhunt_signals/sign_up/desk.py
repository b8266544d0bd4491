"""What is answered when somebody signs up, or sends a first request: from memory, while hunts go on beside."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from stillhunt import StillhuntError
from stillhunt.live import (
    LINKED_ACCOUNTS,
    REASON_TEXTS,
    SENDER_BITS,
    Config,
    DataFolder,
    Policy,
    ReasonCode,
    SignUpAnswer,
    SignUpTerms,
    WatchDatabase,
    latest_snapshot,
    read_rule_rows,
)
from stillhunt.tools import kept_id
from stillhunt_signals.sign_up.identifiers import PERSONAL_KINDS, Hashes, IdentifierKind, NewCustomer, SignUpHasher
from stillhunt_signals.sign_up.known import (
    NOTHING_KNOWN,
    CampaignTie,
    KnownValues,
    collect_known_values,
    list_links,
    ties_of,
)
from stillhunt_signals.sign_up.registered import RegisteredSignUps, SignUp

_LOG = logging.getLogger("stillhunt")
FRESH_SECONDS = 1.0
"""How often it is looked for a new snapshot. Judgement: hunts are minutes apart."""
_ORDER: tuple[SignUpAnswer, ...] = ("none", "step_up", "hold")
_GROUPS: tuple[tuple[IdentifierKind, ...], ...] = (("card",), ("mail", "device"), ("address", "network", "domain"))
"""Kinds that say one thing: of each group the strongest tie counts."""


class FreeTiers(NamedTuple):
    """Free tiers of one person, as far as card, device or mail show them."""

    accounts: int  # the most accounts with one value, this one counted where it has a free tier itself
    by: tuple[IdentifierKind, ...]  # the kinds that show more than one


class SignUpReply(NamedTuple):
    """What is answered; it names no other account."""

    answer: SignUpAnswer  # by the policy
    would: SignUpAnswer  # what it would be if the policy were in force; the same as the answer where it is
    # reason, message: why, as the new customer may be told; "" where nothing is asked of them
    reason: ReasonCode | str
    message: str
    bits: float  # of the ties to the campaign with the most; those by requests, which anybody can copy, add none
    ties: tuple[CampaignTie, ...]  # to all campaigns, those of the most bits first
    free_tiers: FreeTiers
    snapshot: int  # number of the hunt that they rest on; 0 before the first
    # what this server cannot do now: keep sign-ups (they are tried again each second), or read the latest hunt; ""
    problem: str


class SignUpDesk:
    """Answers sign-ups of one data folder.

    `policy`: gives the policy that counts now.
    """

    def __init__(
        self, folder: DataFolder, database: WatchDatabase, config: Config, policy: Callable[[], Policy]
    ) -> None:
        self._folder, self._database, self._policy = folder, database, policy
        self._hasher = SignUpHasher(folder, config)
        self._hasher.hashes(NewCustomer(card="x", mail="a@b", ip="192.0.2.1"))  # kernels are loaded at the first call
        self._registered = RegisteredSignUps(folder, time.time_ns() // 1000)
        self._known = NOTHING_KNOWN
        self._rests_on: tuple[int, tuple[str, ...]] = (0, ())
        self._newest_link: list[dict[str, Any]] = []
        self._look_at, self._looking = 0.0, threading.Lock()
        self.problem = ""
        """Why what is known is not what the latest hunt left, or sign-ups cannot be kept; "" where all is well."""
        self.look()

    def look(self) -> None:
        """Read what the latest hunt left, if that is another one than before, or the policy names other plans."""
        if not self._looking.acquire(blocking=False):
            return
        problems = []
        try:
            kept = self._registered
            for step in (kept.save, kept.forget_erased, kept.shorten_file, self._read_latest):
                try:
                    step()
                except StillhuntError as error:  # what is known still holds
                    problems.append(f"{error.what}; next: {error.next_step}")
            said = "; ".join(problems)
            if said and said != self.problem:
                _LOG.error("Sign-ups: %s", said)
            self.problem = said
        finally:
            self._look_at = time.monotonic() + FRESH_SECONDS
            self._looking.release()

    def _read_latest(self) -> None:
        snapshot, plans = latest_snapshot(self._folder), self._policy().sign_up.trial_plans
        rests_on = (snapshot.sequence if snapshot is not None else 0, plans)
        if snapshot is not None and rests_on != self._rests_on:
            known = collect_known_values(read_rule_rows(snapshot), self._database, self._hasher, plans)
            self._known = replace(known, linked=self._known.linked)
            self._rests_on = rests_on
        newest = self._database.read(LINKED_ACCOUNTS.select().order_by(LINKED_ACCOUNTS.c.at.desc()).limit(1))
        if newest != self._newest_link:  # links come between hunts, too
            self._known = replace(self._known, linked=list_links(self._database, self._hasher))
            self._newest_link = newest

    def is_due(self) -> bool:
        """Whether somebody should `look`, in another thread than the one that answers."""
        return time.monotonic() >= self._look_at and not self._looking.locked()

    def answer(self, customer: NewCustomer, now: int) -> SignUpReply:
        """What is known of a new customer, who is remembered.

        `now`: microseconds since 1970.
        """
        policy, known = self._policy(), self._known
        terms = policy.sign_up
        hashes = self._hasher.hashes(customer)
        account = (self._hasher.secret("account", kept_id(customer.account_id)) if customer.account_id else None) or 0
        trial = (customer.plan or "").lower() in {one.lower() for one in terms.trial_plans}
        ties = [*ties_of(known, hashes), *self._device_ties(known, hashes, account)]
        bits = combined_bits(ties)
        ties += known.linked.get(account, ())
        tiers = self._count_free_tiers(known, hashes, account, trial=trial)
        would, reason = _choose_answer(terms, max(bits.values(), default=0.0), tiers.accounts if trial else 0)
        in_force = policy.mode == "enforce" and not policy.kill_switch
        ordered = sorted(ties, key=lambda tie: (-bits.get(tie.campaign_id, 0.0), tie.campaign_id, -tie.bits, tie.kind))
        if hashes:
            self._registered.register(SignUp(now, account, trial, hashes))
        return SignUpReply(
            would if in_force else "none",
            would,
            reason if would != "none" else "",
            REASON_TEXTS[reason] if would != "none" and in_force else "",
            round(max(bits.values(), default=0.0), 2),
            tuple(ordered),
            tiers,
            self._rests_on[0],
            self._registered.problem or self.problem,
        )

    def _device_ties(self, known: KnownValues, hashes: Hashes, account: int) -> list[CampaignTie]:
        """Ties by the device of earlier sign-ups, of which some became members of campaigns."""
        earlier = {one.account for one in self._registered_with(hashes, "device")} - {0, account}
        campaigns = [known.campaigns[one] for one in earlier if one in known.campaigns]
        others = len(earlier) - len(campaigns)
        found = []
        for campaign, status in sorted(set(campaigns)):
            if (members := campaigns.count((campaign, status))) >= others:
                found.append(CampaignTie("device", campaign, status, SENDER_BITS.most_sender_bits, members, others))
        return found

    def _count_free_tiers(self, known: KnownValues, hashes: Hashes, account: int, *, trial: bool) -> FreeTiers:
        counted: dict[IdentifierKind, int] = {}
        for kind in PERSONAL_KINDS:
            if kind not in hashes:
                continue
            seen = known.count_trials(kind, hashes[kind]) - known.has_trial(account)
            new = {
                one.account or -one.at
                for one in self._registered_with(hashes, kind)
                if one.trial and not known.has_trial(one.account)
            }
            counted[kind] = max(seen, 0) + len(new - {account}) + trial
        most = max(counted.values(), default=int(trial))
        return FreeTiers(most, tuple(kind for kind, number in counted.items() if number > 1))

    def _registered_with(self, hashes: Hashes, kind: IdentifierKind) -> list[SignUp]:
        return self._registered.with_value(kind, hashes[kind]) if kind in hashes else []


def _choose_answer(terms: SignUpTerms, bits: float, free_tiers: int) -> tuple[SignUpAnswer, ReasonCode]:
    """The stronger of what the policy says of ties and of free tiers; of equals, what it says of ties."""
    ties = terms.campaign if bits >= terms.least_bits else "none"
    tiers = terms.free_tiers if free_tiers >= terms.least_free_tiers else "none"
    if _ORDER.index(tiers) > _ORDER.index(ties):
        return tiers, "several_free_tiers"
    return ties, "linked_accounts"


def combined_bits(ties: Iterable[CampaignTie]) -> dict[str, float]:
    """Campaign -> bits of all ties to it: of each group of kinds that say one thing, the strongest."""
    best: dict[str, dict[int, float]] = {}
    for tie in ties:
        group = next(place for place, kinds in enumerate(_GROUPS) if tie.kind in kinds)
        own = best.setdefault(tie.campaign_id, {})
        own[group] = max(own.get(group, 0.0), tie.bits)
    return {campaign: sum(groups.values()) for campaign, groups in best.items()}
