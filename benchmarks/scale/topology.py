"""Every part of stillhunt on a host of its own, each killed or cut off once, while records and questions arrive.

Hosts are network namespaces on one bridge: four receivers, two hunters, two deciders, PostgreSQL, and NATS where that
is the store. In the end, what a hunter counts must be what was sent, and every decision must be in force everywhere.

    python benchmarks/scale/topology.py --store file --seconds 150      (as root; nats, too)
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from tests.collect.sources.postgres_server import program  # noqa: E402 - the paths above come first

from server.nats_servers import program as nats_program  # noqa: E402 - as above
from watch.small_world import lines  # noqa: E402 - as above

BRIDGE, NETWORK = "sh-bridge", "10.77.0"
RECEIVERS, HUNTERS, DECIDERS = 4, 2, 2
PORT = 8686
SENDERS = 8
BATCH = 10
"""Records of one body."""
TOKEN = re.compile(r"stillhunt_[A-Za-z0-9_-]+")


def run(*words: object, **named: object) -> str:
    """A command of the system; what it printed."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True, **named)  # type: ignore[call-overload]  # one command
    return str(done.stdout)


@dataclass
class Host:
    """A host on the bridge, with at most one program."""

    name: str
    number: int
    words: list[str] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    log: Path = Path("/dev/null")
    process: subprocess.Popen[bytes] | None = None
    owner: str = ""

    @property
    def address(self) -> str:
        """Its address on the bridge."""
        return f"{NETWORK}.{self.number}"

    def make(self) -> None:
        """Make the namespace and its link."""
        run("ip", "netns", "add", f"sh-{self.name}")
        run(
            "ip", "link", "add", f"shv{self.number}", "type", "veth", "peer", "name", "eth0", "netns", f"sh-{self.name}"
        )
        run("ip", "link", "set", f"shv{self.number}", "master", BRIDGE, "up")
        run("ip", "-n", f"sh-{self.name}", "addr", "add", f"{self.address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            run("ip", "-n", f"sh-{self.name}", "link", "set", link, "up")

    def start(self) -> None:
        """Start its program there."""
        environment = {**os.environ, **self.settings}
        as_user = ["setpriv", f"--reuid={self.owner}", f"--regid={self.owner}", "--clear-groups"] if self.owner else []
        words = ["ip", "netns", "exec", f"sh-{self.name}", *as_user, *self.words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                words, env=environment, stdout=log, stderr=log, start_new_session=True, cwd=self.log.parent
            )

    def kill(self) -> None:
        """Kill its program with all that belongs to it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def link(self, *, up: bool) -> None:
        """Cut its cable, or plug it in again."""
        run("ip", "link", "set", f"shv{self.number}", "up" if up else "down")

    def ask(self, method: str, path: str, token: str = "", body: bytes = b"", wait: float = 4.0) -> tuple[int, bytes]:
        """Ask its server; status 0 where it does not answer."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=wait)
        try:
            connection.request(method, path, body or None, {"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


@dataclass
class Sender:
    """Sends every batch until some receiver acknowledged it, every tenth one to two of them."""

    receivers: list[Host]
    token: str
    seconds: float
    acknowledged: int = 0
    copies: int = 0
    failed: int = 0
    longest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send_all(self) -> None:
        """Send the small world evenly over the time, over several connections: each waits for its acknowledgement."""
        sent = lines()
        batches = [b"".join(sent[at : at + BATCH]) for at in range(0, len(sent), BATCH)]
        began = time.monotonic()

        def send_some(first: int) -> None:
            for number in range(first, len(batches), SENDERS):
                wait_until(began + self.seconds * number / len(batches))
                self._send_batch(batches[number], number)
                if number % 10 == 0:
                    self._send_batch(batches[number], number + 1, copy=True)

        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send_some, range(SENDERS)))

    def _send_batch(self, batch: bytes, at: int, *, copy: bool = False) -> None:
        began, records, failed = time.monotonic(), batch.count(b"\n"), 0
        while self.receivers[at % len(self.receivers)].ask("POST", "/v1/ingest/jsonl", self.token, batch)[0] != 200:
            failed, at = failed + 1, at + 1
            pause(0.1)
        with self.lock:
            self.longest = max(self.longest, time.monotonic() - began)
            self.failed += failed
            self.acknowledged += records
            self.copies += records * copy


def wait_until(moment: float) -> None:
    """Wait for a moment of the clock that never goes back."""
    pause(max(0.0, moment - time.monotonic()))


def pause(seconds: float) -> None:
    """Wait."""
    threading.Event().wait(seconds)


def until(held: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something; the seconds that it took."""
    began = time.monotonic()
    while not held():
        if time.monotonic() - began > seconds:
            raise SystemExit(f"FELL: {what} did not happen within {seconds:.0f} s")
        pause(0.05)
    return time.monotonic() - began


class Topology:
    """All hosts of one try, in a folder of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        self.database, self.broker = Host("postgres", 2), Host("nats", 3)
        self.receivers = [Host(f"receiver{n}", 10 + n) for n in range(RECEIVERS)]
        self.hunters = [Host(f"hunter{n}", 20 + n) for n in range(HUNTERS)]
        self.deciders = [Host(f"decider{n}", 30 + n) for n in range(DECIDERS)]
        self.hosts = [self.database, self.broker, *self.receivers, *self.hunters, *self.deciders]
        self.admin = self.gateway = self.asker = ""

    def begin(self) -> None:
        """Make the hosts and start everything."""
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for host in self.hosts:
            host.make()
            host.log = self.folder / f"{host.name}.log"
        self._make_database()
        self._make_broker()
        settings = self._settings()
        for part, hosts in (("ingest", self.receivers), ("hunt", self.hunters), ("decide", self.deciders)):
            for host in hosts:
                data = self.folder / host.name
                host.settings = {**settings, "STILLHUNT_SERVE__LISTEN": f"0.0.0.0:{PORT}"}
                host.words = [sys.executable, "-m", "stillhunt", "serve", "--only", part, "--data", str(data)]
        self.receivers[0].start()
        until(lambda: self.receivers[0].ask("GET", "/healthz")[0] == 200, 90, "the first receiver's start")
        self.admin, self.gateway, self.asker = (self._make_token(scope) for scope in ("admin", "ingest", "decide"))
        for host in [*self.receivers[1:], *self.hunters, *self.deciders]:
            host.start()
        until(lambda: all(host.ask("GET", "/healthz")[0] == 200 for host in self.hosts[2:]), 600, "the start")

    def end(self) -> None:
        """End everything and remove the hosts."""
        for host in self.hosts:
            host.kill()
            with suppress(subprocess.CalledProcessError):
                run("ip", "netns", "delete", f"sh-{host.name}")
        with suppress(subprocess.CalledProcessError):
            run("ip", "link", "delete", BRIDGE)

    def leader(self) -> Host | None:
        """The hunter that has the lease."""
        for host in self.hunters:
            if b"\nstillhunt_hunter_leads 1.0" in host.ask("GET", "/metrics")[1]:
                return host
        return None

    def find_leader(self) -> Host:
        """The hunter that has the lease, waited for."""
        until(lambda: self.leader() is not None, 60, "a hunter with the lease")
        return next(host for host in self.hunters if host is self.leader())

    def decide(self, account: str) -> float:
        """Block an account over one decider, and wait until all of them say so; the seconds that it took."""
        body = json.dumps({"account_id": account, "action": "block", "by": "Ada"}).encode()
        until(lambda: self._answers(self.deciders, "POST", "/v1/decisions", self.admin, body), 60, "a decision")
        asked = json.dumps({"account_id": account}).encode()

        def is_blocked() -> bool:
            answers = [host.ask("POST", "/v1/decide", self.asker, asked) for host in self.deciders]
            return all(status == 200 and json.loads(said)["action"] == "block" for status, said in answers)

        return until(is_blocked, 60, f"the decision about {account} on all deciders")

    @staticmethod
    def _answers(hosts: list[Host], method: str, path: str, token: str, body: bytes) -> bool:
        return any(host.ask(method, path, token, body)[0] in (200, 201) for host in hosts)

    def _settings(self) -> dict[str, str]:
        (self.folder / "shared").mkdir()
        shared = (self.folder / "shared").as_uri()
        settings = {
            "STILLHUNT_WATCH__DATABASE": f"postgresql+psycopg://postgres@{self.database.address}:5432/postgres",
            "STILLHUNT_WATCH__SHARED": shared,
            "STILLHUNT_SERVE__STORE": shared if self.store == "file" else "nats",
            "STILLHUNT_SERVE__FREE_GB": "0.1",
        }
        if self.store == "nats":
            named = {"URL": f"nats://{self.broker.address}:4222", "STREAM": "calls", "SUBJECT": "calls.>"}
            settings |= {f"STILLHUNT_SERVE__NATS_{name}": value for name, value in named.items()}
        return settings

    def _make_database(self) -> None:
        owner = "postgres" if "postgres" in {one.pw_name for one in pwd.getpwall()} else "nobody"
        data = self.folder / "pg"
        data.mkdir()
        shutil.chown(data, owner)
        self.folder.chmod(0o755)
        start = ["setpriv", f"--reuid={owner}", f"--regid={pwd.getpwnam(owner).pw_gid}", "--clear-groups"]
        run(*start, program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "-N", cwd=data)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 trust\n")
        server = program("pg_ctl")
        options = ["-c", "listen_addresses=*", "-c", "unix_socket_directories="]
        self.database.words = [*start, str(Path(str(server)).resolve().parent / "postgres"), "-D", str(data), *options]
        if not Path(self.database.words[len(start)]).exists():
            self.database.words[len(start)] = str(program("postgres"))
        self.database.start()

    def _make_broker(self) -> None:
        if self.store != "nats":
            return
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "0.0.0.0:4222"\njetstream {{ store_dir: "{self.folder}/js", sync_interval: always }}\n'
        )
        self.broker.words = [nats_program(), "-c", str(config)]
        self.broker.start()
        script = (
            "import asyncio, nats, sys\nfrom nats.js.api import StreamConfig\nasync def make():\n"
            " client = await nats.connect(sys.argv[1], max_reconnect_attempts=60)\n"
            " await client.jetstream().add_stream(StreamConfig(name='calls', subjects=['calls.>']))\n"
            "asyncio.run(make())"
        )
        pause(1.0)
        run(sys.executable, "-c", script, f"nats://{self.broker.address}:4222")

    def _make_token(self, scope: str) -> str:
        words = [sys.executable, "-m", "stillhunt", "token", "add", scope, "--scope", scope]
        data = ["--data", self.folder / "receiver0"]
        said = run(*words, *data, env={**os.environ, **self.receivers[0].settings}, cwd=self.folder)
        found = TOKEN.search(said)
        if found is None:
            raise SystemExit(f"no token: {said}")
        return found[0]


@contextmanager
def topology(store: str) -> Iterator[Topology]:
    """All hosts, removed in the end."""
    with TemporaryDirectory(prefix="stillhunt-topology-") as folder:
        made = Topology(Path(folder), store)
        try:
            made.begin()
            yield made
        except BaseException:
            for host in made.hosts:
                print(f"--- {host.name}", host.log.read_text(errors="replace")[-600:] if host.log.exists() else "")
            raise
        finally:
            made.end()


def kill_all_once(made: Topology, seconds: float) -> list[tuple[str, str]]:
    """Kill or cut off every part once while records arrive; what was seen."""
    seen: list[tuple[str, str]] = []
    step = seconds / 8

    def back(host: Host, path: str = "/healthz") -> float:
        host.start()
        return until(lambda: host.ask("GET", path)[0] == 200, 120, f"the return of {host.name}")

    seen.append(("decision on all deciders, all well", f"{1000 * made.decide('thief-0'):.0f} ms"))
    made.receivers[0].kill()
    pause(step)
    seen.append(("receiver killed; answers again after its start", f"{back(made.receivers[0]):.1f} s"))
    made.receivers[1].link(up=False)
    pause(step)
    made.receivers[1].link(up=True)
    seen.append(("receiver cut off", f"for {step:.0f} s"))
    leader = made.find_leader()
    leader.kill()
    taken = until(lambda: made.leader() not in (None, leader), 60, "the takeover")
    seen.append(("hunter with the lease killed; another has it", f"after {taken:.1f} s"))
    back(leader)
    made.deciders[0].kill()
    pause(2.0)
    asked = json.dumps({"account_id": "thief-0"}).encode()
    said = made.deciders[1].ask("POST", "/v1/decide", made.asker, asked)
    seen.append(("decider killed; the other one says", str(json.loads(said[1])["action"])))
    back(made.deciders[0], "/readyz")
    made.database.kill()
    pause(step)
    answers = [host.ask("POST", "/v1/decide", made.asker, asked) for host in made.deciders]
    seen.append(("PostgreSQL killed; deciders say", ", ".join(str(json.loads(said)["action"]) for _, said in answers)))
    made.database.start()
    seen.append(("decision on all deciders, PostgreSQL just back", f"{made.decide('thief-1'):.1f} s"))
    if made.store == "nats":
        made.broker.kill()
        pause(step)
        made.broker.start()
        seen.append(("NATS killed", f"for {step:.0f} s"))
    seen.append(("decision on all deciders, in the end", f"{1000 * made.decide('thief-2'):.0f} ms"))
    return seen


def main() -> None:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["file", "nats"], default="file")
    parser.add_argument("--seconds", type=float, default=120.0, help="for which records are sent")
    given = parser.parse_args()
    with topology(given.store) as made:
        made.find_leader()
        sender = Sender(made.receivers, made.gateway, given.seconds)
        sending = threading.Thread(target=sender.send_all)
        sending.start()
        seen = kill_all_once(made, given.seconds)
        sending.join()
        whole = len(lines())

        def is_counted() -> bool:
            leader = made.leader()
            if leader is None:
                return False
            status = json.loads(leader.ask("GET", "/v1/status", made.admin)[1] or b"{}")
            found = (status.get("snapshot") or {}).get("requests", 0)
            if found < whole:
                leader.ask("POST", "/v1/hunts", made.admin)
                pause(2.0)
            return bool(found >= whole)

        waited = until(is_counted, 400, f"a hunt that counts all {whole} requests")
        found = json.loads(made.find_leader().ask("GET", "/v1/status", made.admin)[1])["snapshot"]["requests"]
    for what, figure in seen:
        print(f"{what:55} {figure}")
    print(f"{'requests sent, of which copies to a second receiver':55} {sender.acknowledged}, {sender.copies}")
    print(f"{'tries that were not acknowledged, and sent again':55} {sender.failed}")
    print(f"{'longest wait of the sender for one batch':55} {sender.longest:.1f} s")
    print(
        f"{'different requests sent, and counted by the last hunt':55} {whole}, {found} ({waited:.0f} s after the end)"
    )
    if found != whole:
        raise SystemExit("FELL: the counts differ")


if __name__ == "__main__":
    main()
