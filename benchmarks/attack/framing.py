"""HTTP written by hand: headers, trailers, framing, slow and silent clients, with few file descriptors.

The server trusts a proxy on this machine (`console.sign_in = "proxy"`), so whoever gets a header past it is anybody.
"""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from served import Served, served
from trials import Fell, Trial

SETTINGS = (
    *("--only", "ingest", "--only", "web"),
    *("--set", "console.sign_in=proxy"),
    *("--set", 'console.proxy_addresses=["127.0.0.1"]'),
    *("--set", "console.url=http://hunt.test"),
)
FEW_DESCRIPTORS = 1024
SILENT = 1500
WAIT_SECONDS = 20.0
GOOD = b'{"account_id": "a-1"}'
DECIDE, GET = b"POST /v1/decide HTTP/1.1", b"GET /healthz HTTP/1.1"
BOSS = b"X-Forwarded-User: boss"
HOST = b"Host: 127.0.0.1"


def exchanged(server: Served, sent: bytes, *, wait: float = WAIT_SECONDS) -> bytes:
    """What is answered until the other end closes."""
    got = b""
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=wait) as client,
        suppress(ConnectionError, TimeoutError),
    ):
        client.sendall(sent)
        while piece := client.recv(1 << 16):
            got += piece
    return got


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """One request, after which the connection ends."""
    return b"\r\n".join((line, *headers, b"Connection: close", b"", body))


def statuses(answer: bytes) -> list[int]:
    """Statuses of the answers in some bytes."""
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def framed(server: Served, sent: bytes, wanted: tuple[int, ...]) -> None:
    """Fall where something else is answered than one of some statuses, once."""
    found = statuses(exchanged(server, sent))
    if len(found) != 1 or found[0] not in wanted:
        raise Fell(f"answered with {found}, expected one of {wanted}")


def forms(server: Served) -> Iterator[tuple[str, str, bytes, tuple[int, ...]]]:
    """(group, name, bytes, statuses of which one is right)."""
    token = f"Authorization: Bearer {server.token}".encode()
    chunked = b"Transfer-Encoding: chunked"
    body = b"%x\r\n%b\r\n0\r\n" % (len(GOOD), GOOD)
    length = b"Content-Length: %d" % len(GOOD)
    for name in (b"X-Forwarded-User: boss", b"x-forwarded-user:boss", b"X-FORWARDED-USER: boss"):
        trailed = request(b"GET /users HTTP/1.1", HOST, chunked, body=b"0\r\n" + name + b"\r\n\r\n")
        yield "trailers", f"sign-in by {name.decode()}", trailed, (403,)
    for name in (b"Host: evil.test", b"Content-Length: 0", b"Transfer-Encoding: gzip", b"Cookie: a=b", token):
        trailed = request(DECIDE, HOST, token, chunked, body=body + name + b"\r\n\r\n")
        yield "trailers", name[:20].decode(), trailed, (200, 400)
    yield "trailers", "a token", request(DECIDE, HOST, chunked, body=body + token + b"\r\n\r\n"), (401,)
    for path in (b"/v1/ingest/jsonl", b"/v1/decide", b"/v1/status", b"/v1/tokens"):
        line = (b"GET " if path in (b"/v1/status", b"/v1/tokens") else b"POST ") + path + b" HTTP/1.1"
        for name, pair in (("right first", (token, b"Authorization: Bearer x")), ("twice", (token, token))):
            yield "two tokens", f"{path.decode()}, {name}", request(line, HOST, length, *pair, body=GOOD), (400, 401)
    for host in (b"", b"a b", b"a\tb", b"a@b", b"a/b", b"a,b", b"[::1", b"a:b", b"a?b", b"a#b", b"\xff", b"a" * 70_000):
        yield "host", repr(host[:12]), request(GET, b"Host: " + host), (400,)
    yield "host", "none", request(GET), (400,)
    yield "host", "two", request(GET, HOST, HOST), (400,)
    yield "host", "none, HTTP/1.0", request(b"GET /healthz HTTP/1.0"), (200,)
    for name in (b"evil.test", b"hunt.test.evil.test", b"127.0.0.1.evil.test", b"localhost.evil.test"):
        yield "host", f"console at {name.decode()}", request(b"GET / HTTP/1.1", b"Host: " + name, BOSS), (421,)
    for name in (b"hunt.test", b"127.0.0.1:8686", b"localhost", b"[::1]"):
        yield "host", f"console at {name.decode()}", request(b"GET / HTTP/1.1", b"Host: " + name, BOSS), (200,)
    for path in (b"/v1/tokens/", b"/v1/decisions/", b"/v1/appeals/"):
        yield "redirects", path.decode(), request(b"GET " + path + b" HTTP/1.1", b"Host: evil.test", token), (404,)
    yield "redirects", "of the console", request(b"GET /accounts/ HTTP/1.1", HOST, BOSS), (404, 400, 200)
    codings = (
        b"gzip, chunked",
        b"chunked, gzip",
        b"identity",
        b"gzip",
        b"xchunked",
        b"chunked, chunked",
        b"chunked;q=1",
    )
    for coding in codings:
        sent = request(DECIDE, HOST, token, b"Transfer-Encoding: " + coding, body=body + b"\r\n")
        yield "transfer codings", coding.decode(), sent, (400, 501)
    yield "transfer codings", "HTTP/1.0", request(DECIDE[:-1] + b"0", HOST, token, chunked, body=body + b"\r\n"), (400,)
    yield "transfer codings", "and a length", request(DECIDE, HOST, token, chunked, length, body=body + b"\r\n"), (400,)
    odd = (b"+21", b"-1", b"0x15", b"21, 21", b"21 21", b"9" * 40, b"", b"21\x0b", b"\xb2\xb1")
    for value in odd:
        yield (
            "lengths",
            repr(value[:9]),
            request(DECIDE, HOST, token, b"Content-Length: " + value, body=GOOD),
            (400, 413),
        )
    yield "lengths", "two of them", request(DECIDE, HOST, token, length, length, body=GOOD), (400,)
    for size in (b"-1", b"0x1", b"+1", b"1 ", b"fffffffffffffffff", b"", b" 1", b"g"):
        sent = request(DECIDE, HOST, token, chunked, body=size + b"\r\n{\r\n0\r\n\r\n")
        yield "chunks", repr(size), sent, (400, 413)
    for line in (b"GET  /healthz HTTP/1.1", b"GET /healthz HTTP/1.2", b"GET /healthz HTTP/2.0", b"GET /healthz", b"\0"):
        yield "first lines", repr(line), request(line, HOST), (400, 404, 200)
    folded = (b"X: a\r\n b", b"X : a", b" X: a", b"X\0: a", b"X: \0", b": a", b"X", b"X:\ra")
    for header in folded:
        yield "headers", repr(header), request(GET, HOST, header), (400,)
    yield "headers", "very many", request(GET, HOST, *[b"a: b"] * 60_000), (431, 400)
    yield "headers", "one that is very long", request(GET, HOST, b"a: " + b"b" * 400_000), (200, 400, 431)
    for method in (b"TRACE", b"OPTIONS", b"PUT", b"HEAD"):
        for path in (b"/v1/decide", b"/v1/ingest/jsonl", b"/v1/tokens"):
            if (method, path) != (b"HEAD", b"/v1/tokens"):
                sent = request(method + b" " + path + b" HTTP/1.1", HOST, token)
                yield "methods", f"{method.decode()} {path.decode()}", sent, (405,)


