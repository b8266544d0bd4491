"""Figures for Prometheus, made when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
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
from stillhunt.web.unasked import CallCounts


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
    registry.register(_Figures(folder, traffic, schedule, gateways, faults))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


class _Figures(Collector):
    def __init__(
        self,
        folder: DataFolder,
        traffic: Traffic | None,
        schedule: HuntSchedule | None,
        gateways: Gateways | None,
        faults: ServiceFaults,
    ) -> None:
        self._folder, self._traffic, self._schedule, self._gateways = folder, traffic, schedule, gateways
        self._faults = faults

    def collect(self) -> Iterator[Metric]:
        yield from _of_faults(self._faults)
        if self._traffic is not None:
            yield from _of_traffic(self._traffic)
        if self._schedule is not None:
            yield from _of_schedule(self._schedule)
        if self._gateways is not None:
            yield from _of_gateways(self._gateways)
        snapshot = latest_snapshot(self._folder)
        with suppress(CaseError):  # a damaged snapshot must not take the other figures away
            if snapshot is not None:
                yield from _of_snapshot(snapshot.facts())


def _of_faults(faults: ServiceFaults) -> Iterator[Metric]:
    began = GaugeMetricFamily("stillhunt_fault_since", "When each present fault began, Unix time.", labels=["fault"])
    for fault in faults.current():
        began.add_metric([fault.name], fault.since / 1e6)
    yield began


def _of_snapshot(facts: dict[str, Any]) -> Iterator[Metric]:
    age = GaugeMetricFamily("stillhunt_snapshot_age_seconds", "Age of the latest snapshot.")
    age.add_metric([], time.time() - facts["made_at"] / 1e6)
    yield age
    requests = GaugeMetricFamily("stillhunt_window_requests", "Requests in the window of the latest snapshot.")
    requests.add_metric([], facts["requests"])
    yield requests
    rejected = GaugeMetricFamily("stillhunt_window_rejects", "Rows of the window that could not be used.")
    rejected.add_metric([], facts["rejected"])
    yield rejected
    budget = GaugeMetricFamily("stillhunt_required_bits", "Bits that the false-alarm budget asks for.")
    budget.add_metric([], facts["required_bits"])
    yield budget
    spent = GaugeMetricFamily(
        "stillhunt_false_alarms_spent", "Expected false campaigns of the looks of the last 30 days, at most."
    )
    spent.add_metric([], facts["budget"]["spent"])
    yield spent
    allowed = GaugeMetricFamily("stillhunt_false_alarms_allowed", "False campaigns allowed in 30 days.")
    allowed.add_metric([], facts["budget"]["allowed"])
    yield allowed


def _of_traffic(traffic: Traffic) -> Iterator[Metric]:
    records = CounterMetricFamily("stillhunt_received_records", "Records on disk, by source.", labels=["source"])
    size = CounterMetricFamily("stillhunt_received_bytes", "Bytes of them.", labels=["source"])
    for source, count in sorted(traffic.records.items()):
        records.add_metric([source], count)
        size.add_metric([source], traffic.bytes[source])
    yield records
    yield size
    refused = CounterMetricFamily(
        "stillhunt_refused",
        "Requests and records that were refused, by source and reason.",
        labels=["source", "reason"],
    )
    for (source, reason), count in sorted(traffic.refused.items()):
        refused.add_metric([source, reason], count)
    yield refused
    waiting = GaugeMetricFamily("stillhunt_broker_waiting_messages", "Messages at the broker.", labels=["source"])
    for source, count in sorted(traffic.waiting.items()):
        waiting.add_metric([source], count)
    yield waiting
    failing = GaugeMetricFamily("stillhunt_broker_failing", "1 while nothing comes from the broker.", labels=["source"])
    for source in sorted({*traffic.waiting, *traffic.problems}):
        failing.add_metric([source], source in traffic.problems)
    yield failing
    lags = sorted(traffic.lag_seconds)
    if lags:
        lag = SummaryMetricFamily("stillhunt_ingest_lag_seconds", "From the end of a request to its sync on disk.")
        lag.add_metric([], len(lags), sum(lags))
        yield lag
        worst = GaugeMetricFamily("stillhunt_ingest_lag_p99_seconds", "99th percentile of the latest 4,096 requests.")
        worst.add_metric([], lags[min(len(lags) - 1, int(0.99 * len(lags)))])
        yield worst


def _of_gateways(gateways: Gateways) -> Iterator[Metric]:
    answers = CounterMetricFamily(
        "stillhunt_gateway_answers",
        "Questions of gateways, by path and by what was answered: an action, none, unknown account, or refused.",
        labels=["path", "answer"],
    )
    for (path, answer), count in sorted(gateways.answered.items()):
        answers.add_metric([path, answer], count)
    yield answers
    yield from _of_calls(gateways.calls)
    decisions = GaugeMetricFamily("stillhunt_decisions", "Decisions that are held in memory.")
    decisions.add_metric([], len(gateways.decisions.table))
    yield decisions
    stale = GaugeMetricFamily("stillhunt_decisions_stale", "1 while decisions, policy or tokens cannot be read again.")
    stale.add_metric([], bool(gateways.decisions.problems))
    yield stale


def _of_calls(counts: CallCounts) -> Iterator[Metric]:
    asked = CounterMetricFamily("stillhunt_gateway_questions", "Answered questions, by source.", labels=["source"])
    unanswered = CounterMetricFamily(
        "stillhunt_gateway_unanswered", "Questions whose answers came too late, as gateways tell.", labels=["source"]
    )
    for source in sorted(counts.questions):
        asked.add_metric([source], counts.questions[source])
        unanswered.add_metric([source], counts.unanswered[source])
    yield asked
    yield unanswered
    calls = GaugeMetricFamily("stillhunt_recent_calls", "Calls of the last minutes.", labels=["source"])
    passed = GaugeMetricFamily(
        "stillhunt_recent_calls_unasked", "Of them, those without an answered question.", labels=["source"]
    )
    for source, one in counts.unasked().items():
        calls.add_metric([source], one.calls)
        passed.add_metric([source], one.unasked)
    yield calls
    yield passed


def _of_schedule(schedule: HuntSchedule) -> Iterator[Metric]:
    progress = schedule.progress
    hunts = CounterMetricFamily("stillhunt_hunts", "Hunts that ended, by result.", labels=["result"])
    for result, count in sorted(progress.hunts.items()):
        hunts.add_metric([result], count)
    yield hunts
    if progress.last is not None:
        seconds = GaugeMetricFamily("stillhunt_hunt_seconds", "Duration of the latest hunt.")
        seconds.add_metric([], progress.last.seconds)
        yield seconds
        memory = GaugeMetricFamily("stillhunt_hunt_peak_bytes", "Peak memory of the latest hunt.")
        memory.add_metric([], progress.last.peak_bytes)
        yield memory
    failures = GaugeMetricFamily("stillhunt_hunt_failures", "Hunts that failed since the last success.")
    failures.add_metric([], progress.failures)
    yield failures
