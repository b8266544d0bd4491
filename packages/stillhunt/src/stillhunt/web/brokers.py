"""Inlets that fetch from a broker, where the settings name one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import ConfigError
from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.committer import Committer
from stillhunt.watch.spool.dead_letters import DeadLetters
from stillhunt.web.traffic import Limits, Traffic

NATS_EXTRA = "stillhunt[nats]"


@parameter_table("web.nats", "How messages are fetched from NATS JetStream.")
@dataclass(frozen=True)
class NatsPace:
    """How messages are fetched, and when that is tried again."""

    batch: int = parameter(
        128,
        unit="messages",
        meaning="Most messages that are fetched, synced and acknowledged together.",
        provenance=judgement("a sync takes milliseconds; at NATS' usual limit of 1 MB a message, 128 MB of memory"),
    )
    fetch_seconds: float = parameter(
        1.0,
        unit="seconds",
        meaning="How long one fetch waits for messages.",
        provenance=judgement("the process ends within it"),
    )
    acknowledge_seconds: float = parameter(
        60.0,
        unit="seconds",
        meaning="Time after which a message that was not acknowledged is delivered again; of a consumer made here.",
        provenance=judgement("longer than a sync on a disk that is busy"),
    )
    first_wait: float = parameter(
        1.0,
        unit="seconds",
        meaning="Wait after a failure; it doubles with each further one.",
        provenance=judgement("a broker that is restarted is back within seconds"),
    )
    longest_wait: float = parameter(
        30.0,
        unit="seconds",
        meaning="Longest wait between two tries.",
        provenance=judgement("soon enough for a broker that was away for hours"),
    )


PACE = values_of(NatsPace)


@contextmanager
def fetching(
    settings: ServeSettings,
    committer: Committer,
    limits: Limits,
    traffic: Traffic,
    letters: DeadLetters,
    faults: ServiceFaults,
) -> Iterator[None]:
    """Fetch from the broker of `serve.nats_url`; do nothing where it is empty.

    Args:
        letters: keep what a fault of ours keeps from being decoded.
        faults: where a fall of the inlet is reported.

    Raises:
        ConfigError: the client of the broker is not installed.
    """
    if not settings.nats_url:
        yield
        return
    try:
        from stillhunt.web.nats_inlet import NatsInlet  # an optional part
    except ModuleNotFoundError as error:
        raise _missing() from error
    inlet = NatsInlet(settings, committer, limits, traffic, letters)
    inlet.thread.report_to(faults)
    inlet.start()
    try:
        yield
    finally:
        inlet.stop()


def check_broker(settings: ServeSettings) -> None:
    """Connect once and look for the stream; do nothing where no broker is set.

    Raises:
        ConfigError: that fails.
    """
    if not settings.nats_url:
        return
    try:
        from stillhunt.web.nats_inlet import problem_with  # an optional part
    except ModuleNotFoundError as error:
        raise _missing() from error
    if problem := asyncio.run(problem_with(settings)):
        raise ConfigError(problem, where="setting serve.nats_url", next_step="mend it, or start the broker")


def _missing() -> ConfigError:
    return ConfigError(
        "serve.nats_url is set, but the client of NATS is not installed",
        where="setting serve.nats_url",
        next_step=f"pip install '{NATS_EXTRA}'",
    )
