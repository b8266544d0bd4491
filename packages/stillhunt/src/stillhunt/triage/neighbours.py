"""Accounts that share rare traits with one account: where to look next, and no evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.triage.case_traits import OTHER_CAMPAIGN, TRAIT_KINDS, CaseTraits
from stillhunt.triage.model import ID_CHARS, CaseModel

_RARE_SHARE = 0.05
"""A trait is rare that at most so many of the members have of whom a value is known. Judgement: one in twenty."""
_LEAST_KNOWN = 20
"""Members of whom a value must be known to call one rare. Judgement: below, one of them is no longer one in twenty."""
_NEIGHBOURS_SHOWN = 10
_TRAITS_NAMED = 6


@dataclass(frozen=True)
class Neighbour:
    """An account that shares rare traits with another one.

    Attributes:
        name: its id, safe to show.
        campaigns: campaigns and groups that it is in, raw ids, at most 20.
        traits: the rare traits shared, each with its kind and how many have it; safe to show.
        rarity_bits: sum over these traits of log2 of how many times rarer than universal each is.
    """

    account_id: str
    name: str
    verdict: str
    campaigns: tuple[str, ...]
    traits: tuple[str, ...]
    rarity_bits: float

    @property
    def words(self) -> str:
        """What is shared, in a sentence."""
        return f"Shares {formatting.join_some(self.traits, _TRAITS_NAMED)}."


NEIGHBOURS_MEANING = (
    "Accounts with most rare traits in common, among the members of campaigns and groups of this case; of others no "
    "traits are known. A trait is rare that at most 5 % of them have. This says where to look; it is no evidence."
)
"""What neighbours are, for the heading of their table."""


def neighbours(case: CaseModel, traits: CaseTraits, account_id: str) -> tuple[Neighbour, ...]:
    """The accounts that share most rare traits with one, by the sum of the traits' rarity.

    It misleads where traits go together, as the countries of sign-up, phone and payment do: each is counted.

    Returns:
        At most 10; none for an account that is a member of nothing, since its traits are not known.
    """
    own = int(traits.codes_of(pa.array([account_id], pa.string()))[0])
    known = traits.known[traits.kind]
    rare = (traits.kind != OTHER_CAMPAIGN) & (known >= _LEAST_KNOWN) & (traits.holders <= known * _RARE_SHARE)
    of_own = traits.trait[traits.account == own]
    wanted = np.zeros(len(traits.values), np.bool_)
    wanted[of_own[rare[of_own]]] = True
    pairs = np.flatnonzero(wanted[traits.trait] & (traits.account != own))
    bits = np.log2(np.maximum(known, 1) / np.maximum(traits.holders, 1))
    sums = np.bincount(traits.account[pairs], weights=bits[traits.trait[pairs]], minlength=len(traits.accounts))
    found = np.unique(traits.account[pairs])
    # sums are rounded for the order, so that the last bit of an addition decides nothing
    first = found[np.lexsort((found, -np.round(sums[found], 6)))][:_NEIGHBOURS_SHOWN]
    ids = traits.accounts.take(pa.array(first))
    accounts = case.tables["accounts"]
    verdicts = accounts["verdict"].take(pc.index_in(ids, value_set=accounts["account_id"])).to_pylist()
    rows = []
    for code, name, verdict in zip(first.tolist(), ids.to_pylist(), verdicts, strict=True):
        shared = np.sort(traits.trait[pairs[traits.account[pairs] == code]]).tolist()
        all_of = traits.trait[traits.account == code]
        campaigns = [traits.values[trait] for trait in all_of[traits.kind[all_of] == OTHER_CAMPAIGN][:20].tolist()]
        rows.append(
            Neighbour(
                account_id=name,
                name=formatting.shorten(name, ID_CHARS),
                verdict=verdict or "none",
                campaigns=tuple(campaigns),
                traits=tuple(_trait_words(traits, trait) for trait in shared),
                rarity_bits=float(sums[code]),
            )
        )
    return tuple(rows)


def _trait_words(traits: CaseTraits, trait: int) -> str:
    kind = int(traits.kind[trait])
    label = TRAIT_KINDS[kind].label
    having = f"{formatting.count(int(traits.holders[trait]))} of {formatting.count(int(traits.known[kind]))}"
    return f"{label[:1].lower()}{label[1:]} {traits.label(trait)} ({having})"
