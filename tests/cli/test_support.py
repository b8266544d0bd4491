"""A bundle for support: what is in it, what never is, and that nothing is written unseen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stillhunt.base.config import Config
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.cli import support
from stillhunt.cli.app import app
from stillhunt.watch.alerts.changes import failing_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.database.store import VERSION, WatchDatabase
from stillhunt.watch.folder import DataFolder

PRIVATE = "customer-4711"
"""Stands in every place of a data folder and of the settings that could hold an account, a text or a secret."""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder after a hunt and a failure, and settings with secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(support, "examine", list)  # test_cli_commands examines
    (tmp_path / "stillhunt.toml").write_text(
        f'threads = 3\n[sanctioned]\naccounts = ["{PRIVATE}"]\n[collect]\nidentity_key = "{PRIVATE}"\n'
        f'[plugins.mine]\nnumber = 4711\nname = "{PRIVATE}"\n'
        '[watch]\nevery_minutes = 7\n[serve]\nlisten = "127.0.0.1:1"\n'
    )
    folder = DataFolder(tmp_path / "data")
    case = folder.snapshots / "00000001" / "case"
    case.mkdir(parents=True)
    run = {"version": "0.1.0", "case_version": CASE_VERSION, "sketch_version": 4, "inputs": [{"path": PRIVATE}]}
    timings = [{"stage": "read", "seconds": 1.5}]
    (case / "run.json").write_text(
        json.dumps({**run, "counts": {"requests": 7, "allowed": [PRIVATE]}, "timings": timings})
    )
    folder.switch_latest("00000001")
    (folder.spool / "gateway" / PRIVATE).mkdir(parents=True)
    (folder.spool / "gateway" / PRIVATE / "part-1").write_text(PRIVATE)
    database = WatchDatabase("", folder.database)
    settings = Config().alerts
    with database.write() as connection:
        record_alerts(connection, [failing_alert(3, f"{PRIVATE} is wrong", None, 5, settings)], settings)
    database.close()
    return folder.path


def bundle_of(*arguments: str, answer: str = "") -> tuple[str, int]:
    result = CliRunner().invoke(app, ["support", "bundle", *arguments], input=answer)
    return result.output, result.exit_code


def test_a_bundle_tells_versions_states_timings_and_errors(data: Path) -> None:
    assert bundle_of("--data", str(data), "--yes")[1] == 0
    found: dict[str, Any] = json.loads(Path("stillhunt-support.json").read_text())
    assert found["writes"] == {"case": CASE_VERSION, "database": VERSION}
    assert found["libraries"]["numba"]
    assert found["settings"]["threads"] == 3
    assert found["settings"]["watch.every_minutes"] == 7
    assert found["data"]["spool"] == {"files": 1, "bytes": len(PRIVATE)}
    assert found["data"]["latest_hunt"]["counts"] == {"requests": 7}
    assert found["data"]["latest_hunt"]["timings"] == [{"stage": "read", "seconds": 1.5}]
    assert found["data"]["database"]["latest_alerts"] == [{"at": 5, "kind": "hunt_failing"}]


def test_no_account_text_secret_or_path_is_in_it(data: Path, tmp_path: Path) -> None:
    shown, code = bundle_of("--data", str(data), "--yes")
    assert code == 0
    assert Path("stillhunt-support.json").stat().st_mode & 0o077 == 0
    for text in (shown.replace("written: stillhunt-support.json", ""), Path("stillhunt-support.json").read_text()):
        assert "4711" not in text
        assert str(tmp_path) not in text
        assert text.count("set, not shown") >= 3


def test_it_is_shown_before_it_is_written(data: Path) -> None:
    shown, _ = bundle_of("--data", str(data), answer="n\n")
    assert '"every_minutes": 7' in shown or '"watch.every_minutes": 7' in shown
    assert not Path("stillhunt-support.json").exists()
    bundle_of("--data", str(data), answer="y\n")
    assert json.loads(Path("stillhunt-support.json").read_text())
    assert bundle_of("--data", str(data), "--yes")[1] != 0  # it is there already


def test_what_is_broken_is_said_and_the_rest_is_told(data: Path) -> None:
    (data / "stillhunt.db").write_bytes(b"no database" * 500)
    (data / "snapshots" / "latest" / "case" / "run.json").write_text("{")
    Path("stillhunt.toml").write_text("threads = 'many'")
    found = support.gather_bundle(data, None)
    assert found["settings"] == "cannot be read: ConfigError"
    assert found["data"]["latest_hunt"] == "cannot be read: JSONDecodeError"
    assert found["data"]["database"].startswith("cannot be read: ")
    assert found["data"]["spool"]["files"] == 1
    assert support.gather_bundle(data / "none", None)["data"] == "no data folder"
