"""Search over accounts, campaigns, addresses and phrases."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import StillhuntError
from stillhunt.watch.database.audit import without_addresses
from stillhunt_server.case_views.case_search import search_case
from stillhunt_server.case_views.work_search import search_work
from stillhunt_server.console.answers import render
from stillhunt_server.console.context import Console, PageRequest
from stillhunt_server.console.rendering import account_url, campaign_url
from stillhunt_server.console.snapshot import ShownCase

HITS_SHOWN = 100


@dataclass(frozen=True)
class AddressHits:
    """Members that sent requests from an address or its network."""

    # member, campaign, kind and requests; those from the address itself first, then the most requests
    rows: tuple[dict[str, Any], ...] = ()
    words: str = ""
    problem: str = ""  # why it could not be looked for; "" where it could


def address_hits(console: Console, shown: ShownCase, text: str) -> AddressHits | None:
    """Members of campaigns that sent requests from an address; None where the text is none."""
    try:
        ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    from stillhunt.watch.searched_address import hash_for_search  # start-up time

    try:
        address, network = hash_for_search(console.folder, console.config, text.strip())
    except StillhuntError as error:
        return AddressHits(problem=f"{formatting.sentence(error.what)} {formatting.sentence(error.next_step)}")
    wanted = pa.array([one for one in (address, network) if one], pa.string())
    found = shown.case.addresses.filter(pc.is_in(shown.case.addresses["hash"], value_set=wanted))
    found = found.sort_by([("kind", "ascending"), ("requests", "descending"), ("account_id", "ascending")])
    number = formatting.plural(len(pc.unique(found["account_id"])), "account")
    more = f"; the first {HITS_SHOWN} rows are here" if found.num_rows > HITS_SHOWN else ""
    return AddressHits(tuple(found.slice(0, HITS_SHOWN).to_pylist()), f"{number} of campaigns{more}.")


_AUDITED_CHARS = 200


def search(request: PageRequest) -> Response:
    """What a text is found in."""
    wanted = request.given["for"]
    values: dict[str, Any] = {"wanted": wanted[:_AUDITED_CHARS], "hits": None, "addresses": None, "links": {}}
    if wanted.strip():
        shown = request.case
        values["addresses"] = address_hits(request.console, shown, wanted)
        request.look("search", without_addresses(wanted)[:_AUDITED_CHARS])
        hits = search_case(shown.model, shown.case.samples, wanted)
        if request.console.database is not None and hits.query:
            found = search_work(request.console.database, hits.query, frozenset(shown.by_id))
            hits = replace(hits, kinds=(*hits.kinds, *found))
        values["hits"] = hits
        values["links"] = {id(hit): _build_hit_url(hit) for kind in hits.kinds for hit in kind.hits}
    return render(request, "search.html", values)


def _build_hit_url(hit: Any) -> str:
    if hit.kind == "campaign":
        return campaign_url(hit.campaign_id or hit.id)
    if hit.kind == "account":
        return account_url(hit.account_id or hit.id)
    if hit.campaign_id:
        return campaign_url(hit.campaign_id)
    return account_url(hit.account_id) if hit.account_id else ""
