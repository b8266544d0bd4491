"""What a campaign took: samples, tokens and value along several aspects, counted by hand, and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.families import NO_SKILL, SKILLS
from stillhunt.base.schema import TOTALS
from stillhunt.base.schema_case import MEMBERS, SAMPLES, TAKEN, TAKEN_ASPECTS
from stillhunt.triage.taken import (
    _LEAST_SAMPLES,
    _MOST_SUBJECTS,
    ALL_SAMPLES,
    ENOUGH_SAMPLES,
    other_requests,
    taken_table,
)
from stillhunt.triage.taken_summary import taken_summary

from .harvested_traffic import REREADING, WORDS, traffic_of

PRICES = Config.load(
    {"report": {"prices": {"large": {"input": 1.0, "output": 10.0}}, "default_price": {"input": 0, "output": 2.0}}},
    environ={},
).report
CALLS: list[dict[str, Any]] = [
    {"model": "large", "prompt_hash": 1, "status": 200, "input_tokens": 10, "output_tokens": 100},
    {"model": "large", "prompt_hash": 1, "status": 200, "input_tokens": 10, "output_tokens": 90},
    {"model": "large", "prompt_hash": 2, "status": 429, "input_tokens": 10, "output_tokens": 0},
    {"model": "large", "prompt_hash": 2, "status": 200, "input_tokens": 10, "output_tokens": 50, "conduct": 1 << 13},
    {"model": "small", "prompt_hash": 3, "status": None, "input_tokens": None, "output_tokens": None},
    {"model": "small", "prompt_hash": 4, "status": 200, "input_tokens": 10, "output_tokens": 0},
    {"model": "small", "prompt_hash": 0, "status": 200, "input_tokens": 10, "output_tokens": 7, "conduct": 1 | 1 << 12},
]


def reread(prompts: list[str], texts: list[str]) -> tuple[pa.Table, pa.Table]:
    samples = [
        {"campaign_id": "c", "account_id": "a", "request_id": "r", "timestamp": 0, "text": text, "marks": []}
        for text in texts
    ]
    prompt = pa.array(prompts, pa.large_string())
    return (
        pa.table({"campaign_id": pa.array(["c"] * len(prompts), pa.string()), "prompt": prompt}),
        pa.Table.from_pylist(samples, schema=SAMPLES.arrow),
    )


def taken_of(
    rows: list[dict[str, Any]], others: Sequence[dict[str, Any]] = (), **read: list[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Aspect -> value -> row."""
    traffic = traffic_of([*rows, *({**one, "account_id": "z"} for one in others)])
    harvest = {"c": np.arange(len(rows))}
    outside = np.arange(len(rows), traffic.num_rows)
    texts = reread(read.get("prompts", []), read.get("texts", []))
    table = TAKEN.check(taken_table(traffic, harvest, *texts, outside, REREADING, PRICES))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in table.to_pylist():
        assert row["value"] not in found.setdefault(row["aspect"], {})
        found[row["aspect"]][row["value"]] = row
    return found


def test_a_useful_sample_is_answered_and_prompts_that_are_alike_count_once() -> None:
    whole = taken_of(CALLS)["all"][ALL_SAMPLES]
    assert (whole["requests"], whole["samples"], whole["output_tokens"]) == (7, 3, 247)
    assert whole["list_value"] == pytest.approx((40 * 1.0 + 240 * 10.0 + 7 * 2.0) / 1e6, abs=1e-6)


def test_models_add_up_to_all() -> None:
    found = taken_of(CALLS)
    models = found["model"]
    assert {name: (row["requests"], row["samples"]) for name, row in models.items()} == {
        "large": (4, 2),
        "small": (3, 1),
    }
    for column in ("requests", "samples", "output_tokens"):
        assert sum(row[column] for row in models.values()) == found["all"][ALL_SAMPLES][column]


def test_a_request_may_show_several_skills_or_none() -> None:
    skills = taken_of(CALLS)["skill"]
    assert {name: row["requests"] for name, row in skills.items()} == {
        "reasoning traces": 1,
        "coding": 1,
        "mathematics": 1,
        NO_SKILL: 5,
    }
    assert [name for _, name in SKILLS if name in skills] == ["reasoning traces", "coding", "mathematics"]
    assert skills["mathematics"]["samples"] == 1
    assert skills["coding"]["samples"] == 0


