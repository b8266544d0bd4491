"""What the signals say of one group of accounts, in bits and in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import escape_controls, formatting
from stillhunt_signals.signals.declared import About, Signal
from stillhunt_signals.signals.learning import LearnedSignal
from stillhunt_signals.signals.steps import count_steps
from stillhunt_signals.signals.values import SignalValues

_LEAST_SHOWN = 0.05  # bits below which a signal is not mentioned
SUMMED_BITS = {"operation": (-1.0, 2.0), "harvest": (-2.0, 3.0), "honest": (-2.0, 0.0)}
"""About -> bounds of what all such signals say together. Judgement: they see the same accounts, and much of the same,
so that their sum is bounded as one of them is; that honest ones are missing says nothing."""


@dataclass(frozen=True)
class UsedSignal:
    """A signal with its values and what was learned of it."""

    signal: Signal
    learned: LearnedSignal
    values: SignalValues


class GroupSignal(NamedTuple):
    """What one signal says of a group."""

    bits: float
    sentence: str


class SignalsOfLog:
    """The signals of a hunt or of a case, with the values of its accounts.

    `accounts`: all accounts, each once; members are given as positions in it.
    """

    def __init__(self, used: Sequence[UsedSignal], accounts: pa.StringArray) -> None:
        self._used = list(used)
        self._codes, self._holders = [], []
        for one in used:
            codes = one.learned.steps.codes(one.values)
            at = pc.index_in(accounts, value_set=one.values.ids)
            known = pc.is_valid(at).to_numpy(zero_copy_only=False)
            self._codes.append(np.where(known, codes[pc.fill_null(at, 0).to_numpy()], -1))
            self._holders.append(np.bincount(codes))

    def weigh(self, members: Any, about: About, *, leaves: bool) -> GroupSignal | None:
        """What the signals of one kind say of a group together; None where they say nothing.

        `members`: positions of its accounts. `leaves`: those that may be quoted to others, or those that may not.
        """
        found = [
            said
            for place, one in enumerate(self._used)
            if (one.signal.about, one.signal.leaves) == (about, leaves)
            and abs((said := self._weigh_signal(place, members)).bits) >= _LEAST_SHOWN
        ]
        low, high = SUMMED_BITS[about]
        bits = float(np.clip(sum(said.bits for said in found), low, high))
        if not found or bits == 0.0:
            return None
        found.sort(key=lambda said: -abs(said.bits))
        return GroupSignal(bits, "; ".join(said.sentence for said in found))

    def _weigh_signal(self, place: int, members: Any) -> GroupSignal:
        one = self._used[place]
        learned, own = one.learned, self._codes[place][members]
        counts = count_steps(learned.steps, own, self._holders[place])
        bits = learned.bits_of(counts)
        if one.signal.about == "honest":
            bits = min(bits, 0.0)
        return GroupSignal(bits, _sentence_of(one, counts, bits))


def _sentence_of(one: UsedSignal, counts: Any, bits: float) -> str:
    """What is told of a group: the step in which it differs most from honest groups, in the direction of the bits."""
    learned, known = one.learned, int(counts.sum())
    if not known:
        return ""
    ratio = np.log2(np.array(learned.harvest) / np.array(learned.honest)) * np.sign(bits)
    step = int(np.argmax(np.where(counts > 0, ratio * counts / known, -np.inf)))
    share = formatting.percent(learned.honest[step])
    name = escape_controls(learned.steps.name(step))
    return (
        f"{one.signal.shown} is {name} at {formatting.part_of(int(counts[step]), known, 'account')} with a value "
        f"(honest: {share}, harvests in our past: {formatting.percent(learned.harvest[step])})"
    )
