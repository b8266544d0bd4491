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
from stillhunt.base.installing import install_command
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.objects import is_object_store, open_object_store
from stillhunt_server.receiving.dead_letters import DeadLetters
from stillhunt_server.receiving.sinks import RecordSink
from stillhunt_server.receiving.traffic import Limits, Traffic

_BROKERS = {"nats": ("nats_inlet", "NATS", "nats_url"), "kafka": ("kafka_topic", "Kafka", "kafka_servers")}
"""Broker, and the extra that brings its client -> the module here, its name, and the setting that needs it."""


class Intake(NamedTuple):
    """What an inlet works with."""

    limits: Limits  # whether there is room; while there is none, records stay where they are
    traffic: Traffic
    letters: DeadLetters  # take what a fault of ours keeps from being decoded
    faults: ServiceFaults  # where a fall of the inlet is reported


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
    made = load_broker(broker).KafkaInlet if broker == "kafka" else load_broker(broker).NatsInlet
    inlet = made(settings, sink, intake.limits, intake.traffic, intake.letters)
    inlet.thread.report_to(intake.faults)
    inlet.start()
    try:
        yield
    finally:
        inlet.stop()


def load_broker(broker: str) -> ModuleType:
    """The module that speaks with a broker, an optional part.

    Args:
        broker: "nats" or "kafka".

    Raises:
        ConfigError: its client is not installed.
    """
    module, name, setting = _BROKERS[broker]
    try:
        return import_module(f"stillhunt_server.receiving.{module}")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"serve.{setting} is set, but the client of {name} is not installed",
            where=f"setting serve.{setting}",
            next_step=install_command(broker),
        ) from error


def check_broker(settings: ServeSettings) -> None:
    """Connect once to each broker and to the store; do nothing where none is set.

    Raises:
        ConfigError: that fails.
    """
    problems = {}
    if settings.nats_url:
        problems["nats_url"] = asyncio.run(load_broker("nats").problem_with(settings))
    if settings.kafka_servers:
        problems["kafka_servers"] = load_broker("kafka").find_kafka_problem(settings)
    if is_object_store(settings.store):
        try:
            open_object_store(settings.store).list_folders("records")
        except OSError as error:
            problems["store"] = error.strerror or type(error).__name__
    for setting, problem in problems.items():
        if problem:
            raise ConfigError(problem, where=f"setting serve.{setting}", next_step="repair it, or start what it names")
