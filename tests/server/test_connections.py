"""How requests are framed, and that connections of strangers keep nobody out."""

from __future__ import annotations

import http.client
import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from server.serving import Running, serving
from stillhunt_server import server
from stillhunt_server.receiving import descriptors
from stillhunt_server.receiving.connections import HEADER_BYTES, MOST_BEYOND, MOST_HEADERS


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path / "data") as made:
        yield made


def exchanged(running: Running, sent: bytes, seconds: float = 10.0) -> bytes:
    """What is answered to bytes, until the other end closes the connection."""
    got = b""
    with socket.create_connection(("127.0.0.1", running.port), timeout=seconds) as client:
        client.sendall(sent)
        with suppress(ConnectionResetError):
            while piece := client.recv(1 << 16):
                got += piece
    return got


def status_of(answer: bytes) -> int:
    return int(answer[9:12])


def asked(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((line, *headers, b"connection: close", b"", body))


def test_what_comes_after_the_headers_is_no_header(running: Running) -> None:
    trailer = f"Authorization: Bearer {running.token}".encode()
    chunks = b"9\r\n" + b'{"a": 1}\n' + b"\r\n0\r\n" + trailer + b"\r\n\r\n"
    head = (b"POST /v1/ingest/jsonl HTTP/1.1", b"host: x", b"transfer-encoding: chunked")
    assert status_of(exchanged(running, asked(*head, body=chunks))) == 401
    assert status_of(exchanged(running, asked(*head, trailer, body=chunks))) == 200


def test_trailers_and_chunks_without_an_end_are_cut_off(running: Running) -> None:
    head = asked(b"POST /v1/ingest/jsonl HTTP/1.1", b"host: x", b"transfer-encoding: chunked").replace(b"close", b"x")
    head = head.replace(b"host: x", f"host: x\r\nauthorization: Bearer {running.token}".encode())
    for endless in (b"2\r\n{}\r\n0\r\nx: ", b"2;"):
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
            client.sendall(head + endless)
            sent = 0
            with suppress(ConnectionError):
                while sent < 64 * HEADER_BYTES:
                    sent += client.send(b"a" * 65_536)
            assert sent < 64 * HEADER_BYTES


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ((b"GET /healthz HTTP/1.1",), 400),
        ((b"GET /healthz HTTP/1.1", b"host: a", b"host: a"), 400),
        ((b"GET /healthz HTTP/1.1", b"host: a b"), 400),
        ((b"GET /healthz HTTP/1.1", b"host:"), 400),
        ((b"GET /healthz HTTP/1.1", b"host: a@b"), 400),
        ((b"GET /healthz HTTP/1.1", b"host: [::1]:80"), 200),
        ((b"GET /healthz HTTP/1.1", b"host: example.com:8686"), 200),
        ((b"GET /healthz HTTP/1.0",), 200),
        ((b"GET /healthz HTTP/1.0", b"host: a", b"host: b"), 400),
        ((b"POST /v1/decide HTTP/1.1", b"host: a", b"transfer-encoding: gzip, chunked"), 501),
        ((b"POST /v1/decide HTTP/1.1", b"host: a", b"transfer-encoding: chunked", b"transfer-encoding: chunked"), 400),
        ((b"POST /v1/decide HTTP/1.0", b"host: a", b"transfer-encoding: chunked"), 400),
        ((b"GET /healthz HTTP/1.1", b"host: a", *[b"x: y"] * MOST_HEADERS), 431),
        ((b"GET /nowhere HTTP/1.1", b"host: a"), 404),
    ],
)
def test_a_request_that_could_be_read_as_another_one_is_refused(
    running: Running, head: tuple[bytes, ...], status: int
) -> None:
    body = b"0\r\n\r\n" if any(b"chunked" in one for one in head) else b""
    answer = exchanged(running, asked(*head, body=body))
    assert status_of(answer) == status
    if status >= 400:
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_a_header_that_decides_something_stands_once(running: Running) -> None:
    for path, token in (
        ("/v1/ingest/jsonl", running.token),
        ("/v1/decide", running.admin),
        ("/v1/tokens", running.admin),
    ):
        right, wrong = f"Authorization: Bearer {token}".encode(), b"Authorization: Bearer wrong"
        line = f"{'GET' if path == '/v1/tokens' else 'POST'} {path} HTTP/1.1".encode()
        body = b'{"account_id": "a"}'
        length = b"content-length: %d" % len(body)
        for pair in ((right, wrong), (wrong, right), (right, right)):
            assert status_of(exchanged(running, asked(line, b"host: a", length, *pair, body=body))) in (400, 401)
        assert status_of(exchanged(running, asked(line, b"host: a", length, right, body=body))) == 200


def _answers(running: Running, path: str = "/healthz") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(
    "begun", [b"", b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n", b"\r\n", b"POST /v1/decide HTTP/1.1\r\n"]
)
def test_silent_connections_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(server, "most_connections", lambda: 20)
    with serving(tmp_path / "data") as running, ExitStack() as held:
        for _ in range(60):
            one = held.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=20))
            one.sendall(begun)
        for _ in range(5):
            assert _answers(running) == 200


def test_bodies_without_an_end_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "most_connections", lambda: 20)
    with serving(tmp_path / "data") as running, ExitStack() as held:
        head = f"POST /v1/ingest/jsonl HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {running.token}\r\n"
        for _ in range(60):
            one = held.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=20))
            one.sendall(head.encode() + b"content-length: 9\r\n\r\n{")
        for _ in range(5):
            assert _answers(running) == 200


def test_who_asks_while_all_connections_are_at_work_is_told_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "most_connections", lambda: 0)
    with serving(tmp_path / "data") as running:
        answer = exchanged(running, asked(b"GET /healthz HTTP/1.1", b"host: a"))
        assert status_of(answer) == 503
        assert b"retry-after: 5" in answer.lower()
        assert MOST_BEYOND > 1


def test_the_limit_of_descriptors_is_raised_and_too_low_a_one_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 8192)]
    monkeypatch.setattr(resource, "getrlimit", lambda _name: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _name, wanted: limits.append(wanted))
    assert "1,024" not in descriptors.descriptor_warning()
    assert descriptors.most_connections() == 312
    descriptors.raise_descriptor_limit()
    assert limits[-1] == (4400, 8192)
    assert (descriptors.most_connections(), descriptors.descriptor_warning()) == (2000, "")
    limits.append((1024, 1024))
    descriptors.raise_descriptor_limit()
    assert limits[-1] == (1024, 1024)
    assert "312 connections" in descriptors.descriptor_warning()
