"""What plugins and the other distributions may import exists, says what it is, and its examples run."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = ("stillhunt.case", "stillhunt.logs", "stillhunt.plugins", "stillhunt.tools", "stillhunt.verdicts")


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_exists(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    assert len(set(module.__all__)) == len(module.__all__)
    for one in module.__all__:
        assert getattr(module, one) is not None, one


@pytest.mark.parametrize("name", ["stillhunt.case", "stillhunt.tools"])
def test_examples_run(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted >= 2
    assert not result.failed
