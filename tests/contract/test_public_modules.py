"""What plugins and the other distributions may import exists, says what it is, and its examples run."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module

import pytest

_NAMES = ("case", "commands", "live", "logs", "plugins", "tools", "verdicts", "ledger.chain", "ledger.file_ledger")
MODULES = (*(f"stillhunt.{name}" for name in _NAMES), "stillhunt_server.plugins")
EXAMPLES = tuple(f"stillhunt.{name}" for name in ("case", "tools", "base.formatting", "base.wording", "decide.actions"))
"""Modules whose docstrings have examples: those of the functions that are used most."""


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_exists(name: str) -> None:
    module = import_module(name)
    assert module.__doc__
    names = getattr(module, "__all__", ())
    assert len(set(names)) == len(names)
    for one in names:
        assert getattr(module, one) is not None, one


def test_a_module_that_is_offered_is_loaded_where_nothing_else_was() -> None:
    code = "from stillhunt.tools import formatting; print(formatting.__name__)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "stillhunt.base.formatting\n"


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted >= 1
    assert not result.failed
