"""Client fingerprints shared beyond chance, by groups with a template and by groups that their workload formed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import DAY, Array, finding_of, group_of, log_of_rows, untemplated_group, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.client_fingerprint import (
    _MEMBER_AGAINST_BITS,
    _MEMBER_BITS,
    KIND,
    P,
    _as_users_of_the_same,
)
from stillhunt.score.stats.shared_keys import shared_value

OTHERS = 150
EACH = 10
Clients = list[str | None]
POPULAR: Clients = [f"sdk/{n % 3}" for n in range(OTHERS)]


def log_of_clients(clients: Clients, *, style: Array | None = None) -> ScoredLog:
    """Accounts with ten untemplated requests each, all by its client, with a temperature unless said otherwise."""
    account = np.repeat(np.arange(len(clients)), EACH)
    sets = np.ones(len(clients), bool) if style is None else style
    log = log_of_rows(
        account,
        np.arange(len(account)) % (14 * DAY),
        temperature=[0.7 if sets[number] else None for number in account],
        user_agent=[clients[number] for number in account],
    )
    return with_requests(log, untemplated=np.ones(len(account), bool))


def untemplated(own: Clients, others: Clients, *, style: Array | None = None, formed: int | None = None) -> Finding:
    """The finding about an untemplated group; of its slices the first `formed` formed it."""
    log = log_of_clients([*own, *others], style=style)
    group = untemplated_group(log, np.arange(len(own)))
    if formed is not None:
        group = replace(group, formed_on=np.where(np.arange(len(own)) < formed, 3, 0), searched=formed)
    found = finding_of(KIND, log, group)
    assert found is not None
    return found


def test_a_client_that_only_the_group_has_is_evidence() -> None:
    found = untemplated(["curl/8"] * 20, POPULAR)
    assert (found.family, found.kind) == ("network", "client_fingerprint")
    assert found.bits > 5.0
    assert found.independent, "nobody looked at clients to form the group"
    assert found.member_bits is not None
    assert (found.member_bits > 2.0).all()
    assert found.statement.startswith("All 20 accounts, found by topics and workload, also use 1 client fingerprint")


def test_popular_clients_are_no_evidence() -> None:
    assert untemplated(["sdk/0"] * 20, POPULAR).bits <= 0.0
    assert untemplated(POPULAR[:20], POPULAR).bits <= 0.0


def test_clients_are_compared_within_the_request_style() -> None:
    """A hundred people at keyboards with the same client do not make it popular among programs."""
    sets = np.concatenate([np.ones(20 + OTHERS, bool), np.zeros(100, bool)])
    rare = untemplated(["curl/8"] * 20, [*POPULAR, *["curl/8"] * 100], style=sets)
    popular = untemplated(["curl/8"] * 20, [*POPULAR, *["curl/8"] * 100])
    assert rare.bits > 5.0
    assert popular.bits < rare.bits - 5.0


def test_members_that_their_client_helped_to_find_are_no_evidence_for_it() -> None:
    """Three founders and seventeen that joined by their client: what joined by it cannot testify."""
    by_chance: Clients = ["sdk/0", "sdk/1", "sdk/2"]
    assert untemplated([*by_chance, *["curl/8"] * 17], POPULAR, formed=3).bits <= 0.0
    honest = untemplated(["curl/8"] * 20, POPULAR, formed=10)
    assert honest.bits > 0.0
    assert honest.member_bits is not None
    assert (honest.member_bits[10:] == honest.member_bits[0]).all(), "who joined counts as much as its fellows"


@pytest.mark.parametrize("searched", [4, 5, 6, 40])
def test_slices_that_were_passed_over_count_as_sharing_nothing(searched: int) -> None:
    """The more slices were looked through for this client, the less it says."""
    log = log_of_clients([*["curl/8"] * 6, *["curl/8"] * 12, *POPULAR])
    group = replace(untemplated_group(log, np.arange(6)), formed_on=np.where(np.arange(6) < 5, 3, 0), searched=searched)
    found = finding_of(KIND, log, group)
    assert found is not None
    own = np.where(np.arange(6) < 5, log.requests.client_fingerprint[0], -1)
    expected = shared_value(own, group.accounts, log.keys.client_fingerprint(1), passed_over=max(searched - 5, 0))
    assert found.bits == pytest.approx(expected.bits)
    assert expected.bits < P.untemplated_cap_bits
    assert found.count == 60
    assert found.statement.startswith(f"{expected.sharing} of 6 accounts")


def test_a_whole_pays_for_the_slices_that_were_passed_over() -> None:
    log = log_of_clients([*["curl/8"] * 6, *["curl/8"] * 12, *POPULAR])
    alone, whole = (finding_of(KIND, log, replace(group_of(log, 6), searched=searched)) for searched in (0, 400))
    assert alone is not None
    assert whole is not None
    assert whole.bits < alone.bits


def test_caps_are_eleven_bits_without_a_template_and_four_with_one() -> None:
    log = log_of_clients([*["curl/8"] * 60, *POPULAR])
    without = finding_of(KIND, log, untemplated_group(log, np.arange(60)))
    with_one = finding_of(KIND, log, group_of(log, 60))
    assert without is not None
    assert with_one is not None
    assert (without.bits, with_one.bits) == (11.0, 4.0)
    assert (without.independent, with_one.independent) == (True, False)
    assert with_one.statement == (
        "All 60 accounts use 1 client fingerprint (user agent and TLS) that is less common among other accounts"
    )
    assert with_one.count == 600
    assert with_one.member_bits is not None
    assert without.member_bits is not None
    assert with_one.member_bits.max() == _MEMBER_BITS
    assert _MEMBER_BITS < without.member_bits.max() <= P.untemplated_member_bits


def test_the_client_of_most_requests_is_the_accounts_own() -> None:
    """Six of ten requests by one client and four by another."""
    account = np.repeat(np.arange(100), EACH)
    clients = np.where(account < 20, np.where(np.arange(1000) % EACH < 6, "curl/8", "sdk/0"), "sdk/1")
    log = log_of_rows(account, np.arange(1000), user_agent=clients.tolist())
    found = finding_of(KIND, log, group_of(log, 20))
    assert found is not None
    assert found.bits == 4.0
    assert found.statement.startswith("All 20 accounts use 1 client fingerprint")


def test_a_templated_member_with_a_client_of_its_own_is_judged_by_it() -> None:
    log = log_of_clients([*["curl/8"] * 20, "odd/1", *POPULAR])
    found = finding_of(KIND, log, group_of(log, 21))
    assert found is not None
    assert found.member_bits is not None
    assert -_MEMBER_AGAINST_BITS <= found.member_bits[20] < 0 < found.member_bits[0]


def test_unknown_clients_say_nothing() -> None:
    log = log_of_rows(np.repeat(np.arange(60), EACH), np.arange(600))
    assert finding_of(KIND, log, untemplated_group(log, np.arange(20))) is None
    assert finding_of(KIND, log, group_of(log, 20)) is None
    found = untemplated([None] * 20, POPULAR)
    assert found.bits == 0.0
    assert found.member_bits is not None
    assert not found.member_bits.any()


def test_members_who_left_are_judged_with_the_group_as_it_was_found() -> None:
    log = log_of_clients([*["curl/8"] * 20, *POPULAR])
    whole = untemplated_group(log, np.arange(20))
    rest = whole.without(np.arange(20) < 8)
    found = finding_of(KIND, log, rest, as_found=whole)
    of_all = finding_of(KIND, log, whole)
    assert found is not None
    assert of_all is not None
    assert found.bits == of_all.bits
    assert found.member_bits is not None
    assert len(found.member_bits) == 8
    assert found.statement.startswith("All 20 accounts")


@pytest.mark.parametrize(("users", "spared"), [(3, False), (4, True)])
def test_a_popular_client_of_several_members_is_not_evidence_against_them(users: int, spared: bool) -> None:
    used = np.array([0] * users + [1] * 9)
    bits = np.where(used == 0, -2.0, 3.0)
    found = _as_users_of_the_same(bits, used, used)
    assert (found[:users] == (0.0 if spared else -2.0)).all()
    assert (found[users:] == 3.0).all()


def test_who_was_not_judged_counts_as_its_fellows_and_who_is_unknown_as_nothing() -> None:
    judged, used = np.array([2, 0, -1, -1, -1]), np.array([2, 0, 0, 5, -1])
    assert _as_users_of_the_same(np.array([1.5, -2.0, 9.0, 9.0, 9.0]), judged, used).tolist() == [1.5, -2.0, -2.0, 0, 0]
