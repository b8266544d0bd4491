"""The chart and the compose file: valid by the schemas of their platforms, and of parts and settings that exist."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from stillhunt.base.config import Config, _environment_layer
from stillhunt_server.commands.serve import Part

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART, RENDERED = DEPLOY / "helm" / "stillhunt", DEPLOY / "helm" / "rendered.yaml"
HELM = os.environ.get("HELM") or shutil.which("helm")
OLDEST = "1.27"
"""Oldest version of Kubernetes that the chart takes (`kubeVersion`)."""


def digest_of_chart() -> str:
    files = sorted(path for path in CHART.rglob("*") if path.is_file())
    whole = b"".join(path.relative_to(CHART).as_posix().encode() + b"\0" + path.read_bytes() for path in files)
    return hashlib.sha256(whole).hexdigest()


def rendered() -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")) if one]


def test_the_rendered_chart_is_that_of_the_templates() -> None:
    """Helm is needed to render it anew, and nothing but this line to see that it was done."""
    said = RENDERED.read_text(encoding="utf-8").partition("\n")[0]
    assert said.endswith(digest_of_chart()), (
        f"run: (echo '# helm template of deploy/helm/stillhunt with sha256 {digest_of_chart()}'; "
        "helm template stillhunt deploy/helm/stillhunt) > deploy/helm/rendered.yaml"
    )


@pytest.mark.service
def test_helm_renders_it_so_and_refuses_values_that_mean_nothing() -> None:
    if HELM is None:
        pytest.skip("helm is not installed")
    words = [HELM, "template", "stillhunt", str(CHART)]
    made = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert RENDERED.read_text(encoding="utf-8").partition("\n")[2] == made
    for wrong in ("receiver.replicas=0", "image.digest=sha256:1", "hunters.replicas=2", "hunter.storage=much"):
        failed = subprocess.run([*words, "--set", wrong], capture_output=True, text=True, check=False)
        assert failed.returncode, wrong
    given = [
        "--set=policy=mode",
        "--set=hunter.storageClass=fast",
        f"--set=image.digest=sha256:{'0' * 64}",
        '--set-json=networkPolicy.gateways=[{"ipBlock":{"cidr":"10.0.0.0/8"}}]',
        '--set-json=networkPolicy.egress=[{"to":[{"ipBlock":{"cidr":"10.1.0.0/16"}}]}]',
        '--set-json=tolerations=[{"operator":"Exists"}]',
    ]
    other = subprocess.run([*words, *given], capture_output=True, text=True, check=True).stdout
    for one in filter(None, yaml.safe_load_all(other)):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
    assert f"stillhunt@sha256:{'0' * 64}" in other
    assert "STILLHUNT_DECIDE__POLICY" in other


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_object_is_valid(version: str) -> None:
    for one in rendered():
        kubernetes_validate.validate(one, version, strict=True)
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"].startswith(f">={OLDEST}")


def pods() -> dict[str, dict[str, Any]]:
    found = [one for one in rendered() if one["kind"] in ("Deployment", "StatefulSet")]
    return {one["metadata"]["name"].removeprefix("stillhunt-"): one for one in found}


def test_each_part_is_a_workload_of_its_own_that_runs_as_nobody() -> None:
    parts = set()
    for name, workload in pods().items():
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        words = container["args"]
        assert words[:2] == ["serve", "--only"]
        parts.add(Part(words[2]))
        assert container["securityContext"]["readOnlyRootFilesystem"] is True, name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert workload["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 10001
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["path"] in ("/healthz", "/readyz")
        assert container["readinessProbe"]["httpGet"]["path"] == "/healthz", "it must answer while the database is away"
        names = {one["name"] for one in container.get("env", []) if one["name"].startswith("STILLHUNT_")}
        Config(**_environment_layer(dict.fromkeys(names, "/x")))
    assert parts == set(Part) - {Part.WEB}, "decide and console are its two halves"
    assert pods()["hunter"]["kind"] == "StatefulSet"
    (claim,) = pods()["hunter"]["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_every_workload_has_a_network_policy_and_a_service() -> None:
    for kind in ("NetworkPolicy", "Service"):
        selected = []
        for one in rendered():
            if one["kind"] == kind:
                spec = one["spec"]
                selected.append(spec["podSelector"]["matchLabels"] if kind == "NetworkPolicy" else spec["selector"])
        for name, workload in pods().items():
            labels = workload["spec"]["template"]["metadata"]["labels"]
            assert any(one.items() <= labels.items() for one in selected), (kind, name)
    hunter = next(
        one for one in rendered() if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-hunter")
    )
    assert hunter["spec"]["ingress"] is None or hunter["spec"]["ingress"] == []


def test_the_compose_file_is_valid_and_names_parts_and_settings_that_exist() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    given = re.sub(r"\$\{\w+:([-?])([^}]*)\}", lambda found: found[2] if found[1] == "-" else "given", text)
    content = yaml.safe_load(given)
    content.pop("x-stillhunt")
    PyCompose.from_yaml(yaml.safe_dump(content)).validate()
    services = content["services"]
    ours = {name: one for name, one in services.items() if "STILLHUNT_SERVE__LISTEN" in one.get("environment", {})}
    assert {Part(one["command"][2]) for one in ours.values()} == set(Part) - {Part.WEB}
    assert len(ours) == 7
    for one in ours.values():
        loaded = Config(**_environment_layer(one["environment"]))
        assert loaded.serve.store == "nats"
        for volume in one["volumes"]:
            assert volume.partition(":")[0] in content["volumes"]
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", []))
    shares = [name for name, one in ours.items() if "shared:/shared" in one["volumes"]]
    assert sorted(shares) == ["console", "decider-1", "decider-2", "hunter-1", "hunter-2"]
