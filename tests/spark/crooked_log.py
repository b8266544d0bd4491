"""A log with everything that has to be settled: resent history, repeats, clashing ids, rows that cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.progress import Silent
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import REJECTS
from stillhunt.collect import LogFacts, open_requests
from stillhunt.extract import Partials, sketch_requests

START = datetime(2026, 3, 1, tzinfo=UTC)
WORDS = [
    "harbour",
    "lantern",
    "quiet",
    "meadow",
    "copper",
    "ladder",
    "winter",
    "basket",
    "garden",
    "thunder",
    "velvet",
    "orchard",
    "marble",
    "river",
]
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("account_id", pa.string()),
        ("model", pa.string()),
        ("prompt", pa.string()),
        ("conversation_id", pa.string()),
        ("turn", pa.int32()),
        ("client_ip", pa.string()),
        ("user_agent", pa.string()),
        ("output_tokens", pa.int64()),
        ("temperature", pa.float64()),
        ("response", pa.string()),
    ]
)


def crooked_rows(seed: int = 3) -> list[dict[str, Any]]:
    """About 700 rows of 40 accounts, shuffled."""
    draw = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for number in range(600):
        text = " ".join(draw.choice(WORDS, int(draw.integers(3, 60))))
        rows.append(_row(number, int(draw.integers(40)), f"Summarise the following list of nouns: {text}", draw))
    for conversation in range(6):  # an agent that sends the whole conversation each time
        said = "You are asked to mend a program."
        for turn in range(8):
            said += f"\nstep {turn}: " + " ".join(draw.choice(WORDS, 20))
            row = _row(1000 + conversation * 10 + turn, conversation, said, draw)
            rows.append({**row, "conversation_id": f"c{conversation}", "turn": turn, "timestamp": _at(turn * 60)})
    rows += [dict(row) for row in rows[50:58]]  # read twice
    rows += [{**row, "prompt": "another text under the same id"} for row in rows[100:105]]
    rows += [
        {**row, "account_id": f"a{(i * 7) % 40:02d}", "prompt": f"taken id {i}"} for i, row in enumerate(rows[200:212])
    ]
    long, odd = "x" * 1_100, {"output_tokens": -1, "temperature": float("inf"), "user_agent": "y" * 1_100}
    rows += [{**row, "request_id": f"{long}{i}", **odd} for i, row in enumerate(rows[300:306])]
    rows += [{**row, "request_id": None, "model": None} for row in rows[310:314]]
    rows += [{**rows[i], "request_id": f"x{i}", "timestamp": None} for i in range(4)]
    rows += [{**rows[i], "request_id": f"y{i}", "account_id": None} for i in range(3)]
    return [rows[i] for i in draw.permutation(len(rows))]


def _row(number: int, account: int, prompt: str, draw: np.random.Generator) -> dict[str, Any]:
    return {
        "request_id": f"r{number:05d}",
        "timestamp": _at(int(draw.integers(86_400))),
        "account_id": f"a{account:02d}",
        "model": "large" if number % 3 else "small",
        "prompt": prompt if number % 50 else None,
        "conversation_id": None,
        "turn": None,
        "client_ip": f"198.51.{account % 7}.{number % 250}" if number % 4 else None,
        "user_agent": f"client/{account % 5}",
        "output_tokens": int(draw.integers(5000)),
        "temperature": 0.7 if number % 2 else None,
        "response": "an answer" if number % 2 else None,
    }


def _at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def write_log(folder: Path, rows: list[dict[str, Any]]) -> str:
    """Three Parquet files, with several row groups each."""
    folder.mkdir()
    table = pa.Table.from_pylist(rows, SCHEMA)
    third = table.num_rows // 3 + 1
    for number in range(3):
        pq.write_table(table.slice(number * third, third), folder / f"part {number}.parquet", row_group_size=100)
    return str(folder)


def local_sketches(source: Any, config: Config) -> tuple[pa.Table, pa.Table, int, LogFacts]:
    """SKETCHES, REJECTS, repeats and facts as one machine makes them."""
    with DuckDBEngine(threads=1, memory_gb=1) as engine, Partials(config) as partials:
        log = open_requests(source, mapping=None, config=config, engine=engine, progress=Silent())
        for batch in log.batches():
            partials.add(batch["origin_file"][0].as_py(), sketch_requests(batch, config))
        store = partials.store()
        _, repeats = store.settle_repeats()
        sketches = store.dataset(1).gather(same_rows, SKETCHES.arrow, columns=SKETCHES.names)
        rejects = log.rejects()
        log.close()
    return sketches, rejects.sort_by([(name, "ascending") for name in REJECTS.names]), repeats, log.facts


def same_rows(table: pa.Table, context: Any) -> pa.Table:
    """The rows as they are."""
    return table
