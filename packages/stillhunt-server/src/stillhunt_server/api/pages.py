"""Paths for machines and operators: health, figures for Prometheus, status, and the order to hunt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stillhunt import __version__
from stillhunt.base.errors import CaseError, StillhuntError
from stillhunt.base.units import SECOND
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.early_signs.signs import read_signs, sign_fields
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.records import linked_counts
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_server.api.api_routes import ApiSources, bearer_of, error_as_json, routes_of
from stillhunt_server.api.operations import API_ROUTES
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.receiving.traffic import Limits, Traffic
from stillhunt_server.tokens import ADMIN, KnownTokens

if TYPE_CHECKING:  # hunts bring 150 MB of libraries, which a process that only shows the console does without
    from stillhunt.watch.schedule import HuntSchedule
    from stillhunt_server.api.gateways import Gateways


def metrics_text(served: PageSources) -> tuple[bytes, str]:
    """The figures in Prometheus' text form, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(served))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Figures(Collector):
    def __init__(self, served: PageSources) -> None:
        self._served = served

    def collect(self) -> Iterator[Metric]:
        served = self._served
        began = {(fault.name,): fault.since / 1e6 for fault in served.faults.current()}
        yield _build_gauge_metric("fault_since", "When each present fault began, Unix time.", began, "fault")
        if served.traffic is not None:
            yield from _of_traffic(served.traffic)
        if served.schedule is not None:
            yield from _of_schedule(served.schedule)
        if served.gateways is not None:
            yield from _of_gateways(served.gateways)
        snapshot = latest_snapshot(served.folder)
        with suppress(CaseError):  # a damaged snapshot must not take the other figures away
            if snapshot is not None:
                yield from _of_snapshot(snapshot.facts())


Samples = Mapping[Any, float]
"""Values of the labels, a tuple of texts -> the figure."""


def _build_gauge_metric(name: str, about: str, figure: float | Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"stillhunt_{name}", about, labels=labels)
    for own, value in (figure if isinstance(figure, Mapping) else {(): figure}).items():
        family.add_metric(own, value)
    return family


def _build_counter_metric(name: str, about: str, figures: Samples, *labels: str) -> Metric:
    family = CounterMetricFamily(f"stillhunt_{name}", about, labels=labels)
    for own in sorted(figures):
        family.add_metric(own, figures[own])
    return family


def _by_source(counts: Mapping[str, float], sources: Iterable[str] | None = None) -> Samples:
    return {(source,): counts[source] for source in sorted(counts if sources is None else sources)}


def _of_snapshot(facts: dict[str, Any]) -> Iterator[Metric]:
    budget = facts["budget"]
    yield _build_gauge_metric(
        "snapshot_age_seconds", "Age of the latest snapshot.", time.time() - facts["made_at"] / 1e6
    )
    yield _build_gauge_metric("window_requests", "Requests in the window of the latest snapshot.", facts["requests"])
    yield _build_gauge_metric("window_rejects", "Rows of the window that could not be used.", facts["rejected"])
    yield _build_gauge_metric("required_bits", "Bits that the false-alarm budget asks for.", facts["required_bits"])
    spent = "Expected false campaigns of the looks of the last 30 days, at most."
    yield _build_gauge_metric("false_alarms_spent", spent, budget["spent"])
    yield _build_gauge_metric("false_alarms_allowed", "False campaigns allowed in 30 days.", budget["allowed"])


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    yield _build_counter_metric(
        "received_records", "Records on disk, by source.", _by_source(traffic.records), "source"
    )
    yield _build_counter_metric(
        "received_bytes", "Bytes of them.", _by_source(traffic.bytes, traffic.records), "source"
    )
    refused = "Requests and records that were refused, by source and reason."
    yield _build_counter_metric("refused", refused, traffic.refused, "source", "reason")
    yield _build_gauge_metric(
        "broker_waiting_messages", "Messages at the broker.", _by_source(traffic.waiting), "source"
    )
    failing = {(one,): one in traffic.problems for one in sorted({*traffic.waiting, *traffic.problems})}
    yield _build_gauge_metric("broker_failing", "1 while nothing comes from the broker.", failing, "source")
    lags = sorted(traffic.lag_seconds)
    if lags:
        lag = SummaryMetricFamily("stillhunt_ingest_lag_seconds", "From the end of a request to its sync on disk.")
        lag.add_metric([], len(lags), sum(lags))
        yield lag
        worst = lags[min(len(lags) - 1, int(0.99 * len(lags)))]
        yield _build_gauge_metric("ingest_lag_p99_seconds", "99th percentile of the latest 4,096 requests.", worst)


