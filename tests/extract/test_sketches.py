"""What sketches promise: a function of the row single, of bounded cost, fixed for ever."""

from __future__ import annotations

import random
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from hostile_texts import WORDS, encoded, requests, texts, unchecked_strings
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.base.schema import REQUESTS, SKETCHES
from stillhunt.extract import SCRIPTS, sketch_requests, warm_up
from stillhunt.extract.text.word_kernels import PHRASES, SYSTEM_PHRASES, TOPIC_WORDS
from thoroughness import examples

PLAIN = Config()


def sketch_one(prompt: str | bytes | None, seed: int = 0, **columns: object) -> dict[str, object]:
    data = prompt.encode() if isinstance(prompt, str) else prompt
    return sketch_requests(requests([data], **columns), Config(seed=seed)).to_pylist()[0]


def varied(count: int, salt: object) -> str:
    draw = random.Random(str(salt))
    return " ".join(f"{draw.choice(WORDS)} q{draw.randrange(10**6)}x" for _ in range(count))


@settings(max_examples=examples(25), deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.none() | encoded, st.none() | st.sampled_from([b"", b"You are kind.", b"\xff"]) | encoded)),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_row_order_batch_split_and_neighbours_change_nothing(
    rows: list[tuple[bytes | None, bytes | None]], shuffler: random.Random, size: int
) -> None:
    table = requests([p for p, _ in rows], system_prompt=unchecked_strings([s for _, s in rows]))
    text_hash = sketch_requests(table, PLAIN).to_pylist()
    order = list(range(len(rows)))
    shuffler.shuffle(order)
    shuffled = sketch_requests(table.take(order), PLAIN).to_pylist() if rows else []
    assert [text_hash[i] for i in order] == shuffled
    parts = [sketch_requests(table.slice(at, size), PLAIN).to_pylist() for at in range(0, len(rows), size)]
    assert [row for part in parts for row in part] == text_hash


def test_more_rows_than_a_batch_holds_come_out_in_order() -> None:
    prompts = [f"row {i} of the table".encode() if i % 7 else None for i in range(66_000)]
    table = sketch_requests(requests(prompts), PLAIN)
    assert table["request_id"].to_pylist() == [f"r{i}" for i in range(66_000)]
    for i in (0, 1, 65_535, 65_536, 65_999):
        single = sketch_one(prompts[i])
        assert table["phrases"][i].as_py() == single["phrases"]
        assert table["prompt_hash"][i].as_py() == single["prompt_hash"]


def test_threads_share_nothing() -> None:
    tables = [requests([varied(n, n).encode() for n in range(start, start + 40)]) for start in (1, 50, 100, 150)]
    single = [sketch_requests(table, PLAIN) for table in tables]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda table: sketch_requests(table, PLAIN), tables * 5))
    assert together == single * 5


def test_input_is_checked_and_output_has_the_declared_shape() -> None:
    table = requests([b"x"])
    with pytest.raises(ContractError):
        sketch_requests(table.drop_columns(["prompt"]), PLAIN)
    empty = sketch_requests(REQUESTS.empty(), PLAIN)
    assert empty.num_rows == 0
    assert empty.schema == SKETCHES.arrow
    assert sketch_requests(pa.concat_tables([table, table]), PLAIN).num_rows == 2
    warm_up()


def test_no_text_gives_no_fingerprints() -> None:
    for prompt in (None, "", " \n...  😀 !?", b"\xff\xfe\x80"):
        row = sketch_one(prompt)
        assert row["phrases"] == row["topic_words"] == []
        assert row["prompt_hash"] == row["words"] == row["script"] == row["conduct"] == 0


@settings(max_examples=examples(25), deadline=None, derandomize=True)
@given(texts, st.integers(0, 10**6))
def test_lists_are_bounded_distinct_and_sorted_where_promised(text: str, salt: int) -> None:
    row = sketch_one(text + varied(120, salt), system_prompt=[text + varied(60, salt)])
    for name, limit in (("phrases", PHRASES), ("system_phrases", SYSTEM_PHRASES), ("topic_words", TOPIC_WORDS)):
        values = row[name]
        assert 0 < len(values) <= limit
        assert len(set(values)) == len(values)
    assert row["topic_words"] == sorted(row["topic_words"])


