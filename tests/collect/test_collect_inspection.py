"""What `inspect` claims of a log: shares, calls without an account, and logs that only complete others."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from tests.collect.sources.cloud_records import RECORDS
from tests.collect.sources.fixtures import COMBINED, NGINX

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.cli.inspecting import print_inspection
from stillhunt.collect.inspection import OWN_ID, Inspection, by_address_sentence, coverage
from stillhunt.collect.values.field_suggestions import advise_mapping
from stillhunt.pipeline import inspect_logs
from stillhunt.score import evidence_needs


def inspected(folder: Path, **files: list[Any]) -> Inspection:
    """Logs of these records, looked into."""
    folder.mkdir(exist_ok=True)
    for name, records in files.items():
        lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
        (folder / f"{name}.log").write_text("".join(line + "\n" for line in lines))
    config = Config.load({"collect": {"identity_key": "for the tests"}})
    return inspect_logs([str(folder)], None, config, progress=Silent())


def screen(found: Inspection, *, every_file: bool = False) -> str:
    console = Console(file=io.StringIO(), width=400)
    print_inspection(console, found, every_file=every_file)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def edge(number: int, **more: Any) -> dict[str, Any]:
    return {**NGINX, "request_id": f"q-{number}", "msec": NGINX["msec"] + number, **more}


def test_calls_without_an_account_are_counted(tmp_path: Path) -> None:
    records = [edge(n, http_x_account="acct-1" if n < 3 else None) for n in range(8)]
    found = inspected(tmp_path, edge=records)
    assert found.inputs[0].file.by_address == 5
    assert by_address_sentence(5) in screen(found)
    assert by_address_sentence(5).startswith("5 requests name no account: their clients' addresses")
    assert by_address_sentence(1).startswith("1 request names no account: its client's address")


def test_files_of_one_kind_are_one_block_that_names_what_differs(tmp_path: Path) -> None:
    files = {
        f"day{day:02}": [edge(100 * day + n, http_x_account="acct-1", ssl_ja4="j" if day < 2 else None) for n in (1, 2)]
        for day in range(12)
    }
    found = inspected(tmp_path, kong=[RECORDS["kong"][0]], **files)
    shown = screen(found)
    heading = next(line for line in shown.splitlines() if "12 files" in line)
    assert heading == "nginx access log, JSON (nginx), 12 files: day00.log, day01.log, day02.log and 9 more"
    assert "  24 requests\n" in shown
    (tls,) = [line for line in shown.splitlines() if line.startswith("tls_fingerprint")]
    assert tls.split()[1:3] == ["16.7", "%"]
    assert tls.endswith("(only in day00.log and day01.log)")
    assert shown.count("user_agent   ") == 2  # nginx and kong
    one_by_one = screen(found, every_file=True)
    assert one_by_one.count("nginx access log, JSON (nginx)") == 12
    assert len(one_by_one.splitlines()) > 4 * len(shown.splitlines())


def test_what_is_wrong_with_some_files_of_a_kind_names_them(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"")
    (tmp_path / "worse.parquet").write_bytes(b"")
    found = inspected(
        tmp_path, a=[edge(n, remote_addr="10.0.0.1", http_x_forwarded_for="") for n in range(60)], b=[edge(99)]
    )
    shown = screen(found)
    assert "2 files: bad.parquet and worse.parquet: no request; the rejects say why" in shown
    (check,) = [line for line in shown.splitlines() if "private addresses" in line]
    assert check.endswith("(only in a.log)")


def test_rare_columns_are_named_with_their_share(tmp_path: Path) -> None:
    found = inspected(tmp_path, edge=[edge(n, request_body=NGINX["request_body"] if n == 1 else "") for n in range(8)])
    sentences = {family.family: family.sentence for family in found.coverage}
    assert sentences["queue"] == "queue: prompt is filled in 12.5 % of requests"
    assert "prompt" not in sentences["network"]


def test_columns_that_half_of_the_requests_have_are_not_rare() -> None:
    def queue(share: float) -> str:
        return coverage(evidence_needs(), frozenset({"prompt"}), None, {"prompt": share})[1].sentence

    assert queue(0.5) == "queue: nothing is missing"
    assert queue(0.49) == "queue: prompt is filled in 49 % of requests"
    assert queue(0.0001) == "queue: prompt is filled in < 0.1 % of requests"


def test_a_log_that_completes_another_says_so(tmp_path: Path) -> None:
    kong = RECORDS["kong"][0]
    name = kong["request"]["id"]
    at_once = {**NGINX, "request_id": name, "msec": kong["started_at"] / 1000 + 1}
    found = inspected(tmp_path, edge=[at_once], kong=[kong])
    told = {one.file.format: one for one in found.inputs}
    assert told["nginx"].completes == 1
    shown = screen(found)
    assert "completes 1 calls of other logs" not in shown
    assert "completes 1 call of other logs" in shown
    assert "0 requests" not in shown


def test_what_a_log_makes_up_is_from_no_other(tmp_path: Path) -> None:
    found = inspected(tmp_path, edge=[COMBINED])
    shown = screen(found)
    assert "another log" not in shown
    assert OWN_ID in shown
    assert found.inputs[0].filled["model"] == 0


def test_words_that_say_little_are_proposed_where_no_other_field_ends_in_them() -> None:
    found = ["ts", "evt.id", "evt.tenant", "evt.llm", "evt.q.text", "evt.ip"]
    told = advise_mapping(["request_id", "timestamp", "account_id", "model"], found, ())
    step = told.command_step
    wanted = "--map request_id=evt.id --map timestamp=ts --map account_id=evt.tenant --map model=evt.llm"
    assert wanted in step
    assert "--map prompt=evt.q.text --map client_ip=evt.ip" in step
    assert '"model": "evt.llm"}' in told.next_step
    assert "request_id=THEIR_COLUMN" in advise_mapping(["request_id"], ["alpha.id", "user.id"], ()).command_step
