"""The benchmark: its measures on answers known by hand, its replay, and that it can be stopped and taken up again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.shape import TIMESTAMP
from stillhunt_lab.baselines import MethodResult, MethodSettings
from stillhunt_lab.bench import BenchSpec, run_bench, write_report
from stillhunt_lab.bench import run as bench_run
from stillhunt_lab.bench.measures import Truth, average_precision, false_at_recall, measure
from stillhunt_lab.bench.methods import ABLATED_FAMILIES, VARIANTS, poorer_log, sparing
from stillhunt_lab.bench.replay import called_campaigns, first_calls
from stillhunt_lab.bench.report import BEGIN, END, render_page
from stillhunt_lab.bench.rows import SIZES_FILE, Run, WorldKey, read_rows, runs_of, source_hash
from stillhunt_lab.bench.tables import best_baseline_sentence, equal_recall, first_call_cell, share_cell

TINY = BenchSpec(rungs=(1,), seeds=1, accounts=40, days=3, campaign_accounts=8, baselines=False, honest_accounts=40)
NO_HISTORY = MethodSettings(0, lambda: pa.table({}))


def truth_of(harvesting: dict[str, str], honest: list[str]) -> Truth:
    """One request of each account; harvesting accounts with their campaign."""
    owners = [*harvesting, *honest]
    requests = pa.table(
        {
            "request_id": [f"r-{a}" for a in owners],
            "account_id": owners,
            "campaign": [harvesting.get(a, "") for a in owners],
        }
    )
    return Truth(pa.table({"account_id": owners, "persona": ["chat"] * len(owners)}), requests)


def test_false_accounts_at_equal_recall_take_ties_together() -> None:
    truth = truth_of({"x": "c", "y": "c", "z": "c", "u": "c"}, ["a", "b", "d"])
    scores = {"x": 0.9, "a": 0.8, "y": 0.8, "b": 0.5, "z": 0.4, "d": 0.1, "u": 0.0}
    quality = measure(MethodResult(scores, frozenset({"x", "a"})), truth)
    assert quality.false_at_hits == [0, 1, 2]
    assert false_at_recall(quality, 0.5) == (1, 0.5)
    assert false_at_recall(quality, 1.0) == (2, 0.75)  # the last one has no score
    assert false_at_recall(quality, 0.0) == (0, 0.0)
    assert average_precision(quality) == pytest.approx((1 / 1 + 2 / 3 + 3 / 5) / 4)
    assert (quality.recall, quality.precision, quality.false_accounts) == (0.25, 0.5, 1)
    assert quality.request_recall == 0.25  # lists no requests: those of the flagged accounts count


def test_baseline_that_cannot_reach_the_recall_is_told() -> None:
    truth = truth_of({"x": "c", "y": "c"}, ["a"])
    ours = measure(MethodResult({"x": 1.0, "y": 1.0}, frozenset({"x", "y"})), truth)
    blind = measure(MethodResult({"a": 1.0}, frozenset()), truth)
    assert equal_recall({1: ours}, {1: blind}) == ([0], [0], 0)
    assert equal_recall({1: ours}, {1: ours}) == ([0], [0], 1)


def test_group_is_called_from_five_accounts_nine_in_ten_pure() -> None:
    harvesting = {f"x{i}": "c" for i in range(20)}
    truth = truth_of(harvesting, ["a", "b", "d"])

    def called(accounts: list[str]) -> tuple[set[str], int]:
        return called_campaigns(MethodResult({}, frozenset(accounts), dict.fromkeys(accounts, "g")), truth)

    assert called([f"x{i}" for i in range(5)]) == ({"c"}, 0)
    assert called([f"x{i}" for i in range(4)]) == (set(), 1)
    assert called([*(f"x{i}" for i in range(18)), "a", "b"]) == ({"c"}, 0)
    assert called([*(f"x{i}" for i in range(18)), "a", "b", "d"]) == (set(), 1)


def replayed(called: set[int]) -> tuple[int | None, int]:
    """Requests before the first call, and looks, of a method that is right at these hours; one request an hour."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    rows = 200
    accounts = [f"x{i % 5}" for i in range(rows)]
    requests = pa.table(
        {
            "request_id": [f"r{i}" for i in range(rows)],
            "timestamp": pa.array([start + timedelta(hours=i) for i in range(rows)], TIMESTAMP),
            "account_id": accounts,
        }
    )
    truth = Truth(
        pa.table({"account_id": [f"x{i}" for i in range(5)], "persona": ["-"] * 5}),
        pa.table({"request_id": requests["request_id"], "account_id": accounts, "campaign": ["c"] * rows}),
    )

    def method(log: pa.Table, customers: pa.Table | None, settings: MethodSettings) -> MethodResult:
        members = [f"x{i}" for i in range(5)] if log.num_rows in called else []
        return MethodResult({}, frozenset(members), dict.fromkeys(members, "g"))

    (call,) = first_calls(method, (requests, pa.table({"account_id": ["x0"]})), truth, NO_HISTORY)
    assert call.harvested == rows
    return call.requests, call.looks