def _of_gateways(gateways: Gateways) -> Iterator[Metric]:
    answers = "Questions of gateways, by path and by what was answered: an action, none, unknown account, or refused."
    yield _build_counter_metric("gateway_answers", answers, gateways.answered, "path", "answer")
    counts = gateways.calls
    yield _build_counter_metric(
        "gateway_questions", "Answered questions, by source.", _by_source(counts.questions), "source"
    )
    late = "Questions whose answers came too late, as gateways tell."
    yield _build_counter_metric("gateway_unanswered", late, _by_source(counts.unanswered, counts.questions), "source")
    recent = counts.unasked()
    calls, passed = ({(name,): getattr(one, what) for name, one in recent.items()} for what in ("calls", "unasked"))
    yield _build_gauge_metric("recent_calls", "Calls of the last minutes.", calls, "source")
    yield _build_gauge_metric("recent_calls_unasked", "Of them, those without an answered question.", passed, "source")
    yield _build_gauge_metric("decisions", "Decisions that are held in memory.", len(gateways.decisions.table))
    age = gateways.decisions.age()
    about = "Seconds since the decisions were last read; infinite before the first time."
    yield _build_gauge_metric("decisions_age_seconds", about, math.inf if age is None else age)
    stale = bool(gateways.decisions.problems)
    yield _build_gauge_metric("decisions_stale", "1 while decisions, policy or tokens cannot be read again.", stale)


def _of_schedule(schedule: HuntSchedule) -> Iterator[Metric]:
    progress = schedule.progress
    leads = "1 where this process hunts, 0 while it waits for the lease of another."
    yield _build_gauge_metric("hunter_leads", leads, progress.leads)
    yield _build_counter_metric("hunts", "Hunts that ended, by result.", _by_source(progress.hunts), "result")
    if progress.last is not None:
        yield _build_gauge_metric("hunt_seconds", "Duration of the latest hunt.", progress.last.seconds)
        yield _build_gauge_metric("hunt_peak_bytes", "Peak memory of the latest hunt.", progress.last.peak_bytes)
    yield _build_gauge_metric("hunt_failures", "Hunts that failed since the last success.", progress.failures)


@dataclass(frozen=True)
class PageSources:
    """What the pages show."""

    folder: DataFolder
    tokens: KnownTokens
    traffic: Traffic | None = None  # counts of the receiver; None where this process receives nothing
    limits: Limits | None = None  # whether more may be accepted; None where this process receives nothing
    schedule: HuntSchedule | None = None
    database: WatchDatabase | None = None
    api: ApiSources | None = None  # what the API works on; None where this process has none
    gateways: Gateways | None = None  # what gateways asked; None where this process answers none
    faults: ServiceFaults = field(default_factory=ServiceFaults)


def pages_of(served: PageSources) -> Starlette:
    """The application for all paths that are no inlets."""
    pages = _Pages(served)
    made = Starlette(
        exception_handlers={HTTPException: error_as_json},
        routes=[
            Route("/healthz", pages.health),
            Route("/readyz", pages.ready),
            Route("/metrics", pages.metrics),
            Route("/v1/status", pages.status),
            Route("/v1/hunts", pages.hunt, methods=["POST"]),
            Route("/v1/openapi.json", pages.document),
            *(routes_of(API_ROUTES, served.api) if served.api is not None else ()),
        ],
    )
    made.router.redirect_slashes = False  # it would lead to whatever host the request names
    return made


