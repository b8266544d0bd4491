"""Signals in a hunt: rows like every other finding, verdicts that follow from them, and nothing of them outside."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signal_files import FLAG, simulated, values_of, write_rows
from typer.testing import CliRunner

import stillhunt
from evidence.hunted import SHORT, packed, world_files
from evidence.sharing.share_scenes import every_format, terms
from golden.golden_world import SPEC
from server.console.console_html import page_of
from server.console.console_scenes import open_scene, publish, seed_people
from stillhunt import Config
from stillhunt.case import evidence_about
from stillhunt.cli.app import app
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.rules import Weighed, judge_weighed, weigh_findings
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_evidence.packs.contents import cut_case
from stillhunt_evidence.packs.making import verdict_again
from stillhunt_evidence.sharing.sharing_case import share_of
from stillhunt_lab.worlds.build import build_world
from stillhunt_server.console.snapshot import LatestSource
from stillhunt_signals.signals.declared import signal_of
from stillhunt_signals.signals.learned_file import write_learned
from stillhunt_signals.signals.learning import learn_signal

LABEL = "Radar's risk score"
SAID = "known beside the log"


def signal_settings(folder: Path, *, leaves: bool = False) -> dict[str, Any]:
    """Settings of a signal that marks the world's campaigns, learned from a past of others."""
    entries = {**FLAG, "from": str(folder / "marks.csv"), "label": LABEL, "leaves": leaves}
    truth = build_world(SPEC).truth_accounts.to_pylist()
    marks, past = simulated(np.random.default_rng(4), [0.5] * 20, [0.05] * 10)
    rng = np.random.default_rng(5)
    marks |= {row["account_id"]: "yes" if rng.random() < (0.7 if row["campaign"] else 0.05) else "no" for row in truth}
    write_rows(folder / "marks.csv", [{"account_id": name, "mark": mark} for name, mark in marks.items()])
    one = signal_of("radar", entries)
    write_learned(folder / "signals.json", [learn_signal(one, values_of(one, marks), past)])
    return {"learned": str(folder / "signals.json"), "radar": entries}


