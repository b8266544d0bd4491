"""`stillhunt share`: which campaigns, which file, what is said on the screen, and addresses from the logs."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from evidence.sharing.format_checks import CHECKS
from evidence.sharing.share_scenes import FIRST, REVIEW, SECOND, changed, filled, rich_case
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.collect.normalise.identity import address_hashes
from stillhunt_evidence.commands import share as share_module
from stillhunt_evidence.keys.folder import CIRCLES, write_new
from stillhunt_evidence.sharing.log_addresses import circle_addresses

commands = typer.Typer()
commands.command()(share_module.share)
KEY = bytes(range(100, 132))
LOG = [
    ("req-91c2-acct-0001-000", "91c2-acct-0001", "192.0.2.7"),
    ("req-91c2-acct-0002-000", "91c2-acct-0002", "192.0.2.7"),
    ("req-91c2-acct-0003-000", "91c2-acct-0003", "192.0.2.9"),
    ("req-91c2-acct-0003-001", "91c2-acct-0003", "not an address"),
    ("req-91c2-acct-0003-002", "91c2-acct-0003", None),
    ("req-honest", "customer-0001", "192.0.2.7"),
    ("req-91c2-acct-0004-000", "customer-0002", "192.0.2.7"),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a case, keys of a circle, settings that name them, and a log."""
    rich_case().write(tmp_path / "case")
    write_new(tmp_path / "keys" / CIRCLES / "labs.key", KEY.hex() + "\n")
    (tmp_path / "settings.toml").write_text(f'[dossier]\nkeys = "{tmp_path / "keys"}"\n', encoding="utf-8")
    (tmp_path / "log.jsonl").write_text(log_lines(), encoding="utf-8")
    return tmp_path


def log_lines() -> str:
    row = {"timestamp": "2026-03-03T10:00:00Z", "model": "large", "prompt": "a question", "status": 200}
    return "".join(
        json.dumps({**row, "request_id": request, "account_id": account, "client_ip": address}) + "\n"
        for request, account, address in LOG
    )


def share(place: Path, *options: str, out: str = "out.json", fails: type[Exception] | None = None) -> Any:
    """What the command printed; or its error."""
    given = [str(place / "case"), "--circle", "labs", "--tlp", "green", "--settings", str(place / "settings.toml")]
    result = CliRunner().invoke(commands, [*given, "--out", str(place / out) if out != "-" else "-", *options])
    if fails:
        assert isinstance(result.exception, fails), result.output
        return result.exception
    assert result.exception is None, result.output
    return result


def test_campaigns_to_act_on_are_shared_and_those_to_review_by_name(place: Path) -> None:
    result = share(place)
    text = (place / "out.json").read_text(encoding="utf-8")
    CHECKS["stix"](text)
    assert text.count('"type": "campaign"') == 2
    assert FIRST in result.stderr
    assert SECOND in result.stderr
    assert "left out: 1 campaign to review" in result.stderr
    assert "TLP:GREEN" in result.stderr
    assert "left out: addresses and networks, which need the logs (--logs)" in result.stderr
    share(place, REVIEW[:7], "--force")
    assert (place / "out.json").read_text(encoding="utf-8").count('"type": "campaign"') == 1


@pytest.mark.parametrize("name", list(CHECKS))
def test_every_format_is_written_for_its_owner_alone(place: Path, name: str) -> None:
    share(place, "--format", name)
    CHECKS[name]((place / "out.json").read_text(encoding="utf-8"))
    assert stat.S_IMODE((place / "out.json").stat().st_mode) == 0o600


def test_the_same_case_makes_the_same_bytes(place: Path) -> None:
    share(place, out="a.json")
    share(place, out="b.json")
    assert (place / "a.json").read_bytes() == (place / "b.json").read_bytes()


def test_it_can_be_printed_and_say_nothing(place: Path) -> None:
    result = share(place, "--quiet", out="-")
    CHECKS["stix"](result.stdout)
    assert result.stderr == ""


