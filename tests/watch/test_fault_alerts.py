"""Faults of the service are told to everybody who gets alerts, without the database, and without a flood."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stillhunt.base.config_alerts import AlertFile, AlertSettings
from stillhunt.base.errors import OutputError
from stillhunt.cli.app import app
from stillhunt.watch.alerts.lines import file_name
from stillhunt.watch.alerts.parameters import LIMITS_OF_SENDING
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.known_database import open_database
from stillhunt.watch.service_faults import ServiceFault, ServiceFaults
from stillhunt_server.fault_alerts import FaultAlerts, fault_alert, tell_failed_start
from watch.alert_scenes import FAST, HOUR, START, Told

OFF = ServiceFault("enforcement off", "the decision log cannot be read", START)
LASTS, QUIET = LIMITS_OF_SENDING.fault_lasts, LIMITS_OF_SENDING.fault_quiet


class Scene:
    """Alerts of one receiver under a clock that the test turns."""

    def __init__(self, **settings: Any) -> None:
        self.faults, self.now = ServiceFaults(), 0.0
        self.shown: list[tuple[str, bool]] = []
        self._alerts = FaultAlerts(
            self.faults, AlertSettings(**settings), [Told("x")], self._show, seconds=lambda: self.now
        )

    def _show(self, fault: ServiceFault, ended: bool) -> None:
        self.shown.append((fault.name, ended))

    def after(self, seconds: float) -> list[str]:
        """Titles of what is told after so many seconds more, with a look each second."""
        waiting = self._alerts._waiting["x"]
        waiting.clear()
        for _ in range(int(seconds)):
            self.now += 1
            self._alerts.look()
        return [alert.body["title"] for alert in waiting]


def test_a_fault_that_lasts_is_told_once_and_so_is_its_end() -> None:
    scene = Scene()
    scene.faults.begin(OFF.name, OFF.statement)
    assert scene.after(LASTS / 2) == []
    assert scene.shown == [(OFF.name, False)]
    assert scene.after(10 * LASTS) == ["Enforcement is off"]
    scene.faults.end(OFF.name)
    assert scene.after(LASTS / 2) == []
    assert scene.after(10 * LASTS) == ["Enforcement works again: it was off"]
    assert scene.shown == [(OFF.name, False), (OFF.name, True)]


def test_a_fault_of_a_second_is_shown_and_no_alert() -> None:
    scene = Scene()
    scene.faults.begin("disk", "a write failed")
    scene.after(2)
    scene.faults.end("disk")
    assert scene.after(5 * LASTS) == []


def test_a_fault_that_comes_and_goes_is_told_and_told_again_after_the_quiet_time_only() -> None:
    scene, told = Scene(), []
    for _ in range(int(QUIET / 6) + 10):
        scene.faults.begin(OFF.name, OFF.statement)
        told += scene.after(3)
        scene.faults.end(OFF.name)
        told += scene.after(3)
    assert told == ["Enforcement is off"], "it is one fault that lasts"
    told = scene.after(2 * LASTS)
    scene.faults.begin(OFF.name, OFF.statement)
    assert told + scene.after(QUIET + LASTS) == ["Enforcement works again: it was off", "Enforcement is off"]


def test_a_fault_that_lasts_for_days_is_told_each_quiet_period() -> None:
    scene = Scene(quiet_hours=1)
    scene.faults.begin(OFF.name, OFF.statement)
    assert scene.after(2 * HOUR / 1e6) == ["Enforcement is off"] * 2


def test_kinds_choose_who_hears_of_it(tmp_path: Path) -> None:
    path = str(tmp_path / "pager.jsonl")
    settings = AlertSettings(files=(AlertFile(path=path, kinds=("enforcement_fault",)),))
    faults, now = ServiceFaults(), [0.0]
    pager, other = Told(file_name(path)), Told("other")
    alerts = FaultAlerts(faults, settings, [pager, other], seconds=lambda: now[0])
    faults.begin(OFF.name, OFF.statement)
    faults.begin("inlet nats", "nothing is taken")
    for _ in range(20):
        now[0] += 1
        alerts.look()
    assert [one.kind for one in alerts._waiting[pager.name]] == ["enforcement_fault"]
    assert [one.kind for one in alerts._waiting["other"]] == ["enforcement_fault", "service_fault"]


@pytest.mark.parametrize("refusals", [0, 3])
def test_it_is_sent_again_until_it_is_taken(refusals: int) -> None:
    faults, taken = ServiceFaults(), threading.Event()

    class Waiting(Told):
        def deliver(self, due: Any, now: float) -> str:
            if self.bodies:
                raise AssertionError("sent twice")
            said = super().deliver(due, now)
            taken.set()
            return said

    receiver = Waiting("x", refusals)
    limits = FAST._replace(fault_lasts=0.0, first_wait=0.01)
    alerts = FaultAlerts(faults, AlertSettings(), [receiver], limits=limits)
    faults.begin("database", "it does not answer")
    alerts.start()
    try:
        assert taken.wait(10)
    finally:
        alerts.stop()
    assert receiver.bodies[0]["title"] == "A part of stillhunt does not work: database"
    assert receiver.bodies[0]["fault"] == "database"


def test_two_processes_make_the_same_alert_and_it_tells_no_secret() -> None:
    fault = ServiceFault("database", "postgresql://user:hush@host does not answer to 10.20.30.40", START)
    first, second = (fault_alert(fault, at, AlertSettings()) for at in (START, START + 1))
    assert first.alert_id == second.alert_id
    assert first.alert_id != fault_alert(fault, START + HOUR, AlertSettings()).alert_id
    assert first.alert_id != fault_alert(fault, START, AlertSettings(), ended=True).alert_id
    assert "10.20.30.40" not in first.body["text"]


def test_a_server_that_does_not_start_is_told_once_however_often_it_is_tried(tmp_path: Path) -> None:
    path, receivers = tmp_path / "failed-start", [Told("x", refusals=1), Told("y")]
    for _ in range(3):
        tell_failed_start(path, "the database is gone", AlertSettings(), receivers)
    assert [len(one.bodies) for one in receivers] == [0, 1]
    assert receivers[1].bodies[0]["title"] == "Enforcement is off"
    assert "The database is gone; the server does not start." in receivers[1].bodies[0]["text"]
    os.utime(path, (1, 1))
    tell_failed_start(path, "the database is gone", AlertSettings(), receivers)
    assert [len(one.bodies) for one in receivers] == [1, 2]


def test_a_server_without_its_database_says_so_in_an_alert(tmp_path: Path) -> None:
    data, told = tmp_path / "data", tmp_path / "alerts.jsonl"
    open_database(DataFolder(data).path, "").close()
    (data / "stillhunt.db").unlink()
    settings = tmp_path / "stillhunt.toml"
    settings.write_text(f'[[alerts.files]]\npath = "{told}"\nform = "ecs"\n')
    order = ["serve", "--data", str(data), "--settings", str(settings), "--quiet"]
    for _ in range(2):
        with pytest.raises(OutputError, match="is gone"):
            CliRunner().invoke(app, order, catch_exceptions=False)
    (line,) = told.read_text().splitlines()
    assert json.loads(line)["message"] == "Enforcement is off"
    assert not (data / "stillhunt.db").exists()
