"""What stands before every page of the console: who asks, what they may, and whether one of our forms was sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from stillhunt.base.errors import OutputError
from stillhunt_server.people.form_tokens import is_token
from stillhunt_server.people.origins import is_own_host, is_same_site, is_secure, local_path
from stillhunt_server.people.people import PeopleParts
from stillhunt_server.people.sessions import Viewer
from stillhunt_server.receiving.receiver import Receive, Scope, Send

MOST_FORM_BYTES = 1 << 20
"""Longest form: the narrative of a case, each character of which may take nine bytes as it is sent."""
MOST_STRANGER_BYTES = 4 << 10
"""The same of somebody who is not signed in: a name, a password and a path. 2,000 connections hold 8 MB of them."""
MOST_APPEAL_BYTES = 20 << 10
"""The same of an appeal: 2,000 characters, each of which may take nine bytes."""
_FORM_TYPE = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


async def read_body(receive: Receive, most: int = MOST_FORM_BYTES) -> bytes | None:
    """The body of a request; None where it is longer than it may be, or its client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def replayed(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read to the next reader, as if nobody had read it."""
    given = False

    async def receive_again() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def form_fields(content_type: str, body: bytes) -> dict[str, list[str]]:
    """Fields of a form; none where the body is something else, or has more than a thousand."""
    if content_type.partition(";")[0].strip().lower() != _FORM_TYPE:
        return {}
    try:
        text = body.decode("ascii", errors="replace")
        return parse_qs(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}


def posted(request: Request, name: str) -> str:
    """One field of the form that was posted, which the guard has read; "" where it is absent."""
    return str(request.state.form.get(name, [""])[0])


SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'; img-src 'self' data:",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""Headers of every answer; a page may set another one of its own."""
POLLED_PATHS = ("/hunt", "/session.json")
"""What an open page asks by itself: it keeps nobody from being idle."""
APPEAL_PATH = "/appeal"
"""Where customers appeal by number and code."""
OPEN_PATHS = ("/sign-in", "/oidc/start", "/oidc/return", APPEAL_PATH)
"""Pages for those who are not signed in; what is below /static/ is open, too."""
DATABASE_FAILS = "The database cannot be used now, so nobody can sign in. /readyz says why; try again in a minute."
"""Said to everybody: sessions are in the database, so nobody is known."""
_STATIC = "/static/"
_SANDBOX = "sandbox "
_READING = ("GET", "HEAD", "OPTIONS")
_COOKIE = "stillhunt_session"

Needs = Callable[[str, str], str | None]
"""From method and path to the role that is needed; None where nobody has to be signed in."""
Problem = Callable[[Request, int, str], Response]
"""From status and sentence to a page."""


def usual_needs(method: str, path: str) -> str | None:
    """The role that a request needs, if nothing else is said: viewer to read, analyst to change."""
    if path in OPEN_PATHS or path.startswith(_STATIC):
        return None
    return "viewer" if method in _READING or path == "/sign-out" else "analyst"


def require_role(request: Request, role: str) -> Viewer:
    """Who makes the request, who has this role at least.

    Raises:
        HTTPException: 403, they have less.
    """
    viewer: Viewer | None = request.state.viewer
    if viewer is None or not viewer.may(role):
        raise HTTPException(403, _needs_text(role))
    return viewer


def cookie_name(secure: bool) -> str:
    """Name of the cookie: over TLS one that no other host or page without TLS can set (RFC 6265bis, __Host-)."""
    return f"__Host-{_COOKIE}" if secure else _COOKIE


class Guard:
    """Middleware of the console's pages, which are at the root of the server; machines' paths do not pass it.

    Each request gets `request.state.viewer` (None on open pages for those who are not signed in) and, where something
    was posted, `request.state.form` (fields of the form; see `posted`).
    """

    def __init__(
        self, app: Any, people: PeopleParts, needs: Needs = usual_needs, problem: Problem | None = None
    ) -> None:
        self._app, self._people, self._needs = app, people, needs
        self._problem = problem or (lambda _request, status, text: PlainTextResponse(text + "\n", status))
        self._touching = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await (
                self._app(scope, receive, send) if scope["type"] == "lifespan" else send({"type": "websocket.close"})
            )
            return
        sending = with_security_headers(send, keeps=scope["path"].startswith(_STATIC))
        request = Request(scope, receive)
        request.state.viewer, request.state.form = None, {}
        if not is_own_host(request, self._people.settings.url):
            text = f"This console is at {self._people.settings.url}; a proxy before it has to pass on the header Host."
            await PlainTextResponse(text + "\n", 421)(scope, receive, sending)
            return
        needed = self._needs(request.method, scope["path"])
        if needed is None and request.method in _READING and scope["path"] not in OPEN_PATHS:
            await self._app(scope, receive, sending)  # files that are the same for everybody
            return
        try:
            refused, receive = await self._check_request_access(request, needed, receive)
        except OutputError:
            refused = self._problem(request, 503, DATABASE_FAILS)
        await (refused or self._app)(scope, receive, sending)
        await self._touch_session(request)

    async def _check_request_access(
        self, request: Request, needed: str | None, receive: Receive
    ) -> tuple[Response | None, Receive]:
        """Why a request is not let through, if it is not; and its body, which may have been read."""
        viewer = await self._find_request_viewer(request)
        request.state.viewer = viewer
        posting = request.method not in _READING
        if posting and not is_same_site(request, self._people.settings.url):
            text = "This was not sent by a page of this console; an administrator can set console.url."
            return self._problem(request, 403, text), receive
        if needed is not None and viewer is None:
            return self._to_sign_in(request), receive
        if posting:
            most = MOST_APPEAL_BYTES if request.url.path == APPEAL_PATH else MOST_STRANGER_BYTES
            body = await read_body(receive, most if viewer is None else MOST_FORM_BYTES)
            if body is None or body.count(b"&") >= _MOST_FIELDS:  # in a value it is sent as %26
                text = "That is too much to be sent at once. Write less, or choose fewer rows."
                return self._problem(request, 413, text), receive
            request.state.form = form_fields(request.headers.get("content-type", ""), body)
            receive = replayed(body, receive)
            if viewer is not None and needed is not None and not _has_token(request, viewer):
                text = "This form belongs to another session. Go back, load the page again, and send it once more."
                return self._problem(request, 403, text), receive
        if needed is not None and viewer is not None and not viewer.may(needed):
            return self._problem(request, 403, _needs_text(needed)), receive
        return None, receive

    async def _find_request_viewer(self, request: Request) -> Viewer | None:
        people = self._people
        if people.proxy is not None:
            name = people.proxy.name_of(request)
            if not name:
                return None
            return people.proxy.known(name) or await people.threads.run(people.proxy.find, name)
        cookie = session_cookie(request, people)
        if not cookie:
            return None
        return people.sessions.known(cookie) or await people.threads.run(people.sessions.find, cookie)

    def _to_sign_in(self, request: Request) -> Response:
        if self._people.proxy is not None:
            named = bool(self._people.proxy.name_of(request))
            text = "You have no role in this console; ask an administrator." if named else _THROUGH_PROXY
            return self._problem(request, 403, text)
        if "application/json" in request.headers.get("accept", ""):
            return self._problem(request, 401, "Sign in first.")
        url = request.url
        path = f"{url.path}?{url.query}" if url.query else url.path
        by_script = request.headers.get("hx-request") == "true"
        if by_script or request.method not in _READING:
            path = _path_of(request.headers.get("hx-current-url" if by_script else "referer", ""))
        ended = "&ended=1" if session_cookie(request, self._people) else ""
        leads = f"/sign-in?next={quote(local_path(path), safe='')}{ended}"
        if by_script:  # htmx would put the page of a redirect into a part of this one
            return Response(status_code=401, headers={"hx-redirect": leads})
        return RedirectResponse(leads, 303)

    async def _touch_session(self, request: Request) -> None:
        """Keep a session from being idle, after the answer, one at a time: nobody waits for a locked database."""
        people = self._people
        cookie = session_cookie(request, people) if people.proxy is None and request.state.viewer is not None else ""
        if self._touching or not cookie or request.url.path in POLLED_PATHS or not people.sessions.must_touch(cookie):
            return
        self._touching = True
        try:
            await people.threads.run(people.sessions.touch, cookie)
        except OutputError:
            pass  # it is only idle for longer
        finally:
            self._touching = False


_THROUGH_PROXY = "This console can only be reached through its proxy, which has to sign you in."


def session_cookie(request: Request, people: PeopleParts) -> str:
    """The session that a request names; "" where it names none."""
    return request.cookies.get(cookie_name(is_secure(request, people.settings.url)), "")


def _has_token(request: Request, viewer: Viewer) -> bool:
    fields = request.state.form.get("form_token") or [""]
    sent = request.headers.get("x-form-token") or fields[0]
    return is_token(sent, viewer.form_token)


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _needs_text(role: str) -> str:
    article = "a" if role == "viewer" else "an"
    return f"This needs the role of {article} {role}; an administrator can give it to you."


def with_security_headers(send: Send, *, keeps: bool) -> Send:
    """What sends an answer with all headers; pages are not kept anywhere, files that say so are."""

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            own_policy = headers.get("content-security-policy", "")
            for name, value in SECURITY_HEADERS.items():
                headers[name] = value
            if own_policy.startswith(_SANDBOX):  # a page that is of no origin may say more of itself, no other one may
                headers["content-security-policy"] = own_policy
            if not (keeps and "cache-control" in headers):
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
