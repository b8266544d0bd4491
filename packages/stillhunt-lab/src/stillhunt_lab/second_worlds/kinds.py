"""Kinds of honest customers, and what a campaign does on each rung of the evasion ladder."""

from dataclasses import dataclass, replace
from typing import Any

from stillhunt_lab.worlds.grammar import read_data


@dataclass(frozen=True)
class CustomerKind:
    """One kind of customer; `data/second_kinds.toml` says what each field means."""

    name: str
    share: float
    mean: float
    tail: float
    load_law: str = "pareto"
    arrival: str = "hawkes"
    profile: str = "evening"
    turns: float = 2.3
    strength: float = 5.0
    discount: float = 0.25
    size: float = 38.0
    wording: str = "plain"
    system: str = "none"
    network: str = "home"
    program: float = 0.05
    group: tuple[int, int] = (0, 0)
    items: str = "own topics"
    best: float = 0.3
    answer: float = 330.0
    any_member: bool = False
    users: float = 0.0


def _convert_lists_to_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}


_DATA = read_data("second_kinds")
CUSTOMER_KINDS = tuple(CustomerKind(**_convert_lists_to_tuples(kind)) for kind in _DATA["customers"])
"""Honest customers; the first kind takes the accounts that the shares of the others leave, about a third."""
TALKER = CUSTOMER_KINDS[0]
"""Everyday conversation, and the cover traffic of campaigns."""

SANCTIONED = ("contract_author", "contract_reseller")
"""Kinds of customers that the provider allows by contract; their organisations are declared in the settings."""


def customer_counts(accounts: int) -> list[tuple[CustomerKind, int]]:
    """Number of accounts of each kind; a kind whose accounts do not fill its smallest group is left out."""
    counts = [round(kind.share * accounts) for kind in CUSTOMER_KINDS]
    counts = [0 if 0 < count < kind.group[0] else count for kind, count in zip(CUSTOMER_KINDS, counts, strict=True)]
    counts[0] = accounts - sum(counts[1:])
    return list(zip(CUSTOMER_KINDS, counts, strict=True))


@dataclass(frozen=True)
class Rung:
    """How a campaign behaves; `data/second_kinds.toml` says what each field means."""

    papers: str = "clean"
    opened_days: float = 30.0
    network: str = "fixed"
    clients: int = 0
    discipline: str = "lease"
    profile: str = "always"
    pace: float = 8.0
    evenness: float = 0.15
    on_duty: float = 0.75
    stay: float = 0.7
    jitter: float = 0.5
    wording: str = "fixed"
    templates: int = 2
    skills: int = 2
    parameters: str = "few"
    cover: tuple[float, float] = (0.0, 0.0)
    turns: float = 1.0
    best: float = 0.6
    answer: float = 520.0
    channels: bool = False
    standby: float = 0.0
    labs: int = 1


_CAREFUL = Rung(**_convert_lists_to_tuples(_DATA["careful"]))
RUNGS = {int(number): Rung(**_convert_lists_to_tuples(own)) for number, own in _DATA["rungs"].items()}
RUNGS |= {
    int(number): replace(_CAREFUL, **_convert_lists_to_tuples(own)) for number, own in _DATA["careful_rungs"].items()
}
"""Rungs 1 to 12; each keeps the evasions of the one before, except where its entry says otherwise."""
