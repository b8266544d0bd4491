"""What a benchmark runs: every world, and every method on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stillhunt.base.errors import ConfigError
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
    """One world.

    Attributes:
        rung: 0 = honest.
    """

    generator: str
    rung: int
    seed: int


@dataclass(frozen=True, order=True)
class Run:
    """One method on one world.

    Attributes:
        part: ladder, honest, replay or ablation.
    """

    part: str
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
