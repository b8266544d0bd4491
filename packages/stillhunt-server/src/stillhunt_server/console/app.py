"""The console as an application: its routes, its files, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, OutputError, StillhuntError
from stillhunt_server.console import (
    case_forms,
    pages_about,
    pages_account,
    pages_campaign,
    pages_decisions,
    pages_overview,
    pages_packs,
    pages_search,
)
from stillhunt_server.console.context import Console, console_of, look
from stillhunt_server.console.navigation import ConsolePage, plugin_pages
from stillhunt_server.console.rendering import render
from stillhunt_server.people.guard import Guard, require_role
from stillhunt_server.people.people import PeopleParts
from stillhunt_server.people.routes import people_routes
from stillhunt_server.receiving.receiver import Receive, Scope, Send

CACHED_SECONDS = 86_400
"""How long a browser keeps files; their addresses carry the version. Judgement."""
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_CONSOLE, _REPORT = resources.files("stillhunt_server.console"), resources.files("stillhunt.triage")

READ_ROUTES = (
    Route("/", pages_overview.overview),
    Route("/hunt", pages_overview.hunt_part),
    Route("/campaigns", pages_about.queue),
    Route("/groups", pages_about.groups),
    Route("/campaigns/{campaign}", pages_campaign.campaign),
    Route("/campaigns/{campaign}/members", pages_campaign.members),
    Route("/campaigns/{campaign}/evidence", pages_campaign.evidence),
    Route("/campaigns/{campaign}/requests", pages_campaign.requests_of),
    Route("/campaigns/{campaign}/ties", pages_campaign.ties),
    Route("/campaigns/{campaign}/graph.json", pages_campaign.graph_data),
    Route("/campaigns/{campaign}/phrase", pages_campaign.phrase),
    Route("/accounts", pages_account.accounts),
    Route("/accounts/{account:path}", pages_account.account),
    Route("/search", pages_search.search),
    Route("/programmes", pages_about.programmes),
    Route("/sources", pages_about.sources),
    Route("/settings", pages_about.settings),
    Route("/report", pages_about.report),
)
"""Pages of every case."""
WORK_ROUTES = (
    Route("/campaigns/{campaign}/case/{kind}", case_forms.change_case, methods=["POST"]),
    Route("/packs/{name}", pages_packs.pack),
    Route("/filters", case_forms.keep_filter, methods=["POST"]),
    Route("/filters/{filter_id}/delete", case_forms.drop_filter, methods=["POST"]),
    Route("/decisions", pages_decisions.decisions),
    Route("/decisions", pages_decisions.decide_account, methods=["POST"]),
    Route("/signs", pages_decisions.signs),
    Route("/decisions/undo", pages_decisions.end_decision, methods=["POST"]),
    Route("/appeals", pages_decisions.appeals),
    Route("/appeals/{appeal_id}", pages_decisions.appeal),
    Route("/appeals/{appeal_id}", pages_decisions.end_appeal, methods=["POST"]),
    Route("/calibration", pages_decisions.calibration),
    Route("/audit", pages_decisions.audit),
    Route("/users", pages_decisions.users),
    Route("/users", pages_decisions.change_user, methods=["POST"]),
)
"""Pages that need the database of a data folder."""


def console_app(console: Console, people: PeopleParts) -> Any:
    """The pages of a data folder, for those who sign in."""
    routes = [*_in_threads((*READ_ROUTES, *WORK_ROUTES)), *people_routes(people, render), *_files()]
    routes += _in_threads(_of_plugins(live=True))
    return _with_console(Guard(_pages(routes), people, problem=_problem), console)


def case_app(console: Console, guard: Callable[[Any], Any]) -> Any:
    """The pages for one person on their own machine; without a database nothing can be changed."""
    live = console.database is not None
    routes = (*READ_ROUTES, *(WORK_ROUTES if live else ()), *_of_plugins(live=live))
    return _with_console(guard(_pages([*_in_threads(routes), *_files()])), console)


def _of_plugins(*, live: bool) -> list[Route]:
    """Routes of the pages that plugins bring; what they show is written down, and needs the role of their menu."""
    return [
        Route(route.path, partial(_plugin_page, page, route.endpoint), methods=sorted(route.methods or ()))
        for page in plugin_pages()
        if live or not page.live
        for route in page.routes
    ]


def _plugin_page(page: ConsolePage, made: Callable[[Request], Response], request: Request) -> Response:
    if page.menu is not None and page.menu.role != "viewer":
        require_role(request, page.menu.role)
    if not page.audits:
        look(request, f"page {page.name}", request.url.path)
    return made(request)


def _pages(routes: list[Route]) -> Starlette:
    handlers: dict[Any, Any] = {StillhuntError: _failed, HTTPException: _http_problem}
    made = Starlette(routes=routes, exception_handlers=handlers)
    made.router.redirect_slashes = False  # it would lead to whatever host the request names
    return made


def _in_threads(routes: Iterable[Route]) -> list[Route]:
    """The routes with pages that are made in the console's bounded threads: most of them need the database."""

    def in_thread(page: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def made(request: Request) -> Response:
            return await console_of(request).threads.run(page, request)

        return made

    return [Route(one.path, in_thread(one.endpoint), methods=sorted(one.methods or ())) for one in routes]


def _with_console(app: Any, console: Console) -> Any:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["console"] = console
        await app(scope, receive, send)

    return application


def _failed(request: Request, error: Exception) -> Response:
    """A page for what went wrong: what, and what to do next."""
    known = (
        error
        if isinstance(error, StillhuntError)
        else CaseError("something went wrong", next_step="load the page again, and report it if it stays")
    )
    if isinstance(known, OutputError):
        status = 503
    elif isinstance(known, CaseError):
        status = 400 if request.method == "POST" else 404
    else:
        status = 400
    return render(request, "problem.html", {"what": known.what, "next_step": known.next_step}, status)


def _http_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {404: "there is no such page", 405: "this page takes no such request"}
    said = texts.get(status) or (error.detail if isinstance(error, HTTPException) else "something went wrong")
    return render(request, "problem.html", {"what": said, "next_step": ""}, status)


def _problem(request: Request, status: int, sentence: str) -> Response:
    return render(request, "problem.html", {"what": formatting.sentence(sentence), "next_step": ""}, status)


def _files() -> list[Route]:
    return [
        Route("/static/vendor/echarts.custom.min.js", partial(_file, _REPORT / "vendor" / "echarts.custom.min.js")),
        Route("/static/vendor/{name}", partial(_named_file, "vendor")),
        Route("/static/report.css", partial(_file, _REPORT / "templates" / "report.css")),
        Route("/static/{name}", partial(_named_file, "static")),
    ]


def _named_file(folder: str, request: Request) -> Response:
    name = request.path_params["name"]
    known = {path.name for path in (_CONSOLE / folder).iterdir()}
    return _file(_CONSOLE / folder / name, request) if name in known else PlainTextResponse("no such file\n", 404)


def _file(path: Any, _request: Request) -> Response:
    ending = "." + path.name.rpartition(".")[2]
    if ending not in _TYPES:
        return PlainTextResponse("no such file\n", 404)
    headers = {"cache-control": f"public, max-age={CACHED_SECONDS}"}
    return Response(path.read_bytes(), media_type=_TYPES[ending], headers=headers)
