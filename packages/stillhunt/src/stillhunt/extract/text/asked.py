"""The classifier beside the lexicon: its data, which `benchmarks/quality/asked/train.py` writes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I64, U64

ASKED_FLAGS = (
    "REASONING",
    "RUBRIC",
    "CLEAN_TRACE",
    "EXTRACTION_PROBE",
    "AGENT_TRAJECTORY",
    "TASK_GENERATION",
    "TRANSLATION",
    "CODE",
)
"""Conduct flags that the classifier can show, in the order of its columns."""


class AskedData(NamedTuple):
    """What the data file holds: token hashes of the cue words, tags and weights by slot, bar by class."""

    cues: U64
    entries: U64
    bars: I64


@cache
def asked_data() -> AskedData:
    """The shipped classifier, read once a process."""
    with (files("stillhunt.extract") / "data" / "asked.npz").open("rb") as file, np.load(file) as data:
        return AskedData(*(data[name] for name in AskedData._fields))
