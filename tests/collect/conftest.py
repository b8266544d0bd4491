from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("NUMBA_NUM_THREADS", "1")
settings.register_profile(
    "collect",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("collect")
