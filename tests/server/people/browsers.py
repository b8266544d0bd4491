"""A console of one page behind the guard, and a browser without scripts that keeps cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stillhunt.base.config_console import ConsoleSettings
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import AUDIT
from stillhunt_server.people.guard import Guard, posted, require_role
from stillhunt_server.people.people import PeopleParts, people_of
from stillhunt_server.people.routes import people_routes
from stillhunt_server.people.users import add_user

PASSWORD = "seven green bicycles"  # noqa: S105 - of users that exist in tests alone
HOST = "http://console.test"
_PATIENCE_SECONDS = 60  # a page that waits for ever fails its test


def read_audit(database: WatchDatabase) -> list[SimpleNamespace]:
    """Rows of the audit, the newest first."""
    return [SimpleNamespace(**row) for row in database.read(select(AUDIT).order_by(AUDIT.c.audit_id.desc()))]


def show(request: Request, template: str, values: dict[str, Any]) -> Response:
    return JSONResponse({"template": template, **values})


async def _page(request: Request) -> Response:
    viewer = request.state.viewer
    return JSONResponse({"name": viewer.name, "role": viewer.role, "token": viewer.form_token})


async def _change(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"note": posted(request, "note"), "bytes": len(body)})


async def _users(request: Request) -> Response:
    return PlainTextResponse(require_role(request, "admin").name)


async def _file(request: Request) -> Response:
    return PlainTextResponse("body", headers={"cache-control": "max-age=60"})


@dataclass
class Browser:
    """A client that keeps cookies and follows no redirect."""

    client: httpx.AsyncClient
    runner: asyncio.Runner

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._answer(self.client.get(path, **options))

    def post(self, path: str, fields: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        return self._answer(self.client.post(path, **({"data": fields} if fields is not None else {}), **options))

    def _answer(self, asked: Coroutine[Any, Any, httpx.Response]) -> httpx.Response:
        return self.runner.run(asyncio.wait_for(asked, _PATIENCE_SECONDS))

    def token(self) -> str:
        return str(self.get("/").json()["token"])

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        return self.post("/sign-in", {"name": name, "password": password, **fields})


@dataclass
class Console:
    """The pages, who may come in, and browsers."""

    people: PeopleParts
    app: Guard
    runner: asyncio.Runner

    def browser(self, address: str = "192.0.2.1", base: str = HOST) -> Browser:
        transport = httpx.ASGITransport(self.app, client=(address, 50_000))
        return Browser(httpx.AsyncClient(transport=transport, base_url=base), self.runner)

    @property
    def database(self) -> WatchDatabase:
        return self.people.database


def application(people: PeopleParts) -> Guard:
    pages = [
        Route("/", _page),
        Route("/change", _change, methods=["POST"]),
        Route("/users", _users),
        Route("/static/app.css", _file),
        *people_routes(people, show),
    ]
    return Guard(Starlette(routes=pages), people)


@contextmanager
def console(folder: Path, **settings: Any) -> Iterator[Console]:
    database = WatchDatabase("", folder / "stillhunt.db")
    people = people_of(database, ConsoleSettings(**settings))
    with asyncio.Runner() as runner:
        yield Console(people, application(people), runner)
    database.close()


def add_three(database: WatchDatabase) -> None:
    for name, role in (("vera", "viewer"), ("anna", "analyst"), ("adam", "admin")):
        add_user(database, name, role, "test", PASSWORD)
