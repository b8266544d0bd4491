"""Search over accounts, campaigns, addresses and phrases."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from stillhunt.triage.case_search import search_case
from stillhunt.web.console.address_search import address_hits
from stillhunt.web.console.context import case_of, console_of, look
from stillhunt.web.console.rendering import account_url, campaign_url, render
from stillhunt.web.people.audit import without_addresses

_AUDITED_CHARS = 200


def search(request: Request) -> Response:
    """What a text is found in."""
    wanted = request.query_params.get("for", "")
    values: dict[str, Any] = {"wanted": wanted[:_AUDITED_CHARS], "hits": None, "addresses": None, "links": {}}
    if wanted.strip():
        shown = case_of(request)
        values["addresses"] = address_hits(console_of(request), shown, wanted)
        look(request, "search", without_addresses(wanted)[:_AUDITED_CHARS])
        hits = search_case(shown.model, shown.case.samples, wanted)
        values["hits"] = hits
        values["links"] = {id(hit): _link(hit) for kind in hits.kinds for hit in kind.hits}
    return render(request, "search.html", values)


def _link(hit: Any) -> str:
    if hit.kind == "campaign":
        return campaign_url(hit.campaign_id or hit.id)
    if hit.kind == "account":
        return account_url(hit.account_id or hit.id)
    if hit.campaign_id:
        return campaign_url(hit.campaign_id)
    return account_url(hit.account_id) if hit.account_id else ""
