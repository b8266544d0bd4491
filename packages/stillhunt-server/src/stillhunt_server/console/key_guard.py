"""What stands before pages that one person opens on their own machine: a key in the address."""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from stillhunt_server.people.form_tokens import is_token
from stillhunt_server.people.guard import form_fields, posted, read_body, replayed, with_security_headers
from stillhunt_server.people.origins import is_same_site, local_path
from stillhunt_server.people.sessions import Viewer
from stillhunt_server.receiving.receiver import Receive, Scope, Send

_COOKIE, _PARAMETER, _STATIC = "stillhunt_key", "key", "/static/"
_READING = ("GET", "HEAD")


class KeyGuard:
    """Middleware that lets in whoever has the key, as one person.

    Args:
        key: what the address that was printed holds.
    """

    def __init__(self, app: Any, key: str, viewer: Viewer) -> None:
        self._app, self._key, self._viewer = app, key, viewer
        self._ticket = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        sending = with_security_headers(send, keeps=scope["path"].startswith(_STATIC))
        request = Request(scope, receive)
        request.state.viewer, request.state.form = self._viewer, {}
        refused: Response | None = None
        if not scope["path"].startswith(_STATIC):
            refused = self._without_key(request)
        if refused is None and request.method not in _READING:
            refused, receive = await self._check_posted_request(request, receive)
        await (refused or self._app)(scope, receive, sending)

    def _without_key(self, request: Request) -> Response | None:
        given = request.query_params.get(_PARAMETER)
        if given is not None and self._is_key(given):
            rest = [(name, value) for name, value in request.query_params.multi_items() if name != _PARAMETER]
            path = local_path(request.url.path)
            answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, 303)
            answer.set_cookie(self._name_port_cookie(request), self._ticket, httponly=True, samesite="lax")
            return answer
        ticket = request.cookies.get(self._name_port_cookie(request), "")
        if hmac.compare_digest(ticket.encode(errors="surrogatepass"), self._ticket.encode()):
            return None
        return PlainTextResponse("Open the address that was printed when this was started: it holds the key.\n", 403)

    async def _check_posted_request(self, request: Request, receive: Receive) -> tuple[Response | None, Receive]:
        """Why something posted is not taken, if it is not; and its body, which was read."""
        if not is_same_site(request, ""):
            return PlainTextResponse("This was not sent by a page of this console.\n", 403), receive
        body = await read_body(receive)
        if body is None:
            return PlainTextResponse("That is too long to be sent at once.\n", 413), receive
        request.state.form = form_fields(request.headers.get("content-type", ""), body)
        sent = request.headers.get("x-form-token") or posted(request, "form_token")
        if not is_token(sent, self._viewer.form_token):
            return PlainTextResponse("Load the page again, and send the form once more.\n", 403), receive
        return None, replayed(body, receive)

    @staticmethod
    def _name_port_cookie(request: Request) -> str:
        """Cookies know no ports: one for each, so that two consoles of one browser do not lock each other out."""
        _, port = request.scope.get("server") or ("", 0)  # what Host says may be anything
        return f"{_COOKIE}_{port}"

    def _is_key(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="surrogatepass"), self._key.encode())
