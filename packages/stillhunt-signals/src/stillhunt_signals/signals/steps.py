"""Values of a signal as few steps, so that how often groups of accounts have each can be compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import formatting, shorten
from stillhunt_signals.signals.declared import Signal
from stillhunt_signals.signals.values import SignalValues

_QUANTILES = (0.2, 0.5, 0.8, 0.95)  # Parts of all accounts that a score is cut at; finer above, where risk scores tell
_MOST_WORDS = 7  # Commonest words of a category; all others are one step, or chance would find a step for each group
_FEWEST_SHARING = 2  # Members of a group with one value from which it is shared
_RARE_OUTSIDE = 2.0  # Times the members with a value: others who have it, up to which it is the group's own
_CHARS_SHOWN = 40


@dataclass(frozen=True)
class Steps:
    """How values are cut into steps; codes count them from 0."""

    kind: str
    edges: tuple[float, ...] = ()  # of a score: the least number of each step but the first, ascending
    # of a flag or category: the value of each step; the last step of a category is any other
    words: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of steps; what is shared has two, alone and shared."""
        return {"score": len(self.edges) + 1, "category": len(self.words) + 1}.get(self.kind, 2)

    def codes(self, values: SignalValues) -> Any:
        """Code of each account's value; of identifiers a code for each value, with no order."""
        if self.kind == "score":
            return np.searchsorted(np.array(self.edges), values.numbers, side="right").astype(np.int64)
        if self.kind == "shared":
            return values.texts.dictionary_encode().indices.to_numpy().astype(np.int64)
        found = pc.index_in(values.texts, value_set=pa.array(self.words, pa.string()))
        return pc.fill_null(found, len(self.words)).to_numpy().astype(np.int64)

    def name(self, step: int) -> str:
        """A step in words: what follows "is"."""
        if self.kind == "score":
            if step == 0:
                return f"below {formatting.exact_number(self.edges[0])}"
            low = formatting.exact_number(self.edges[step - 1])
            if step == len(self.edges):
                return f"{low} or more"
            return f"at least {low} and below {formatting.exact_number(self.edges[step])}"
        if self.kind == "shared":
            return ("their own", "shared in the group")[step]
        return shorten(self.words[step], _CHARS_SHOWN) if step < len(self.words) else "something else"


def make_steps(signal: Signal, values: SignalValues) -> Steps:
    """Steps that fit the values of all accounts."""
    if signal.kind == "score":
        edges = np.unique([float(f"{edge:.3g}") for edge in np.quantile(values.numbers, _QUANTILES)])
        edges = edges[edges > values.numbers.min()]
        return Steps("score", tuple(float(edge) for edge in edges) or (float(values.numbers.max()),))
    if signal.kind == "flag":
        return Steps("flag", words=("no", "yes"))
    if signal.kind == "shared":
        return Steps("shared")
    counted = pc.value_counts(values.texts).to_pylist()
    common = sorted(counted, key=lambda one: (-one["counts"], one["values"]))[:_MOST_WORDS]
    return Steps("category", words=tuple(one["values"] for one in common))


def count_steps(steps: Steps, own: Any, everyone: Any) -> Any:
    """How many members have a value of each step; those without a value are not counted.

    `own`: codes of the members, -1 where they have no value. `everyone`: of what is shared, how many accounts have each
    value, by code; unused elsewhere.
    """
    own = own[own >= 0]
    if steps.kind != "shared":
        return np.bincount(own, minlength=steps.count)
    values, members = np.unique(own, return_counts=True)
    tied = (members >= _FEWEST_SHARING) & (everyone[values] - members <= _RARE_OUTSIDE * members)
    shared = int(members[tied].sum())
    return np.array([len(own) - shared, shared])
