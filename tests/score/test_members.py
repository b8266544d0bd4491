"""What the confident core of a campaign says about each member's keys, settings, client and volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from row_logs import Array, group_of, log_of_rows

from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.stats.honest_reference import SPREADS
from stillhunt.score.verdict import members as module
from stillhunt.score.verdict.members import (
    LEARNED_KEYS,
    P,
    hold_set_apart,
    learned_members,
    membership_prior,
    set_apart,
)
from thoroughness import examples

MEMBERS, ACCOUNTS = 100, 600
CARD = "payment_fingerprint"
CORE_BITS = 8.0
steady = settings(derandomize=True, deadline=None, max_examples=examples(60))
member_bits = st.floats(-20.0, 20.0)


def case_of(
    cards: Array,
    *,
    members: int = MEMBERS,
    volumes: Array | None = None,
    customers: dict[str, list[Any]] | None = None,
    **of_account: list[Any],
) -> CandidateCase:
    """A case in which the first accounts are the candidate.

    Args:
        cards: card of every account; -1 unknown.
        members: how many.
        volumes: requests of every account; 6 when None.
        customers: further columns of ACCOUNTS.
        of_account: columns of TRAFFIC, one value an account.
    """
    count = len(cards)
    owner = np.repeat(np.arange(count), np.full(count, 6) if volumes is None else volumes)
    columns = {name: [values[one] for one in owner.tolist()] for name, values in of_account.items()}
    known = {CARD: [None if card < 0 else card for card in cards.tolist()]} | (customers or {})
    log = log_of_rows(owner, np.arange(len(owner)), customers=known, **columns)
    return CandidateCase.of(log, group_of(log, members), 4)


def learned(case: CandidateCase, *kinds: str, core: Array | None = None) -> dict[str, Array]:
    """Member bits of each kind, where the phrases say so much of each member and the kinds nothing yet."""
    count = len(case.candidate.accounts)
    phrases = np.full(count, CORE_BITS) if core is None else core
    given = [Finding("content", "phrase_mixture", "", 8.0, member_bits=phrases)]
    families = {"constant_settings": "conduct", "client_fingerprint": "network", "even_volume": "queue"}
    given += [Finding(families.get(kind, "identity"), kind, "", 0.0, member_bits=np.zeros(count)) for kind in kinds]
    found = {finding.kind: finding.member_bits for finding in learned_members(case, given)}
    assert found.pop("phrase_mixture") is phrases, "what was not learned stays"
    return {kind: bits for kind, bits in found.items() if bits is not None}


def own_cards(count: int = ACCOUNTS) -> Array:
    return np.arange(count) + 1_000


def test_a_stranger_without_the_key_that_nearly_all_share_loses_bits() -> None:
    cards = own_cards()
    cards[: MEMBERS - 1] = 7
    bits = learned(case_of(cards), CARD)[CARD]
    assert bits[MEMBERS - 1] <= -4.0
    assert (bits[: MEMBERS - 1] > 4.0).all()


@pytest.mark.parametrize("lacking", [5, 20, 50])
def test_the_more_members_lack_the_key_the_less_it_costs(lacking: int) -> None:
    """Lacking what a share s of the members has costs log2(1 - s)."""
    cards = own_cards()
    cards[: MEMBERS - lacking] = 7
    bits = learned(case_of(cards), CARD)[CARD]
    assert bits[MEMBERS - lacking :] == pytest.approx(np.log2(lacking / MEMBERS), abs=0.5)
    assert (bits[: MEMBERS - lacking] > 3.0).all()


def test_without_a_shared_key_nobody_loses() -> None:
    assert not learned(case_of(own_cards()), CARD)[CARD].any()
    pairs = own_cards()
    pairs[:10:2] = pairs[1:10:2]
    assert not learned(case_of(pairs), CARD)[CARD].any(), "five pairs are no pool of a hundred"


def test_a_key_that_everybody_has_says_nothing() -> None:
    cards = np.full(ACCOUNTS, 7)
    cards[0] = 8
    bits = learned(case_of(cards), CARD)[CARD]
    assert np.abs(bits).max() < 0.5


def test_each_member_is_judged_without_itself() -> None:
    """Two of a hundred have a card of a pair each; a single card earns nothing from being one's own."""
    cards = own_cards()
    cards[:90] = np.arange(90) // 30
    bits = learned(case_of(cards), CARD)[CARD]
    assert (bits[:90] > 3.0).all(), "a pool of three cards"
    assert (bits[90:] < -2.0).all(), "a card of one's own is in no pool"
    paired = cards.copy()
    paired[90:92] = 5_000
    pair = learned(case_of(paired), CARD)[CARD]
    assert (pair[90:92] > bits[90:92] + 2.0).all(), "the other one of the pair is in the pool"