@cache
def hunted(folder: Path, leaves: bool) -> stillhunt.Case:
    requests, accounts, sanctioned = world_files()
    settings = signal_settings(folder, leaves=leaves)
    config = Config(sanctioned={"organizations": sanctioned}, signals=settings)
    return stillhunt.hunt(requests, accounts, config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signals")


def outside_row(case: stillhunt.Case) -> dict[str, Any]:
    """What signals say of the strongest campaign."""
    rows = evidence_about(case, case.campaigns["campaign_id"][0].as_py()).to_pylist()
    (row,) = [row for row in rows if row["kind"].startswith("outside_harvest")]
    return dict(row)


def test_it_is_a_finding_like_any_other(folder: Path) -> None:
    case = hunted(folder, False)
    row = outside_row(case)
    assert (row["family"], row["raw_bits"]) == ("conduct", 3.0)
    assert LABEL in row["statement"]
    assert LABEL in str(case.explain(row["campaign_id"]))
    assert LABEL.replace("'", "&#39;") in case.report()
    assert "plugins" not in case.run
    assert "signals" not in case.run["settings"]


def test_the_verdict_follows_from_its_rows_and_a_pack_says_nothing_of_it(folder: Path, tmp_path: Path) -> None:
    case = stillhunt.Case.read(hunted(folder, False).write(tmp_path / "case"))
    campaign = outside_row(case)["campaign_id"]
    pack = packed(folder=tmp_path / "case", campaign_id=campaign)
    texts = b"\n".join(pack.files.values()).decode("utf-8", "replace")
    assert LABEL not in texts
    assert LABEL.replace("'", "&#39;") not in texts
    assert "does not pass on" in texts
    assert verdict_again(cut_case(case, campaign, SHORT))[1] == []


def test_a_signal_that_may_leave_is_in_a_pack(tmp_path: Path) -> None:
    case = hunted(tmp_path, True)
    assert outside_row(case)["kind"] == "outside_harvest_told"
    assert SAID in shares_of(case)


def test_a_share_says_nothing_of_it(folder: Path) -> None:
    assert SAID not in shares_of(hunted(folder, False))


def shares_of(case: stillhunt.Case) -> str:
    """The strongest campaign in every format of sharing, in small letters."""
    shared = share_of(case, terms(), [outside_row(case)["campaign_id"]])
    return "\n".join(every_format(shared).values()).lower()


def test_the_console_says_what_they_change(folder: Path, tmp_path: Path, runner: asyncio.Runner) -> None:
    data, case = DataFolder(tmp_path / "hunted"), hunted(folder, False)
    database = WatchDatabase("", data.database)
    publish(data, case, 1, database)
    seed_people(database)
    database.close()
    signals = {**signal_settings(folder), "gone": {**FLAG, "from": "nowhere.csv"}}
    config = Config.model_validate({"signals": signals})
    scene = open_scene(tmp_path / "data", data.database, LatestSource(data), runner, config=config)
    page = scene.reader("vera").get("/signals?try=1")
    scene.database.close()
    said = page_of(page).text
    assert f"+3.0: {LABEL} is yes at" in said
    assert case.campaigns["campaign_id"][0].as_py()[:12] in said
    assert "refused: " in said


def test_what_is_known_beside_the_log_never_acts_alone() -> None:
    settings = Config(score={"prior_bits": 4.0}).score
    kinds = (
        ("content", "phrase_mixture", 8.0),
        ("queue", "similar_workload", 12.0),
        ("network", "client_fingerprint", 6.0),
    )
    strong = [Finding(family, kind, "", bits, member_bits=np.full(30, 9.0)) for family, kind, bits in kinds]
    told = [Finding("identity", "outside_operation", "", 2.0), Finding("conduct", "outside_harvest", "", 3.0)]

    def judged(weighed: Weighed) -> tuple[str, list[str]]:
        verdict, limits = judge_weighed(weighed, settings, required_bits=0.0, likely_members=30, min_accounts=5)
        return verdict, [one.kind for one in limits]

    both = weigh_findings([*strong, *told], 30, settings)
    assert judged(both) == ("act", [])
    assert both.by_log is not None
    assert both.by_log.claim == weigh_findings(strong, 30, settings).claim
    assert "identity" in both.families
    lifted = replace(both, by_log=weigh_findings([], 30, Config().score))
    assert judged(lifted) == ("review", ["independent_families", "outside_signals"])


def test_learn_list_and_try(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    signal_settings(tmp_path)
    requests, accounts, sanctioned = world_files()
    stillhunt.hunt(requests, accounts, Config(sanctioned={"organizations": sanctioned})).write(tmp_path / "case")
    (tmp_path / "stillhunt.toml").write_text(
        '[signals]\nlearned = "new.json"\n[signals.radar]\nfrom = "marks.csv"\ncolumn = "mark"\nkind = "flag"\n'
        f'about = "harvest"\nlabel = "{LABEL}"\n'
    )
    past = ["account_id,outcome,group"]
    past += [f"confirmed-{group}-{place},confirmed,c{group}" for group in range(20) for place in range(30)]
    past += [f"dismissed-{group}-{place},dismissed,d{group}" for group in range(10) for place in range(30)]
    (tmp_path / "past.csv").write_text("\n".join(past) + "\n")
    run = CliRunner()
    learned = run.invoke(app, ["signals", "learn", "--past", "past.csv"], catch_exceptions=False)
    assert "20 groups" in learned.stdout
    listed = run.invoke(app, ["signals", "list"], catch_exceptions=False)
    assert "radar" in listed.stdout
    tried = run.invoke(app, ["signals", "try", "case"], catch_exceptions=False)
    assert LABEL in tried.stdout
    assert "verdict" in tried.stdout
