"""What a cold hunt leaves for the warm ones after it, in the state folder of a data folder."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt._version import __version__
from stillhunt.base.config import Config
from stillhunt.base.schema import ACCOUNTS, CANDIDATES, SLICED, TOTALS, TRAFFIC
from stillhunt.extract import SKETCH_VERSION
from stillhunt.link.placing import Learned
from stillhunt.pipeline import HuntedTables

BASE = "base"
_FACTS, _LEARNED, _LAYOUT = "facts.json", "learned.npz", 1
_TABLES = {"traffic": TRAFFIC, "sliced": SLICED, "candidates": CANDIDATES, "totals": TOTALS, "customers": ACCOUNTS}


@dataclass(frozen=True)
class Base:
    """One cold hunt, as far as later requests are judged by it."""

    sequence: int  # of its snapshot
    made_at: int
    inputs: frozenset[str]  # SHA-256 of what it read
    tables: Mapping[str, pa.Table]  # TRAFFIC, SLICED, CANDIDATES, TOTALS; ACCOUNTS where there are customers
    learned: Learned


def write_base(state: Path, hunted: HuntedTables) -> None:
    """Write all but what is known only when the snapshot is there (`finish_base`); an OSError where there is no room.

    A base of before is removed first: two of them may not fit.
    """
    drop_base(state)
    folder = state / BASE
    folder.mkdir(mode=0o700)
    linked = hunted.linked
    tables = {name: getattr(linked, name) for name in ("traffic", "sliced", "totals")}
    tables |= {"candidates": hunted.candidates, "customers": hunted.customers}
    for name, table in tables.items():
        if table is not None:
            with pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
    with (folder / _LEARNED).open("wb") as file:
        np.savez(file, **linked.learned.arrays())


def finish_base(state: Path, facts: Mapping[str, Any], config: Config) -> None:
    """Make what `write_base` wrote a base. `facts`: sequence, made_at and inputs of the hunt, as `Base` has them."""
    if (state / BASE).is_dir():
        (state / BASE / _FACTS).write_text(json.dumps({**facts, "settings": _settings_digest(config)}))


def drop_base(state: Path) -> None:
    """Forget the base, so that the next hunt is cold."""
    shutil.rmtree(state / BASE, ignore_errors=True)


def read_base(state: Path, config: Config) -> Base | None:
    """The base; None where there is none, where it is incomplete, or where settings or program have changed since.

    Its tables are mapped into memory and read as far as somebody needs them.
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
        with np.load(folder / _LEARNED) as found:
            learned = Learned.of_arrays(dict(found))
        return Base(int(facts["sequence"]), int(facts["made_at"]), frozenset(facts["inputs"]), tables, learned)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def with_totals(base: Base, totals: pa.Table) -> Base:
    """The base with other TOTALS."""
    return replace(base, tables={**base.tables, "totals": totals})


def _settings_digest(config: Config) -> str:
    """Of all on which findings depend besides the log."""
    said = {**config.model_dump(mode="json"), "version": [__version__, SKETCH_VERSION, _LAYOUT]}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
