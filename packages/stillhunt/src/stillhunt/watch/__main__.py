"""One scheduled hunt as a process of its own: the order on stdin, the outcome as one line of JSON on stdout."""

import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.errors import StillhuntError
from stillhunt.base.garbage import search_garbage_rarely
from stillhunt.base.schema import REQUESTS
from stillhunt.extract import sketch_requests
from stillhunt.triage.report import report_template
from stillhunt.watch.child import HuntOutcome, order_of
from stillhunt.watch.following import FOLLOW, main_follow
from stillhunt.watch.hunting import hunt_now
from stillhunt.watch.prepared import PREPARE, make_hunt_copies
from stillhunt.watch.reading_ahead import read_ahead
from stillhunt.watch.spool.checking import damage_said
from stillhunt.watch.warm.hunting import tell_warm

LATE_IMPORTS = ("pandas", "pyarrow.dataset", "sqlalchemy.dialects.sqlite")
"""What libraries import when they are first used."""
READING_NICENESS = 10
"""Of a process that reads ahead of the next hunt: what receives goes first. Judgement."""
PARENT_SECONDS = 1.0
"""How often a hunt looks whether the process that started it is still there. Judgement."""


def end_with(parent: int) -> None:
    """End this process soon after its parent has died: nobody would watch its memory any more.

    A killed hunt costs what it did not keep yet, and the next server starts another.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=look, name="stillhunt-parent", daemon=True).start()


def load_libraries() -> None:
    """Load what hunts load late, but no plugins: one may start threads, and one may be installed meanwhile."""
    for name in LATE_IMPORTS:
        with suppress(ImportError):
            import_module(name)
    row = {"request_id": "", "account_id": "", "model": "", "source": "", "timestamp": 0, "origin_file": 0}
    sketch_requests(pa.Table.from_pylist([{**row, "origin_row": 0}], REQUESTS.arrow), Config())  # it loads kernels
    report_template()


def main() -> None:
    """Hunt as the order says; an error is part of the outcome, not an exit code."""
    plan = None
    try:
        plan = order_of(sys.stdin.read())
        snapshot = None
        if plan.only_reads:
            os.nice(READING_NICENESS)
            read_ahead(plan)
        else:
            snapshot = hunt_now(plan)
        outcome = HuntOutcome()
        if snapshot is not None:
            outcome = HuntOutcome(sequence=snapshot.sequence, warm=tell_warm(snapshot.facts()))
    except StillhuntError as error:
        outcome = HuntOutcome(failure=error.what, where=error.where, next_step=error.next_step)
    except MemoryError:
        outcome = HuntOutcome(failure="the hunt ran out of memory", next_step="shorten watch.window_days")
    except OSError as error:
        outcome = HuntOutcome(
            failure=f"the hunt failed: {error.strerror}", next_step="check the disk of the data folder"
        )
    if plan is not None:
        outcome = replace(outcome, damage=tuple(damage_said(plan.data.spool)))
    outcome = replace(outcome, cpu_seconds=round(time.process_time(), 3))
    sys.stdout.write(json.dumps(outcome.__dict__) + "\n")


if __name__ == "__main__":
    search_garbage_rarely()
    if FOLLOW in sys.argv[1:]:
        main_follow()
    elif PREPARE in sys.argv[1:]:
        load_libraries()
        make_hunt_copies(socket.socket(fileno=int(sys.argv[2])), main)
    else:
        if sys.argv[1:]:
            end_with(int(sys.argv[1]))
        main()
