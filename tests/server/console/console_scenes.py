"""The console on a data folder with a case in it, and people of each role who read it."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from sqlalchemy import event, func, insert, select, update

from stillhunt.base.config import Config
from stillhunt.decide.appeals import file_appeal
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.policy import AppealTerms
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import ALERTS, LINKED_ACCOUNTS, METADATA
from stillhunt.watch.database.tables_console import AUDIT, SESSIONS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.lineage.campaigns import found_campaigns
from stillhunt.watch.lineage.settle import settle
from stillhunt.watch.records import record_hunt
from stillhunt.watch.snapshots import WATCH_FILE, name_of, write_snapshot
from stillhunt_server.console.app import console_app
from stillhunt_server.console.context import Console
from stillhunt_server.console.saved_filters import save_filter
from stillhunt_server.console.snapshot import CaseSource
from stillhunt_server.people.people import PeopleParts, people_of
from stillhunt_server.people.users import add_user, disable_user, find_user

HOST = "http://console.test"
COOKIE = "stillhunt_session"
PEOPLE = {"vera": "viewer", "anna": "analyst", "ravi": "analyst", "adam": "admin", "dora": "analyst"}
"""Name -> role; dora is disabled."""
FORM = "application/x-www-form-urlencoded"
ACT, OTHER, REVIEW = "hunt-7f3a91c2", "hunt-c41d08be", "hunt-0e9b55d7"
"""Campaigns of the case: two to act on, one to review."""
PACK = f"{ACT}-20260320T123000Z.zip"
"""An evidence pack of the first one."""
ACCUSED = "91c2-acct-0001"
"""A member of the first one; ravi decided about it, and it appealed."""


@dataclass
class Reader:
    """A browser without scripts; signed in where it has the form token of a session."""

    client: httpx.AsyncClient
    runner: asyncio.Runner
    token: str = ""

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.client.get(path, **options))

    def post(self, path: str, fields: Mapping[str, str] | None = None, **options: Any) -> httpx.Response:
        """Send a form, with the token of the session unless the fields have another one."""
        return self.runner.run(self.client.post(path, data={"form_token": self.token, **(fields or {})}, **options))

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.client.request(method, path, **options))

    def page(self, path: str) -> str:
        """Text of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return answer.text


