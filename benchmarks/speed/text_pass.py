"""Time the text pass: sketching per core, and as a multiple of only decoding the prompt column.

    python benchmarks/speed/text_pass.py [REQUESTS.parquet]

A file needs a column `prompt` or `text`; its first 200,000 rows are read. Without one, texts are made up (four kinds:
short chat, templates, code, mixed scripts). CPU seconds of one thread, the best of several runs, compiled before
timing; the ratio is to reading the prompt column with pyarrow on one thread from a file in the page cache.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS
from stillhunt.extract import sketch_requests, warm_up

ROWS = 60_000
RUNS = 5
CONSONANTS, VOWELS = "bdfghklmnprstvwz", "aeiou"
FRAME = ("the", "of", "and", "to", "in", "is", "that", "for", "it", "with", "as", "on", "this", "from", "you", "which")
HAN = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也"


def main() -> None:
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else made_up(Path(folder) / "requests.parquet")
        table = as_requests(pq.read_table(path, columns=wanted(path)).slice(0, 200_000))
        column = Path(folder) / "prompts.parquet"
        pq.write_table(table.select(["prompt"]), column, compression="zstd", compression_level=3)
        megabytes = pc.sum(pc.binary_length(table["prompt"])).as_py() / 1e6
        decode = best(lambda: pq.read_table(column, use_threads=False))
        sketch = best(lambda: sketch_requests(table, Config()))
    rows = table.num_rows
    print(f"{rows:,} rows, {megabytes:,.1f} MB of prompts, {megabytes * 1e6 / rows:,.0f} bytes each")
    print(f"decode prompts  {decode:7.3f} CPU s  {megabytes / decode:7.0f} MB/s")
    print(f"sketch          {sketch:7.3f} CPU s  {megabytes / sketch:7.0f} MB/s  {rows / sketch:,.0f} rows/s")
    print(f"sketch / decode {sketch / decode:7.1f}")


def wanted(path: Path) -> list[str]:
    """The file's columns that are used: others may be of types that REQUESTS does not hold."""
    return [name for name in pq.read_schema(path).names if name in (*REQUESTS.names, "text")]


def best(work: Callable[[], object]) -> float:
    """CPU seconds of the quickest run: the one that other programs disturbed least."""
    seconds = []
    for _ in range(RUNS):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def as_requests(table: pa.Table) -> pa.Table:
    """Any table with a prompt or text column, with plain values for what it lacks."""
    if "prompt" not in table.column_names:
        table = table.rename_columns({"text": "prompt"})
    rows = table.num_rows
    columns: dict[str, object] = {
        "request_id": [f"r{i}" for i in range(rows)],
        "timestamp": np.arange(rows),
        "account_id": [f"a{i % 1000}" for i in range(rows)],
        "model": ["m"] * rows,
        "source": ["default"] * rows,
        "origin_file": np.zeros(rows, np.int32),
        "origin_row": np.arange(rows),
    }
    for name in ("request_id", "timestamp", "account_id", "model", "prompt", "system_prompt", "conversation_id"):
        if name in table.column_names:
            columns[name] = table[name].combine_chunks()
    return REQUESTS.build(**columns)


def made_up(path: Path) -> Path:
    draw = random.Random(7)  # noqa: S311  # made-up words, no secret
    words = [word(draw) for _ in range(20_000)]
    templates = [" ".join(sentence(draw, words, 40)) for _ in range(50)]
    prompts = [made_up_prompt(draw, words, templates) for _ in range(ROWS)]
    pq.write_table(pa.table({"prompt": pa.array(prompts, pa.large_string())}), path)
    return path


def made_up_prompt(draw: random.Random, words: list[str], templates: list[str]) -> str:
    length = min(int(draw.lognormvariate(3.6, 1.0)) + 2, 4000)
    kind = draw.random()
    if kind < 0.55:
        return " ".join(sentence(draw, words, length))
    if kind < 0.85:
        return draw.choice(templates) + "\n\n" + " ".join(sentence(draw, words, length))
    if kind < 0.95:
        lines = (f"    {draw.choice(words)}_{i} = {draw.choice(words)}[{i}] + 1;" for i in range(length // 4 + 1))
        return "def run(self):\n" + "\n".join(lines)
    return "".join(draw.choices(HAN, k=length)) + " " + " ".join(sentence(draw, words, 5)) + " – naïve café"


def word(draw: random.Random) -> str:
    return "".join(draw.choice(CONSONANTS) + draw.choice(VOWELS) for _ in range(draw.randrange(1, 5)))


def sentence(draw: random.Random, words: list[str], length: int) -> list[str]:
    return [draw.choice(FRAME) if draw.random() < 0.42 else draw.choice(words) for _ in range(length)]


if __name__ == "__main__":
    main()
