"""One stillhunt and one model for all tests of gateways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateways.proxies import NAMES, Around, program_of
from gateways.services import stillhunt
from gateways.surroundings import model


@pytest.fixture(scope="session")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    with model() as made, stillhunt(tmp_path_factory.mktemp("gateways"), NAMES) as (service, decisions):
        yield Around(service, made, decisions)


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    """Each gateway that is installed."""
    program_of(request.param)
    return str(request.param)
