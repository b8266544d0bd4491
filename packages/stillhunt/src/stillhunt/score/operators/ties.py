"""Campaigns -> operators: what ties two campaigns beyond chance, and which of them one operator runs or a pool serves.

Each kind is compared with comparison accounts of the log, outside of all campaigns. Accounts
that are in both campaigns say nothing; where they are many, the campaigns share a pool of accounts, which may have
several tenants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from stillhunt.base import formatting
from stillhunt.base.parameters import read_parameters
from stillhunt.base.units import HOUR
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.stats.arrays import Floats, Ints
from stillhunt.score.stats.common_pool import DAY_HOURS, Draws, common_pool_bits, common_schedule, schedule_of
from stillhunt.score.stats.shared_keys import KeyFrequencies, key_frequencies
from stillhunt.score.stats.shared_keys import P as SHARED_KEYS
from stillhunt.score.verdict.members import CUSTOMER_KEYS

_MIN_ACCOUNTS = 5  # Accounts of their own that each of two campaigns needs (the fewest accounts of a campaign)
# Windows of sign-ups before and after, over which a campaign's own sign-ups are spread as chance (derived: a week: that
# both opened accounts in one season is no tie, that they did in one hour is)
_NEAR_WINDOWS = 14


class TieParameters(NamedTuple):
    """Parameters of ties."""

    kind_bits: float
    independent_kinds: int
    cap_bits: float
    settings_cap_bits: float


P = read_parameters(TieParameters, "score.ties")


@dataclass(frozen=True)
class TieKind:
    """One kind of tie.

    Attributes:
        source: kinds of one source are not independent: a program brings settings, a network signs up and sends.
        decisive: True where at least one such kind is needed for one operator.
        verb: what the accounts do with a value; empty where there are no values.
        rest: what stands behind the noun.
    """

    name: str
    source: str
    decisive: bool = False
    verb: str = ""
    noun: str = ""
    rest: str = ""

    def statement(self, sharing: int, accounts: int, values: int) -> str:
        """The tie in one sentence.

        Args:
            sharing: accounts of both campaigns that share a value.
        """
        who = formatting.sentence_case(formatting.part_of(sharing, accounts, "account"))
        what = self.noun if values == 1 else formatting.plural(values, self.noun)
        return f"{who} of both campaigns {self.verb} the same {what}{self.rest}"


KINDS = (
    TieKind("client_fingerprint", "program", True, "use", "client fingerprint", " (user agent and TLS)"),
    TieKind("payment_fingerprint", "card", True, "pay with", "payment instrument"),
    TieKind("signup_prefix", "network", True, "signed up from", "network"),
    TieKind("email_domain", "mail", False, "have mail addresses at", "domain"),
    TieKind("client_prefix", "network", False, "send from", "network", " (/24 or /48)"),
    TieKind("template", "wording", False, "use", "template"),
    TieKind("created_at", "sign-up", False, "signed up within", "window", " of 12 hours"),
    TieKind("settings", "program", False, "use", "combination", " of temperature, top_p and max_tokens"),
)
SCHEDULE = TieKind("schedule", "schedule")
_DIGITS = 6


@dataclass(frozen=True)
class Tie:
    """One kind of tie between two campaigns."""

    kind: TieKind
    bits: float
    statement: str


class CampaignKeys:
    """What one campaign uses, coded once for all of its pairs."""

    def __init__(self, log: ScoredLog, candidate: Candidate) -> None:
        self.log, self.accounts = log, candidate.accounts
        self._candidate = candidate

    @cached_property
    def draws(self) -> dict[str, tuple[Ints, Ints]]:
        """Kind -> account, as position in `accounts`, and value of each draw."""
        log, one = self.log, self._candidate
        found = {
            name: _known_accounts(codes[self.accounts])
            for name, codes in log.accounts.customers.codes.items()
            if name in CUSTOMER_KEYS
        }
        for name, codes in (
            ("client_fingerprint", log.requests.client_fingerprint),
            ("settings", log.requests.settings),
        ):
            found[name] = _known_accounts(commonest(one.row_account, codes[one.rows], len(self.accounts)))
        found["client_prefix"] = log.keys.address("client_prefix").pairs_of(self.accounts)
        if not one.untemplated:
            found["template"] = one.slice_account, one.slice_cluster
        return found

    def of(self, name: str, own_places: Ints) -> tuple[Ints, Ints]:
        """Account, as position in `accounts`, and value of each draw of some accounts.

        Args:
            own_places: positions of the accounts that count.
        """
        owner, value = self.draws[name]
        kept = np.isin(owner, own_places)
        return owner[kept], value[kept]

    @cached_property
    def hours(self) -> tuple[Ints, Ints]:
        """Account, as position in `accounts`, and hour of the log, each pair once."""
        hour = (self.log.requests.time[self._candidate.rows] - self.log.requests.span[0]) // HOUR
        pair = np.unique(self._candidate.row_account * np.int64(1 << 32) + hour)
        return pair >> 32, pair & ((1 << 32) - 1)


class Comparison:
    """How common each value is outside of all campaigns.

    Args:
        members: accounts of all campaigns, ascending.
    """

    def __init__(self, log: ScoredLog, members: Ints) -> None:
        self.log, self.members = log, members

    @cached_property
    def keys(self) -> dict[str, KeyFrequencies]:
        """Kind -> its values among all accounts."""
        keys, codes = self.log.keys, self.log.accounts.customers.codes
        return {
            **{name: keys.customer(name) for name in CUSTOMER_KEYS if name in codes},
            "client_fingerprint": keys.client_fingerprint(),
            "settings": keys.settings,
            "client_prefix": keys.address("client_prefix"),
            "template": _template_users(self.log),
        }

    @cached_property
    def activity(self) -> Floats:
        """Requests of the comparison accounts in each hour over what is usual at that hour of the day."""
        log = self.log.requests
        outside = self.log.accounts.background.copy()
        outside[self.members] = False
        hour = (log.time[outside[log.account]] - log.span[0]) // HOUR
        counts = np.bincount(hour, minlength=hours_of(self.log)).astype(np.float64)
        of_day = np.arange(len(counts)) % DAY_HOURS
        days = np.maximum(np.bincount(of_day, minlength=DAY_HOURS), 1)
        usual = np.bincount(of_day, weights=counts, minlength=DAY_HOURS) / days
        return np.asarray(counts / np.maximum(usual[of_day], 1e-9), np.float64)

    def drawn(self, name: str, campaign: CampaignKeys, draws: tuple[Ints, Ints]) -> Draws:
        """The values that a campaign draws, each with its chance."""
        owner, value = draws
        values, counts = np.unique(value, return_counts=True)
        drawn = campaign.accounts[np.unique(owner)]
        expected = self.keys[name].expected(values, drawn, self.members)
        chance = SHARED_KEYS.unlike_all * expected / len(value)
        if name == "created_at":
            chance = np.maximum(chance, _chance_of_windows(values, counts))
        return Draws(values, counts, chance)


def shared_accounts(first: CampaignKeys, second: CampaignKeys) -> tuple[int, float]:
    """Accounts that two campaigns have in common, and their share of the smaller one."""
    common = len(np.intersect1d(first.accounts, second.accounts, assume_unique=True))
    return common, common / max(min(len(first.accounts), len(second.accounts)), 1)


def ties_between(first: CampaignKeys, second: CampaignKeys, comparison: Comparison) -> list[Tie]:
    """All that ties two campaigns, the strongest first."""
    own_places = [
        np.flatnonzero(~np.isin(one.accounts, other.accounts, assume_unique=True))
        for one, other in ((first, second), (second, first))
    ]
    if min(len(own) for own in own_places) < _MIN_ACCOUNTS:
        return []
    ties = []
    for kind in KINDS:
        if kind.name not in first.draws or kind.name not in second.draws or comparison.keys[kind.name].empty:
            continue
        own = [one.of(kind.name, kept) for one, kept in zip((first, second), own_places, strict=True)]
        if min(len(owner) for owner, _ in own) < _MIN_ACCOUNTS:
            continue
        draws = [comparison.drawn(kind.name, one, part) for one, part in zip((first, second), own, strict=True)]
        cap = P.settings_cap_bits if kind.name == "settings" else P.cap_bits
        bits = round(common_pool_bits(*draws, cap=cap, one_coincidence=kind.name == "created_at"), _DIGITS)
        if bits > 0.0:
            ties.append(Tie(kind, bits, kind.statement(*_count_sharing(own))))
    if (schedule := _schedule_tie(first, second, own_places, comparison)).bits > 0.0:
        ties.append(schedule)
    return sorted(ties, key=lambda tie: (-tie.bits, tie.kind.name))


def one_operator(ties: Sequence[Tie]) -> bool:
    """True where enough independent kinds tie two campaigns, and one of them is decisive."""
    strong = [tie for tie in ties if tie.bits >= P.kind_bits]
    sources = {tie.kind.source for tie in strong}
    return len(sources) >= P.independent_kinds and any(tie.kind.decisive for tie in strong)


def hours_of(log: ScoredLog) -> int:
    """Hours of a log, the last one counted even if it is incomplete."""
    begin, end = log.requests.span
    return int((end - begin) // HOUR) + 1 if len(log.requests.time) else 0


def _count_sharing(own: Sequence[tuple[Ints, Ints]]) -> tuple[int, int, int]:
    """Accounts of two campaigns that share a value, accounts of known value, and shared values."""
    shared = np.intersect1d(own[0][1], own[1][1])
    sharing = sum(len(np.unique(owner[np.isin(value, shared)])) for owner, value in own)
    return sharing, sum(len(np.unique(owner)) for owner, _ in own), len(shared)


def _known_accounts(value: Ints) -> tuple[Ints, Ints]:
    known = np.flatnonzero(value >= 0)
    return known, value[known]


def _chance_of_windows(values: Ints, counts: Ints) -> Floats:
    """Chance of each window of sign-ups by the campaign's own sign-ups of about a week."""
    near = np.abs(values[:, None] - values[None, :]) <= _NEAR_WINDOWS
    return np.asarray(near @ counts / (counts.sum() * (2 * _NEAR_WINDOWS + 1)), np.float64)


