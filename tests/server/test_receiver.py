"""The receiver, over real connections: good clients, careless ones and hostile ones."""

from __future__ import annotations

import errno
import gzip
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from sqlalchemy import select

from server.serving import Running, serving
from stillhunt.base.config import Config
from stillhunt.cli.support import _server_metrics
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.spool.parts import closed_parts, open_parts
from stillhunt_server import tokens as tokens_module
from stillhunt_server.receiving import connections as connections_module
from stillhunt_server.receiving import receiver as receiver_module
from stillhunt_server.tokens import revoke_token

LINE = b'{"request_id": "1", "prompt": "hello"}\n'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(tmp_path / "data", Config.load({"serve": {"max_body_mb": 0.2}}, environ={})) as server:
        yield server


def post(
    running: Running, path: str, body: bytes, headers: dict[str, str] | None = None, *, token: str | None = None
) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        sent = {"Authorization": f"Bearer {running.token if token is None else token}", **(headers or {})}
        connection.request("POST", path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def get(running: Running, path: str, method: str = "GET", token: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def spooled(running: Running) -> bytes:
    return b"".join(part.read_bytes() for part in [*open_parts(running.folder.spool)])


def test_records_are_on_disk_when_they_are_acknowledged(running: Running) -> None:
    status, answer, _ = post(running, "/v1/ingest/jsonl", LINE * 3)
    assert (status, json.loads(answer)) == (200, {"accepted": 3, "refused": 0, "problems": []})
    assert spooled(running) == LINE * 3
    (part,) = open_parts(running.folder.spool)
    assert part.parent.parent.name == "gateway"
    assert running.traffic.records["gateway"] == 3


def test_packed_bodies_and_litellm_batches(running: Running) -> None:
    packed = gzip.compress(LINE)
    assert post(running, "/v1/ingest/litellm", packed, {"Content-Encoding": "gzip"})[0] == 200
    assert post(running, "/v1/ingest/litellm", json.dumps([{"id": "a"}, {"id": "b"}]).encode())[0] == 200
    assert spooled(running) == LINE + b'{"id": "a"}\n{"id": "b"}\n'


def test_otlp_answers_as_its_specification_says(running: Running) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(name="chat")
    protobuf = {"Content-Type": "application/x-protobuf"}
    status, answer, headers = post(running, "/v1/traces", request.SerializeToString(), protobuf)
    assert (status, headers["content-type"]) == (200, "application/x-protobuf")
    assert not ExportTraceServiceResponse.FromString(answer).HasField("partial_success")
    status, answer, headers = post(running, "/v1/traces", b"\xff\xff", protobuf)
    assert (status, headers["content-type"], answer[0]) == (400, "application/x-protobuf", 0x12)
    body = json.dumps({"resourceSpans": [{"scopeSpans": []}, 5]}).encode()
    status, answer, _ = post(running, "/v1/traces", body, {"Content-Type": "application/json"})
    assert status == 200
    assert json.loads(answer)["partialSuccess"]["rejectedSpans"] == "1"
    assert post(running, "/v1/logs", b"{}", {"Content-Type": "application/json"})[:2] == (200, b"{}")


def test_refusals_are_clear_and_counted(running: Running) -> None:
    assert post(running, "/v1/ingest/jsonl", LINE, token="wrong")[0] == 401
    assert post(running, "/v1/ingest/jsonl", LINE, token=running.admin)[0] == 403
    assert post(running, "/v1/ingest/jsonl", b"nothing\n")[0] == 400
    assert post(running, "/v1/ingest/jsonl", LINE, {"Content-Encoding": "br"})[0] == 415
    assert post(running, "/v1/ingest/jsonl", LINE * 10_000)[0] == 413
    assert post(running, "/v1/ingest/jsonl", gzip.compress(LINE * 10_000), {"Content-Encoding": "gzip"})[0] == 413
    status, answer, _ = post(running, "/v1/ingest/jsonl", LINE + b"[]\n")
    assert (status, json.loads(answer)["refused"]) == (200, 1)
    assert running.traffic.refused == {
        ("-", "token"): 2,
        ("gateway", "not decodable"): 2,
        ("gateway", "encoding"): 1,
        ("gateway", "too long"): 2,
    }
    assert get(running, "/v1/ingest/jsonl")[0] == 405
    assert spooled(running) == LINE


def test_a_revoked_token_is_refused(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "REFRESH_SECONDS", 0.0)
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200
    (row,) = running.database.read(select(TOKENS).where(TOKENS.c.source == "gateway"))
    assert revoke_token(running.database, row["token_id"])
    assert not revoke_token(running.database, row["token_id"])
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 401


def test_a_token_that_floods_is_slowed_down(tmp_path: Path) -> None:
    config = Config.load({"serve": {"records_per_second": 1.0}}, environ={})
    with serving(tmp_path / "data", config) as running:
        assert post(running, "/v1/ingest/jsonl", LINE * 10)[0] == 200
        status, _, headers = post(running, "/v1/ingest/jsonl", LINE)
        assert (status, headers["retry-after"]) == (429, "5")
        # LiteLLM sends again after statuses from 500 on only, and drops the batch after others.
        status, _, headers = post(running, "/v1/ingest/litellm", LINE)
        assert (status, headers["retry-after"]) == (503, "5")
        assert running.traffic.records["gateway"] == 10
        assert running.traffic.refused == {("gateway", "rate"): 2}


def test_a_full_disk_is_said_and_health_stays_honest(tmp_path: Path) -> None:
    with serving(tmp_path / "data", Config.load({"serve": {"free_gb": 1e9}}, environ={})) as running:
        status, answer, headers = post(running, "/v1/ingest/jsonl", LINE)
        assert (status, headers["retry-after"]) == (503, "5")
        assert b"serve.free_gb" in answer
        assert get(running, "/healthz") == (200, b"ok\n")
        status, answer = get(running, "/readyz")
        assert (status, b"serve.free_gb" in answer) == (503, True)


def _until_closed(client: socket.socket, seconds: float) -> bool:
    client.settimeout(seconds)
    try:
        while client.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    finally:
        client.close()
    return True


@pytest.mark.parametrize("header", [b"X-Long: " + b"a" * 1000 + b"\r\n", b"a" * 1000])
def test_headers_without_end_are_cut_off(running: Running, header: bytes) -> None:
    client = socket.create_connection(("127.0.0.1", running.port))
    client.sendall(b"POST /v1/ingest/jsonl HTTP/1.1\r\n")
    sent = 0
    try:
        while sent < 4 * connections_module.HEADER_BYTES:
            client.sendall(header)
            sent += len(header)
    except ConnectionError:
        pass
    assert _until_closed(client, 5)
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200


def test_slow_clients_are_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(receiver_module, "BODY_SECONDS", 0.3)
    with serving(tmp_path / "data") as running:
        heads = (b"", b"POST / HTTP/1.1\r\nHost: x\r\n")
        clients = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(3)]
        for client, head in zip(clients, heads, strict=False):
            client.sendall(head)
        body = f"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}\r\n"
        clients[2].sendall(body.encode() + b"Content-Length: 100\r\n\r\n{")
        assert all(_until_closed(client, 5) for client in clients)
        assert running.traffic.refused["gateway", "too slow"] == 1


def test_a_body_without_end_is_cut_off(running: Running) -> None:
    client = socket.create_connection(("127.0.0.1", running.port))
    client.sendall(
        f"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n".encode()
    )
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    try:
        for _ in range(100):
            client.sendall(chunk)
    except ConnectionError:
        pass
    assert _until_closed(client, 5)
    assert running.traffic.refused["gateway", "too long"] == 1
    assert spooled(running) == b""


def test_many_clients_at_once_lose_nothing(running: Running) -> None:
    def send(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        for number in range(50):
            line = json.dumps({"request_id": f"{client}-{number}"}).encode()
            connection.request("POST", "/v1/ingest/jsonl", line, {"Authorization": f"Bearer {running.token}"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        connection.close()

    threads = [threading.Thread(target=send, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    running.committer.stop()
    lines = b"".join(part.read_bytes() for part in closed_parts(running.folder.spool)).splitlines()
    found = {json.loads(line)["request_id"] for line in lines}
    assert len(lines) == 400
    assert found == {f"{client}-{number}" for client in range(8) for number in range(50)}


def test_metrics_and_status(running: Running) -> None:
    post(running, "/v1/ingest/jsonl", LINE)
    post(running, "/v1/ingest/jsonl", LINE, token="wrong")
    text = get(running, "/metrics")[1].decode()
    assert 'stillhunt_received_records_total{source="gateway"} 1.0' in text
    assert 'stillhunt_refused_total{reason="token",source="-"} 1.0' in text
    assert "stillhunt_ingest_lag_p99_seconds" in text
    for token, status in ((running.token, 403), ("", 401), (running.admin, 200)):
        assert get(running, "/v1/status", token=token)[0] == status
    assert json.loads(get(running, "/v1/status", token=running.admin)[1])["received"] == {"gateway": 1}
    assert get(running, "/v1/hunts", "POST", running.admin)[0] == 409
    for_support = list(_server_metrics(f"127.0.0.1:{running.port}"))
    assert 'stillhunt_received_records_total{source="1"} 1.0' in for_support
    assert 'stillhunt_refused_total{reason="token",source="-"} 1.0' in for_support
    assert not any('"gateway"' in line for line in for_support), "a sender may have the name of a customer"


def test_a_client_that_leaves_costs_nobody_else(running: Running) -> None:
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", running.port))
        head = f"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}\r\n"
        client.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(LINE) + LINE)
        client.close()
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200


def test_a_data_folder_that_is_gone_for_a_while_is_no_reason_to_drop_records(running: Running) -> None:
    aside = running.folder.path / "aside"
    running.folder.spool.rename(aside)
    status, answer, headers = post(running, "/v1/ingest/jsonl", LINE)
    assert (status, headers["Retry-After"]) == (503, "5")
    assert b"the data folder cannot be used now" in answer
    aside.rename(running.folder.spool)
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200
    assert running.traffic.refused["gateway", "folder gone"] == 1


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EIO, "disk error"),
        (errno.ENOSPC, "no room"),
        (errno.EROFS, "read-only disk"),
        (errno.EMFILE, "too many open files"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_disk(
    running: Running, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    def fails(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        status, answer, _ = post(running, "/v1/ingest/jsonl", LINE)
    assert status == 503
    assert os.strerror(number).encode() in answer
    assert running.traffic.refused["gateway", reason] == 1
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200


def test_large_bodies_that_come_at_once_wait_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_module, "MOST_HELD_BYTES", 2_000_000)
    body = LINE * 30_000
    with serving(tmp_path / "data", Config.load({"serve": {"max_body_mb": 2}}, environ={})) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            head = f"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\n"
            slow.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:-1])
            statuses = [post(server, "/v1/ingest/jsonl", body) for _ in range(2)]  # the first may come before `slow`
            status, answer, headers = statuses[-1]
            assert status == 503
            assert "memory" in json.loads(answer)["error"]
            assert int(headers["retry-after"]) > 0
            assert server.traffic.refused["gateway", "memory"] >= 1
        for _ in range(100):  # the server sees the end of the slow connection in a moment
            if (last := post(server, "/v1/ingest/jsonl", body)[0]) == 200:
                break
        assert last == 200


def test_who_is_refused_or_sends_no_body_does_not_hold_a_connection(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "BODY_SECONDS", 0.2)
    monkeypatch.setattr(connections_module, "ANSWER_SECONDS", 0.1)
    for token, answered in (("wrong", b"401"), (running.token, b"")):
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as slow:
            head = f"POST /v1/ingest/jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            slow.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
            got = b""
            with suppress(ConnectionResetError):
                while piece := slow.recv(4096):
                    got += piece
            assert got[9:12] == answered


def test_a_token_that_was_just_made_counts_at_once(running: Running) -> None:
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200
    fresh = tokens_module.make_token(running.database, "new", frozenset((tokens_module.INGEST,)), "new")
    for _ in range(100):  # unknown tokens are looked for five times a second
        if (status := post(running, "/v1/ingest/jsonl", LINE, token=fresh)[0]) == 200:
            break
        threading.Event().wait(0.01)
    assert status == 200


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b'{"made_at": 1}', b"[" * 100_000])
def test_a_damaged_snapshot_takes_no_page_away(running: Running, content: bytes) -> None:
    (running.folder.snapshots / "00000001").mkdir()
    (running.folder.snapshots / "00000001" / "watch.json").write_bytes(content)
    running.folder.switch_latest("00000001")
    assert post(running, "/v1/ingest/jsonl", LINE)[0] == 200
    status, text = get(running, "/metrics")
    assert status == 200
    assert b'stillhunt_received_records_total{source="gateway"} 1' in text
    status, text = get(running, "/v1/status", token=running.admin)
    assert (status, json.loads(text)["snapshot"]) == (200, None)


def test_a_folder_that_is_gone_is_said(running: Running) -> None:
    running.folder.path.rename(running.folder.path.with_name("away"))
    status, text = get(running, "/readyz")
    running.folder.path.with_name("away").rename(running.folder.path)
    assert (status, b"the data folder is gone" in text) == (503, True)
