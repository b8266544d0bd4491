"""The API for people's tools and customer portals: decisions, appeals, tokens; each route with its scope."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel
from sqlalchemy import select
from starlette.responses import Response

from stillhunt.base.errors import CaseError
from stillhunt.base.ids import kept_id
from stillhunt.decide.appeals import Appeal, decide_appeal, file_appeal, find_appeal, list_appeals
from stillhunt.decide.entries import Kind, LogEntry
from stillhunt.decide.field_rates import FIELD_RATES_MISLEAD, field_rates
from stillhunt.decide.log import read_log, read_newest
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person, undo
from stillhunt.decide.second_person import approve_decision
from stillhunt.watch.database.audit import record_look
from stillhunt.watch.database.tables import DECISIONS, TOKENS
from stillhunt_server.api import forms
from stillhunt_server.api.api_routes import ApiRoute, Call, ProblemError
from stillhunt_server.api.forms import BUNDLE_TYPE, bundle_of
from stillhunt_server.appeal_codes import appeal_code
from stillhunt_server.case_views.key_use import list_own_decisions, read_key_use
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import ADMIN, APPEAL, DECIDE, make_token, revoke_token, rotate_token

PAGE = 1000
"""Most decisions in one answer."""
API_ROUTES: list[ApiRoute] = []
"""All routes of the API. What they may answer besides: 401, 403, 429 and 503."""
_Run = TypeVar("_Run", bound=Callable[[Call], BaseModel | Response])


def _route(method: str, path: str, scope: str, **more: Any) -> Callable[[_Run], _Run]:
    """Add a route: what it does is its docstring, and what it gives its return type."""

    def add_route(run: _Run) -> _Run:
        given = get_type_hints(run)["return"]
        form = None if given is Response else given
        API_ROUTES.append(ApiRoute(method, path, scope, run.__doc__ or "", run, form, **more))
        return run

    return add_route


def _read_clock_microseconds() -> int:
    return time.time_ns() // 1000


def _build_utc_datetime(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1e6, UTC)


def _build_decision_form(call: Call, entry: LogEntry) -> forms.Decision:
    times = {name: _build_utc_datetime(getattr(entry, name)) for name in ("made_at", "starts_at", "expires_at")}
    code = appeal_code(call.sources.database, entry.seq)
    return forms.Decision.model_validate({**asdict(entry), **times, "appeal_code": code})


@_route(
    "GET",
    "/v1/decisions",
    ADMIN,
    query={"account_id": "Only those about this account.", "after": "Only those after this place in the log."},
    problems=(400,),
)
def _list_decisions_in_force(call: Call) -> forms.Decisions:
    """Decisions in force, in the order of the log."""
    named, after = call.query.get("account_id"), _parse_query_number(call.query.get("after", "0"), "after")
    account = None if named is None else kept_id(named)  # as the readers of logs write it
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


@_route("POST", "/v1/decisions", ADMIN, sent=forms.NewDecision, status=201, problems=(400, 413))
def _make_person_decision(call: Call) -> forms.Decision:
    """Decide about an account as a person; `dry_run` is true where a second person has to approve it first."""
    _check_log(call)
    new: forms.NewDecision = call.body
    kind: Kind = "override" if new.override else "case"
    by, span = DecisionAuthor(new.by, new.note), DecisionSpan(_read_clock_microseconds(), new.days)
    second_person = call.sources.decisions.answers.policy.second_person
    return _build_decision_form(
        call,
        decide_as_person(call.sources.database, new.account_id, new.action, by, span, kind, new.reason, second_person),
    )


@_route("POST", "/v1/decisions/{seq:int}/approve", ADMIN, sent=forms.Undo, status=201, problems=(400, 404, 413))
def _approve_person_decision(call: Call) -> forms.Decision:
    """Approve, as a second person, a decision about an account that waits for one."""
    _check_log(call)
    about = (call.body.by, call.body.note, _read_clock_microseconds())
    return _build_decision_form(call, approve_decision(call.sources.database, _in_path(call, "seq"), *about))


@_route("POST", "/v1/decisions/{seq:int}/undo", ADMIN, sent=forms.Undo, status=201, problems=(400, 404, 413))
def _undo_person_decision(call: Call) -> forms.Decision:
    """End a decision."""
    _check_log(call)
    return _build_decision_form(
        call,
        undo(call.sources.database, _in_path(call, "seq"), call.body.by, call.body.note, _read_clock_microseconds()),
    )


@_route("GET", "/v1/bundles/decisions.tar.gz", DECIDE, problems=(304,))
def _build_decision_bundle(call: Call) -> Response:
    """Decisions in force, as data for Open Policy Agent; 304 if If-None-Match names their revision."""
    revision, bundle = bundle_of(dict(_caught_up(call).table.counting(_read_clock_microseconds())))
    tag = {"etag": f'"{revision}"'}
    if call.unchanged == revision:
        return Response(status_code=304, headers=tag)
    return Response(bundle, 200, tag, BUNDLE_TYPE)


@_route("POST", "/v1/appeals", APPEAL, sent=forms.NewAppeal, status=201, problems=(400, 404, 413))
def _file_appeal(call: Call) -> forms.FiledAppeal:
    """File an appeal against a decision."""
    new, terms = call.body, call.sources.decisions.answers.policy.appeals
    text = (new.decision, kept_id(new.account_id), new.text)
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


@_route(
    "GET",
    "/v1/appeals/{appeal_id:int}",
    APPEAL,
    query={"account_id": "The account that appealed; needed."},
    problems=(404,),
)
def _find_customer_appeal(call: Call) -> forms.FiledAppeal:
    """What became of an appeal."""
    appeal = find_appeal(call.sources.database, _in_path(call, "appeal_id"))
    # Whoever guesses numbers must name the account, too.
    if kept_id(call.query.get("account_id") or "") != appeal.account_id:
        raise ProblemError(404, f"there is no appeal {appeal.appeal_id}")
    return _build_filed_appeal(appeal)


@_route(
    "GET",
    "/v1/key-use",
    APPEAL,
    query={"account_id": "Whose key."},
    problems=(400, 404),
)
def _tell_key_use(call: Call) -> forms.KeyUse:
    """What happened to a customer's key: when and from where it was used, and what was decided about it."""
    account, database, folder = kept_id(call.query.get("account_id", "")), call.sources.database, call.sources.folder
    if not account or folder is None:
        raise ProblemError(400, "name the account: account_id")
    record_look(database, f"token {call.token.name}", "account", account)
    try:
        requests, hours = read_key_use(folder, account)
    except CaseError as error:
        raise ProblemError(404, error.what) from error
    decided = [
        forms.OwnDecision(
            decision=one["seq"],
            action=one["action"],
            starts_at=_build_utc_datetime(one["starts_at"]),
            expires_at=_build_utc_datetime(one["expires_at"]),
            appeal_code=one["code"],
        )
        for one in list_own_decisions(database, account)
    ]
    told = [forms.UsedHour(**row) for row in hours.to_pylist()]
    return forms.KeyUse(account_id=account, requests=requests, hours=told, decisions=decided)