def test_a_sampled_log_stands_for_more_tokens_and_not_for_more_samples() -> None:
    rows = [{**call, "sampling_rate": 0.5 if call["model"] == "large" else None} for call in CALLS]
    whole = taken_of(rows)["all"][ALL_SAMPLES]
    assert (whole["requests"], whole["samples"], whole["output_tokens"]) == (7, 3, 2 * 240 + 7)


def test_a_log_without_prompts_has_no_samples() -> None:
    assert taken_of([{"status": 200, "output_tokens": 5}] * 3)["all"][ALL_SAMPLES]["samples"] == 0


def on_subject(topic: int, words: str, number: int, **changes: Any) -> list[dict[str, Any]]:
    buckets = sorted(WORDS[word] for word in words.split())
    return [
        {
            "topic": topic,
            "topic_words": buckets,
            "prompt_hash": 1 + 1000 * topic + n,
            "account_id": f"a{n % 4}",
            **changes,
        }
        for n in range(number)
    ]


SUBJECTS = [
    *on_subject(0, "integral limit please", 40),
    *on_subject(1, "rhyme sonnet please", 30),
    *on_subject(2, "answer please", 6),
    {"prompt_hash": 77},
]
EVERYBODY = [*on_subject(0, "limit", 10), *on_subject(3, "tax", 30)]
EXCERPTS = ["Please: an integral and its limit", "a sonnet, a rhyme and no verse [e-mail]", "answer"]


def test_subjects_are_named_by_words_of_the_excerpts_that_tell_them() -> None:
    found = taken_of(SUBJECTS, EVERYBODY, texts=EXCERPTS)["subject"]
    assert {name: row["requests"] for name, row in found.items()} == {
        "integral, limit": 40,
        "rhyme, sonnet": 30,
        "(other)": 6,
        "(unknown)": 1,
    }
    assert found["integral, limit"]["everybody"] == pytest.approx(0.25)
    assert found["(other)"]["everybody"] == pytest.approx(0.75), "the subjects that it left alone are others, too"
    assert found["(unknown)"]["everybody"] is None


def test_no_name_has_a_word_that_the_excerpts_do_not_show() -> None:
    found = taken_of(SUBJECTS, EVERYBODY, texts=["a sonnet, a rhyme and no verse"])["subject"]
    assert set(found) == {"rhyme, sonnet", "(other)", "(unknown)"}
    assert set(taken_of(SUBJECTS, EVERYBODY)["subject"]) == {"(other)", "(unknown)"}


def test_words_of_two_accounts_name_nothing() -> None:
    rows = [{**row, "account_id": f"a{at % 2}"} for at, row in enumerate(SUBJECTS)]
    assert set(taken_of(rows, EVERYBODY, texts=EXCERPTS)["subject"]) == {"(other)", "(unknown)"}


def test_range_is_what_everybody_asks_of_the_subjects_with_enough_samples() -> None:
    (wide,) = taken_of(SUBJECTS, EVERYBODY)["range"].values()
    assert wide["value"] == ENOUGH_SAMPLES
    assert (wide["requests"], wide["everybody"]) == (70, pytest.approx(0.25))
    few = [*on_subject(0, "limit", _LEAST_SAMPLES - 1), *on_subject(1, "rhyme", 30)]
    (wide,) = taken_of(few, EVERYBODY)["range"].values()
    assert (wide["requests"], wide["everybody"]) == (30, 0.0)
    (wide,) = taken_of(few)["range"].values()
    assert wide["everybody"] is None


def test_a_subject_far_rarer_than_with_everybody_is_not_of_the_range() -> None:
    rows = [*on_subject(0, "limit", 30), *on_subject(1, "rhyme", 400)]
    (wide,) = taken_of(rows, EVERYBODY)["range"].values()
    assert (wide["requests"], wide["everybody"]) == (400, 0.0), "7 % of it, and 25 % of what everybody asks"
    (wide,) = taken_of([*on_subject(0, "limit", 60), *rows[30:]], EVERYBODY)["range"].values()
    assert wide["everybody"] == pytest.approx(0.25), "13 % of it is more than half of 25 %"


