"""Damage the records of every source and read them: nothing but an error of ours may come out, and soon.

    python benchmarks/fuzz/sources.py                            60 seconds a source
    python benchmarks/fuzz/sources.py --seconds 180 --only otlp,bedrock --seed 4

Bytes are changed, doubled and swapped at random, in JSON and, for OpenTelemetry, in protobuf. What raised, or took
longer than 10 CPU seconds, is written to --keep and named; the exit code is then 1. The seed makes a run repeatable
as far as it gets in its time.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import StillhuntError
from stillhunt.base.progress import Silent
from stillhunt.collect import open_requests

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.collect.sources.fixtures import FIXTURES
from tests.collect.sources.otlp_fixtures import write_protobuf

SLOW_SECONDS = 10.0
PIECES = (
    b"",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\xff",
    b"\x00",
    b"\n",
    b"null",
    b"-1",
    b"1e999",
    b"9" * 30,
)
PIECES += (b"true", b"{}", b"[]", b'"\\ud800"', b"\\u0000", b"[" * 2000, b'{"a":' * 500, b"\x80" * 12)


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The bytes with a few of them changed."""
    made = bytearray(data)
    for _ in range(draw.randrange(1, 9)):
        at = draw.randrange(len(made) + 1)
        end = min(at + draw.choice((0, 1, 2, 8, 64)), len(made))
        kind = draw.randrange(4)
        if kind == 0:
            made[at:end] = draw.choice(PIECES)
        elif kind == 1:
            made[at:end] = made[at:end] * draw.choice((2, 3))
        elif kind == 2 and made:
            other = draw.randrange(len(made))
            made[at:end] = made[other : other + draw.randrange(64)]
        else:
            made[at:end] = bytes(draw.randrange(256) for _ in range(end - at))
    return bytes(made)


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> tuple[int, int]:
    """Inputs tried, and how many of them did harm."""
    fixture = FIXTURES[name]
    tried = harmful = 0
    with tempfile.TemporaryDirectory() as scratch, DuckDBEngine(threads=1) as engine:
        path = Path(scratch) / f"log.{fixture.extension}"
        starts = [fixture.lines([*fixture.records, *fixture.copy("1001")])]
        if fixture.made is not None:
            starts.append(write_protobuf(path, [*fixture.records, *fixture.copy("1001")]).read_bytes())
        config = Config.load({"collect": {"identity_key": "fuzz", "format": name}})
        found_out = Config.load({"collect": {"identity_key": "fuzz"}})
        ends, draw = time.monotonic() + seconds, random.Random(seed)  # noqa: S311  # damage, no secret
        while time.monotonic() < ends:
            tried += 1
            data = damaged(draw.choice(starts), draw)
            path.write_bytes(data)
            began, harm = time.process_time(), ""
            try:
                chosen = config if tried % 4 else found_out
                log = open_requests([str(path)], mapping=None, config=chosen, engine=engine, progress=Silent())
                for _ in log.batches():
                    pass
            except StillhuntError:
                pass
            except Exception:  # whatever it is, it is what is looked for
                harm = traceback.format_exc(limit=-4)
            if not harm and time.process_time() - began > SLOW_SECONDS:
                harm = f"took {time.process_time() - began:.0f} CPU seconds"
            if harm:
                harmful += 1
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{name}-{tried}.bin").write_bytes(data)
                print(f"{name}, input {tried}:\n{harm}", flush=True)
    return tried, harmful


def main() -> int:
    """Fuzz each source; 1 where one did harm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [name for name in FIXTURES if name != "litellm-accounts"]
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(names), help=f"of {', '.join(names)}")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="folder for inputs that did harm")
    arguments = parser.parse_args()
    harm = 0
    for name in arguments.only.split(","):
        tried, harmful = fuzz(name, arguments.seconds, arguments.seed, arguments.keep)
        harm += harmful
        print(f"{name}: {tried:,} inputs, {harmful} did harm", flush=True)
    return int(harm > 0)


if __name__ == "__main__":
    sys.exit(main())
