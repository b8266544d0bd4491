"""`stillhunt open`: a case folder for whoever has the key, to read."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.running import PROGRAM, clean_environment, run
from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_routes import FORMS, PAGES
from server.console.console_scenes import ACT, HOST, Reader, Scene
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt_server.commands import opening
from stillhunt_server.commands.opening import open_case
from stillhunt_server.console.app import READ_ROUTES, WORK_ROUTES, case_app
from stillhunt_server.console.context import Console
from stillhunt_server.console.key_guard import KeyGuard
from stillhunt_server.console.snapshot import FixedSource
from stillhunt_server.people.guard import SECURITY_HEADERS
from stillhunt_server.people.sessions import Viewer

KEY = "the-key-of-these-tests"
TOKEN = "the-form-token"  # noqa: S105 - of a viewer that exists in tests alone
READ = [PAGES[route.path] for route in READ_ROUTES]


@pytest.fixture(scope="module")
def case(published: Published) -> Path:
    return published.shown.folder


@pytest.fixture(scope="module")
def app(case: Path) -> Any:
    viewer = Viewer("", "viewer", TOKEN, 0)
    return case_app(Console(FixedSource(case), Config()), partial(KeyGuard, key=KEY, viewer=viewer))


@pytest.fixture
def guest(app: Any, runner: asyncio.Runner) -> Reader:
    """A browser without the key."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST)
    return Reader(client, runner, TOKEN)


@pytest.fixture
def owner(guest: Reader) -> Reader:
    """A browser that came with the key."""
    assert guest.get(f"/?key={KEY}").status_code == 303
    return guest


def test_the_key_is_taken_from_the_address_and_kept_in_a_cookie(guest: Reader) -> None:
    answer = guest.get(f"/accounts?find=a%26b&key={KEY}&size=25")
    assert (answer.status_code, answer.headers["location"]) == (303, "/accounts?find=a%26b&size=25")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=lax" in answer.headers["set-cookie"].lower()
    assert guest.get(answer.headers["location"]).status_code == 200


def test_without_the_key_nothing_is_shown(guest: Reader) -> None:
    for url in [entry.url for entry in READ] + [
        "/nowhere",
        "/sign-in",
        "/?key=",
        "/?key=wrong",
        "/?key=%ED%A0%80é",
        "/?KEY=x",
    ]:
        for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
            answer = guest.send(method, url, headers={"x-form-token": TOKEN})
            assert answer.status_code == 403, (method, url)
            assert answer.text in ("", "Open the address that was printed when this was started: it holds the key.\n")
    for cookie in ("stillhunt_key=", "stillhunt_key=x", f"key={KEY}", "stillhunt_key=" + "x" * 9000):
        assert guest.get("/", headers={"cookie": cookie}).status_code == 403
    for host in ("127.0.0.1:99999", "x:y", "", "[", "[::1]:abc"):
        assert guest.get("/", headers={"host": host}).status_code == 403
    assert guest.get("/static/console.css").status_code == 200


def test_every_page_of_a_case_can_be_read_and_none_can_be_written(owner: Reader) -> None:
    for entry in READ:
        answer = owner.get(entry.url)
        assert answer.status_code == 200, entry.url
        own = {"content-security-policy"} if entry.url == "/report" else set()  # which has its scripts within
        assert {name: answer.headers.get(name) for name in SECURITY_HEADERS if name not in own} == {
            name: value for name, value in SECURITY_HEADERS.items() if name not in own
        }
        assert "'self'" not in answer.headers["content-security-policy"] or not own
        if not answer.headers["content-type"].startswith("text/html") or entry.url in ("/report", "/hunt"):
            continue
        page = page_of(answer)
        assert page.posts() == []
        dead = [link for link in page.links() if re.match("/(decisions|appeals|audit|users|calibration|filters)", link)]
        assert dead == []
        assert "read-only" in page.text


def test_there_are_no_forms_to_send(owner: Reader) -> None:
    assert all(route.method == "GET" for route in READ_ROUTES)
    for entry in FORMS.values():
        assert owner.post(entry.url, entry.fields).status_code in (404, 405), entry.url
    for route in WORK_ROUTES:
        if route.path in PAGES and route.method == "GET":
            assert owner.get(PAGES[route.path].url).status_code == 404
    for entry in READ:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = owner.send(method, entry.url, headers={"x-form-token": TOKEN})
            assert answer.status_code in (404, 405), (method, entry.url)


@pytest.mark.parametrize(
    "headers", [{}, {"x-form-token": "x"}, {"x-form-token": TOKEN, "origin": "http://evil.example"}]
)
def test_what_another_page_sends_is_refused(owner: Reader, headers: dict[str, str]) -> None:
    assert owner.send("POST", "/campaigns", headers=headers).status_code == 403
    assert (
        owner.send("POST", "/campaigns", content=b"x" * (2 << 20), headers={"x-form-token": TOKEN}).status_code == 413
    )


