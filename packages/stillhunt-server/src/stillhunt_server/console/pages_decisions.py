"""Decisions, appeals, calibration and the audit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal, cast

import pyarrow as pa
from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt.decide.actions import ACTIONS, REASON_TEXTS, Action, ReasonCode
from stillhunt.decide.appeals import Appeal, decide_appeal, find_appeal, list_appeals
from stillhunt.decide.case_work import read_all_work
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.field_rates import FIELD_RATES_MISLEAD, ExactShare, field_rates
from stillhunt.decide.log import count_entries, is_standing, read_log, read_newest, still_standing
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.running import read_second_person
from stillhunt.decide.second_person import approve_decision, waits_for_approval
from stillhunt.watch.database.tables import DECISIONS
from stillhunt.watch.database.tables_console import AUDIT
from stillhunt.watch.early_signs.signs import EarlySign, read_signs
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.casework.calibration import dismissal_calibration
from stillhunt_server.casework.history import facts_when_decided
from stillhunt_server.casework.second_looks import SECOND_ANSWERS, measure_agreement
from stillhunt_server.casework.times_taken import times_taken
from stillhunt_server.console.answers import answer_list, answer_table, render
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.decision_table import (
    APPEALS_SCHEMA,
    APPEALS_TABLE,
    AUDIT_SCHEMA,
    AUDIT_TABLE,
    DECISIONS_SCHEMA,
    DECISIONS_TABLE,
    SIGNS_SCHEMA,
    SIGNS_TABLE,
    WAITS,
    conditions_of,
    decision_row,
)
from stillhunt_server.console.pages_changes import list_changes
from stillhunt_server.console.rendering import decision_url, moment
from stillhunt_server.console.table_query import whole_number
from stillhunt_server.people.users import PERSON_ROLES, all_users, disable_user, enable_user, set_role

ENTRIES_SHOWN = 1_000
"""Entries of the log behind one page of the table; a link leads to earlier ones. Judgement: twenty screens."""
ENTRIES_EXPORTED = 100_000
"""Newest entries that fit of one export. Judgement: more than a spreadsheet is read for; the command has all."""
STANDING_COUNTED = 10_000
"""Up to which decisions that stand are counted. Judgement: ten milliseconds, and nobody needs the number beyond."""
AUDIT_SHOWN = 20_000
"""Newest rows of the audit that the page filters and exports. Judgement: weeks of a team; all are in the database."""


def decisions(request: PageRequest) -> Response:
    """The decision log, the latest first."""
    request.look("decisions", "all")
    database, now = request.database, request.now
    query = request.query.of_columns(DECISIONS_TABLE.columns)
    most = ENTRIES_EXPORTED if query.export else ENTRIES_SHOWN
    some = read_newest(database, most + 1, *conditions_of(query, now))
    found = some[:most]
    stands = still_standing(database, found, now)
    rows = [{**decision_row(entry), "state": _name_entry_state(entry, stands)} for entry in found]
    in_force = count_entries(database, is_standing(now), DECISIONS.c.dry_run.is_(False), most=STANDING_COUNTED + 1)
    counted = formatting.plural(min(in_force, STANDING_COUNTED), "decision")
    values = {
        "title": "Decisions",
        "headline": f"{'More than ' if in_force > STANDING_COUNTED else ''}{counted} "
        f"{formatting.verb(in_force, 'stands', 'stand')}.",
        "meaning": "Everything that rules and people decided, the latest first. Entries are never changed: an undo is "
        "an entry of its own.",
        "last": "".join(one.digest for one in read_newest(database, 1)),
        "earlier": query.url(most={"seq": float(found[-1].seq - 1)}) if len(some) > most else "",
    }
    data = pa.Table.from_pylist(rows, DECISIONS_SCHEMA)
    return answer_table(request, "decisions.html", DECISIONS_TABLE, data, values)


def decide_account(request: PageRequest) -> Response:
    """Decide about one account."""
    form, chosen = request.form, request.form.choice
    kind = cast("Literal['case', 'override']", chosen("kind", ("case", "override")))
    action, reason = cast("Action", chosen("action", ACTIONS)), cast("ReasonCode", chosen("reason", REASON_TEXTS))
    by, span = DecisionAuthor(request.by, form["note"]), DecisionSpan(request.now, form.days("days"))
    second_person = read_second_person(request.data_folder, request.console.config)
    made = decide_as_person(request.database, form["account"], action, by, span, kind, reason, second_person)
    return RedirectResponse(decision_url(made.seq), 303)


def approve_decision_form(request: PageRequest) -> Response:
    """Approve a decision about one account as a second person."""
    seq = whole_number(request.form["seq"].strip(), 0)
    made = approve_decision(request.database, seq, request.by, request.form["note"], request.now)
    return RedirectResponse(decision_url(made.seq), 303)


def signs(request: PageRequest) -> Response:
    """Early signs of campaigns: no verdicts, since honest groups do such things, too."""
    request.look("early signs", "all")
    folder = request.console.folder
    snapshot = latest_snapshot(folder) if folder is not None else None
    rows = [] if snapshot is None else [_sign_row(one) for one in read_signs(snapshot.path)]
    headline = f"{formatting.plural(len(rows), 'early sign')} of campaigns"
    meaning = "An early sign is no verdict: too little has been seen so far, and honest groups do such things, too."
    data = pa.Table.from_pylist(rows, SIGNS_SCHEMA)
    return answer_list(request, SIGNS_TABLE, data, "Early signs", headline, meaning=meaning)


def _sign_row(sign: EarlySign) -> dict[str, Any]:
    return {
        "statement": sign.statement,
        "kind": sign.kind.replace("_", " "),
        "accounts": sign.accounts,
        "number": len(sign.accounts),
        "campaign_id": sign.campaign_id or None,
        "first_at": moment(sign.first_at),
        "found_at": moment(sign.found_at),
    }


def end_decision(request: PageRequest) -> Response:
    """End a decision."""
    seq = whole_number(request.form["seq"].strip(), 0)
    undo(request.database, seq, request.by, request.form["note"], request.now)
    return RedirectResponse(decision_url(seq), 303)


def appeals(request: PageRequest) -> Response:
    """All appeals, those that wait first."""
    request.look("appeals", "all")
    found = list_appeals(request.database, open_only=False)
    waiting = sum(one.status == "open" for one in found)
    headline = f"{formatting.plural(waiting, 'appeal')} {formatting.verb(waiting, 'waits', 'wait')}."
    meaning = (
        "Whoever decides an appeal must not have decided about the account. One against a rule that nobody "
        "decides in time is granted."
    )
    data = pa.Table.from_pylist([_appeal_row(one) for one in found], APPEALS_SCHEMA)
    return answer_list(request, APPEALS_TABLE, data, "Appeals", headline, meaning=meaning)


def appeal(request: PageRequest, problem: StillhuntError | None = None) -> Response:
    """One appeal, and the form that decides it.

    Args:
        problem: why it was not decided; what the reader wrote then is in the form again.
    """
    found = find_appeal(request.database, request.route.number("appeal_id"))
    request.look("appeal", found.account_id)
    values = {"appeal": found, "row": _appeal_row(found), "terms": request.appeal_terms}
    values |= {"problem": problem, "typed": request.form["note"]}
    return render(request, "appeal.html", values, 200 if problem is None else 400)


def end_appeal(request: PageRequest) -> Response:
    """Decide an appeal."""
    number, what = request.route.number("appeal_id"), request.form["what"]
    try:
        if what not in ("overturn", "uphold"):
            raise ConfigError("nothing was decided", where="what", next_step="grant the appeal, or uphold the decision")
        decide_appeal(
            request.database,
            number,
            overturn=what == "overturn",
            by=request.by,
            note=request.form["note"],
            terms=request.appeal_terms,
            now=request.now,
        )
    except (CaseError, ConfigError) as problem:
        return appeal(request, problem)
    return RedirectResponse(f"/appeals/{number}", 303)


def calibration(request: PageRequest) -> Response:
    """How often verdicts and rules were wrong, as far as analysts and customers say."""
    database = request.database
    work = read_all_work(database)
    shares = dismissal_calibration(work, facts_when_decided(database, work))
    agreement, golden = measure_agreement(database), measure_agreement(database, golden=True)
    rates = field_rates(read_log(database), list_appeals(database, open_only=False), request.now)
    rows = [
        {
            **asdict(one),
            "band": _format_probability_band(one.band),
            "share": _format_exact_share(one.share),
            "reasons": formatting.join_words([f"{n} {r.replace('_', ' ')}" for r, n in sorted(one.reasons.items())]),
        }
        for one in shares
    ]
    values: dict[str, Any] = {
        "rows": rows,
        "rates": rates,
        "of_acted_on": _format_exact_share(rates.of_acted_on),
        "of_decided": _format_exact_share(rates.of_decided),
        "misleads": FIELD_RATES_MISLEAD,
        "times": times_taken(database),
        "agreement": agreement,
        "agreed_share": _format_exact_share(agreement.share),
        "golden": golden,
        "golden_share": _format_exact_share(golden.share),
        "answers": SECOND_ANSWERS,
    }
    return render(request, "calibration.html", values)


def audit(request: PageRequest) -> Response:
    """Who looked at what."""
    request.look("audit", "all")
    rows = request.database.read(select(AUDIT).order_by(AUDIT.c.audit_id.desc()).limit(AUDIT_SHOWN))
    looks = [{**row, "at": moment(row["at"])} for row in rows]
    changed = [
        {
            "at": one["at"],
            "who": one["who"],
            "what": "change",
            "about": f"{one.get('campaign_id') or one.get('account_id')}: {one['words']}",
        }
        for one in list_changes(request.database)
    ]
    both = sorted([*looks, *changed], key=lambda row: row["at"], reverse=True)
    data = pa.Table.from_pylist(both, AUDIT_SCHEMA)
    more = f" The newest {formatting.count(AUDIT_SHOWN)} are here." if len(looks) == AUDIT_SHOWN else ""
    headline = f"{formatting.plural(data.num_rows, 'look')} and changes"
    meaning = f"Every look at account ids or excerpts, every export, sign-in and change.{more}"
    return answer_list(request, AUDIT_TABLE, data, "Audit", headline, meaning=meaning)


def users(request: PageRequest) -> Response:
    """Who may sign in."""
    return render(request, "users.html", {"users": all_users(request.database), "roles": PERSON_ROLES})


def change_user(request: PageRequest) -> Response:
    """Change the role of somebody, or whether they may sign in."""
    database, name, what = request.database, request.form["name"], request.form["what"]
    if what == "disable":
        disable_user(database, name, request.by)
    elif what == "enable":
        enable_user(database, name, request.by)
    else:
        set_role(database, name, request.form["role"], request.by)
    return RedirectResponse("/users", 303)


def _name_entry_state(entry: LogEntry, stands: set[int]) -> str:
    if entry.kind == "undo":
        return "ends another"
    if entry.seq not in stands:
        return "ended"
    if waits_for_approval(entry):
        return WAITS
    return "dry run" if entry.dry_run else "stands"


def _appeal_row(one: Appeal) -> dict[str, Any]:
    times = {name: moment(getattr(one, name)) for name in ("due_at", "filed_at", "decided_at")}
    return {**asdict(one), **times, "appeal_id": str(one.appeal_id), "decision": str(one.decision)}


def _format_probability_band(band: tuple[float, float] | None) -> str:
    return "all" if band is None else f"{formatting.exact_percent(band[0])} to {formatting.exact_percent(band[1])}"


def _format_exact_share(share: ExactShare | None) -> str:
    if share is None:
        return "not known"
    bounds = f"{formatting.percent(share.low)} to {formatting.percent(share.high)}"
    return f"{formatting.percent(share.share)} (95 % interval {bounds})"
