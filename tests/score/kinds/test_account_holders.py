"""Who the accounts say they are: posing as separate customers, people in one place, or nobody's together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from row_logs import Array, finding_of, group_of, log_of_rows, untemplated_group, with_requests

from stillhunt.base.families import SIGN_KINDS
from stillhunt.base.units import HOUR
from stillhunt.score.context import customers as mail
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.gather import gather_evidence
from stillhunt.score.evidence.kinds.account_holders import (
    _DECLARED_SHARE,
    _FEW_ACCOUNTS,
    _OWN_DOMAIN_SHARE,
    _SHARED_SHARE,
    _UNLINKED_SHARE,
    ACCOUNTS_PER_BIT,
    DOMAIN_KIND,
    FEW_KIND,
    HOLDER_KINDS,
    OTHER_WORK_KIND,
    OWN_TEMPLATE,
    TEMPLATE_KIND,
    UNKNOWN_KIND,
)
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer

MEMBERS, OTHERS = 20, 60
Columns = dict[str, list[Any]]


def customers(members: int = MEMBERS, **own: list[Any]) -> Columns:
    """Columns of ACCOUNTS: the members' as given, everything else different for all."""
    count = members + OTHERS
    columns: Columns = {
        "email_domain": [f"own{n}.example" for n in range(count)],
        "payment_fingerprint": [1_000 + n for n in range(count)],
        "signup_prefix": [1_000 + n for n in range(count)],
        "signup_country": [f"X{n % 9}" for n in range(count)],
        "organization_id": [None] * count,
        "created_at": [None] * count,
    }
    return {name: [*own[name], *values[members:]] if name in own else values for name, values in columns.items()}


def log_with(columns: Columns, address: Array | None = None, ip_kind: str | None = None) -> ScoredLog:
    count = len(columns["email_domain"])
    owner = np.repeat(np.arange(count), 2)
    sent: Columns = {"ip_kind": [ip_kind] * len(owner)}
    sent |= {} if address is None else {"client_prefix": address[owner].astype(np.uint64)}
    return log_of_rows(owner, np.arange(2 * count), customers=columns, **sent)


def signs_of(log: ScoredLog, members: int = MEMBERS) -> dict[str, Finding]:
    """Every sign that is found, by kind."""
    found = {kind.name: finding_of(kind, log, group_of(log, members)) for kind in HOLDER_KINDS}
    return {name: finding for name, finding in found.items() if finding is not None}


def sign(members: int = MEMBERS, *, address: Array | None = None, ip_kind: str | None = None, **own: list[Any]) -> str:
    """The one sign that is found; empty where there is none."""
    found = [*signs_of(log_with(customers(members, **own), address, ip_kind), members)]
    assert len(found) <= 1
    return "".join(found)


def shared(number: int, members: int = MEMBERS, values: int = 1) -> list[int]:
    """The first members share so many values, and the others have one each."""
    return [n % values if n < number else 100 + n for n in range(members)]


def domains(number: int, domain: str = "place.example") -> list[str]:
    return [domain if n < number else f"own{n}.example" for n in range(MEMBERS)]


