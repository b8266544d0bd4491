"""A real time-stamping authority on this machine: openssl's, behind a small server."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HAS_OPENSSL = shutil.which("openssl") is not None
_SETTINGS = """
[ tsa ]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
"""
_USE = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"


def _run(*words: str, folder: Path, content: bytes | None = None) -> bytes:
    return subprocess.run(["openssl", *words], cwd=folder, input=content, check=True, capture_output=True).stdout


def make_authority(folder: Path) -> Path:
    """Keys, certificates and settings of an authority; returns the root certificate."""
    folder.mkdir(parents=True)
    new = ("req", "-newkey", "rsa:2048", "-noenc")
    _run(*new, "-x509", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=Root", "-days", "99", folder=folder)
    _run(*new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Clock", folder=folder)
    (folder / "use.cnf").write_text(_USE)
    signed = ("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2")
    _run(*signed, "-days", "99", "-extfile", "use.cnf", "-out", "tsa.pem", folder=folder)
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(_SETTINGS.format(folder=folder))
    return folder / "root.pem"


def stamped(folder: Path, query: bytes) -> bytes:
    """The authority's answer to a query."""
    (folder / "query.tsq").write_bytes(query)
    return _run("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa", "-queryfile", "query.tsq", folder=folder)


@contextmanager
def authority_server(folder: Path, answer: bytes | None = None, status: int = 200) -> Iterator[str]:
    """The authority behind an address; with an answer of another kind where one is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["content-length"]))
            content = stamped(folder, query) if answer is None else answer
            self.send_response(status)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/tsa"
    finally:
        server.shutdown()
        server.server_close()
