"""What the second generator is asked to build."""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stillhunt import ConfigError
from stillhunt.tools import SECOND

BUILT_RUNGS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
"""Rungs of the ladder that the second generator builds; 0 is honest traffic only."""

START = 1_772_409_600 * SECOND
"""Beginning of every log, in microseconds of the epoch: Monday 2 March 2026, 00:00 UTC."""


@dataclass(frozen=True)
class SecondSpec:
    """What to build.

    Args:
        rung: rung of the evasion ladder, one of `BUILT_RUNGS`; 0 = honest traffic only.
        seed: seed of everything; honest rows do not depend on the campaigns.
        campaign_accounts: accounts of each campaign (rung 8: of the pool that the labs share).
        campaigns: number of campaigns (rung 8: of pools).
        specialists: queues among which each campaign divides its accounts, every account working on one only; 0 = all
            accounts work on everything.
        rewritten: part of the log after which campaigns wrap their items in other templates; 0 = never.
        texts: Parquet file of real texts to use in place of the text model; needs the columns `text` and `topic`.
    """

    rung: int
    accounts: int = 2000
    days: int = 14
    seed: int = 0
    campaign_accounts: int = 60
    campaigns: int = 1
    specialists: int = 0
    rewritten: float = 0.0
    texts: Path | None = None

    def __post_init__(self) -> None:
        if self.rung not in BUILT_RUNGS:
            raise ConfigError(
                f"rung {self.rung} is not built",
                where="SecondSpec",
                next_step=f"use one of {', '.join(map(str, BUILT_RUNGS))}",
            )
        least = {"accounts": 50, "days": 4, "seed": 0, "campaign_accounts": 6, "campaigns": 1, "specialists": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}", where="SecondSpec", next_step=f"use {bound} or more"
                )


def open_stream(seed: int, name: str) -> np.random.Generator:
    """The random numbers of a named part; parts are independent, and another name gives another world."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), 0x5EC0D])