@pytest.fixture(autouse=True)
def known_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of disposable domains that does not change with a package."""
    monkeypatch.setattr(mail, "_listed_domains", lambda: frozenset({"throwaway.example"}))


MANY = int(_SHARED_SHARE * MEMBERS)
"""Members from which most of them share something."""


def test_the_signs_are_the_kinds_that_count_by_being_found() -> None:
    signs = (*HOLDER_KINDS, FEW_KIND, DOMAIN_KIND, UNKNOWN_KIND, OTHER_WORK_KIND)
    assert {kind.name for kind in signs} == SIGN_KINDS


@pytest.mark.parametrize("key", ["payment_fingerprint", "signup_prefix"])
def test_most_accounts_on_few_cards_or_sign_up_networks_pose_as_separate_customers(key: str) -> None:
    assert sign(**{key: shared(MANY)}) == "posing_customers"
    assert sign(**{key: shared(MANY - 1)}) == "partly_posing", "nearly half of them"
    assert sign(**{key: shared(MANY - 3)}) == ""
    assert sign(**{key: shared(MEMBERS, values=6)}) == "posing_customers", "six cards for twenty accounts"
    assert sign(**{key: shared(MEMBERS, values=10)}) == "unlinked_customers", "two accounts may be one family"


def test_what_many_others_have_too_is_not_the_groups() -> None:
    columns = customers(payment_fingerprint=[7] * MEMBERS)
    for others, found in ((2 * MEMBERS, ["posing_customers"]), (2 * MEMBERS + 1, ["unlinked_customers"])):
        cards = [7 if n < MEMBERS + others else 1_000 + n for n in range(MEMBERS + OTHERS)]
        assert [*signs_of(log_with(columns | {"payment_fingerprint": cards}))] == found


@pytest.mark.parametrize(("members", "few"), [(5, True), (_FEW_ACCOUNTS - 1, True), (_FEW_ACCOUNTS, False)])
def test_a_small_group_is_called_small_whoever_it_is(members: int, few: bool) -> None:
    """Families and small firms share cards, too: from how many accounts posing is for a person to see, rules say."""
    log = log_with(customers(members, payment_fingerprint=[7] * members))
    found = finding_of(FEW_KIND, log, group_of(log, members))
    assert (found is not None) == few
    if found is not None:
        assert (found.bits, found.member_bits) == (0.0, None)
        assert found.statement.startswith(f"It has {members} accounts only")
    assert [*signs_of(log, members)] == ["posing_customers"]


def test_who_declares_an_organisation_does_not_pose() -> None:
    """A quarter of the members is enough; where most do, nothing is said here at all."""
    card = {"payment_fingerprint": [7] * MEMBERS}
    few, quarter, most = int(_DECLARED_SHARE * MEMBERS) - 1, int(_DECLARED_SHARE * MEMBERS), MEMBERS
    for declared, found in ((few, "posing_customers"), (quarter, ""), (most, "")):
        assert sign(**card, organization_id=["org" if n < declared else None for n in range(MEMBERS)]) == found


def test_a_group_that_openly_is_one_customer_has_no_sign() -> None:
    """Seats of one firm: one domain of its own, one card and one country."""
    columns = customers(
        payment_fingerprint=[7] * MEMBERS, email_domain=["firm.example"] * MEMBERS, signup_country=["NL"] * MEMBERS
    )
    log = log_with(columns)
    assert explained_by_customer(CandidateCase.of(log, group_of(log, MEMBERS), 4))
    assert signs_of(log) == {}


def own_domain(**own: list[Any]) -> tuple[str, bool]:
    """The one sign, and whether the group has a mail domain of its own."""
    log = log_with(
        customers(**{"payment_fingerprint": shared(MEMBERS, values=4), "signup_country": ["NL"] * MEMBERS} | own)
    )
    found = finding_of(DOMAIN_KIND, log, group_of(log, MEMBERS))
    assert found is None or (found.bits, found.member_bits) == (0.0, None)
    return "".join(signs_of(log)), found is not None


def test_a_firm_with_a_domain_of_its_own_in_one_country_does_not_pose() -> None:
    """A card for each department is no disguise; another country, or mail that anybody can have, is."""
    nearly = int(_OWN_DOMAIN_SHARE * MEMBERS)
    assert own_domain(email_domain=domains(nearly)) == ("", True), "nor are they people who happen to be in one place"
    own_cards = [*range(MEMBERS)]
    assert own_domain(email_domain=domains(nearly), payment_fingerprint=own_cards) == ("one_place", True)
    assert own_domain(email_domain=domains(nearly - 1)) == ("posing_customers", False)
    countries = [f"C{n % 4}" for n in range(MEMBERS)]
    assert own_domain(email_domain=domains(nearly), signup_country=countries) == ("posing_customers", False)
    assert own_domain(email_domain=domains(MEMBERS, "throwaway.example")) == ("posing_customers", False)


def test_a_domain_says_nothing_where_one_session_opened_accounts_on_several_cards_and_networks() -> None:
    """Departments open accounts at their own time, and who does it for all has one card or one network."""
    hours = [9 * HOUR + n * HOUR // 2 for n in range(MEMBERS)]
    spread = {"email_domain": domains(MEMBERS), "signup_prefix": shared(MEMBERS, values=3), "created_at": hours}
    assert own_domain(**spread) == ("", False), "ten hours, in two windows; and it does not pose"
    assert own_domain(**spread | {"created_at": [5 * when for when in hours]}) == ("", True)
    assert own_domain(**spread | {"created_at": [None] * MEMBERS}) == ("", True)
    assert own_domain(**spread | {"payment_fingerprint": shared(MEMBERS - 3)}) == ("", True), "one card"
    assert own_domain(**spread | {"signup_prefix": [*range(MEMBERS)]}) == ("", True), "each from home"


def test_one_mail_domain_and_one_sign_up_network_are_people_in_one_place() -> None:
    """But not where one card pays for most of them."""
    place = {"signup_prefix": shared(MEMBERS), "email_domain": domains(MEMBERS)}
    assert sign(**place) == "one_place"
    assert sign(**place, payment_fingerprint=shared(MANY)) == "posing_customers"


@pytest.mark.parametrize("domain", ["school.edu", "college.ac.uk"])
def test_a_school_signs_up_from_its_own_network(domain: str) -> None:
    """Its card is another matter."""
    some = domains(MANY, domain)
    assert sign(signup_prefix=shared(MEMBERS), email_domain=some) == "one_place"
    assert sign(payment_fingerprint=shared(MEMBERS), email_domain=some) == "posing_customers"


def test_most_accounts_with_one_mail_domain_are_in_one_place() -> None:
    """From the same share on; several places are none."""
    assert sign(email_domain=domains(MANY)) == "one_place"
    assert sign(email_domain=domains(MANY - 1)) == ""
    assert sign(email_domain=[f"place{n % 3}.example" for n in range(MEMBERS)]) == ""


def test_most_accounts_that_send_from_one_network_are_in_one_place() -> None:
    everywhere = np.arange(MEMBERS + OTHERS) + 10
    for number, found in ((MANY, "one_place"), (MANY - 1, "")):
        address = np.where(np.arange(MEMBERS + OTHERS) < number, 3, everywhere)
        assert sign(address=address) == found
    carrier = np.where(np.arange(MEMBERS + OTHERS) < 3 * MEMBERS + 1, 3, everywhere)
    assert sign(address=carrier) == "unlinked_customers", "a carrier's network is no place"


def test_who_signs_up_where_all_work_and_pays_alone_is_in_one_place() -> None:
    """A hackathon; where a card is shared, or the accounts are used elsewhere, somebody opened them for others."""
    opened = {"signup_prefix": [3] * MEMBERS}
    venue = np.where(np.arange(MEMBERS + OTHERS) < MEMBERS, 3, np.arange(MEMBERS + OTHERS) + 10)
    assert sign(address=venue, **opened) == "one_place"
    assert sign(address=np.where(venue == 3, 4, venue), **opened) == "posing_customers", "one place, but another"
    for kind, found in (("business", "one_place"), ("hosting", "posing_customers")):
        assert sign(address=venue, ip_kind=kind, **opened) == found, "a rented server is no venue"
    assert (
        sign(address=venue, **opened, payment_fingerprint=shared(int(_UNLINKED_SHARE * MEMBERS))) == "posing_customers"
    )
    assert sign(address=np.arange(MEMBERS + OTHERS) + 10, **opened) == "posing_customers"


def test_who_shares_hardly_anything_is_unlinked() -> None:
    few = int(_UNLINKED_SHARE * MEMBERS)
    assert sign() == "unlinked_customers"
    for key in ("payment_fingerprint", "signup_prefix"):
        assert sign(**{key: shared(few - 1)}) == "unlinked_customers"
        assert sign(**{key: shared(few)}) == ""
    assert sign(email_domain=domains(few - 1)) == "unlinked_customers"
    assert sign(email_domain=domains(few)) == ""


def test_without_a_customer_table_and_addresses_they_may_be_in_one_place() -> None:
    count = MEMBERS + OTHERS
    log = log_of_rows(np.repeat(np.arange(count), 2), np.arange(2 * count))
    assert [*signs_of(log)] == ["unknown_place"]
    assert finding_of(UNKNOWN_KIND, log, group_of(log, MEMBERS)) is not None
    assert finding_of(UNKNOWN_KIND, log_with(customers()), group_of(log, MEMBERS)) is None


def signs_of_senders(address: Array, known: Array | None = None, customers: Columns | None = None) -> list[str]:
    """Signs of a log without a customer table, or with one that hardly says anything.

    Args:
        address: network of each request, as many for each account.
        known: whether the log names it.
    """
    owner = np.repeat(np.arange(MEMBERS + OTHERS), len(address) // (MEMBERS + OTHERS))
    sent = pa.array(address.astype(np.uint64), mask=None if known is None else ~known)
    return [*signs_of(log_of_rows(owner, np.arange(len(owner)), client_prefix=sent, customers=customers))]


OWNER = np.repeat(np.arange(MEMBERS + OTHERS), 4)


@pytest.mark.parametrize(("networks", "found"), [(1, ["unknown_place"]), (2, ["one_place"]), (MEMBERS, [])])
def test_without_a_customer_table_one_network_is_a_place(networks: int, found: list[str]) -> None:
    assert signs_of_senders(np.where(OWNER < MEMBERS, OWNER % networks, OWNER + MEMBERS)) == found


@pytest.mark.parametrize("customers", [None, {"signup_country": ["NL"] * (MEMBERS + OTHERS)}])
def test_one_request_from_a_shared_network_makes_no_place(customers: Columns | None) -> None:
    """It costs nothing; two of four are what an office sends, too."""
    place = np.arange(len(OWNER)) % 4
    for elsewhere, found in ((3, []), (2, ["unknown_place"])):
        own = (OWNER >= MEMBERS) | (place < elsewhere)
        assert signs_of_senders(np.where(own, OWNER + MEMBERS, 3 + place * 0), customers=customers) == found


@pytest.mark.parametrize("columns", [{}, {"payment_fingerprint": [7, 7, 7] + [None] * (MEMBERS + OTHERS - 3)}])
def test_columns_that_are_nearly_empty_say_no_more_than_none(columns: Columns) -> None:
    """One address in the log, and a customer table of three cards; accounts of which half are without address."""
    count = MEMBERS + OTHERS
    table = {"signup_country": ["NL"] * count, **columns}
    office = np.where(OWNER < MEMBERS, 3, OWNER + MEMBERS)
    for known in (np.arange(len(OWNER)) == 0, OWNER % 2 == 0, np.arange(len(OWNER)) % 2 == 0):
        assert signs_of_senders(office, known) == ["unknown_place"]
        assert signs_of_senders(office, known, table) == ["unknown_place"]
    some = np.where(OWNER % 5 < 2, office, OWNER + MEMBERS)  # of three in five members the address is known
    assert signs_of_senders(some, OWNER % 5 < 3) == ["unknown_place"]
    log = log_of_rows(OWNER, np.arange(len(OWNER)), customers=table)
    assert finding_of(UNKNOWN_KIND, log, group_of(log, MEMBERS)) is not None


def test_members_of_whom_enough_is_known_are_weighed_by_it() -> None:
    """However little is known of the others."""
    cards = [7 if n < MANY else None for n in range(MEMBERS + OTHERS)]
    log = log_with(customers() | {name: [None] * (MEMBERS + OTHERS) for name in ("email_domain", "signup_prefix")})
    assert [*signs_of(log)] == ["unlinked_customers"]
    table = {"payment_fingerprint": cards}
    assert signs_of_senders(OWNER, customers=table) == ["posing_customers"]


def test_a_customer_table_that_does_not_say_so_makes_nobody_a_separate_customer() -> None:
    """What is missing counts against nobody, and against no explanation."""
    unknown = {key: [None] * MEMBERS for key in ("payment_fingerprint", "signup_prefix", "email_domain")}
    assert sign(**unknown) == ""


def test_signs_have_no_bits_and_are_kept_all_the_same() -> None:
    log = log_with(customers(payment_fingerprint=shared(16, values=2)))
    (found,) = signs_of(log).values()
    assert (found.bits, found.member_bits, found.count) == (0.0, None, 2 * MEMBERS)
    assert found.statement == (
        "One operator stands behind 16 of 20 accounts that pose as separate customers: they have 2 payment instruments "
        "in common, and declare neither an organisation nor a mail domain of their own"
    )
    kinds = {one.kind for one in gather_evidence(CandidateCase.of(log, group_of(log, MEMBERS), 2))}
    assert kinds & SIGN_KINDS == {"posing_customers"}


def test_the_key_that_more_accounts_share_is_named() -> None:
    log = log_with(customers(payment_fingerprint=shared(9), signup_prefix=shared(18)))
    assert "they have 1 sign-up network in common" in signs_of(log)["posing_customers"].statement


# A template of one's own.


def template_log(members: int, casual: int = 0, *, own: Columns | None = None) -> ScoredLog:
    """Members whose requests are all in content cluster 0, and others of whom so many send one such request."""
    count = members + 200
    use = np.r_[np.full(members, 40), np.ones(casual, np.int64), np.zeros(200 - casual, np.int64)]
    outside = np.r_[np.zeros(members, np.int64), np.full(200, 20)]
    account = np.repeat(np.arange(count), use + outside)
    place = np.arange(len(account)) - np.searchsorted(account, account)
    cards = [7 if n < members else 1_000 + n for n in range(count)]
    stated = {"payment_fingerprint": cards, "email_domain": [f"own{n}.example" for n in range(count)]} | (own or {})
    cluster = np.where(place < use[account], 0, -1)
    return log_of_rows(account, np.arange(len(account)), cluster=cluster, customers=stated)


def template_of(log: ScoredLog, members: int = MEMBERS, content: float = 0.0) -> Finding | None:
    group = replace(group_of(log, members), content=np.full(members, content))
    return finding_of(TEMPLATE_KIND, log, group)


def test_a_template_of_their_own_is_evidence_where_accounts_pose() -> None:
    """4,001 times as often as others: six bits, of which twenty accounts may earn five."""
    found = template_of(template_log(MEMBERS))
    assert found is not None
    assert found.bits == pytest.approx(MEMBERS / ACCOUNTS_PER_BIT) == 5.0
    assert (found.family, found.count, found.member_bits) == ("content", 40 * MEMBERS, None)
    assert found.statement.startswith("20 accounts that one operator pays for or opened use one template 4,001 times")


@pytest.mark.parametrize(
    ("members", "casual", "bits"),
    [
        (12, 0, 3.0),  # a bit for each four accounts
        (40, 0, 0.5 * np.log2(4_001.0)),  # half a bit for each doubling
        (40, 9, 0.5 * np.log2(401.0)),
    ],
)
def test_bits_grow_with_accounts_and_rarity(members: int, casual: int, bits: float) -> None:
    found = template_of(template_log(members, casual), members)
    assert found is not None
    assert found.bits == pytest.approx(bits, abs=0.01)
    assert found.bits <= OWN_TEMPLATE.cap_bits


def test_what_the_mix_of_phrases_has_said_is_not_said_again() -> None:
    """Together they say what the stronger says; a mix that speaks against leaves it alone."""
    log = template_log(40)
    alone = template_of(log, 40)
    assert alone is not None
    for content, left in ((0.1, alone.bits - 2.0 * np.log2(1.2)), (8.0, 0.0), (-8.0, alone.bits)):
        found = template_of(log, 40, content)
        assert found is not None
        assert found.bits == pytest.approx(left)


def test_a_template_of_their_own_is_evidence_where_a_part_poses() -> None:
    cards = [7 if n < 9 else 1_000 + n for n in range(MEMBERS + 200)]
    found = template_of(template_log(MEMBERS, own={"payment_fingerprint": cards}))
    assert found is not None
    assert found.bits == 5.0


def test_a_common_template_says_nothing() -> None:
    assert template_of(template_log(MEMBERS, 150)) is None


def test_who_does_not_pose_may_share_a_rare_template() -> None:
    """Strangers share a public prompt, however rare, and seats of one firm their firm's."""
    unlinked = {"payment_fingerprint": [1_000 + n for n in range(MEMBERS + 200)]}
    assert template_of(template_log(MEMBERS, own=unlinked)) is None
    organisations = {"organization_id": ["org" if n < MEMBERS else None for n in range(MEMBERS + 200)]}
    assert template_of(template_log(MEMBERS, own=organisations)) is None


