"""Addresses and networks from which several accounts send, beyond chance."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import finding_of, group_of, log_of_rows

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kind import EvidenceKind, members_sharing
from stillhunt.score.evidence.kinds.shared_customer_keys import SHARED_ADDRESS_KINDS as KINDS
from stillhunt.score.stats.shared_keys import key_frequencies, shared_address

MEMBERS, OTHERS = 20, 100
WORDS = {
    "client_ip": ("1 shared address", "2 shared addresses"),
    "client_prefix": ("1 shared network (/24 or /48)", "2 shared networks (/24 or /48)"),
}
Addresses = list[list[int]]
OWN: Addresses = [[1_000 + n] for n in range(OTHERS)]


def log_with(kind: EvidenceKind, members: Addresses, others: Addresses = OWN, **columns: object) -> ScoredLog:
    """Accounts that send one request from each of their addresses."""
    held = [*members, *others]
    account = np.repeat(np.arange(len(held)), [len(own) for own in held])
    value = np.concatenate(held).astype(np.uint64)
    return log_of_rows(account, np.arange(len(account)), **{kind.name: value}, **columns)


def found_in(kind: EvidenceKind, log: ScoredLog) -> Finding:
    found = finding_of(kind, log, group_of(log, MEMBERS))
    assert found is not None
    return found


@pytest.mark.parametrize("shared", [1, 2])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_addresses_that_only_the_members_share_are_evidence(kind: EvidenceKind, shared: int) -> None:
    found = found_in(kind, log_with(kind, [[n % shared + 1, 500 + n] for n in range(MEMBERS)]))
    assert found.bits > 8.0
    assert (found.family, found.kind) == ("network", kind.name)
    assert found.statement == (
        f"All 20 accounts send from {WORDS[kind.name][shared - 1]}, which chance does not explain"
    )
    assert found.member_bits is not None
    assert 3.0 < found.member_bits.max() <= 6.0
    assert found.count == 2 * MEMBERS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_bits_are_those_of_shared_addresses(kind: EvidenceKind) -> None:
    rng = np.random.default_rng(1)
    held = [sorted(set(rng.integers(1, 60, rng.integers(1, 4)).tolist())) for _ in range(MEMBERS + OTHERS)]
    held[:MEMBERS] = [[int(rng.integers(1, 5)) * 10_000, *own] for own in held[:MEMBERS]]
    log = log_with(kind, held[:MEMBERS], held[MEMBERS:])
    first = np.cumsum([0, *(len(own) for own in held)])
    key = key_frequencies(first, np.concatenate(held), log.accounts.country, log.accounts.background, only_known=False)
    expected = shared_address(np.arange(MEMBERS), key)
    found = found_in(kind, log)
    assert found.bits == pytest.approx(expected.bits)
    assert found.bits > 0
    assert found.member_bits is not None
    assert found.member_bits.tolist() == pytest.approx(np.clip(expected.member_bits, -6.0, 6.0).tolist())
    assert found.statement.startswith(members_sharing(expected.sharing, MEMBERS) + " send from ")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_carriers_address_is_no_evidence(kind: EvidenceKind) -> None:
    log = log_with(kind, [[1]] * MEMBERS, [[1] if n % 2 else [1_000 + n] for n in range(OTHERS)])
    assert found_in(kind, log).bits == 0.0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_addresses_nothing_is_said(kind: EvidenceKind) -> None:
    log = log_of_rows(np.repeat(np.arange(60), 2), np.arange(120))
    assert finding_of(kind, log, group_of(log, MEMBERS)) is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_address_of_a_declared_customer_is_explained(kind: EvidenceKind) -> None:
    organisation = ["acme" if n < MEMBERS else None for n in range(MEMBERS + OTHERS)]
    log = log_with(kind, [[1]] * MEMBERS, organization_id=organisation)
    assert finding_of(kind, log, group_of(log, MEMBERS)) is None
