"""Words, patterns and texts that stand in data files beside the code."""

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def read_data(name: str) -> dict[str, Any]:
    """One TOML file of this package's data folder."""
    return tomllib.loads(resources.files("stillhunt_model").joinpath("data", f"{name}.toml").read_text("utf-8"))