def test_a_group_without_a_template_has_none_of_its_own() -> None:
    log = template_log(MEMBERS)
    assert finding_of(TEMPLATE_KIND, log, untemplated_group(log, np.arange(MEMBERS))) is None


@pytest.mark.parametrize(("users", "bits"), [(10, 2.5), (8, 2.0 * 2 / 3), (4, 0.0)])
def test_a_template_of_a_part_of_a_whole_counts_by_that_part(users: int, bits: float) -> None:
    """The others of a whole are known by their bare questions, which are a template of nobody."""
    log = template_log(MEMBERS)
    bare = (log.requests.account >= users) & (log.requests.cluster == 0)
    log = with_requests(log, cluster=np.where(bare, 1, log.requests.cluster), untemplated=bare)
    own = np.arange(MEMBERS)
    whole = replace(group_of(log, MEMBERS), slice_cluster=np.where(own < users, 0, 1), searched=MEMBERS)
    rows = np.flatnonzero(log.requests.cluster >= 0)
    owner = log.requests.account[rows]
    found = finding_of(TEMPLATE_KIND, log, replace(whole, rows=rows, row_account=owner, row_slice=owner))
    assert found is not None
    assert found.bits == pytest.approx(bits)
    assert found.statement.startswith(f"{users} accounts that one operator pays for or opened use one template 4,001")


