"""Which part each member plays in a campaign, as far as the logs show it.

A role accuses or clears somebody, so it needs evidence of its own: which hands send the account's traffic. Requests of
one account that are linked by a client fingerprint or by a network, however many steps apart, come from one pair of
hands; the pair that sends most of the harvest is the harvester's. Its own cover comes from there as well. A second pair
of hands, at work before the harvest began, is a customer whose key was taken.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import CODE_RANGE, Flags, Ints
from stillhunt.base.coded import coded
from stillhunt.base.components import number_components
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema_case import ROLES
from stillhunt.base.units import DAY
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import Requests

# share: the same of requests from networks without harvested requests (measured: worlds of two generators, seeds 301,
# 302 and 441; `benchmarks/quality/roles.py` counts others)
_OTHER_NETWORKS = 0.5
_OWN_REQUESTS = 5  # Requests of other hands from which they may be the owner's (fewer may be an operator's tests)
_OWN_DAYS = 2  # Different days of such requests (a customer comes back)
# µs: time by which they must begin before the harvest (cover begins with the harvest or after it; a day bridges a batch
# that was cut off)
_OWN_LEAD = DAY
# Share of them that may come from networks that other hands of other members use too (customers have networks of their
# own; cover leaves through an operator's)
_OWN_NETWORKS = 0.5
# Settings that come back in other requests and never in the harvest, for customers to be behind (measured: worlds of
# two generators, seeds 301, 302 and 441; `benchmarks/quality/roles.py` counts others)
_CUSTOMER_SETTINGS = 3
# Share of the other requests with such settings, for the same (measured: worlds of two generators, seeds 301, 302 and
# 441; `benchmarks/quality/roles.py` counts others)
_CUSTOMER_SHARE = 0.2
# share: members with customers, of those with other traffic, above which nobody's is called cover (a reseller's
# accounts are alike, and few of them show it)
_POOLED_MEMBERS = 0.1


class RoleParameters(NamedTuple):
    """Parameters of the members' roles."""

    dedicated_share: float
    other_hands: float


P = read_parameters(RoleParameters, "score.roles")
DEDICATED, MIXED, POOL, VICTIM, UNKNOWN_ROLE = ROLES


def member_roles(log: ScoredLog, campaigns: Sequence[Candidate], flagged: Sequence[Flags]) -> list[str]:
    """The role of each member of each campaign.

    Args:
        campaigns: the campaigns, groups left alone excepted.
        flagged: for each of them, True for the members who are flagged with it: nobody else is called a harvester.

    Returns:
        One of `ROLES` for each member, campaign by campaign.
    """
    harvested = np.zeros(len(log.requests.time), bool)
    for campaign in campaigns:
        harvested[campaign.rows] = True
    network = coded(log.requests.table.column("client_prefix"))
    roles: list[str] = []
    for campaign, accused in zip(campaigns, flagged, strict=True):
        roles += _judge_roles(_Traffic(log.requests, campaign.accounts, harvested, network), accused)
    return roles


