"""What a cold hunt leaves for the warm ones after it, in the state folder of a data folder."""

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa

from stillhunt._version import __version__
from stillhunt.base.config import Config
from stillhunt.base.schema import ACCOUNTS, CANDIDATES, SLICED, TOTALS, TRAFFIC
from stillhunt.extract import SKETCH_VERSION
from stillhunt.link.placing import Learned
from stillhunt.pipeline import HuntedTables

BASE = "base"  # name of its folder
_FACTS, _LEARNED, _LAYOUT = "facts.json", "learned.npz", 1
_TABLES = {"traffic": TRAFFIC, "sliced": SLICED, "candidates": CANDIDATES, "totals": TOTALS, "customers": ACCOUNTS}


@dataclass(frozen=True)
class Base:
    """One cold hunt, as far as later requests are judged by it."""

    sequence: int  # of its snapshot
    made_at: int
    inputs: frozenset[str]  # SHA-256 of what it read
    tables: Mapping[str, pa.Table]  # TRAFFIC, SLICED, CANDIDATES and TOTALS by name; ACCOUNTS where there are customers
    learned: Learned

    @property
    def customers(self) -> pa.Table | None:
        """ACCOUNTS; None where there are none."""
        return self.tables.get("customers")


def write_base(state: Path, hunted: HuntedTables) -> None:
    """Write all but what is known only when the snapshot is there (`finish_base`); an OSError where there is no room.

    The base of before is removed first, for two of them may not fit.
    """
    shutil.rmtree(state / BASE, ignore_errors=True)
    folder, linked = state / BASE, hunted.linked
    folder.mkdir(mode=0o700)
    tables = {"traffic": linked.traffic, "sliced": hunted.sliced, "totals": linked.totals}
    for name, table in {**tables, "candidates": hunted.candidates, "customers": hunted.customers}.items():
        if table is not None:
            with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
    with (folder / _LEARNED).open("wb") as file:
        np.savez(file, allow_pickle=False, **linked.learned.arrays())


def finish_base(state: Path, sequence: int, made_at: int, inputs: Collection[str], config: Config) -> None:
    """Make what `write_base` wrote a base; arguments as in `Base`, and the settings of the hunt.

    An input without a SHA-256 counts as new each time; what it holds already is left out again by its ids.
    """
    if (state / BASE).is_dir():
        facts = {"sequence": sequence, "made_at": made_at, "inputs": sorted(filter(None, inputs))}
        (state / BASE / _FACTS).write_text(json.dumps({**facts, "settings": _settings_digest(config)}))


def read_base(state: Path, config: Config) -> Base | None:
    """The base; None where there is none, where it is incomplete, or where settings or program have changed since.

    Its tables are mapped into memory, and read as far as somebody needs them.
    """
    folder = state / BASE
    try:
        facts = json.loads((folder / _FACTS).read_text())
        if facts["settings"] != _settings_digest(config):
            return None
        tables = {
            name: table.check(pa.ipc.open_file(pa.memory_map(str(folder / f"{name}.arrow"))).read_all())
            for name, table in _TABLES.items()
            if (folder / f"{name}.arrow").exists()
        }
        with (folder / _LEARNED).open("rb") as file, np.load(file) as found:
            learned = Learned.of_arrays(found)
        return Base(int(facts["sequence"]), int(facts["made_at"]), frozenset(facts["inputs"]), tables, learned)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException, BadZipFile):
        return None


def _settings_digest(config: Config) -> str:
    """Of all on which findings depend besides the log."""
    said: dict[str, Any] = {
        **config.model_dump(mode="json", exclude={"state"}),
        "version": [__version__, SKETCH_VERSION, _LAYOUT],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