def test_replay_finds_the_hour_of_the_first_call_that_stands() -> None:
    seen, looks = replayed(set(range(71, 201)))
    assert seen == 71
    assert looks < 40


def test_replay_ignores_a_call_that_does_not_stand_at_the_next_look() -> None:
    """Hour 20 is the first look; named there and gone an hour later is no call."""
    assert replayed({20, *range(100, 201)})[0] == 100
    assert replayed(set())[0] is None


def test_sanctioned_programmes_are_spared_by_baselines_too() -> None:
    def baseline(requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
        return MethodResult({"v": 2.0, "x": 1.0}, frozenset({"v", "x"}), {"v": "g", "x": "h"}, acts=2)

    accounts = pa.table({"account_id": ["v", "x"], "organization_id": ["firm", None]})
    settings = MethodSettings(0, lambda: pa.table({}), ("firm",))
    found = sparing(baseline)(pa.table({"account_id": ["v", "x"]}), accounts, settings)
    assert found == MethodResult({"x": 1.0}, frozenset({"x"}), {"x": "h"}, acts=1)
    assert sparing(baseline)(accounts, None, NO_HISTORY).flagged == {"v", "x"}


def test_ablations_cover_every_family_and_drop_what_they_say() -> None:
    assert {f"{kind}_{name}" for kind in ("without", "only") for name in ABLATED_FAMILIES} <= set(VARIANTS)
    log = pa.table({"request_id": [str(i) for i in range(1000)], "client_ip": ["a"] * 1000, "asn": [1] * 1000})
    poorer, accounts = poorer_log(VARIANTS["no_addresses"], log, log, 0)
    assert poorer.column_names == ["request_id"]
    assert accounts is log
    fewer, _ = poorer_log(VARIANTS["third_of_rows"], log, log, 0)
    assert 230 < fewer.num_rows < 370
    assert fewer.equals(poorer_log(VARIANTS["third_of_rows"], log, log, 0)[0])
    assert poorer_log(VARIANTS["no_accounts"], log, log, 0)[1] is None


def test_bench_resumes_and_writes_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt itself is replaced: what is tested is what runs, once, and what the page says of it."""
    hunts = []
    truth = bench_run.world_of(WorldKey("first", 1, TINY.first_seed), TINY).truth_accounts
    named = zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True)
    harvesting = [account for account, campaign in named if campaign]

    def method(log: pa.Table, customers: pa.Table | None, settings: MethodSettings) -> MethodResult:
        hunts.append(log.num_rows)
        return MethodResult(dict.fromkeys(harvesting, 1.0), frozenset(harvesting), dict.fromkeys(harvesting, "g"))

    monkeypatch.setattr(bench_run, "method_of", lambda _name: method)
    monkeypatch.setattr(bench_run, "stillhunt_method", lambda _overrides=None: method)
    spec = replace(TINY, honest=1, ablations=True, replay=True)
    done, there = run_bench(spec, tmp_path)
    assert (done, there) == (2 + 1 + len(VARIANTS), 0)
    (tmp_path / Run("ladder", WorldKey("first", 1, TINY.first_seed), "stillhunt").file_name).unlink()
    hunts.clear()
    assert run_bench(spec, tmp_path) == (1, done - 1)
    assert len(hunts) == 2  # one to warm up, one to measure
    page = tmp_path / "page.md"
    assert write_report(tmp_path, page) == done
    text = page.read_text("utf-8")
    for expected in ("### Rung 1, generator first", "without queue evidence", "| first | stillhunt | 1 | 40 |"):
        assert expected in text
    assert "| 1 | 1 | 1.000 | 1.000 | 0 | 0.00 % | 1.000 |" in text


def test_page_keeps_what_was_written_by_hand(tmp_path: Path) -> None:
    run_bench(replace(TINY, seeds=0), tmp_path)
    page = tmp_path / "page.md"
    write_report(tmp_path, page)
    text = page.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\nOne thing failed.\n{END}{rest.partition(END)[2]}", "utf-8")
    write_report(tmp_path, page)
    assert f"{BEGIN}\nOne thing failed.\n{END}" in page.read_text("utf-8")


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    run_bench(replace(TINY, seeds=0), tmp_path)
    page = tmp_path / "thesis.md"
    page.write_text("mine", "utf-8")
    with pytest.raises(OutputError, match="no page of the bench"):
        write_report(tmp_path, page)
    assert page.read_text("utf-8") == "mine"


def test_folder_of_other_sizes_is_refused(tmp_path: Path) -> None:
    run_bench(replace(TINY, seeds=0), tmp_path)
    with pytest.raises(ConfigError, match="other sizes"):
        run_bench(replace(TINY, seeds=0, accounts=41), tmp_path)


def test_rung_that_a_generator_lacks_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_run, "_warm_up", lambda: None)
    assert run_bench(replace(TINY, rungs=(99,)), tmp_path) == (0, 0)
    assert read_rows(tmp_path) == []


def test_spec_refuses_what_cannot_be_built() -> None:
    with pytest.raises(ConfigError, match="no such generator"):
        BenchSpec(generators=("third",))
    with pytest.raises(ConfigError, match="no corpus"):
        BenchSpec(generators=("texts",))


def test_spec_names_each_row_once_and_baselines_where_wanted() -> None:
    spec = BenchSpec(generators=("first", "second"), rungs=(1, 2), seeds=2, honest=3, replay=True, ablations=True)
    names = [run.file_name for _, runs in runs_of(spec) for run in runs]
    assert len(names) == len(set(names)) == 2 * 2 * 2 * (9 + 5 + len(VARIANTS)) + 2 * (9 + 9 + 1)


def test_damaged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "ladder-x.json").write_text("{", "utf-8")
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_rows(tmp_path)
    assert "ladder-x.json" in str(caught.value)


def test_cells() -> None:
    assert share_cell([0.5, 1.0, None]) == "0.750 (0.500–1.000)"
    assert share_cell([1.0, 1.0]) == "1.000"
    assert share_cell([None]) == "–"
    calls = [{"harvested": 1000, "requests": n, "looks": 9, "wrong_looks": 0} for n in (100, 300, None)]
    assert first_call_cell([{"calls": calls}], groups=True) == "300 (30.0 %); worst never"
    calls[2:] = [{"harvested": 1000, "requests": 100, "looks": 9, "wrong_looks": 2}]
    assert first_call_cell([{"calls": calls[2:]}], groups=True) == "100 (10.0 %); false groups at 2 of 9 looks"
    assert first_call_cell([{"calls": calls}], groups=False) == "names no campaign"


def ladder_row(method: str, false: int, recall: float = 1.0) -> dict[str, object]:
    quality = {
        "recall": recall, "precision": 1.0, "false_by_persona": {"chat": false} if false else {},
        "honest_accounts": 100, "bcubed_f1": 1.0, "request_recall": 1.0, "request_precision": 1.0,
        "request_ari": None, "recall_by_campaign": {}, "acts": 1, "reviews": 0,
        "false_at_hits": [false] * 10, "harvesting_accounts": 10,
    }  # fmt: skip
    place = {"part": "ladder", "generator": "first", "rung": 3, "seed": 1, "rows": 10, "days": 7}
    versions = {"detector": f"of {method}", "stillhunt": "0"}
    return {**place, "method": method, "cpu_seconds": 1.0, "seconds": 1.0, "quality": quality, "versions": versions}


@pytest.mark.parametrize(("ours", "theirs", "verdict"), [(1, 10, "yes"), (1, 9, "**no**"), (0, 0, "**no**")])
def test_best_baseline_is_judged_at_equal_recall(ours: int, theirs: int, verdict: str) -> None:
    rows = [ladder_row("stillhunt", ours), ladder_row("advisory", theirs), ladder_row("fraudar", theirs + 1)]
    sentence = best_baseline_sentence(rows, "first", 3)
    assert f"(advisory) {theirs}; ten times fewer: {verdict}" in sentence


def test_mixed_states_of_the_detector_are_told() -> None:
    sizes = {"accounts": 1, "days": 2, "campaigns": 1, "campaign_accounts": 5, "honest_accounts": 1}
    warning = "more than one state of the detector"
    assert warning in render_page([ladder_row("stillhunt", 0), ladder_row("advisory", 0)], sizes)
    assert warning not in render_page([ladder_row("stillhunt", 0)], sizes)


def test_source_hashes_tell_detector_from_lab() -> None:
    assert source_hash(detecting=True) != source_hash(detecting=False)
    of_nothing = hashlib.sha256().hexdigest()[:12]
    hashes = [source_hash(detecting=which) for which in (True, False)]
    assert all(len(own) == 12 and own != of_nothing for own in hashes)


def test_rows_say_what_they_were_measured_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def method(log: pa.Table, customers: pa.Table | None, settings: MethodSettings) -> MethodResult:
        return MethodResult({}, frozenset())

    monkeypatch.setattr(bench_run, "method_of", lambda _name: method)
    monkeypatch.setattr(bench_run, "stillhunt_method", lambda _overrides=None: method)
    run_bench(TINY, tmp_path)
    (row,) = read_rows(tmp_path)
    assert {"stillhunt", "detector", "lab", "numpy"} <= set(row["versions"])
    assert row["rows"] > 100
    assert np.isfinite(row["cpu_seconds"])
    assert json.loads((tmp_path / SIZES_FILE).read_text("utf-8")) == TINY.sizes()
