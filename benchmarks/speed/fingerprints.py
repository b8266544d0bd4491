"""The text pass beside fingerprints of other libraries: MB of prompts per CPU second on one core.

    python benchmarks/speed/fingerprints.py [REQUESTS.parquet]   its first 20,000 rows; without a file, made-up texts
    pip install datasketch rensa daft chdb                   for their rows; "not installed" otherwise

Each library computes a fingerprint from shingles of three words of the same texts, as its documentation shows: 128
values, except that chDB's function keeps the 25 smallest and the 25 largest hashes in two words. Those that take a full
column get the Arrow column and lower its case themselves. The text pass also computes topics, phrases, conduct and
more. CPU seconds of all threads, best of three runs, compiled and imported before timing. No figure is an accuracy.
"""

from __future__ import annotations

import functools
import importlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from processes import machine, print_table
from text_pass import as_requests, best, made_up, wanted

from stillhunt.base.config import Config
from stillhunt.extract import sketch_requests, warm_up

ROWS = 20_000
VALUES = 128


def shingles(text: str) -> list[str]:
    """Three words each, lower case."""
    words = text.lower().split()
    return [" ".join(words[n : n + 3]) for n in range(max(len(words) - 2, 1))]


def with_datasketch(module: Any, text: str) -> None:
    fingerprint = module.MinHash(num_perm=VALUES)
    fingerprint.update_batch([part.encode() for part in shingles(text)])


def with_rensa(module: Any, text: str) -> None:
    fingerprint = module.RMinHash(num_perm=VALUES, seed=42)
    fingerprint.update(shingles(text))
    fingerprint.digest()


@dataclass(frozen=True)
class Prompts:
    """The same texts in the two forms that libraries take.

    Attributes:
        texts: Python strings.
        table: one column `prompt`.
    """

    texts: list[str]
    table: pa.Table


def one_by_one(work: Callable[[Any, str], Any]) -> Callable[[Any, Prompts], None]:
    """Work on a single text -> work on all."""

    def all_of(module: Any, prompts: Prompts) -> None:
        for text in prompts.texts:
            work(module, text)

    return all_of


def with_daft(module: Any, prompts: Prompts) -> None:
    lowered = module.col("prompt").lower()
    frame = module.from_arrow(prompts.table)
    frame.select(lowered.minhash(num_hashes=VALUES, ngram_size=3, seed=42)).to_arrow()


def with_chdb(module: Any, prompts: Prompts) -> None:
    table = prompts.table  # the query finds it by this name
    module.query("SELECT sum(cityHash64(wordShingleMinHashCaseInsensitive(prompt, 3, 25))) FROM Python(table)")
    del table


LIBRARIES: dict[str, tuple[str, Callable[[Any, Prompts], None]]] = {
    "Python: shingles alone": ("builtins", one_by_one(lambda _module, text: shingles(text))),
    "datasketch MinHash": ("datasketch", one_by_one(with_datasketch)),
    "rensa RMinHash": ("rensa", one_by_one(with_rensa)),
    "Daft minhash": ("daft", with_daft),
    "chDB wordShingleMinHash": ("chdb", with_chdb),
}


def main() -> int:
    """Time each and print the ratios."""
    warm_up()
    print(machine() + "\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else made_up(Path(folder) / "requests.parquet")
        batch = next(pq.ParquetFile(path).iter_batches(ROWS, columns=wanted(path)))
        table = as_requests(pa.Table.from_batches([batch]))
    prompts = Prompts(table["prompt"].to_pylist(), table.select(["prompt"]))
    megabytes = pc.sum(pc.binary_length(table["prompt"])).as_py() / 1e6
    own = megabytes / best(lambda: sketch_requests(table, Config()))
    each = table.num_rows / megabytes
    rows: list[list[str]] = [["stillhunt text pass", "", f"{own:,.1f}", f"{own * each:,.0f}", "1.00"]]
    for name, (module_name, work) in LIBRARIES.items():
        try:
            module = importlib.import_module(module_name)
        except ImportError:
            rows.append([name, "not installed", "-", "-", "-"])
            continue
        version = "" if module_name == "builtins" else metadata.version(module_name)
        speed = megabytes / best(functools.partial(work, module, prompts))
        rows.append([name, version, f"{speed:,.1f}", f"{speed * each:,.0f}", f"{own / speed:.2f}"])
    print(f"{table.num_rows:,} prompts, {megabytes:,.1f} MB\n")
    print_table(["fingerprints", "version", "MB per CPU s", "prompts per CPU s", "text pass is faster by"], rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
