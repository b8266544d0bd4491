"""Who sends requests: what tells a campaign, what an honest account has by chance, and what a link says of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.extract import sketch_requests
from stillhunt.link.requests.arrays import Hashes
from stillhunt.watch.signatures.matcher import Matcher
from stillhunt.watch.signatures.parameters import MATCHING, SIGNATURES
from stillhunt.watch.signatures.signature import MICRO, Signature
from stillhunt.watch.signatures.weighing import (
    SENDER_NOT_KNOWN,
    Senders,
    SenderTable,
    hash_text,
    known_sender_bits,
    sender_hashes,
    sender_weights,
    senders_of,
    style_hashes,
)
from stillhunt_server.enforcing.inline_matcher import known_senders, known_style
from watch.signature_logs import compiled, requests_of, sketched, templated


@pytest.fixture(scope="module")
def signature() -> Signature:
    (found,) = compiled().signatures
    return found


def hashes(*values: int) -> Hashes:
    return np.array(values, np.uint64)


def test_values_are_counted_by_accounts_and_unknown_ones_are_left_out() -> None:
    found = senders_of({"client": hashes(5, 5, 9, int(SENDER_NOT_KNOWN), 9)}, np.array([0, 0, 0, 1, 1]))["client"]
    assert (found.hashes.tolist(), found.accounts.tolist()) == ([5, 9], [1, 2])


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(3, 60), st.floats(0.0, 1.0)), min_size=1, max_size=8), st.integers(100, 100_000))
def test_an_honest_account_reaches_the_bits_by_chance_once_in_256(values: list[tuple[int, float]], honest: int) -> None:
    """By the bound of a likelihood ratio: what honest accounts have more often than that is never worth so much."""
    own = np.array([accounts for accounts, _ in values])
    elsewhere = np.array([int(share * honest) for _, share in values])
    weights = sender_weights(Senders(np.arange(1, len(own) + 1).astype(np.uint64), own), 60, elsewhere, honest)
    for value, bits in weights.items():
        at = int(value, 16) - 1
        assert bits <= SIGNATURES.most_sender_bits
        if bits >= MATCHING.sender_bits:
            assert elsewhere[at] / honest <= 2.0**-MATCHING.sender_bits * own[at] / 60


def test_only_the_strongest_of_client_settings_and_tls_counts_and_the_network_beside_it(signature: Signature) -> None:
    assert {name for name, weights in signature.senders.items() if weights} == {"client", "settings", "program"}
    table = sketched(templated(["camp0"], 1, 1))
    found = sender_hashes(table, style_hashes(table))
    strongest = max(max(weights.values()) for weights in signature.senders.values() if weights)
    assert SenderTable(signature).bits(found).tolist() == [round(strongest * MICRO)]
    unknown = dict.fromkeys(found, hashes(int(SENDER_NOT_KNOWN)))
    assert SenderTable(signature).bits(unknown).tolist() == [0]


def test_what_a_gateway_tells_is_weighed_as_the_log_is(signature: Signature) -> None:
    for name in ("camp0", "other"):
        table = sketched(templated([name], 1, 1))
        row = requests_of(templated([name], 1, 1)).to_pylist()[0]
        style = known_style(row["model"], row["user_agent"], (row["temperature"], row["top_p"], row["max_tokens"]))
        log = sender_hashes(table, style_hashes(table))
        known = dict(known_senders(style))
        assert {feature: hash_text(log[feature][0]) for feature in known} == known
        assert known_sender_bits(signature, known.items()) == SenderTable(signature).bits(log)[0]


@pytest.mark.parametrize("copies", [2, 10, 60, 500])
def test_copied_texts_link_and_say_nothing_of_the_sender(signature: Signature, copies: int) -> None:
    matcher = Matcher([signature])
    (link,) = matcher.match(sketched(templated(["chatbot"], copies, 3)))
    assert link.sender_bits == 0.0
    assert "0.0 bits" in link.reasons[-1]
    (own,) = Matcher([signature]).match(sketched(templated(["camp-new"], copies, 3)))
    assert own.sender_bits >= MATCHING.sender_bits


def test_a_sender_that_shows_later_is_told_once_more(signature: Signature) -> None:
    matcher = Matcher([signature])
    texts = templated(["a"], 9, 3)["a"]
    elsewhere = sketched({"a": texts[:5]})
    same = requests_of({"camp-a": texts[5:]}, start=10**15 * 2)
    place = same.schema.get_field_index("account_id")
    same = same.set_column(place, same.field(place), [["a"] * same.num_rows])
    first = matcher.match(elsewhere)
    second = matcher.match(sketch_requests(same, Config()))
    assert [one.sender_bits >= MATCHING.sender_bits for one in [*first, *second]] == [False, True]
    assert matcher.match(sketch_requests(same, Config())) == []
