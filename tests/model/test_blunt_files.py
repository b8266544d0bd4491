"""Countermeasures in files of answers: results stay, and only rows of the order's accounts change."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import ConfigError
from stillhunt.base.ids import visible_id
from stillhunt_model.blunt.answer_files import BluntCounts, BluntTerms, SampleCount, blunted_rows
from stillhunt_model.blunt.measures import (
    MEASURES,
    MeasureName,
    blunted_reasoning,
    checked_measure,
)
from stillhunt_model.blunt.notices import REFUSED_ANSWER

REASONING = st.one_of(
    st.text(max_size=80),
    st.lists(st.text("abc 12.;!?`", max_size=12), max_size=6).map("\n".join),
    st.lists(st.text("abc =12", min_size=1, max_size=8), max_size=6).map(";".join),
)


MEASURE = st.sampled_from(MEASURES)


def row(account: str, number: int, **changes: Any) -> bytes:
    """A line of a file of answers."""
    return (
        json.dumps({"account_id": account, "prompt": f"what is {number}?", "response": "=7", **changes}).encode()
        + b"\n"
    )


def blunted(
    lines: list[bytes], measure: MeasureName = "withhold", keep: int | None = None, before: int = 0
) -> tuple[list[bytes], BluntCounts]:
    """The file under an order about accounts that begin with bad."""
    counts = BluntCounts()
    terms = BluntTerms(measure, keep, "2026-03-03 14:05 UTC", "https://example.org/appeal")
    file = io.BytesIO(b"".join(lines))
    made = blunted_rows(file, terms, lambda account: account.startswith("bad"), SampleCount(before), counts)
    return b"".join(made).splitlines(keepends=True), counts


@settings(derandomize=True, deadline=None)
@given(
    MEASURE,
    st.lists(
        st.one_of(
            st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"") + b"\n"),
            st.builds(row, st.sampled_from(["good", "göod"]), st.integers(0, 9), reasoning=st.text(max_size=20)),
        ),
        max_size=5,
    ),
)
def test_rows_of_others_pass_byte_for_byte(measure: MeasureName, lines: list[bytes]) -> None:
    made, counts = blunted(lines, measure, 0)
    assert b"".join(made) == b"".join(lines)
    assert (counts.of_campaign, counts.changed, counts.refused) == (0, 0, 0)


@settings(derandomize=True, deadline=None)
@given(st.sampled_from(["withhold", "summarise", "rewrite"]), st.text(max_size=30), REASONING)
@example("withhold", "\ud800 é", "a;b")
def test_the_result_is_never_changed(measure: MeasureName, response: str, reasoning: str) -> None:
    if response.lstrip().startswith("<think>"):
        return
    line = json.dumps({"account_id": "bad", "prompt": "p", "response": response, "reasoning": reasoning, "n": 1.50})
    (made,), counts = blunted([line.encode() + b"\n"], measure)
    after = json.loads(made)
    assert (after["response"], after["n"], after["prompt"]) == (response, 1.5, "p")
    assert after["reasoning"] == blunted_reasoning(measure, reasoning)
    assert ("notice" in after) == (counts.changed == 1) == (after["reasoning"] != reasoning)


def test_a_changed_row_says_so_and_keeps_the_rest_of_its_bytes() -> None:
    line = b'{"account_id":"bad",  "reasoning":"3 and 4;is 7;","prompt":"p","response":"=7","cost":0.10}\n'
    (made,), counts = blunted([line])
    begin, end = made.split(b', "notice": ')
    assert begin == b'{"account_id":"bad",  "reasoning":"","prompt":"p","response":"=7","cost":0.10'
    assert b"withheld" in end
    assert b"https://example.org/appeal" in end
    assert counts.as_dict() == BluntCounts(rows=1, of_campaign=1, changed=1, samples=1).as_dict()


def test_reasoning_inside_the_answer_is_found_where_it_is_marked() -> None:
    think = "<think>one;two;</think>\nIt is 2."
    (made,), _ = blunted([row("bad", 1, response=think)])
    assert json.loads(made)["response"] == "\nIt is 2."
    (made,), _ = blunted([row("bad", 1, response=think)], "rewrite")
    assert json.loads(made)["response"] == "<think>[step 2 of 2] two;\n[step 1 of 2] one;\n</think>\nIt is 2."
    (made,), _ = blunted([row("bad", 1, response=" <think>a</think>\n    return x")])
    assert json.loads(made)["response"] == " \n    return x"  # the block alone is gone


@pytest.mark.parametrize("measure", ["withhold", "summarise", "rewrite"])
@pytest.mark.parametrize(
    "response",
    [
        "<think> is a tag in which a model writes; then it answers.",
        "<think>We must close with </think> at the end; step two.</think>5",
        "<think>one <think> two;</think>5",
        "\n<think>one;tw",
    ],
)
def test_a_response_that_does_not_show_where_reasoning_ends_is_left_and_counted(
    measure: MeasureName, response: str
) -> None:
    lines = [row("bad", 1, response=response)]
    made, counts = blunted(lines, measure)
    assert made == lines
    assert (counts.unclear, counts.changed, counts.without_reasoning) == (1, 0, 0)
    made, counts = blunted([row("bad", 1, response=response, reasoning="a;b")], measure)
    assert json.loads(made[0])["response"] == response
    assert (counts.unclear, counts.changed) == (1, 1)


@pytest.mark.parametrize(
    ("measure", "response"),
    [
        ("cap", "<think>one;two;</think>   It is 2."),
        ("rewrite", "<think>one</think>   It is 2."),
        ("withhold", "<think>\n\n</think>\n\nIt is 2."),
        ("withhold", "<think></think> It is 2."),
    ],
)
def test_reasoning_that_the_measure_leaves_is_not_written_anew(measure: MeasureName, response: str) -> None:
    lines = [row("bad", 1, response=response, reasoning=" \n")]
    made, counts = blunted(lines, measure, 5)
    assert made == lines
    assert (counts.changed, counts.unclear) == (0, 0)


@pytest.mark.parametrize("response", ["", " \n", "<think>one;two;</think>\n"])
def test_a_notice_says_nothing_of_a_result_that_is_not_there(response: str) -> None:
    (made,), _ = blunted([row("bad", 1, response=response, reasoning="a;b")])
    notice = json.loads(made)["notice"]
    assert "withheld" in notice
    assert "no answer apart from the working" in notice
    assert "unchanged" not in notice
    (made,), _ = blunted([row("bad", 1, reasoning="a;b")])
    assert "The answer itself is unchanged." in json.loads(made)["notice"]


def test_what_cannot_be_changed_is_counted() -> None:
    lines = [row("bad", 1), row("bad", 2, reasoning=[{"text": "x"}]), b'{"account_id": "bad"}\n', b"\n"]
    made, counts = blunted(lines)
    assert made == lines
    assert (counts.of_campaign, counts.without_reasoning, counts.unread) == (1, 1, 2)


def test_a_cap_counts_useful_samples_of_the_campaign_and_refuses_openly() -> None:
    lines = [
        row("bad-1", 1, reasoning="a;b"),
        row("bad-2", 2, reasoning="a;b"),
        row("bad-2", 1, prompt="WHAT  is 1?"),  # the first one again
        row("bad-3", 3, reasoning="secret", reasoning_content="secret"),
        row("good", 3, reasoning="a;b"),
    ]
    made, counts = blunted(lines, "cap", 2)
    assert made[:3] == lines[:3]
    refused = json.loads(made[3])
    assert (refused["response"], refused["reasoning"], refused["reasoning_content"]) == (REFUSED_ANSWER, "", "")
    assert "until 2026-03-03 14:05 UTC" in refused["notice"]
    assert made[4] == lines[4]
    assert (counts.samples, counts.refused, counts.of_campaign) == (2, 1, 4)
    assert blunted(lines, "cap", 2, before=2)[1].refused == 4
    assert blunted(lines, "withhold", 1)[1].as_dict() | {"without_reasoning": 0} == BluntCounts(
        rows=5, of_campaign=4, changed=1, refused=2, samples=1
    ).as_dict() | {"without_reasoning": 0}


@pytest.mark.parametrize("prompts", [("5 + 3", "5 - 3", "5 * 3"), ("5 3", "53", "5.3"), ("is a", "is a?", "is a!")])
def test_signs_make_another_sample(prompts: tuple[str, ...]) -> None:
    lines = [row("bad", 1, prompt=prompt) for prompt in prompts]
    assert (
        blunted(lines, "cap", 2)[1].as_dict() | {"without_reasoning": 0}
        == BluntCounts(rows=3, of_campaign=3, refused=1, samples=2).as_dict()
    )


def test_reasoning_without_a_result_is_a_sample_and_is_refused_after_the_limit() -> None:
    lines = [row("bad", one, response="", reasoning_content="a;b") for one in (1, 2)] + [row("bad", 3, response=" ")]
    made, counts = blunted(lines, "cap", 1)
    assert (made[0], made[2]) == (lines[0], lines[2])
    assert (counts.samples, counts.refused) == (1, 1)
    assert json.loads(made[1])["reasoning_content"] == ""


def test_a_refused_row_holds_the_answer_nowhere() -> None:
    more = {
        "choices": [{"message": {"content": "secret"}}],
        "logprobs": {"content": [{"token": "secret"}]},
        "output_text": "secret",
        "thinking": "secret",
        "model": "m-1",
        "tokens": 7,
        "request_id": "r-1",
    }
    (made,), counts = blunted([row("bad", 1, **more)], "cap", 0)
    assert b"secret" not in made
    assert made.endswith(b"}\n")
    after = json.loads(made)
    assert counts.refused == 1
    assert set(after) == {"account_id", "prompt", "model", "tokens", "request_id", "response", "thinking", "notice"}
    assert (after["account_id"], after["model"], after["tokens"], after["response"]) == (
        "bad",
        "m-1",
        7,
        REFUSED_ANSWER,
    )


def test_ids_are_read_as_the_case_has_them() -> None:
    meant: list[str] = []
    terms = BluntTerms("withhold", None, "then")
    lines = [row("x", 1, account_id=one) for one in (17, "a\u200bb", True, 1.5, None)]
    counts = BluntCounts()
    file = io.BytesIO(b"".join(lines))

    def is_meant(account: str) -> bool:
        meant.append(account)
        return False

    list(blunted_rows(file, terms, is_meant, SampleCount(), counts))
    assert meant == ["17", visible_id("a\u200bb")]
    assert counts.unread == 3


@pytest.mark.parametrize("measure", ["withhold", "cap"])
def test_a_byte_order_mark_hides_no_row_and_stays(measure: MeasureName) -> None:
    mark = b"\xef\xbb\xbf"
    keep = 0 if measure == "cap" else None
    for account, changes in (("bad", 1), ("good", 0)):
        line = mark + row(account, 1, reasoning="a;b")
        (made,), counts = blunted([line], measure, keep)
        assert made.startswith(mark)
        assert (counts.changed + counts.refused, counts.unread) == (changes, 0)
        assert "a;b" not in json.loads(made.removeprefix(mark))["reasoning"] or made == line


def test_a_measure_that_does_not_exist_is_refused() -> None:
    assert [checked_measure(one) for one in MEASURES] == list(MEASURES)
    with pytest.raises(ConfigError, match="no measure 'poison'"):
        checked_measure("poison")


def test_hashes_of_prompts_take_little_room() -> None:
    source = random.Random(0)
    samples = SampleCount()
    assert all(samples.takes(str(source.random()), None) for _ in range(100))
    assert all(isinstance(one, int) for one in samples.prompts)