def test_a_campaign_that_is_a_third_of_all_accounts_does_not_make_its_key_common() -> None:
    cards = own_cards(300)
    cards[: MEMBERS - 1] = 7
    bits = learned(case_of(cards), CARD)[CARD]
    assert (bits[: MEMBERS - 1] > 4.0).all()
    assert bits[MEMBERS - 1] <= -4.0


def test_members_of_unknown_value_neither_win_nor_lose() -> None:
    cards = own_cards()
    cards[:80], cards[80:95] = 7, -1
    bits = learned(case_of(cards), CARD)[CARD]
    assert not bits[80:95].any()
    assert (bits[95:MEMBERS] < -2.0).all()
    cards[4:MEMBERS] = -1
    assert not learned(case_of(cards), CARD)[CARD].any(), "nothing is learned from four"


def test_unlikely_members_who_share_a_card_stay_unlikely() -> None:
    """A fifth of the candidate share a card of their own, and their wording says that they are strangers."""
    cards = own_cards()
    cards[:20], cards[20:MEMBERS] = 7, 8
    core = np.r_[np.full(20, -6.0), np.full(MEMBERS - 20, CORE_BITS)]
    bits = learned(case_of(cards), CARD, core=core)[CARD]
    assert (core[:20] + bits[:20] < -1.0).all()
    assert (bits[20:] > bits[:20].max() + 2.0).all()


def test_a_pool_of_few_is_no_mark_of_the_campaign() -> None:
    cards = own_cards()
    cards[:20] = 7
    assert not learned(case_of(cards), CARD)[CARD].any()
    cards[20:50] = 7
    assert learned(case_of(cards), CARD)[CARD].any()


def test_a_handful_who_share_what_half_of_all_have_is_chance() -> None:
    """Six times log2(1.8) is 5.1 bits, less than the trial of twenty shares asks for."""
    cards = np.where(np.arange(ACCOUNTS) % 20 < 11, 7, own_cards())
    cards[:12] = 7
    assert not learned(case_of(cards, members=6), CARD)[CARD].any()
    assert learned(case_of(cards, members=12), CARD)[CARD].any()


@pytest.mark.parametrize(("core", "taught"), [(-2.0, False), (0.0, True)])
def test_members_count_by_their_probability(core: float, taught: bool) -> None:
    """Twenty who are likelier strangers are four members together: too few to learn from."""
    cards = own_cards()
    cards[:20] = 7
    assert learned(case_of(cards, members=20), CARD, core=np.full(20, core))[CARD].any() == taught


def test_the_order_of_accounts_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    cards = own_cards()
    cards[:MEMBERS] = np.where(rng.random(MEMBERS) < 0.8, rng.integers(0, 4, MEMBERS), cards[:MEMBERS])
    volumes = np.r_[rng.poisson(12, MEMBERS) + 1, np.full(ACCOUNTS - MEMBERS, 6)]
    core = rng.normal(3.0, 3.0, MEMBERS)
    one = learned(case_of(cards, volumes=volumes), CARD, "even_volume", core=core)
    order = rng.permutation(MEMBERS)
    moved, moved_volumes = cards.copy(), volumes.copy()
    moved[:MEMBERS], moved_volumes[:MEMBERS] = cards[order], volumes[order]
    other = learned(case_of(moved, volumes=moved_volumes), CARD, "even_volume", core=core[order])
    for kind, bits in one.items():
        assert other[kind] == pytest.approx(bits[order], abs=1e-9)


