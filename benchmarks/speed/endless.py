"""Peak memory on files that are one endless record: JSON, the same packed, an open quote in CSV, a protobuf length.

    python benchmarks/speed/endless.py                   5 GB each, written to the temporary folder and removed
    python benchmarks/speed/endless.py --gigabytes 1

Each is read by `stillhunt hunt` in a process of its own beside a small sound log; the row tells what its rejects say.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from processes import FOUND, machine, run_process, scratch_folder

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.collect.sources.fixtures import FIXTURES  # the records of the tests

MOST_MB = 1750
"""Python's csv module takes 4 bytes for each letter of a field, and its lines are held for a second try: five times
`collect.max_line_bytes`."""
PIECE = b"a" * (1 << 24)
NO_FINDINGS = 0
PARTIAL = 4
"""Exit code where more rows were rejected than `collect.rejects_limit` allows, as here."""


def pieces(head: bytes, size: int) -> Iterator[bytes]:
    """A head, and letters until the size is reached."""
    yield head
    for _ in range(size // len(PIECE)):
        yield PIECE


def json_line(folder: Path, size: int) -> None:
    """A payload whose text never ends."""
    _write(folder / "log.jsonl", pieces(_sound("litellm-callback") + b'{"id": "x", "messages": "', size))


def packed_line(folder: Path, size: int) -> None:
    """The same, packed to a thousandth."""
    with gzip.open(folder / "log.jsonl.gz", "wb", 1) as file:
        for piece in pieces(_sound("litellm-callback") + b'{"id": "x", "messages": "', size):
            file.write(piece)


def json_array(folder: Path, size: int) -> None:
    """An array whose second element never ends."""
    (first, *_) = _sound("litellm-callback").splitlines()
    _write(folder / "log.json", pieces(b"[" + first + b',\n{"id": "', size))


def document(folder: Path, size: int) -> None:
    """An export request over several lines that never ends."""
    _write(folder / "log.json", pieces(b'{\n "resourceSpans": [\n  {"resource": "', size))


def open_quote(folder: Path, size: int) -> None:
    """A CSV file whose quote is never closed."""
    head = b"request_id,timestamp,account_id,model,prompt\nr1,2026-11-02T10:00:00Z,a1,m,Hello\n"
    _write(folder / "log.csv", pieces(head + b'r2,2026-11-02T10:00:00Z,a1,m,"', size))


def open_quote_in_lines(folder: Path, size: int) -> None:
    """The same over many lines."""
    head = b"request_id,timestamp,account_id,model,prompt\nr1,2026-11-02T10:00:00Z,a1,m,Hello\n"
    line = b"b" * 1000 + b"\n"

    def parts() -> Iterator[bytes]:
        yield head + b'r2,2026-11-02T10:00:00Z,a1,m,"'
        for _ in range(size // (1000 * len(line))):
            yield line * 1000

    _write(folder / "log.csv", parts())


def long_message(folder: Path, size: int) -> None:
    """Protobuf with one length of the whole file."""
    length, value = b"", size
    while value > 127:
        length, value = length + bytes([value & 127 | 128]), value >> 7
    _write(folder / "log.pb", pieces(b"\n" + length + bytes([value]), size))


def _sound(name: str) -> bytes:
    return FIXTURES[name].lines(FIXTURES[name].records)


def _write(path: Path, parts: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for part in parts:
            file.write(part)


KINDS: dict[str, Callable[[Path, int], None]] = {
    "json-line": json_line,
    "packed-line": packed_line,
    "json-array": json_array,
    "document": document,
    "open-quote": open_quote,
    "open-quote-in-lines": open_quote_in_lines,
    "long-message": long_message,
}


def main() -> int:
    """Read each; 1 where one took more memory than it may, failed, or was not named in rejects."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--only", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    arguments = parser.parse_args()
    size, bad = int(arguments.gigabytes * 1e9), False
    print(f"{arguments.gigabytes:g} GB each; {machine()}\n")
    print("| file | CPU s | peak MB | exit code | rejects |")
    print("|---|---:|---:|---:|---|", flush=True)
    for kind in arguments.only.split(","):
        with scratch_folder() as folder:
            logs = folder / "logs"
            logs.mkdir()
            KINDS[kind](logs, size)
            sound = FIXTURES["nginx"]
            (logs / "sound.jsonl").write_bytes(sound.lines(sound.records))
            case = folder / "case"
            run = run_process([sys.executable, "-m", "stillhunt", "hunt", str(logs), "--out", str(case), "--quiet"])
            rejects = case / "rejects.parquet"
            reasons = pq.read_table(rejects)["reason"].to_pylist() if rejects.exists() else []
            said = "; ".join(dict.fromkeys(reasons))[:100] or run.errors.strip()[-160:].replace("\n", " ")
            print(f"| {kind} | {run.cpu:.1f} | {run.peak_mb:,.0f} | {run.exit_code} | {said} |", flush=True)
            bad |= not reasons or run.peak_mb > MOST_MB or run.exit_code not in (NO_FINDINGS, FOUND, PARTIAL)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
