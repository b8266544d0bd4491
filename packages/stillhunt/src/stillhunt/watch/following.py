"""Signatures at work: records are matched as they arrive, in a process beside the receiver.

Hunts see a new account at the next hunt; this sees it within seconds. What it finds is no verdict: it is entered, and
an alert says so. It also counts what arrives, so that a hunt may begin before its time.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError, StillhuntError
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SKETCHES
from stillhunt.collect import open_requests
from stillhunt.extract import sketch_requests
from stillhunt.pipeline_local import with_state_key
from stillhunt.watch.child import order_of, order_text
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.hunting import HuntPlan, signatures_in_force
from stillhunt.watch.known_database import open_database
from stillhunt.watch.links import enter_links
from stillhunt.watch.recurring_texts import RecurringTexts
from stillhunt.watch.service_faults import STEADY_SECONDS, KeptThread, ServiceFaults
from stillhunt.watch.signatures.matcher import LinkedAccount, Matcher
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.parts import OPEN, all_parts, whole_prefix

FOLLOWED_BYTES = 32 << 20
"""Most bytes of one part at a time; the rest follows at once. It bounds memory. Judgement."""
COUNTED_BYTES = 4 << 20
"""Bytes of what is new in a part at a look that are read for recurring texts alone, where there is no signature to
match; what is beyond them is left out. It bounds time. Judgement: 500 requests of 8 KB."""


class SpoolTail:
    """Reads what is new in every part of a spool; a part is known by its name without the ending of open parts.

    `spool`: the spool folder; what is there already is passed over.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._read: dict[str, int] = {}
        for path in all_parts(spool):
            self._read[_name_spool_part(path)] = path.stat().st_size

    def new_records(self) -> Iterator[tuple[bytes, str, bool]]:
        """Records of each part that grew, with the ending of its name (jsonl or pb), and whether they are the first."""
        present = set()
        for path in all_parts(self._spool):
            name = _name_spool_part(path)
            present.add(name)
            first = True
            while records := self._read_more_records(path, name):
                yield records, "pb" if name.endswith(".pb") else "jsonl", first
                first = False
        for name in self._read.keys() - present:
            del self._read[name]  # it was deleted

    def held_bytes(self) -> int:
        """Bytes of the parts that are there, as far as they were read."""
        return sum(self._read.values())

    def _read_more_records(self, path: Path, name: str) -> bytes:
        start = self._read.get(name, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(FOLLOWED_BYTES)
        except OSError:
            return b""  # closed meanwhile: under its new name at the next look; or one that cannot be read
        whole = whole_prefix(data, name)
        if not whole and len(data) == FOLLOWED_BYTES:  # no signature is worth the memory of such a record
            whole = path.stat().st_size - start
            data = b""
        self._read[name] = start + whole
        return data[:whole]


def _name_spool_part(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}/{path.name.removesuffix(OPEN)}"


_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it


class Follower:
    """Follows the records that are committed to the spool.

    `config`: the settings of the hunt, with its `state`, so that hashes and seed are the same. `mapping`: as for
    `stillhunt.pipeline.hunt`.
    """

    def __init__(self, matcher: Matcher, config: Config, mapping: Mapping[str, str] | None = None) -> None:
        self.matcher = matcher
        self._config = with_state_key(config).model_copy(update={"state": "", "threads": 1})
        self._mapping = mapping
        self._engine = DuckDBEngine(threads=1, memory_gb=config.memory_limit_gb)
        self.unreadable = 0

    def sketch(self, records: bytes, ending: str) -> pa.Table | None:
        """SKETCHES of records; None where none can be used.

        `records`: whole records, as a part of the spool holds them. Those that no reader can use are counted in
        `unreadable`, and the next hunt says why. `ending`: of that part's name: jsonl or pb.
        """
        folder = _IN_MEMORY if _IN_MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="stillhunt-", dir=folder) as made:
            path = Path(made) / f"part.{ending}"
            path.write_bytes(records)
            try:
                log = open_requests(
                    str(path), mapping=self._mapping, config=self._config, engine=self._engine, progress=Silent()
                )
            except InputError:
                self.unreadable += 1
                return None
            try:
                tables = [sketch_requests(batch, self._config) for batch in log.batches()]
            except InputError:
                tables = []
            finally:
                self.unreadable += log.rejects().num_rows
                log.close()
        return SKETCHES.check(pa.concat_tables(tables)) if tables else None

    def close(self) -> None:
        """Free the engine."""
        self._engine.__exit__(None, None, None)


FOLLOW = "follow"  # word behind `python -m stillhunt.watch` for this process
LOOK_SECONDS = 1.0
"""How often the spool is looked at. Judgement: a link within seconds, and little work where nothing arrives."""
RESTART_SECONDS = 5.0
"""Wait before a follower that died is started again. Judgement."""
DEATHS = 3
"""Deaths of a follower one after the other that are a fault. Judgement: one is a kill, or a database that starts."""
FOLLOW_FAULT = "following"
ENDING_SECONDS = 5.0
"""Time that a follower has to end by itself; then it is killed, which costs nothing. Judgement."""


class Arrivals(NamedTuple):
    """What has arrived, as the process that follows the spool tells it."""

    held_bytes: int = 0  # of all parts of the spool
    signs: int = 0  # times, since the process began, that a recurring text had grown enough for another hunt


