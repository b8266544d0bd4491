"""The door: a request is read once, here, into the record that pages get, and whoever may not ask is turned away."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stillhunt.watch.database.audit import without_addresses
from stillhunt_server.console.compressing import compress_answer
from stillhunt_server.console.context import Console, GivenTexts, PageRequest
from stillhunt_server.console.navigation import PageRoute
from stillhunt_server.console.table_query import read_query
from stillhunt_server.people.guard import require_role
from stillhunt_server.people.origins import client_address, networks_of


def read_request(console: Console, request: Request) -> PageRequest:
    """What a page is asked. The guard has read who asks, and the form."""
    given = request.query_params.multi_items()
    query = read_query(given)
    return PageRequest(
        console=console,
        viewer=request.state.viewer,
        now=time.time_ns() // 1000,
        path=request.url.path,
        route=GivenTexts(request.path_params),
        query=query,
        given=GivenTexts(given),
        form=GivenTexts((name, texts[0]) for name, texts in request.state.form.items() if texts),
        lists=request.state.form,
        client=client_address(request, networks_of(console.config.console.proxy_addresses)),
        exported=without_addresses(unquote_plus(request.url.query)) if query.export else "",
    )


def open_routes(console: Console, pages: Iterable[PageRoute], role: str = "viewer") -> Iterator[Route]:
    """Routes of pages, which are made in the console's bounded threads: most of them need the database.

    Args:
        role: the least that all of them need; "" where nobody has to be signed in.
    """
    for page in pages:
        yield Route(page.path, partial(_answer_page_request, console, page, role), methods=[page.method])


async def _answer_page_request(console: Console, page: PageRoute, role: str, request: Request) -> Response:
    for needed in filter(None, (role, page.role)):
        require_role(request, needed)
    accepted = request.headers.get("accept-encoding", "")
    return await console.threads.run(lambda: compress_answer(page.page(read_request(console, request)), accepted))
