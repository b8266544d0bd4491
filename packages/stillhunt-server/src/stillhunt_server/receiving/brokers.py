"""Inlets that fetch from a broker, where the settings name one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import ConfigError
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.committer import Committer
from stillhunt.watch.spool.dead_letters import DeadLetters
from stillhunt_server.receiving.traffic import Limits, Traffic

NATS_EXTRA = "stillhunt[nats]"


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
        faults: where a fall of the inlet is reported.

    Raises:
        ConfigError: the client of the broker is not installed.
    """
    if not settings.nats_url:
        yield
        return
    try:
        from stillhunt_server.receiving.nats_inlet import NatsInlet  # an optional part
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
        from stillhunt_server.receiving.nats_inlet import problem_with  # an optional part
    except ModuleNotFoundError as error:
        raise _missing() from error
    if problem := asyncio.run(problem_with(settings)):
        raise ConfigError(problem, where="setting serve.nats_url", next_step="repair it, or start the broker")


def _missing() -> ConfigError:
    return ConfigError(
        "serve.nats_url is set, but the client of NATS is not installed",
        where="setting serve.nats_url",
        next_step=f"pip install '{NATS_EXTRA}'",
    )
