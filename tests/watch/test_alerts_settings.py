"""Secrets of alerts are shown and written nowhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhunt.base.config import Config, is_secret
from stillhunt.base.errors import ConfigError
from stillhunt.cli.app import app
from stillhunt.run_record import _list_recorded_settings
from stillhunt.triage import Case
from stillhunt.watch.child import order_of, order_text
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan
from triage.fixtures import demo_case

HUSH = "hush-hush"
SETTINGS = f"""
[watch]
database = "postgresql+psycopg://user:{HUSH}@host/name"
[alerts.email]
host = "mail.example"
sender = "stillhunt@example.com"
to = ["soc@example.com"]
user = "stillhunt"
password = "{HUSH}"
[[alerts.webhooks]]
url = "https://hooks.example/T0/{HUSH}"
secret = "{HUSH}"
[[alerts.files]]
path = "alerts.jsonl"
form = "ecs"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stillhunt.toml"
    path.write_text(SETTINGS)
    return path


@pytest.mark.parametrize("options", [[], ["--json"], ["--origin"]])
def test_config_show_hides_them(file: Path, options: list[str]) -> None:
    shown = CliRunner().invoke(app, ["config", "show", "--settings", str(file), *options])
    assert shown.exit_code == 0, shown.output
    assert HUSH not in shown.output
    assert "(set, not shown)" in shown.output
    if options == ["--json"]:
        assert json.loads(shown.output)["alerts.files"]["value"] == [
            {"path": "alerts.jsonl", "form": "ecs", "kinds": []}
        ]


def test_run_json_has_none_of_them(file: Path, tmp_path: Path) -> None:
    config = Config.load(environ={}, file=file)
    assert "alerts" not in _list_recorded_settings(config)
    case = demo_case()
    recorded = {**case.run, "settings": config.model_dump(mode="json")}  # even if somebody records all of it
    written = Case(case.tables, case.samples, case.timeline, recorded).write(tmp_path / "case")
    assert HUSH not in (written / "run.json").read_text()
    assert HUSH not in (written / "report.html").read_text()


@pytest.mark.parametrize(
    "broken",
    [
        f'[[alerts.webhooks]]\nurl = "ftp://{HUSH}"',
        f'[[alerts.webhooks]]\nsecret = "{HUSH}"',
        f'[[alerts.webhooks]]\nurl = "https://x/\\n{HUSH}"',
        f'[alerts]\nwebhooks = "{HUSH}"',
        f'alerts = "{HUSH}"',
        f'[alerts.email]\nhost = "h"\npassword = "{HUSH}"',
        f'[alerts.email]\npassword = ["{HUSH}"]',
        f'[watch]\ndatabase = ["{HUSH}"]',
    ],
)
def test_errors_do_not_quote_them(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "stillhunt.toml"
    path.write_text(broken)
    with pytest.raises(ConfigError) as error:
        Config.load(environ={}, file=path)
    assert HUSH not in str(error.value)
    assert "Value error" not in str(error.value)


def test_parts_of_a_secret_setting_are_secret() -> None:
    assert all(map(is_secret, ("alerts.webhooks", "alerts.webhooks.url", "collect.identity_key")))
    assert not any(map(is_secret, ("alerts", "alerts.webhooks_", "alerts.email.host", "collect.identity_keys")))


def test_the_hunt_in_a_child_gets_them_all(file: Path, tmp_path: Path) -> None:
    config = Config.load(environ={}, file=file)
    plan = order_of(order_text(HuntPlan(DataFolder(tmp_path / "data"), config)))
    assert plan.config == config
    assert HUSH not in repr(config.alerts.email)
