"""What findings rest on: declared programmes, sources and coverage, settings and policy."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import HTMLResponse, Response

from stillhunt.base import formatting
from stillhunt.base.case_folder import REPORT_FILE
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, StillhuntError
from stillhunt.decide.running import policy_of
from stillhunt.triage.folder import DAMAGE, public_run
from stillhunt.triage.report import coverage_parts
from stillhunt.watch.folder import POLICY_FILE
from stillhunt_server.console.answers import answer_list, answer_table, render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import campaign_link, probability_of, verdict_mark
from stillhunt_server.console.rendering import account_url
from stillhunt_server.console.table_query import TableColumn
from stillhunt_server.console.tables import TableSpec

PROGRAMME_LIST = TableSpec(
    "programmes",
    (
        TableColumn("account_id", "Account", "id"),
        TableColumn("score", "Probability", "figure", shown=probability_of("score")),
        TableColumn("campaign_id", "Would be in", "choice", link=campaign_link),
        TableColumn("requests", "Requests", "figure"),
        TableColumn("harvest_requests", "Would count as harvested", "figure"),
        TableColumn("verdict", "Verdict", "choice", mark=verdict_mark),
    ),
    row_link=lambda row: account_url(row["account_id"]),
    empty="No account of these logs belongs to a declared programme.",
    sort="-score",
)  # fmt: skip
REJECT_LIST = TableSpec(
    "rejects",
    (
        TableColumn("source", "Source", "choice"),
        TableColumn("place", "Place", "id"),
        TableColumn("reason", "Reason", "choice"),
        TableColumn("raw", "Beginning and end of the row", "text"),
    ),
    empty="Every row could be used.",
)
MOST_REPORT_BYTES = 256 << 20
"""A report of 60,000 members takes a tenth of this."""
REPORT_POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Of the report, a file with its own scripts: it is of no origin, so that not even one that somebody changed can ask
this server for anything. Its own policy, within the file, is stricter."""


def programmes(request: PageRequest) -> Response:
    """Declared programmes, and what stillhunt would say of their accounts."""
    shown, config = request.case, request.console.config
    request.look("accounts", "declared programmes")
    accounts = shown.case.accounts.filter(shown.case.accounts["sanctioned"])
    declared, organisations = len(config.sanctioned.accounts), len(config.sanctioned.organizations)
    headline = f"{formatting.plural(accounts.num_rows, 'account')} of declared programmes"
    meaning = (
        f"The settings in force now declare {formatting.plural(declared, 'account')} and "
        f"{formatting.plural(organisations, 'organisation')}. Their accounts are never flagged and no rule touches "
        "them; what would be said about them is still shown, so that you notice a programme that does more than "
        "agreed."
    )
    return answer_list(request, PROGRAMME_LIST, accounts, "Sanctioned programmes", headline, meaning=meaning)


def sources(request: PageRequest) -> Response:
    """Where traffic comes from, which evidence it allows, and what could not be used."""
    shown = request.case
    run, traffic = shown.model.run, request.console.news.traffic
    received: list[dict[str, Any]] = []
    if traffic is not None:
        received = [{"source": name, "records": count} for name, count in sorted(traffic.records.items())]
    values = {
        "coverage": coverage_parts(run),
        "received": received,
        "refused": {} if traffic is None else dict(sorted(traffic.refused.items())),
        "brokers": {} if traffic is None else dict(traffic.problems),
        "inputs": run.get("inputs", [])[:200],
        "more_inputs": max(0, len(run.get("inputs", [])) - 200),
        "damage": run.get(DAMAGE, []),
        "unenriched": run.get("unenriched", []),
        "personal_ids": shown.model.personal_ids,
        "share": formatting.percent(shown.model.rejected_share),
    }
    request.look("rejects", "rows that could not be used")
    return answer_table(request, "sources.html", REJECT_LIST, shown.case.rejects, values)


def settings(request: PageRequest) -> Response:
    """Settings and policy as this process has them; they are changed in their files."""
    console = request.console
    if console.config.sanctioned.accounts:
        request.look("settings", "declared accounts")
    shown = public_run({"settings": json.loads(console.config.model_dump_json())})["settings"]
    del shown["console"]["golden_cases"]  # analysts read this page
    policy, problem, text = None, "", ""
    if console.folder is not None:
        try:
            policy = policy_of(console.folder, console.config)
        except StillhuntError as error:
            problem = f"{error.what}: {error.where}"
        path = console.folder.path / POLICY_FILE
        if not console.config.decide.policy and path.is_file():
            text = path.read_text(encoding="utf-8", errors="backslashreplace")[:20_000]
    values = {
        "settings": sorted(_flatten_setting_values(shown)),
        "defaults": dict(_flatten_setting_values(json.loads(Config().model_dump_json()))),
        "policy": policy,
        "policy_text": text,
        "problem": problem,
    }
    return render(request, "settings.html", values)


def report(request: PageRequest) -> Response:
    """The report of the whole case, as the case folder holds it."""
    shown = request.case
    request.look("report", str(shown.sequence))
    path = shown.folder / REPORT_FILE
    try:
        if path.is_symlink() or path.stat().st_size > MOST_REPORT_BYTES:
            raise ValueError("it is no file that a hunt wrote")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CaseError(
            "the report cannot be read", where=str(path), next_step="the next hunt writes another"
        ) from error
    return HTMLResponse(text, headers={"content-security-policy": REPORT_POLICY})


def _flatten_setting_values(values: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flatten_setting_values(value, f"{before}{name}.")
        else:
            found.append((f"{before}{name}", json.dumps(value, ensure_ascii=False)))
    return found
