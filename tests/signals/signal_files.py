"""Signals with their files, and a past, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt_signals.signals.declared import Signal, signal_of
from stillhunt_signals.signals.past import Past, PastAccount
from stillhunt_signals.signals.values import SignalValues, settle_values

FLAG = {"from": "marks.csv", "column": "mark", "kind": "flag", "about": "harvest"}


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> str:
    """A CSV file of rows, or bodies one a line where its name says so."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(rows)))
    else:
        names = list(rows[0])
        lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    return str(path)


def signal(**entries: Any) -> Signal:
    """A flag about harvests, but for what is given."""
    return signal_of("mark", {**FLAG, **entries})


def values_of(one: Signal, texts: Mapping[str, str], times: Mapping[str, str] | None = None) -> SignalValues:
    """Values by account, as if they had been read."""
    known = [None if times is None else times.get(name) for name in texts]
    return settle_values(
        one,
        pa.table({"account": list(texts), "value": list(texts.values()), "time": pa.array(known, pa.string())}),
    )


def simulated(
    rng: np.random.Generator, confirmed: Sequence[float], dismissed: Sequence[float], others: float = 0.05
) -> tuple[dict[str, str], Past]:
    """Marks and a past: for each group the share of its thirty accounts with the mark, and that of 3,000 others."""
    marks, past = {}, []
    for outcome, groups in (("confirmed", confirmed), ("dismissed", dismissed)):
        for group, share in enumerate(groups):
            for place in range(30):
                name = f"{outcome}-{group}-{place}"
                marks[name] = "yes" if rng.random() < share else "no"
                past.append(PastAccount(name, f"{outcome}-{group}", outcome))  # type: ignore[arg-type]
    marks |= {f"other-{place}": "yes" if rng.random() < others else "no" for place in range(3_000)}
    return marks, Past.of(past)
