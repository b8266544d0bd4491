"""PostgreSQL and NATS that hang, die, start late or send anything, beside a server that goes on taking requests.

While a service is broken, records and questions arrive all the time. Nothing that was acknowledged may be lost, each
answer must come soon, and /readyz must say within five seconds that the database is silent, and be well again after.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import nats  # noqa: E402 - the paths above come first
from trials import Fell, Trial  # noqa: E402 - as above

from collect.sources.postgres_server import ENCODED, USER, Server, program, running  # noqa: E402 - as above
from server.nats_servers import STREAM, Broker, broker  # noqa: E402 - as above
from server.serving import free_port  # noqa: E402 - as above

SLOWEST = 3.0
"""Seconds that an answer may take while a service is broken. Judgement: machines with other work need some."""
SAID_WITHIN = 5.0
"""Seconds after which /readyz must say that the database is silent."""
WELL_WITHIN = 20.0
"""Seconds after which all is well again."""
BROKEN_SECONDS = 7.0
TOKEN = re.compile(rb"stillhunt_[A-Za-z0-9_-]+")


@dataclass
class Stillhunt:
    """A real `stillhunt serve` that receives and answers, on PostgreSQL and NATS."""

    data: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""

    def start(self) -> None:
        """Start, and wait until it answers; the first token is kept."""
        words = ["--data", str(self.data), "--only", "ingest", "--only", "web"]
        with (self.data / "printed").open("wb") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stillhunt", "serve", *words],
                stdout=printed,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.settings, "STILLHUNT_SERVE__LISTEN": f"127.0.0.1:{self.port}"},
            )
        self.until(lambda: self.ask("GET", "/healthz")[0] == 200, 60, "the server did not start")
        if found := TOKEN.search((self.data / "printed").read_bytes()):
            self.token = self.token or found[0].decode()

    def stop(self) -> None:
        """End it as a service manager does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def ask(
        self, method: str, path: str, body: bytes = b"", timeout: float = 15.0, token: str = ""
    ) -> tuple[int, bytes]:
        """Status and body; 0 where nothing came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body or None, {"authorization": f"Bearer {token or self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except OSError:
            return 0, b""
        finally:
            connection.close()

    def until(self, held: Callable[[], bool], seconds: float, otherwise: str) -> float:
        """Wait for something; how long it took."""
        began = time.monotonic()
        while not held():
            if time.monotonic() - began > seconds:
                raise Fell(otherwise)
            threading.Event().wait(0.1)
        return time.monotonic() - began

    def ready(self) -> bool:
        """Whether /readyz says that all is well."""
        return self.ask("GET", "/readyz")[0] == 200

    def spooled(self) -> bytes:
        """All that is in the spool."""
        return b"".join(part.read_bytes() for part in sorted((self.data / "spool").rglob("part-*")) if part.is_file())


class Load:
    """Records, questions and health, one after the other, until it is stopped."""

    def __init__(self, served: Stillhunt) -> None:
        self._served, self._stop, self._number = served, threading.Event(), 0
        self.acknowledged: list[str] = []
        self.problems: list[str] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            self._number += 1
            name = f"{id(self)}-{self._number}"
            record = json.dumps({"id": name, "account_id": "a", "prompt": "?"}).encode()
            if self._timed("POST", "/v1/ingest/jsonl", record):
                self.acknowledged.append(name)
            self._timed("POST", "/v1/decide", b'{"account_id": "a"}')
            self._timed("GET", "/healthz")

    def _timed(self, method: str, path: str, body: bytes = b"") -> bool:
        began = time.monotonic()
        status, _ = self._served.ask(method, path, body)
        took = time.monotonic() - began
        if status != 200 or took > SLOWEST:
            self.problems.append(f"{path}: {status} after {took:.1f} s")
        return status == 200


@dataclass
class Rig:
    """Everything that trials break."""

    served: Stillhunt
    postgres: Server
    broker: Broker

    def postgres_processes(self) -> list[psutil.Process]:
        """The server and all that it started."""
        lines = (self.postgres.folder / "data" / "postmaster.pid").read_text().splitlines()
        main = psutil.Process(int(lines[0]))
        return [main, *main.children(recursive=True)]

    def postgres_control(self, *words: str) -> None:
        """Start or stop PostgreSQL with pg_ctl."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.postgres.port} -c unix_socket_directories= -c fsync=off"
        quiet = subprocess.DEVNULL
        subprocess.run(
            [
                *(str(program("pg_ctl")), "-D", str(self.postgres.folder / "data")),
                *("-l", str(self.postgres.folder / "log"), "-o", options, "-w", "-t", "60", *words),
            ],
            check=True, stdin=quiet, stdout=quiet, stderr=quiet, cwd=self.postgres.folder,
            **({"user": "postgres"} if os.geteuid() == 0 else {}),
        )  # fmt: skip

    @contextmanager
    def loaded(self) -> Iterator[Load]:
        """Load beside a fault; at its end all is well, and all that was acknowledged is there."""
        self.served.until(self.served.ready, WELL_WITHIN, f"not ready before: {self.served.ask('GET', '/readyz')}")
        with Load(self.served) as load:
            yield load
            self.served.until(self.served.ready, WELL_WITHIN, f"not well again: {self.served.ask('GET', '/readyz')}")
        if load.problems:
            raise Fell(f"{len(load.problems)} answers were wrong or late, such as {load.problems[0]}")
        content = self.served.spooled()
        lost = [name for name in load.acknowledged if name.encode() not in content]
        if lost or not load.acknowledged:
            raise Fell(f"{len(lost)} of {len(load.acknowledged)} acknowledged records are lost")

    def said(self) -> None:
        """Wait for /readyz to say that the database is silent."""
        self.served.until(lambda: not self.served.ready(), SAID_WITHIN, "/readyz did not say it in time")


