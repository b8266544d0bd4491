"""`stillhunt policy` and `stillhunt decisions`, run as a user does on a data folder that was hunted."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from typer.testing import CliRunner

from cli.running import run, run_process
from stillhunt.base.config import Config
from stillhunt.base.errors import OutputError
from stillhunt.cli.app import CORE_COMMANDS, app
from stillhunt.cli.decisions import add_decision
from stillhunt.decide.actions import ACTION_MEANINGS, REASON_TEXTS
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.policy import parse_policy
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt_server.enforcing.live import LiveDecisions
from watch.small_world import harvesters, lines

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "decide.md"
HOSTILE = "\x1b]0;gotcha\x07[bold]"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = DataFolder(tmp_path_factory.mktemp("decide") / "data")
    handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
    os.write(handle, b"".join(lines()))
    os.close(handle)
    assert hunt_now(HuntPlan(folder, Config(), (), int(datetime.now(UTC).timestamp() * 1e6))) is not None
    return folder.path


def example() -> str:
    found = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_page_tells_the_truth() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [rule.name for rule in parse_policy(example().encode()).rule] == ["harvesters", "reviews"]
    for name, meaning in {**ACTION_MEANINGS, **REASON_TEXTS}.items():
        assert f"| `{name}` | {meaning} |" in text


def test_check_show_and_simulate(data: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(example())
    checked = run("policy", "check", str(policy), cwd=tmp_path)
    assert checked.stdout == "2 rules, mode dry_run, at most step_up: the policy can be used\n"
    policy.write_text(example().replace('"step_up"\ndays', '"melt"\ndays'))
    refused = run("policy", "check", str(policy), cwd=tmp_path)
    assert refused.returncode == 5
    assert re.search(r"rule\.1\.action: .* \[.*policy\.toml:\d+:1\]", refused.stderr)
    policy.write_text(example())
    told = json.loads(run("policy", "simulate", str(policy), "--data", str(data), "--json", cwd=tmp_path).stdout)
    assert told["touched"] == {"step_up": len(harvesters())}
    assert (told["snapshots"], told["undone"], told["asking_back"]) == (1, 0, 4)
    shown = run("policy", "simulate", str(policy), "--data", str(data), cwd=tmp_path).stdout
    assert shown.splitlines()[0] == "1 snapshot, 12 accounts touched."
    nothing = run("policy", "show", "--data", str(data), cwd=tmp_path)
    assert nothing.returncode == 5
    assert "there is no policy" in nothing.stderr


def hunt_here(plan: HuntPlan) -> HuntOutcome:
    """Hunt in this process; test_hunting.py and test_hunt_over_damage.py hunt in a child, as a watch does."""
    snapshot = hunt_now(plan)
    return HuntOutcome(sequence=None if snapshot is None else snapshot.sequence)


def test_a_watch_decides_and_a_person_undoes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = CORE_COMMANDS["watch"].target.split(":")[0]
    monkeypatch.setattr(f"{home}.hunt_in_child", hunt_here)
    (data / "policy.toml").write_text(example().replace('"dry_run" ', '"enforce" ').replace("[10, 120]", "[0, 0]"))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(b"".join(lines()))
    watched = run("watch", "logs", "--data", str(data), "--once", cwd=tmp_path)
    assert '"event": "decided", "made": 12, "undone": 0, "dry_run": false' in watched.stderr
    assert (
        "12 accounts under a decision: 12 step_up."
        in run("decisions", "replay", "--data", str(data), cwd=tmp_path).stdout
    )
    account = min(harvesters())
    block = ["decisions", "add", account, "block", "--by", HOSTILE, "--days", "2", "--data", str(data)]
    said = run(*block, cwd=tmp_path).stdout
    number = said.split()[1].rstrip(":")
    assert f": block for {account} until 20" in said
    assert said.endswith(" UTC. Reason: Our staff reviewed this account and limited its use.\n")
    shown = run("decisions", "replay", "--data", str(data), cwd=tmp_path).stdout
    assert "\x1b" not in shown
    assert "11 step_up and 1 block" in shown
    ended = run("decisions", "undo", number, "--by", "Bo", "--data", str(data), cwd=tmp_path)
    assert ended.returncode == 0
    told = json.loads(run("decisions", "replay", "--json", "--data", str(data), cwd=tmp_path).stdout)
    assert {row["action"] for row in told["in_force"]} == {"step_up"}
    later = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    assert (
        run("decisions", "replay", "--at", later, "--data", str(data), cwd=tmp_path).stdout
        == "No account under a decision.\n"
    )
    assert run("decisions", "undo", number, "--by", "Bo", "--data", str(data), cwd=tmp_path).returncode == 1
    wrong = run("decisions", "add", account, "shoot", "--by", "Bo", "--data", str(data), cwd=tmp_path)
    assert (wrong.returncode, "choose one of: observe, tag" in wrong.stderr) == (5, True)
    assert run("decisions", "replay", "--at", "soon", "--data", str(data), cwd=tmp_path).returncode == 5
    verified = run_process("decisions", "verify", "--data", str(data), cwd=tmp_path)
    assert (verified.returncode, verified.stdout.startswith("14 entries, all as they were written")) == (0, True)
    database = WatchDatabase("", data / "stillhunt.db")
    with database.write() as connection:
        connection.execute(update(DECISIONS).where(DECISIONS.c.seq == 3).values(author="rule:other"))
    database.close()
    verified = run("decisions", "verify", "--data", str(data), cwd=tmp_path)
    assert (verified.returncode, verified.stdout) == (
        1,
        "The log was changed: entry 3: its content is not what was hashed.\n",
    )
    again = run("watch", "logs", "--data", str(data), "--once", cwd=tmp_path)
    assert '"event": "nothing decided"' in again.stderr
    assert run("decisions", "verify", "--data", str(tmp_path), cwd=tmp_path).returncode == 1


def test_show_has_all_sections(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data")
    (tmp_path / "data" / "policy.toml").write_text(example())
    shown = run("policy", "show", "--data", str(tmp_path / "data"), cwd=tmp_path).stdout
    for words in (
        "Accounts opened 90 days before their campaign began are only tagged.",
        "first request tag; linked accounts step_up for 3 days, reason linked_accounts",
        "10 requests a minute are let through",
        "refused models: large-*",
        "decided within 7 days, an overdue one against a rule is granted",
        "where one is granted, let through for 90 days",
    ):
        assert words in shown
    (tmp_path / "data" / "policy.toml").write_text("established_days = 0\n")
    shown = run("policy", "show", "--data", str(tmp_path / "data"), cwd=tmp_path).stdout
    assert "Accounts are treated in the same way, however old they are." in shown
    (tmp_path / "data" / "policy.toml").write_text('[limit]\nmodels = ["\\u001b]0;x"]\n')
    shown = run("policy", "show", "--data", str(tmp_path / "data"), cwd=tmp_path).stdout
    assert "refused models: \\x1b]0;x\n" in shown


def test_the_log_lists_everything_and_add_says_what_counts_instead(tmp_path: Path) -> None:
    WatchDatabase("", DataFolder(tmp_path / "data").database).close()
    folder = ("--data", str(tmp_path / "data"))
    assert run("decisions", "log", *folder, cwd=tmp_path).stdout == "No entries.\n"
    through = ("decisions", "add", "a", "observe", "--by", "Ada", "--override", "--days", "90", "--note", HOSTILE)
    first = run(*through, *folder, cwd=tmp_path)
    assert first.stderr == ""
    assert re.fullmatch(
        r"Decision 1: observe for a until [-0-9: ]{16} UTC, as an override\. Reason: .*\n", first.stdout
    )
    second = run("decisions", "add", "a", "block", "--by", "Bo", *folder, cwd=tmp_path)
    assert second.stdout.startswith("Decision 2: block for a until 20")
    until = (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%d")
    told = f"Until {until} .* UTC another decision takes precedence: 1, observe by Ada .override.\\."
    assert re.match(told, second.stderr)
    assert run("decisions", "add", HOSTILE + "x" * 200, "tag", "--by", HOSTILE, *folder, cwd=tmp_path).stderr == ""
    assert run("decisions", "undo", "1", "--by", "Bo", *folder, cwd=tmp_path).returncode == 0
    shown = run("decisions", "log", *folder, cwd=tmp_path).stdout
    assert "\x1b" not in shown
    assert [line.split()[0] for line in shown.splitlines()] == ["entry", "1", "2", "3", "4"]
    assert "undo of 1" in shown.splitlines()[-1]
    assert max(map(len, shown.splitlines())) < 260
    last = run("decisions", "log", "--account", "a", "--last", "2", *folder, cwd=tmp_path).stdout.splitlines()
    assert last[0] == "The last 2 of 3 entries:"
    assert [line.split()[0] for line in last[2:]] == ["2", "4"]
    told = json.loads(run("decisions", "log", "--account", "a", "--json", *folder, cwd=tmp_path).stdout)
    assert (told["entries"], [one["kind"] for one in told["shown"]]) == (3, ["override", "case", "undo"])
    assert told["shown"][0]["note"] == HOSTILE
    third = HOSTILE + "x" * 200
    assert (
        json.loads(run("decisions", "log", "--account", third, "--json", *folder, cwd=tmp_path).stdout)["entries"] == 1
    )


def test_serve_does_not_start_with_a_policy_that_cannot_be_used(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data")
    (tmp_path / "data" / "policy.toml").write_text("mode = 5\n")
    for words in (("serve", "--check"), ("watch", ".", "--once")):
        result = run(*words, "--data", str(tmp_path / "data"), cwd=tmp_path)
        assert (result.returncode, "policy.toml:1:1" in result.stderr) == (5, True)


def verified(data: Path, *options: str) -> int:
    """The exit code of `decisions verify`."""
    done = CliRunner().invoke(app, ["decisions", "verify", "--data", str(data), *options])
    return done.exit_code


def test_a_log_that_lost_its_end_is_noticed_by_what_a_server_verified(tmp_path: Path) -> None:
    database, kept = WatchDatabase("", tmp_path / "stillhunt.db"), tmp_path / VERIFIED_FILE
    now = int(datetime.now(UTC).timestamp() * 1e6)
    for account in "abc":
        decide_as_person(database, account, "block", DecisionAuthor("Ada", ""), DecisionSpan(now, 3.0))
    LiveDecisions(database, lambda: None, kept=kept).look()
    assert verified(tmp_path) == 0
    with database.write() as connection:
        connection.execute(delete(DECISIONS).where(DECISIONS.c.seq > 1))
    assert verified(tmp_path) == 1
    with pytest.raises(OutputError, match="it had 3 entries and has 1"):  # no server would enforce it
        add_decision("d", "block", "Ada", 3.0, data=tmp_path)
    with database.write() as connection:
        connection.execute(delete(DECISIONS))
    assert verified(tmp_path, "--json") == 1
    assert verified(tmp_path, "--accept") == 0
    assert verified(tmp_path) == 0
    database.close()
