"""The API for people's tools and customer portals: decisions, appeals, tokens; each route with its scope."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base.formatting import visible_id
from stillhunt.decide.appeals import Appeal, decide_appeal, file_appeal, find_appeal, list_appeals
from stillhunt.decide.entries import Kind, LogEntry
from stillhunt.decide.field_rates import FIELD_RATES_MISLEAD, field_rates
from stillhunt.decide.log import read_log, read_newest
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.watch.database.tables import DECISIONS, TOKENS
from stillhunt_server.api import forms
from stillhunt_server.api.api_routes import ApiRoute, Call, ProblemError
from stillhunt_server.api.forms import BUNDLE_TYPE, bundle_of
from stillhunt_server.appeal_codes import appeal_code
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import ADMIN, APPEAL, DECIDE, make_token, revoke_token, rotate_token

PAGE = 1000
"""Most decisions in one answer."""


def _read_clock_microseconds() -> int:
    return time.time_ns() // 1000


def _build_utc_datetime(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC)


def _build_decision_form(call: Call, entry: LogEntry) -> forms.Decision:
    times = {name: _build_utc_datetime(getattr(entry, name)) for name in ("made_at", "starts_at", "expires_at")}
    code = appeal_code(call.sources.database, entry.seq)
    return forms.Decision.model_validate({**asdict(entry), **times, "appeal_code": code})


def _list_decisions_in_force(call: Call) -> forms.Decisions:
    named, after = call.query.get("account_id"), _parse_query_number(call.query.get("after", "0"), "after")
    account = None if named is None else visible_id(named)  # as the readers of logs write it
    known, now = _caught_up(call), _read_clock_microseconds()
    if account is None:
        wanted = [one.seq for _account, one in islice(known.table.counting(now, after), PAGE + 1)]
    else:
        counts = known.table.find(account, now)
        wanted = [counts.seq] if counts is not None and counts.seq > after else []
    page = wanted[:PAGE]
    return forms.Decisions(
        revision=known.revision,
        decisions=[
            _build_decision_form(call, one)
            for one in reversed(read_newest(call.sources.database, PAGE, DECISIONS.c.seq.in_(page)))
        ],
        next=page[-1] if len(wanted) > PAGE else None,
    )


def _caught_up(call: Call) -> LiveDecisions:
    """What is in force, with what was just decided; refused where the log was changed or shortened."""
    call.sources.decisions.catch_up()
    _check_log(call)
    return call.sources.decisions


def _check_log(call: Call) -> None:
    """Refuse to decide on a log that this server does not follow, since it was changed or shortened."""
    if problem := call.sources.decisions.problems.get("decisions"):
        raise ProblemError(503, problem)


def _make_person_decision(call: Call) -> forms.Decision:
    _check_log(call)
    new: forms.NewDecision = call.body
    kind: Kind = "override" if new.override else "case"
    by, span = DecisionAuthor(new.by, new.note), DecisionSpan(_read_clock_microseconds(), new.days)
    return _build_decision_form(
        call, decide_as_person(call.sources.database, new.account_id, new.action, by, span, kind, new.reason)
    )


def _undo_person_decision(call: Call) -> forms.Decision:
    _check_log(call)
    return _build_decision_form(
        call,
        undo(call.sources.database, _in_path(call, "seq"), call.body.by, call.body.note, _read_clock_microseconds()),
    )


def _build_decision_bundle(call: Call) -> Response:
    revision, bundle = bundle_of(dict(_caught_up(call).table.counting(_read_clock_microseconds())))
    tag = {"etag": f'"{revision}"'}
    if call.unchanged == revision:
        return Response(status_code=304, headers=tag)
    return Response(bundle, 200, tag, BUNDLE_TYPE)


def _file_appeal(call: Call) -> forms.FiledAppeal:
    new, terms = call.body, call.sources.decisions.answers.policy.appeals
    text = (new.decision, visible_id(new.account_id), new.text)
    return _build_filed_appeal(
        file_appeal(call.sources.database, *text, call.token.name, terms, _read_clock_microseconds())
    )


def _build_filed_appeal(appeal: Appeal) -> forms.FiledAppeal:
    return forms.FiledAppeal.model_validate(_with_times(appeal))


def _with_times(appeal: Appeal) -> dict[str, Any]:
    return {
        **asdict(appeal),
        **{name: _build_utc_datetime(getattr(appeal, name)) for name in ("filed_at", "due_at", "decided_at")},
    }


def _find_customer_appeal(call: Call) -> forms.FiledAppeal:
    """An appeal for its customer: whoever guesses numbers must name the account, too."""
    appeal = find_appeal(call.sources.database, _in_path(call, "appeal_id"))
    if visible_id(call.query.get("account_id") or "") != appeal.account_id:
        raise ProblemError(404, f"there is no appeal {appeal.appeal_id}")
    return _build_filed_appeal(appeal)


def _list_full_appeals(call: Call) -> forms.Appeals:
    found = list_appeals(call.sources.database, open_only=call.query.get("all") != "true")
    return forms.Appeals(appeals=[forms.FullAppeal.model_validate(_with_times(one)) for one in found])


def _decide_appeal(call: Call) -> forms.FullAppeal:
    terms, said = call.sources.decisions.answers.policy.appeals, call.body
    decided = decide_appeal(
        call.sources.database,
        _in_path(call, "appeal_id"),
        overturn=said.overturn,
        by=said.by,
        note=said.note,
        terms=terms,
        now=_read_clock_microseconds(),
    )
    return forms.FullAppeal.model_validate(_with_times(decided))


def _compute_field_rates(call: Call) -> forms.Rates:
    database = call.sources.database
    _caught_up(call)
    found = field_rates(read_log(database), list_appeals(database, open_only=False), _read_clock_microseconds())
    return forms.Rates.model_validate({**asdict(found), "misleads": FIELD_RATES_MISLEAD})


def _list_known_tokens(call: Call) -> forms.KnownTokenList:
    rows = call.sources.database.read(select(TOKENS).order_by(TOKENS.c.made_at, TOKENS.c.token_id))
    times = ("made_at", "revoked_at")
    shown = [
        {**row, **{name: _build_utc_datetime(row[name]) for name in times}, "scopes": row["scopes"].split()}
        for row in rows
    ]
    return forms.KnownTokenList(tokens=[forms.KnownToken.model_validate(one) for one in shown])


def _make_token(call: Call) -> forms.MadeToken:
    new: forms.NewToken = call.body
    made = make_token(call.sources.database, new.name, frozenset(new.scopes), new.source)
    call.sources.tokens.reread()
    return forms.MadeToken(token=made)


def _rotate_api_token(call: Call) -> forms.MadeToken:
    made = rotate_token(call.sources.database, call.path["token_id"], call.body.hours)
    if made is None:
        raise ProblemError(404, "no token of this id counts")
    call.sources.tokens.reread()
    return forms.MadeToken(token=made)


def _revoke_api_token(call: Call) -> Response:
    if not revoke_token(call.sources.database, call.path["token_id"]):
        raise ProblemError(404, "no token of this id counts")
    call.sources.tokens.reread()
    return Response(status_code=204)


def _in_path(call: Call, name: str) -> int:
    number: int = call.path[name]
    if not 1 <= number <= forms.HIGHEST_NUMBER:
        raise ProblemError(404, "there is nothing with this number")
    return number


def _parse_query_number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(forms.HIGHEST_NUMBER)):
        raise ProblemError(400, f"{name}: a number is wanted")
    return int(text)


API_ROUTES = (
    ApiRoute(
        "GET",
        "/v1/decisions",
        ADMIN,
        "Decisions in force, in the order of the log.",
        _list_decisions_in_force,
        forms.Decisions,
        query={"account_id": "Only those about this account.", "after": "Only those after this place in the log."},
        problems=(400,),
    ),
    ApiRoute(
        "POST",
        "/v1/decisions",
        ADMIN,
        "Decide about an account as a person.",
        _make_person_decision,
        forms.Decision,
        forms.NewDecision,
        201,
        problems=(400, 413),
    ),
    ApiRoute(
        "POST",
        "/v1/decisions/{seq:int}/undo",
        ADMIN,
        "End a decision.",
        _undo_person_decision,
        forms.Decision,
        forms.Undo,
        201,
        problems=(400, 404, 413),
    ),
    ApiRoute(
        "GET",
        "/v1/bundles/decisions.tar.gz",
        DECIDE,
        "Decisions in force, as data for Open Policy Agent; 304 if If-None-Match names their revision.",
        _build_decision_bundle,
        problems=(304,),
    ),
    ApiRoute(
        "POST",
        "/v1/appeals",
        APPEAL,
        "File an appeal against a decision.",
        _file_appeal,
        forms.FiledAppeal,
        forms.NewAppeal,
        201,
        problems=(400, 404, 413),
    ),
    ApiRoute(
        "GET",
        "/v1/appeals/{appeal_id:int}",
        APPEAL,
        "What became of an appeal.",
        _find_customer_appeal,
        forms.FiledAppeal,
        query={"account_id": "The account that appealed; needed."},
        problems=(404,),
    ),
    ApiRoute(
        "GET",
        "/v1/appeals",
        ADMIN,
        "Open appeals, the most urgent first.",
        _list_full_appeals,
        forms.Appeals,
        query={"all": "true: those that were decided, too."},
    ),
    ApiRoute(
        "POST",
        "/v1/appeals/{appeal_id:int}/decision",
        ADMIN,
        "Decide an appeal.",
        _decide_appeal,
        forms.FullAppeal,
        forms.AppealDecision,
        problems=(400, 404, 409, 413),
    ),
    ApiRoute(
        "GET",
        "/v1/rates",
        ADMIN,
        "How often rules were wrong, as far as appeals tell.",
        _compute_field_rates,
        forms.Rates,
    ),
    ApiRoute(
        "GET", "/v1/tokens", ADMIN, "All tokens; none of them is shown.", _list_known_tokens, forms.KnownTokenList
    ),
    ApiRoute(
        "POST",
        "/v1/tokens",
        ADMIN,
        "Make a token; it is shown this once.",
        _make_token,
        forms.MadeToken,
        forms.NewToken,
        201,
        problems=(400, 413),
    ),
    ApiRoute(
        "POST",
        "/v1/tokens/{token_id}/rotate",
        ADMIN,
        "Replace a token with a new one.",
        _rotate_api_token,
        forms.MadeToken,
        forms.Rotation,
        201,
        problems=(400, 404, 413),
    ),
    ApiRoute(
        "DELETE", "/v1/tokens/{token_id}", ADMIN, "Revoke a token.", _revoke_api_token, status=204, problems=(404,)
    ),
)
"""All routes of the API. What they may answer besides: 401, 403, 429 and 503."""
