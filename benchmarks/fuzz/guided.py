"""Fuzz every parser of logs, guided by the code that is reached: atheris (libFuzzer) in a process for each.

    python benchmarks/fuzz/guided.py                                  60 seconds a parser
    python benchmarks/fuzz/guided.py --seconds 600 --only otlp,nginx --jobs 2
    python benchmarks/fuzz/guided.py --again fuzzed/otlp/harm-1a2b3c4d.bin --only otlp

Beside bytes, decoded JSON, CSV and protobuf are changed (`mutating.py`); what must hold is said in `logs.py` and
`parts.py`. An input that does harm, or takes more than 10 CPU seconds, is kept in --keep with what was raised, once
for each place in the code; one that takes 100 seconds by the clock or 2 GB ends its process, is kept too, and the
parser goes on with the rest of its time. The exit code is 1 where harm was done. Inputs that reached new code stay in
the parser's corpus for the next run.

Needs `pip install 'stillhunt[fuzz]'` (Linux, Python 3.11 to 3.13).
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "packages" / "stillhunt" / "src"
SLOW_SECONDS, HUNG_SECONDS, MOST_MB = 10, 100, 2048
BYTES_SHARE = 0.3
"""Of the changes that are made to bytes and not to what they mean."""
_STATUS = re.compile(r"#(\d+)\s+(?:INITED|NEW|REDUCE|pulse|DONE|RELOAD)\s+cov: (\d+) ft: (\d+) corp: (\d+)")


def instrumented() -> tuple[list[str], list[str]]:
    """Names of the modules to watch, and of those of the package that are not: kernels are compiled from bytecode."""
    names = [
        ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(SOURCE.rglob("*.py"))
    ]
    watched = [n for n in names if n.startswith("stillhunt.collect") and ".kernels" not in n]
    return watched, [n for n in names if n not in watched]


def run_target(name: str, keep: Path, arguments: Sequence[str]) -> None:
    """Fuzz one parser in this process until libFuzzer ends it."""
    import atheris  # here, since only this process needs it

    watched, others = instrumented()
    with atheris.instrument_imports(include=watched, exclude=others):
        import targets  # its imports are what is watched

    target = targets.targets()[name]
    change = targets.changed(target)
    known = {path.stem for path in keep.glob("harm-*.txt")}

    def test(data: bytes) -> None:
        began = time.process_time()
        try:
            target.check(data)
            if time.process_time() - began > SLOW_SECONDS:
                raise TimeoutError(f"took {time.process_time() - began:.0f} CPU seconds")
        except Exception as error:  # whatever it is, it is what is looked for
            trace = "".join(traceback.format_exception(error, limit=-6))
            place = f"harm-{zlib.crc32(where(error).encode()):08x}"
            if place not in known:
                known.add(place)
                (keep / f"{place}.bin").write_bytes(data)
                (keep / f"{place}.txt").write_text(trace, "utf-8", "backslashreplace")
                print(f"HARM {place}\n{trace}", file=sys.stderr, flush=True)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)  # noqa: S311 - damage, no secret
        if draw.random() < BYTES_SHARE:
            return bytes(atheris.Mutate(data, most))
        for _ in range(draw.choice((1, 1, 2, 4))):
            data = change(data, draw)
        return data[:most]

    corpus = keep / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds:
        (corpus / f"seed-{zlib.crc32(seed):08x}").write_bytes(seed)
    for seed in target.seeds[:8]:
        test(seed)  # what is made or imported at first use is none of the first input's time
    lengths = (f"-max_len={target.longest}", "-len_control=0")
    atheris.Setup([sys.argv[0], *arguments, *lengths, str(corpus)], test, custom_mutator=mutate)
    atheris.Fuzz()


def where(error: BaseException) -> str:
    """The kind of an error and the last places in the code that it passed, to tell one from another."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    text = str(error) if type(error).__name__ != "Harm" else ""
    return f"{type(error).__name__} {re.sub('[0-9]+', '0', text)[:40]} " + " ".join(
        f"{frame.filename}:{frame.name}" for frame in frames
    )


