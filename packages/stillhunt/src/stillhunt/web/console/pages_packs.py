"""Evidence packs in the console: made by an analyst, kept in the data folder, fetched by those who may see the case."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from stillhunt.base.errors import CaseError
from stillhunt.decide.cases.work import read_work
from stillhunt.watch.subject.packs import packs_of
from stillhunt.web.console.case_forms import database_of
from stillhunt.web.console.context import case_of, console_of, look
from stillhunt.web.console.rendering import campaign_url

_ONE_AT_A_TIME = threading.Lock()
"""A pack of a large campaign takes the memory of its evidence, and as long as a minute."""


def make_pack_of(request: Request) -> Response:
    """Make an evidence pack of a campaign, with its narrative, and show its page."""
    from stillhunt_evidence.packs.kept import keep_pack  # start-up time

    campaign, console = request.path_params["campaign"], console_of(request)
    shown, database = case_of(request), database_of(request)
    shown.campaign(campaign)  # or there is none of this id
    if console.folder is None:
        raise CaseError("a case folder can only be read", where="this page", next_step="packs need a data folder")
    look(request, "pack made", campaign)
    narrative = read_work(database, campaign).narrative
    with _ONE_AT_A_TIME:
        now = datetime.fromtimestamp(int(time.time()), UTC)
        keep_pack(console.folder.path, shown.folder, campaign, console.config, narrative, now)
    return RedirectResponse(f"{campaign_url(campaign)}?done=pack#packs", 303)


def pack(request: Request) -> Response:
    """An evidence pack as a file."""
    name, console = request.path_params["name"], console_of(request)
    found = {path.name: path for path, _ in packs_of(console.folder.path)} if console.folder is not None else {}
    if name not in found:
        raise CaseError("there is no such pack", where="the address", next_step="it may have expired; make another one")
    look(request, "pack", name)
    return FileResponse(found[name], filename=name, media_type="application/zip")
