"""The explanations of a group beside a harvest in words, and what follows from the odds against each of them."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HonestExplanation:
    """One explanation of a group beside a harvest: a noun phrase, and in a sentence what would decide between them.

    `one_operator` is True where one operator stands behind the accounts, as behind a harvest.
    """

    key: str
    name: str
    settles: str
    one_operator: bool = False


EXPLANATION_OF = {
    key: HonestExplanation(key, **entries)
    for key, entries in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8")).items()
}
"""In the order of all tables and pages."""


def odds_against_all(odds: Sequence[float]) -> float:
    """Log2 odds of one hypothesis against several others, from its log2 odds against each of them."""
    least = min(odds)
    return least - math.log2(math.fsum(2.0 ** (least - one) for one in odds))


def one_operator_bits(odds: Mapping[str, float]) -> float:
    """Log2 odds that one operator stands behind the accounts, from those of a harvest against each explanation."""
    alone = [bits for key, bits in odds.items() if not EXPLANATION_OF[key].one_operator]
    together = [bits for key, bits in odds.items() if EXPLANATION_OF[key].one_operator]
    # In units of the probability of a harvest, which is one operator's, too.
    return odds_against_all(alone) - odds_against_all([0.0, *together])