def _template_users(log: ScoredLog) -> KeyFrequencies:
    """Content clusters as a key of which an account may have many values."""
    slices = log.slices
    order = np.argsort(slices.account, kind="stable")
    first = np.searchsorted(slices.account[order], np.arange(log.accounts.count + 1))
    accounts = log.accounts
    return key_frequencies(first, slices.cluster[order], accounts.country, accounts.background, only_known=False)


def _schedule_tie(first: CampaignKeys, second: CampaignKeys, own_places: Sequence[Ints], comparison: Comparison) -> Tie:
    length = hours_of(first.log)
    found = []
    for one, own in zip((first, second), own_places, strict=True):
        owner, hour = one.hours
        found.append(schedule_of(np.bincount(hour[np.isin(owner, own)], minlength=length), comparison.activity))
    bits, parts = common_schedule(found[0], found[1], length, SHARED_KEYS.unlike_all)
    words = f"Both {formatting.join_words(parts)} within the same hours, and others do not"
    return Tie(SCHEDULE, round(min(bits, P.cap_bits), _DIGITS), words)


# Share of the smaller campaign's accounts in common from which both use one pool (measured: operations on one
# reseller's accounts; no script repeats it)
_POOL_SHARE = 0.45


POOL_WORDS = (
    "{common:account} {common:serves|serve} both campaigns, {share} of the smaller one: one pool of accounts, which "
    "may serve several operators"
)


