"""The sample packages are installed, hold the contract, and do their work; cases are read when they are gone."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import stillhunt
from cli.running import run_process
from stillhunt.base.config import is_secret
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.explanations import EXPLANATIONS
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "examples" / "plugins").iterdir())
KIND = "cut-answers"

ALERT = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from stillhunt.base.config import Config
from stillhunt.watch.alerts.receivers import receivers_with
from stillhunt.watch.alerts.sender import send_due
from watch.alert_scenes import FAST, START, database, record, some_alert

class Page(BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["content-length"])).decode())
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_): ...

server = HTTPServer(("127.0.0.1", 0), Page)
Thread(target=server.serve_forever, daemon=True).start()
settings = Config(plugins={"pager": {"url": f"http://127.0.0.1:{server.server_port}/"}}).alerts
(receiver,) = receivers_with(settings)
with database(Path(sys.argv[1])) as store:
    record(store, [some_alert()], settings)
    assert send_due(store, receiver, lambda: START / 1e6, FAST) == 1
"""
BROKEN = {
    "raises": ("raise RuntimeError('\\x1b[31mno')", "RuntimeError: "),
    "taken": (
        "from stillhunt.collect.formats import SOURCES; PLUGIN = next(s for s in SOURCES if s.name == 'kong')",
        "calls itself 'kong'",
    ),
    "wrong_type": ("PLUGIN = 3", "of the type int, not Source"),
}
"""A module that is no reader, and what is said of it."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the samples are installed, from copies: building leaves files."""
    folder = tmp_path_factory.mktemp("plugins")
    copies = [shutil.copytree(one, folder / one.name) for one in SAMPLES]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--target"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(folder / "site"), *map(str, copies)], check=True
    )
    return folder / "site"


@pytest.fixture(scope="module")
def case(site: Path) -> Path:
    """What a hunt says of a log that only the sample reads, of answers that end where the client said."""
    fields = runpy.run_path(str(site / "stillhunt_fogdesk.py"))["FIELDS"]
    log, out = site.parent / "log.jsonl", site.parent / "case"
    campaign = CampaignSpec(2, 12, name="crude", requests_per_account_day=30.0)
    world = build_world(WorldSpec(accounts=150, days=5, seed=29, campaigns=(campaign,)))
    with log.open("w", encoding="utf-8") as file:
        for row in world.requests.to_pylist():
            row |= {"max_tokens": 100, "output_tokens": 100, "timestamp": row["timestamp"].isoformat()}
            record = {"stillhunt_fogdesk": 1, "kind": "chat", **{name: row.get(own) for own, name in fields.items()}}
            file.write(json.dumps(record) + "\n")
    done = run_process("hunt", str(log), "--out", str(out), "--quiet", cwd=site)
    assert done.returncode in (0, 3), done.stderr
    return out


def with_plugins(site: Path, *arguments: str) -> str:
    """What Python prints with the plugins of a folder installed."""
    paths = [str(site), *(str(path) for path in ROOT.glob("packages/*/src")), str(ROOT / "tests")]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_samples_are_short() -> None:
    assert len(SAMPLES) == 3
    for sample in SAMPLES:
        lines = sum(len(path.read_text("utf-8").splitlines()) for path in sample.glob("*.py"))
        assert lines <= 60, f"{sample.name} has {lines} lines"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_holds_the_contract(sample: Path, site: Path) -> None:
    done = run_process("plugin", "test", sample.name, cwd=site)  # whose folder Python looks into first
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(": holds the contract\n")


def test_a_hunt_reads_the_log_of_the_sample_and_weighs_its_kind(case: Path) -> None:
    run = json.loads((case / "run.json").read_text("utf-8"))
    assert [(one["group"], one["name"], one["version"]) for one in run["plugins"]] == [
        ("stillhunt.readers", "fogdesk", "0.1.0"),
        ("stillhunt.evidence", KIND, "0.1.0"),
    ]
    assert {one["format"] for one in run["inputs"]} == {"fogdesk"}
    assert run["counts"]["campaigns"] == 1


def test_a_case_is_read_without_the_plugin_that_judged_in_it(case: Path) -> None:
    read = stillhunt.Case.read(case)
    rows = [row for row in read.evidence.to_pylist() if row["kind"] == KIND]
    assert rows
    assert all("end at the limit that the client set" in row["statement"] for row in rows)
    campaign = read.campaigns["campaign_id"][0].as_py()
    said = str(read.explain(campaign))
    assert rows[0]["statement"] in said
    assert rows[0]["statement"] in read.report()
    company = next(one for one in EXPLANATIONS if one.key == "company")
    assert company.share_counted(Finding("conduct", KIND, "", 1.0)) == 1.0, "as its family does"


def test_an_alert_goes_out_through_the_channel_of_the_sample(site: Path, tmp_path: Path) -> None:
    (line,) = with_plugins(site, "-c", ALERT, str(tmp_path)).splitlines()
    assert "the disk is nearly full" in json.loads(line)["text"].lower()


def test_settings_of_plugins_are_never_shown() -> None:
    config = stillhunt.Config(plugins={"pager": {"url": "https://example.com/hush"}})
    assert "hush" not in repr(config)
    assert config.alerts.of_plugin("pager") == {"url": "https://example.com/hush"}
    assert is_secret("plugins.pager.url")


def test_what_is_broken_is_said_once_and_passed_over(tmp_path: Path) -> None:
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8")
    points = "".join(f"odd_{fault} = broken_{fault}:PLUGIN\n" for fault in BROKEN)
    (about / "entry_points.txt").write_text(f"[stillhunt.readers]\n{points}", encoding="utf-8")
    for fault, (module, _) in BROKEN.items():
        (tmp_path / f"broken_{fault}.py").write_text(module, encoding="utf-8")
    code = (
        "from stillhunt.collect.formats import SOURCES, all_sources; assert all_sources() == all_sources() == SOURCES"
    )
    lines = sorted(with_plugins(tmp_path, "-c", code).splitlines())
    for line, (fault, (_, said)) in zip(lines, BROKEN.items(), strict=True):
        assert line.startswith(f"The plugin odd_{fault} of broken is passed over: ")
        assert said in line
        assert "\x1b" not in line
