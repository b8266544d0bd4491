"""Which address is the client's, where the client can write some of them itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.collect.sources.cloud_records import KONG, RECORDS
from tests.collect.sources.fixtures import CHAT, FIXTURES, NGINX
from tests.collect.sources.litellm_records import spend_row
from tests.collect.sources.otlp_dialect_records import CURRENT
from tests.collect.sources.otlp_fixtures import export, span
from tests.collect.sources.reading import hashed_address, read_logs

from stillhunt.collect.formats.shared.http import client_address, without_port

FORGED, CLIENT, PROXY = "8.8.8.8", "198.51.100.9", "10.0.0.1"
LIST = f"{FORGED}, {CLIENT}, {PROXY}"


@pytest.mark.parametrize(
    ("forwarded", "peer", "found"),
    [
        (LIST, "127.0.0.1", CLIENT),
        (f"{FORGED}, {CLIENT}", PROXY, CLIENT),
        (FORGED, CLIENT, CLIENT),
        (f"{FORGED}, 172.16.3.4", CLIENT + ":5000", CLIENT),
        ("10.0.0.9", "127.0.0.1", "10.0.0.9"),
        ("10.0.0.9, 192.168.1.1", "100.64.0.1", "10.0.0.9"),
        ("unknown, 10.0.0.9", "127.0.0.1", "10.0.0.9"),
        (None, "127.0.0.1", "127.0.0.1"),
        ("-", "[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::5, fd00::1", "::1", "2001:db8::5"),
        ("198.51.100.9:4711", "::ffff:10.0.0.1", CLIENT),
        ([FORGED, CLIENT], None, CLIENT),
        ("unix:", None, "unix:"),
        ("", "", None),
        (None, None, None),
        (7, {"a": 1}, None),
    ],
)
def test_the_last_public_hop_is_the_client(forwarded: Any, peer: Any, found: str | None) -> None:
    assert client_address(forwarded, peer) == found


@settings(derandomize=True)
@given(st.lists(st.ip_addresses().map(str)), st.sampled_from((CLIENT, "203.0.113.4", "2001:db8::7")))
def test_what_a_client_writes_before_its_address_changes_nothing(forged: list[str], client: str) -> None:
    assert client_address(", ".join([*forged, client]), PROXY) == client_address(client, PROXY) == client


@settings(derandomize=True)
@given(st.text(max_size=60), st.text(max_size=30))
def test_odd_texts_never_raise(forwarded: str, peer: str) -> None:
    client_address(forwarded, peer)


def test_ports_and_brackets_go() -> None:
    words = ("1.2.3.4:5", "[::1]:5", "[::1]", "::1", "2001:db8::443", "-", ' "1.2.3.4" ')
    assert [without_port(w) for w in words] == ["1.2.3.4", "::1", "::1", "::1", "2001:db8::443", "", "1.2.3.4"]


_KONG = {**KONG, "client_ip": PROXY}
_KONG["request"] = {**KONG["request"], "headers": {**KONG["request"]["headers"], "x-forwarded-for": LIST}}
RECORDS_OF: dict[str, Any] = {
    "nginx": {**NGINX, "http_x_forwarded_for": LIST, "remote_addr": "127.0.0.1"},
    "envoy": {**RECORDS["envoy"][0], "x-forwarded-for": LIST, "downstream_remote_address": "127.0.0.1:5000"},
    "kong": _KONG,
    "litellm-spendlogs": {**spend_row(), "requester_ip_address": LIST},
    "otlp": export([span(1, {**CURRENT, "http.request.header.x-forwarded-for": [LIST], "client.address": FORGED})]),
    "bodies": {**RECORDS["bodies"][0], "request": CHAT, "client_ip": "127.0.0.1", "headers": {"X-Forwarded-For": LIST}},
}


@pytest.mark.parametrize("name", RECORDS_OF)
def test_a_forged_first_hop_is_not_the_client(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(FIXTURES[name].lines([RECORDS_OF[name]]))
    (row,) = read_logs(path, format=name).rows
    assert row["client_ip"] == hashed_address(CLIENT)
