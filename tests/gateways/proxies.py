"""Real gateways with the configurations that we ship, changed in nothing but addresses, keys and how they fail."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateways.services import Stillhunt, ended, listens, until
from gateways.surroundings import Model
from server.serving import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "gateways"
NAMES = ("envoy", "nginx")


@dataclass(frozen=True)
class Setup:
    """How a gateway is set up.

    Attributes:
        stillhunt: port.
        model: port.
        token: that it sends to stillhunt.
        fail_open: what happens while stillhunt does not answer.
        names_model: whether it passes on the model, which something before it named.
        patient: wait for stillhunt long, since a machine that runs tests may be busy for longer than 50 ms.
        changes: further texts of the configuration, each with what is put in its place.
    """

    stillhunt: int
    model: int
    token: str
    fail_open: bool = True
    names_model: bool = False
    patient: bool = False
    changes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Around:
    """What stands around a gateway; `decisions` has the number of the decision about each account."""

    stillhunt: Stillhunt
    model: Model
    decisions: dict[str, int]

    def setup(self, *, fail_open: bool = True, patient: bool = False, names_model: bool = False) -> Setup:
        return Setup(self.stillhunt.port, self.model.port, self.stillhunt.token, fail_open, names_model, patient)


@dataclass(frozen=True)
class Answer:
    """What a customer gets."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Gateway:
    """A running gateway.

    Attributes:
        name: envoy or nginx.
        port: on 127.0.0.1.
        setup: how it is set up.
    """

    name: str
    port: int
    setup: Setup

    def ask(
        self,
        account: str,
        path: str = "/v1/chat/completions",
        method: str = "GET",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request of a customer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        sent = {"Authorization": f"Bearer {self.key_of(account)}", **(headers or {})}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def key_of(self, account: str) -> str:
        """What a customer sends to show who it is, as http.client takes it: each byte as one letter."""
        return _jwt(account) if self.name == "envoy" else f"key-of-{account}".encode().decode("latin-1")


def program_of(name: str) -> str:
    """The gateway's program, from a package of the environment or of the system; skips where there is none."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and os.environ.get("STILLHUNT_REQUIRE_SERVICES") != "1":
        pytest.skip(f"{name} is not installed")
    return found or name


@contextmanager
def gateway(name: str, setup: Setup) -> Iterator[Gateway]:
    """A gateway that runs until the end of the block."""
    found = Gateway(name, free_port(), setup)
    program = program_of(name)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        words = _envoy(found, folder, program) if name == "envoy" else _nginx(found, folder, program)
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(words, stdout=output, stderr=output)
        try:
            until(lambda: listens(found.port) or process.poll() is not None, 20, f"{name} listens")
            assert process.poll() is None, (folder / "output").read_text()[-2000:]
            yield found
        finally:
            process.terminate()  # nginx ends its workers by itself
            try:
                process.wait(5)
            finally:
                ended(process)


def _envoy(made: Gateway, folder: Path, program: str) -> list[str]:
    setup = made.setup
    changes = {
        "port_value: 8080": f"port_value: {made.port}",
        "port_value: 8686": f"port_value: {setup.stillhunt}",
        "port_value: 8000": f"port_value: {setup.model}",
        "value: TOKEN": f"value: {setup.token}",
    }
    if not setup.fail_open:
        changes["failure_mode_allow: true"] = "failure_mode_allow: false"
    if setup.names_model:
        changes["- remove: x-ai-eg-model"] = "- remove: x-other"  # stands for a filter that writes it
        changes["[{exact: x-account-id}]"] = "[{exact: x-account-id}, {exact: x-ai-eg-model}]"
    if setup.patient:
        changes |= {"timeout: 0.05s\n                        auth": "timeout: 10s\n                        auth"}
    config = folder / "envoy.yaml"
    config.write_text(_changed("envoy.yaml", changes | dict(setup.changes)))
    return [program, "-c", str(config), "--disable-hot-restart", "--concurrency", "2", "--log-level", "error"]


def _nginx(made: Gateway, folder: Path, program: str) -> list[str]:
    setup = made.setup
    temporary = "".join(
        f"    {name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    changes = {
        "127.0.0.1:8080": f"127.0.0.1:{made.port}",
        "127.0.0.1:8686": f"127.0.0.1:{setup.stillhunt}",
        "127.0.0.1:8000": f"127.0.0.1:{setup.model}",
        "X-Stillhunt-Token TOKEN;": f"X-Stillhunt-Token {setup.token};",
        '"Bearer key-of-acme" acme;': '"~^Bearer key-of-(?<known>.+)$" $known;',
        "http {\n": f"http {{\n    access_log off;\n{temporary}",
    }
    if not setup.fail_open:
        changes["return 204;"] = "return 500;"
    if setup.names_model:
        changes["# If you know the model here"] = "proxy_set_header X-Ai-Eg-Model $http_x_ai_eg_model;  #"
    if setup.patient:
        changes |= {f"proxy_{step}_timeout 50ms;": f"proxy_{step}_timeout 10s;" for step in ("connect", "send", "read")}
    config = folder / "nginx.conf"
    config.write_text(_changed("nginx.conf", changes | dict(setup.changes)))
    options = f"daemon off; pid {folder}/pid;" + (" user root;" if os.geteuid() == 0 else "")
    return [program, "-p", str(folder), "-c", str(config), "-e", str(folder / "errors"), "-g", options]


def _changed(name: str, changes: dict[str, str]) -> str:
    text = (SHIPPED / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        text = text.replace(old, new)
    return text


def _jwt(account: str) -> str:
    """What an issuer of tokens would have signed with the key of the configuration that we ship."""
    found = re.search(r'"k": "([\w-]+)"', (SHIPPED / "envoy.yaml").read_text(encoding="utf-8"))
    assert found
    head = _encoded(b'{"alg":"HS256","typ":"JWT"}')
    claims = _encoded(json.dumps({"iss": "https://login.example.com", "sub": account}).encode())
    key = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
    return f"{head}.{claims}.{_encoded(hmac.digest(key, f'{head}.{claims}'.encode(), hashlib.sha256))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