@_route("GET", "/v1/appeals", ADMIN, query={"all": "true: those that were decided, too."})
def _list_full_appeals(call: Call) -> forms.Appeals:
    """Open appeals, the most urgent first."""
    found = list_appeals(call.sources.database, open_only=call.query.get("all") != "true")
    return forms.Appeals(appeals=[forms.FullAppeal.model_validate(_with_times(one)) for one in found])


@_route("POST", "/v1/appeals/{appeal_id:int}/decision", ADMIN, sent=forms.AppealDecision, problems=(400, 404, 409, 413))
def _decide_appeal(call: Call) -> forms.FullAppeal:
    """Decide an appeal."""
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


@_route("GET", "/v1/rates", ADMIN)
def _compute_field_rates(call: Call) -> forms.Rates:
    """How often rules were wrong, as far as appeals tell."""
    database = call.sources.database
    _caught_up(call)
    found = field_rates(read_log(database), list_appeals(database, open_only=False), _read_clock_microseconds())
    return forms.Rates.model_validate({**asdict(found), "misleads": FIELD_RATES_MISLEAD})


@_route("GET", "/v1/tokens", ADMIN)
def _list_known_tokens(call: Call) -> forms.KnownTokenList:
    """All tokens; none of them is shown."""
    rows = call.sources.database.read(select(TOKENS).order_by(TOKENS.c.made_at, TOKENS.c.token_id))
    times = ("made_at", "revoked_at")
    shown = [
        {**row, **{name: _build_utc_datetime(row[name]) for name in times}, "scopes": row["scopes"].split()}
        for row in rows
    ]
    return forms.KnownTokenList(tokens=[forms.KnownToken.model_validate(one) for one in shown])


@_route("POST", "/v1/tokens", ADMIN, sent=forms.NewToken, status=201, problems=(400, 413))
def _make_token(call: Call) -> forms.MadeToken:
    """Make a token; it is shown this once."""
    new: forms.NewToken = call.body
    made = make_token(call.sources.database, new.name, frozenset(new.scopes), new.source)
    call.sources.tokens.reread()
    return forms.MadeToken(token=made)


@_route("POST", "/v1/tokens/{token_id}/rotate", ADMIN, sent=forms.Rotation, status=201, problems=(400, 404, 413))
def _rotate_api_token(call: Call) -> forms.MadeToken:
    """Replace a token with a new one."""
    made = rotate_token(call.sources.database, call.path["token_id"], call.body.hours)
    if made is None:
        raise ProblemError(404, "no token of this id counts")
    call.sources.tokens.reread()
    return forms.MadeToken(token=made)


@_route("DELETE", "/v1/tokens/{token_id}", ADMIN, status=204, problems=(404,))
def _revoke_api_token(call: Call) -> Response:
    """Revoke a token."""
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
