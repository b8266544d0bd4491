"""How long `POST /v1/signup` takes beside a running hunt, and beside the route that knows nothing (`/v1/decide`).

A server has the accounts table of a world with a campaign, and the most sign-ups that are kept. Questions of three
kinds are asked in turn over one connection each: `/healthz`, `/v1/decide` of an account without a decision, and
`/v1/signup` with four identifiers, half of them known. First while nothing else runs, then while a hunt does. The
machine is shared, so the ratio to `/v1/decide` in the same run says more than milliseconds.

    python benchmarks/live/sign_up.py [--accounts 4000] [--asked 3000]
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from served import Served, served

from stillhunt.live import Config, DataFolder, Policy, open_database
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec
from stillhunt_signals.sign_up.desk import SignUpDesk
from stillhunt_signals.sign_up.identifiers import NewCustomer
from stillhunt_signals.sign_up.registered import KEPT_SIGN_UPS

DAYS = 3
Question = Callable[[int], tuple[str, bytes]]


def write_world(folder: Path, accounts: int) -> None:
    """Logs and an accounts table, whose requests end now."""
    campaign = CampaignSpec(2, 40, name="crude", requests_per_account_day=20.0)
    world = build_world(WorldSpec(accounts=accounts, days=DAYS, seed=29, campaigns=(campaign,)))
    moved = pc.subtract(pa.scalar(time.time_ns() // 1000), pc.max(world.requests["timestamp"].cast(pa.int64())))
    times = pc.add(world.requests["timestamp"].cast(pa.int64()), moved).cast(world.requests["timestamp"].type)
    place = world.requests.schema.get_field_index("timestamp")
    (folder / "logs").mkdir()
    pq.write_table(world.requests.set_column(place, "timestamp", times), folder / "logs" / "a.parquet")
    pq.write_table(world.accounts, folder / "accounts.parquet")


def write_sign_ups(data: Path) -> None:
    """The most sign-ups that are kept, under hashes that nobody has."""
    data.mkdir(parents=True, exist_ok=True)
    draw, now = random.Random(7), time.time_ns() // 1000  # noqa: S311 - values for a benchmark
    with (data / "sign-ups.jsonl").open("w") as file:
        for _ in range(KEPT_SIGN_UPS):
            hashes = {kind: draw.getrandbits(63) for kind in ("card", "device", "mail", "address", "network")}
            file.write(json.dumps([now, draw.getrandbits(63), 1, hashes]) + "\n")


def time_questions(
    server: Served, questions: dict[str, Question], asked: int, stop: threading.Event
) -> dict[str, list[float]]:
    """Seconds of each question, asked in turn until so many were, or until somebody says so."""
    taken: dict[str, list[float]] = {name: [] for name in questions}
    connections = {name: http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for name in questions}
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    for number in range(asked):
        for name, question in questions.items():
            path, body = question(number)
            began = time.perf_counter()
            connections[name].request("POST" if body else "GET", path, body or None, headers)
            answer = connections[name].getresponse()
            content = answer.read()
            taken[name].append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        if stop.is_set():
            break
    return taken


def print_figures(title: str, taken: dict[str, list[float]]) -> None:
    """Median, 99th percentile and their ratio to the bare route."""
    print(f"{title}, {len(taken['signup']):,} of each:")
    bare = sorted(taken["decide"])
    for name, seconds in taken.items():
        ordered = sorted(seconds)
        middle, late = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        ratio = middle / statistics.median(bare), late / bare[int(len(bare) * 0.99)]
        times = f"median {middle * 1e3:6.2f} ms ({ratio[0]:.2f} x decide)"
        print(f"  {name:8} {times}   p99 {late * 1e3:6.2f} ms ({ratio[1]:.2f} x)")


def print_processor_time(data: Path, accounts: str, sign_up: Question, asked: int) -> None:
    """What the answer itself takes of the processor, without HTTP and without waiting for it."""
    config, folder = Config.model_validate({"watch": {"accounts": accounts}}), DataFolder(data)
    with closing(open_database(data, "")) as database:
        desk, taken = SignUpDesk(folder, database, config, Policy), []
        for number in range(asked):
            customer = NewCustomer(**json.loads(sign_up(number)[1]))
            began = time.thread_time()
            desk.answer(customer, time.time_ns() // 1000)
            taken.append(time.thread_time() - began)
    ordered = sorted(taken)
    late = ordered[int(len(ordered) * 0.99)]
    print(f"Processor time of an answer: median {statistics.median(ordered) * 1e3:.2f} ms, p99 {late * 1e3:.2f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=4000)
    parser.add_argument("--asked", type=int, default=3000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_world(folder, chosen.accounts)
        write_sign_ups(folder / "data")
        policy = 'mode = "enforce"\n[sign_up]\ncampaign = "hold"\nfree_tiers = "hold"\n'
        (folder / "data" / "policy.toml").write_text(policy)
        cards = pq.read_table(folder / "accounts.parquet")["payment_fingerprint"].drop_null().to_pylist() or ["none"]
        options = ["--logs", str(folder / "logs"), "--accounts", str(folder / "accounts.parquet")]

        def sign_up(number: int) -> tuple[str, bytes]:
            card = str(cards[number % len(cards)]) if number % 2 else f"new-{number}"
            asked = {"account_id": f"s{number}", "plan": "free", "card": card, "device": f"d{number % 997}",
                     "mail": f"m{number}@mail.example", "ip": f"198.51.{number % 250}.{number % 199}"}  # fmt: skip
            return "/v1/signup", json.dumps(asked).encode()

        questions: dict[str, Question] = {
            "healthz": lambda _: ("/healthz", b""),
            "decide": lambda number: ("/v1/decide", json.dumps({"account_id": f"s{number}"}).encode()),
            "signup": sign_up,
        }
        with served(folder / "data", options) as server:
            server.hunt()
            with suppress(RuntimeError):
                time_questions(server, questions, 50, threading.Event())  # what is known is read, kernels are loaded
            print_figures("Nothing else runs", time_questions(server, questions, chosen.asked, threading.Event()))
            done = threading.Event()
            hunting = threading.Thread(target=lambda: (server.hunt(), done.set()))
            hunting.start()
            taken = time_questions(server, questions, 1_000_000, done)
            hunting.join()
            print_figures("While a hunt runs", taken)
        print_processor_time(folder / "data", str(folder / "accounts.parquet"), sign_up, chosen.asked)


if __name__ == "__main__":
    main()
