"""The console as an application: its routes, its files, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stillhunt.base.errors import CaseError, OutputError, StillhuntError
from stillhunt_server.console import (
    case_forms,
    pages_about,
    pages_account,
    pages_campaign,
    pages_changes,
    pages_decisions,
    pages_groups,
    pages_investigation,
    pages_overview,
    pages_owner,
    pages_packs,
    pages_queue,
    pages_search,
    pages_weighing,
    queue_forms,
)
from stillhunt_server.console.answers import render
from stillhunt_server.console.appeal_page import appeal_form, send_appeal
from stillhunt_server.console.compressing import compress_answer
from stillhunt_server.console.context import Console, PageRequest
from stillhunt_server.console.door import open_routes, read_request
from stillhunt_server.console.navigation import PageRoute, plugin_pages
from stillhunt_server.people.guard import APPEAL_PATH, Guard
from stillhunt_server.people.people import PeopleParts
from stillhunt_server.people.routes import people_routes

CACHED_SECONDS = 86_400
"""How long a browser keeps files; their addresses carry the version. Judgement."""
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_CONSOLE, _REPORT = resources.files("stillhunt_server.console"), resources.files("stillhunt.triage")

READ_ROUTES = (
    PageRoute("/", pages_overview.overview),
    PageRoute("/hunt", pages_overview.hunt_part),
    PageRoute("/campaigns", pages_queue.queue),
    PageRoute("/groups", pages_groups.groups),
    PageRoute("/campaigns/{campaign}", pages_campaign.campaign),
    PageRoute("/campaigns/{campaign}/members", pages_campaign.members),
    PageRoute("/campaigns/{campaign}/evidence", pages_campaign.evidence),
    PageRoute("/campaigns/{campaign}/requests", pages_campaign.requests_of),
    PageRoute("/campaigns/{campaign}/ties", pages_investigation.investigation),
    PageRoute("/campaigns/{campaign}/graph.json", pages_investigation.graph_data),
    PageRoute("/campaigns/{campaign}/phrase", pages_campaign.phrase),
    PageRoute("/campaigns/{campaign}/lever", pages_weighing.lever),
    PageRoute("/campaigns/{campaign}/beside", pages_weighing.beside),
    PageRoute("/accounts", pages_account.accounts),
    PageRoute("/accounts/{account:path}", pages_account.account),
    PageRoute("/search", pages_search.search),
    PageRoute("/values", pages_search.accounts_with_value),
    PageRoute("/programmes", pages_about.programmes),
    PageRoute("/sources", pages_about.sources),
    PageRoute("/settings", pages_about.settings),
    PageRoute("/report", pages_about.report),
)
"""Pages of every case."""
WORK_ROUTES = (
    PageRoute("/campaigns/{campaign}/case/{kind}", case_forms.change_case, "POST"),
    PageRoute("/campaigns/{campaign}/second-look", pages_campaign.campaign, role="analyst"),
    PageRoute("/campaigns/{campaign}/second-look", case_forms.keep_look, "POST"),
    PageRoute("/packs/{name}", pages_packs.pack),
    PageRoute("/filters", case_forms.keep_filter, "POST"),
    PageRoute("/filters/{filter_id}/delete", case_forms.drop_filter, "POST"),
    PageRoute("/decisions", pages_decisions.decisions),
    PageRoute("/decisions", pages_decisions.decide_account, "POST"),
    PageRoute("/changes", pages_changes.changes),
    PageRoute("/palette.json", pages_queue.palette),
    PageRoute("/owners/{account:path}", pages_owner.owner_extract, role="analyst"),
    PageRoute("/queue/next", queue_forms.take_next, "POST"),
    PageRoute("/queue/bulk", queue_forms.change_many, "POST"),
    PageRoute("/signs", pages_decisions.signs),
    PageRoute("/decisions/undo", pages_decisions.end_decision, "POST"),
    PageRoute("/decisions/approve", pages_decisions.approve_decision_form, "POST"),
    PageRoute("/appeals", pages_decisions.appeals),
    PageRoute("/appeals/{appeal_id}", pages_decisions.appeal),
    PageRoute("/appeals/{appeal_id}", pages_decisions.end_appeal, "POST"),
    PageRoute("/calibration", pages_decisions.calibration),
    PageRoute("/audit", pages_decisions.audit, role="admin"),
    PageRoute("/users", pages_decisions.users, role="admin"),
    PageRoute("/users", pages_decisions.change_user, "POST", "admin"),
)
"""Pages that need the database of a data folder."""
OPEN_ROUTES = (
    PageRoute(APPEAL_PATH, appeal_form, role=""),
    PageRoute(APPEAL_PATH, send_appeal, "POST", role=""),
)
"""Pages of a data folder for everybody."""


def console_app(console: Console, people: PeopleParts) -> Guard:
    """The pages of a data folder, for those who sign in."""

    def show(request: Request, template: str, values: dict[str, Any]) -> Response:
        return render(read_request(console, request), template, values)

    routes = [*open_routes(console, (*READ_ROUTES, *WORK_ROUTES)), *people_routes(people, show), *_list_file_routes()]
    routes += open_routes(console, OPEN_ROUTES, role="")
    routes += _of_plugins(console)
    return Guard(_build_console_app(console, routes), people, problem=partial(_render_problem_page, console))


def case_app(console: Console, guard: Callable[[Any], Any]) -> Any:
    """The pages for one person on their own machine; without a database nothing can be changed."""
    pages = (*READ_ROUTES, *(WORK_ROUTES if console.database is not None else ()))
    return guard(
        _build_console_app(console, [*open_routes(console, pages), *_of_plugins(console), *_list_file_routes()])
    )


def _of_plugins(console: Console) -> Iterator[Route]:
    """Routes of the pages that plugins bring; what they show is written down, and needs the role of their menu."""
    for one in plugin_pages():
        if console.database is not None or not one.live:
            pages = one.routes
            if not one.audits:
                pages = tuple(replace(route, page=partial(_look_first, one.name, route.page)) for route in pages)
            yield from open_routes(console, pages, one.menu.role if one.menu is not None else "viewer")


def _look_first(name: str, page: Callable[[PageRequest], Response], request: PageRequest) -> Response:
    request.look(f"page {name}", request.path)
    return page(request)


def _build_console_app(console: Console, routes: Iterable[Route]) -> Starlette:
    handlers: dict[Any, Any] = {
        StillhuntError: partial(_show_failure_page, console),
        HTTPException: partial(_show_refusal_page, console),
    }
    made = Starlette(routes=list(routes), exception_handlers=handlers)
    made.router.redirect_slashes = False  # it would lead to whatever host the request names
    return made


def _show_failure_page(console: Console, request: Request, error: StillhuntError) -> Response:
    """A page for what went wrong: what, and what to do next."""
    if isinstance(error, OutputError):
        status = 503
    else:
        status = 404 if isinstance(error, CaseError) and request.method != "POST" else 400
    return _render_problem_page(console, request, status, error.what, error.next_step)


def _show_refusal_page(console: Console, request: Request, error: HTTPException) -> Response:
    texts = {404: "there is no such page", 405: "this page takes no such request"}
    return _render_problem_page(console, request, error.status_code, texts.get(error.status_code) or error.detail)


def _render_problem_page(console: Console, request: Request, status: int, what: str, next_step: str = "") -> Response:
    values = {"what": what, "next_step": next_step}
    return render(read_request(console, request), "problem.html", values, status)


def _list_file_routes() -> list[Route]:
    return [
        Route(
            "/static/vendor/echarts.custom.min.js",
            partial(_serve_static_file, _REPORT / "vendor" / "echarts.custom.min.js"),
        ),
        Route("/static/vendor/{name}", partial(_named_file, "vendor")),
        Route("/static/report.css", partial(_serve_static_file, _REPORT / "templates" / "report.css")),
        Route("/static/{name}", partial(_named_file, "static")),
    ]


def _named_file(folder: str, request: Request) -> Response:
    name = request.path_params["name"]
    known = {path.name for path in (_CONSOLE / folder).iterdir()}
    return (
        _serve_static_file(_CONSOLE / folder / name, request)
        if name in known
        else PlainTextResponse("no such file\n", 404)
    )


@lru_cache(maxsize=64)
def _read_static_file(path: Any, accepted: str) -> Response:
    """A file, compressed once for all readers: it is the same for everybody."""
    headers = {"cache-control": f"public, max-age={CACHED_SECONDS}"}
    answer = Response(path.read_bytes(), media_type=_TYPES["." + path.name.rpartition(".")[2]], headers=headers)
    return compress_answer(answer, accepted)


def _serve_static_file(path: Any, request: Request) -> Response:
    ending = "." + path.name.rpartition(".")[2]
    if ending not in _TYPES:
        return PlainTextResponse("no such file\n", 404)
    return _read_static_file(path, "gzip" if "gzip" in request.headers.get("accept-encoding", "") else "")