@dataclass
class Scene:
    """The console on one data folder."""

    console: Console
    people: PeopleParts
    app: Any
    runner: asyncio.Runner

    @property
    def database(self) -> WatchDatabase:
        return self.people.database

    def reader(self, name: str = "") -> Reader:
        """A browser in which somebody of PEOPLE is signed in; nobody where no name is given."""
        transport = httpx.ASGITransport(self.app, client=("192.0.2.1", 50_000))
        client = httpx.AsyncClient(transport=transport, base_url=HOST)
        if not name:
            return Reader(client, self.runner)
        user = find_user(self.database, name)
        assert user is not None
        cookie = self.people.sessions.begin(user.user_id)
        client.cookies.set(COOKIE, cookie)
        viewer = self.people.sessions.find(cookie)
        return Reader(client, self.runner, viewer.form_token if viewer is not None else "")

    def expired(self, name: str) -> Reader:
        """A browser whose session is over."""
        user = find_user(self.database, name)
        assert user is not None
        reader = self.reader()
        reader.client.cookies.set(COOKIE, self.people.sessions.begin(user.user_id))
        with self.database.write() as connection:
            connection.execute(update(SESSIONS).where(SESSIONS.c.user_id == user.user_id).values(expires_at=1))
        return reader

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Everything that the database holds, but for sessions."""
        tables = [table for table in METADATA.sorted_tables if table.name != "sessions"]
        return {table.name: self.database.read(select(table)) for table in tables}

    def audit(self, after: int = 0) -> list[tuple[str, str, str]]:
        """Who looked at what, the earliest first; without the first so many rows."""
        rows = self.database.read(select(AUDIT).order_by(AUDIT.c.audit_id).offset(after))
        return [(row["who"], row["what"], row["about"]) for row in rows]

    def looks(self, reader: Reader, path: str) -> list[tuple[str, str, str]]:
        """Rows of the audit that the request of a page writes."""
        before = self.database.read(select(func.count()).select_from(AUDIT))[0]["count_1"]
        answer = reader.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return self.audit(before)


def facts_of_watch(sequence: int, **changed: Any) -> bytes:
    """What the watch writes beside a case."""
    now = time.time_ns() // 1000
    budget = {"allowed": 1.0, "spent": 0.25, "looks": 12, "left": 0.75}
    facts = {"made_at": now, "to_time": now, "requests": 9, "rejected": 0, "required_bits": 12.5, "budget": budget}
    return json.dumps({"sequence": sequence, **facts, **changed}).encode()


def publish(folder: DataFolder, case: Case, sequence: int = 1, database: WatchDatabase | None = None) -> None:
    """Make a case the latest snapshot, and enter its campaigns in the database as a hunt does."""
    write_snapshot(folder, sequence, case, {WATCH_FILE: facts_of_watch(sequence)})
    folder.switch_latest(name_of(sequence))
    if database is None:
        return
    found = found_campaigns(case)
    settled = settle([], found, 0)
    now = time.time_ns() // 1000
    counts: dict[str, Any] = dict.fromkeys(
        ("requests", "accounts", "rejected", "cpu_seconds", "required_bits", "days"), 1
    )
    row = {"sequence": sequence, "made_at": now, "from_time": now, "to_time": now, **counts}
    with database.write() as connection:
        record_hunt(connection, row, found, settled)


def seed_people(database: WatchDatabase) -> None:
    """Add everybody of PEOPLE."""
    for name, role in PEOPLE.items():
        add_user(database, name, role, "test")
    disable_user(database, "dora", "test")


def seed_work(database: WatchDatabase, campaign: str) -> None:
    """An alert, an account that matches a signature, a decision of ravi and an appeal against it, and two filters."""
    body = json.dumps({"title": "A campaign is to be acted on", "changes": ["its verdict changed"]})
    now = time.time_ns() // 1000
    linked = {"campaign_id": campaign, "account_id": "customer-0007", "at": now, "bits": 12.0, "requests": 4}
    with database.write() as connection:
        connection.execute(insert(ALERTS).values(alert_id="a1", at=now, kind="act", campaign_id=campaign, body=body))
        connection.execute(insert(LINKED_ACCOUNTS).values(**linked, reasons=json.dumps(["it uses the template"])))
    made = decide_as_person(
        database, ACCUSED, "step_up", DecisionAuthor("ravi", "it is one of them"), DecisionSpan(now, 30.0)
    )
    file_appeal(database, made.seq, ACCUSED, "I am a customer", "gateway", AppealTerms(), now)
    save_filter(database, "campaigns", "mine", "verdict=act", "anna", shared=False, now=now)
    save_filter(database, "campaigns", "ours", "verdict=review", "ravi", shared=True, now=now)


def open_scene(folder: Path, template: Path | None, source: CaseSource, runner: asyncio.Runner, **parts: Any) -> Scene:
    """The console with a database of its own.

    Args:
        folder: data folder to be made.
        template: database to begin with; a new one with PEOPLE where it is None.
        source: of the case that is shown.
        runner: in which requests run.
        parts: further attributes of Console; `config` for the settings.
    """
    data = DataFolder(folder)
    if template is not None:
        shutil.copyfile(template, data.database)
    database = WatchDatabase("", data.database)
    event.listen(database.engine, "connect", lambda opened, _: opened.execute("PRAGMA synchronous=OFF"))
    database.close()  # so that the next connection waits for no disk
    if template is None:
        seed_people(database)
    config = parts.pop("config", Config())
    keys = config.dossier.model_copy(update={"keys": str(folder.parent / "keys")})
    config = config.model_copy(update={"dossier": keys})
    (data.path / "packs").mkdir()
    (data.path / "packs" / PACK).write_bytes(b"PK")
    people = people_of(database, config.console)
    console = Console(source, config, data, database, **parts)
    return Scene(console, people, console_app(console, people), runner)


def account_path(account: str) -> str:
    return f"/accounts/{quote(account, safe='')}"