def other_work(work: int = 12, programs: int = 5, cards: int = 1, **own: Any) -> Finding | None:
    """Four requests of each account are the group's; the others are of several programs, in turn."""
    owner = np.repeat(np.arange(MEMBERS + OTHERS), 4 + work)
    turn = np.tile(np.arange(4 + work), MEMBERS + OTHERS)
    group = turn < 4
    sent = {"temperature": np.where(group, 0.0, turn % programs / 10.0), "client_prefix": np.uint64(7) + 0 * turn} | {
        name: np.where(group, *values).tolist() for name, values in own.items()
    }
    columns = customers(payment_fingerprint=shared(MEMBERS, values=cards))
    log = log_of_rows(owner, np.arange(len(owner)), customers=columns, cluster=np.where(group, 0, -1), **sent)
    return finding_of(OTHER_WORK_KIND, log, group_of(log, MEMBERS))


def test_one_operators_accounts_that_mostly_do_the_work_of_others_are_said_to() -> None:
    """As a reseller's, of whose customers one has a job on them."""
    found = other_work()
    assert found is not None
    assert (found.bits, found.member_bits, found.count) == (0.0, None, 12 * MEMBERS)
    assert "75 % of what the median account sends is outside of the group, in 5 settings that come" in found.statement
    assert other_work(output_tokens=(300, 100)) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"work": 11},
        {"programs": 4},
        {"programs": 12},
        {"cards": MEMBERS},
        {"client_prefix": (np.uint64(9), np.uint64(7))},
        {"user_agent": ("curl", "app")},
        {"output_tokens": (301, 100)},
    ],
    ids=["cover", "few programs", "settings of one request", "nobody poses", "elsewhere", "another client", "short"],
)
def test_a_little_other_work_or_that_of_few_or_from_elsewhere_is_no_sign(changed: dict[str, Any]) -> None:
    """Cover traffic is a part or of one program, and who uses stolen keys sends from elsewhere than their owners."""
    assert other_work(**changed) is None
