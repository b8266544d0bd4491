"""`stillhunt hunt` end to end on small logs, once as a process: exit codes, streams, the case folder, interruption."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from running import PROGRAM, clean_environment, run, run_process

CASE_FILES = {
    "accounts.parquet",
    "campaigns.parquet",
    "evidence.parquet",
    "harvest.parquet",
    "members.parquet",
    "rejects.parquet",
    "report.html",
    "run.json",
    "slices.parquet",
}
HOSTILE_ID = "acc\x1b[2J\x1b]0;x\x07\u202e"


def log_line(number: int, account: str, prompt: str = "") -> str:
    moment = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=37 * number)
    row = {
        "request_id": f"r{number}",
        "timestamp": moment.isoformat(),
        "account_id": account,
        "model": "large-2",
        "prompt": prompt or f"How do I repair item {number * 7919 % 1000} in my {account} workshop?",
    }
    return json.dumps(row)


@pytest.fixture
def honest_logs(tmp_path: Path) -> Path:
    """A handful of customers with nothing in common."""
    path = tmp_path / "honest.jsonl"
    path.write_text("\n".join(log_line(n, f"customer-{n % 5}") for n in range(60)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated world with one plain campaign in it."""
    folder = tmp_path_factory.mktemp("world")
    made = run("lab", "world", "w", "--rung", "1", "--accounts", "300", "--days", "7", "--seed", "5", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "w"


@pytest.fixture(scope="module")
def hunted(world: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """That world, hunted once with a case folder and JSON."""
    result = run_process(
        "hunt", "w/requests", "--accounts", "w/accounts.parquet", "--out", "case", "--json", cwd=world.parent
    )
    return world.parent / "case", result


def fingerprint(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_campaign_is_found_and_written(hunted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    case, result = hunted
    assert result.returncode == 3, result.stderr
    document = json.loads(result.stdout)
    assert document["exit_code"] == 3
    assert document["campaigns"][0]["verdict"] in ("act", "review")
    assert document["campaigns"][0]["why"]
    assert {path.name for path in case.iterdir()} >= CASE_FILES


def test_progress_goes_to_stderr_without_colour(hunted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, result = hunted
    assert "/s" in result.stderr
    assert "\x1b" not in result.stderr
    assert "\r" not in result.stderr


def test_findings_screen_and_explain_lead_to_each_other(hunted: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    case, result = hunted
    campaign = json.loads(result.stdout)["campaigns"][0]["campaign_id"]
    explained = run("explain", "case", campaign, cwd=case.parent)
    assert explained.returncode == 0, explained.stderr
    assert campaign in explained.stdout
    document = json.loads(run("explain", "case", campaign, "--json", cwd=case.parent).stdout)
    assert document["id"] == campaign
    unknown = run("explain", "case", "nobody", cwd=case.parent)
    assert unknown.returncode == 1
    assert "next:" in unknown.stderr


def test_existing_case_is_refused_before_any_work(
    hunted: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    case, _ = hunted
    before = fingerprint(case)
    result = run("hunt", "no-such-log.jsonl", "--out", "case", cwd=case.parent)
    assert result.returncode == 1
    assert "--force" in result.stderr
    assert "no-such-log" not in result.stderr
    assert fingerprint(case) == before


def test_force_replaces_a_case_and_nothing_else(tmp_path: Path, honest_logs: Path) -> None:
    first = run("hunt", honest_logs.name, "--out", "case", "--quiet", cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    again = run("hunt", honest_logs.name, "--out", "case", "--force", "--quiet", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "case").iterdir()} >= CASE_FILES
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("years of work", encoding="utf-8")
    refused = run("hunt", honest_logs.name, "--out", "thesis", "--force", cwd=tmp_path)
    assert refused.returncode == 1
    assert (precious / "chapter.txt").read_text(encoding="utf-8") == "years of work"
    (tmp_path / "case" / "for-legal.csv").touch()
    late = run("hunt", "no-such-log.jsonl", "--out", "case", "--force", cwd=tmp_path)
    assert late.returncode == 1
    assert "for-legal.csv" in late.stderr  # before the logs are looked at


def test_cases_among_the_logs_are_passed_over(tmp_path: Path, honest_logs: Path) -> None:
    first = run("hunt", ".", "--out", "case", "--quiet", cwd=tmp_path)
    again = run("hunt", ".", "--out", "case", "--force", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    assert "1 case folder (case) not read, being what a hunt wrote" in again.stderr


def test_nothing_found_leaves_with_0(tmp_path: Path, honest_logs: Path) -> None:
    result = run("hunt", honest_logs.name, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("No harvesting campaign was found in 60 requests from 5 accounts.")
    assert "not checked" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == [honest_logs.name]


def test_partial_input_leaves_with_4_and_is_still_written(tmp_path: Path, honest_logs: Path) -> None:
    with honest_logs.open("a", encoding="utf-8") as log:
        log.write('{"request_id": "cut off\n' * 20)
    result = run("hunt", honest_logs.name, "--out", "case", "--json", cwd=tmp_path)
    assert result.returncode == 4, result.stderr
    document = json.loads(result.stdout)
    assert document["rejects"]["rows"] == 20
    assert document["rejects"]["reasons"]
    assert (tmp_path / "case" / "rejects.parquet").exists()


@pytest.mark.parametrize("name", ["absent.jsonl", "empty.jsonl"])
def test_unusable_input_leaves_with_1(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.jsonl").touch()
    result = run("hunt", name, "--out", "case", cwd=tmp_path)
    assert result.returncode == 1
    assert "next:" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "case").exists()


def test_missing_column_is_mended_by_the_line_that_the_error_prints(tmp_path: Path, honest_logs: Path) -> None:
    text = honest_logs.read_text(encoding="utf-8").replace('"account_id"', '"account"')
    honest_logs.write_text(text, encoding="utf-8")
    result = run("hunt", honest_logs.name, cwd=tmp_path)
    assert result.returncode == 1
    assert "--map account_id=account" in result.stderr
    assert run("hunt", honest_logs.name, "--map", "account_id=account", cwd=tmp_path).returncode == 0


def test_hostile_ids_never_act_on_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "hostile\x1b[31m.jsonl"
    lines = [log_line(n, HOSTILE_ID if n % 2 else "other", "tell me\x1b[2J about \u202e tides") for n in range(40)]
    path.write_text("\n".join([*lines, "{\x1b[5m broken"]) + "\n", encoding="utf-8")
    hunt = run("hunt", path.name, "--out", "case", cwd=tmp_path)
    known = pq.read_table(tmp_path / "case" / "accounts.parquet").column("account_id").to_pylist()
    explained = run("explain", "case", known[0], cwd=tmp_path)
    by_log = run("explain", "case", HOSTILE_ID, cwd=tmp_path)
    assert by_log.returncode == 0  # found as it stands in the log, shown with visible characters
    unknown = run("explain", "case", f"{HOSTILE_ID}?", cwd=tmp_path)
    absent = run("hunt", "absent\x1b[31m.jsonl", cwd=tmp_path)
    assert (hunt.returncode, explained.returncode, unknown.returncode, absent.returncode) == (4, 0, 1, 1)
    for result in (hunt, explained, by_log, unknown, absent):
        for line in (result.stdout + result.stderr).splitlines():
            assert line.isprintable(), ascii(line)
    document = run("explain", "case", known[0], "--json", cwd=tmp_path)
    assert json.loads(document.stdout)["id"] == known[0]
    assert document.stdout.isascii()


def listen_to_interrupts() -> None:
    """The tests themselves may run in the background, where SIGINT is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt_leaves_nothing_behind(tmp_path: Path, world: Path, number: int, code: int) -> None:
    """A signal as soon as the hunt has reported its first step: a message, no case folder, no temporary one."""
    hunt = subprocess.Popen(
        [*PROGRAM, "hunt", str(world / "requests"), "--out", "case"],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_interrupts,
    )
    with hunt:
        assert hunt.stderr is not None
        first = hunt.stderr.readline()
        hunt.send_signal(number)
        out, errors = hunt.communicate(timeout=60)
    assert hunt.returncode == code, (first, errors)
    assert errors.splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in errors
    assert out == ""
    assert list(tmp_path.iterdir()) == []