class _Pages:
    def __init__(self, served: PageSources) -> None:
        self._served = served
        self._threads = served.api.threads if served.api is not None else DatabaseThreads(served.faults)

    async def health(self, _request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        """The process can do its work: there is room, the database answers, and hunts do not fail."""
        problems = self._list_readiness_problems()
        return PlainTextResponse("\n".join(problems or ["ready"]) + "\n", 503 if problems else 200)

    async def metrics(self, _request: Request) -> Response:
        """Figures for Prometheus; they name sources, never accounts."""
        text, content_type = metrics_text(self._served)
        return Response(text, media_type=content_type)

    async def status(self, request: Request) -> Response:
        """What is going on, for an administrator."""
        if refused := self._find_token_refusal(request):
            return refused
        linked: Mapping[str, Any] | None = {}
        if self._served.database is not None:
            try:
                linked = await self._threads.run(linked_counts, self._served.database)
            except StillhuntError:  # the faults say why
                linked = None
        return JSONResponse(self._build_status_document(linked))

    async def document(self, _request: Request) -> Response:
        """What the server answers, as an OpenAPI document; it holds no secret, so everybody may read it."""
        from stillhunt_server.api.openapi import openapi  # late, since it describes what gateways ask

        return JSONResponse(openapi())

    async def hunt(self, request: Request) -> Response:
        """Start a hunt as soon as none is running."""
        if refused := self._find_token_refusal(request):
            return refused
        if self._served.schedule is None:
            return JSONResponse({"error": "this process does not hunt; ask the one that does"}, 409)
        self._served.schedule.ask()
        return JSONResponse({"asked": True}, 202)

    def _find_token_refusal(self, request: Request) -> Response | None:
        text = bearer_of(request)
        try:
            token = self._served.tokens.find(text) if text else None
        except StillhuntError as error:
            return JSONResponse({"error": error.what}, 503, {"retry-after": "5"})
        if token is None or token.revoked:
            return JSONResponse({"error": "send a token of this server"}, 401, {"www-authenticate": "Bearer"})
        if ADMIN not in token.scopes:
            return JSONResponse({"error": "this needs a token with the scope 'admin'"}, 403)
        return None

    def _list_readiness_problems(self) -> list[str]:
        if not self._served.folder.spool.is_dir():
            return ["the data folder is gone"]
        found = []
        if self._served.limits is not None and (full := self._served.limits.full()):
            found.append(full)
        self._served.tokens.keep_fresh()
        if self._served.tokens.failure:
            found.append("the tokens cannot be read now")  # the reason may quote the database
        if self._served.api is not None and not self._served.api.decisions.revision:
            problems = self._served.api.decisions.problems
            found.append(problems.get("decisions", "the decisions were not read yet"))
        if self._served.schedule is not None and self._served.schedule.progress.failures:
            found.append("the latest hunt failed")
        return found + [fault.statement for fault in self._served.faults.current()]

    def _build_status_document(self, linked: Mapping[str, Any] | None) -> dict[str, Any]:
        served, snapshot = self._served, latest_snapshot(self._served.folder)
        traffic, schedule = served.traffic, served.schedule
        return {
            "version": __version__,
            "now": int(time.time()),
            "faults": [asdict(fault) for fault in served.faults.current()],
            "received": {} if traffic is None else dict(traffic.records),
            "refused": {} if traffic is None else {" ".join(key): count for key, count in traffic.refused.items()},
            "brokers": {} if traffic is None else dict(traffic.problems),
            "hunts": None if schedule is None else asdict(schedule.progress),
            "snapshot": _read_snapshot_facts(snapshot.facts) if snapshot is not None else None,
            "linked_accounts": linked,
            "tokens_read_at": served.tokens.read_at // SECOND,
            "decisions": None if served.gateways is None else _collect_gateway_status(served.gateways),
            "early_signs": [] if snapshot is None else [sign_fields(sign) for sign in read_signs(snapshot.path)],
        }


def _collect_gateway_status(gateways: Gateways) -> dict[str, Any]:
    return {
        "revision": gateways.decisions.revision,
        "held": len(gateways.decisions.table),
        "age_seconds": gateways.decisions.age(),
        "problems": dict(gateways.decisions.problems),
        "calls_of_last_minutes": {source: asdict(one) for source, one in gateways.calls.unasked().items()},
        "answered": {" ".join(key): count for key, count in sorted(gateways.answered.items())},
    }


def _read_snapshot_facts(read: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What is read; None where the snapshot is damaged."""
    try:
        return read()
    except StillhuntError:
        return None
