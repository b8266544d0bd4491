"""What a family of evidence needs of a log: handed from the room that weighs evidence to the one that reads logs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FamilyNeed:
    """Columns of one family.

    Attributes:
        enough: columns of which one is enough for some evidence; none: timestamp, account and model are.
        helpful: columns that add to it, with what each adds ("without NAME no ...").
        shows: what is lost without the family.
    """

    enough: tuple[str, ...]
    helpful: tuple[tuple[str, str], ...]
    shows: str


@dataclass(frozen=True)
class EvidenceNeeds:
    """What all evidence needs.

    Attributes:
        every_call: kinds that must see every call.
        even_sampling: kinds that need all parts of a log to be sampled at one rate.
    """

    families: dict[str, FamilyNeed]
    every_call: tuple[str, ...]
    even_sampling: tuple[str, ...]
