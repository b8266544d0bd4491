"""Signatures link the next accounts of a campaign, and nobody who only quotes its template."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signature_logs import MADE_AT, QUOTED, START, TEMPLATE, compiled, honest, sentence, sketched, tables_of, templated

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset, LocalDataset
from stillhunt.base.errors import CaseError
from stillhunt.base.units import DAY
from stillhunt.pipeline import HuntedTables
from stillhunt.watch.following import Follower
from stillhunt.watch.signatures.compiling import _ALONE_SHARE, compile_signatures
from stillhunt.watch.signatures.matcher import LinkedAccount, Matcher
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS, MATCHING
from stillhunt.watch.signatures.returns import tie
from stillhunt.watch.signatures.signature import NO_REQUEST, SignatureSet, Unsigned, as_json, from_json, read_signatures
from thoroughness import examples


@pytest.fixture(scope="module")
def signed() -> SignatureSet:
    return compiled()


def linked(signed: SignatureSet, *batches: pa.Table) -> dict[str, LinkedAccount]:
    matcher = Matcher(signed.signatures)
    for batch in batches:
        matcher.match(batch)
    return {one.account_id: one for one in matcher.linked()}


# ---- compiling -----------------------------------------------------------------------------------------------------


def test_a_campaign_to_act_on_gets_a_signature_with_its_rate_and_reasons(signed: SignatureSet) -> None:
    (one,) = signed.signatures
    assert signed.without == []
    assert one.campaign_id == "c-1"
    assert one.made_at == MADE_AT
    assert one.expires_at == one.last_seen + int(Config().watch.signature_days * DAY)
    assert one.account_bits >= MATCHING.account_bits
    rate = one.false_matches
    assert (rate.matched, rate.linked, rate.per_million) == (0, 0, 0.0)
    assert rate.requests == 5 * rate.accounts > 0
    # Exact (Clopper-Pearson): 1 - 0.05 ** (1 / n) for no match in n.
    assert rate.at_most_per_million == pytest.approx(1e6 * (1 - 0.05 ** (1 / rate.requests)), abs=0.01)
    assert any("rare elsewhere" in reason for reason in one.reasons)
    assert any("95 % bound" in reason for reason in one.reasons)


def test_the_file_holds_no_text_of_the_log(signed: SignatureSet) -> None:
    text = as_json(signed).decode()
    assert not [word for word in TEMPLATE.split() if len(word) > 8 and word in text]


@pytest.mark.parametrize(
    ("kind", "verdict", "signatures"), [("harvest", "act", 1), ("harvest", "review", 0), ("relay", "act", 0)]
)
def test_only_harvests_to_act_on_are_signed(kind: str, verdict: str, signatures: int) -> None:
    members = [f"camp{number}" for number in range(6)]
    table = sketched({**templated(members, 12, 1), **honest(240, 5, 2)})
    found = compile_signatures(LocalDataset.of(table), tables_of(members, 12, kind, verdict), Config(), MADE_AT)
    assert len(found.signatures) == signatures
    assert found.without == []


def test_a_campaign_without_a_template_has_no_signature_and_says_why() -> None:
    found = compiled(template="")
    assert found.signatures == []
    assert "no template of its own" in found.without[0].reason
    assert not found.without[0].withdraws


def test_too_little_traffic_gives_a_reason() -> None:
    assert "needed to know what is rare" in compiled(honest_accounts=40).without[0].reason


def test_a_template_of_many_honest_accounts_gives_no_signature() -> None:
    public = {f"app{number}": prompts for number, prompts in enumerate(templated(list("abcdefghijkl"), 12, 9).values())}
    found = compiled(public)
    assert found.signatures == []
    assert found.without[0].withdraws


def test_one_request_tells_the_campaign_unless_an_honest_account_sends_such_a_one(signed: SignatureSet) -> None:
    (one,) = signed.signatures
    assert one.request_bits >= max(MATCHING.least_alone_bits, _ALONE_SHARE * one.harvest_bits)
    assert one.request_bits < NO_REQUEST
    assert any(reason.startswith("One request of ") for reason in one.reasons)
    once = {f"quoting{number}": [*prompts, *honest(1, 20, number)["honest0"]] for number, prompts in
            enumerate(templated(list("abcdefgh"), 1, 9).values())}  # fmt: skip
    (quoted,) = compiled(once).signatures
    assert quoted.request_bits == NO_REQUEST, "honest accounts quoted it, and are not linked for that"
    assert quoted.false_matches.linked == 0
    assert not any(reason.startswith("One request of ") for reason in quoted.reasons)


def test_few_accounts_that_show_as_much_as_members_are_set_aside_and_said() -> None:
    (one,) = compiled(templated(["unfound"], 12, 9)).signatures
    assert one.false_matches.set_aside == 1
    assert one.false_matches.set_aside_matched == 12
    assert any("members that the hunt missed" in reason for reason in one.reasons)


def test_partitions_change_nothing(signed: SignatureSet) -> None:
    assert compiled(parts=3) == signed


# ---- matching ------------------------------------------------------------------------------------------------------


def test_a_new_account_is_linked_at_its_second_templated_request(signed: SignatureSet) -> None:
    one = linked(signed, sketched(templated(["fresh"], 5, 3)))["fresh"]
    assert one.campaign_id == "c-1"
    assert one.linked_at == START + 1_000_000 + len("fresh")
    assert one.matched == 5
    assert one.bits >= signed.signatures[0].account_bits
    assert "5 requests of its first 5 carry the template of campaign c-1" in one.reasons


def test_each_account_is_reported_once(signed: SignatureSet) -> None:
    matcher = Matcher(signed.signatures)
    table = sketched(templated(["fresh"], 6, 3))
    found = [matcher.match(table.slice(at, 1)) for at in range(6)]
    assert [len(batch) for batch in found] == [0, 1, 0, 0, 0, 0]


def test_one_quoted_template_in_one_chat_links_nobody(signed: SignatureSet) -> None:
    chance = random.Random(5)
    chat = {"asker": [TEMPLATE + sentence(chance) for _ in range(9)]}
    assert linked(signed, sketched(chat, talk="asker")) == {}
    assert linked(signed, sketched({"repeater": [TEMPLATE + "the very same"] * 9})) == {}


def test_one_public_sentence_links_nobody_however_often_it_is_used(signed: SignatureSet) -> None:
    assert linked(signed, sketched(templated(["app"], 45, 6, QUOTED))) == {}


def test_only_the_first_requests_of_an_account_are_weighed(signed: SignatureSet) -> None:
    chance = random.Random(7)
    long = [QUOTED + sentence(chance)] + [sentence(chance) for _ in range(FIRST_REQUESTS)]
    account = {"late": long + [TEMPLATE + sentence(chance) for _ in range(5)]}
    assert linked(signed, sketched(account)) == {}


def test_honest_newcomers_are_not_remembered(signed: SignatureSet) -> None:
    matcher = Matcher(signed.signatures)
    matcher.match(sketched(honest(50, 4, 99)))
    assert matcher.scores() == []
    assert matcher.requests == 200


def test_memory_is_bounded_and_the_least_suspicious_go(signed: SignatureSet) -> None:
    matcher = Matcher(signed.signatures, most_accounts=20)
    matcher.match(sketched(templated(["fresh"], 3, 3)))
    flood = {
        f"flood{number}": prompts
        for number, prompts in enumerate(templated([str(n) for n in range(60)], 1, 8, QUOTED).values())
    }
    matcher.match(sketched(flood))
    assert matcher.forgotten == 51
    assert [one.account_id for one in matcher.linked()] == ["fresh"]


def test_no_signatures_match_nothing() -> None:
    assert Matcher([]).match(sketched(templated(["fresh"], 3, 3))) == []


_ACCOUNTS = {**templated(["n1", "n2"], 6, 11), **templated(["app"], 6, 12, QUOTED), **honest(4, 6, 13)}


@settings(max_examples=examples(12, 25), deadline=None, derandomize=True)
@given(st.permutations(range(7 * 6)), st.lists(st.integers(1, 41), max_size=5))
def test_order_and_split_of_batches_change_nothing(signed: SignatureSet, order: list[int], cuts: list[int]) -> None:
    table = sketched(_ACCOUNTS)
    edges = [0, *sorted(set(cuts)), table.num_rows]
    shuffled = table.take(pa.array(order))
    whole = linked(signed, table)
    split = linked(signed, *(shuffled.slice(a, b - a) for a, b in pairwise(edges)))
    assert sorted(whole) == ["n1", "n2"]
    # Which request completed the link depends on which came first; what the account shows does not.
    assert {name: (one.bits, one.matched, one.reasons) for name, one in split.items()} == {
        name: (one.bits, one.matched, one.reasons) for name, one in whole.items()
    }


# ---- file ----------------------------------------------------------------------------------------------------------


def test_the_file_reads_back(signed: SignatureSet, tmp_path: object) -> None:
    assert from_json(as_json(signed), seed=0) == signed


def test_expired_signatures_are_not_in_force(signed: SignatureSet) -> None:
    expires = signed.signatures[0].expires_at
    assert signed.in_force(expires - 1) == signed
    assert signed.in_force(expires).signatures == []


def test_signatures_outlive_the_window_under_lasting_ids(signed: SignatureSet) -> None:
    lasting = signed.renamed({"c-1": "c-first"})
    assert [one.campaign_id for one in lasting.signatures] == ["c-first"]
    empty = SignatureSet(signed.version, signed.sketch_version, signed.seed, [], [])
    assert empty.with_earlier(lasting) == lasting
    assert lasting.with_earlier(lasting) == lasting
    faded = SignatureSet(signed.version, signed.sketch_version, signed.seed, [], [Unsigned("c-first", "Few", False)])
    assert faded.with_earlier(lasting).signatures == lasting.signatures
    public = SignatureSet(signed.version, signed.sketch_version, signed.seed, [], [Unsigned("c-first", "Public", True)])
    assert public.with_earlier(lasting).signatures == []


def _changed(signed: SignatureSet, **changes: object) -> bytes:
    content = json.loads(as_json(signed))
    for name, value in changes.items():
        place = content if name in content else content["signatures"][0]
        place[name] = value
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"version": 99}, "another version"),
        ({"sketch_version": 1}, "another version"),
        ({"seed": 7}, "another seed"),
        ({"phrases": [5, 5]}, "one weight"),
        ({"phrases": [0]}, "phrases"),
        ({"phrases": [1 << 40]}, "phrases"),
        ({"phrases": []}, "phrases"),
        ({"phrase_bits": [1e300]}, "phrase_bits"),
        ({"account_bits": -1.0}, "account_bits"),
        ({"campaign_id": "../../etc"}, "campaign_id"),
        ({"reasons": ["\x1b[31mred"]}, "control characters"),
        ({"reasons": ["x" * 501]}, "reasons"),
        ({"style": {"mood": {"values": {}, "other": 0.0}}}, "style"),
        ({"style": {"model": {"values": {"xyz": 1.0}, "other": 0.0}}}, "values"),
        ({"topics": {"99999999": 1.0}}, "topics"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_hostile_file_is_refused_with_the_reason(signed: SignatureSet, changes: dict[str, object], what: str) -> None:
    with pytest.raises(CaseError, match=what):
        from_json(_changed(signed, **changes), seed=0)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"version": NaN}'])
def test_what_is_no_signature_file_is_refused(content: bytes) -> None:
    with pytest.raises(CaseError, match="the signature file cannot be used"):
        from_json(content, seed=0)


def test_two_signatures_of_one_campaign_are_refused(signed: SignatureSet) -> None:
    content = json.loads(as_json(signed))
    content["signatures"] *= 2
    with pytest.raises(CaseError, match="two signatures"):
        from_json(json.dumps(content).encode(), seed=0)


def test_a_missing_file_is_an_error_with_its_path(tmp_path: pytest.TempPathFactory) -> None:
    with pytest.raises(CaseError, match=r"signatures\.json"):
        read_signatures(tmp_path / "signatures.json", seed=0)  # type: ignore[operator]  # a path


# ---- follower, return, hunt ----------------------------------------------------------------------------------------


def test_the_follower_links_accounts_in_raw_records(signed: SignatureSet) -> None:
    chance = random.Random(21)
    lines = [
        {"request_id": f"q{at}", "timestamp": f"2026-03-05T10:00:0{at}Z", "account_id": "fresh", "model": "m",
         "prompt": TEMPLATE + sentence(chance)}
        for at in range(4)
    ]  # fmt: skip
    follower = Follower(Matcher(signed.signatures), Config())
    try:
        assert follower.sketch(b"not json\n", "jsonl") is None
        sketches = follower.sketch("".join(json.dumps(line) + "\n" for line in lines).encode(), "jsonl")
    finally:
        follower.close()
    assert sketches is not None
    assert [one.account_id for one in follower.matcher.match(sketches)] == ["fresh"]
    assert follower.unreadable == 1


def test_a_return_has_bits_for_the_template_and_a_stranger_none(signed: SignatureSet) -> None:
    (old,) = signed.signatures
    fresh = sketched(templated([f"camp-new{number}" for number in range(6)], 8, 31), start=old.last_seen + DAY // 2)
    back = tie(old, fresh)
    assert back.campaign_id == "c-1"
    assert back.kinds["template"] == 8.0
    assert back.kinds["wording"] > 0.5
    assert back.kinds["timing"] > 0
    assert back.bits == pytest.approx(sum(back.kinds.values()))
    assert len(back.statements) == len(back.kinds)
    assert "links 6 of 6 accounts" in back.statements[0]
    other = tie(old, sketched(honest(6, 8, 32), start=old.last_seen + 60 * DAY))
    assert other.kinds["template"] == -4.0
    assert other.bits < 0
    # Two thirds of a template, as strangers who start from the same public one share it, are no return.
    chance = random.Random(33)
    names = [f"public{number}" for number in range(6)]
    part = TEMPLATE[: len(TEMPLATE) * 2 // 3]
    public = tie(old, sketched({name: [part + sentence(chance) for _ in range(8)] for name in names}))
    assert public.kinds["wording"] < 0
    assert tie(old, fresh.slice(0, 0)).bits == 0.0


def test_a_hunt_hands_its_sketches_to_what_comes_after_and_is_otherwise_unchanged() -> None:
    from signature_logs import requests_of  # the only test that reads rows

    members = [f"camp{number}" for number in range(6)]
    rows = requests_of({**templated(members, 12, 1), **honest(60, 5, 2)})
    got: dict[str, object] = {}

    def after(sketches: Dataset, hunted: HuntedTables) -> None:
        found = sketches.gather(_counted, _ROWS).column("rows").to_pylist()
        got.update(rows=found, tables=set(hunted.tables), seed=hunted.config.seed)

    plain = stillhunt.hunt(rows, config=Config())
    watched = stillhunt.hunt(rows, config=Config(), after=after)
    assert sum(got["rows"]) == rows.num_rows  # type: ignore[call-overload]  # a list of counts
    assert {"campaigns", "members", "slices", "harvest"} <= got["tables"]  # type: ignore[operator]  # a set of names
    assert {name: table.to_pylist() for name, table in plain.tables.items()} == {
        name: table.to_pylist() for name, table in watched.tables.items()
    }


_ROWS = pa.schema([("rows", pa.int64())])


def _counted(table: pa.Table, _context: object) -> pa.Table:
    return pa.table({"rows": [table.num_rows]})
