"""One Spark session for all tests of this folder; they are skipped by name where there is no Java."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REQUIRED = os.environ.get("STILLHUNT_REQUIRE_SERVICES") == "1"
PARTITIONS = 2
# A session of a minute ends before the JVM has compiled anything well: its quick compiler costs half.
QUICK_COMPILER = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
QUICK_START = f"--conf spark.ui.enabled=false --driver-java-options '{QUICK_COMPILER}' pyspark-shell"


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    if not REQUIRED and importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed")
    if not REQUIRED and shutil.which("java") is None:
        pytest.skip("java is not installed")
    from stillhunt_spark.engine import SparkEngine  # nothing of Spark where it is skipped

    # Executors import the functions of tests by name, as they import those of the product.
    here = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(here))
        patch.setenv("PYSPARK_SUBMIT_ARGS", QUICK_START)
        with SparkEngine(master="local[2]", memory_gb=1.0) as engine:
            engine.session.conf.set("spark.sql.shuffle.partitions", str(PARTITIONS))
            engine.session.sparkContext.setLogLevel("ERROR")
            yield engine
