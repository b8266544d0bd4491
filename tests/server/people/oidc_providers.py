"""Providers of OpenID Connect: a real one in a process of its own, and one that says what a test wants."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from server.serving import free_port

PEOPLE: tuple[dict[str, Any], ...] = (
    {"sub": "17", "preferred_username": "anna", "groups": ["hunters", "everybody"], "realm": {"roles": ["boss"]}},
    {"sub": "18", "preferred_username": "bob", "groups": ["everybody"]},
)


@contextmanager
def provider_process() -> Iterator[str]:
    """The issuer of oidc-provider-mock, while it runs."""
    port = free_port()
    people = [part for one in PEOPLE for part in ("--user-claims", json.dumps(one))]
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *people]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "running on" in line:
                break
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        reader.join(20)
        process.stderr.close()


@dataclass
class Rogue:
    """A provider whose answers a test chooses; the keys are its own."""

    issuer: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    answer: Any = None
    asked: list[tuple[dict[str, list[str]], str]] = field(default_factory=list)
    discoveries: int = 0

    def claims(self, sent: str, /, **changes: Any) -> dict[str, Any]:
        """Claims that are right for the nonce that was sent, with changes; None leaves one out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "console", "sub": "17", "iat": now, "exp": now + 600, "nonce": sent}
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def sign(self, claims: dict[str, Any], key: Any = None, algorithm: str = "RS256", kid: str = "one") -> str:
        return jwt.encode({"alg": algorithm, "kid": kid}, claims, key or self.key, algorithms=[algorithm])

    def unsigned(self, claims: dict[str, Any]) -> str:
        parts = (json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims))
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."

    def reply(self, path: str, body: str, authorization: str) -> Any:
        if path == "/jwks":
            return KeySet([self.key]).as_dict(private=False)
        if path == "/token":
            self.asked.append((parse_qs(body), authorization))
            return self.answer
        self.discoveries += 1
        ends = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        return {"issuer": self.issuer, **{name: self.issuer + end for name, end in ends.items()}, **self.metadata}


@contextmanager
def rogue_provider() -> Iterator[Rogue]:
    """A rogue, listening on loopback."""
    rogue = Rogue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send("")

        def do_POST(self) -> None:
            self._send(self.rfile.read(int(self.headers["content-length"])).decode())

        def _send(self, body: str) -> None:
            given = json.dumps(rogue.reply(self.path, body, self.headers.get("authorization", ""))).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(given)))
            self.end_headers()
            self.wfile.write(given)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        rogue.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield rogue
        server.shutdown()
        thread.join(20)
