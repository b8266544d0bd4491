"""Releases: what is shipped is locked by hash, the workflow has no token and trusts no tag, pages say what is run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from source_tree import ROOT

from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.watch.backup import BACKUP_VERSION
from stillhunt.watch.database.store import VERSION
from stillhunt_evidence.packs.manifest import PACK_VERSION

LOCKED, TOOLS = ROOT / "deploy" / "locked.txt", ROOT / ".ci" / "locked-tools.txt"
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
NIGHTLY, TESTS = WORKFLOW.with_name("nightly.yml"), WORKFLOW.with_name("test.yml")
SHIPPED = ("stillhunt", "stillhunt-evidence", "stillhunt-lab", "stillhunt-server", "stillhunt-signals")
LOCKED_EXTRAS = ("enrich", "postgres", "nats", "oidc")
PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text("utf-8"))["project"]
    for path in sorted((ROOT / "packages").glob("*/pyproject.toml"))
}


def locked_versions(file: Path) -> dict[str, list[str]]:
    """Name -> the versions that are locked, of which several are for several versions of Python."""
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", file.read_text("utf-8").strip()):
        named = re.match(r"([\w.-]+)==([\w.+!-]+)", entry)
        assert named, entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{named[1]} has no hash"
        found.setdefault(canonicalize_name(named[1]), []).append(named[2])
    return found


def test_all_that_is_shipped_is_locked_within_its_range() -> None:
    locked = locked_versions(LOCKED)
    for name in SHIPPED:
        extras = PROJECTS[name].get("optional-dependencies", {})
        lines = [*PROJECTS[name]["dependencies"], *(line for one in LOCKED_EXTRAS for line in extras.get(one, ()))]
        for asked in map(Requirement, lines):
            if not asked.name.startswith("stillhunt"):
                versions = locked.get(canonicalize_name(asked.name), [])
                assert versions, f"{asked.name} is not locked: make lock"
                assert all(map(asked.specifier.contains, versions)), f"{asked}: {versions} is locked: make lock"


def test_all_that_builds_is_locked() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    locked = locked_versions(TOOLS)
    assert {canonicalize_name(Requirement(line).name) for line in groups["release"]} <= locked.keys()
    for name, versions in locked_versions(LOCKED).items():
        assert locked.get(name, versions) == versions, f"{name} is locked in two versions, and both lists are installed"


def test_all_distributions_have_one_version() -> None:
    (version,) = {project["version"] for project in PROJECTS.values()}
    ours = [line for project in PROJECTS.values() for line in project["dependencies"] if line.startswith("stillhunt")]
    assert ours
    assert {line.partition("==")[2] for line in ours} == {version}


def test_the_page_has_the_versions_of_the_formats() -> None:
    page = (ROOT / "UPDATING.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([a-z -]+?) \| (\d+)[ ,]", page, re.MULTILINE))
    assert {name: int(version) for name, version in rows.items()} == {
        "case folder": CASE_VERSION,
        "database of a watch": VERSION,
        "evidence pack": PACK_VERSION,
        "backup": BACKUP_VERSION,
    }


@pytest.mark.parametrize("file", [WORKFLOW, NIGHTLY, TESTS], ids=lambda file: file.stem)
def test_workflows_trust_no_tag_and_keep_no_secret(file: Path) -> None:
    text = file.read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), f"{action} is not pinned by hash"
        assert re.fullmatch(r" # v[\d.]+", comment), f"{action}: which version is it?"
    assert "secrets." not in text
    assert "password:" not in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert all("permissions" in job for job in workflow["jobs"].values())
    writing = {name for name, job in workflow["jobs"].items() if "write" in job["permissions"].values()}
    assert all(workflow["jobs"][name].get("environment") == "release" for name in writing)


def test_what_is_published_is_tested_first_and_verified_last() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    assert {"test", "build", "kernels"} <= set(jobs["publish"]["needs"])
    assert set(jobs["verify"]["needs"]) == {"publish", "image", "chart"}
    (run,) = [step["run"] for step in jobs["verify"]["steps"] if "run" in step]
    assert "/<!-- verify -->/,/<!-- \\/verify -->/s/^    //p' SECURITY.md | bash" in run
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    block = page.partition("<!-- verify -->")[2].partition("<!-- /verify -->")[0]
    commands = [line[4:] for line in block.splitlines() if line.startswith("    ")]
    verified = [line.split()[3].strip('"') for line in commands if line.startswith("gh attestation verify")]
    registry = "oci://ghcr.io/$REPOSITORY"
    assert verified == ["check/wheels/*.whl", f"{registry}:$VERSION", f"{registry}/charts/stillhunt:$VERSION"]
    attested = [step for job in jobs.values() for step in job["steps"] if "attest-build" in step.get("uses", "")]
    assert len(attested) == len(verified)
    assert any("pypi-attestations verify pypi" in line for line in commands)


def test_a_release_has_a_page_with_its_bill_of_materials() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]
    kept = next(step["with"]["path"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", ""))
    assert "dist/stillhunt.cdx.json" in kept
    fetch, create = jobs["page"]["steps"]
    assert fetch["with"]["pattern"] == "dist-*"
    assert re.search(r"gh release create \S+ .* dist/\*$", create["run"])


def test_each_change_is_tested_and_scanned_as_a_newcomer_would() -> None:
    workflow = yaml.safe_load(TESTS.read_text("utf-8"))
    assert {"push", "pull_request"} <= set(workflow[True])  # YAML reads "on" as a truth value
    runs = {name: job["steps"][-1]["run"] for name, job in workflow["jobs"].items()}
    assert runs == {"test": "sudo --preserve-env=CI,PATH bash .ci/run", "dependencies": "make scan"}
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\nscan: ")[2].partition("\n\n")[0]
    assert re.search(r"pip-audit .*--requirement deploy/locked\.txt$", recipe)


def test_each_night_the_speed_is_compared_with_that_of_earlier_nights() -> None:
    workflow = yaml.safe_load(NIGHTLY.read_text("utf-8"))
    assert workflow[True]["schedule"]  # YAML reads "on" as a truth value
    steps = workflow["jobs"]["speed"]["steps"]
    runs = [step.get("run", "").strip() for step in steps]
    assert runs.index("make bench-quick") == len(steps) - 2
    assert "mv earlier/history.csv benchmarks/history.csv" in runs[-3]
    assert steps[-1]["with"]["path"] == "benchmarks/history.csv"
    assert (ROOT / "benchmarks" / "history.csv").exists()


def test_the_image_is_made_of_what_is_locked() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    assert re.search(r"^ARG PYTHON=\S+:3\.\d+-slim@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert text.count("--require-hashes") == 2
    last = text.rpartition("\nFROM ")[2]
    assert "--no-index" in last
    assert "pip download" not in last