class SpoolFollower:
    """Matches what arrives in a spool with the signatures of the latest snapshot, and counts it in `arrivals`."""

    def __init__(self, plan: HuntPlan, database: WatchDatabase) -> None:
        self._plan, self._database = plan, database
        self._tail = SpoolTail(plan.data.spool)
        self._sequence: int | None = None
        config = plan.config.model_copy(update={"state": str(plan.data.state), "engine": "duckdb"})
        self._follower = Follower(Matcher([]), config)
        self._armed = False
        self._unentered: list[LinkedAccount] = []
        self._texts = RecurringTexts() if plan.config.watch.early_share else None
        self.arrivals = Arrivals(self._tail.held_bytes())

    def look(self) -> list[LinkedAccount]:
        """Match what came since the last look; enter the accounts that are linked for the first time."""
        self._take_signatures()
        for records, ending, first in self._tail.new_records():
            sketches = self._sketch_records(records, ending, first)
            if sketches is None:
                continue
            if self._armed:
                self._unentered += self._follower.matcher.match(sketches)
            if self._texts is not None:
                signs = self.arrivals.signs + self._texts.add_requests(sketches)
                self.arrivals = self.arrivals._replace(signs=signs)
        self.arrivals = self.arrivals._replace(held_bytes=self._tail.held_bytes())
        if not self._unentered:
            return []
        # Kept until they are entered: an account is linked once only, and the database may be busy.
        entered = enter_links(self._database, self._unentered, self._plan.config.alerts)
        self._unentered = []
        return entered

    def close(self) -> None:
        """Free what it holds."""
        self._follower.close()

    def _sketch_records(self, records: bytes, ending: str, first: bool) -> pa.Table | None:
        if not self._armed:
            if self._texts is None or not first:
                return None
            records = records[: whole_prefix(records[:COUNTED_BYTES], f".{ending}")]
        return self._follower.sketch(records, ending) if records else None

    def _take_signatures(self) -> None:
        snapshot = latest_snapshot(self._plan.data)
        if snapshot is None or snapshot.sequence == self._sequence:
            return
        found = signatures_in_force(self._plan.data, self._plan.config.seed, time.time_ns() // 1000)
        self._sequence, self._armed = snapshot.sequence, bool(found.signatures)
        self._follower.matcher = Matcher(found.signatures)


def follow(plan: HuntPlan, stop: threading.Event) -> None:
    """Follow the spool until told to stop, and write what arrives to stdout; the body of the process."""
    opened = closing(open_database(plan.data.path, plan.config.watch.database))
    with opened as database, closing(SpoolFollower(plan, database)) as follower:
        while not stop.wait(LOOK_SECONDS):
            with suppress(StillhuntError, OSError):  # busy database, or a snapshot just went: the next look comes
                follower.look()
            sys.stdout.write(json.dumps(follower.arrivals) + "\n")
            sys.stdout.flush()


@contextmanager
def following(plan: HuntPlan, faults: ServiceFaults, arrived: Callable[[Arrivals], None]) -> Iterator[None]:
    """Run a process that follows the spool; it is started again where it dies.

    `faults`: where it is said that it dies again and again. `arrived`: called with what has arrived, some times a
    minute or more often.
    """
    stop = threading.Event()
    thread = KeptThread("following", partial(_supervise_follower, plan, stop, faults, arrived), stop.is_set)
    thread.report_to(faults)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _supervise_follower(
    plan: HuntPlan, stop: threading.Event, faults: ServiceFaults, arrived: Callable[[Arrivals], None]
) -> None:
    words = [sys.executable, "-m", "stillhunt.watch", FOLLOW]
    short_lives = 0
    while not stop.is_set():
        began = time.monotonic()
        with suppress(OSError):  # no memory for a process, or it died at once
            pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
            child = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603 - our own module
            threading.Thread(target=_hear_child, args=(child, arrived), daemon=True).start()
            _run_child(child, order_text(plan), stop, lambda: faults.end(FOLLOW_FAULT))
        short_lives = short_lives + 1 if time.monotonic() - began < STEADY_SECONDS else 1
        if short_lives >= DEATHS and not stop.is_set():
            faults.begin(FOLLOW_FAULT, "the process that matches signatures with new records dies again and again")
        stop.wait(RESTART_SECONDS)


def _run_child(child: subprocess.Popen[bytes], order: str, stop: threading.Event, steady: Callable[[], None]) -> None:
    """Hand a follower its order and wait until it ends, or is to end; it also ends when this process does."""
    began = time.monotonic()
    with child:
        try:
            if child.stdin is not None:
                child.stdin.write(order.encode() + b"\n")
                child.stdin.flush()
            while child.poll() is None and not stop.wait(LOOK_SECONDS):
                if time.monotonic() - began >= STEADY_SECONDS:
                    steady()
        finally:
            if child.stdin is not None:
                with suppress(OSError):
                    child.stdin.close()
            try:
                child.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:  # it was stopped by somebody
                child.kill()


def _hear_child(child: subprocess.Popen[bytes], arrived: Callable[[Arrivals], None]) -> None:
    """Pass on what a follower tells, until it ends."""
    with suppress(ValueError):  # its end was closed here, or it died within a line
        for line in child.stdout or ():
            arrived(Arrivals(*json.loads(line)))


def main_follow() -> None:
    """The process: the plan is the first line of stdin, and the end of stdin ends it."""
    plan = order_of(sys.stdin.readline())
    stop = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    follow(plan, stop)
