"""Agent traffic: every call sends the conversation so far, so most of what is read was said before.

    python benchmarks/speed/agents.py                        20,000 requests of 50 KB on average, 1 GB
    python benchmarks/speed/agents.py --requests 100000

The same conversations in three forms: prompts that hold the whole conversation, with the answers beside them, as
Parquet; the same rows in no order of time; and chat messages as JSON lines.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from made_logs import START_MICROS, texts, vocabulary
from processes import hunt, machine, print_table, scratch_folder, succeeded

TURNS = 20
CALL_BYTES = 50_000
ACCOUNT_CONVERSATIONS = 8
CHUNK = 200
"""Conversations made at a time."""
FORMS = ("prompts", "prompts, shuffled", "messages")


def conversations(requests: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Calls of a few hundred conversations at a time; each holds all that was said before."""
    draw, words = np.random.default_rng(seed), vocabulary()
    said_bytes = 2 * CALL_BYTES // (TURNS + 1)
    count = max(requests // TURNS, 1)
    for first in range(0, count, CHUNK):
        numbers = range(first, min(first + CHUNK, count))
        lengths = np.full(len(numbers) * TURNS * 2, said_bytes // 2 // 6)
        said = iter(texts(draw, words, lengths).to_pylist())
        calls = []
        for number in numbers:
            messages: list[dict[str, str]] = []
            for turn in range(TURNS):
                question, answer = next(said), next(said)
                messages.append({"role": "user", "content": question})
                calls.append(
                    {
                        "request_id": f"{number}-{turn}",
                        "micros": START_MICROS + (number * 977 % count) * 600_000_000 // 7 + turn * 30_000_000,
                        "account_id": f"acc-{number // ACCOUNT_CONVERSATIONS}",
                        "conversation_id": f"c{number}",
                        "turn": turn,
                        "model": "model-1",
                        "client_ip": f"20.1.{number // 256 % 256}.{number % 256}",
                        "user_agent": "agent/2",
                        "messages": list(messages),
                        "response": answer,
                    }
                )
                messages.append({"role": "assistant", "content": answer})
        yield calls


def write_calls(folder: Path, form: str, requests: int) -> None:
    """One of the forms as a log."""
    (folder / "requests").mkdir(parents=True)
    for number, calls in enumerate(conversations(requests, seed=3)):
        if form == "messages":
            write_messages(folder / "requests" / f"part-{number:04d}.jsonl", calls)
            continue
        if form == "prompts":
            calls.sort(key=lambda call: call["micros"])
        else:
            np.random.default_rng(number).shuffle(calls)
        columns = {name: [call[name] for call in calls] for name in calls[0] if name not in ("micros", "messages")}
        columns["prompt"] = ["\n".join(m["content"] for m in call["messages"]) for call in calls]
        table = pa.table(columns)
        moments = pa.array([call["micros"] for call in calls]).cast(pa.timestamp("us", tz="UTC"))
        pq.write_table(
            table.append_column("timestamp", moments),
            folder / "requests" / f"part-{number:04d}.parquet",
            compression="zstd",
            row_group_size=2_000,
        )


def write_messages(path: Path, calls: list[dict[str, Any]]) -> None:
    """Calls as JSON lines with a list of messages."""
    with path.open("w", encoding="utf-8") as out:
        for call in calls:
            row = {**call, "timestamp": call["micros"] / 1e6}
            del row["micros"]
            out.write(json.dumps(row) + "\n")


def main() -> int:
    """Make and hunt each form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--make", nargs=2, metavar=("FORM", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        write_calls(Path(arguments.make[1]), arguments.make[0], arguments.requests)
        return 0
    print(machine() + "\n")
    table = []
    with scratch_folder() as scratch:
        for number, form in enumerate(FORMS):
            folder = scratch / str(number)
            order = [sys.executable, __file__, "--requests", str(arguments.requests), "--make", form, str(folder)]
            subprocess.run(order, check=True)
            megabytes = sum(path.stat().st_size for path in (folder / "requests").iterdir()) / 1e6
            run = succeeded(hunt([folder / "requests"], None))
            text = run.stages["collect and extract"]
            rows = int(run.record["counts"]["requests"])
            said = rows * CALL_BYTES / 1e6
            speed = f"{said / max(text['cpu_seconds'], 0.01):,.0f}"
            line = [form, f"{rows:,}", f"{said:,.0f}", f"{megabytes:,.0f}", f"{text['cpu_seconds']:.1f}", speed]
            table.append([*line, f"{run.cpu:.1f}", f"{run.wall:.1f}", f"{run.peak_mb:,.0f}"])
    heads = ["form", "requests", "text MB", "on disk MB", "text pass CPU s", "MB per CPU s", "CPU s", "wall s"]
    print_table([*heads, "peak MB"], table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
