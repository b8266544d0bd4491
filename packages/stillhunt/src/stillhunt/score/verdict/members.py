"""Who belongs to a campaign, learned from those who surely do.

A key (a card, a mail domain, a sign-up network or time, a client, settings) that nearly all of the confident core share
says as much about an account that lacks it as about one that has it: with probability s a member draws its value from
the operation's pool, else from what everybody uses, so a value that the pool does not hold costs log2(1 - s). Pool and
s are learned from the members, each with its probability as its weight and each judged without itself. New weights
follow, and all is learned anew (expectation maximisation, Dempster et al. 1977).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.coding import commonest
from stillhunt.score.evidence.catalogue import all_kinds
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.stats.honest_reference import SPREADS
from stillhunt.score.stats.shared_keys import KeyFrequencies
from stillhunt.score.verdict.caps import member_evidence

_ROUNDS = 6  # Rounds of learning, at most (it hardly moves after three)
_SETTLED = 0.01  # probability: change of every membership below which learning ends (no verdict hangs on a hundredth)
# accounts: members with a value, each by its probability, from which a key is learned at all (the fewest accounts of a
# campaign)
_PRIOR_ROUNDS = 50  # Rounds in which the share of members is learned, at most (it settles within ten)
_MIN_CORE = 5.0
_VOLUME_TAIL = 0.03  # share: members whose volume is anywhere (late joiners and early bans)
# share: spread of the core's volumes, of that of customers, above which volume says nothing (uneven volumes mark
# nobody)
_MOST_VOLUME_SPREAD = 0.8
# log units: least spread that the volumes of members are taken to have (equal volumes may be few volumes)
_MIN_VOLUME_SPREAD = 0.15


class CoreParameters(NamedTuple):
    """Parameters of what is learned from the core."""

    min_bits: float
    min_share: float
    key_bits: float
    settings_bits: float
    set_apart_bits: float
    most_apart_bits: float
    beside_recipe_bits: float
    most_prior_bits: float


P = read_parameters(CoreParameters, "score.members")
_SHARES = np.concatenate([[0.0], np.linspace(0.05, 0.95, 19)])
LEARNED_KEYS = ("payment_fingerprint", "email_domain", "signup_prefix", "created_at", "client_fingerprint")
CUSTOMER_KEYS = LEARNED_KEYS[:4]
_SENT_KEYS = ("client_fingerprint", "constant_settings")


def learned_members(case: CandidateCase, findings: Sequence[Finding]) -> list[Finding]:
    """The findings with what the core says about each member in place of what chance alone says."""
    keys = _member_keys(case)
    volume = np.log(np.maximum(case.candidate.volumes, 1))
    of_volumes = {kind.name for kind in all_kinds().values() if kind.learns == "volume"}
    current = list(findings)
    weight = _membership_probability(current, case)
    for _ in range(_ROUNDS):
        learned = {name: _key_bits(key, weight) for name, key in keys.items()}
        for finding in findings:
            if finding.kind in of_volumes and finding.member_bits is not None:  # not in an uneven sample
                learned[finding.kind] = _volume_bits(volume, weight)
        current = [
            replace(finding, member_bits=learned[finding.kind]) if finding.kind in learned else finding
            for finding in findings
        ]
        before, weight = weight, _membership_probability(current, case)
        if np.abs(weight - before).max(initial=0.0) < _SETTLED:
            break
    return current


def membership_prior(evidence: Floats) -> float:
    """Log2 odds that an account of the group is part of it, before what is known of the account.

    It is the share of members in the group, which is learned from all of them together (the mixing proportion of a
    mixture of members and strangers, McLachlan and Peel 2000): where every account looks like a member, another one
    that says little of itself is likely one, too.

    Args:
        evidence: bits about each account, shape (accounts,).

    Returns:
        Bits, from 0 (even odds) to a bound.
    """
    odds = 0.0
    for _ in range(_PRIOR_ROUNDS):
        members = float((1.0 / (1.0 + np.exp2(-(evidence + odds)))).sum())
        before, odds = odds, float(np.log2((members + 1.0) / (len(evidence) - members + 1.0)))
        odds = min(max(odds, 0.0), P.most_prior_bits)
        if odds == before:
            break
    return odds


def set_apart(findings: Sequence[Finding], members: int) -> Flags:
    """Members who lack a key that nearly all the others share, where nothing makes up for it.

    A customer key is made up for by other customer keys alone: whoever imitates a customer to have it accused can copy
    its client and its questions, and cannot make it pay with the operation's card. A client or settings are made up for
    by anything but wording and settings, which come together to whoever copies a recipe.
    """
    lacks_customer_key, lacks_sent_key = np.zeros(members, bool), np.zeros(members, bool)
    customer, beside_recipe = np.zeros(members), np.zeros(members)
    for finding, bits in zip(findings, member_evidence(list(findings), members), strict=True):
        lacks = np.zeros(members, bool) if finding.member_bits is None else finding.member_bits <= -P.set_apart_bits
        if finding.kind in CUSTOMER_KEYS:
            lacks_customer_key |= lacks
            customer += bits
        if finding.kind in _SENT_KEYS:
            lacks_sent_key |= lacks
        if finding.family != "content":
            beside_recipe += np.minimum(bits, 0.0) if finding.kind == "constant_settings" else bits
    lacks_customer_key &= customer < P.set_apart_bits
    lacks_sent_key &= beside_recipe < P.beside_recipe_bits
    return lacks_customer_key | lacks_sent_key


def hold_set_apart(findings: Sequence[Finding], apart: Flags) -> Floats:
    """Bits of each finding about each member after caps; what speaks for those set apart is held to a bound.

    Wording and topics that match are what whoever imitates an operation has, too, and what a search finds by chance.

    Args:
        apart: True for members who are set apart.

    Returns:
        Array findings x members.
    """
    table = member_evidence(list(findings), len(apart))
    speaks_for, against = np.zeros(len(apart)), np.zeros(len(apart))
    for row in table:  # one after another, so that rows of zeros change no bit
        speaks_for += np.maximum(row, 0.0)
        against += np.minimum(row, 0.0)
    most = np.maximum(P.most_apart_bits - against, 0.0)
    held = apart & (speaks_for > most)
    return np.where(held & (table > 0.0), table * (most / np.maximum(speaks_for, 1e-9)), table)


def _membership_probability(findings: Sequence[Finding], case: CandidateCase) -> Floats:
    bits = member_evidence(list(findings), len(case.candidate.accounts)).sum(axis=0)
    return np.asarray(1.0 / (1.0 + np.exp2(-bits)), np.float64)


class _MemberKey(NamedTuple):
    """One key of the members."""

    known: Flags  # True for the members with a value
    place: Ints  # value of each of these, as position among the distinct ones
    common: Floats  # chance of each of their values among the comparison accounts
    cap: float  # most bits for or against a member


def _member_keys(case: CandidateCase) -> dict[str, _MemberKey]:
    """Kind of evidence -> the key, counted once for all rounds."""
    log, candidate = case.log, case.candidate
    codes, members = log.accounts.customers.codes, candidate.accounts
    found = {
        name: _count_values(codes[name][members], log.keys.customer(name), members, P.key_bits)
        for name in CUSTOMER_KEYS
        if name in codes
    }
    used = commonest(candidate.row_account, log.requests.settings[candidate.rows], len(members))
    found["constant_settings"] = _count_values(used, log.keys.settings, members, P.settings_bits)
    if not candidate.untemplated:
        used = commonest(candidate.row_account, log.requests.client_fingerprint[candidate.rows], len(members))
        found["client_fingerprint"] = _count_values(used, log.keys.client_fingerprint(), members, P.key_bits)
    return found


def _count_values(own: Ints, key: KeyFrequencies, members: Ints, cap: float) -> _MemberKey:
    """A key of the members; one that too few of them have counts as one that nobody has."""
    known = own >= 0
    if key.empty or known.sum() < _MIN_CORE:
        return _MemberKey(np.zeros(len(own), bool), own[:0], np.zeros(0), cap)
    values, place = np.unique(own[known], return_inverse=True)
    return _MemberKey(known, place, key.expected(values, members[known], members)[place] / known.sum(), cap)


def _key_bits(key: _MemberKey, weight: Floats) -> Floats:
    """Bits of each member's value of one key."""
    known, place, common, cap = key
    bits = np.zeros(len(known))
    weights = weight[known]
    if weights.sum() < _MIN_CORE:
        return bits
    of_pool = np.bincount(place, weights=weights)[place] - weights
    ratio = of_pool / (weights.sum() - weights) / common
    shares = np.append(_SHARES, 1.0 - np.geomspace(0.04, 0.5 / max(weights.sum(), 13.0), 8))[:, None]
    total = (weights * np.log2(np.maximum((1.0 - shares) + shares * ratio, 1e-12))).sum(axis=1)
    best = int(np.argmax(total))
    share = min(float(shares[best, 0]), 1.0 - 1.0 / (weights.sum() + 2.0))
    if total[best] < P.min_bits or share < P.min_share:
        return bits
    bits[known] = np.clip(np.log2((1.0 - share) + share * ratio), -cap, cap)
    return bits


def _volume_bits(volume: Floats, weight: Floats) -> Floats:
    """Bits of each member's volume: near the core's middle, or anywhere as those of customers."""
    order = np.argsort(volume, kind="stable")
    ranks = np.cumsum(weight[order]) / max(float(weight.sum()), 1e-9)
    low, middle, high = volume[order][np.minimum(np.searchsorted(ranks, (0.1, 0.5, 0.9)), len(volume) - 1)]
    spread = max((high - low) / 2.56, _MIN_VOLUME_SPREAD)  # a normal law holds 80 % within 2.56 deviations
    if spread > _MOST_VOLUME_SPREAD * SPREADS.customers:
        return np.zeros(len(volume))
    customers = _normal_density(volume - middle, SPREADS.customers)
    workers = (1.0 - _VOLUME_TAIL) * _normal_density(volume - middle, spread) + _VOLUME_TAIL * customers
    return np.asarray(np.clip(np.log2(workers / customers), -SPREADS.member_cap_bits, SPREADS.member_cap_bits))


def _normal_density(away: Floats, spread: float) -> Floats:
    return np.asarray(np.exp(-0.5 * (away / spread) ** 2) / spread)
