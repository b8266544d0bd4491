from __future__ import annotations

import pytest
from small_log import SmallLog, Stages, build_small_log, run_stages

import stillhunt


@pytest.fixture(scope="session")
def log() -> SmallLog:
    return build_small_log()


@pytest.fixture(scope="session")
def case(log: SmallLog) -> stillhunt.Case:
    """The plain hunt that all others are compared with."""
    return stillhunt.hunt(log.requests, log.accounts, log.config)


@pytest.fixture(scope="session")
def stages(log: SmallLog) -> Stages:
    return run_stages(log)
