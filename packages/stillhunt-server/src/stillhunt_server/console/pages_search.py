"""Search over accounts, campaigns, addresses, phrases and values, and the page of all accounts with one value."""

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
from stillhunt_server.case_views.account_values import (
    EXCERPT,
    VALUE_LABELS,
    find_accounts_with_value,
    find_accounts_with_words,
    find_values,
    tabulate_accounts,
)
from stillhunt_server.case_views.case_search import clean_query, search_case
from stillhunt_server.case_views.work_search import search_work
from stillhunt_server.console.answers import answer_list, render
from stillhunt_server.console.context import Console, PageRequest
from stillhunt_server.console.decision_table import campaign_link, probability_of, verdict_mark
from stillhunt_server.console.rendering import account_url, campaign_url, value_url
from stillhunt_server.console.snapshot import ShownCase
from stillhunt_server.console.table_query import Row, TableColumn
from stillhunt_server.console.tables import TableSpec

HITS_SHOWN = 100
VALUES_SHOWN = 50
VALUE_CHARS = 80


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
    values |= {"values": [], "value_total": 0, "value_labels": VALUE_LABELS, "words_url": ""}
    if wanted.strip():
        shown = request.case
        values["addresses"] = address_hits(request.console, shown, wanted)
        request.look("search", without_addresses(wanted)[:_AUDITED_CHARS])
        hits = search_case(shown.model, shown.case.samples, wanted)
        if request.console.database is not None and hits.query:
            found = search_work(request.console.database, hits.query, frozenset(shown.by_id))
            hits = replace(hits, kinds=(*hits.kinds, *found))
        text = clean_query(wanted)[0]
        values["values"], values["value_total"] = find_values(shown.case, shown.folder, text, VALUES_SHOWN)
        values["words_url"] = value_url(EXCERPT, words=text) if len(find_accounts_with_words(shown.case, text)) else ""
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


def _campaign_mark(row: Row) -> str:
    return verdict_mark({"verdict": row["campaign_verdict"]}) if row["campaign_id"] else ""


VALUE_LIST = TableSpec(
    "accounts",
    (
        TableColumn("account_id", "Account", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
        TableColumn("score", "Probability", "figure", shown=probability_of("score")),
        TableColumn("campaign_id", "Campaign or group", "choice", link=campaign_link),
        TableColumn("campaign_verdict", "Its verdict", "choice", mark=_campaign_mark),
        TableColumn("requests", "Requests", "figure"),
    ),
    row_link=lambda row: account_url(row["account_id"]),
    empty="No account has it.",
    sort="-score",
)
_MEANING = "Accounts that share a value need not belong together: many customers have common ones."
_EXCERPTS = (
    "The case keeps some excerpts of each campaign and no other texts, so members whose requests were not kept are not "
    "here: open the campaign for all of them."
)


def accounts_with_value(request: PageRequest) -> Response:
    """All accounts that have one value, with the verdict and the campaigns of each."""
    shown, kind, ref, words = request.case, request.given["kind"], request.given["ref"], request.given["for"]
    if kind == EXCERPT:
        value = clean_query(words)[0]
        found = find_accounts_with_words(shown.case, value)
    else:
        value, found = find_accounts_with_value(shown.case, shown.folder, kind, ref)
    said = f"{VALUE_LABELS[kind]}: {formatting.shorten(value, VALUE_CHARS)}"
    request.look("accounts", without_addresses(said)[:_AUDITED_CHARS])
    kept = tuple((name, text) for name, text in (("kind", kind), ("ref", ref), ("for", words)) if text)
    asked = replace(request, query=replace(request.query, others=kept))
    table, other = tabulate_accounts(shown.case, found), ("/search", "Search for something else")
    headline = f"{formatting.plural(len(found), 'account')} with {said}"
    meaning = _EXCERPTS if kind == EXCERPT else _MEANING
    return answer_list(asked, VALUE_LIST, table, "Accounts with one value", headline, meaning=meaning, other=other)
