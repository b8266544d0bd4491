"""The files that we ship for gateways say what this version of stillhunt answers and is asked."""

from __future__ import annotations

import re

import pytest
import yaml

from gateways.proxies import SHIPPED
from stillhunt.base.config import Config
from stillhunt_server.api.gateways import ENVOY_PATH, NGINX_PATH, TOKEN_HEADER
from stillhunt_server.server import IDLE_SECONDS

GUIDE = (SHIPPED.parents[1] / "docs" / "howto" / "gateways.md").read_text(encoding="utf-8")
NAMES = ("envoy.yaml", "nginx.conf", "kong.yaml", "envoy-ai-gateway.yaml")
FILES = {name: (SHIPPED / name).read_text(encoding="utf-8") for name in NAMES}
PORT = Config().serve.listen.rpartition(":")[2]
TOLD_TO_MODELS = ("x-stillhunt-action", "x-stillhunt-reason", "x-stillhunt-decision")


@pytest.mark.parametrize("name", FILES)
def test_files_name_paths_headers_and_the_port(name: str) -> None:
    text = FILES[name].lower()
    assert (NGINX_PATH if name.startswith("nginx") else ENVOY_PATH) in text
    for header in (TOKEN_HEADER.decode(), Config().decide.account_header, *TOLD_TO_MODELS):
        assert header in text, header
    assert PORT in text
    assert "--scope" in text
    assert f"`deploy/gateways/{name}`" in GUIDE


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".yaml")])
def test_yaml_can_be_read(name: str) -> None:
    assert all(yaml.safe_load_all(FILES[name]))


def test_what_was_not_run_says_so() -> None:
    tried = {"envoy.yaml", "nginx.conf"}
    assert {name for name, text in FILES.items() if "NOT RUN by our tests" not in text} == tried


def test_gateways_close_idle_connections_first() -> None:
    found = [
        *re.findall(r"idle_timeout: (\d+)s", FILES["envoy.yaml"]),
        *re.findall(r"keepalive_timeout (\d+)s", FILES["nginx.conf"]),
        *(str(int(number) // 1000) for number in re.findall(r"keepalive_timeout = (\d+)", FILES["kong.yaml"])),
    ]
    assert len(found) == 3
    assert max(map(int, found)) < IDLE_SECONDS
