"""The test files that take longest: they begin first, or one of them keeps one worker busy when all others are done."""

from __future__ import annotations

SLOWEST_FIRST = (
    "pipeline/test_state.py",
    "pipeline/test_state_processes.py",
    "collect/sources/test_every_source.py",
    "decide/test_deciding_kills.py",
    "contract/test_tutorial.py",
    "lab/test_founding_case.py",
    "spark/test_spark_hunt.py",
    "gateways/test_live_demo.py",
    "lab/test_sensitivity.py",
    "watch/test_faults.py",
    "lab/test_hygiene.py",
    "decide/test_commands.py",
    "lab/test_second_hygiene.py",
    "pipeline/test_planted_secrets.py",
    "pipeline/test_state_damage.py",
    "pipeline/test_vendor_hunt.py",
    "triage/test_report.py",
    "link/test_link_plain.py",
    "pipeline/test_crowded_logs.py",
    "link/test_link_groups.py",
)
"""Paths in this folder, of which each takes some 10 s or more; the order is roughly by that time."""
