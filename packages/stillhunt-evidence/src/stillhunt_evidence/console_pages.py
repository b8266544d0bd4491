"""What this distribution brings to the console: evidence packs, made by an analyst and kept in the data folder."""

import threading
import time
from datetime import UTC, datetime

from starlette.responses import RedirectResponse, Response

from stillhunt import CaseError
from stillhunt_server.plugins import ConsolePage, PageRequest, PageRoute, done_url, narrative_of

_ONE_AT_A_TIME = threading.Lock()
"""A pack of a large campaign takes the memory of its evidence, and as long as a minute."""


def make_pack_of(request: PageRequest) -> Response:
    """Make an evidence pack of a campaign, with its narrative, and show its page."""
    from stillhunt_evidence.packs.making import keep_pack  # start-up time

    campaign, console = request.route["campaign"], request.console
    shown, narrative = request.case, narrative_of(request, campaign)
    shown.campaign(campaign)  # or there is none of this id
    if console.folder is None:
        raise CaseError("a case folder can only be read", where="this page", next_step="packs need a data folder")
    request.look("pack made", campaign)
    with _ONE_AT_A_TIME:
        now = datetime.fromtimestamp(int(time.time()), UTC)
        keep_pack(console.folder.path, shown.folder, campaign, console.config, narrative, now)
    return RedirectResponse(done_url(request, campaign, "pack", "packs"), 303)


def fetch_extract(request: PageRequest) -> Response:
    """An extract about one account of a campaign, for its owner: made anew and kept nowhere."""
    from stillhunt_evidence.packs.extracting import make_extract_of  # start-up time

    campaign, account, console = request.route["campaign"], request.form["account"], request.console
    shown = request.case
    shown.campaign(campaign)  # or there is none of this id
    request.look("extract", f"{account} of {campaign}")
    with _ONE_AT_A_TIME:
        now = datetime.fromtimestamp(int(time.time()), UTC)
        name, content = make_extract_of(shown.folder, campaign, account, console.config, now)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/zip", headers=headers)


PACK_PAGES = ConsolePage(
    "packs",
    (
        PageRoute("/campaigns/{campaign}/pack", make_pack_of, "POST"),
        PageRoute("/campaigns/{campaign}/extract", fetch_extract, "POST"),
    ),
    live=True,
    audits=True,
)
