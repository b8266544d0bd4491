"""Which part each member plays in a campaign, as far as the logs show it.

A role accuses or clears somebody, so it needs evidence of its own: which hands send the account's traffic. Requests of
one account that are linked by a client fingerprint or by a network, however many steps apart, come from one pair of
hands; the pair that sends most of the harvest is the harvester's. Its own cover comes from there as well. A second pair
of hands, at work before the harvest began, is a customer whose key was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillhunt.base.arrays import CODE_RANGE
from stillhunt.base.coded import coded
from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of
from stillhunt.base.schema_case import ROLES
from stillhunt.base.units import DAY
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import Requests
from stillhunt.score.stats.arrays import Flags, Ints

_WORLDS = measured("worlds of two generators, seeds 301, 302 and 441; `benchmarks/quality/roles.py` counts others")


@parameter_table("score.roles", "Which part an account plays in a campaign.")
@dataclass(frozen=True)
class RoleParameters:
    """Parameters of the members' roles."""

    dedicated_share: float = parameter(
        0.8,
        unit="share",
        meaning="Share of an account's traffic that campaigns have, from which it serves them alone.",
        provenance=judgement("the rest is tried by hand or cut otherwise"),
    )
    other_hands: float = parameter(
        0.1,
        unit="share",
        meaning="Share of the other requests that may come from other hands where the harvester's send them.",
        provenance=_WORLDS,
    )
    other_networks: float = parameter(
        0.5,
        unit="share",
        meaning="The same of requests from networks without harvested requests.",
        provenance=_WORLDS,
    )
    own_requests: int = parameter(
        5,
        unit="requests",
        meaning="Requests of other hands from which they may be the owner's.",
        provenance=judgement("fewer may be an operator's tests"),
    )
    own_days: int = parameter(
        2,
        unit="days",
        meaning="Different days of such requests.",
        provenance=judgement("a customer comes back"),
    )
    own_lead: int = parameter(
        DAY,
        unit="µs",
        meaning="Time by which they must begin before the harvest.",
        provenance=judgement("cover begins with the harvest or after it; a day bridges a batch that was cut off"),
    )
    own_networks: float = parameter(
        0.5,
        unit="share",
        meaning="Share of them that may come from networks that other hands of other members use too.",
        provenance=judgement("customers have networks of their own; cover leaves through an operator's"),
    )
    customer_settings: int = parameter(
        3,
        unit="settings",
        meaning="Settings that come back in other requests and never in the harvest, for customers to be behind.",
        provenance=_WORLDS,
    )
    customer_share: float = parameter(
        0.2,
        unit="share",
        meaning="Share of the other requests with such settings, for the same.",
        provenance=_WORLDS,
    )
    pooled_members: float = parameter(
        0.1,
        unit="share",
        meaning="Members with customers, of those with other traffic, above which nobody's is called cover.",
        provenance=judgement("a reseller's accounts are alike, and few of them show it"),
    )


P = values_of(RoleParameters)
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
        roles += _roles(_Traffic(log.requests, campaign.accounts, harvested, network), accused)
    return roles


class _Traffic:
    """All requests of the members of one campaign; one entry a request unless said otherwise.

    Attributes:
        client, network: its client fingerprint and network; -1 unknown.
        other_hands: True where not the hands send it that send most of the member's harvest.
    """

    def __init__(self, log: Requests, members: Ints, harvested: Flags, network: Ints) -> None:
        self._log, self._rows = log, log.of_accounts(members)
        self.members = len(members)
        self.owner = log.owners(members)
        self.harvest = harvested[self._rows]
        self.client, self.network = log.client_fingerprint[self._rows], network[self._rows]
        self.time = log.time[self._rows]
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
        size = len(clients) + len(networks)
        links = coo_array((np.ones(len(client), np.int8), (client, len(clients) + network)), shape=(size, size))
        hands = np.full(len(self.owner), -1)
        hands[known] = connected_components(links, directed=False)[1][client] if len(client) else 0
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


def _roles(traffic: _Traffic, flagged: Flags) -> list[str]:
    rest = ~traffic.harvest
    others, total = traffic.count(rest), traffic.count(np.ones(len(rest), bool))
    share = 1.0 - others / np.maximum(total, 1)
    same = _same_hands(traffic, others)
    customers = same & (share < P.dedicated_share) & _customers(traffic, others)
    cover = same & (share < P.dedicated_share) & ~customers
    pooled = customers.sum() > P.pooled_members * (customers | cover).sum()
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
    same: Flags = (strangers <= P.other_hands * others) & (traffic.count(elsewhere) <= P.other_networks * others)
    # An owner may use the client that the harvester uses.
    return same & (unknown <= P.other_hands * others) & ~_at_work_before(traffic, elsewhere)


def _customers(traffic: _Traffic, others: Ints) -> Flags:
    """Members through whom several programs with settings of their own, which come back, ask beside the harvest."""
    settings = traffic.settings
    new = ~traffic.harvest & traffic.new_to_harvest(settings)
    pair, times = np.unique(traffic.owner[new] * CODE_RANGE + settings[new], return_counts=True)
    owner, back = pair // CODE_RANGE, times > 1
    several = np.bincount(owner[back], minlength=traffic.members) >= P.customer_settings
    requests = np.bincount(owner[back], weights=times[back], minlength=traffic.members)
    return np.asarray(several & (requests >= P.customer_share * others))


def _taken_keys(traffic: _Traffic) -> Flags:
    """Members whose own traffic comes from other hands, began before the harvest, and is like nobody else's."""
    own = traffic.other_hands
    networks, place = np.unique(traffic.network[own], return_inverse=True)
    holders = np.bincount(np.unique(traffic.owner[own] * CODE_RANGE + place) % CODE_RANGE, minlength=len(networks))
    common = np.zeros(len(own), bool)
    common[own] = holders[place] > 1
    return _at_work_before(traffic, own) & (traffic.count(common) <= P.own_networks * traffic.count(own))


def _at_work_before(traffic: _Traffic, chosen: Flags) -> Flags:
    """Members whose chosen requests are several, on several days, and begin before the harvest of the main hands."""
    days = traffic.distinct(traffic.time // DAY, chosen)
    lead = traffic.first(traffic.harvest & ~traffic.other_hands) - P.own_lead
    several = (traffic.count(chosen) >= P.own_requests) & (days >= P.own_days)
    return np.asarray(several & (traffic.first(chosen) <= lead))
