"""Figures for Prometheus, made when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from stillhunt.base.errors import CaseError
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.schedule import HuntSchedule
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.web.gateways import Gateways
from stillhunt.web.traffic import Traffic


def metrics_text(
    folder: DataFolder,
    traffic: Traffic | None,
    schedule: HuntSchedule | None,
    gateways: Gateways | None,
    faults: ServiceFaults,
) -> tuple[bytes, str]:
    """The figures in Prometheus' text form, and its content type.

    Args:
        traffic: counts of the receiver, if this process has one.
        schedule: of the hunts, if this process hunts.
        gateways: what they asked, if this process answers them.
        faults: what does not work in this process.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(partial(_figures, folder, traffic, schedule, gateways, faults)))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Figures(Collector):
    def __init__(self, parts: Callable[[], Iterator[Metric]]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        return self._parts()


def _figures(
    folder: DataFolder,
    traffic: Traffic | None,
    schedule: HuntSchedule | None,
    gateways: Gateways | None,
    faults: ServiceFaults,
) -> Iterator[Metric]:
    began = {(fault.name,): fault.since / 1e6 for fault in faults.current()}
    yield _gauge("fault_since", "When each present fault began, Unix time.", began, "fault")
    if traffic is not None:
        yield from _of_traffic(traffic)
    if schedule is not None:
        yield from _of_schedule(schedule)
    if gateways is not None:
        yield from _of_gateways(gateways)
    snapshot = latest_snapshot(folder)
    with suppress(CaseError):  # a damaged snapshot must not take the other figures away
        if snapshot is not None:
            yield from _of_snapshot(snapshot.facts())


Samples = Mapping[Any, float]
"""Values of the labels, a tuple of texts -> the figure."""


def _gauge(name: str, about: str, figure: float | Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(f"stillhunt_{name}", about, labels=labels)
    for own, value in (figure if isinstance(figure, Mapping) else {(): figure}).items():
        family.add_metric(own, value)
    return family


def _counter(name: str, about: str, figures: Samples, *labels: str) -> Metric:
    family = CounterMetricFamily(f"stillhunt_{name}", about, labels=labels)
    for own in sorted(figures):
        family.add_metric(own, figures[own])
    return family


def _by_source(counts: Mapping[str, float], sources: Iterable[str] | None = None) -> Samples:
    return {(source,): counts[source] for source in sorted(counts if sources is None else sources)}


def _of_snapshot(facts: dict[str, Any]) -> Iterator[Metric]:
    budget = facts["budget"]
    yield _gauge("snapshot_age_seconds", "Age of the latest snapshot.", time.time() - facts["made_at"] / 1e6)
    yield _gauge("window_requests", "Requests in the window of the latest snapshot.", facts["requests"])
    yield _gauge("window_rejects", "Rows of the window that could not be used.", facts["rejected"])
    yield _gauge("required_bits", "Bits that the false-alarm budget asks for.", facts["required_bits"])
    spent = "Expected false campaigns of the looks of the last 30 days, at most."
    yield _gauge("false_alarms_spent", spent, budget["spent"])
    yield _gauge("false_alarms_allowed", "False campaigns allowed in 30 days.", budget["allowed"])


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    yield _counter("received_records", "Records on disk, by source.", _by_source(traffic.records), "source")
    yield _counter("received_bytes", "Bytes of them.", _by_source(traffic.bytes, traffic.records), "source")
    refused = "Requests and records that were refused, by source and reason."
    yield _counter("refused", refused, traffic.refused, "source", "reason")
    yield _gauge("broker_waiting_messages", "Messages at the broker.", _by_source(traffic.waiting), "source")
    failing = {(one,): one in traffic.problems for one in sorted({*traffic.waiting, *traffic.problems})}
    yield _gauge("broker_failing", "1 while nothing comes from the broker.", failing, "source")
    lags = sorted(traffic.lag_seconds)
    if lags:
        lag = SummaryMetricFamily("stillhunt_ingest_lag_seconds", "From the end of a request to its sync on disk.")
        lag.add_metric([], len(lags), sum(lags))
        yield lag
        worst = lags[min(len(lags) - 1, int(0.99 * len(lags)))]
        yield _gauge("ingest_lag_p99_seconds", "99th percentile of the latest 4,096 requests.", worst)


def _of_gateways(gateways: Gateways) -> Iterator[Metric]:
    answers = "Questions of gateways, by path and by what was answered: an action, none, unknown account, or refused."
    yield _counter("gateway_answers", answers, gateways.answered, "path", "answer")
    counts = gateways.calls
    yield _counter("gateway_questions", "Answered questions, by source.", _by_source(counts.questions), "source")
    late = "Questions whose answers came too late, as gateways tell."
    yield _counter("gateway_unanswered", late, _by_source(counts.unanswered, counts.questions), "source")
    recent = counts.unasked()
    calls, passed = ({(name,): getattr(one, what) for name, one in recent.items()} for what in ("calls", "unasked"))
    yield _gauge("recent_calls", "Calls of the last minutes.", calls, "source")
    yield _gauge("recent_calls_unasked", "Of them, those without an answered question.", passed, "source")
    yield _gauge("decisions", "Decisions that are held in memory.", len(gateways.decisions.table))
    stale = bool(gateways.decisions.problems)
    yield _gauge("decisions_stale", "1 while decisions, policy or tokens cannot be read again.", stale)


def _of_schedule(schedule: HuntSchedule) -> Iterator[Metric]:
    progress = schedule.progress
    yield _counter("hunts", "Hunts that ended, by result.", _by_source(progress.hunts), "result")
    if progress.last is not None:
        yield _gauge("hunt_seconds", "Duration of the latest hunt.", progress.last.seconds)
        yield _gauge("hunt_peak_bytes", "Peak memory of the latest hunt.", progress.last.peak_bytes)
    yield _gauge("hunt_failures", "Hunts that failed since the last success.", progress.failures)
