"""Accounts that go on with a campaign's work queue are known without its template; a lone likeness links nobody."""

from __future__ import annotations

import json
import random

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from signature_logs import MADE_AT, START, TEMPLATE, sketched, tables_of

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.errors import CaseError
from stillhunt.base.units import DAY
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.matcher import LinkedAccount, Matcher
from stillhunt.watch.signatures.queues import bar_of_many, linked_by_queue
from stillhunt.watch.signatures.signature import SignatureSet, as_json, from_json

OTHER_TEMPLATE = "Short task, answer plainly and without any ceremony, then stop talking. Subject matter: "
LETTERS = "bcdfghklmnprstvz"
LATER = START + int(6 * DAY)
MEMBERS = [f"camp{number:02}" for number in range(16)]


def vocabulary(seed: int, size: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choice(LETTERS) + chance.choice("aeiou") for _ in range(4)) for _ in range(size)]


QUEUE, ELSEWHERE = vocabulary(1, 160), vocabulary(2, 400)


def workers(names: list[str], seed: int, template: str, requests: int = 14) -> dict[str, list[str]]:
    """Accounts that are handed items of the queue, each item once."""
    chance = random.Random(seed)
    return {name: [template + " ".join(chance.sample(QUEUE, 9)) for _ in range(requests)] for name in names}


def customers(names: list[str], seed: int) -> dict[str, list[str]]:
    """Accounts with subjects of their own; every fourth has one in common with the queue and asks about it alone."""
    chance = random.Random(seed)
    result = {}
    for number, name in enumerate(names):
        own = chance.sample(ELSEWHERE, 30) + (chance.sample(QUEUE, 6) if number % 4 == 0 else [])
        result[name] = [" ".join(chance.sample(own, 12)) for _ in range(chance.randrange(4, 16))]
    return result


def first_log() -> pa.Table:
    return sketched({**workers(MEMBERS, 3, TEMPLATE), **customers([f"honest{number}" for number in range(300)], 4)})


@pytest.fixture(scope="module")
def before() -> pa.Table:
    return first_log()


@pytest.fixture(scope="module")
def signed(before: pa.Table) -> SignatureSet:
    return compile_signatures(LocalDataset.of(before), tables_of(MEMBERS, 14), Config(), MADE_AT)


def by_queue(signed: SignatureSet, *logs: pa.Table, parts: int = 1) -> dict[str, LinkedAccount]:
    table = pa.concat_tables(logs)
    owner = np.array([hash_of % parts for hash_of in table["account_key"].to_pylist()])
    pieces = [table.filter(pa.array(owner == part)) for part in range(parts)]
    sources = [
        lambda columns, piece=piece: piece if columns is None else piece.select(list(columns)) for piece in pieces
    ]
    found = linked_by_queue(LocalDataset(sources, table.column_names, 1), signed, set(MEMBERS))
    return {one.account_id: one for one in found}


def wave(template: str = OTHER_TEMPLATE) -> pa.Table:
    back = workers([f"back{number}" for number in range(8)], 5, template, requests=9)
    return sketched({**back, **customers([f"later{number}" for number in range(80)], 6)}, start=LATER)


def test_a_pool_that_comes_back_with_another_template_is_linked_and_no_newcomer_beside_it(
    signed: SignatureSet, before: pa.Table
) -> None:
    after = wave()
    matcher = Matcher(signed.signatures)
    matcher.match(after)
    assert matcher.linked() == []  # its template does not tell it
    found = by_queue(signed, before, after)
    assert set(found) == {f"back{number}" for number in range(8)}
    one = found["back0"]
    assert one.sender_bits == 0.0  # what a policy may do is tag it
    assert (one.campaign_id, one.requests, one.matched) == ("c-1", 9, 9)
    assert "template may be another" in one.reasons[0]
    assert "no proof" in one.reasons[-1]


def test_partitions_do_not_change_who_is_linked(signed: SignatureSet, before: pa.Table) -> None:
    assert by_queue(signed, before, wave(), parts=3) == by_queue(signed, before, wave())


def test_newcomers_without_a_return_are_not_linked(signed: SignatureSet, before: pa.Table) -> None:
    after = sketched(customers([f"new{number}" for number in range(400)], 7), start=LATER)
    assert by_queue(signed, before, after) == {}


def test_whoever_asked_about_the_same_before_the_stop_is_not_linked(signed: SignatureSet, before: pa.Table) -> None:
    old = sketched(
        workers([f"old{number}" for number in range(8)], 5, OTHER_TEMPLATE, requests=9), start=START - int(3 * DAY)
    )
    assert by_queue(signed, before, old) == {}


def test_one_of_many_newcomers_needs_far_more_than_one_of_a_wave() -> None:
    alone, many = np.ones(300), np.ones(300)
    alone[0], many[:20] = 0.001, 0.001
    assert bar_of_many(alone) < 0.001
    assert bar_of_many(many) == 0.001


def test_the_profile_holds_no_text_reads_back_and_outlives_the_campaign(signed: SignatureSet) -> None:
    content = as_json(signed)
    assert len(signed.queues) == 1
    assert from_json(content, seed=0) == signed
    assert not any(word in content.decode() for word in QUEUE)
    empty = msgspec.structs.replace(signed, signatures=[], queues=[])
    later = empty.with_earlier(signed).renamed({"c-1": "c-0007"})
    assert [one.campaign_id for one in later.queues] == ["c-0007"]
    assert later.in_force(signed.queues[0].expires_at).queues == []


@pytest.mark.parametrize("changes", [{"weights": [0.0]}, {"scale": [0.0] * 16}, {"reasons": ["\x1b[2J"]}])
def test_a_profile_that_cannot_be_weighed_is_refused(signed: SignatureSet, changes: dict[str, object]) -> None:
    content = json.loads(as_json(signed))
    content["queues"][0].update(changes)
    with pytest.raises(CaseError, match="profile of a queue"):
        from_json(json.dumps(content).encode(), seed=0)
