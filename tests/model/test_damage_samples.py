"""Which samples students learn from and which they are asked: useful ones, from the logs, and none on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import stillhunt
from model.damage_world import CAMPAIGN, log_rows, prose, task_pairs, write_case, write_log
from stillhunt.base.errors import CaseError, InputError
from stillhunt.base.progress import Silent
from stillhunt_model.damage import samples
from stillhunt_model.damage.samples import (
    GatheredAnswers,
    HarvestSource,
    TakenAnswer,
    count_different,
    gather_answers,
)
from stillhunt_model.damage.splitting import HARVESTED, HONEST, curve_counts, hold_out, shuffled
from stillhunt_model.training.pairs import TextPair

COUNT = 160


def gathered(
    folder: Path, rows: Sequence[dict[str, Any]], subjects: Sequence[str] = (), seed: int = 0
) -> GatheredAnswers:
    """What is read of rows."""
    log = write_log(folder / "log.jsonl", rows)
    case = write_case(folder / "case", rows, subjects)
    return gather_answers(HarvestSource(case, CAMPAIGN, [str(log)]), stillhunt.Config(), Silent(), seed)


def ids(found: Sequence[TakenAnswer]) -> list[str]:
    return sorted(one.request_id for one in found)


def question(one: TakenAnswer) -> str:
    """What a request asks, whatever is written around it."""
    return " ".join(one.pair.prompt.lower().split()[-3:])


def test_harvested_and_honest_answers_are_read_and_with_distinct_keys(tmp_path: Path) -> None:
    rows = log_rows(task_pairs("strings", COUNT), prose(COUNT))
    found = gathered(tmp_path, rows)
    assert ids(found.harvested) == sorted(row["request_id"] for row in rows if row["request_id"].startswith("h"))
    assert found.honest
    assert all(one.request_id.startswith("o") for one in found.honest)
    assert (found.campaign, found.requests, found.requests_read, found.useful) == (CAMPAIGN, COUNT, COUNT, COUNT)
    texts = {row["request_id"]: (row["prompt"], row["response"]) for row in rows}
    assert all(texts[one.request_id] == (one.pair.prompt, one.pair.answer) for one in found.harvested)


def test_a_prompt_sent_again_and_a_request_without_an_answer_are_no_useful_samples(tmp_path: Path) -> None:
    pairs = task_pairs("strings", COUNT)
    again = [TextPair(f"  {one.prompt.upper()} ", one.answer) for one in pairs[:30]]
    rows = log_rows([*pairs, *again], prose(COUNT))
    failed = {row["request_id"]: row for row in rows}
    failed["h00100"]["status"], failed["h00101"]["response"], failed["h00102"]["response"] = 500, "", None
    found = gathered(tmp_path, rows)
    assert len(found.harvested) == COUNT - 3
    assert not {"h00100", "h00101", "h00102"} & set(ids(found.harvested))


def test_requests_of_other_members_are_neither_harvested_nor_honest(tmp_path: Path) -> None:
    rows = log_rows(task_pairs("strings", COUNT), prose(COUNT))
    case = write_case(tmp_path / "case", rows)
    more = [{**row, "request_id": f"m{at}", "account_id": "member-1"} for at, row in enumerate(rows[:50])]
    log = write_log(tmp_path / "log.jsonl", [*rows, *more])
    found = gather_answers(HarvestSource(case, CAMPAIGN, [str(log)]), stillhunt.Config(), Silent(), 0)
    assert not [one for one in (*found.harvested, *found.honest) if one.request_id.startswith("m")]


def test_near_copies_are_never_on_both_sides(tmp_path: Path) -> None:
    """The trap: a template with near-copies, which count as samples of their own, would teach what is asked."""
    pairs = task_pairs("strings", COUNT)
    copies = [TextPair(f"kindly {one.prompt}", one.answer) for one in pairs] + [
        TextPair(f"now {one.prompt}", one.answer) for one in pairs
    ]
    later = [TextPair(one.prompt, f"{one.answer} it is") for one in pairs]
    rows = log_rows([*pairs, *copies, *later], [*prose(COUNT), *pairs[:20]])
    for row in rows:  # the later ones follow another prompt of their conversation, and count once more
        if row["request_id"].startswith("h") and int(row["request_id"][1:]) >= 3 * COUNT:
            row |= {"conversation_id": f"talk-{row['request_id']}", "turn": 3}
    found = gathered(tmp_path, rows)
    assert len(found.harvested) > 3 * COUNT  # copies do count
    assert 0.9 * COUNT < count_different(found.harvested) <= COUNT  # some answers are to several questions
    held = hold_out(found, 0)
    learned = {question(one) for kind in (HARVESTED, HONEST) for one in held.training[kind]}
    assert held.asked
    assert not learned & {question(one) for one in (*held.choosing, *held.asked)}
    assert not {question(one) for one in held.choosing} & {question(one) for one in held.asked}


def test_turns_of_one_conversation_stay_together_and_so_do_copies_in_others(tmp_path: Path) -> None:
    """Copies tie nearly all conversations to each other: then these are groups, and copies are left out of training."""
    pairs = task_pairs("strings", COUNT)
    again = [TextPair(f"kindly {one.prompt}", one.answer) for one in pairs[::3]]
    rows = log_rows([*pairs, *again[::-1]], prose(COUNT))
    talk = {row["request_id"]: int(row["request_id"][1:]) // 5 for row in rows if row["request_id"].startswith("h")}
    for row in rows:
        if row["request_id"] in talk:
            row |= {"conversation_id": f"talk-{talk[row['request_id']]}", "account_id": "member-0"}
    held = hold_out(gathered(tmp_path, rows), 0)
    learned, asked = held.training[HARVESTED], [*held.choosing, *held.asked]
    assert learned
    assert asked
    assert not {talk[one.request_id] for one in learned} & {talk[one.request_id] for one in asked}
    assert not {question(one) for one in learned} & {question(one) for one in asked}


def test_a_refusal_that_many_get_does_not_tie_them_together(tmp_path: Path) -> None:
    refused = [TextPair(one.prompt, "I am sorry, but I cannot help with that.") for one in task_pairs("strings", COUNT)]
    found = gathered(tmp_path, log_rows(refused, prose(COUNT)))
    assert len({one.group for one in found.harvested}) > COUNT / 2
    assert len(hold_out(found, 0).training[HARVESTED]) > COUNT / 2


def test_sides_depend_on_ids_and_the_seed_and_not_on_order(tmp_path: Path) -> None:
    pairs, others = task_pairs("strings", COUNT), prose(COUNT)
    one = hold_out(gathered(tmp_path, log_rows(pairs, others)), 0)
    (tmp_path / "again").mkdir()
    rows = log_rows(pairs, others)
    mixed = hold_out(gathered(tmp_path / "again", rows[::-1]), 0)
    other = hold_out(gathered_again(tmp_path, 1), 1)
    assert ids(one.asked) == ids(mixed.asked)
    assert ids(one.asked) != ids(other.asked)
    assert [x.request_id for x in shuffled(one.asked, 3)] == [x.request_id for x in shuffled(one.asked[::-1], 3)]
    assert shuffled(one.asked, 3) != shuffled(one.asked, 4)
    share = (len(one.asked) + len(one.choosing)) / COUNT
    assert 0.15 < share < 0.35


def gathered_again(folder: Path, seed: int) -> GatheredAnswers:
    """The same files with another seed."""
    return gather_answers(
        HarvestSource(folder / "case", CAMPAIGN, [str(folder / "log.jsonl")]), stillhunt.Config(), Silent(), seed
    )


def test_of_very_many_requests_a_keyed_sample_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_MOST_REQUESTS", 40)
    rows = log_rows(task_pairs("strings", COUNT), prose(COUNT))
    found = gathered(tmp_path, rows)
    assert found.requests_read == 40
    assert found.requests == COUNT
    assert ids(found.harvested) == ids(gathered_again(tmp_path, 0).harvested)
    assert ids(found.harvested) != ids(gathered_again(tmp_path, 1).harvested)


def test_samples_show_skills_and_subjects(tmp_path: Path) -> None:
    pairs = task_pairs("strings", COUNT)
    reasoned = [
        TextPair(f"think step by step and show your reasoning: {one.prompt}", one.answer) for one in pairs[: COUNT // 2]
    ]
    found = gathered(tmp_path, log_rows([*reasoned, *pairs[COUNT // 2 :]], prose(COUNT)), ["reverse, rotate"])
    for one in found.harvested:
        expected = "reasoning traces" if one.pair.prompt.startswith("think") else "general instruction following"
        assert ("skill", expected) in one.labels
        about = "reverse" in one.pair.prompt or "rotate" in one.pair.prompt
        assert (("subject", "reverse, rotate") in one.labels) == about


def test_logs_without_responses_are_refused_with_what_to_do(tmp_path: Path) -> None:
    rows = log_rows(task_pairs("strings", COUNT), prose(COUNT))
    for row in rows:
        del row["response"]
    with pytest.raises(InputError, match="these logs hold no responses") as refused:
        gathered(tmp_path, rows)
    assert "--map response=" in refused.value.on_command_line()


def test_what_cannot_be_measured_is_said(tmp_path: Path) -> None:
    rows = log_rows(task_pairs("strings", COUNT), prose(COUNT))
    found = gathered(tmp_path, rows)
    with pytest.raises(CaseError):
        gather_answers(HarvestSource(tmp_path / "case", "no-such", []), stillhunt.Config(), Silent(), 0)
    few = GatheredAnswers(CAMPAIGN, found.harvested[:20], found.honest, 20, 20, 20)
    with pytest.raises(InputError, match="harvested answers to learn from"):
        hold_out(few, 0)
    of_one_talk = [TakenAnswer(one.request_id, one.pair, 0, frozenset(), ()) for one in found.harvested]
    with pytest.raises(InputError):
        hold_out(GatheredAnswers(CAMPAIGN, of_one_talk, found.honest, COUNT, COUNT, COUNT), 0)
    others = write_log(tmp_path / "others.jsonl", [row for row in rows if row["request_id"].startswith("o")])
    with pytest.raises(InputError, match="none of the campaign's requests"):
        gather_answers(HarvestSource(tmp_path / "case", CAMPAIGN, [str(others)]), stillhunt.Config(), Silent(), 0)


def test_counts_double_up_to_all() -> None:
    assert curve_counts(1000) == (62, 125, 250, 500, 1000)
    assert curve_counts(32) == (4, 8, 16, 32)
