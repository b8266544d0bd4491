"""Accounts: the table of all, and everything that is known of one, with why it is or is not a member."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.compute as pc
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError
from stillhunt.base.families import family_label
from stillhunt.decide.actions import ACTION_MEANINGS, REASON_TEXTS
from stillhunt.decide.names import storable
from stillhunt.triage.score_breakdown import ScoreSum
from stillhunt.watch.database.tables import DECISIONS, LINKED_ACCOUNTS
from stillhunt_server.appeal_codes import appeal_code
from stillhunt_server.case_views.account_page import account_page
from stillhunt_server.case_views.account_values import TAG_KINDS, list_account_tags
from stillhunt_server.case_views.member_traits import trait_ref
from stillhunt_server.console.answers import answer_list, render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import campaign_link, decision_row, probability_of, verdict_mark
from stillhunt_server.console.rendering import account_of_path, account_url, moment, value_url
from stillhunt_server.console.request_rows import answer_requests
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec

_REASON_CHARS = 160


ACCOUNT_LIST = TableSpec(
    "accounts",
    (
        TableColumn("account_id", "Account", "id"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
        TableColumn("score", "Probability", "figure", shown=probability_of("score")),
        TableColumn("campaign_id", "Campaign", "choice", link=campaign_link),
        TableColumn("requests", "Requests", "figure"),
        TableColumn("harvest_requests", "Harvested (estimate)", "figure"),
        TableColumn("sanctioned", "Declared programme", "choice"),
        TableColumn(
            "reasons", "Strongest evidence", "text",
            shown=lambda row: formatting.shorten(row["reasons"][0], _REASON_CHARS) if row["reasons"] else "",
        ),
    ),
    row_link=lambda row: account_url(row["account_id"]),
    empty="The logs name no account.",
    sort="-score",
)  # fmt: skip
DECISIONS_SHOWN = 50
"""Latest entries of the log on the page of an account; the page of decisions has all."""
ACCOUNTS_MEANING = (
    "Every account of these logs. The probability is that it harvests; without a campaign that says so, it has the "
    "verdict none."
)


def accounts(request: PageRequest) -> Response:
    """All accounts."""
    shown = request.case
    request.look("accounts", "all")
    number = formatting.plural(shown.case.accounts.num_rows, "account")
    return answer_list(request, ACCOUNT_LIST, shown.case.accounts, "Accounts", number, meaning=ACCOUNTS_MEANING)


def account(request: PageRequest) -> Response:
    """Everything that is known of one account."""
    shown, name = request.case, account_of_path(request.route["account"])
    database, derived = request.console.database, request.derived
    if request.given["rows"] == "requests":
        request.look("requests", name)
        head = {"name": name, "title": "Harvested requests", "meaning": "", "model": None}
        return answer_requests(request, "", head, account=name)
    request.look("account", name)
    if not pc.any(pc.equal(shown.case.accounts["account_id"], name)).as_py():
        return _known_elsewhere(request, name)
    page = account_page(shown.model, name, shown.case.origins, derived.traits, derived.rows.slices_of(name))
    explanation = page.explanation
    values: dict[str, Any] = {
        "page": page,
        "tags": [
            (TAG_KINDS[kind], tag, value_url(kind, trait_ref(kind, tag)))
            for kind, tag in list_account_tags(shown.folder, name)
        ],
        "explanation": explanation,
        "main": explanation.memberships[0] if explanation.memberships else None,
        "terms": _list_membership_terms(explanation.memberships[0].member) if explanation.memberships else [],
        "decisions": [],
        "forms": None,
    }
    if database is not None:
        values["forms"] = {"actions": ACTION_MEANINGS, "reasons": REASON_TEXTS}
        values["decisions"] = _read_account_decisions(request, name)
    return render(request, "account.html", values)


def _list_membership_terms(member: ScoreSum) -> list[tuple[str, str, str, str, str]]:
    """What the probability of being a member is made of, the strongest first, with the prior and the sum."""
    found = [
        (
            family_label("prior"),
            "Odds of being a member before any evidence",
            "",
            formatting.bits(member.prior_bits),
            "",
        )
    ]
    for term in (*member.supporting, *member.opposing):
        requests = formatting.count(term.request_count) if term.request_count else ""
        side = "for" if term.bits > 0 else "against"
        said = formatting.sentence_case(term.shown)
        found.append((family_label(term.family), said, requests, formatting.bits(term.bits), side))
    total = f"Together: the probability of being a member is {formatting.probability(member.probability)}"
    return [*found, ("", total, "", formatting.bits(member.log2_odds), "")]


def _known_elsewhere(request: PageRequest, asked: str) -> Response:
    """The page of an account that no hunt has seen yet, but a signature or a decision has."""
    database, name, links, found = request.console.database, storable(asked), [], []
    if database is not None:
        links = database.read(select(LINKED_ACCOUNTS).where(LINKED_ACCOUNTS.c.account_id == name))
        found = _read_account_decisions(request, name)
    if not links and not found:  # no names of others: the audit has only what was asked for
        raise CaseError(
            "this snapshot has no account of this id", where="accounts", next_step="search for a part of it"
        )
    shown = [{**row, "at": moment(row["at"]), "reasons": json.loads(row["reasons"])} for row in links]
    values = {"name": name, "links": shown, "decisions": found, "forms": None}
    return render(request, "account_unseen.html", values)


def _read_account_decisions(request: PageRequest, name: str) -> list[dict[str, Any]]:
    """Entries of the decision log about an account, the latest first; analysts see by which code it can appeal."""
    of_account = select(DECISIONS).where(DECISIONS.c.account_id == name).order_by(DECISIONS.c.seq.desc())
    rows = [decision_row(row) for row in request.database.read(of_account.limit(DECISIONS_SHOWN))]
    may = request.viewer is not None and request.viewer.may("analyst")
    for row in rows:
        told = may and row["kind"] != "undo" and row["action"] != "observe" and not row["dry_run"]
        row["appeal_code"] = appeal_code(request.database, row["seq"]) if told else ""
    return rows
