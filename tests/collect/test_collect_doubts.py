"""What may be wrong with an input: addresses of proxies, two logs of the same calls, a sample of unknown rate."""

from __future__ import annotations

import datetime as dt
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.collect.gathering import config, opened, row, write_lines
from tests.collect.sources.cloud_records import RECORDS
from tests.collect.sources.fixtures import NGINX
from tests.collect.sources.reading import Read, read_logs

from stillhunt.base.errors import ConfigError
from stillhunt.collect.input_doubts import MIN_CALLS_BEHIND_PROXIES, MIN_PROXY_CALLS
from stillhunt.collect.normalise.standardise import Rules
from stillhunt.collect.read.input_stats import InputFacts

START = 1_795_000_000


def edge(number: int, address: str, **more: Any) -> dict[str, Any]:
    return {**NGINX, "request_id": f"q-{number}", "msec": NGINX["msec"] + number, "remote_addr": address, **more}


def written(path: Path, records: list[Any]) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("".join(line + "\n" for line in lines))
    return path


def doubts(read: Read) -> list[str]:
    return [told for file in read.inputs for told in file.doubts]


@pytest.mark.parametrize(
    ("addresses", "word"),
    [
        (["10.1.2.3", "192.168.0.9", "fd00::1", "172.16.0.1", "10.0.0.7"], "private"),
        (["104.16.1.1", "172.68.3.4", "2606:4700::1", "162.158.9.9", "198.41.200.1"], "Cloudflare"),
        (["151.101.1.1", "2a04:4e42::5", "199.232.3.3", "146.75.9.9", "23.235.40.1"], "Fastly"),
        (["35.191.0.5", "130.211.1.1", "35.191.200.1", "35.191.7.7", "130.211.3.9"], "Google"),
    ],
)
def test_addresses_of_proxies_are_named(tmp_path: Path, addresses: list[str], word: str) -> None:
    records = [edge(n, addresses[n % 5], http_x_forwarded_for="") for n in range(MIN_PROXY_CALLS)]
    (told,) = doubts(read_logs(written(tmp_path / "edge.log", records)))
    assert word in told
    assert "set_real_ip_from" in told
    assert not any(address in told for address in addresses)
    assert doubts(read_logs(written(tmp_path / "edge.log", records[:-1]))) == []


def test_very_few_addresses_are_named(tmp_path: Path) -> None:
    few = [edge(n, f"198.51.100.{n % 3}", http_x_forwarded_for="") for n in range(MIN_CALLS_BEHIND_PROXIES)]
    (told,) = doubts(read_logs(written(tmp_path / "few.log", few)))
    assert f"all {MIN_CALLS_BEHIND_PROXIES:,} calls come from 3 addresses" in told
    some = [edge(n, f"198.51.100.{n % 4}", http_x_forwarded_for="") for n in range(MIN_CALLS_BEHIND_PROXIES)]
    assert doubts(read_logs(written(tmp_path / "few.log", some))) == []


def test_envoy_is_told_of_trusted_hops(tmp_path: Path) -> None:
    base = {key: value for key, value in RECORDS["envoy"][0].items() if key != "x-forwarded-for"}
    records = [
        {**base, "x-request-id": f"q-{n}", "downstream_remote_address": f"10.0.0.{n}:443"}
        for n in range(MIN_PROXY_CALLS)
    ]
    (told,) = doubts(read_logs(written(tmp_path / "envoy.log", records)))
    assert "xff_num_trusted_hops" in told


def test_a_joined_edge_log_behind_a_proxy_is_named_too(tmp_path: Path) -> None:
    kong = RECORDS["kong"][0]
    calls = [{**kong, "request": {**kong["request"], "id": f"q-{n}"}} for n in range(MIN_PROXY_CALLS)]
    written(tmp_path / "kong.log", calls)
    written(tmp_path / "edge.log", [edge(n, f"10.0.0.{n}", http_x_forwarded_for="") for n in range(MIN_PROXY_CALLS)])
    read = read_logs(tmp_path)
    assert {file.format: bool(file.doubts) for file in read.inputs} == {"nginx": True, "kong": False}


