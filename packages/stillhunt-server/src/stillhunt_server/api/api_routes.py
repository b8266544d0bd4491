"""How the API's calls are routed, checked and answered; the routes are in `api.py`."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route

from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt.decide.appeals import AppealError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import ADMIN, KnownTokens, Token

MOST_SENT_BYTES = 64 << 10
"""Longest body; an appeal of 4,000 characters of four bytes fits with all escaped."""
CALLS_PER_MINUTE = 600
"""Calls that one token may make to these routes. Judgement: ten a second serve a portal, and are no flood."""
_MINUTE_SECONDS = 60.0


@dataclass(frozen=True)
class ApiSources:
    """What the API works on."""

    database: WatchDatabase
    tokens: KnownTokens
    decisions: LiveDecisions
    threads: DatabaseThreads = field(default_factory=DatabaseThreads)
    folder: DataFolder | None = None


@dataclass(frozen=True)
class Call:
    """One call, checked."""

    sources: ApiSources
    token: Token
    path: Mapping[str, Any]  # numbers and names in the path
    query: Mapping[str, str]
    body: Any  # the form that was sent; None where the route takes none
    unchanged: str = ""  # revision that the client has already; "" where it has none


class ProblemError(Exception):
    """A call that is not done."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class ApiRoute:
    """One route: routing, scopes and the OpenAPI document are made of it."""

    method: str
    path: str
    scope: str
    does: str
    run: Callable[[Call], BaseModel | Response]
    given: type[BaseModel] | None = None
    sent: type[BaseModel] | None = None
    status: int = 200  # of an answer that did it
    query: Mapping[str, str] = field(default_factory=dict)  # parameters behind the path -> what they mean
    problems: tuple[int, ...] = ()  # further statuses of HTTP that it may answer


def routes_of(api: Iterable[ApiRoute], sources: ApiSources) -> list[Route]:
    """Routes for Starlette."""
    rates = _CallRates()
    return [Route(one.path, _build_route_endpoint(one, sources, rates), methods=[one.method]) for one in api]


class _CallRates:
    """Calls of each token in the last minute."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[float]] = defaultdict(deque)

    def too_many(self, token_id: str) -> bool:
        now, calls = time.monotonic(), self._calls[token_id]
        while calls and calls[0] < now - _MINUTE_SECONDS:
            calls.popleft()
        if len(calls) >= CALLS_PER_MINUTE:
            return True
        calls.append(now)
        return False


def _build_route_endpoint(route: ApiRoute, sources: ApiSources, rates: _CallRates) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            token = _find_allowed_token(sources.tokens, request, route.scope)
            if rates.too_many(token.token_id):
                raise ProblemError(429, f"a token may call {CALLS_PER_MINUTE} times a minute")
            body = await _read_sent_form(request, route.sent) if route.sent is not None else None
            has = request.headers.get("if-none-match", "").strip('"')
            call = Call(sources, token, request.path_params, request.query_params, body, has)
            done = await sources.threads.run(route.run, call)
        except ProblemError as problem:
            return _build_refusal_response(problem.status, problem.text)
        except AppealError as error:
            return _build_refusal_response({"unknown": 404, "too_many": 429}.get(error.why, 409), error.what)
        except (CaseError, ConfigError) as error:
            return _build_refusal_response(404 if isinstance(error, CaseError) else 400, error.what)
        except StillhuntError as error:
            return _build_refusal_response(503, error.what.partition(":")[0])  # what follows may quote the database
        if isinstance(done, Response):
            return done
        return JSONResponse(done.model_dump(mode="json"), route.status)

    return endpoint


def bearer_of(request: Request) -> str:
    """The token in the one header Authorization of a request; "" where there is none, or more than one."""
    given = request.headers.getlist("authorization")
    scheme, _, text = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return text.strip() if scheme.lower() == "bearer" else ""


def error_as_json(request: Request, error: Exception) -> Response:
    """The answer of machines' paths to what is not there, or not asked so: JSON, with the methods that there are."""
    assert isinstance(error, HTTPException)  # noqa: S101 - the application maps nothing else to this
    headers = dict(error.headers or {})
    if error.status_code == 405:
        same = [one for one in request.app.routes if one.matches(request.scope)[0] is not Match.NONE]
        headers["allow"] = ", ".join(sorted(set().union(*(one.methods for one in same))))
    return JSONResponse({"error": error.detail}, error.status_code, headers)


def _find_allowed_token(tokens: KnownTokens, request: Request, scope: str) -> Token:
    text = bearer_of(request)
    token = tokens.find(text) if text else None
    if token is None or token.revoked:
        raise ProblemError(401, "send a token of this server: 'Authorization: Bearer TOKEN'")
    if not token.scopes & {scope, ADMIN}:
        raise ProblemError(403, f"this needs a token with the scope '{scope}'")
    return token


async def _read_sent_form(request: Request, form: type[BaseModel]) -> BaseModel:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_SENT_BYTES:
            raise ProblemError(413, f"the body is longer than {MOST_SENT_BYTES} bytes")
    try:
        return form.model_validate_json(bytes(body))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ProblemError(400, f"{place}: {first['msg']}" if place else first["msg"]) from error


def _build_refusal_response(status: int, text: str) -> JSONResponse:
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "5"} if status in (429, 503) else {}
    return JSONResponse({"error": text}, status, headers)
