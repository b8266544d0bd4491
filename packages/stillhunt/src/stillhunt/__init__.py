"""stillhunt finds who is distilling your model.

Public names: `hunt`, `Case`, `Config` and the errors. Everything else is private until 1.0. The names are loaded when
they are first used, so that `stillhunt --help` does not wait for numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names
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
else:
    __all__, __getattr__ = offer_names(__file__, __name__)

    def __dir__() -> list[str]:
        return sorted(__all__)