def test_bits_are_bounded() -> None:
    cards = own_cards(6_000)
    cards[:999] = 7
    temperature = [0.65] * 999 + [0.1 + n % 7 / 10 for n in range(5_001)]
    case = case_of(cards, members=1_000, temperature=temperature, user_agent=["odd/1"] * 999 + ["usual/2"] * 5_001)
    bits = learned(case, CARD, "constant_settings", "client_fingerprint")
    caps = {CARD: P.key_bits, "constant_settings": P.settings_bits, "client_fingerprint": P.key_bits}
    for kind, own in bits.items():
        assert np.abs(own).max() <= caps[kind]
        assert own[:999].min() > 2.0
        assert own[999] < -2.0
    assert bits["constant_settings"].max() == P.settings_bits


def test_volumes_near_the_middle_of_the_core_mark_members() -> None:
    volumes = np.r_[np.random.default_rng(4).poisson(40, MEMBERS - 2), 4, 900, np.full(ACCOUNTS - MEMBERS, 6)]
    bits = learned(case_of(own_cards(), volumes=volumes), "even_volume")["even_volume"]
    assert (bits[: MEMBERS - 2] > 0.5).mean() > 0.9
    assert (bits[MEMBERS - 2 :] < -3.0).all()
    assert np.abs(bits).max() <= SPREADS.member_cap_bits
    uneven = np.exp(np.random.default_rng(5).normal(3.0, 1.5, ACCOUNTS)).astype(np.int64) + 4
    assert not learned(case_of(own_cards(), volumes=uneven), "even_volume")["even_volume"].any()


def test_volumes_mark_nobody_where_the_kind_says_nothing_of_members() -> None:
    """As in a log whose parts are sampled at different rates."""
    case = case_of(own_cards())
    silent = Finding("queue", "even_volume", "", 0.0, insufficient=True)
    assert learned_members(case, [silent])[0].member_bits is None


def test_an_untemplated_group_was_found_by_its_client_which_proves_nothing_again() -> None:
    case = case_of(own_cards(), user_agent=["odd/1"] * (MEMBERS - 1) + ["usual/2"] * (ACCOUNTS - MEMBERS + 1))
    assert learned(case, "client_fingerprint")["client_fingerprint"].any()
    found = replace(case, candidate=replace(case.candidate, untemplated=True))
    assert not learned(found, "client_fingerprint")["client_fingerprint"].any()