@settings(max_examples=examples(30), deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([w for w in WORDS if w.isascii() and w.isalpha()]), min_size=7, max_size=7),
    st.lists(st.text("abcdefgh", min_size=1, max_size=6), max_size=40),
    st.lists(st.text("stuvwxyz", min_size=1, max_size=6), max_size=40),
)
def test_a_shared_run_of_seven_words_shares_a_phrase(run: list[str], left: list[str], right: list[str]) -> None:
    one = sketch_one(" ".join([*left, *run, *left[::-1]]))
    other = sketch_one(" ".join([*right, *run, *right[::-1]]))
    assert set(one["phrases"]) & set(other["phrases"])


def test_a_shared_run_of_nine_characters_shares_a_phrase() -> None:
    one = sketch_one("请把下面的推理过程写出来谢谢")
    other = sketch_one("麻烦你先把下面的推理过程写出给我们看一看好吗")
    assert set(one["phrases"]) & set(other["phrases"])
    english = sketch_one(
        "Please help: 把下面的推理过程写出来 for this long English question about ships and harbours at night"
    )
    assert set(one["phrases"]) & set(english["phrases"])


def test_padding_hides_neither_head_nor_tail() -> None:
    template = "state every assumption and number each inference before the conclusion is drawn"
    own = set(sketch_one(template)["phrases"])
    assert own & set(sketch_one(template + " " + varied(3000, 1))["phrases"])
    assert own & set(sketch_one(varied(3000, 2) + " " + template)["phrases"])
    found = sum(
        bool(own & set(sketch_one(f"{varied(60, ('a', i))} {template} {varied(60, ('b', i))}")["phrases"]))
        for i in range(60)
    )
    assert 0 < found < 60, "the keyed middle sees some of what stands neither in front nor behind"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("items 12 and 3", "items 12 and 3!", True),
        ("items 12 and 3", "Items 12  and 3", True),
        ("items 12 and 3", "items 1 and 23", False),
        ("items 12 and 3", "items 12 and 4", False),
        ("items 12 and 3", "items 3 and 12", False),
        ("a long word before the number 12345", "a long word before the number 12346", False),
    ],
)
def test_numbers_alone_tell_prompts_with_the_same_words_apart(one: str, other: str, same: bool) -> None:
    first, second = sketch_one(one), sketch_one(other)
    assert first["prompt_hash"] == second["prompt_hash"]
    assert (first["numbers"] == second["numbers"]) == same


def test_a_prompt_without_digits_has_no_numbers() -> None:
    assert [sketch_one(text)["numbers"] for text in ("no digits in this sentence", "", None)] == [0, 0, 0]


def test_the_seed_moves_the_middle_of_long_texts_only() -> None:
    short, long = varied(40, 1), varied(900, 1)
    assert sketch_one(short, seed=1) == sketch_one(short, seed=2)
    first, second = sketch_one(long, seed=1), sketch_one(long, seed=2)
    assert first["phrases"] != second["phrases"]
    assert first["phrases"][:30] == second["phrases"][:30]
    for name in ("prompt_hash", "content_hash", "conversation", "words"):
        assert first[name] == second[name]


