"""Processes without pandas: Arrow loads it wherever it finds it, 32 MB and 0.2 s, and nothing here uses it."""

import sys
from importlib.machinery import ModuleSpec
from typing import Any


class _WithoutPandas:
    """A finder that refuses pandas; anything else is found as usual."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> ModuleSpec | None:
        if name == "pandas":
            raise ImportError(name)
        return None


def refuse_pandas() -> None:
    """Let nothing in this process load pandas from now on."""
    sys.meta_path.insert(0, _WithoutPandas())