def _stopped(rig: Rig, pages: tuple[str, ...], times: int) -> None:
    every = rig.postgres_processes()
    with rig.loaded():
        for one in every:
            one.suspend()
        try:
            began = time.monotonic()
            askers = [
                threading.Thread(target=rig.served.ask, args=("GET", page)) for page in pages for _ in range(times)
            ]
            for asker in askers:
                asker.start()
            rig.said()
            if rig.served.ask("GET", "/v1/status", timeout=3)[0] != 200:
                raise Fell("/v1/status does not answer while the database is silent")
            if rig.served.ask("GET", "/v1/tokens", timeout=3)[0] != 503:
                raise Fell("/v1/tokens is not refused at once while the database is silent")
            threading.Event().wait(max(0.0, BROKEN_SECONDS - (time.monotonic() - began)))
        finally:
            for one in every:
                one.resume()
        for asker in askers:
            asker.join()


def _killed(rig: Rig) -> None:
    with rig.loaded():
        for one in rig.postgres_processes():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        rig.said()
        (rig.postgres.folder / "data" / "postmaster.pid").unlink()  # where nobody reaps the dead, they seem to run
        rig.postgres_control("start")


def _restarted(rig: Rig) -> None:
    with rig.loaded():
        rig.postgres_control("-m", "immediate", "restart")


def _terminated(rig: Rig) -> None:
    with rig.loaded():
        for _ in range(5):
            rig.postgres.run(
                "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'stillhunt';"
            )
            threading.Event().wait(0.3)


def _late(rig: Rig) -> None:
    """The server is started while PostgreSQL is away."""
    served = rig.served
    served.until(served.ready, WELL_WITHIN, "not ready before")
    rig.postgres_control("-m", "immediate", "stop")
    served.stop()
    served.start()
    record = b'{"id": "sent while the database was away", "account_id": "a"}'
    known, other = (served.ask("POST", "/v1/ingest/jsonl", record, token=one)[0] for one in ("", "stillhunt_other"))
    if (known, other) != (200, 503):
        raise Fell(f"a known token got {known}, another one {other}")
    if served.ready():
        raise Fell("/readyz says ready without a database")
    if served.ask("POST", "/v1/decide", b'{"account_id": "a"}')[0] not in (200, 503):
        raise Fell("/v1/decide says neither what is known nor 503")
    rig.postgres_control("start")
    served.until(served.ready, WELL_WITHIN, "not ready after PostgreSQL came")
    if b"sent while the database was away" not in served.spooled():
        raise Fell("what was acknowledged is lost")
    if served.ask("POST", "/v1/ingest/jsonl", record, token="stillhunt_other")[0] != 401:  # noqa: S106 - no token of anybody
        raise Fell("an unknown token is not refused once the database answers")


def _broker_says(rig: Rig) -> bool:
    return bool(json.loads(rig.served.ask("GET", "/v1/status")[1])["brokers"])


def _arrives(rig: Rig, name: str) -> None:
    rig.broker.publish([("calls.app", json.dumps({"id": name, "account_id": "a"}).encode(), {})])
    rig.served.until(lambda: name.encode() in rig.served.spooled(), WELL_WITHIN, "the next message is not stored")


def _broker_stopped(rig: Rig) -> None:
    if rig.broker.process is None:
        raise Fell("the broker was not started")
    with rig.loaded():
        os.kill(rig.broker.process.pid, signal.SIGSTOP)
        try:
            rig.served.until(lambda: _broker_says(rig), 10, "/v1/status does not say that the broker is silent")
        finally:
            os.kill(rig.broker.process.pid, signal.SIGCONT)
        _arrives(rig, f"after a stop {time.time_ns()}")


def _broker_killed(rig: Rig) -> None:
    with rig.loaded():
        rig.broker.kill()
        rig.served.until(lambda: _broker_says(rig), 10, "/v1/status does not say that the broker is away")
        rig.broker.start()
        _arrives(rig, f"after a kill {time.time_ns()}")


