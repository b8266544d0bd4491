"""What a hunt will need, told before it begins: time and memory, from a sample of the log and measured constants.

The constants stand in `forecast.toml`, which `benchmarks/speed/estimate.py --write` measures. How fast this machine is
shows in the time that the text pass takes for prompts that are always the same.
"""

import math
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import InputError
from stillhunt.base.progress import Silent
from stillhunt.base.schema import REQUESTS
from stillhunt.collect import open_requests
from stillhunt.collect.decode.streams import DamagedFileError, decompress_pieces
from stillhunt.collect.locate.catalog import Found, FoundTable, find_inputs
from stillhunt.collect.values.rejects import Rejects
from stillhunt.extract import sketch_requests

_FILES, _GROUPS = 4, 3
"""Files, and row groups of each, from which rows are taken. Judgement: a log changes over its days."""
_ROWS, _TEXT_BYTES = 2_048, 1 << 20
"""Rows of a row group or table, and bytes of a text file when unpacked. Judgement: half a second in all."""
_PASSES = 9
"""Text passes over made-up prompts, the fastest of which counts: 70 ms in all. Judgement: others disturb some."""
_PIECE = 1 << 13
_COMPRESSIONS = (".gz", ".gzip", ".zst", ".zstd")
_PARQUET = b"PAR1"


@dataclass(frozen=True)
class LogSize:
    """How much there is to hunt in."""

    requests: float
    text_bytes: float  # of prompts and system prompts
    file_bytes: float  # of text files when unpacked, which take more to decode


@dataclass(frozen=True)
class HuntForecast:
    """What a hunt will need."""

    size: LogSize
    cpu_seconds: float  # of all threads together
    seconds: float  # until the end, on a machine that does nothing else
    memory_bytes: float


@dataclass(frozen=True)
class ForecastConstants:
    """What requests and bytes cost; each begins with what every hunt costs."""

    cpu_seconds: tuple[float, ...]  # of a hunt, of a million requests, of a GB of text and of unpacked text files
    # the same in MB, of the square roots of these amounts: buffers grow until they are full
    memory_mb: tuple[float, ...]
    parallel_share: float  # what all threads share of the processor seconds beyond those of any hunt
    sketch_ms: float  # time of the text pass over the prompts of `made_requests`, on the machine of the constants


@cache
def read_constants() -> ForecastConstants:
    """The constants that are shipped."""
    told = tomllib.loads((Path(__file__).parent / "forecast.toml").read_text(encoding="utf-8"))
    names = ("requests", "text", "files")
    cpu, memory = ([told[key]["hunt"], *(told[key][name] for name in names)] for key in ("cpu_seconds", "memory_mb"))
    machine = told["machine"]
    return ForecastConstants(tuple(cpu), tuple(memory), machine["parallel_share"], machine["sketch_ms"])


def forecast_logs(logs: Sequence[str], mapping: Mapping[str, str] | None, config: Config) -> HuntForecast | None:
    """What a hunt will need in logs on this machine.

    Args:
        logs: files, folders and patterns, as a hunt takes them.
        mapping: our column -> the log's column, as a hunt takes it.

    Returns:
        None where a sample does not tell it: databases, object stores, Spark, and logs that cannot be read, of which
        the hunt says why.
    """
    if config.engine == "spark" or any("://" in log for log in logs):
        return None
    with suppress(InputError), DuckDBEngine(threads=1) as engine:
        size = measure_log(find_inputs(logs, engine, Rejects()), mapping, config, engine)
        if size is not None:
            constants = read_constants()
            slowness = measure_sketch_ms() / constants.sketch_ms
            return forecast_hunt(size, slowness, config.threads or os.cpu_count() or 1, constants)
    return None


def forecast_hunt(size: LogSize, slowness: float, threads: int, constants: ForecastConstants) -> HuntForecast:
    """What a hunt will need on so many threads; `slowness` is the time of this machine over that of the constants."""
    amounts, share = size_amounts(size), constants.parallel_share
    cpu = slowness * sum(amount * cost for amount, cost in zip(amounts, constants.cpu_seconds, strict=True))
    shared = share * (cpu - slowness * constants.cpu_seconds[0])
    memory = sum(math.sqrt(amount) * cost for amount, cost in zip(amounts, constants.memory_mb, strict=True))
    return HuntForecast(size, cpu, cpu - shared + shared / threads, memory * 1e6)


def size_amounts(size: LogSize) -> tuple[float, ...]:
    """One, millions of requests, GB of text and of unpacked text files."""
    return 1.0, size.requests / 1e6, size.text_bytes / 1e9, size.file_bytes / 1e9


@dataclass(frozen=True)
class _Sample:
    """A part of one input."""

    requests: pa.Table  # REQUESTS of the part
    # packed, plain: bytes of the part in the file and when unpacked; 0 where its rows are known
    packed: int = 0
    plain: int = 0


