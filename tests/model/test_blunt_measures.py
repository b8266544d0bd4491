"""Measures on answers: results and numbers stay, nothing is invented, and only rows of the order's accounts change."""

from __future__ import annotations

import re

import pytest

from stillhunt_model.blunt.parameters import OUTLINE_EVERY

pytest.importorskip("torch", reason="needs stillhunt[model]")

from hypothesis import example, given, settings
from hypothesis import strategies as st

from stillhunt_model.blunt import measures
from stillhunt_model.blunt.measures import (
    MEASURES,
    MeasureName,
    blunted_reasoning,
    reasoning_steps,
    steps_in_order,
)
from stillhunt_model.blunt.notices import blunt_policy
from stillhunt_model.tasks.checkable import TASKS, draw_examples

REASONING = st.one_of(
    st.text(max_size=80),
    st.lists(st.text("abc 12.;!?`", max_size=12), max_size=6).map("\n".join),
    st.lists(st.text("abc =12", min_size=1, max_size=8), max_size=6).map(";".join),
)


FENCED = "look:\n```\na;\nb\n```\nso it is"


ADDED = re.compile(r"\[(?:\d+ steps? left out|step \d+ of \d+)\] ")


MEASURE = st.sampled_from(MEASURES)


@settings(derandomize=True, deadline=None)
@given(REASONING)
@example(FENCED)
def test_steps_are_the_whole_reasoning(reasoning: str) -> None:
    assert "".join(reasoning_steps(reasoning)) == reasoning


def test_steps_begin_at_lines_or_semicolons_or_sentences() -> None:
    assert reasoning_steps("a;b\nc. D") == ["a;b\n", "c. D"]
    assert reasoning_steps("a. B;c") == ["a. B;", "c"]
    assert reasoning_steps("It is 3.5. So it is!") == ["It is 3.5. ", "So it is!"]
    assert "```\na;\nb\n```\n" in reasoning_steps(FENCED)


@settings(derandomize=True, deadline=None)
@given(MEASURE, REASONING)
def test_a_measure_says_nothing_that_was_not_there(measure: MeasureName, reasoning: str) -> None:
    steps = reasoning_steps(reasoning)
    kept = [one.removesuffix("\n") for one in ADDED.split(blunted_reasoning(measure, reasoning)) if one]
    whole = "".join(one.removesuffix("\n") for one in steps)
    if not ADDED.search(reasoning) and measure != "cap":
        assert all(piece.replace("\n", "") in whole.replace("\n", "") for piece in kept)


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.text("abc 12", min_size=1, max_size=8), min_size=2, max_size=9).map(lambda steps: ";".join(steps) + ";")
)
def test_an_outline_keeps_one_whole_step_of_so_many_and_counts_the_others(reasoning: str) -> None:
    steps, outline = reasoning_steps(reasoning), blunted_reasoning("summarise", reasoning)
    kept = steps[::OUTLINE_EVERY]
    assert "".join(kept) == ADDED.sub("", outline)
    missing = sum(int(one) for one in re.findall(r"\[(\d+) steps? left out\]", outline))
    assert missing + len(kept) == len(steps)


def test_a_reasoning_of_one_step_is_no_outline_of_itself() -> None:
    assert blunted_reasoning("summarise", "It is nine.") == "[1 step left out] "


@settings(derandomize=True, deadline=None)
@given(REASONING)
def test_a_rewritten_reasoning_has_every_step_and_can_be_put_in_order(reasoning: str) -> None:
    rewritten = blunted_reasoning("rewrite", reasoning)
    if not ADDED.search(reasoning):
        assert steps_in_order(rewritten) == reasoning
        if len(reasoning_steps(reasoning)) > 1:
            assert rewritten.startswith(f"[step {len(reasoning_steps(reasoning))} of")


def test_steps_of_the_tasks_are_blunted() -> None:
    for task in TASKS.values():
        for one in draw_examples(task, 20, 0):
            assert blunted_reasoning("withhold", one.reasoning) == ""
            assert len(reasoning_steps(one.reasoning)) >= 2
            assert one.reasoning not in blunted_reasoning("summarise", one.reasoning)
            assert blunted_reasoning("rewrite", one.reasoning) != one.reasoning


def fenced(fence: str, indent: str = "") -> str:
    """Code with semicolons and full stops between fences, and text around it."""
    return f"First. This;\n{indent}{fence}python\n{indent}a; b. C\n\n{indent}```\n{indent}d;\n{indent}{fence}\nThen.\n"


@pytest.mark.parametrize(
    "reasoning", [fenced("````"), fenced("~~~"), fenced("````", "   "), fenced("~~~~", "\t"), fenced("~~~", "> ")]
)
def test_every_fence_is_one_step(reasoning: str) -> None:
    steps = reasoning_steps(reasoning)
    assert [step.splitlines()[0].strip("\t >") for step in steps] == [
        "First. This;",
        steps[1].split("p")[0].strip("\t >") + "python",
        "Then.",
    ]
    rewritten = blunted_reasoning("rewrite", reasoning)
    assert f"\n{steps[1]}" in rewritten  # still at the beginning of a line
    assert steps_in_order(rewritten) == reasoning
    assert f"\n{steps[1]}" in blunted_reasoning("summarise", "x\ny\nz\n" + reasoning.partition("\n")[2])


def test_a_fence_in_a_list_and_one_without_end_are_steps() -> None:
    assert reasoning_steps("1. ```\n   a;\n   b\n   ```\nend") == ["1. ```\n   a;\n   b\n   ```\n", "end"]
    assert reasoning_steps("so:\n``` x\na\nb") == ["so:\n", "``` x\na\nb"]
    assert reasoning_steps("```a;b``` is it\nc\nd") == ["```a;b``` is it\n", "c\n", "d"]


@pytest.mark.parametrize(
    "reasoning",
    [
        "We write for (i=0;i<n;i++) sum; then stop.",
        "for (i=0; i; i=i-1) sum; then stop.",
        "Escape it as &lt;b; then it shows. So it is.",
        "Escape it as &#60;b; then it shows.",
        "a = [1; 2; 3]; then a.",
        'It prints "one; two"; then stops.',
        "    x = 1; y = 2",
        "print(x); stop. Then go.",
        "os.path.join(a). Then b.",
        "SELECT a, b; then DROP c;",
        "return x; y",
        "use `a;b`; then c. D",
        "{a;b}. C",
        "x := 3; y",
    ],
)
def test_code_is_cut_at_the_ends_of_lines_alone(reasoning: str) -> None:
    assert reasoning_steps(reasoning) == [reasoning]
    assert blunted_reasoning("rewrite", reasoning) == reasoning
    assert reasoning_steps(f"{reasoning}\nmore; of it") == [f"{reasoning}\n", "more; of it"]


def test_fences_are_looked_at_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = [0]
    looks = measures._fence_after

    def counted(line: str, fence: str) -> str:
        looked[0] += 1
        return looks(line, fence)

    monkeypatch.setattr(measures, "_fence_after", counted)
    text = "```\na\n```\n" * 20_000  # minutes, were each line compared with each fence
    assert len(reasoning_steps(text)) == 20_000
    assert looked[0] == text.count("\n")


def test_the_policy_names_each_measure_and_is_no_legal_advice() -> None:
    text = blunt_policy()
    assert all(f"**{measure}**" in text for measure in MEASURES)
    assert "no legal advice" in text
    for subject in ("How we notice", "notice that says what", "How long", "appeal", "Research", "What we keep"):
        assert subject in text
    assert "**cap**" not in blunt_policy(("withhold",))
    assert "After 1,234 distinct questions" in blunt_policy(("cap",), 1234)
