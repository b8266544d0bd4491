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
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from stillhunt_server.fault_looks import DatabaseFiles, SnapshotFiles

sys.path.insert(0, __file__.rsplit("/benchmarks/", 1)[0] + "/tests")
sys.path.insert(0, __file__.rsplit("/faults/", 1)[0])
sys.path.insert(0, __file__.rsplit("/faults/", 1)[0] + "/live")

from fault_rig import FAKETIME, Server
from trials import Fell, Trial

from stillhunt.base.config import Config
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.data import backup
from stillhunt.decide.persons import DecisionAuthor, DecisionSpan, decide_as_person
from stillhunt.decide.running import policy_of
from stillhunt.decide.verified import VERIFIED_FILE
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.known_database import open_database
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.tokens import DECIDE, make_token
from watch.small_world import lines

ACCOUNTS = ("a1", "a2", "a3")
BITS = 100
"""Bits of the database that are flipped, one in each trial."""
START_SECONDS, FAULT_SECONDS = 60.0, 10.0
DAY_SECONDS = 86_400
Strike = Callable[[Path], object]


class Scene:
    """The folder that trials copy, and a token of it.

    Args:
        place: folder of the suite.
    """

    def __init__(self, place: Path) -> None:
        self.place, self.template, self.number = place, place / "template", 0
        folder = DataFolder(self.template)
        database = open_database(folder.path, "")
        self.token = make_token(database, "gateway", frozenset((DECIDE,)))
        for account in ACCOUNTS:
            decide_as_person(
                database, account, "block", DecisionAuthor("Ada", ""), DecisionSpan(time.time_ns() // 1000, 3.0)
            )
        database.close()
        handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
        os.write(handle, b"".join(lines()))
        os.close(handle)
        hunt_now(HuntPlan(folder, Config(), (), time.time_ns() // 1000))
        (folder.path / "policy.toml").write_text('mode = "enforce"\n')
        with Enforcing(folder.path) as enforcing:
            enforcing.faults()  # it writes down what it verified
        backup(folder.path, place / "backup", quiet=True)

    def copy(self) -> Path:
        """A new folder like the template."""
        self.number += 1
        return Path(shutil.copytree(self.template, self.place / f"data-{self.number}", symlinks=True))


class Enforcing:
    """What a server does about decisions and faults, in this process, so that it starts in a moment.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._folder = DataFolder(data)
        self._database = open_database(data, "")
        self._live = LiveDecisions(
            self._database, partial(policy_of, self._folder, Config()), kept=data / VERIFIED_FILE
        )
        self._looks = (
            self._live.faults,
            DatabaseFiles(self._database, data).faults,
            SnapshotFiles(self._folder).faults,
        )

    def __enter__(self) -> Enforcing:
        return self

    def __exit__(self, *_error: object) -> None:
        self._database.close()

    def faults(self) -> str:
        """Look at everything once; what does not work, empty where all does."""
        self._live.look()
        return "; ".join(f"{name}: {said}" for look in self._looks for name, said in look().items())

    def blocked(self) -> bool:
        """Whether all accounts are refused."""
        live, now = self._live, time.time_ns() // 1000
        return all(live.answers.answer(live.table, account, "", now).status == 403 for account in ACCOUNTS)


def holds(enforcing: Enforcing, *, stays: bool, fault: bool) -> None:
    """Decisions stay in force, or a fault says that they do not.

    Args:
        enforcing: its folder was damaged.
        stays: whether the decisions have to stay in force.
        fault: whether there has to be a fault.
    """
    for _ in range(2):
        said, in_force = enforcing.faults(), enforcing.blocked()
        if not in_force and (stays or "enforcement" not in said):
            raise Fell(f"a blocked account passes; faults: {said or 'none'}")
        if fault and not said:
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
    """Damage a folder, then start on it; one that is refused must name what to restore."""
    data = scene.copy()
    strike(data)
    try:
        with Enforcing(data) as enforcing:
            holds(enforcing, stays=stays, fault=fault)
    except StillhuntError as error:
        if "stillhunt restore" not in error.on_command_line():
            raise Fell(f"it does not start, and does not name restore: {error.what}") from error
    finally:
        shutil.rmtree(data)


def running(scene: Scene, strike: Strike, *, fault: bool = False) -> None:
    """Damage a folder while it is served."""
    data = scene.copy()
    with Enforcing(data) as enforcing:
        if enforcing.faults() or not enforcing.blocked():
            raise Fell("nothing is in force before the damage")
        strike(data)
        holds(enforcing, stays=True, fault=fault)
    shutil.rmtree(data)


@contextmanager
def process(scene: Scene, data: Path, clock: Path) -> Iterator[Server]:
    """A real server with a clock of its own."""
    server = Server(data, ("web",), scene.place, clock)
    server.start()
    end = time.monotonic() + START_SECONDS
    try:
        while not server.serving():
            if time.monotonic() > end or not server.alive():
                raise Fell("it does not start")
            time.sleep(0.1)
        yield server
    finally:
        server.end(signal.SIGTERM)


def asked(server: Server, path: str, token: str = "", account: str = "") -> str:
    """What a server answers, whatever the status."""
    body = json.dumps({"account_id": account}).encode() if account else None
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", body, {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


def clock_trial(scene: Scene, moves: list[int], *, begins: int = 0) -> None:
    """Move the clock of a server by days, and back; every block is in force when the clock is right again."""
    data, clock = scene.copy(), scene.place / f"clock-{scene.number}"
    clock.write_text(f"{begins * DAY_SECONDS:+d}")
    made = list(ACCOUNTS)
    with process(scene, data, clock) as server:
        for days in [*moves, 0]:
            clock.write_text(f"{days * DAY_SECONDS:+d}")
            time.sleep(2.0)
            database = open_database(data, "")
            now = time.time_ns() // 1000 + days * DAY_SECONDS * 1_000_000
            decide_as_person(database, f"b{days}", "block", DecisionAuthor("Ada", ""), DecisionSpan(now, 30.0))
            database.close()
            made.append(f"b{days}")
        end, left = time.monotonic() + FAULT_SECONDS, made
        while left and time.monotonic() < end:
            left = [one for one in made if '"block"' not in asked(server, "/v1/decide", scene.token, one)]
            time.sleep(0.2)
        if left:
            raise Fell(f"the clock is right again, and these pass: {', '.join(left)}")
        if "clock" not in asked(server, "/readyz"):
            raise Fell("no fault tells that the clock was moved")
    shutil.rmtree(data)


def files_of(scene: Scene) -> list[str]:
    """Files of the data folder that a server reads or writes, but for the spool and kept state."""
    paths = sorted(path for path in scene.template.rglob("*") if path.is_file() and path.suffix != ".lock")
    names = [path.relative_to(scene.template).as_posix() for path in paths]
    return [name for name in names if not name.startswith(("spool", "state", "snapshots/latest"))]


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
        for name in files_of(scene):
            snapshot = name.startswith("snapshots") and "checksums" not in name
            for way, strike in (("flipped", lambda p: flip(p, chosen)), ("deleted", Path.unlink)):
                at = lambda data, n=name, s=strike: s(data / n)  # noqa: E731 - one of many
                said = f"{name} {way}"
                if name not in ("policy.toml", "stillhunt.db"):
                    yield Trial("files", f"stopped: {said}", lambda a=at, f=snapshot: stopped(scene, a, fault=f))
                if name != "stillhunt.db":
                    yield Trial("files", f"running: {said}", lambda a=at, f=snapshot: running(scene, a, fault=f))
        for name, strike in DATABASE_STRIKES.items():
            yield Trial("database", f"stopped: {name}", lambda s=strike: stopped(scene, s, fault=True))
            yield Trial(
                "database", f"running: {name}", lambda s=strike, f="cut" not in name: running(scene, s, fault=f)
            )
        for number in range(BITS):
            at = lambda data: flip(data / "stillhunt.db", chosen)  # noqa: E731 - one of many
            yield Trial("database", f"stopped: bit {number}", lambda a=at: stopped(scene, a, stays=False))
        if FAKETIME is not None:
            for moves in ([10], [-10, 400]):
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
