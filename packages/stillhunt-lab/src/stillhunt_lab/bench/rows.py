"""What a benchmark runs, and one row per run, each in a file of its own, so that it can be interrupted and resumed."""

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import stillhunt
import stillhunt_lab
from stillhunt import ConfigError, OutputError, __version__
from stillhunt.tools import write_whole
from stillhunt_lab.baselines import BASELINES
from stillhunt_lab.bench.methods import GROUPING, OURS, VARIANTS

GENERATORS = ("first", "second", "texts")
HONEST_SEEDS_FROM = 500_000
"""Added to the seeds of honest worlds, so that they are other worlds than the ladder's."""


@dataclass(frozen=True)
class BenchSpec:
    """What to measure.

    Args:
        generators: of `GENERATORS`: the lab's worlds, those of other construction, and these with a corpus of texts.
        rungs: of the evasion ladder, 1 and up.
        texts: corpus of generator `texts`.
        replay: whether logs are replayed, for the first correct call.
        ablations: whether stillhunt runs on poorer logs and without kinds of evidence.
    """

    generators: tuple[str, ...] = ("first",)
    rungs: tuple[int, ...] = tuple(range(1, 12))
    seeds: int = 5
    first_seed: int = 1001
    accounts: int = 2000
    days: int = 14
    campaign_accounts: int = 60
    campaigns: int = 1
    texts: Path | None = None
    baselines: bool = True
    honest: int = 0
    honest_accounts: int = 3000
    replay: bool = False
    ablations: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.generators) - set(GENERATORS))
        if unknown:
            raise ConfigError(f"no such generator: {unknown[0]}", where="bench", next_step=f"one of {GENERATORS}")
        if "texts" in self.generators and self.texts is None:
            raise ConfigError(
                "generator texts has no corpus",
                where="bench",
                next_step="name a file of texts",
                command_step="name one with --texts",
            )

    def sizes(self) -> dict[str, Any]:
        """The sizes that make two runs comparable; one folder holds runs of the same sizes."""
        own = asdict(self)
        names = ("accounts", "days", "campaign_accounts", "campaigns", "honest_accounts")
        return {name: own[name] for name in names}


@dataclass(frozen=True, order=True)
class WorldKey:
    """One world."""

    generator: str
    rung: int  # 0 = honest
    seed: int


@dataclass(frozen=True, order=True)
class Run:
    """One method on one world."""

    part: str  # ladder, honest, replay or ablation
    world: WorldKey
    method: str

    @property
    def file_name(self) -> str:
        """Where its row is kept."""
        world = self.world
        return f"{self.part}-{world.generator}-r{world.rung:02d}-s{world.seed}-{self.method}.json"


def runs_of(spec: BenchSpec) -> Iterator[tuple[WorldKey, list[Run]]]:
    """Every world of a benchmark with its runs, seed by seed, so that an interrupted run leaves complete ladders."""
    everybody = (OURS, *BASELINES) if spec.baselines else (OURS,)
    for seed in range(spec.first_seed, spec.first_seed + spec.seeds):
        for generator in spec.generators:
            for rung in spec.rungs:
                key = WorldKey(generator, rung, seed)
                runs = [Run("ladder", key, method) for method in everybody]
                if spec.replay:
                    runs += [Run("replay", key, method) for method in everybody if method in (OURS, *GROUPING)]
                if spec.ablations:
                    runs += [Run("ablation", key, variant) for variant in VARIANTS]
                yield key, runs
    for place in range(spec.honest):
        for generator in spec.generators:
            key = WorldKey(generator, 0, HONEST_SEEDS_FROM + spec.first_seed + place)
            # A few worlds show what a baseline wrongly flags; the bound of our false campaigns needs all of them.
            yield key, [Run("honest", key, method) for method in (everybody if place < spec.seeds else (OURS,))]


SIZES_FILE = "sizes.json"
NOT_DETECTING = ("cli",)
"""Parts of the core that do not influence any verdict."""


def open_folder(out: Path, spec: BenchSpec) -> None:
    """Make the folder of a bench, or check that it holds runs of the same sizes.

    Raises ConfigError: it holds runs of other sizes. Raises OutputError: it cannot be written.
    """
    known = out / SIZES_FILE
    try:
        out.mkdir(parents=True, exist_ok=True)
        if known.exists():
            before = json.loads(known.read_text("utf-8"))
            if before != spec.sizes():
                raise ConfigError(
                    f"the folder holds runs of other sizes: {before}",
                    where=str(out),
                    next_step="use the same sizes, or name another folder",
                    command_step="use the same sizes, or name another folder with --out",
                )
        else:
            write_whole(known, [_encode_row(spec.sizes())])
    except (OSError, ValueError) as error:
        raise OutputError(
            f"the folder of the bench cannot be used: {error}",
            where=str(out),
            next_step="name another folder",
            command_step="name another with --out",
        ) from error


def is_measured(out: Path, run: Run) -> bool:
    """Whether a run's row is there."""
    return (out / run.file_name).exists()


def write_row(out: Path, run: Run, measured: dict[str, Any]) -> None:
    """Write the row of a run, whole or not at all.

    Raises OutputError: it cannot be written.
    """
    world = run.world
    row = {
        "part": run.part,
        "generator": world.generator,
        "rung": world.rung,
        "seed": world.seed,
        "method": run.method,
        **measured,
        "versions": versions(),
    }
    write_whole(out / run.file_name, [_encode_row(row)])


def read_rows(out: Path) -> list[dict[str, Any]]:
    """All rows of a folder, in order of their names.

    Raises ConfigError: a row cannot be read.
    """
    rows = []
    for path in sorted(out.glob("*.json")):
        if path.name == SIZES_FILE:
            continue
        try:
            rows.append(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"a row of the bench cannot be read: {error}", where=str(path), next_step="remove it and run again"
            ) from error
    return rows


def read_sizes(out: Path) -> dict[str, Any]:
    """Sizes of the worlds of a folder.

    Raises ConfigError: it holds no bench.
    """
    try:
        sizes: dict[str, Any] = json.loads((out / SIZES_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the folder holds no bench: {error}", where=str(out), next_step="run the bench first"
        ) from error
    return sizes


@cache
def versions() -> dict[str, str]:
    """What the figures depend on: versions of stillhunt, its sources, Python and the libraries that compute."""
    return {
        "stillhunt": __version__,
        "detector": source_hash(detecting=True),
        "lab": source_hash(detecting=False),
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "numba", "numpy", "pyarrow", "scipy")},
    }


def source_hash(*, detecting: bool) -> str:
    """Hash of the source files of the core or the lab, by name and content.

    `detecting`: those that a verdict depends on; else those of the lab. Returns twelve hexadecimal digits of the
    SHA-256.
    """
    total = hashlib.sha256()
    folder = Path((stillhunt if detecting else stillhunt_lab).__path__[0])
    for path in sorted(folder.rglob("*.py")):
        place = path.relative_to(folder)
        if place.parts[0] not in NOT_DETECTING:
            total.update(place.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:12]


def _encode_row(document: Any) -> bytes:
    return (json.dumps(document) + "\n").encode()
