"""Decisions stay in force, or a fault says that they are not: clocks, files that are damaged or gone, the decision log.

Each trial damages a copy of one data folder in which three accounts are blocked, or the folder of a server that runs.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, __file__.rsplit("/benchmarks/", 1)[0] + "/tests")
sys.path.insert(0, __file__.rsplit("/faults/", 1)[0])
sys.path.insert(0, __file__.rsplit("/faults/", 1)[0] + "/live")

from fault_rig import FAKETIME, Server
from trials import Fell, Trial

from stillhunt.base.config import Config
from stillhunt.cli.backing_up import run_backup
from stillhunt.decide.persons import decide_as_person
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.known_database import open_database
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt.watch.tokens import DECIDE, make_token
from watch.small_world import lines

ACCOUNTS = ("a1", "a2", "a3")
START_SECONDS, FAULT_SECONDS, WATCHED_SECONDS = 60.0, 6.0, 2.5
DAY_SECONDS = 86_400
Strike = Callable[[Path], object]


class Scene:
    """The folder that trials copy, and what they ask with.

    Args:
        place: folder of the suite.
    """

    def __init__(self, place: Path) -> None:
        self.place, self.template = place, place / "template"
        folder = DataFolder(self.template)
        database = open_database(folder.path, "")
        self.token = make_token(database, "gateway", frozenset((DECIDE,)))
        for account in ACCOUNTS:
            decide_as_person(database, account, "block", ("Ada", ""), (time.time_ns() // 1000, 3.0))
        database.close()
        handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
        os.write(handle, b"".join(lines()))
        os.close(handle)
        hunt_now(HuntPlan(folder, Config(), (), time.time_ns() // 1000))
        (folder.path / "policy.toml").write_text('mode = "enforce"\n')
        with self.served(folder.path):
            pass  # it writes down what it verified
        run_backup(folder.path, place / "backup", None, quiet=True)
        self.number = 0

    def copy(self) -> Path:
        """A new folder like the template."""
        self.number += 1
        return Path(shutil.copytree(self.template, self.place / f"data-{self.number}", symlinks=True))

    @contextmanager
    def served(self, data: Path, clock: Path | None = None) -> Iterator[Server | None]:
        """A server on a folder; None where it does not start and says what to restore."""
        server = Server(data, ("web",), self.place, clock)
        said = self.place / "web.log"
        before = said.stat().st_size if said.exists() else 0
        server.start()
        end = time.monotonic() + START_SECONDS
        try:
            while not server.serving():
                if not server.alive():
                    text = said.read_bytes()[before:].decode()
                    if "stillhunt restore" not in text:
                        raise Fell(f"it does not start, and does not name restore: {text[-300:]}")
                    yield None
                    return
                if time.monotonic() > end:
                    raise Fell("it does not start")
                time.sleep(0.1)
            yield server
        finally:
            server.end(signal.SIGTERM)

    def blocked(self, server: Server, accounts: tuple[str, ...] = ACCOUNTS) -> bool:
        """Whether all these accounts are refused."""
        for account in accounts:
            request = urllib.request.Request(
                f"http://127.0.0.1:{server.port}/v1/decide",
                json.dumps({"account_id": account}).encode(),
                {"Authorization": f"Bearer {self.token}"},
            )
            opened = urllib.request.urlopen
            with suppress(urllib.error.HTTPError), opened(request, timeout=10) as answer:
                if json.load(answer)["action"] == "block":
                    continue
            return False
        return True


def readiness(server: Server) -> str:
    """What /readyz says of faults; empty where it is ready."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return ""


def holds(scene: Scene, server: Server, *, stays: bool, fault: bool) -> None:
    """Watch a server for a while: decisions stay, or a fault says that they do not.

    Args:
        scene: of the suite.
        server: whose folder was damaged.
        stays: whether the decisions have to stay in force.
        fault: whether there has to be a fault.
    """
    end, seen = time.monotonic() + (FAULT_SECONDS if fault else WATCHED_SECONDS), ""
    while time.monotonic() < end and not (fault and seen):
        in_force, seen = scene.blocked(server), readiness(server)
        if not in_force and (stays or not seen):
            raise Fell(f"a blocked account passes; /readyz: {seen or 'ready'}")
        time.sleep(0.3)
    if fault and not seen:
        raise Fell("no fault says so")


def flip(path: Path, chosen: random.Random) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    if content:
        content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        path.write_bytes(content)


def in_log(statement: str) -> Strike:
    """Change the decision log by SQL."""

    def strike(data: Path) -> None:
        connection = sqlite3.connect(data / "stillhunt.db", timeout=10)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return strike


LOG_CHANGES = {
    "the first entry is about somebody else": "UPDATE decisions SET account_id = 'innocent' WHERE seq = 1",
    "the last entry is about somebody else": "UPDATE decisions SET account_id = 'innocent' WHERE seq = 3",
    "an entry ends now": "UPDATE decisions SET expires_at = 1 WHERE seq = 2",
    "an entry is gone": "DELETE FROM decisions WHERE seq = 2",
    "its end was cut off": "DELETE FROM decisions WHERE seq > 1",
    "it is empty": "DELETE FROM decisions",
    "a hash is another one": "UPDATE decisions SET digest = 'f' || substr(digest, 2) WHERE seq = 1",
}


def stopped(scene: Scene, strike: Strike, *, stays: bool = True, fault: bool = False) -> None:
    """Damage a folder, then start a server on it."""
    data = scene.copy()
    strike(data)
    with scene.served(data) as server:
        if server is not None:
            holds(scene, server, stays=stays, fault=fault)
    shutil.rmtree(data)


