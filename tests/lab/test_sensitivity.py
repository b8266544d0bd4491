"""The sensitivity script: what is moved and by how much, what is compared, and that a run can be taken up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stillhunt.base.parameters import Parameter, judgement

QUALITY = Path(__file__).parents[2] / "benchmarks" / "quality"
sys.path.insert(0, str(QUALITY))
from sensitivity import Move, moved_value, moves_of, report  # noqa: E402 - a script, found through the line above
from sensitivity_worker import compared, frozen, replaced  # noqa: E402 - as above


def declared(value: object, unit: str = "times") -> Parameter:
    return Parameter("score.x", "y", value, unit, "Something.", judgement("a test"))


@pytest.mark.parametrize(
    ("value", "unit", "down", "up"),
    [
        (8.0, "bits", 6.0, 10.0),
        (-8.0, "bits", -6.0, -10.0),
        (20, "accounts", 15, 25),
        (2, "accounts", 1, 3),
        (0.9, "share", 0.675, 1.0),
        (0.9, "bits", 0.675, 1.125),
        ((2.0, 4), "bits", (1.5, 3), (2.5, 5)),
        ((0.5, 0.25, 0.25), "share of slices", (0.375, 0.3125, 0.3125), (0.625, 0.1875, 0.1875)),
    ],
)
def test_values_move_by_a_quarter(value: object, unit: str, down: object, up: object) -> None:
    assert moved_value(value, 0.75, unit) == pytest.approx(down)
    assert moved_value(value, 1.25, unit) == pytest.approx(up)
    assert type(moved_value(value, 0.75, unit)) is type(value)


@pytest.mark.parametrize(("value", "unit"), [("name", "1"), (True, "1"), (0.0, "bits"), (0, "accounts"), ((), "bits")])
def test_what_is_no_number_or_nothing_stays(value: object, unit: str) -> None:
    assert moves_of(declared(value, unit)) == []


def test_a_share_of_one_moves_down_only() -> None:
    assert [move.direction for move in moves_of(declared(1.0, "share"))] == ["down"]


@pytest.mark.parametrize(
    ("name", "start"), [("score.x.y", "score"), ("resolve.x.y", "resolve"), ("link.x.y", "hunt"), ("base.x.y", "hunt")]
)
def test_only_the_rooms_behind_a_parameter_run_again(name: str, start: str) -> None:
    assert Move(name, 1, 2, "up").start == start


def test_campaigns_are_compared_by_their_accounts_and_verdicts_by_account() -> None:
    before = {
        "verdicts": {"a": "act", "b": "act", "c": "review"},
        "campaigns": [{"bits": 5.0, "accounts": ["a", "b", "c"]}, {"bits": 1.0, "accounts": ["x", "y"]}],
    }
    after = {
        "verdicts": {"a": "act", "c": "act", "h": "act"},
        "campaigns": [{"bits": 2.5, "accounts": ["a", "c", "h"]}, {"bits": 9.0, "accounts": ["p", "q"]}],
    }
    changes = compared(after, before, {"a", "b", "c", "d"})
    assert changes == {"verdicts": 3, "honest": 1, "recall": 0.5, "bits": 2.5, "campaigns": 2}
    assert compared(before, before, set()) == {"verdicts": 0, "honest": 2, "recall": None, "bits": 0.0, "campaigns": 0}


def test_parts_of_a_call_are_replaced_wherever_they_stand() -> None:
    old = object()
    assert replaced(((1, old), {"x": [old]}), lambda value: value is old, 7) == ((1, 7), {"x": [7]})
    assert frozen([1, [2.0, "a"]]) == (1, (2.0, "a"))


def row(name: str, direction: str, **changes: object) -> dict[str, object]:
    nothing = {"verdicts": 0, "honest": 0, "recall": 0.9, "bits": 0.0, "campaigns": 0}
    return {"parameter": name, "direction": direction, "declared": 4, "value": 3, "world": "w", **nothing, **changes}


def test_the_table_is_sorted_by_effect_and_names_what_does_nothing() -> None:
    rows = [
        row("score.a.idle", "down"),
        row("score.a.strong", "up", verdicts=9, recall=0.6, bits=12.5),
        row("score.a.weak", "down", bits=0.25),
        {**row("score.a.broken", "up"), "error": "ZeroDivisionError"},
    ]
    text = report(rows, {"w": row("", "")}, ["`score.a.name`"])
    assert text.index("score.a.strong") < text.index("score.a.weak") < text.index("score.a.idle")
    assert "| `score.a.strong` | 4 -> 3 | 9 | 0 | 0.600 | 12.50 | 0 |" in text
    parts = text.split("## ")
    assert ["score.a.strong" in part for part in parts[1:]] == [True, False, False, False]
    assert "- score.a.idle" in parts[2]
    assert "weak" not in parts[2]
    assert "`score.a.name`" in parts[3]
    assert "score.a.broken up in w: ZeroDivisionError" in parts[4]


def test_a_run_moves_each_parameter_in_a_process_of_its_own_and_resumes(tmp_path: Path) -> None:
    command = [sys.executable, str(QUALITY / "sensitivity.py"), "--out", str(tmp_path), "--rungs", "1,2"]
    command += ["--accounts", "60", "--campaign-accounts", "20", "--days", "4", "--also-import", "fake_room"]
    command += ["--only", "score.fake,resolve.fake,link.fake"]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}

    def run() -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first = run()
    path = tmp_path / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    # Two worlds: what is kept of the first must not be overwritten by the second.
    assert len({one["world"] for one in rows}) == 2
    for name in ("score.fake.unused", "resolve.fake.idle"):
        assert all((one["bits"], one["campaigns"]) == (0.0, 0) for one in rows if one["parameter"] == name)
    found = {(one["parameter"], one["direction"]): one for one in rows if one["world"].startswith("rung2")}
    assert list(found) == [
        ("", ""), ("link.fake.idle", "down"), ("resolve.fake.idle", "down"),
        ("score.fake.scale", "down"), ("score.fake.scale", "up"),
        ("score.fake.unused", "down"),
    ]  # fmt: skip
    assert found["", ""]["recall"] > 0.5
    assert found["score.fake.scale", "up"]["bits"] > 1.0
    assert found["score.fake.scale", "down"]["verdicts"] >= 10
    assert found["score.fake.scale", "down"]["recall"] == 0.0
    for name in ("score.fake.unused", "resolve.fake.idle", "link.fake.idle"):
        changes = found[name, "down"]
        assert (changes["bits"], changes["verdicts"], changes["campaigns"]) == (0.0, 0, 0), name
    assert "- score.fake.unused" in first.split("## Changes nothing")[1].split("##")[0]
    assert "- score.fake.scale" in first.split("## Fragile")[1].split("##")[0]
    assert "`score.fake.nothing`" in first.split("## Cannot be moved")[1]
    kept = [one for one in rows if one["direction"] != "up" or one["world"].startswith("rung1")]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in kept), "utf-8")
    assert "1/1 score.fake.scale up" in run()
    again = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert sorted(map(json.dumps, again)) == sorted(map(json.dumps, rows))