@dataclass(frozen=True)
class Pair:
    """Two campaigns that belong together.

    Attributes:
        ties: what ties them, the strongest first; none in a pool.
        statement: what they have in common where it is a pool; else empty.
    """

    first: int
    second: int
    ties: tuple[Tie, ...] = ()
    statement: str = ""
    common: int = 0

    @property
    def bits(self) -> float:
        """Bits of all ties together."""
        return sum(tie.bits for tie in self.ties)


@dataclass(frozen=True)
class CampaignSet:
    """Campaigns of one operator, or of one pool of accounts.

    Attributes:
        pairs: the pairs that hold it together, the strongest first.
    """

    relation: str
    campaigns: tuple[int, ...]
    pairs: tuple[Pair, ...]


def find_campaign_sets(log: ScoredLog, campaigns: Sequence[Candidate]) -> list[CampaignSet]:
    """Operators first, then pools, each in the order of its first campaign."""
    if len(campaigns) < 2:
        return []
    comparison = Comparison(log, np.unique(np.concatenate([one.accounts for one in campaigns])))
    keys = [CampaignKeys(log, one) for one in campaigns]
    tied, pooled = [], []
    for first, second in combinations(range(len(campaigns)), 2):
        common, share = shared_accounts(keys[first], keys[second])
        if share >= _POOL_SHARE:
            words = fill(POOL_WORDS, common=common, share=formatting.percent(share))
            pooled.append(Pair(first, second, statement=words, common=common))
            continue
        ties = ties_between(keys[first], keys[second], comparison)
        if one_operator(ties):
            tied.append(Pair(first, second, tuple(ties)))
    tied.sort(key=lambda pair: (-pair.bits, pair.first, pair.second))
    pooled.sort(key=lambda pair: (-pair.common, pair.first, pair.second))
    apart = {(pair.first, pair.second) for pair in pooled}
    return [*_join_pairs("one_operator", tied, apart), *_join_pairs("one_pool", pooled, set())]


def _join_pairs(relation: str, pairs: Sequence[Pair], apart: set[tuple[int, int]]) -> list[CampaignSet]:
    """Sets of campaigns that pairs hold together, the strongest pairs first; none joins two that have to stay apart."""
    sets: dict[int, frozenset[int]] = {}
    for pair in pairs:
        left, right = (sets.get(one, frozenset((one,))) for one in (pair.first, pair.second))
        if any((min(a, b), max(a, b)) in apart for a in left for b in right):
            continue
        for one in (both := left | right):
            sets[one] = both
    return [
        CampaignSet(
            relation,
            tuple(sorted(members)),
            tuple(pair for pair in pairs if pair.first in members and pair.second in members),
        )
        for members in sorted(set(sets.values()), key=min)
    ]
