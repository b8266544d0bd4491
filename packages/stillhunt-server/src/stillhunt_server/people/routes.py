"""The pages on which people sign in and out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from stillhunt.base.errors import OutputError
from stillhunt.base.units import SECOND
from stillhunt.watch.database.audit import record_look
from stillhunt_server.people.guard import DATABASE_FAILS, cookie_name, posted, session_cookie
from stillhunt_server.people.oidc import PENDING_SECONDS, SignInRefusedError
from stillhunt_server.people.origins import client_address, is_secure, local_path, networks_of
from stillhunt_server.people.people import PeopleParts
from stillhunt_server.people.sign_in import BROWSER_SECONDS

SIGN_IN_PAGE = "sign_in.html"
"""Template of the page, which gets `error` (a sentence or ""), `next` (a path of this site), `ways` (one of local, oidc
and proxy), and whether a session has `ended`."""
PENDING_COOKIE = "stillhunt_oidc"
"""Cookie that ties the way back from a provider to the browser that went there."""
BROWSER_COOKIE = "stillhunt_browser"
"""Cookie by which a browser is known in which somebody has signed in."""

Render = Callable[[Request, str, dict[str, Any]], Response]
"""From a template and its values to a page."""


def people_routes(people: PeopleParts, render: Render) -> list[Route]:
    """Routes for the application that the guard stands before."""
    pages = _SignInPages(people, render)
    routes = [
        Route("/sign-in", pages.sign_in_page, methods=["GET"]),
        Route("/sign-in", pages.sign_in, methods=["POST"]),
        Route("/sign-out", pages.sign_out, methods=["POST"]),
        Route("/session.json", pages.session_left, methods=["GET"]),
    ]
    if people.oidc is not None:
        routes += [Route("/oidc/start", pages.oidc_start), Route("/oidc/return", pages.oidc_return)]
    return routes


class _SignInPages:
    def __init__(self, people: PeopleParts, render: Render) -> None:
        self._people, self._render = people, render
        self._proxies = networks_of(people.settings.proxy_addresses)

    async def sign_in_page(self, request: Request) -> Response:
        """The form, or the way to the provider."""
        leads = local_path(request.query_params.get("next"))
        if request.state.viewer is not None:
            return RedirectResponse(leads, 303)
        return self._render_sign_in_page(request, leads)

    async def sign_in(self, request: Request) -> Response:
        """Sign in with a name and a password."""
        leads, desk = local_path(posted(request, "next")), self._people.desk
        if desk is None:
            return self._render_sign_in_page(request, leads, "Passwords are not used here.", 404)
        address = client_address(request, self._proxies)
        try:
            known = request.cookies.get(self._name_secure_cookie(request, BROWSER_COOKIE), "")
            result = await desk.sign_in(posted(request, "name").strip(), posted(request, "password"), address, known)
        except OutputError:
            return self._render_sign_in_page(request, leads, DATABASE_FAILS, 503)
        if result.cookie:
            led = self._redirect_with_session(request, result.cookie, leads)
            self._set_answer_cookie(
                request, led, self._name_secure_cookie(request, BROWSER_COOKIE), result.browser, BROWSER_SECONDS
            )
            return led
        answer = self._render_sign_in_page(request, leads, result.error, 429 if result.wait_seconds else 401)
        if result.wait_seconds:
            answer.headers["retry-after"] = str(result.wait_seconds)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session; one that a proxy or a provider has goes on there."""
        cookie = session_cookie(request, self._people)
        try:
            await self._people.threads.run(self._end_user_session, cookie, request.state.viewer.name)
        except OutputError:
            return self._render_sign_in_page(request, "/", f"You are still signed in. {DATABASE_FAILS}", 503)
        answer = RedirectResponse("/sign-in", 303)
        self._delete_answer_cookie(request, answer, cookie_name(self._is_request_secure(request)))
        return answer

    async def session_left(self, request: Request) -> Response:
        """How many seconds the session lasts if its user does nothing; asking keeps it no longer. 0 = it has no end."""
        ends_at = request.state.viewer.ends_at
        return JSONResponse({"seconds": max(1, (ends_at - time.time_ns() // 1000) // SECOND) if ends_at else 0})

    async def oidc_start(self, request: Request) -> Response:
        """Go to the provider."""
        leads = local_path(request.query_params.get("next"))
        assert self._people.oidc is not None  # noqa: S101 - the route exists only then
        try:
            url, pending = await self._people.oidc.start(leads)
        except SignInRefusedError as error:
            return self._render_sign_in_page(request, leads, error.text, 502)
        answer = RedirectResponse(url, 303)
        self._set_answer_cookie(
            request, answer, self._name_secure_cookie(request, PENDING_COOKIE), pending, PENDING_SECONDS
        )
        return answer

    async def oidc_return(self, request: Request) -> Response:
        """Come back from the provider."""
        assert self._people.oidc is not None  # noqa: S101 - the route exists only then
        name = self._name_secure_cookie(request, PENDING_COOKIE)
        try:
            cookie, leads = await self._people.oidc.finish(dict(request.query_params), request.cookies.get(name, ""))
            answer = self._redirect_with_session(request, cookie, local_path(leads))
        except SignInRefusedError as error:
            answer = self._render_sign_in_page(request, "/", error.text, 403)
        except OutputError:
            answer = self._render_sign_in_page(request, "/", DATABASE_FAILS, 503)
        self._delete_answer_cookie(request, answer, name)
        return answer

    def _end_user_session(self, cookie: str, name: str) -> None:
        record_look(self._people.database, name, "signed_out", "")
        self._people.sessions.end(cookie)

    def _render_sign_in_page(self, request: Request, leads: str, error: str = "", status: int = 200) -> Response:
        ended = "ended" in request.query_params
        values = {"error": error, "next": leads, "ways": (self._people.settings.sign_in,), "ended": ended}
        answer = self._render(request, SIGN_IN_PAGE, values)
        answer.status_code = status
        return answer

    def _redirect_with_session(self, request: Request, cookie: str, leads: str) -> Response:
        answer = RedirectResponse(leads, 303)
        name = cookie_name(self._is_request_secure(request))
        self._set_answer_cookie(request, answer, name, cookie, self._people.sessions.lasts_seconds)
        return answer

    def _set_answer_cookie(self, request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name,
            value,
            max_age=seconds,
            path="/",
            secure=self._is_request_secure(request),
            httponly=True,
            samesite="lax",
        )

    def _delete_answer_cookie(self, request: Request, answer: Response, name: str) -> None:
        answer.delete_cookie(name, path="/", secure=self._is_request_secure(request), httponly=True, samesite="lax")

    def _name_secure_cookie(self, request: Request, cookie: str) -> str:
        return f"__Host-{cookie}" if self._is_request_secure(request) else cookie

    def _is_request_secure(self, request: Request) -> bool:
        return is_secure(request, self._people.settings.url)
