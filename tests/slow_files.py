"""The test files that take longest: they begin first, or one of them keeps one worker busy when all others are done."""

from __future__ import annotations

SLOWEST_FIRST = (
    "gallery/test_gallery.py",
    "triage/test_browser.py",
    "server/console/test_pages_in_browser.py",
    "pipeline/test_state.py",
    "spark/test_spark_hunt.py",
    "contract/test_tutorial.py",
    "server/console/test_journeys_in_browser.py",
    "gateways/test_live_demo.py",
    "pipeline/test_state_processes.py",
    "watch/test_subject_erasing.py",
    "collect/sources/test_every_source.py",
    "watch/test_faults.py",
    "lab/test_sensitivity.py",
    "lab/test_founding_case.py",
    "pipeline/test_planted_secrets.py",
    "model/test_prove_training.py",
    "property/test_property_same_answer.py",
    "gateways/test_gateway_failures.py",
    "watch/test_kills.py",
    "model/test_damage_students.py",
    "server/console/test_scripts_in_browser.py",
    "evidence/sharing/test_sharing_privacy.py",
    "contract/test_site.py",
    "decide/test_copied_prompts.py",
)
"""Paths in this folder, of which each takes some 10 s or more; the order is roughly by that time."""