def test_exports_work_without_a_database(owner: Reader) -> None:
    for url in (
        "/accounts",
        "/campaigns",
        "/sources",
        "/programmes",
        f"{READ[4].url}/members",
        f"{READ[4].url}/requests",
    ):
        for form in ("csv", "parquet"):
            answer = owner.get(f"{url}?as={form}")
            assert answer.status_code == 200
            assert answer.headers["content-disposition"].endswith(f'.{form}"')


def damaged(case: Path, target: Path, what: str) -> Path:
    """A copy of a case folder with one thing wrong."""
    shutil.copytree(case, target)
    record = json.loads((target / "run.json").read_text())
    if what == "no folder":
        shutil.rmtree(target)
    elif what == "no record":
        (target / "run.json").unlink()
    elif what == "another version":
        (target / "run.json").write_text(json.dumps({**record, "case_version": 999}))
    elif what == "a record of another shape":
        (target / "run.json").write_text(json.dumps({**record, "coverage": 7}))
    elif what == "a table is missing":
        (target / "accounts.parquet").unlink()
    else:
        (target / "members.parquet").write_bytes(b"PAR1 \x1b[2J no table PAR1")
    return target


KINDS_OF_DAMAGE = (
    "no folder",
    "no record",
    "another version",
    "a record of another shape",
    "a table is missing",
    "bytes",
)


@pytest.mark.parametrize("what", KINDS_OF_DAMAGE)
def test_a_case_that_cannot_be_read_is_refused_before_anything_is_served(
    case: Path, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(opening, "run_server")
    with pytest.raises(CaseError) as refused:
        open_case(damaged(case, tmp_path / "case", what), "127.0.0.1:0")
    assert refused.value.next_step


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0", "127.0.0.1", "127.0.0.1:99999"]
)
def test_a_place_that_others_reach_is_refused(case: Path, listen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(opening, "run_server")  # so that nothing is served where it is not refused
    with pytest.raises(StillhuntError) as refused:
        open_case(case, listen)
    assert isinstance(refused.value, ConfigError)


@pytest.fixture(scope="module")
def opened(case: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{probe.getsockname()[1]}"
    home = tmp_path_factory.mktemp("open")
    command = [*PROGRAM, "open", str(case), "--listen", listen]
    process = subprocess.Popen(
        command, cwd=home, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        printed = process.stderr.readline()
        found = re.fullmatch(rf"Open http://{re.escape(listen)}(/\?key=[\w-]{{20,}})\n", printed)
        assert found is not None, printed + process.stderr.readline()
        assert process.stderr.readline() == "Stop with Ctrl-C.\n"
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def asked(process: subprocess.Popen[str], path: str, cookie: str = "") -> tuple[int, http.client.HTTPMessage, str]:
    """What the process answers, once it listens."""
    listen = str(process.args[-1])  # type: ignore[index]  # a list, as it was given
    while True:
        connection = http.client.HTTPConnection(listen, timeout=30)
        try:
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        except ConnectionRefusedError:
            assert process.poll() is None, process.communicate()
            threading.Event().wait(0.05)
        finally:
            connection.close()


def test_the_process_prints_the_key_shows_the_case_and_stops(opened: tuple[subprocess.Popen[str], str]) -> None:
    process, address = opened
    assert asked(process, "/")[0] == 403
    status, headers, _ = asked(process, address)
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"].partition(";")[0]
    status, _, text = asked(process, "/", cookie)
    assert status == 200
    assert ACT in text
    assert asked(process, "/accounts/%2E%2E%2F%00", cookie)[0] == 404
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert out == ""
    assert "Traceback" not in errors


def test_a_case_that_cannot_be_read_ends_in_one_clear_line(case: Path, tmp_path: Path) -> None:
    ended = run("open", str(damaged(case, tmp_path / "case", "bytes")), "--listen", "127.0.0.1:0", cwd=tmp_path)
    assert ended.returncode != 0
    assert ended.stdout == ""
    assert "the case folder is damaged" in ended.stderr
    assert "\x1b" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 4


def test_a_demo_is_worked_on_by_whoever_has_the_key(scene: Scene, runner: asyncio.Runner) -> None:
    """With a database there are forms, which ask for their token; nobody signs out who did not sign in."""
    viewer = Viewer("demo", "admin", TOKEN, 0)
    pages = case_app(scene.console, partial(KeyGuard, key=KEY, viewer=viewer))
    reader = Reader(httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url=HOST), runner, TOKEN)
    before = scene.kept()
    entry = FORMS["/filters"]
    assert reader.post(entry.url, entry.fields).status_code == 403
    assert reader.get(f"/campaigns?key={KEY}").status_code == 303
    assert reader.post(entry.url, {**entry.fields, "form_token": "x"}).status_code == 403
    assert scene.kept() == before
    assert reader.post(entry.url, entry.fields).status_code == 303
    assert "new" in page_of(reader.get("/campaigns")).text
    assert [form.action for form in page_of(reader.get("/")).posts()] == []
    assert scene.looks(reader, "/accounts") == [("demo", "accounts", "all")]