def traffic(seed: int, calls: int) -> list[tuple[float, str, str, float]]:
    """Moment, address, agent and seconds taken of calls."""
    rng = random.Random(seed)
    return [
        (
            START + rng.uniform(0, 40 * 3600),
            f"198.51.{min(int(rng.paretovariate(0.6)), 90)}.{rng.randrange(2)}",
            rng.choice(("curl/8", "OpenAI/Python 1.2")),
            rng.uniform(0.2, 30),
        )
        for _ in range(calls)
    ]


def as_json(calls: list[tuple[float, str, str, float]]) -> list[dict[str, Any]]:
    told = {"http_x_forwarded_for": ""}
    return [
        edge(n, ip, msec=round(at + took, 3), request_time=round(took, 3), http_user_agent=agent, **told)
        for n, (at, ip, agent, took) in enumerate(calls)
    ]


def as_combined(calls: list[tuple[float, str, str, float]]) -> list[str]:
    return [
        f"{ip} - - [{dt.datetime.fromtimestamp(int(at + took), dt.UTC):%d/%b/%Y:%H:%M:%S +0000}] "
        f'"POST /v1/chat/completions HTTP/1.1" 200 512 "-" "{agent}"'
        for at, ip, agent, took in calls
    ]


def test_the_same_calls_in_two_formats_are_named(tmp_path: Path) -> None:
    calls = traffic(1, 900)
    random.Random(2).shuffle(calls)
    written(tmp_path / "a.jsonl", as_json(calls))
    written(tmp_path / "access.log", as_combined(sorted(calls, key=lambda call: call[0] + call[3])))
    read = read_logs(tmp_path)
    told = {file.name: file.doubts for file in read.inputs}
    assert told["a.jsonl"] == ()
    assert "repeat the calls of a" in told["access.log"][0]


def test_two_servers_of_the_same_clients_are_two_logs(tmp_path: Path) -> None:
    calls = traffic(3, 1800)
    random.Random(4).shuffle(calls)
    written(tmp_path / "one.jsonl", as_json(calls[:900]))
    written(tmp_path / "two.log", as_combined(calls[900:]))
    assert doubts(read_logs(tmp_path)) == []


def test_a_sample_of_unknown_rate_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "v.jsonl", RECORDS["vertex"])
    (told,) = doubts(read_logs(path))
    assert "collect.sampling_rate.vertex" in told
    read = read_logs(path, sampling_rate={"vertex": 0.25})
    assert doubts(read) == []
    assert {one["sampling_rate"] for one in read.rows} == {0.25}


def test_rates_of_the_log_win_and_wrong_ones_are_counted(tmp_path: Path) -> None:
    rates = [0.5, None, "0.1", 1, 0, 1.5, "x", -1]
    write_lines(tmp_path / "a.jsonl", [row(n, sampling_rate=rate) for n, rate in enumerate(rates)])
    log = opened(tmp_path / "a.jsonl", settings=config(sampling_rate={"canonical": 0.2, "vertex": 0.9}))
    rows = pa.concat_tables(list(log.batches())).to_pylist()
    assert [one["sampling_rate"] for one in rows] == [0.5, 0.2, 0.1, 1.0, *[0.2] * 4]
    assert log.facts.rejected_rows == 0
    assert sum(log.facts.changed.values()) == 4
    assert log.facts.columns.sampling_rates == {0.1: 1, 0.2: 5, 0.5: 1, 1.0: 1}


def test_a_rate_for_no_kind_of_log_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown log format"):
        Rules.of(config(sampling_rate={"vertx": 0.5}))
    with pytest.raises(ConfigError, match="greater than or equal"):
        config(sampling_rate={"vertex": 0.0})


def test_facts_come_back_from_json() -> None:
    facts = InputFacts(
        rows=3,
        filled={"prompt": 2, "country": 0},
        rejected=1,
        rates={"0.5": 2},
        passed_over={"why": 1},
        set_aside={"account": 1},
        changed={"model: cut": 2},
        doubts=("a doubt",),
    )
    assert InputFacts.from_json(json.loads(json.dumps(facts.as_json()))) == facts
