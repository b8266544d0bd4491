"""What `deploy` holds is what this version serves: metrics, paths, settings, and a unit that systemd takes."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from stillhunt.base.config import Config, _environment_layer
from stillhunt.cli.findings import EXIT_INTERRUPTED, EXIT_LEASE_LOST
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import WATCH_FILE
from stillhunt_server.api.gateways import Gateways
from stillhunt_server.api.pages import PageSources, metrics_text
from stillhunt_server.commands.pasteable import PASTE_COLLECTOR, PASTE_LITELLM
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.receiving.receiver import INLETS
from stillhunt_server.receiving.traffic import UNASKED_LIMITS, Traffic
from stillhunt_server.tokens import KnownTokens

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "howto" / "serve.md").read_text(encoding="utf-8")


@pytest.fixture
def served_metrics(tmp_path: Path) -> dict[str, str]:
    """Name of every metric -> what it is, as one process with traffic, a broker and hunts shows them."""
    folder = DataFolder(tmp_path)
    (folder.snapshots / "00000001").mkdir()
    budget = {"spent": 0.1, "allowed": 1.0}
    facts = {"made_at": 1, "to_time": 1, "requests": 1, "rejected": 0, "required_bits": 5.0, "budget": budget}
    (folder.snapshots / "00000001" / WATCH_FILE).write_text(json.dumps(facts))
    folder.switch_latest("00000001")
    traffic = Traffic()
    traffic.accepted("gateway", 1, 10, 0.01)
    traffic.refused["gateway", "token"] += 1
    traffic.waiting["nats"] = 1
    schedule = HuntSchedule(HuntPlan(folder, Config()))
    schedule.progress = replace(schedule.progress, last=HuntOutcome(1))
    database = WatchDatabase("", folder.database)
    gateways = Gateways(LiveDecisions(database, lambda: None), KnownTokens(database), Config().decide)
    gateways.answered["/v1/decide", "none"] += 1
    for _ in range(UNASKED_LIMITS.least_calls):
        gateways.calls.asked("gateway")
    faults = ServiceFaults()
    faults.begin("decisions", "the decisions cannot be read")
    tokens = KnownTokens(database)
    served = PageSources(folder, tokens, traffic=traffic, schedule=schedule, gateways=gateways, faults=faults)
    text = metrics_text(served)[0].decode()
    database.close()
    return {
        sample.name: family.documentation
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def alert_rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_ask_for_metrics_that_exist(served_metrics: dict[str, str]) -> None:
    rules = alert_rules()
    named = {name for rule in rules for name in re.findall(r"stillhunt_\w+", rule["expr"])}
    assert len(named) > 8
    assert named <= served_metrics.keys()
    for rule in rules:
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("page", "ticket")


def test_the_guide_names_every_metric(served_metrics: dict[str, str]) -> None:
    for name, meaning in served_metrics.items():
        assert f"`{name}`" in GUIDE, name
        assert len(meaning) > 10
    shown = set(re.findall(r"`(stillhunt_[a-z0-9_]+)`", GUIDE)) - {"stillhunt_"}
    assert shown == served_metrics.keys()


def test_the_guide_names_every_inlet_and_status() -> None:
    for path in INLETS:
        assert f"`{path}`" in GUIDE
    receiver = (ROOT / "packages/stillhunt-server/src/stillhunt_server/receiving/receiver.py").read_text(
        encoding="utf-8"
    )
    statuses = {*re.findall(r"BodyError\((\d{3})", receiver), *(str(inlet.slow_down) for inlet in INLETS.values())}
    for status in sorted(statuses):
        assert f"| {status} |" in GUIDE, status


def test_litellm_is_configured_as_serve_prints_it() -> None:
    shipped = yaml.safe_load((DEPLOY / "litellm.yaml").read_text())
    printed = yaml.safe_load(PASTE_LITELLM.format(address="127.0.0.1:8686", token="TOKEN"))
    assert shipped["callback_settings"] == printed["callback_settings"]
    shipped["litellm_settings"]["callbacks"].remove("keep_texts.keep_texts")
    assert shipped["litellm_settings"] == printed["litellm_settings"]
    endpoint = shipped["callback_settings"]["stillhunt"]["endpoint"]
    assert endpoint.removeprefix("http://127.0.0.1:8686") in INLETS


def test_the_collector_sends_where_serve_listens() -> None:
    shipped = yaml.safe_load((DEPLOY / "otel-collector.yaml").read_text())
    printed = yaml.safe_load(PASTE_COLLECTOR.format(address="127.0.0.1:8686", token="TOKEN"))
    (name,) = printed["exporters"]
    assert shipped["exporters"][name]["endpoint"] == printed["exporters"][name]["endpoint"]
    assert shipped["exporters"][name]["headers"]["Authorization"].startswith("Bearer ")
    for pipeline in shipped["service"]["pipelines"].values():
        assert name in pipeline["exporters"]
        assert set(pipeline["receivers"]) <= shipped["receivers"].keys()
        assert set(pipeline["processors"]) <= shipped["processors"].keys()


def test_the_image_runs_as_nobody_and_knows_whether_it_works() -> None:
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    words = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    last = dict(words)
    assert last["USER"] == "10001"
    assert "/healthz" in last["HEALTHCHECK"]
    assert last["VOLUME"] == "/data"
    assert "--data" in last["CMD"]
    stages = [rest for name, rest in words if name == "FROM"]
    assert stages[-1] == "${PYTHON}"
    assert ["RUN", "stillhunt doctor --warm"] in words
    set_here = dict(pair.split("=") for pair in last["ENV"].split())
    settings = _environment_layer({name: text for name, text in set_here.items() if name.startswith("STILLHUNT_")})
    assert Config(**settings).serve.listen == f"0.0.0.0:{last['EXPOSE']}"


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_of_the_image_says_what_the_server_says(status: int, code: int) -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").partition("HEALTHCHECK")[2]
    command = json.loads(text.partition("CMD ")[2].partition("\n")[0])

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/healthz"
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        asked = [sys.executable, *(word.replace("8686", str(server.server_port)) for word in command[1:])]
        assert subprocess.run(asked, check=False, timeout=60).returncode == code
        thread.join()


def test_systemd_starts_a_hunter_again_that_lost_its_lease() -> None:
    unit = configparser.RawConfigParser(strict=False)  # systemd takes some settings more than once
    unit.optionxform = str  # type: ignore[method-assign,assignment] # as the documentation of the module says
    unit.read(DEPLOY / "stillhunt.service", encoding="utf-8")
    service = unit["Service"]
    assert service["Restart"] == "on-failure"
    succeeded = {int(code) for code in service["SuccessExitStatus"].split()}
    assert succeeded == {EXIT_INTERRUPTED, 128 + signal.SIGTERM}
    assert EXIT_LEASE_LOST not in succeeded
    assert "RestartPreventExitStatus" not in service


@pytest.mark.service
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "stillhunt.service"
    text = (DEPLOY / "stillhunt.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/opt/stillhunt/bin/stillhunt", "/bin/true"))  # it is not installed there
    seen = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (seen.returncode, seen.stdout + seen.stderr) == (0, "")
    rating = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rating.returncode == 0, rating.stdout[-400:]
