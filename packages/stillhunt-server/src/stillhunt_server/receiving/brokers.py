"""Inlets that fetch from a broker, where the settings name one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import ConfigError
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.objects import is_object_store, open_object_store
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.sinks import RecordSink
from stillhunt_server.receiving.traffic import Limits, Traffic

NATS_EXTRA, KAFKA_EXTRA = "stillhunt[nats]", "stillhunt[kafka]"


class Intake(NamedTuple):
    """What an inlet works with.

    Attributes:
        limits: whether there is room; while there is none, records stay where they are.
        letters: take what a fault of ours keeps from being decoded.
        faults: where a fall of the inlet is reported.
    """

    limits: Limits
    traffic: Traffic
    letters: DeadLetters
    faults: ServiceFaults


@contextmanager
def fetching(settings: ServeSettings, sink: RecordSink, intake: Intake) -> Iterator[None]:
    """Fetch from the brokers of the settings; do nothing where none is set, or where it is the store.

    Raises:
        ConfigError: the client of a broker is not installed.
    """
    with ExitStack() as opened:
        if settings.nats_url and settings.store != "nats":
            opened.enter_context(fetching_from("nats", settings, sink, intake))
        if settings.kafka_servers and settings.store != "kafka":
            opened.enter_context(fetching_from("kafka", settings, sink, intake))
        yield


@contextmanager
def fetching_from(broker: str, settings: ServeSettings, sink: RecordSink, intake: Intake) -> Iterator[None]:
    """Fetch from a broker into a sink.

    Args:
        broker: "nats" or "kafka".

    Raises:
        ConfigError: its client is not installed.
    """
    made = load_kafka().KafkaInlet if broker == "kafka" else load_nats().NatsInlet
    inlet = made(settings, sink, intake.limits, intake.traffic, intake.letters)
    inlet.thread.report_to(intake.faults)
    inlet.start()
    try:
        yield
    finally:
        inlet.stop()


def load_nats() -> ModuleType:
    """The module that speaks with NATS, an optional part.

    Raises:
        ConfigError: its client is not installed.
    """
    try:
        return import_module("stillhunt_server.receiving.nats_inlet")
    except ModuleNotFoundError as error:
        raise _build_missing_client_error("nats_url", "NATS", NATS_EXTRA) from error


def load_kafka() -> ModuleType:
    """The module that speaks with Kafka, an optional part.

    Raises:
        ConfigError: its client is not installed.
    """
    try:
        return import_module("stillhunt_server.receiving.kafka_topic")
    except ModuleNotFoundError as error:
        raise _build_missing_client_error("kafka_servers", "Kafka", KAFKA_EXTRA) from error


def check_broker(settings: ServeSettings) -> None:
    """Connect once to each broker and to the store; do nothing where none is set.

    Raises:
        ConfigError: that fails.
    """
    problems = {}
    if settings.nats_url:
        problems["nats_url"] = asyncio.run(load_nats().problem_with(settings))
    if settings.kafka_servers:
        problems["kafka_servers"] = load_kafka().find_kafka_problem(settings)
    if is_object_store(settings.store):
        try:
            open_object_store(settings.store).list_folders("records")
        except OSError as error:
            problems["store"] = error.strerror or type(error).__name__
    for setting, problem in problems.items():
        if problem:
            raise ConfigError(problem, where=f"setting serve.{setting}", next_step="repair it, or start what it names")


def _build_missing_client_error(setting: str, what: str, extra: str) -> ConfigError:
    return ConfigError(
        f"serve.{setting} is set, but the client of {what} is not installed",
        where=f"setting serve.{setting}",
        next_step=f"pip install '{extra}'",
    )
