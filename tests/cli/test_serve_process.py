"""`stillhunt serve` and its checks: what is wrong is said before anything starts, and a process is stopped cleanly."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import running
from running import run
from sqlalchemy import update

from cli.forking import ForkedProcess
from stillhunt.watch.database.store import VERSION, WatchDatabase
from stillhunt.watch.database.tables import META, VERSION_ROW
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.spool.parts import closed_parts, open_parts
from stillhunt_server.tokens import INGEST, make_token


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    return run("serve", "--check", *listen, *options, cwd=folder, **environment)


def test_a_check_that_passes_starts_nothing(tmp_path: Path) -> None:
    checked = check(tmp_path)
    assert (checked.returncode, checked.stdout) == (0, "")
    assert "can be used" in checked.stderr
    assert "Bearer" not in checked.stderr
    assert not list((tmp_path / "stillhunt-data").glob("*.lock"))


def test_logs_for_a_process_that_does_not_hunt_are_refused(tmp_path: Path) -> None:
    checked = check(tmp_path, "--only", "web", "--logs", ".")
    assert checked.returncode == 5
    assert "it has no effect here" in checked.stderr


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        checked = check(tmp_path, "--listen", listen)
    assert checked.returncode == 1
    assert f"another program listens on {listen}" in checked.stderr


def test_what_is_no_address_is_said(tmp_path: Path) -> None:
    for listen in ("nowhere", "127.0.0.1:99999", "203.0.113.1:8686"):
        checked = check(tmp_path, "--listen", listen)
        assert checked.returncode != 0
        assert listen in checked.stderr
        assert "serve.listen" in checked.stderr
        assert "Traceback" not in checked.stderr


def test_a_newer_database_is_said(tmp_path: Path) -> None:
    database = WatchDatabase("", DataFolder(tmp_path / "stillhunt-data").database)
    with database.write() as connection:
        connection.execute(update(META).where(META.c.name == VERSION_ROW).values(value=str(VERSION + 1)))
    database.close()
    checked = check(tmp_path)
    assert checked.returncode != 0
    assert f"the database has version {VERSION + 1}" in checked.stderr


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    checked = check(tmp_path, "--data", "file/data")
    assert checked.returncode != 0
    assert "the data folder cannot be used" in checked.stderr
    assert "--data" in checked.stderr


def test_a_broker_that_is_not_there_is_said(tmp_path: Path) -> None:
    pytest.importorskip("nats")
    url = "nats://warden:s3cret@127.0.0.1:1"
    settings = {"STILLHUNT_SERVE__NATS_URL": url, "STILLHUNT_SERVE__NATS_STREAM": "calls"}
    checked = check(tmp_path, **settings)
    assert checked.returncode != 0
    assert "NATS" in checked.stderr
    assert "s3cret" not in checked.stderr


@pytest.mark.parametrize(("stop", "begin"), [(signal.SIGTERM, running.start_anew), (signal.SIGINT, running.start)])
def test_a_stop_closes_what_was_received(
    tmp_path: Path, stop: signal.Signals, begin: Callable[..., ForkedProcess | subprocess.Popen[bytes]]
) -> None:
    folder, port = DataFolder(tmp_path / "data"), free_port()
    database = WatchDatabase("", folder.database)
    token = make_token(database, "gateway", frozenset((INGEST,)))
    database.close()
    serving = begin("serve", "--only", "ingest", "--data", "data", "--listen", f"127.0.0.1:{port}", cwd=tmp_path)
    try:
        assert _posted(port, token, b'{"request_id": "1"}\n') == 200
        # The folder is said, not the port, which the same settings would also share.
        second = run("serve", "--only", "ingest", "--data", "data", "--listen", f"127.0.0.1:{port}", cwd=tmp_path)
        assert second.returncode == 1
        assert f"another process (process {serving.pid}) does the work 'serve-ingest'" in second.stderr
    finally:
        serving.send_signal(stop)
        _, said = serving.communicate(timeout=30)
    assert serving.returncode == 128 + stop  # the unit of systemd counts these as success
    assert open_parts(folder.spool) == []
    assert [part.read_bytes() for part in closed_parts(folder.spool)] == [b'{"request_id": "1"}\n']
    errors = said.decode()
    assert json.loads(errors.splitlines()[0])["event"] == "started"
    assert "Traceback" not in errors


def _posted(port: int, token: str, body: bytes) -> int:
    end = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/v1/ingest/jsonl", body, {"Authorization": f"Bearer {token}"})
            return connection.getresponse().status
        except OSError:
            assert time.monotonic() < end, "the server did not start"
            threading.Event().wait(0.1)
        finally:
            connection.close()
