"""Which test files begin first, and which stay in one process.

The slowest begin first, or one of them keeps one worker busy when all others are done.
"""

from __future__ import annotations

SLOWEST_FIRST = (
    "contract/test_tutorial.py",
    "model/test_prove_training.py",
    "spark/test_spark_hunt.py",
    "lab/test_founding_case.py",
    "server/console/test_pages_in_browser.py",
    "pipeline/test_state.py",
    "server/console/test_journeys_in_browser.py",
    "lab/test_sensitivity.py",
    "triage/test_browser.py",
    "gallery/test_gallery.py",
    "watch/test_faults.py",
    "gateways/test_live_demo.py",
    "watch/test_subject_erasing.py",
    "server/test_shared_stores.py",
    "contract/test_conventions.py",
    "model/test_distil_runs.py",
    "pipeline/test_state_processes.py",
    "collect/sources/test_every_source.py",
    "property/test_property_same_answer.py",
    "pipeline/test_planted_secrets.py",
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

TOGETHER = (
    (
        "model/test_prove_training.py",
        "model/test_prove_command.py",
        "model/test_served_teachers.py",
        "model/test_comparable_answers.py",
    ),
    ("contract/test_conventions.py", "contract/test_size_budgets.py", "contract/test_unique_names.py"),
)
"""Files that share what is made once a process: trained models, and the syntax trees of all sources."""


def find_unit(name: str) -> str:
    """The first of the files with which a file stays in one process; itself where it is alone.

    Args:
        name: path in this folder.
    """
    return next((unit[0] for unit in TOGETHER if name in unit), name)