def test_names_are_printed_as_json(place: Path) -> None:
    rows = json.loads(share(place, "--json", "--quiet").stdout)
    assert {row["campaign_id"] for row in rows} == {FIRST, SECOND}
    assert all(row["shared_id"] in (place / "out.json").read_text(encoding="utf-8") for row in rows)


def test_a_file_that_is_there_is_kept(place: Path) -> None:
    (place / "out.json").write_text("mine", encoding="utf-8")
    share(place, fails=OutputError)
    assert (place / "out.json").read_text(encoding="utf-8") == "mine"
    share(place, out="case/out.json", fails=OutputError)


def test_what_is_not_there_is_refused(place: Path) -> None:
    assert "labs2" in str(share(place, "--circle", "labs2", fails=ConfigError))
    share(place, "c-unknown", fails=CaseError)
    case = rich_case()
    rows = [{**row, "verdict": "review"} for row in case.campaigns.to_pylist()]
    changed(case, campaigns=filled("campaigns", rows)).write(place / "case", force=True)
    assert "no campaign with the verdict act" in str(share(place, fails=CaseError))


def test_a_wrong_time_is_a_usage_error(place: Path) -> None:
    result = CliRunner().invoke(
        commands, [str(place / "case"), "--circle", "labs", "--tlp", "red", "--out", "x", "--at", "tomorrow"]
    )
    assert result.exit_code == 2
    assert "is no time such as" in result.output


def test_the_version_and_the_sender_are_those_that_are_given(place: Path) -> None:
    share(place, "--at", "2026-06-01T12:00", "--from", "Acme AI")
    text = (place / "out.json").read_text(encoding="utf-8")
    assert '"modified": "2026-06-01T12:00:00.000Z"' in text
    assert '"name": "Acme AI"' in text
    share(place, "--force")
    assert "A member of the sharing circle labs" in (place / "out.json").read_text(encoding="utf-8")


def test_what_was_shared_is_withdrawn(place: Path) -> None:
    result = share(place, FIRST, "--revoke")
    assert '"revoked": true' in (place / "out.json").read_text(encoding="utf-8")
    assert "no longer has the campaign" not in result.stderr
    assert "everything that was shared under these ids is withdrawn" in result.stderr
    refused = share(place, FIRST, "--revoke", "--logs", "log.jsonl", out="x.json", fails=ConfigError)
    assert "it has no effect here" in str(refused)
    result = share(place, "hunt-of-last-week", "--revoke", out="gone.json")
    assert "the case no longer has the campaign" in result.stderr
    CHECKS["stix"]((place / "gone.json").read_text(encoding="utf-8"))


def test_logs_give_keyed_hashes_under_the_key_of_the_circle(place: Path) -> None:
    result = share(place, FIRST, "--logs", str(place / "log.jsonl"), "--quiet")
    text = (place / "out.json").read_text(encoding="utf-8")
    address, network = address_hashes("192.0.2.7", KEY.hex())
    alone, _ = address_hashes("192.0.2.9", KEY.hex())
    assert address is not None
    assert alone is not None
    assert address in text
    assert network in text
    assert alone not in text
    assert "192.0.2" not in text
    assert result.stderr == ""


def test_it_says_how_many_requests_the_logs_had(place: Path) -> None:
    result = share(place, FIRST, "--logs", str(place / "log.jsonl"))
    wanted = rich_case().harvest["campaign_id"].to_pylist().count(FIRST)
    assert f"the logs have 5 of {wanted:,} harvested requests; addresses of the others are missing" in result.stderr


def test_only_harvested_requests_of_members_count(place: Path) -> None:
    counts = circle_addresses(str(place / "log.jsonl"), rich_case(), [FIRST], KEY, Config())
    address, network = address_hashes("192.0.2.7", KEY.hex())
    alone, _ = address_hashes("192.0.2.9", KEY.hex())
    assert counts.of(FIRST) == {"address": {address: (2, 2), alone: (1, 1)}, "network": {network: (3, 3)}}
    assert counts.of(SECOND) == {}
    other = circle_addresses(str(place / "log.jsonl"), rich_case(), [FIRST], b"y" * 32, Config())
    assert not set(other.of(FIRST)["address"]) & set(counts.of(FIRST)["address"])
