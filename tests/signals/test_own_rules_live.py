"""Rules of the provider's own in a data folder that is hunted: what they decide, and that simulating says the same."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, insert

from cli.running import run
from stillhunt.base.config import Config
from stillhunt.decide.appeals import decide_appeal, file_appeal
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import read_log
from stillhunt.decide.policy import AppealTerms, Policy
from stillhunt.decide.running import decide_latest
from stillhunt.decide.simulation import simulate
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import CASES
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.known_database import open_database
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt_signals.rules.known_beside import columns_with_signals
from stillhunt_signals.rules.saved import ChangeAuthor, RuleLedger
from watch.small_world import harvesters, lines

HOUR = 3_600_000_000
POLICY = Policy.model_validate(
    {
        "mode": "enforce",
        "delay_minutes": [5, 50],
        "accounts_per_day": 9,
        "rule": [
            {"name": "harvesters", "action": "step_up", "probability": 0.9},
            {"name": "wider", "action": "throttle", "verdict": ["act", "review"], "state": "simulated"},
        ],
        "ceiling": "throttle",
    }
)
RULE = """
name = "{name}"
when = "{when}"
action = "throttle"
state = "{state}"
days = 1
[[example]]
fits = true
account.flagged = true
account.card_accounts = 9
hour.requests = 90
account.labels = ["odd"]
account.breaches = ["places"]
signal.radar = 90.0
signal.same_device = 3
[[example]]
fits = false
"""
CONDITIONS = {
    "one-card": ("account.card_accounts > 2", "in_force"),
    "busy": ("hour.requests >= 10 && account.card_accounts > 2", "simulated"),
    "flagged": ("account.flagged && account.age_days < 0 || account.flagged", "off"),
    "labelled": ("'odd' in account.labels", "in_force"),
    "radar": ("signal.radar >= 80.0 && signal.same_device > 2", "simulated"),
    "places": ("'places' in account.breaches", "simulated"),
}
TERMS = """
version = "1"
[[clause]]
name = "places"
kind = "countries"
text = "Section 3: supported countries"
countries = ["XX"]
"""


@dataclass(frozen=True)
class Live:
    """A folder after three hunts, each of which was decided about at its own time."""

    folder: DataFolder
    database: WatchDatabase
    config: Config
    times: tuple[int, ...]


def customers(path: Path) -> str:
    """An accounts table in which harvesters and one honest account share a card."""
    rows: list[dict[str, Any]] = [{"account_id": name, "payment_fingerprint": "card-1"} for name in harvesters()]
    rows += [{"account_id": name} for name in honest()]
    rows[-1]["payment_fingerprint"] = "card-1"
    columns = {name: [row.get(name) for row in rows] for name in ("account_id", "payment_fingerprint")}
    columns["created_at"] = [datetime(2026, 1, 1, tzinfo=UTC)] * len(rows)
    columns["payment_country"] = ["XX" if row["account_id"] == honest()[1] else "DE" for row in rows]
    pq.write_table(pa.table(columns), path)
    return str(path)


def beside(path: Path) -> dict[str, Any]:
    """A score and a device of each of four honest accounts, and terms: settings."""
    lines = [
        "account_id,risk,device",
        *(f"{name},{risk},d" for name, risk in zip(honest()[2:], (90, 80, 79, 10), strict=False)),
    ]
    (path / "known.csv").write_text("\n".join(lines) + f"\n{honest()[7]},95,other\n")
    (path / "terms.toml").write_text(TERMS)
    known = {"from": str(path / "known.csv"), "about": "operation"}
    signals = {
        "radar": {**known, "column": "risk", "kind": "score"},
        "gone": {**known, "from": str(path / "gone.csv"), "column": "risk", "kind": "score"},
        "same-device": {**known, "column": "device", "kind": "shared"},
    }
    return {"signals": signals, "terms": str(path / "terms.toml")}


def honest() -> list[str]:
    return sorted({json.loads(line)["account_id"] for line in lines()} - harvesters())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    path = tmp_path_factory.mktemp("own-rules")
    folder = DataFolder(path / "data")
    watch = {"accounts": customers(path / "accounts.parquet")}
    config = Config.model_validate({"watch": watch, **beside(path)})
    begin = int(datetime.now(UTC).timestamp() * 1e6) - 30 * HOUR
    ledger = RuleLedger(folder, columns_with_signals(config))
    for name, (when, state) in CONDITIONS.items():
        content = RULE.format(name=name, when=when, state=state)
        ledger.save_rule(content.encode(), name, ChangeAuthor("Ada", "a test", begin))
    ledger.put_label("account", honest()[0], "odd", 1.0, ChangeAuthor("Ada", "a test", begin + HOUR))
    with closing(open_database(folder.path, "")) as database:
        sent, times = lines(), (begin, begin + 12 * HOUR, begin + 29 * HOUR)
        for place, now in enumerate(times):
            handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
            os.write(handle, b"".join(sent[place * len(sent) // 3 : (place + 1) * len(sent) // 3]))
            os.close(handle)
            assert hunt_now(HuntPlan(folder, config, (), now)) is not None
            decide_latest(folder, database, config, POLICY, now)
        yield Live(folder, database, config, times)


def told(log: list[LogEntry]) -> list[tuple[Any, ...]]:
    names = (
        "made_at", "kind", "account_id", "action", "reason", "author", "dry_run", "starts_at", "expires_at",
        "campaign_id", "snapshot", "undoes", "note", "seq",
    )  # fmt: skip
    return [tuple(getattr(entry, name) for name in names) for entry in log]


def test_simulating_says_what_deciding_live_did(live: Live) -> None:
    found = simulate(POLICY, live.folder, live.database, live.config, live.times[-1] + HOUR)
    assert found.snapshots == 3
    assert told(found.log) == told(read_log(live.database))
    assert {entry.author for entry in found.log} >= {"rule:own.one-card", "rule:own.labelled"}
    assert {entry.kind for entry in found.log} == {"rule", "undo"}


def test_own_rules_decide_no_more_than_they_may(live: Live) -> None:
    made = [one for one in read_log(live.database) if one.kind == "rule" and not one.dry_run]
    last = {one.account_id: one for one in made}
    assert last[honest()[-1]].action == "tag"  # it shares the card, and is not flagged
    assert {one.action for one in made if one.account_id in harvesters()} <= {"tag", "step_up", "throttle"}
    assert Counter(one.author for one in made if one.account_id == honest()[0]) == {"rule:own.labelled": 1}


def test_a_label_ends_with_what_rests_on_it(live: Live) -> None:
    about = [one for one in read_log(live.database) if one.account_id == honest()[0]]
    assert [(one.kind, one.made_at) for one in about] == [("rule", live.times[1]), ("undo", live.times[2])]


def test_each_rule_is_tried_alone_with_what_people_said(live: Live) -> None:
    now = live.times[-1] + HOUR
    stopped = [one for one in read_log(live.database) if one.kind == "rule" and one.action != "tag" and not one.dry_run]
    entry = stopped[-1]
    terms = AppealTerms()
    appeal = file_appeal(live.database, entry.seq, entry.account_id, "it was me", "Ada", terms, now)
    decide_appeal(live.database, appeal.appeal_id, overturn=True, by="Bo", note="right", terms=terms, now=now)
    rules = {one.rule: one for one in simulate(POLICY, live.folder, live.database, live.config, now).rules}
    assert {name: one.state for name, one in rules.items()} == {
        "harvesters": "in_force", "wider": "simulated", "own.busy": "simulated", "own.flagged": "off",
        "own.labelled": "in_force", "own.one-card": "in_force", "own.places": "simulated", "own.radar": "simulated",
    }  # fmt: skip
    assert 9 <= rules["own.flagged"].touched["throttle"] <= len(harvesters())
    assert rules["own.one-card"].touched["tag"] >= 1  # the honest account with that card
    assert rules["own.labelled"].touched == {"tag": 1}
    assert rules["own.radar"].touched == {
        "tag": 2
    }  # of five scores, three are as high, and one has a device of its own
    assert rules["own.places"].touched == {"tag": 1}
    assert (rules["own.places"].accounts, rules["own.radar"].accounts) == ((honest()[1],), tuple(honest()[2:4]))
    for name in ("harvesters", "own.flagged"):
        assert (rules[name].appealed, rules[name].confirmed, rules[name].dismissed) == (1, 0, 1), name
    assert (rules["own.labelled"].appealed, rules["own.labelled"].dismissed) == (0, 0)


def test_what_became_of_a_campaign_counts_for_its_members(live: Live) -> None:
    (campaign,) = {one.campaign_id for one in read_log(live.database) if one.campaign_id}
    now = live.times[-1] + 2 * HOUR
    plain = {"assignee": "", "labels": "[]", "narrative": "", "reason": "", "opened_at": now, "changed_at": now}
    case = {"campaign_id": campaign, "version": 1, "changed_by": "Ada", **plain}
    for status, counted in (("acted", (len(harvesters()) - 1, 1)), ("dismissed", (0, len(harvesters())))):
        with live.database.write() as connection:
            connection.execute(delete(CASES))
            connection.execute(insert(CASES).values(status=status, **case))
        rules = {one.rule: one for one in simulate(POLICY, live.folder, live.database, live.config, now).rules}
        touched = sum(rules["own.flagged"].touched.values())
        confirmed, dismissed = rules["own.flagged"].confirmed, rules["own.flagged"].dismissed
        missing = len(harvesters()) - touched  # the cap of a day left these out
        assert confirmed + dismissed == touched
        assert (confirmed, dismissed) == (max(counted[0] - missing, 0), min(counted[1], touched))
    with live.database.write() as connection:
        connection.execute(delete(CASES))


def test_the_window_leaves_out_what_is_older(live: Live) -> None:
    found = simulate(POLICY, live.folder, live.database, live.config, live.times[-1] + HOUR, days=1.0)
    assert found.snapshots == 2


def test_commands_try_save_and_switch(live: Live, tmp_path: Path) -> None:
    file, data = tmp_path / "rule.toml", str(live.folder.path)
    known = '[signals.{}]\nfrom = "known.csv"\ncolumn = "{}"\nkind = "{}"\nabout = "harvest"\n'
    names = ("radar", "risk", "score"), ("same-device", "device", "shared"), ("younger", "risk", "score")
    (tmp_path / "stillhunt.toml").write_text("".join(known.format(*one) for one in names))
    file.write_text(RULE.format(name="tried", when="account.card_accounts > 2", state="off"))
    tried = run("rules", "try", str(file), "--data", data, "--json", cwd=tmp_path)
    assert set(json.loads(tried.stdout)["accounts"]) == {*harvesters(), honest()[-1]}
    newer = tmp_path / "newer.toml"
    newer.write_text(file.read_text().replace("account.card_accounts > 2", "signal.younger > 1.0 || account.flagged"))
    told = run("rules", "try", str(newer), "--data", data, cwd=tmp_path).stdout
    assert "does not know signal.younger; a hunt after its declaration does" in told
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(file.read_text().replace("account.card_accounts > 2", "signal.radar == 'high'"))
    refused = run("rules", "check", str(wrong), cwd=tmp_path)
    assert refused.returncode == 5
    assert "no matching overload for '_==_' applied to '(double, string)'" in refused.stderr
    columns = json.loads(run("rules", "columns", "--json", cwd=tmp_path).stdout)
    assert {one["name"]: one["kind"] for one in columns}["signal.same_device"] == "number"
    saved = run("rules", "save", str(file), "--reason", "a try", "--by", "Ada", "--data", data, cwd=tmp_path)
    assert saved.stdout.endswith(": rule tried is off.\n")
    switched = run("rules", "set", "tried", "simulated", "--reason", "x", "--data", data, cwd=tmp_path)
    assert switched.stdout.endswith(": rule tried is simulated.\n")
    refused = run("rules", "set", "tried", "on", "--reason", "x", "--data", data, cwd=tmp_path)
    assert (refused.returncode, "off, simulated, in_force" in refused.stderr) == (5, True)
    listed = json.loads(run("rules", "list", "--data", data, "--json", cwd=tmp_path).stdout)
    assert [one["name"] for one in listed] == ["busy", "flagged", "labelled", "one-card", "places", "radar", "tried"]
    (tmp_path / "policy.toml").write_text('[[rule]]\nname = "harvesters"\naction = "tag"\n')
    shown = run("policy", "simulate", str(tmp_path / "policy.toml"), "--data", data, cwd=tmp_path).stdout
    assert "own.tried" in shown
    assert "Each rule alone" in shown
