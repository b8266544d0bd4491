"""One request at a time is read and weighed as the log of the same requests would be."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from signature_logs import QUOTED, START, TEMPLATE, compiled, sentence, templated

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS
from stillhunt.collect.values.strings import bounded_texts
from stillhunt.extract import PhraseReader, sketch_requests
from stillhunt.watch.following import Follower
from stillhunt.watch.signatures.matcher import REQUEST_BITS, Matcher
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS
from stillhunt.watch.signatures.signature import MICRO, Signature, SignatureSet
from stillhunt.watch.signatures.weighing import STYLE_COLUMNS, Weigher, hash_text, style_hashes
from stillhunt_server.enforcing.asked_texts import (
    _MOST_CHARACTERS,
    _MOST_PARTS,
    AskedTexts,
    as_read,
    texts_of_messages,
    valid,
)
from stillhunt_server.enforcing.inline_matcher import AskedRequest, InlineMatch, InlineMatcher, known_style
from thoroughness import examples

OTHER = (
    "Below is an excerpt of an engineering interview. Rate the candidate's reply from one to nine, name the weakest "
    "sentence, rewrite that sentence without jargon, and justify the mark in exactly two clauses. Transcript follows: "
)
LIMIT = Config().collect.max_text_bytes


@pytest.fixture(scope="module")
def signed() -> SignatureSet:
    return compiled()


@pytest.fixture(scope="module")
def two(signed: SignatureSet) -> list[Signature]:
    """Signatures of two campaigns, which share no phrase, without the TLS fingerprint: no gateway tells it."""
    other = compiled(template=OTHER).signatures[0]
    both = [*signed.signatures, msgspec.structs.replace(other, campaign_id="c-2")]
    return [without_style(one, "tls") for one in both]


def without_style(signature: Signature, *names: str) -> Signature:
    style = {name: weights for name, weights in signature.style.items() if name not in names}
    return msgspec.structs.replace(signature, style=style)


def asked(account: str, prompt: str, at: int, **more: Any) -> AskedRequest:
    style = {"model": "m", "user_agent": "OpenAI/Python 1.5", "settings": (0.7, None, None)}
    return AskedRequest(account, prompt, more.pop("system_prompt", ""), START + at, **{**style, **more})


def rows_of(requests: Sequence[AskedRequest]) -> pa.Table:
    """The log of the same requests."""
    size = len(requests)
    sent = [one.settings or (None, None, None) for one in requests]
    return REQUESTS.build(
        request_id=[f"r{number}" for number in range(size)],
        timestamp=[one.now for one in requests],
        account_id=[one.account_id for one in requests],
        conversation_id=[one.conversation for one in requests],
        model=[one.model or "unknown" for one in requests],
        source=["default"] * size,
        user_agent=[one.user_agent for one in requests],
        temperature=[one[0] for one in sent],
        top_p=[one[1] for one in sent],
        max_tokens=[one[2] for one in sent],
        prompt=bounded_texts(pa.array([valid(one.prompt) for one in requests], pa.large_string()), LIMIT, 0),
        system_prompt=bounded_texts(
            pa.array([valid(one.system_prompt) for one in requests], pa.large_string()), LIMIT, 0
        ),
        origin_file=[0] * size,
        origin_row=list(range(size)),
    )


def sketched(requests: Sequence[AskedRequest]) -> pa.Table:
    return sketch_requests(rows_of(requests), Config())


# ---- phrases -------------------------------------------------------------------------------------------------------

READER = PhraseReader(0)
HARD = [
    "",
    " ",
    "\0",
    "a\0b " * 40,
    "\ud800",
    "x\udfff y " * 30,
    "\ud83d\ude00 " * 9,
    TEMPLATE,
    "漢字かな交じり文" * 60,
    "¹ ² ﬁ İ ß " * 50,
]


def phrases_alike(prompt: str, system: str) -> None:
    row = sketched([asked("a", prompt, 0, system_prompt=system)]).to_pylist()[0]
    found, prompt_hash = READER.read(as_read(prompt, LIMIT, 0), as_read(system, LIMIT, 0))
    assert found.tolist() == [*row["phrases"], *row["system_phrases"]]
    assert prompt_hash == row["prompt_hash"]


@settings(max_examples=examples(60, 150), deadline=None, derandomize=True)
@given(
    st.text(st.characters(codec=None), max_size=400) | st.sampled_from(HARD),
    st.text(max_size=200) | st.sampled_from(HARD),
)
def test_phrases_are_those_of_the_sketch(prompt: str, system: str) -> None:
    phrases_alike(prompt, system)


@pytest.mark.parametrize("text", HARD)
def test_phrases_of_hard_texts_are_those_of_the_sketch(text: str) -> None:
    phrases_alike(text, text)
    phrases_alike(text, "")


@pytest.mark.parametrize("size", [LIMIT - 7, LIMIT, LIMIT + 1, 3 * LIMIT])
def test_phrases_of_huge_texts_are_those_of_the_sketch(size: int) -> None:
    text = (TEMPLATE + " " + sentence(random.Random(3), 40_000) * 12)[:size]
    phrases_alike(text, "é" + text)
    phrases_alike("é" * (size // 2), "")


def test_one_reading_leaves_nothing_for_the_next() -> None:
    phrases_alike(TEMPLATE * 30, TEMPLATE * 30)
    phrases_alike("short", "")


# ---- style ---------------------------------------------------------------------------------------------------------


@settings(max_examples=examples(30, 60), deadline=None, derandomize=True)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=300),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=300) | st.just("curl/8.1.2"),
    st.tuples(
        st.none() | st.floats(-2, 2),
        st.none() | st.floats(0, 1),
        st.none() | st.integers(-(2**53), 2**53),
    ),
)
@example("m", "curl/8", (-0.0, None, -1))
def test_known_style_is_that_of_the_log(model: str, agent: str, sent: tuple[float | None, ...]) -> None:
    table = sketched([asked("a", "x", 0, model=model, user_agent=agent, settings=sent)]).select(list(STYLE_COLUMNS))
    hashes = {name: hash_text(found[0]) for name, found in style_hashes(table).items()}
    assert dict(known_style(model, agent, sent)) == {name: hashes[name] for name in ("settings", "model", "client")}


@pytest.mark.parametrize("name", ["a\x07b/1.2", "z\u200bw\ufffd", "\ud800x", "\x1b" * 300, "n" * 400])
def test_names_are_cleaned_as_the_reader_of_the_log_cleans_them(name: str) -> None:
    row = {"request_id": "r", "timestamp": "2026-03-05T10:00:00Z", "account_id": "a", "prompt": "p"}
    follower = Follower(Matcher([]), Config())
    try:
        table = follower.sketch(json.dumps({**row, "model": name[:150], "user_agent": name}).encode(), "jsonl")
    finally:
        follower.close()
    assert table is not None
    hashes = {feature: hash_text(found[0]) for feature, found in style_hashes(table).items()}
    assert dict(known_style(name[:150], name, None)) == {feature: hashes[feature] for feature in ("model", "client")}


def test_what_a_gateway_does_not_tell_is_not_known() -> None:
    assert known_style(None, None, None) == ()
    assert [name for name, _ in known_style("m", "", None)] == ["model"]
    assert [name for name, _ in known_style("", "curl/8", (None, None, None))] == ["settings", "client"]


def test_any_text_may_name_a_model_or_client() -> None:
    for text in (*HARD[2:7], "x" * 100_000, "\ud800" * 9_000):
        assert len(known_style(text, text, None)) == 2


# ---- matching ------------------------------------------------------------------------------------------------------


def linked_inline(matcher: InlineMatcher, requests: Sequence[AskedRequest]) -> list[InlineMatch | None]:
    return [matcher.match(one) for one in requests]


def test_a_request_without_a_known_phrase_is_not_remembered(signed: SignatureSet) -> None:
    matcher = InlineMatcher(signed.signatures, 0)
    assert matcher.match(asked("honest", sentence(random.Random(1), 300), 0)) is None
    assert matcher.match(asked("honest", "", 1)) is None
    assert not matcher._accounts
    assert matcher.requests == 2
    assert InlineMatcher([], 0).match(asked("anybody", TEMPLATE, 0)) is None


def test_the_second_templated_request_links_and_says_why(signed: SignatureSet) -> None:
    (signature,) = signed.signatures
    first, second = templated(["fresh"], 2, 3)["fresh"]
    matcher = InlineMatcher(signed.signatures, 0)
    found = matcher.match(asked("fresh", first, 0))
    assert found is not None
    assert (found.campaign_id, found.carries, found.shows_alone, found.linked) == ("c-1", True, True, False)
    assert found.bits >= found.account_bits == signature.account_bits
    assert len(found.reasons) == 2
    assert found.reasons[0].startswith("This request shows ")
    found = matcher.match(asked("fresh", second, 1))
    assert found is not None
    assert found.linked
    assert "2 requests of its first 2 carry the template of campaign c-1" in found.reasons
    assert matcher.match(asked("fresh", "nothing of it", 2)) is None
    (one,) = matcher.linked()
    assert one.linked_at == START + 1


def test_a_system_prompt_counts_as_a_prompt_does(signed: SignatureSet) -> None:
    found = InlineMatcher(signed.signatures, 0).match(asked("fresh", "my question", 0, system_prompt=TEMPLATE))
    assert found is not None
    assert found.carries


def test_one_quoted_sentence_neither_shows_alone_nor_links(signed: SignatureSet) -> None:
    matcher = InlineMatcher(signed.signatures, 0)
    prompts = templated(["app"], 9, 6, QUOTED)["app"]
    found = linked_inline(matcher, [asked("app", p, n, user_agent="curl/8.1") for n, p in enumerate(prompts)])
    assert all(one is not None and one.carries and not one.shows_alone and not one.linked for one in found)


def test_one_conversation_links_nobody(signed: SignatureSet) -> None:
    prompts = templated(["asker"], 9, 5)["asker"]
    matcher = InlineMatcher(signed.signatures, 0)
    found = linked_inline(matcher, [asked("asker", p, n, conversation="\ud800") for n, p in enumerate(prompts)])
    assert not any(one is None or one.linked for one in found)
    same = linked_inline(matcher, [asked("repeater", prompts[0], n) for n in range(9)])
    assert not any(one is None or one.linked for one in same)


def test_an_unknown_feature_gives_nothing_and_another_value_counts_against(signed: SignatureSet) -> None:
    prompt = templated(["fresh"], 1, 3)["fresh"][0]
    found = [
        InlineMatcher(signed.signatures, 0).match(AskedRequest("a", prompt, "", START, **style))
        for style in ({}, {"user_agent": "OpenAI/Python 2.0"}, {"user_agent": "curl/8.1"}, {"user_agent": "new"})
    ]
    unknown, own, honest, new = (one.bits for one in found if one is not None)
    assert own > unknown > max(honest, new)
    plain = msgspec.structs.replace(signed.signatures[0], style={})
    without = InlineMatcher([plain], 0).match(AskedRequest("a", prompt, "", START, model="m"))
    assert without is not None
    assert without.bits == unknown


def test_of_several_signatures_the_one_that_links_is_told(two: list[Signature]) -> None:
    chance = random.Random(8)
    first, second = two
    matcher = InlineMatcher([second, first], 0)
    told = [
        found.campaign_id
        for at, text in enumerate([TEMPLATE, OTHER, TEMPLATE + OTHER, OTHER])
        if (found := matcher.match(asked("a", text + sentence(chance), at))) is not None
    ]
    assert told[:2] == ["c-1", "c-2"]
    assert {one.campaign_id for one in matcher.linked()} == {"c-1", "c-2"}


def test_memory_is_bounded_and_the_least_suspicious_go(signed: SignatureSet) -> None:
    matcher = InlineMatcher(signed.signatures, 0, most_accounts=20)
    for at, prompt in enumerate(templated(["fresh"], 3, 3)["fresh"]):
        matcher.match(asked("fresh", prompt, at))
    for at, prompt in enumerate(templated(["flood"], 60, 8, QUOTED)["flood"]):
        matcher.match(asked(f"flood{at}", prompt, at))
    assert len(matcher._accounts) <= 20
    assert matcher.forgotten >= 40
    assert [one.account_id for one in matcher.linked()] == ["fresh"]


PIECES = (*(part.strip() + "." for part in TEMPLATE.split(".")[:3]), TEMPLATE, OTHER, OTHER[:90], "")


def traffic(size: int, seed: int) -> list[AskedRequest]:
    """Requests of a few accounts, one of them busy, with parts of two templates here and there."""
    chance = random.Random(seed)
    return [
        AskedRequest(
            account_id=chance.choice("aaaaaabcdef"),
            prompt=chance.choice(PIECES) + chance.choice((" the same", sentence(chance, chance.choice((1, 30, 300))))),
            system_prompt=chance.choice(("", "", *PIECES)),
            now=START + at,
            model=chance.choice(("m", "n")),
            user_agent=chance.choice(("OpenAI/Python 1.5", "curl/8.1", "own")),
            settings=(chance.choice((0.7, None)), None, chance.choice((1, None))),
            conversation=chance.choice((None, "t1", "t2")),
        )
        for at in range(size)
    ]


TRAFFIC = st.builds(traffic, st.integers(1, 150), st.integers(0, 999))


@settings(max_examples=examples(12, 25), deadline=None, derandomize=True)
@given(TRAFFIC, st.sampled_from((2, 4, 100)))
def test_links_are_those_of_the_matcher_over_sketches(
    two: list[Signature], requests: list[AskedRequest], most: int
) -> None:
    inline, matcher = InlineMatcher(two, 0, most_accounts=most), Matcher(two, most_accounts=most)
    table = sketched(requests)
    for at, one in enumerate(requests):
        found = inline.match(one)
        new = [link.campaign_id for link in matcher.match(table.slice(at, 1))]
        if new:  # several at once by one request: one of them is told
            assert found is not None
            assert found.linked
            assert found.campaign_id in new
        assert inline.linked() == matcher.linked()
    assert inline.forgotten == matcher.forgotten


@settings(max_examples=examples(10, 20), deadline=None, derandomize=True)
@given(TRAFFIC)
def test_what_a_request_shows_is_what_the_weigher_gives(two: list[Signature], requests: list[AskedRequest]) -> None:
    inline, matcher, weighed = InlineMatcher(two, 0), Matcher(two), Weigher(two).weigh(sketched(requests))
    shown: dict[tuple[int, str], tuple[int, int]] = {}
    for row, number, one in weighed.entries(np.arange(len(weighed.row))):
        shown[row, two[number].campaign_id] = one.bits, one.style
    table = sketched(requests)
    for at, one in enumerate(requests):
        found = inline.match(one)
        matcher.match(table.slice(at, 1))
        linked = {link.campaign_id for link in matcher.linked() if link.account_id == one.account_id}
        own = {name: bits for (row, name), bits in shown.items() if row == at}
        if found is None:
            assert linked.isdisjoint(own)
            assert all(bits < REQUEST_BITS for bits, _ in own.values())
            continue
        bits, style = own[found.campaign_id]
        bar = next(round(one.request_bits * MICRO) for one in two if one.campaign_id == found.campaign_id)
        assert found.bits == round((bits + style) / MICRO, 3)
        assert found.carries == (bits >= REQUEST_BITS)
        assert found.shows_alone == (bits >= bar)
        assert found.linked == (found.campaign_id in linked)


@settings(max_examples=examples(10, 20), deadline=None, derandomize=True)
@given(TRAFFIC, st.integers(1, 60))
def test_links_are_those_of_the_matcher_over_batches(
    two: list[Signature], requests: list[AskedRequest], batch: int
) -> None:
    inline, matcher = InlineMatcher(two, 0), Matcher(two)
    table = sketched(requests)
    for at in range(0, table.num_rows, batch):
        linked_inline(inline, requests[at : at + batch])
        matcher.match(table.slice(at, batch))
        assert inline.linked() == matcher.linked()


@settings(max_examples=examples(10, 20), deadline=None, derandomize=True)
@given(TRAFFIC)
def test_a_feature_unknown_to_all_is_as_a_signature_without_it(
    two: list[Signature], requests: list[AskedRequest]
) -> None:
    plain = [replace(one, settings=None, user_agent=None) for one in requests]
    inline = InlineMatcher(two, 0)
    matcher = Matcher([without_style(one, "settings", "client") for one in two])
    linked_inline(inline, plain)
    matcher.match(sketched(plain))
    assert inline.linked() == matcher.linked()


def test_only_the_first_requests_of_an_account_are_weighed(two: list[Signature]) -> None:
    chance = random.Random(7)
    most = FIRST_REQUESTS
    for plain, links in ((most - 3, 1), (most - 2, 0)):  # the last two of `most` link; the last one does not
        prompts = [QUOTED + sentence(chance), *(sentence(chance) for _ in range(plain))]
        requests = [asked("late", p, n) for n, p in enumerate([*prompts, *templated(["late"], 4, 1, OTHER)["late"]])]
        inline, matcher = InlineMatcher(two, 0), Matcher(two)
        found = linked_inline(inline, requests)
        matcher.match(sketched(requests))
        assert inline.linked() == matcher.linked()
        assert len(inline.linked()) == links
        assert found[-1] is not None
        assert found[-1].shows_alone  # of the request itself, whichever it is


def test_the_order_of_signatures_changes_nothing(two: list[Signature]) -> None:
    forward, backward = InlineMatcher(two, 0), InlineMatcher(two[::-1], 0)
    requests = [asked("a", text, n) for n, text in enumerate(templated(["a"], 4, 2, TEMPLATE + OTHER)["a"])]
    linked_inline(forward, requests)
    linked_inline(backward, requests)
    assert forward.linked() == backward.linked()
    assert len(forward.linked()) == 2


# ---- texts of messages ---------------------------------------------------------------------------------------------

SYSTEM = {"role": "system", "content": "Answer in verse."}
USER = {"role": "user", "content": "What is rain?"}
ANSWER = {"role": "assistant", "content": "Water."}
PARTS = {
    "role": "user",
    "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "u"}}],
}
CONVERSATIONS: list[list[Any]] = [
    [USER],
    [SYSTEM, USER],
    [SYSTEM, USER, ANSWER, {"role": "user", "content": "And snow?"}],
    [USER, ANSWER],
    [SYSTEM, {"role": "developer", "content": "Be brief."}, USER, USER],
    [SYSTEM, PARTS],
    [PARTS, ANSWER, {"role": "tool", "tool_call_id": "t", "content": [{"type": "text", "text": "41"}]}],
    [{"role": "user", "content": "caf\u00e9 \ud800 \0 [1]"}],
    [{"role": "user", "content": '["a", {"role": "user"}]'}],
    [{"content": "no role"}, "bare text"],
    [ANSWER],
    [SYSTEM],
    [SYSTEM, {"role": "user", "content": None}],
    [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "deep"}]}]}],
]


@pytest.mark.parametrize("messages", CONVERSATIONS)
def test_texts_of_messages_are_those_that_the_reader_of_the_log_makes(messages: list[Any]) -> None:
    payload = {
        "id": "i", "call_type": "acompletion", "startTime": 1_772_409_600.0, "status": "success", "model": "m",
        "metadata": {"user_api_key_hash": "k" * 64, "user_api_key_user_id": "u"}, "hidden_params": {},
        "model_parameters": {}, "messages": messages, "response": None,
    }  # fmt: skip
    follower = Follower(Matcher([]), Config())
    try:
        row = follower.sketch(json.dumps(payload).encode() + b"\n", "jsonl").to_pylist()[0]
    finally:
        follower.close()
    found = texts_of_messages(messages)
    phrases, prompt_hash = READER.read(as_read(found.prompt, LIMIT, 0), as_read(found.system_prompt, LIMIT, 0))
    assert phrases.tolist() == [*row["phrases"], *row["system_phrases"]]
    assert prompt_hash == row["prompt_hash"]


@pytest.mark.parametrize(
    ("messages", "texts", "found"),
    [
        (None, None, ("", "")),
        ([SYSTEM, USER], ["other"], ("Answer in verse.", "What is rain?")),
        (None, ["only"], ("", "only")),
        ([], ["system", "first", "last"], ("system", "last")),
        ([3], ["a", 5], ("a", "")),
        ({"role": "user"}, "text", ("", "")),
        ([{"role": "user", "content": ""}], ["only"], ("", "only")),
    ],
)
def test_plain_texts_count_where_messages_cannot_be_read(messages: Any, texts: Any, found: tuple[str, str]) -> None:
    assert texts_of_messages(messages, texts) == AskedTexts(*found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("role", "content", "parts", "type", "text", "image", "output", "x")), inner)
    ),
    max_leaves=30,
)


@settings(max_examples=examples(80, 200), deadline=None, derandomize=True)
@given(JSON, JSON)
@example([{"role": "user", "content": "\ud800"}], None)
def test_any_json_is_read_or_not_and_never_an_error(messages: Any, texts: Any) -> None:
    found = texts_of_messages(messages, texts)
    assert isinstance(found.prompt, str)
    assert isinstance(found.system_prompt, str)
    as_read(found.prompt, LIMIT, 0)


def nested(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = [{"content": value}]
    return value


@pytest.mark.parametrize(
    "messages",
    [
        nested(5_000),
        [USER] * (_MOST_PARTS + 1),
        [{"role": "user", "content": ["x"] * _MOST_PARTS}],
        [{"role": "user", "content": [[["x"] * 9_999]] * 2 + [["y"] * 9_999]}],
        [{"role": "user", "content": "x" * (_MOST_CHARACTERS + 1)}],
        [{"role": "user", "content": "x" * 1000}] * (_MOST_CHARACTERS // 1000 + 1),
    ],
    ids=["deep", "messages", "parts", "nested-parts", "one-text", "many-texts"],
)
def test_messages_over_a_bound_are_left_to_the_hunt(messages: Any) -> None:
    assert texts_of_messages(messages, ["short"]).prompt in ("short", "")
    assert texts_of_messages([USER], ["y" * (_MOST_CHARACTERS + 1)]).prompt == "What is rain?"
    assert texts_of_messages(None, ["y" * (_MOST_CHARACTERS + 1)]) == ("", "")
