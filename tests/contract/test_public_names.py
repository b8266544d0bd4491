"""The public names of the library are few, and all of them exist; everything else is private until 1.0."""

from __future__ import annotations

import inspect
import subprocess
import sys

import stillhunt
from stillhunt.base import errors

PUBLIC = {
    "Case",
    "CaseError",
    "Config",
    "ConfigError",
    "ContractError",
    "EngineError",
    "InputError",
    "OutputError",
    "PackError",
    "StillhuntError",
    "hunt",
}


def test_public_names_are_these_and_no_others() -> None:
    assert set(stillhunt.__all__) - {"__version__"} == PUBLIC


def test_public_names_exist() -> None:
    for name in stillhunt.__all__:
        assert getattr(stillhunt, name) is not None


def test_every_error_is_public_and_documented() -> None:
    classes = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, Exception)]
    assert {cls.__name__ for cls in classes} == {name for name in PUBLIC if name.endswith("Error")}
    for cls in classes:
        assert issubclass(cls, errors.StillhuntError)
        assert cls.__name__ in (errors.__doc__ or "")


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Heavy modules are loaded when a name is first used, so that every command starts fast."""
    heavy = ("pyarrow", "numba", "duckdb", "pydantic", "scipy")
    code = f"import sys, stillhunt, stillhunt.cli; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"