def _poisoned(rig: Rig, subject: str, headers: dict[str, str], bodies: list[bytes]) -> None:
    async def send() -> None:
        client = await nats.connect(rig.broker.url)
        for body in bodies:
            await client.publish(subject, body, headers=headers or None)
        await client.flush()
        await client.close()

    asyncio.run(send())
    _arrives(rig, f"after poison {time.time_ns()}")
    if not rig.served.ready():
        raise Fell(f"not ready after it: {rig.served.ask('GET', '/readyz')[1]!r}")


def poison(seed: int) -> Iterator[tuple[str, str, dict[str, str], list[bytes]]]:
    """Messages that may do harm: name, subject, headers, bodies."""
    chance = random.Random(seed)  # noqa: S311 - a test
    deep = [b'{"a": NaN,\n "b": ' + b"[" * n + b"]" * n + b"}" for n in range(880, 1020)]
    kinds = ("traces", "logs", "litellm", "app")
    for kind in kinds:
        subject = f"calls.{kind}"
        yield f"{kind}: nested to each depth", subject, {}, deep
        yield f"{kind}: nested without end", subject, {}, [b"[" * 100_000, b'{"a":' * 50_000]
        yield (
            f"{kind}: bytes without meaning",
            subject,
            {},
            [chance.randbytes(chance.randrange(4000)) for _ in range(30)],
        )
        texts = [
            b"",
            b"\x00",
            b"null",
            b"1e999",
            b'"\\ud800"',
            b'{"a": "\x00"}',
            b"\xff\xfe{",
            b"[" + b"9" * 100_000 + b"]",
        ]
        yield f"{kind}: odd values", subject, {}, texts
        for encoding in ("gzip", "deflate", "zstd", "br", "\t", "gzip, gzip"):
            yield (
                f"{kind}: encoding {encoding!r}",
                subject,
                {"Content-Encoding": encoding},
                [b"", b"{}", chance.randbytes(500)],
            )
        bomb = gzip.compress(b" " * 80_000_000)
        yield f"{kind}: a bomb", subject, {"Content-Encoding": "gzip"}, [bomb, bomb[: len(bomb) // 2]]
        protobuf = {"Content-Type": "application/x-protobuf"}
        nested = b""
        for _ in range(120):
            size = len(nested)
            nested = b"\x0a" + bytes([size & 127 | 128, size >> 7] if size > 127 else [size]) + nested
        noise = [chance.randbytes(chance.randrange(1, 800)) for _ in range(30)]
        yield f"{kind}: protobuf without meaning", subject, protobuf, [nested, b"\x0a\xff\xff\xff\xff\x0f", *noise]


@contextmanager
def _rig() -> Iterator[Rig]:
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        postgres = opened.enter_context(running())
        postgres.create("stillhunt", "")
        messages = opened.enter_context(broker(folder / "broker"))
        data = folder / "data"
        data.mkdir()
        settings = {
            "PYTHONPATH": str(ROOT / "packages" / "stillhunt" / "src"),
            "STILLHUNT_WATCH__DATABASE": f"postgresql+psycopg://{USER}:{ENCODED}@127.0.0.1:{postgres.port}/stillhunt",
            "STILLHUNT_SERVE__NATS_URL": messages.url,
            "STILLHUNT_SERVE__NATS_STREAM": STREAM,
            "STILLHUNT_SERVE__FREE_GB": "0",
        }
        served = Stillhunt(data, settings)
        served.start()
        opened.callback(served.stop)
        yield Rig(served, postgres, messages)


def trials(seed: int) -> Iterator[Trial]:
    """All trials, with one server for all of them."""
    with _rig() as rig:
        pages = ("/v1/status", "/v1/tokens", "/v1/decisions", "/readyz", "/metrics", "/")
        yield Trial("PostgreSQL", "stopped", partial(_stopped, rig, (), 0))
        yield Trial(
            "PostgreSQL", "stopped, and somebody asks for the status", partial(_stopped, rig, ("/v1/status",), 1)
        )
        yield Trial("PostgreSQL", "stopped, and every page is asked for", partial(_stopped, rig, pages, 1))
        yield Trial("PostgreSQL", "stopped, and 120 requests want it", partial(_stopped, rig, pages, 20))
        yield Trial("PostgreSQL", "killed, and started again", partial(_killed, rig))
        yield Trial("PostgreSQL", "restarted at once", partial(_restarted, rig))
        yield Trial("PostgreSQL", "all connections ended, five times", partial(_terminated, rig))
        yield Trial("PostgreSQL", "away while the server starts", partial(_late, rig))
        yield Trial("NATS", "stopped", partial(_broker_stopped, rig))
        yield Trial("NATS", "killed, and started again", partial(_broker_killed, rig))
        for name, subject, headers, bodies in poison(seed):
            yield Trial("poison in NATS", name, partial(_poisoned, rig, subject, headers, bodies))
