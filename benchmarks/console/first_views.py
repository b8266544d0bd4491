"""Processor time of each page right after a hunt, when nothing of it was shown yet, and when it is asked again.

    python benchmarks/console/first_views.py large          three minutes; see large_case.py for the case
    python benchmarks/console/first_views.py large --only lever

One `stillhunt serve --only console` has the case as its latest snapshot, and has shown each page twice. For each page
the link to the latest snapshot is switched to another one, which is the same case, as a hunt does. The server sees it
at a request for the overview, and is waited for until none of its threads has anything to do: what it prepares by
itself belongs to no page, and is shown beside it. Then the page is asked for the first time, and `--rounds` times more.
Processor time is that of the server and of all processes that it started, so that other programs change it least; one
step of the kernel's clock is 10 ms.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from beside_gateway import ask, data_folder, memory_of, serve, wait_for
from pages import pages_of
from served import free_port

from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import name_of

IDLE_LOOKS, LOOK_SECONDS = 25, 0.02
"""How often in a row no thread may have anything to do until the server counts as idle, and the time in between."""
AIM = 200.0
"""Milliseconds."""


@dataclass
class Views:
    """What was measured of one page; milliseconds of processor time.

    Attributes:
        name, path: of the page.
        first: its first answer after a hunt.
        again: further answers.
        prepared: what the server did by itself before it.
    """

    name: str
    path: str
    first: float = 0.0
    again: list[float] = field(default_factory=list)
    prepared: float = 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names of pages, with commas in between")
    options = parser.parse_args()
    pages = [one for one in views_of(options.case) if not options.only or one.name in options.only.split(",")]
    with tempfile.TemporaryDirectory(dir=options.case.resolve().parent) as made:
        folder, _ = data_folder(Path(made) / "data", options.case)
        for sequence in range(2, len(pages) + 2):
            target = folder.snapshots / name_of(sequence)
            shutil.copytree(folder.snapshots / name_of(1), target, copy_function=os.link)
        port = free_port()
        server = serve(folder, port, "console")
        try:
            wait_for(port)
            for one in [*pages, *pages]:
                ask(port, one.path)
            print(f"{'page':24}{'first':>8}{'again':>8}{'prepared before':>18}")
            for sequence, one in enumerate(pages, start=2):
                measure(one, folder, sequence, server, port, options.rounds)
                show(one)
            status = Path(f"/proc/{server.pid}/status").read_text()
            peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024 / 1e6
            helpers = [memory_of(one) for one in psutil.Process(server.pid).children(recursive=True)]
            print(f"memory of the console: {memory_of(server):.0f} MB, at most {peak:.0f} MB")
            print(f"of its helpers: {sum(helpers):.0f} MB")
        finally:
            server.terminate()
            server.wait()


def views_of(case: Path) -> list[Views]:
    """Every page of a console with a data folder, about the largest campaign of the case."""
    found = [Views(one.name, one.path) for one in pages_of(case) if one.path != "/report"]
    campaign = next(one.path for one in found if one.name == "campaign")
    found += [Views(f"{view}", f"{campaign}/ties?view={view}") for view in ("graph", "timeline", "countries")]
    found += [
        Views("cited requests", f"{campaign}/requests?rows=cited"),
        Views("lever", f"{campaign}/lever"),
        Views("lever, one family off", f"{campaign}/lever?off=family:queue"),
        Views("side by side", f"{campaign}/beside"),
        Views("rules", "/rules"),
        Views("decisions", "/decisions"),
        Views("calibration", "/calibration"),
    ]
    return [
        Views("matrix" if one.name == "ties" else one.name, one.path) for one in found if one.path[:8] != "/static/"
    ]


def measure(
    one: Views, folder: DataFolder, sequence: int, server: subprocess.Popen[bytes], port: int, rounds: int
) -> None:
    """Switch to a new snapshot, wait until the server is idle, and ask a page.

    Args:
        sequence: of the new snapshot.
        port: of the server.
    """
    process = psutil.Process(server.pid)
    wait_until_idle(process)
    before = processor_time(process)
    folder.switch_latest(name_of(sequence))
    ask(port, "/")
    wait_until_idle(process)
    one.prepared = processor_time(process) - before
    for number in range(rounds + 1):
        before = processor_time(process)
        ask(port, one.path)
        took = processor_time(process) - before
        if number:
            one.again.append(took)
        else:
            one.first = took


def wait_until_idle(process: psutil.Process) -> None:
    """Wait until no thread of a process and of what it started is running or waits for a processor or a disk."""
    quiet = 0
    while quiet < IDLE_LOOKS:
        time.sleep(LOOK_SECONDS)
        quiet = 0 if any(_is_busy(one.pid) for one in [process, *process.children(recursive=True)]) else quiet + 1


def _is_busy(pid: int) -> bool:
    try:
        states = [one.read_text().rpartition(")")[2].split()[0] for one in Path(f"/proc/{pid}/task").glob("*/stat")]
    except (FileNotFoundError, ProcessLookupError):  # a thread has ended meanwhile
        return True
    return any(state in "RD" for state in states)


def processor_time(process: psutil.Process) -> float:
    """Milliseconds of a process, of what it started, and of what that has ended of it."""
    alive = [process, *process.children(recursive=True)]
    return sum(sum(one.cpu_times()[:4]) for one in alive) * 1000


def show(one: Views) -> None:
    """Print a line; `!` stands behind what is over its aim."""
    over, again = "!" if one.first > AIM else " ", statistics.median(one.again)
    print(f"{one.name:24}{one.first:7.0f}{over}{again:8.0f}{one.prepared:18.0f}", flush=True)


if __name__ == "__main__":
    main()