def measure_log(
    found: Sequence[Found], mapping: Mapping[str, str] | None, config: Config, engine: Engine
) -> LogSize | None:
    """Size of a log; None for a stream, a database, an object store, or where nothing can be read by itself."""
    plain = config.model_copy(update={"state": ""})

    def read_rows(source: Any) -> pa.Table | None:
        with suppress(InputError):
            log = open_requests(source, mapping=mapping, config=plain, engine=engine, progress=Silent())
            with suppress(InputError):
                return pa.concat_tables(log.batches())
        return None

    known, files = 0, list[Path]()
    for one in found:
        if isinstance(one, FoundTable) and one.table is not None:
            known += one.table.num_rows
        elif not isinstance(one, FoundTable) and isinstance(one.path, Path) and one.path.is_file():
            if _is_parquet(one.path):
                known += pq.read_metadata(one.path).num_rows
            else:
                files.append(one.path)
        else:
            return None
    samples = [sample for one in _spread(found, _FILES) for sample in _sample_input(one, read_rows)]
    return _size_from(samples, known, sum(path.stat().st_size for path in files))


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    """So many of some items at most, evenly."""
    step = max(len(items) / most, 1.0)
    return [items[int(place * step)] for place in range(min(most, len(items)))]


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_PARQUET)) == _PARQUET


def _sample_input(one: Found, read_rows: Any) -> Iterator[_Sample]:
    if isinstance(one, FoundTable):
        pieces = [one.table.slice(0, _ROWS)] if one.table is not None else []
    elif isinstance(one.path, Path) and _is_parquet(one.path):
        file = pq.ParquetFile(one.path)
        groups = _spread(range(file.num_row_groups), _GROUPS)
        batches = (next(file.iter_batches(_ROWS, row_groups=[group]), None) for group in groups)
        pieces = [pa.Table.from_batches([batch]) for batch in batches if batch is not None]
    else:
        yield from _sample_text(one.path, read_rows)
        return
    for piece in pieces:
        rows = read_rows(piece)
        if rows is not None:
            yield _Sample(rows)


def _sample_text(path: Any, read_rows: Any) -> Iterator[_Sample]:
    """The first lines of a text file, in a file of their own."""
    taken, content = 0, b""

    def packed_pieces() -> Iterator[bytes]:
        nonlocal taken
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                taken += len(piece)
                yield piece

    with suppress(DamagedFileError, OSError):
        for piece in decompress_pieces(packed_pieces()):
            content += piece
            if len(content) >= _TEXT_BYTES:
                content = content[: content.rfind(b"\n") + 1]
                break
    name = path.name
    for ending in _COMPRESSIONS:
        name = name.removesuffix(ending)
    with tempfile.TemporaryDirectory(prefix="stillhunt-sample-") as made:
        part = Path(made) / name
        part.write_bytes(content)
        rows = read_rows(str(part))
    if rows is not None:
        yield _Sample(rows, taken, len(content))


def _size_from(samples: Sequence[_Sample], known: int, packed: int) -> LogSize | None:
    """Size of a log of which some samples are known: requests of Parquet files and tables, and bytes of text files."""
    text_files = [sample for sample in samples if sample.packed]
    if not samples or bool(packed) != bool(text_files):
        return None
    share = packed / sum(sample.packed for sample in text_files) if text_files else 0.0
    requests = known + share * sum(sample.requests.num_rows for sample in text_files)
    taken = pa.concat_tables([sample.requests for sample in samples])
    text = sum(pc.sum(pc.binary_length(taken[name])).as_py() or 0 for name in ("prompt", "system_prompt"))
    if not taken.num_rows:
        return None
    plain = share * sum(sample.plain for sample in text_files)
    return LogSize(requests, text / taken.num_rows * requests, plain)


def measure_sketch_ms() -> float:
    """The least time of some text passes over the same prompts."""
    requests, config = made_requests(), Config.model_construct(seed=0)
    sketch_requests(requests.slice(0, 1), config)  # loads what was compiled
    return min(_sketch_once(requests, config) for _ in range(_PASSES))


def _sketch_once(requests: pa.Table, config: Config) -> float:
    began = time.thread_time_ns()
    sketch_requests(requests, config)
    return (time.thread_time_ns() - began) / 1e6


def made_requests() -> pa.Table:
    """Prompts of some forty made-up words each, as REQUESTS."""
    words = [f"{'aeiou'[n % 5]}{n:x}{'lmnrst'[n % 6]}" for n in range(4_096)]
    prompts = [" ".join(words[(n * 7_919 + at * at * 31) % 4_096] for at in range(40)) for n in range(_ROWS)]
    return REQUESTS.build(
        request_id=[f"r{n}" for n in range(_ROWS)],
        source=["made"] * _ROWS,
        timestamp=list(range(_ROWS)),
        account_id=[f"a{n % 64}" for n in range(_ROWS)],
        model=["m"] * _ROWS,
        prompt=prompts,
        origin_file=[0] * _ROWS,
        origin_row=list(range(_ROWS)),
    )
