"""Roles come from evidence: which hands send the traffic that campaigns do not have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from row_logs import DAY, HOUR, group_of, log_of_rows

from stillhunt.score.output.roles import member_roles

MEMBERS = 6
HARVEST, OTHER = 0, -1
Row = tuple[int, int, int, str, int, float | None]


@dataclass(frozen=True)
class Member:
    """What one account sends: 40 harvested requests from the third day on, and others beside or before them.

    Attributes:
        others: other requests.
        begin: day on which they begin.
        client, network: with which client and from which network they come; None: those of the harvest.
        settings: how many different settings they use, each equally often; 0: the harvest's.
    """

    others: int = 0
    begin: float = 3.0
    client: str | None = None
    network: int | None = None
    settings: int = 0


def roles_of(*members: Member, flagged: bool = True, **columns: Any) -> list[str]:
    """Roles of the given members, with dedicated ones beside them until there are six."""
    rows: list[Row] = []
    everybody = [*members, *[Member()] * (MEMBERS - len(members))]
    for account, member in enumerate(everybody):
        rows += [(account, HARVEST, 3 * DAY + n * HOUR, f"bot/{account}", account, 0.5) for n in range(40)]
        client = member.client or f"bot/{account}"
        network = account if member.network is None else member.network
        for n in range(member.others):
            setting = 0.5 if not member.settings else 1.0 + n % member.settings / 10
            rows.append((account, OTHER, int((member.begin + n / 8) * DAY), client, network, setting))
    account, cluster, time, agent, network, temperature = (list(column) for column in zip(*rows, strict=True))
    given = {"user_agent": agent, "client_prefix": np.array(network, np.uint64), "temperature": temperature}
    log = log_of_rows(np.array(account), np.array(time), cluster=np.array(cluster), **(given | columns))
    found = member_roles(log, [group_of(log, len(everybody))], [np.full(len(everybody), flagged)])
    return found[: len(members)]


OWNER = Member(others=20, begin=0.5, client="browser", network=99)
COVER = Member(others=60)


@pytest.mark.parametrize(
    ("member", "role"),
    [
        (Member(), "dedicated"),
        (Member(others=8), "dedicated"),
        (COVER, "mixed"),
        (replace(COVER, begin=0.5), "mixed"),
        (OWNER, "victim"),
        (replace(OWNER, others=4), "unknown"),
        (replace(OWNER, begin=2.5), "unknown"),
        (replace(OWNER, begin=5.0), "unknown"),
        (replace(COVER, network=99), "unknown"),
        (replace(COVER, client="browser"), "mixed"),
    ],
)
def test_the_role_follows_from_who_sends_the_other_traffic(member: Member, role: str) -> None:
    assert roles_of(member) == [role]


def test_cover_is_not_what_makes_an_account_honest() -> None:
    assert set(roles_of(*[COVER] * MEMBERS)) == {"mixed"}


def test_an_owner_of_little_traffic_is_not_called_dedicated() -> None:
    assert roles_of(replace(OWNER, others=6, begin=0.5)) == ["victim"]
    assert roles_of(replace(OWNER, others=1, begin=0.5)) == ["unknown"]


def test_other_hands_from_one_network_are_one_operator_and_no_customers() -> None:
    assert set(roles_of(*[OWNER] * MEMBERS)) == {"unknown"}
    owners = [replace(OWNER, network=90 + place) for place in range(MEMBERS)]
    assert set(roles_of(*owners)) == {"victim"}


def test_settings_that_come_back_show_the_customers_of_a_reseller() -> None:
    assert roles_of(replace(COVER, settings=5), COVER, COVER) == ["pool", "unknown", "unknown"]
    assert roles_of(replace(COVER, settings=2), COVER, COVER) == ["mixed"] * 3
    assert roles_of(replace(COVER, settings=60), COVER, COVER) == ["mixed"] * 3


def test_an_account_that_is_not_flagged_is_called_no_harvester() -> None:
    assert roles_of(Member(), COVER, OWNER, flagged=False) == ["unknown", "unknown", "victim"]


@pytest.mark.parametrize("column", ["user_agent", "client_prefix"])
def test_without_clients_or_networks_only_those_without_other_traffic_have_a_role(column: str) -> None:
    assert roles_of(Member(), Member(others=8), COVER, OWNER, **{column: _nothing()}) == [
        "dedicated",
        "unknown",
        "unknown",
        "unknown",
    ]


def _nothing() -> list[None]:
    return [None] * (40 * MEMBERS + 8 + 60 + 20)


def test_what_another_campaign_has_is_no_other_traffic() -> None:
    account = np.repeat(np.arange(MEMBERS), 80)
    time = np.tile(np.arange(80) * HOUR, MEMBERS)
    cluster = np.tile(np.repeat([0, 1], 40), MEMBERS)
    network = account.astype(np.uint64)
    log = log_of_rows(account, time, cluster=cluster, user_agent=["bot"] * len(account), client_prefix=network)
    both = [group_of(log, MEMBERS), group_of(log, MEMBERS, cluster=1)]
    accused = np.ones(MEMBERS, bool)
    assert set(member_roles(log, both, [accused, accused])) == {"dedicated"}
    assert set(member_roles(log, both[:1], [accused])) == {"mixed"}
