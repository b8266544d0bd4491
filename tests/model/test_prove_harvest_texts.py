"""The texts that campaigns harvested, from logs and from files: the same sample each time, nothing of others."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, InputError
from stillhunt.base.progress import Silent
from stillhunt_model.proof.control_answers import describe_left_out, why_not_drawn
from stillhunt_model.tasks.harvest_files import LONGEST_LINE, answers_of_file, honest_of_file
from stillhunt_model.tasks.harvest_texts import (
    HARVEST_FILE,
    AnswerLogs,
    HarvestedAnswer,
    campaign_answers,
    check_harvested,
    check_honest,
)
from stillhunt_model.tasks.honest_texts import honest_answers

CONFIG = Config(threads=1)
START = datetime(2026, 3, 1, tzinfo=UTC)


def row(place: int, **changes: Any) -> dict[str, Any]:
    return {
        "request_id": f"r{place}",
        "timestamp": START + timedelta(seconds=place),
        "account_id": "a",
        "model": "m",
        "prompt": f"ask {place}",
        "response": f"say {place}",
        **changes,
    }


def case_of(folder: Path, harvested: dict[str, list[int]]) -> Path:
    rows = [(f"r{place}", campaign) for campaign, places in harvested.items() for place in places]
    ids, campaigns = zip(*rows, strict=True)
    table = pa.table({"request_id": ids, "slice_id": ["s"] * len(ids), "campaign_id": campaigns})
    pq.write_table(table, folder / HARVEST_FILE)
    return folder


def found(folder: Path, rows: list[dict[str, Any]], limit: int, *campaigns: str) -> dict[str, list[HarvestedAnswer]]:
    logs = folder / "logs.parquet"
    pq.write_table(pa.Table.from_pylist(rows), logs)
    return campaign_answers(logs_of(folder, logs), campaigns, CONFIG, limit, Silent())


def logs_of(folder: Path, logs: Path) -> AnswerLogs:
    """With the members "a" and "b"."""
    return AnswerLogs(folder, pa.array(["a", "b"]), logs)


def test_the_sample_depends_on_ids_and_seed_alone(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"c-1": list(range(50)), "c-2": [50, 51]})
    rows = [row(place) for place in range(60)]
    first = found(case, rows, 5, "c-1", "c-2")
    random.Random(1).shuffle(rows)
    case_of(tmp_path, {"c-2": [51, 50], "c-1": list(reversed(range(50)))})
    assert found(case, rows, 5, "c-1", "c-2") == first
    assert {one: len(texts) for one, texts in first.items()} == {"c-1": 5, "c-2": 2}
    assert first["c-2"][0].answer == f"say {first['c-2'][0].request_id[1:]}"
    assert len(found(case, rows, 9, "c-1")["c-1"]) == 9
    assert found(case, rows, 9, "c-1")["c-1"][:5] == first["c-1"]
    own = [one for one in rows if int(one["request_id"][1:]) < 50]
    lines = [{**one, "campaign_id": "c-1", "timestamp": "", "day": "2026-03-01"} for one in own]
    path = tmp_path / "h.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert answers_of_file(path, [], CONFIG.seed, 5)["c-1"] == first["c-1"]


def test_requests_without_a_text_and_conflicting_ones_are_left_out(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"c-1": list(range(6))})
    rows = [row(0), row(1, response=None), row(2, response=""), row(3), row(3, response="other"), row(4), row(4)]
    rows += [row(5, prompt=None), row(7)]
    assert sorted(one.request_id for one in found(case, rows, 9, "c-1")["c-1"]) == ["r0", "r4"]


def test_what_the_answer_depended_on_is_kept(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"c-1": [0]})
    settings = {"system_prompt": "Be brief.", "temperature": 0.5, "top_p": 0.9, "max_tokens": 7}
    ((one,),) = found(case, [row(0, **settings)], 9, "c-1").values()
    assert {name: getattr(one, name) for name in settings} == settings


def test_a_damaged_case_is_named(tmp_path: Path) -> None:
    for content in (None, b"no parquet"):
        if content is not None:
            (tmp_path / HARVEST_FILE).write_bytes(content)
        with pytest.raises(CaseError, match="harvested requests cannot be read"):
            found(tmp_path, [row(0)], 9, "c-1")


def test_answers_of_others_are_refused(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"c-1": [0, 1], "c-2": [2]})
    texts = {f"r{place}": HarvestedAnswer(f"r{place}", "a", "b") for place in range(4)}
    check_harvested(case, {"c-1": [texts["r0"], texts["r1"]], "c-2": [texts["r2"]]})
    for wrong in ({"c-1": [texts["r2"]]}, {"c-2": [texts["r3"]]}, {"c-3": [texts["r0"]]}):
        with pytest.raises(InputError, match="does not count 1 of the answers"):
            check_harvested(case, wrong)


def test_a_file_may_be_far_longer_than_the_sample(tmp_path: Path) -> None:
    lines = [{"request_id": f"r{n}", "campaign_id": "c", "prompt": "a", "response": str(n)} for n in range(300)]
    path = tmp_path / "h.jsonl"
    path.write_text("\n".join(map(json.dumps, [*lines, *lines])), encoding="utf-8")
    assert answers_of_file(path, [], 0, 3)["c"] == answers_of_file(path, ["c"], 0, 200)["c"][:3]
    assert answers_of_file(path, ["other"], 0, 3) == {"other": []}


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{",
        b'{"request_id": "a", "campaign_id": "c", "prompt": "p"}',
        b'{"request_id": 7, "campaign_id": "c", "prompt": "p", "response": "r"}',
        b'{"request_id": "\xff", "campaign_id": "c", "prompt": "p", "response": "r"}',
        b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'"' + b"a" * LONGEST_LINE + b'"',
    ],
)
def test_a_line_of_another_form_is_named(tmp_path: Path, line: bytes) -> None:
    good = b'{"request_id": "a", "campaign_id": "c", "prompt": "p", "response": "r"}\n\n'
    (tmp_path / "h.jsonl").write_bytes(good + line)
    with pytest.raises(InputError, match=r"line 3 is") as caught:
        answers_of_file(tmp_path / "h.jsonl", [], 0, 9)
    assert len(str(caught.value)) < 500
    with pytest.raises(InputError, match="cannot be read"):
        answers_of_file(tmp_path / "missing.jsonl", [], 0, 9)


UNSOUND = [
    {"temperature": -0.5},
    {"top_p": 0.0},
    {"top_p": -1.0},
    {"top_p": 1.5},
    {"max_tokens": 0},
    {"max_tokens": -3},
]


@pytest.mark.parametrize("settings", UNSOUND)
def test_a_line_with_settings_that_no_call_can_have_is_named(tmp_path: Path, settings: dict[str, Any]) -> None:
    good = {"request_id": "a", "campaign_id": "c", "prompt": "p", "response": "r", "temperature": 0, "top_p": 1}
    lines = [good, {**good, "request_id": "b", **settings}]
    (tmp_path / "h.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(InputError, match=rf"line 2 has a {next(iter(settings))} ") as caught:
        answers_of_file(tmp_path / "h.jsonl", [], 0, 9)
    assert "h.jsonl:2" in caught.value.where


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["temperature", "top_p"])
def test_a_line_with_no_number_is_named(tmp_path: Path, name: str, number: str) -> None:
    line = f'{{"request_id": "a", "campaign_id": "c", "prompt": "p", "response": "r", "{name}": {number}}}'
    (tmp_path / "h.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match="line 1 "):
        answers_of_file(tmp_path / "h.jsonl", [], 0, 9)


class Noted(Silent):
    """Keeps what the user is to read."""

    def __init__(self) -> None:
        self.notes = list[str]()

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("settings", [*UNSOUND, {"temperature": float("nan")}, {"temperature": float("inf")}])
def test_rows_of_logs_with_such_settings_are_not_drawn_again(tmp_path: Path, settings: dict[str, Any]) -> None:
    case, logs, progress = case_of(tmp_path, {"c-1": [0, 1]}), tmp_path / "logs.parquet", Noted()
    sound = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 9}
    pq.write_table(pa.Table.from_pylist([row(0, **sound), row(1, **{**sound, **settings})]), logs)
    ((name, value),) = settings.items()
    read = campaign_answers(logs_of(case, logs), ["c-1"], CONFIG, 9, progress)
    answers = {one.request_id: one for one in read["c-1"]}
    if value < 0 or value == float("inf"):  # the reader of logs keeps no such number, and names the setting
        assert why_not_drawn(answers["r1"]) == name
    assert {name: getattr(answers["r0"], name) for name in sound} == sound
    assert why_not_drawn(answers["r1"])
    if settings in ({"top_p": 0.0}, {"top_p": 1.5}, {"max_tokens": 0}):
        assert len([one for one in progress.notes if "1 harvested answer with a temperature, top_p" in one]) == 1


def honest(folder: Path, rows: list[dict[str, Any]], harvested: list[HarvestedAnswer]) -> list[HarvestedAnswer]:
    logs = folder / "logs.parquet"
    pq.write_table(pa.Table.from_pylist(rows), logs)
    return honest_answers(
        logs_of(folder, logs), {"c-1": harvested}, lambda one: not why_not_drawn(one), CONFIG, Silent()
    )["c-1"]


def harvested_on(days: list[str], model: str = "m") -> list[HarvestedAnswer]:
    return [HarvestedAnswer(f"h{place}", "a", "b", model=model, day=day) for place, day in enumerate(days)]


def customer(place: int, **changes: Any) -> dict[str, Any]:
    """A request of an account of its own."""
    plain = {"account_id": f"customer-{place}", "temperature": 1.0, "turn": None, "system_prompt": None}
    return row(place, **{**plain, **changes})


def test_honest_answers_match_the_models_and_days_of_the_harvest(tmp_path: Path) -> None:
    later = START + timedelta(days=1)
    rows = [customer(place) for place in range(30)]
    rows += [customer(place, model="new") for place in range(30, 60)]
    rows += [customer(place, timestamp=later) for place in range(60, 90)]
    rows += [customer(place, timestamp=later + timedelta(days=1)) for place in range(90, 120)]
    found = honest(tmp_path, rows, harvested_on(["2026-03-01"] * 3 + ["2026-03-02"] * 2))
    assert sorted((one.model, one.day) for one in found) == [("m", "2026-03-01")] * 6 + [("m", "2026-03-02")] * 4
    random.Random(1).shuffle(rows)
    assert honest(tmp_path, rows, harvested_on(["2026-03-01"] * 3 + ["2026-03-02"] * 2)) == found
    assert honest(tmp_path, rows, harvested_on(["2026-03-01"], model="other")) == []


def test_honest_answers_are_of_nobody_who_is_suspected_and_can_be_drawn_again(tmp_path: Path) -> None:
    rows = [customer(place) for place in range(4)]
    rows += [customer(4, account_id="a"), customer(5, account_id="b")]
    rows += [customer(6, temperature=None), customer(7, temperature=0.1), customer(8, turn=1)]
    rows += [customer(9, system_prompt="Be brief."), customer(10, response=""), customer(11, prompt=None)]
    found = honest(tmp_path, rows, harvested_on(["2026-03-01"] * 50))
    assert sorted(one.request_id for one in found) == ["r0", "r1", "r2", "r3"]


def test_an_honest_account_gives_one_answer_a_day(tmp_path: Path) -> None:
    """So that an account that nobody has found out weighs no more than another one."""
    busy = [row(place, account_id="busy", temperature=1.0) for place in range(500)]
    others = [customer(place) for place in range(500, 510)]
    found = honest(tmp_path, [*busy, *others], harvested_on(["2026-03-01"] * 50))
    assert len(found) == 11
    assert honest(tmp_path, [*others, *reversed(busy)], harvested_on(["2026-03-01"] * 50)) == found
    few = honest(tmp_path, [customer(place) for place in range(500)], harvested_on(["2026-03-01"] * 3))
    assert len(few) == 6
    assert len({one.request_id for one in few}) == 6


def test_a_file_of_honest_answers_has_nothing_that_was_harvested(tmp_path: Path) -> None:
    path = tmp_path / "honest.jsonl"
    lines = [{"request_id": f"r{place}", "prompt": "a", "response": str(place)} for place in range(9)]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = honest_of_file(path, 0, 3)
    assert len(found) == 3
    path.write_text("\n".join(map(json.dumps, reversed(lines))), encoding="utf-8")
    assert honest_of_file(path, 0, 3) == found
    check_honest(None, found, {"c-1": [HarvestedAnswer("r99", "a", "b")]})
    with pytest.raises(InputError, match=found[0].request_id):
        check_honest(None, found[:1], {"c-1": found})
    case = case_of(tmp_path, {"c-2": [int(found[1].request_id[1:])]})
    with pytest.raises(InputError, match=found[1].request_id):
        check_honest(case, found, {"c-1": []})
    path.write_text(json.dumps({**lines[0], "campaign_id": "c-1"}), encoding="utf-8")
    with pytest.raises(InputError, match="line 1 has a campaign_id"):
        honest_of_file(path, 0, 3)
    path.write_text(json.dumps(lines[0]), encoding="utf-8")
    with pytest.raises(InputError, match="line 1 has no campaign_id"):
        answers_of_file(path, [], CONFIG.seed, 2)


def test_logged_calls_with_other_settings_are_left_out_by_name(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"c-1": [0, 1, 2], "c-2": [3]})
    rows = [row(0, seed=31, stop=[]), row(1, seed=31, stop=["x"]), row(2), row(3)]
    read = found(case, rows, 9, "c-1", "c-2")
    assert sorted(why_not_drawn(one) for one in read["c-1"])[1:] == ["seed", "seed, stop"]
    assert describe_left_out(read["c-1"]).startswith("seed in 2")
    assert "stop in 1" in describe_left_out(read["c-1"])
    read = found(case, [row(3, tools='[{"type": "function"}]')], 9, "c-2")
    assert [why_not_drawn(one) for one in read["c-2"]] == ["tools"]


def test_honest_answers_with_other_settings_are_not_compared(tmp_path: Path) -> None:
    rows = [customer(0, seed=None, tools=None), customer(1, seed=5), customer(2, tools='[{"type": "function"}]')]
    given = honest(tmp_path, rows, harvested_on(["2026-03-01"] * 9))
    assert [one.request_id for one in given] == [rows[0]["request_id"]]