def test_repeats_make_no_range() -> None:
    rows = [{**row, "prompt_hash": 5} for row in on_subject(0, "limit", 60)]
    (wide,) = taken_of(rows, EVERYBODY)["range"].values()
    assert (wide["requests"], wide["everybody"]) == (0, 0.0)


def test_languages_divide_the_whole_by_the_prompts_that_were_read() -> None:
    found = taken_of(CALLS, prompts=["en", "en", "de", "?"])
    whole, languages = found["all"][ALL_SAMPLES], found["language"]
    assert [*languages] == ["English", "German", "(unknown)"]
    assert [row["requests"] for row in languages.values()] == [3, 2, 2]
    for column in ("requests", "samples", "output_tokens"):
        assert sum(row[column] for row in languages.values()) == whole[column]
    assert [*taken_of(CALLS)["language"]] == ["(unknown)"]


def test_every_aspect_is_declared() -> None:
    assert set(taken_of(CALLS)) == set(TAKEN_ASPECTS)


def test_only_the_largest_subjects_have_a_row() -> None:
    rows = [row for topic in range(_MOST_SUBJECTS + 3) for row in on_subject(topic, "limit rhyme", 5 + topic)]
    assert len(taken_of(rows)["subject"]) <= _MOST_SUBJECTS + 2


def test_other_requests_are_those_of_the_sample_outside_of_all_groups() -> None:
    traffic = traffic_of([{"account_id": name} for name in "abcab"])
    totals = TOTALS.build(
        account_id=["a", "b", "c"],
        requests=[2, 2, 1],
        output_tokens=[0, 0, 0],
        first_seen=pa.array([0] * 3, pa.timestamp("us", "UTC")),
        last_seen=pa.array([0] * 3, pa.timestamp("us", "UTC")),
        background=[True, True, False],
    )
    members = MEMBERS.build(
        account_id=["a"], campaign_id=["c"], role=["unknown"], requests=[2], share=[1.0], score=[0.1]
    )
    assert other_requests(traffic, totals, members).tolist() == [1, 4]


def summary(rows: list[dict[str, Any]], others: list[dict[str, Any]], **read: list[str]) -> tuple[str, ...]:
    found = taken_of(rows, others, **read)
    table = pa.Table.from_pylist([row for own in found.values() for row in own.values()], schema=TAKEN.arrow)
    return taken_summary(table, "c", lambda value: formatting.money(value, "EUR"))


def test_the_summary_says_what_was_taken() -> None:
    said = summary(SUBJECTS, EVERYBODY, texts=EXCERPTS, prompts=["en", "de"])
    assert len(said) == 6
    assert said[0] == (
        "77 useful samples in 77 requests (answered; prompts that are alike count once); 0 output tokens, EUR 0.00 at "
        "list price."
    )
    assert said[1:3] == ("Models: m 100 %.", f"Skills that the requests show: {NO_SKILL} 100 %.")
    assert said[3] == (
        "Subjects, by their most telling words: integral, limit (51.9 %); rhyme, sonnet (39 %). 9.1 % of the requests "
        "are on subjects without a name."
    )
    assert said[4] == f"Range, roughly: {ENOUGH_SAMPLES} make up 25 % of what other customers ask."
    assert said[5] == "Languages, estimated from a few requests that were read again: English 50.6 % and German 49.4 %."


def test_the_summary_leaves_out_what_is_not_known() -> None:
    said = summary(CALLS[:1], [])
    assert len(said) == 3
    assert said[0].startswith("1 useful sample in 1 request (")
    assert summary([{"status": 200, "output_tokens": 5}], [])[0].endswith("none has a prompt and an answer.")
    assert taken_summary(TAKEN.empty(), "c", str) == ()


def test_no_money_is_named_where_nobody_set_a_price() -> None:
    table = pa.Table.from_pylist(
        [row for own in taken_of(CALLS[:1], []).values() for row in own.values()], schema=TAKEN.arrow
    )
    assert "price" not in taken_summary(table, "c", lambda _: "")[0]