def test_learning_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as many rounds change nothing that any verdict could hang on."""
    rng = np.random.default_rng(6)
    cards = own_cards()
    cards[:MEMBERS] = np.where(rng.random(MEMBERS) < 0.7, rng.integers(0, 3, MEMBERS), cards[:MEMBERS])
    case, core = case_of(cards), rng.normal(1.0, 3.0, MEMBERS)
    few = learned(case, CARD, core=core)[CARD]
    monkeypatch.setattr(module, "_ROUNDS", 30)
    monkeypatch.setattr(module, "_SETTLED", 0.0)
    many = learned(case, CARD, core=core)[CARD]
    before, after = (1.0 / (1.0 + np.exp2(-core - bits)) for bits in (few, many))
    assert np.abs(before - after).max() < 0.05


LIMIT = -P.set_apart_bits


def apart(*findings: tuple[str, str, list[float]]) -> Any:
    """Who is set apart, by family, kind and bits about each of three members."""
    found = [Finding(family, kind, "", 0.0, member_bits=np.array(bits)) for family, kind, bits in findings]
    return set_apart(found, 3).tolist()


def test_who_lacks_what_nearly_all_share_is_set_apart() -> None:
    assert CARD in LEARNED_KEYS
    assert apart(("identity", CARD, [LIMIT, LIMIT + 0.01, 8.0])) == [True, False, False]
    for family, kind in (("network", "client_fingerprint"), ("conduct", "constant_settings")):
        assert apart((family, kind, [LIMIT, LIMIT + 0.01, 8.0])) == [True, False, False]
    assert apart(("content", "phrase_mixture", [-9.0, -9.0, -9.0])) == [False] * 3
    assert set_apart([Finding("identity", CARD, "", 0.0)], 3).tolist() == [False] * 3


def test_what_speaks_for_a_member_who_is_set_apart_is_held_to_a_bound() -> None:
    """Each row by the same factor, so that they still add up; what speaks against it counts in full."""
    rows = {"phrase_mixture": [6.0, 6.0, 0.4], "client_fingerprint": [-3.0, -3.0, 0.0]}
    found = [
        Finding(("network" if kind == "client_fingerprint" else "content"), kind, "", 0.0, member_bits=np.array(bits))
        for kind, bits in rows.items()
    ]
    found.append(Finding("queue", "topic_mixture", "", 0.0, member_bits=np.array([2.0, 2.0, 0.2])))
    table = hold_set_apart(found, np.array([True, False, True]))
    most = P.most_apart_bits
    assert table[:, 0].tolist() == pytest.approx([6.0 / 8.0 * (most + 3.0), -3.0, 2.0 / 8.0 * (most + 3.0)])
    assert table[:, 1].tolist() == [6.0, -3.0, 2.0]
    assert table[:, 2].tolist() == [0.4, 0.0, 0.2], "below the bound"


def test_a_customer_key_is_made_up_for_by_other_customer_keys_alone() -> None:
    lacked = ("identity", CARD, [LIMIT] * 3)
    assert apart(lacked, ("identity", "signup_prefix", [-2 * LIMIT, -2 * LIMIT - 0.01, 0.0])) == [False, True, True]
    # Whoever imitates a customer has its client, its settings and its kind of questions.
    imitated = (("network", "client_fingerprint"), ("conduct", "constant_settings"), ("queue", "topic_mixture"))
    for family, kind in imitated:
        assert apart(lacked, (family, kind, [9.0] * 3)) == [True] * 3


def test_a_client_of_its_own_is_made_up_for_by_anything_but_a_copied_recipe() -> None:
    lacked, enough = ("network", "client_fingerprint", [LIMIT] * 3), P.beside_recipe_bits - LIMIT
    for family, kind in (("queue", "topic_mixture"), ("queue", "even_volume"), ("identity", CARD)):
        assert apart(lacked, (family, kind, [enough, enough - 0.01, -1.0])) == [False, True, True]
    for family, kind in (("content", "phrase_mixture"), ("conduct", "constant_settings")):
        assert apart(lacked, (family, kind, [9.0] * 3)) == [True] * 3
    volume, settings_bits = (
        ("queue", "even_volume", [enough] * 3),
        ("conduct", "constant_settings", [0.0, -0.01, LIMIT]),
    )
    assert apart(lacked, volume, settings_bits) == [False, True, True]


@steady
@given(st.lists(st.tuples(member_bits, st.floats(0.0, 20.0)), min_size=1, max_size=40))
def test_the_prior_of_members_is_bounded_and_grows_with_what_is_known_of_any(known: list[tuple[float, float]]) -> None:
    evidence = np.array([bits for bits, _ in known])
    prior = membership_prior(evidence)
    assert 0.0 <= prior <= P.most_prior_bits
    assert membership_prior(evidence + np.array([more for _, more in known])) >= prior - 1e-9
    assert membership_prior(evidence[::-1]) == pytest.approx(prior)


@steady
@given(st.integers(0, 30), st.integers(0, 30))
def test_the_prior_of_members_is_their_share_of_the_group(members: int, strangers: int) -> None:
    """With one of each kind added, so that no group is pure for being small."""
    evidence = np.array([60.0] * members + [-60.0] * strangers)
    share = float(np.log2((members + 1) / (strangers + 1)))
    assert membership_prior(evidence) == pytest.approx(np.clip(share, 0.0, P.most_prior_bits), abs=1e-6)


def test_the_prior_of_members_solves_its_own_equation() -> None:
    """The share of members that it states is the one to which it leads."""
    evidence = np.array([6.0, 2.0, 1.0, -1.0, -1.0, -3.0])
    prior = membership_prior(evidence)
    assert 0.0 < prior < P.most_prior_bits
    members = (1.0 / (1.0 + np.exp2(-(evidence + prior)))).sum()
    assert prior == pytest.approx(np.log2((members + 1.0) / (len(evidence) - members + 1.0)), abs=1e-6)


@pytest.mark.parametrize("evidence", [[], [0.0] * 9, [-4.0] * 9])
def test_where_nothing_speaks_for_members_the_odds_are_even(evidence: list[float]) -> None:
    assert membership_prior(np.array(evidence)) == 0.0