def running(scene: Scene, strike: Strike, *, stays: bool = True, fault: bool = False) -> None:
    """Damage the folder of a server that runs; then start another one on what is left."""
    data = scene.copy()
    with scene.served(data) as server:
        if server is None or not scene.blocked(server):
            raise Fell("nothing is in force before the damage")
        strike(data)
        holds(scene, server, stays=stays, fault=fault)
    shutil.rmtree(data)


def clock_trial(scene: Scene, moves: list[int], *, begins: int = 0) -> None:
    """Move the clock of a server by days, and back; every block is in force when the clock is right again."""
    data, clock = scene.copy(), scene.place / f"clock-{scene.number}"
    clock.write_text(f"{begins * DAY_SECONDS:+d}")
    with scene.served(data, clock) as server:
        if server is None:
            raise Fell("it does not start")
        for days in [*moves, 0]:
            clock.write_text(f"{days * DAY_SECONDS:+d}")
            time.sleep(2.0)
            database = open_database(data, "")
            decide_as_person(database, f"b{days}", "block", ("Ada", ""), (time.time_ns() // 1000, 3.0))
            database.close()
            time.sleep(2.0)
            if "clock" not in readiness(server):
                raise Fell("no fault tells that the clock was moved")
        if not scene.blocked(server, (*ACCOUNTS, *(f"b{days}" for days in (*moves, 0)))):
            raise Fell("a block is gone when the clock is right again")
    shutil.rmtree(data)


def snapshot_names(scene: Scene) -> list[str]:
    """Files of the snapshot, from the data folder."""
    paths = sorted(path for path in (scene.template / "snapshots" / "00000001").rglob("*") if path.is_file())
    return [path.relative_to(scene.template).as_posix() for path in paths]


def snapshot_trial(scene: Scene, chosen: random.Random) -> None:
    """Damage each file of the snapshot of a server that runs, one after the other."""
    data = scene.copy()
    with scene.served(data) as server:
        if server is None:
            raise Fell("it does not start")
        for name in snapshot_names(scene):
            whole = (data / name).read_bytes()
            strike = flip if chosen.random() < 0.7 or name.endswith("checksums.json") else None
            if strike is not None:
                strike(data / name, chosen)
            else:
                (data / name).unlink()
            end = time.monotonic() + FAULT_SECONDS
            while "snapshot" not in readiness(server):
                if time.monotonic() > end and name.endswith("checksums.json"):
                    break  # a letter of a name that was another one before is no damage that matters
                if time.monotonic() > end:
                    raise Fell(f"{name} is damaged, and /readyz is silent")
                time.sleep(0.2)
            if not scene.blocked(server):
                raise Fell(f"{name} is damaged, and a blocked account passes")
            (data / name).write_bytes(whole)
    shutil.rmtree(data)


def trials(seed: int) -> Iterator[Trial]:
    """Trials of enforcement.

    Args:
        seed: of the choices.
    """
    chosen = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="enforcement-") as place:
        scene = Scene(Path(place))
        for name, statement in LOG_CHANGES.items():
            change = in_log(statement)
            yield Trial("decision log", f"stopped: {name}", lambda c=change: stopped(scene, c, fault=True))
        for name in ("its end was cut off", "it is empty", "an entry is gone"):
            change = in_log(LOG_CHANGES[name])
            fault = name != "an entry is gone"  # what was verified is read again every ten minutes
            yield Trial("decision log", f"running: {name}", lambda c=change, f=fault: running(scene, c, fault=f))
        for name in ("decisions.verified", "database.json", "policy.toml"):
            for way, strike in (("flipped", lambda p: flip(p, chosen)), ("deleted", Path.unlink)):
                at = lambda data, n=name, s=strike: s(data / n)  # noqa: E731 - one of many
                stays = name != "policy.toml"
                if stays or way == "deleted":  # a server does not start with a policy that cannot be read
                    yield Trial("files", f"stopped: {name} {way}", lambda a=at, s=stays: stopped(scene, a, stays=s))
                yield Trial("files", f"running: {name} {way}", lambda a=at: running(scene, a))
        for name, strike in DATABASE_STRIKES.items():
            yield Trial("database", f"stopped: {name}", lambda s=strike: stopped(scene, s, fault=True))
            yield Trial(
                "database", f"running: {name}", lambda s=strike, n=name: running(scene, s, fault="cut" not in n)
            )
        for _ in range(4):
            at = lambda data: flip(data / "stillhunt.db", chosen)  # noqa: E731 - one of many
            yield Trial("database", "stopped: one bit flipped", lambda a=at: stopped(scene, a, stays=False))
        yield Trial("snapshot", "running: each file", lambda: snapshot_trial(scene, chosen))
        if FAKETIME is not None:
            for moves in ([10], [-10], [400], [10, -10]):
                yield Trial("clock", f"moved by days: {moves}", lambda m=moves: clock_trial(scene, m))
            yield Trial("clock", "wrong at the start", lambda: clock_trial(scene, [10], begins=10))


def _another(data: Path) -> None:
    (data / "stillhunt.db").unlink()
    for name in ("stillhunt.db-wal", "stillhunt.db-shm"):
        (data / name).unlink(missing_ok=True)
    sqlite3.connect(data / "stillhunt.db").executescript("CREATE TABLE meta (name, value)").connection.close()


DATABASE_STRIKES: dict[str, Strike] = {
    "gone": lambda data: (data / "stillhunt.db").unlink(),
    "another one": _another,
    "cut to half": lambda data: os.truncate(
        data / "stillhunt.db", (data / "stillhunt.db").stat().st_size // 8192 * 4096
    ),
}
