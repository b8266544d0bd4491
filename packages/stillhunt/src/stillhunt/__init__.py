"""stillhunt finds who is distilling your model.

Public names: `hunt`, `Case`, `Config` and the errors. All else is private until 1.0. They are loaded when first used,
so that `stillhunt --help` does not wait for numba.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stillhunt._kernel_cache import choose_kernel_cache
from stillhunt._version import __version__

choose_kernel_cache()

if TYPE_CHECKING:
    from stillhunt.base.config import Config
    from stillhunt.base.errors import (
        CaseError,
        ConfigError,
        ContractError,
        EngineError,
        InputError,
        OutputError,
        PackError,
        StillhuntError,
    )
    from stillhunt.pipeline import hunt
    from stillhunt.triage import Case

_HOMES = {
    "hunt": "stillhunt.pipeline",
    "Case": "stillhunt.triage",
    "Config": "stillhunt.base.config",
    "StillhuntError": "stillhunt.base.errors",
    "InputError": "stillhunt.base.errors",
    "ConfigError": "stillhunt.base.errors",
    "OutputError": "stillhunt.base.errors",
    "EngineError": "stillhunt.base.errors",
    "CaseError": "stillhunt.base.errors",
    "PackError": "stillhunt.base.errors",
    "ContractError": "stillhunt.base.errors",
}

__all__ = [
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
    "__version__",
    "hunt",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'stillhunt' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