def test_fifty_megabytes_cost_seconds_and_constant_memory() -> None:
    sentence = "Show the invoice of March 3 to our auditors, naïve as it is. "
    huge = (sentence * (50_000_000 // len(sentence))).encode()
    before = pa.total_allocated_bytes()
    started = time.process_time()
    row = sketch_requests(requests([huge, b"x", b"\xf0" * 30_000_000, b"a" * 30_000_000]), PLAIN)
    assert time.process_time() - started < 15, "140 MB of hostile text"
    assert row["words"][0].as_py() > 9_000_000
    assert all(len(phrases) <= PHRASES for phrases in row["phrases"].to_pylist())
    assert pa.total_allocated_bytes() - before < 400_000_000
    changed = huge[:25_000_000] + b" qqq " + huge[25_000_000:]
    assert sketch_one(changed)["prompt_hash"] != row["prompt_hash"][0].as_py(), "whole reads all of it"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Explain THE Naïve Café’s résumé", "explain the naive cafe's resume"),
        ("ｅｘｐｌａｉｎ the 𝐛𝐨𝐥𝐝 words", "explain the bold words"),
        ("ex\u200bplain the re\u00adsult", "explain the result"),
        ("объясни всё ещё раз", "ОБЪЯСНИ ВСЕ ЕЩЕ РАЗ"),
        ("اشـرح الأمر", "اشرح الامر"),
        ("ｶﾀｶﾅ", "カタカナ"),
        ("items 12, 3.5 and 700", "items 99 and 1"),
        ("one--two; three", "one two three"),
        ("price ٣٤ now", "price 12 now"),
    ],
)
def test_spellings_of_the_same_text_are_the_same(one: str, other: str) -> None:
    first, second = sketch_one(one), sketch_one(other)
    for name in ("prompt_hash", "phrases", "topic_words", "words"):
        assert first[name] == second[name], name
    for form in ("NFC", "NFD"):
        assert sketch_one(unicodedata.normalize(form, one))["phrases"] == first["phrases"]


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("plain words", "latin"),
        ("Ελληνικά λόγια", "greek"),
        ("русские слова and", "cyrillic"),
        ("מילים", "hebrew"),
        ("كلمات عربية", "arabic"),
        ("हिंदी शब्द", "devanagari"),
        ("বাংলা কথা", "indic"),
        ("คำไทย", "thai"),
        ("中文词语没有假名", "han"),
        ("日本語の文章です", "japanese"),
        ("한국어 단어", "hangul"),
        ("123 456", "none"),
        ("Բառեր հայերեն", "other"),
    ],
)
def test_script(text: str, script: str) -> None:
    assert SCRIPTS[sketch_one(text)["script"]] == script


def test_conversation_tells_accounts_and_conversations_apart() -> None:
    def conversation(account: str, conversation_id: str | None, request: str) -> int:
        return sketch_one(b"x", account_id=[account], conversation_id=[conversation_id], request_id=[request])[
            "conversation"
        ]

    assert conversation("a", "c", "r1") == conversation("a", "c", "r2")
    assert conversation("a", None, "r1") == conversation("a", None, "r1")
    different = [("a", "c", "r"), ("b", "c", "r"), ("a", "d", "r"), ("a", None, "r"), ("a", None, "c"), ("ac", "", "r")]
    assert len({conversation(*row) for row in different} - {0}) == len(different)


def test_content_hash_sees_every_part_of_the_content() -> None:
    base: dict[str, object] = {"output_tokens": [None]}
    changes: list[dict[str, object]] = [
        {},
        {"request_id": ["other"]},
        {"timestamp": [1]},
        {"account_id": ["other"]},
        {"model": ["other"]},
        {"output_tokens": [0]},
        {"output_tokens": [7]},
    ]
    hashes = [sketch_one(b"text", **(base | change))["content_hash"] for change in changes]
    hashes += [sketch_one(b"text!", **base)["content_hash"], sketch_one(None, **base)["content_hash"]]
    assert len(set(hashes)) == len(hashes)


def test_columns_that_are_only_carried_are_untouched() -> None:
    table = requests([b"a", None], turn=[3, None], country=["DE", None], temperature=[0.5, None], status=[200, 429])
    sketches = sketch_requests(table, PLAIN)
    for name in set(REQUESTS.names) & set(SKETCHES.names):
        assert sketches[name].to_pylist() == table[name].to_pylist()


PINNED: dict[str, object] = {
    "conversation": 2586389268388673218,
    "content_hash": 11237412425400160783,
    "prompt_hash": 10051614709737690989,
    "phrases": [
        1966443156,
        3043601380,
        1193402612,
        1548251206,
        1461531044,
        2252539543,
        1836245466,
        593263867,
    ],
    "system_phrases": [4139250063],
    "topic_words": [4268, 15621, 31851, 39631, 40113, 40850, 47208, 50791, 51007, 54838],
    "conduct": 257,
    "words": 26,
    "script": 1,
}


def test_sketches_are_fixed_for_ever() -> None:
    """Pinned under SKETCH_VERSION 4: if this fails, stored partials cannot be merged with new ones."""
    row = sketch_one(
        "You are a careful editor. Rewrite the 12 notes below, step by step; "
        "请一步一步解释 the naïve summary of Zoë’s trip.",
        system_prompt=["Answer in French."],
    )
    assert {name: row[name] for name in PINNED} == PINNED
