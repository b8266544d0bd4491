"""Random faults against `stillhunt serve`, with real processes: is every acknowledged request counted exactly once?

Usage: python benchmarks/live/faults.py [--faults 1000] [--seed 1] [--results FILE] [--keep]

In rounds of 50 faults, clients post requests of a small world while processes are killed and stopped, the disk is full
or read-only, clocks jump, files are torn, the database is locked, and several hunts and servers meet on one folder.
After each round the folder is served once more without faults, and three things must hold:

- every acknowledged request is in the spool, byte for byte, and nothing is there that was not sent;
- the requests counted in the final case are those that arrived, each once;
- all tables of the case equal those of a plain hunt over one file of these requests.

Rounds that are in the results file already are not run again. Full disks and read-only folders need root, clock jumps
need libfaketime; without these the kinds are left out, and the table shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from fault_check import check
from fault_kinds import Strike, kinds_for, weights
from fault_rig import FAKETIME, Rig

from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

FAULTS_A_ROUND = 50
CLOCK_ROUNDS = 4
"""One round of so many has clocks that jump: what fakes them slows everything else down."""
BETWEEN_SECONDS = 0.5
"""Mean time from the begin of one fault to that of the next: several last at the same time."""


@dataclass
class Round:
    """What one round gave.

    Attributes:
        seed: of its choices.
        faults: number of each kind.
        acknowledged: requests that were acknowledged.
        arrived: requests in the spool, with those whose answer got lost.
        copies: further copies of them, from clients that sent them again.
        snapshots: hunts that were published.
        campaigns: in the two cases that were compared.
        restarts: of servers that ended by themselves, such as those that started on a full disk.
        answers: of the server to the clients, or what they met instead.
        errors: unexpected errors in what the servers printed.
        wrong: what must not be.
        seconds: how long it took.
    """

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    arrived: int = 0
    copies: int = 0
    snapshots: int = 0
    campaigns: int = 0
    restarts: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


def world_lines(seed: int, accounts: int) -> dict[str, bytes]:
    """Requests of a small world with a campaign, as lines by their ids, in order of time."""
    campaign = CampaignSpec(2, 12, name="crude", requests_per_account_day=30.0)
    world = build_world(WorldSpec(accounts=accounts, days=5, seed=seed, campaigns=(campaign,)))
    rows = world.requests.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).to_pylist()
    plain = (
        {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in row.items()
            if value is not None
        }
        for row in rows
    )
    return {row["request_id"]: json.dumps(row).encode() + b"\n" for row in plain}


def run_round(place: Path, seed: int, faults: int, *, private: bool, clocks: bool, accounts: int = 90) -> Round:
    """Serve, disturb, stop, and check.

    Args:
        place: an empty folder.
        seed: of all choices.
        faults: how many.
        private: whether file systems may be mounted on the folder.
        clocks: whether clocks jump, too.
        accounts: of the world, besides those of its campaign.
    """
    began = time.monotonic()
    lines = world_lines(seed, accounts)
    rig = Rig(place, seed, lines, private=private, clocks=clocks)
    found = Round(seed)
    try:
        rig.start()
        found.faults = dict(_disturb(rig, faults, kinds_for(private=private, clocks=clocks)))
        rig.stop()
        found.wrong, figures = check(rig, lines)
        found = replace(found, **figures)
        if found.wrong:
            shutil.copytree(rig.folder.path, place / "data", symlinks=True)
        found.snapshots = len(list(rig.folder.snapshots.glob("[0-9]*")))
    finally:
        rig.close()
    found.wrong += rig.wrong
    found.restarts = rig.restarts
    found.acknowledged, found.answers = len(rig.load.acknowledged), dict(rig.load.answers)
    found.errors = [line for log in sorted(place.glob("*.log")) for line in _unexpected(log)]
    found.wrong += [f"{number} answers with status 500" for status, number in found.answers.items() if status == "500"]
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _disturb(rig: Rig, faults: int, kinds: dict[str, Strike]) -> Counter[str]:
    """Begin faults one after the other, and end each in its time."""
    struck: Counter[str] = Counter()
    lasting: list[tuple[float, Iterator[float]]] = []
    often = weights(kinds)
    while sum(struck.values()) < faults:
        kind = rig.random.choice(often)
        fault = kinds[kind](rig)
        seconds = next(fault, None)
        if seconds is not None:
            struck[kind] += 1
            lasting.append((time.monotonic() + seconds, fault))
        time.sleep(rig.random.random() * 2 * BETWEEN_SECONDS if seconds is not None else 0.01)
        lasting = _ended(lasting)
        rig.restarts += sum(server.start_if_ended() for server in rig.servers)
    while lasting:
        lasting = _ended(lasting)
        time.sleep(0.02)
    return struck


def _ended(lasting: list[tuple[float, Iterator[float]]]) -> list[tuple[float, Iterator[float]]]:
    """End the faults whose time has come; gives the others."""
    now = time.monotonic()
    for due, fault in lasting:
        if due <= now:
            next(fault, None)
    return [one for one in lasting if one[0] > now]


def _unexpected(log: Path) -> list[str]:
    lines = log.read_text(errors="replace").splitlines()
    ended = [line for line in lines if "unexpectedly" in line and "exit code -9" not in line]
    return [f"{log.name}: {line[:300]}" for line in [*(line for line in lines if line.startswith("Traceback")), *ended]]


def print_table(rounds: list[Round]) -> None:
    struck: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for one in rounds:
        struck.update(one.faults)
        answers.update(one.answers)
    print("| kind of fault | struck |\n| --- | ---: |")
    for kind in sorted({*struck, *kinds_for(private=True, clocks=True)}):
        print(f"| {kind} | {struck[kind]:,} |")
    wrong = [line for one in rounds for line in one.wrong]
    for name, value in (
        ("all", struck.total()),
        ("rounds", len(rounds)),
        ("requests acknowledged", sum(one.acknowledged for one in rounds)),
        ("requests that arrived without an acknowledgement", sum(one.arrived - one.acknowledged for one in rounds)),
        ("further copies of requests in the spool", sum(one.copies for one in rounds)),
        ("hunts published", sum(one.snapshots for one in rounds)),
        ("campaigns in the cases compared", sum(one.campaigns for one in rounds)),
        ("servers that could not start and were started again", sum(one.restarts for one in rounds)),
        ("unexpected errors printed", sum(len(one.errors) for one in rounds)),
        ("wrong", len(wrong)),
    ):
        print(f"| {name} | {value:,} |")
    print("answers:", ", ".join(f"{name}: {number:,}" for name, number in sorted(answers.items())))
    print("\n".join(wrong))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "faults.jsonl")
    parser.add_argument("--keep", action="store_true", help="keep the folders also of rounds in which nothing is wrong")
    order = parser.parse_args()
    private = os.geteuid() == 0
    done = (
        [Round(**json.loads(line)) for line in order.results.read_text().splitlines()] if order.results.exists() else []
    )
    rounds = []
    for number in range(-(-order.faults // FAULTS_A_ROUND)):
        seed = order.seed * 10_000 + number
        found = next((one for one in done if one.seed == seed), None)
        if found is None:
            place = Path(tempfile.mkdtemp(prefix="faults-"))
            clocks = FAKETIME is not None and number % CLOCK_ROUNDS == 0
            found = run_round(place, seed, min(FAULTS_A_ROUND, order.faults), private=private, clocks=clocks)
            with order.results.open("a") as file:
                file.write(json.dumps(asdict(found)) + "\n")
            if not (order.keep or found.wrong):
                shutil.rmtree(place)
            print(f"round {number}: {found.seconds} s, {found.wrong or 'as it must be'}", file=sys.stderr)
        rounds.append(found)
    print_table(rounds)
    return int(any(one.wrong for one in rounds))


if __name__ == "__main__":
    sys.exit(main())
