"""The page on which customers appeal who cannot sign in anywhere: by the number of a decision, and its code."""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import Response

from stillhunt.base.errors import StillhuntError
from stillhunt.base.formatting import sentence, sentence_case
from stillhunt_server.appeal_codes import file_by_code
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import moment
from stillhunt_server.people.sign_in import TryLimit

APPEAL_TRIES, APPEAL_WINDOW = 10, 900.0
"""Tries of an address, or about a decision, and seconds. Judgement: people type a code wrong twice; codes of 80 bits
are not guessed."""


_TRIES = TryLimit(APPEAL_TRIES, APPEAL_WINDOW)


def appeal_form(request: PageRequest) -> Response:
    """The page with its form."""
    return _render_appeal(request, {})


def send_appeal(request: PageRequest) -> Response:
    """File an appeal, or show what became of one."""
    if wait := _TRIES.take(_name_counter(request)):
        problem = f"Too many tries. Try again in {int(wait // 60) + 1} minutes."
        return _render_appeal(request, {"problem": problem}, 429)
    return _file_appeal_form(request)


def _name_counter(request: PageRequest) -> str:
    """What tries are counted by: the address; behind a proxy that no setting names, which all share, the decision."""
    settings = request.console.config.console
    if settings.url.startswith("https://") and not settings.proxy_addresses:
        return f"decision {request.form.number('decision')}"
    return request.client


def _file_appeal_form(request: PageRequest) -> Response:
    form, terms = request.form, request.appeal_terms
    number, now = form.number("decision"), time.time_ns() // 1000
    try:
        appeal = file_by_code(request.database, number, form["code"], form["text"], terms, now)
    except StillhuntError as error:
        problem = f"{sentence(sentence_case(error.what))} {sentence(sentence_case(error.next_step))}"
        return _render_appeal(request, {"problem": problem}, 400)
    _TRIES.give_back(_name_counter(request))  # the code is right, so it was no guess
    if appeal is None:
        return _render_appeal(request, {"problem": "Nobody has appealed yet. Say why the decision is wrong."}, 400)
    times = {name: moment(getattr(appeal, name)) for name in ("filed_at", "due_at", "decided_at")}
    return _render_appeal(request, {"appeal": appeal, "times": times})


def _render_appeal(request: PageRequest, values: dict[str, Any], status: int = 200) -> Response:
    typed = {name: request.form[name] for name in ("decision", "code", "text")}
    return render(request, "appeal_open.html", {"problem": "", "appeal": None, "typed": typed, **values}, status)