@dataclass
class Progress:
    """What came of one parser.

    Attributes:
        name: of the parser.
        seconds: by the clock, from the start of its processes to their end.
        cpu: CPU seconds.
        inputs: that were read.
        edges: of the code that were reached.
        features: the same with how often, and what was compared.
        findings: inputs kept that did harm.
        processes: that were started.
    """

    name: str
    seconds: float = 0.0
    cpu: float = 0.0
    inputs: int = 0
    edges: int = 0
    features: int = 0
    findings: int = 0
    processes: int = 0

    def row(self) -> str:
        """As a row of the table."""
        numbers = (self.inputs, self.edges, self.features, self.findings)
        return (
            f"| {self.name} | {self.seconds:.0f} | {self.cpu:.0f} | "
            + " | ".join(f"{number:,}" for number in numbers)
            + " |"
        )


def fuzz(name: str, seconds: float, seed: int, keep: Path) -> Progress:
    """Fuzz one parser for so long, in as many processes as it takes."""
    progress, own = Progress(name), keep / name
    own.mkdir(parents=True, exist_ok=True)
    known, log, ends = set(harmful(own)), own / "log.txt", time.monotonic() + seconds
    with log.open("wb") as out:
        while (left := ends - time.monotonic()) > 1:
            began, at = time.monotonic(), out.tell()
            limits = (f"-max_total_time={left:.0f}", f"-timeout={HUNG_SECONDS}", f"-rss_limit_mb={MOST_MB}")
            command = [sys.executable, str(HERE / "guided.py"), "--target", name, "--keep", str(own)]
            command += [*limits, f"-seed={seed + progress.processes}", f"-artifact_prefix={own}/"]
            started = subprocess.Popen(command, stdout=out, stderr=out, env=environment())
            _, status, used = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
            progress.cpu += used.ru_utime + used.ru_stime
            out.seek(0, os.SEEK_END)
            progress.seconds += time.monotonic() - began
            progress.processes += 1
            found = _STATUS.findall(log.read_bytes()[at:].decode("utf-8", "replace"))
            if found:
                progress.inputs += int(found[-1][0])
                progress.edges, progress.features = (
                    max(progress.edges, int(found[-1][1])),
                    max(progress.features, int(found[-1][2])),
                )
            elif started.returncode:
                print(f"{name} does not start: see {log}", flush=True)
                progress.findings += 1
                break
    progress.findings += len(set(harmful(own)) - known)
    print(progress.row(), flush=True)
    return progress


def harmful(folder: Path) -> list[str]:
    """Names of the inputs kept that did harm."""
    patterns = ("harm-*.bin", "crash-*", "timeout-*", "oom-*")
    return [path.name for pattern in patterns for path in folder.glob(pattern)]


def environment() -> dict[str, str]:
    """That of a process which fuzzes: this tree's package, one thread."""
    paths = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}


def main() -> int:
    """Fuzz each parser; 1 where harm was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each parser")
    parser.add_argument("--only", default="", help="names of parsers, with commas between them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="parsers at a time")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="folder for inputs and logs")
    parser.add_argument("--list", action="store_true", help="name the parsers and end")
    parser.add_argument("--again", type=Path, help="read one kept input instead, with all that it raises")
    parser.add_argument("--target", help=argparse.SUPPRESS)
    arguments, others = parser.parse_known_args()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    if arguments.target:
        run_target(arguments.target, arguments.keep, others)
        return 0
    import targets  # not above: the process that fuzzes imports it under watch

    names = arguments.only.split(",") if arguments.only else list(targets.targets())
    unknown = [name for name in names if name not in targets.targets()]
    if unknown:
        parser.error(f"no parser is called {', '.join(unknown)}; there are {', '.join(targets.targets())}")
    if arguments.list:
        print("\n".join(names))
        return 0
    if arguments.again:
        targets.targets()[names[0]].check(arguments.again.read_bytes())
        return 0
    print(
        "| parser | s | CPU s | inputs | edges | features | findings |\n|---|---:|---:|---:|---:|---:|---:|", flush=True
    )
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda name: fuzz(name, arguments.seconds, arguments.seed, arguments.keep), names))
    return int(any(one.findings for one in results))


if __name__ == "__main__":
    sys.exit(main())
