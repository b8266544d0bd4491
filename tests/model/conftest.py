"""Tests of models: skipped by name where stillhunt[model] is not installed, and failing there in CI."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

LIBRARIES = ("gguf", "safetensors", "tokenizers", "torch", "transformers", "trl")
MISSING = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "model"))  # worlds that tests and benchmarks share
# transformers reads these when it is imported, which is when the modules of this folder are collected.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false")


class ModelModule(pytest.Module):
    """A module of this folder, which where services are required may not be skipped, for whatever reason."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        if MISSING and not REQUIRED:
            pytest.skip("needs stillhunt[model]")
        try:
            return super().collect()
        except pytest.skip.Exception as error:
            if not REQUIRED:
                raise
            skipped = error.msg
        pytest.fail(f"{skipped}, and nothing may be skipped here; missing: {', '.join(MISSING) or 'nothing'}", False)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> ModelModule:
    module: ModelModule = ModelModule.from_parent(parent, path=module_path)
    return module


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Each worker computes on one core: with more threads than cores it takes longer."""
    import torch  # nothing of it where all is skipped

    torch.set_num_threads(1)


@pytest.fixture
def remembers_frozen_models() -> Iterator[None]:
    from model.remembered import remembered

    with remembered():
        yield
