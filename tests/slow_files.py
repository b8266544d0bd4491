"""The test files that take longest: they begin first, or one of them keeps one worker busy when all others are done."""

from __future__ import annotations

SLOWEST_FIRST = (
    "gallery/test_gallery.py",
    "contract/test_tutorial.py",
    "triage/test_browser.py",
    "server/console/test_pages_in_browser.py",
    "spark/test_spark_hunt.py",
    "pipeline/test_state.py",
    "gateways/test_live_demo.py",
    "server/console/test_journeys_in_browser.py",
    "lab/test_founding_case.py",
    "lab/test_sensitivity.py",
    "model/test_distil_runs.py",
    "watch/test_subject_erasing.py",
    "watch/test_faults.py",
    "pipeline/test_state_processes.py",
    "collect/sources/test_every_source.py",
    "property/test_property_same_answer.py",
    "pipeline/test_planted_secrets.py",
    "model/test_prove_training.py",
    "model/test_damage_students.py",
    "model/test_blunt_students.py",
    "lab/test_hygiene.py",
    "lab/test_second_hygiene.py",
    "gateways/test_gateway_failures.py",
    "watch/test_kills.py",
    "decide/test_copied_prompts.py",
    "lab/test_campaigns.py",
    "server/console/test_scripts_in_browser.py",
    "evidence/sharing/test_sharing_privacy.py",
    "contract/test_site.py",
)
"""Paths in this folder, of which each takes some 10 s or more; the order is roughly by that time."""