def trials(seed: int) -> Iterator[Trial]:
    """Forms of framing against one server; then clients that say little against one with few descriptors."""
    del seed
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        server = opened.enter_context(served(scratch / "data", SETTINGS))
        server.call("POST", "/v1/decide", GOOD)
        for group, name, sent, wanted in forms(server):
            yield Trial(group, name, partial(framed, server, sent, wanted))
        yield Trial("methods", "Allow is said", partial(_says_allow, server))
    with ExitStack() as opened:
        scratch = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        with _few_descriptors():
            server = opened.enter_context(served(scratch / "data", SETTINGS))
        server.call("POST", "/v1/decide", GOOD)
        token = f"Authorization: Bearer {server.token}\r\n".encode()
        form = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1040000\r\n\r\n"
        inlet = b"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: a\r\n"
        begun = {
            "nothing": b"",
            "half a first line": b"POST /v1/dec",
            "half of the headers": b"POST /v1/decide HTTP/1.1\r\nHost: a\r\n",
            "a body without a token": inlet + b"Content-Length: 9\r\n\r\n{",
            "a form of a stranger": form + b"a=" * 500,
            "a body with a token": b"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: a\r\n"
            + token
            + b"Content-Length: 9\r\n\r\n{",
            "a whole request": b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
            "line ends after a whole request": b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n\r\n",
            "a request whose body nobody reads": b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        }
        for name, sent in begun.items():
            yield Trial(f"{SILENT} connections, {FEW_DESCRIPTORS} files", name, partial(_crowded, server, sent))


def _says_allow(server: Served) -> None:
    token = f"Authorization: Bearer {server.token}".encode()
    for path in (b"/v1/decide", b"/v1/ingest/jsonl", b"/v1/tokens", b"/healthz"):
        answer = exchanged(server, request(b"TRACE " + path + b" HTTP/1.1", HOST, token))
        if b"\r\nallow: " not in answer.lower():
            raise Fell(f"{path.decode()} does not say which methods it takes")


@contextmanager
def _few_descriptors() -> Iterator[None]:
    """Let what is started meanwhile have few file descriptors, whatever it asks for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    words = ["prlimit", f"--nofile={FEW_DESCRIPTORS}:{FEW_DESCRIPTORS}", sys.executable]
    executable, sys.executable = sys.executable, str(_wrapper(words))
    try:
        yield
    finally:
        sys.executable = executable
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _wrapper(words: list[str]) -> Path:
    script = Path(tempfile.mkdtemp()) / "python"
    script.write_text(f'#!/bin/sh\nexec {" ".join(words)} "$@"\n')
    script.chmod(0o700)
    return script


def _crowded(server: Served, begun: bytes) -> None:
    """Others are answered while as many connections as there can be have begun and do not end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, SILENT + 500), hard))
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(SILENT):
            one = held.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=WAIT_SECONDS))
            with suppress(ConnectionError):
                one.sendall(begun)
        began = time.monotonic()
        for _ in range(20):
            server.call("POST", "/v1/decide", GOOD)
            server.call("GET", "/healthz")
            server.call("POST", "/v1/ingest/jsonl", b'{"request_id": "1"}\n')
        if (took := time.monotonic() - began) > WAIT_SECONDS:
            raise Fell(f"60 answers took {took:.1f} s")