class _Traffic:
    """All requests of the members of one campaign; one entry a request unless said otherwise."""

    def __init__(self, log: Requests, members: Ints, harvested: Flags, network: Ints) -> None:
        self._log, self._rows = log, log.of_accounts(members)
        self.members = len(members)
        self.owner = log.owners(members)
        self.harvest = harvested[self._rows]
        # its client fingerprint and network; -1 unknown
        self.client, self.network = log.client_fingerprint[self._rows], network[self._rows]
        self.time = log.time[self._rows]
        # True where not the hands send it that send most of the member's harvest
        self.other_hands = self._other_hands()

    def count(self, chosen: Flags) -> Ints:
        """Chosen requests of each member."""
        return np.bincount(self.owner[chosen], minlength=self.members)

    def first(self, chosen: Flags) -> Ints:
        """Time of the first chosen request of each member, microseconds since 1970; the latest time where none."""
        begin = np.full(self.members, np.iinfo(np.int64).max)
        np.minimum.at(begin, self.owner[chosen], self.time[chosen])
        return begin

    def new_to_harvest(self, values: Ints) -> Flags:
        """True for known values that no harvested request of the member has."""
        pair = self.owner * CODE_RANGE + values
        return np.asarray((values >= 0) & ~np.isin(pair, pair[self.harvest]))

    def distinct(self, values: Ints, chosen: Flags) -> Ints:
        """Distinct values of the chosen requests of each member."""
        pairs = np.unique(self.owner[chosen] * CODE_RANGE + values[chosen])
        return np.bincount(pairs // CODE_RANGE, minlength=self.members)

    @property
    def settings(self) -> Ints:
        """Settings of each request, 0 where all are left to the default."""
        return self._log.settings[self._rows] + 1

    def _other_hands(self) -> Flags:
        known = (self.client >= 0) & (self.network >= 0)
        pairs = [self.owner[known] * CODE_RANGE + values[known] for values in (self.client, self.network)]
        (clients, client), (networks, network) = (np.unique(pair, return_inverse=True) for pair in pairs)
        hands = np.full(len(self.owner), -1)
        hands[known] = number_components(client, len(clients) + network, len(clients) + len(networks))[client]
        # A pair of hands belongs to one member, because clients and networks are counted for each.
        harvest = np.bincount(hands[known & self.harvest], minlength=int(hands.max(initial=-1)) + 1)
        member = np.zeros(len(harvest), np.int64)
        member[hands[known]] = self.owner[known]
        order = np.lexsort((-harvest, member))
        main = np.zeros(len(harvest), bool)
        main[order[np.flatnonzero(np.diff(member[order], prepend=-1))]] = True
        other = np.zeros(len(hands), bool)
        other[known] = ~main[hands[known]]
        return other


def _judge_roles(traffic: _Traffic, flagged: Flags) -> list[str]:
    rest = ~traffic.harvest
    others, total = traffic.count(rest), traffic.count(np.ones(len(rest), bool))
    share = 1.0 - others / np.maximum(total, 1)
    same = _same_hands(traffic, others)
    customers = same & (share < P.dedicated_share) & _members_with_customers(traffic, others)
    cover = same & (share < P.dedicated_share) & ~customers
    pooled = customers.sum() > _POOLED_MEMBERS * (customers | cover).sum()
    roles = np.full(traffic.members, ROLES.index(UNKNOWN_ROLE))
    roles[flagged & same & (share >= P.dedicated_share)] = ROLES.index(DEDICATED)
    roles[flagged & cover & ~pooled] = ROLES.index(MIXED)
    roles[flagged & customers & pooled] = ROLES.index(POOL)
    roles[_taken_keys(traffic)] = ROLES.index(VICTIM)
    return [ROLES[role] for role in roles]


def _same_hands(traffic: _Traffic, others: Ints) -> Flags:
    """Members whose other traffic, if any, comes from the hands that harvest."""
    unknown = traffic.count(~traffic.harvest & ((traffic.client < 0) | (traffic.network < 0)))
    # Other hands may be hidden in the harvest, too: an owner's own template.
    strangers = traffic.count(traffic.other_hands)
    elsewhere = ~traffic.harvest & traffic.new_to_harvest(traffic.network)
    same: Flags = (strangers <= P.other_hands * others) & (traffic.count(elsewhere) <= _OTHER_NETWORKS * others)
    # An owner may use the client that the harvester uses.
    return same & (unknown <= P.other_hands * others) & ~_at_work_before(traffic, elsewhere)


def _members_with_customers(traffic: _Traffic, others: Ints) -> Flags:
    """Members through whom several programs with settings of their own, which come back, ask beside the harvest."""
    settings = traffic.settings
    new = ~traffic.harvest & traffic.new_to_harvest(settings)
    pair, times = np.unique(traffic.owner[new] * CODE_RANGE + settings[new], return_counts=True)
    owner, back = pair // CODE_RANGE, times > 1
    several = np.bincount(owner[back], minlength=traffic.members) >= _CUSTOMER_SETTINGS
    requests = np.bincount(owner[back], weights=times[back], minlength=traffic.members)
    return np.asarray(several & (requests >= _CUSTOMER_SHARE * others))


def _taken_keys(traffic: _Traffic) -> Flags:
    """Members whose own traffic comes from other hands, began before the harvest, and is like nobody else's."""
    own = traffic.other_hands
    networks, place = np.unique(traffic.network[own], return_inverse=True)
    holders = np.bincount(np.unique(traffic.owner[own] * CODE_RANGE + place) % CODE_RANGE, minlength=len(networks))
    common = np.zeros(len(own), bool)
    common[own] = holders[place] > 1
    return _at_work_before(traffic, own) & (traffic.count(common) <= _OWN_NETWORKS * traffic.count(own))


def _at_work_before(traffic: _Traffic, chosen: Flags) -> Flags:
    """Members whose chosen requests are several, on several days, and begin before the harvest of the main hands."""
    days = traffic.distinct(traffic.time // DAY, chosen)
    lead = traffic.first(traffic.harvest & ~traffic.other_hands) - _OWN_LEAD
    several = (traffic.count(chosen) >= _OWN_REQUESTS) & (days >= _OWN_DAYS)
    return np.asarray(several & (traffic.first(chosen) <= lead))
