"""What accounts have in common: the traits of all members in one index, and how common each is in the case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.clients import UNKNOWN

Integers = npt.NDArray[np.int64]

SIGN_UP_HOURS = 12
"""Length of a sign-up window, in hours: that of the evidence `created_at`, whose bits are about the same windows."""
_LABEL_CHARS = 48


@dataclass(frozen=True)
class TraitKind:
    """One thing that accounts can have in common.

    Attributes:
        name: as in addresses and exports.
        evidence: kind of evidence that says how common exactly this is among all customers; empty where none does.
    """

    name: str
    label: str
    column: str
    evidence: str = ""


TRAIT_KINDS = (
    TraitKind("client", "Client", "clients"),
    TraitKind("network", "Network", "networks"),
    TraitKind("ip_kind", "Kind of address", "ip_kinds"),
    TraitKind("country", "Country", "countries"),
    TraitKind("sign_up", f"Signed up within {SIGN_UP_HOURS} hours", "created_at", "created_at"),
    TraitKind("email_domain", "E-mail domain", "email_domain", "email_domain"),
    TraitKind("organization", "Organisation", "organization_id"),
    TraitKind("plan", "Plan", "plan"),
    TraitKind("payment_country", "Country of payment", "payment_country"),
    TraitKind("phone_country", "Country of the phone", "phone_country"),
    TraitKind("signup_country", "Country of the sign-up", "signup_country"),
    TraitKind("declared_use", "Declared use", "declared_use"),
    TraitKind("other_campaign", "Also in", "campaign_id"),
)
"""In the order of tables. A client is a family of User-Agents and a network an autonomous system, both wider than the
fingerprints and prefixes that evidence is about, so no bits are set against them."""
OTHER_CAMPAIGN = len(TRAIT_KINDS) - 1
"""Place of the kind whose values are campaigns: an account has those that it is in besides the one looked at."""


@dataclass(frozen=True)
class CaseTraits:
    """The traits of all members of a case, as numbers; made by `case_traits` once per case.

    Attributes:
        accounts: account ids that are members of anything, ascending.
        kind: place in `TRAIT_KINDS` of each trait.
        known: for each kind, accounts for which any value of it is known.
        holders: for each trait, accounts that have it.
    """

    accounts: pa.Array
    values: list[str]
    kind: Integers
    account: Integers
    trait: Integers
    known: Integers
    holders: Integers

    def label(self, trait: int) -> str:
        """The value of a trait, safe to show; a sign-up window with its begin."""
        return formatting.shorten(self.values[trait], _LABEL_CHARS)

    def codes_of(self, account_ids: pa.Array | pa.ChunkedArray) -> Integers:
        """The numbers of accounts; -1 for an account that is no member of anything."""
        places = pc.index_in(account_ids, value_set=self.accounts)
        return np.asarray(pc.fill_null(places, -1).cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)

    def pairs_of(self, accounts: Integers) -> tuple[Integers, Integers]:
        """Accounts and traits of all pairs of some accounts, by account and trait."""
        wanted = np.zeros(len(self.accounts), np.bool_)
        wanted[accounts[accounts >= 0]] = True
        rows = np.flatnonzero(wanted[self.account])
        return self.account[rows], self.trait[rows]


def case_traits(member_details: pa.Table) -> CaseTraits:
    """The traits of all members of campaigns and groups.

    Args:
        member_details: the MEMBER_DETAILS table, in any row order.

    Returns:
        Each account's distinct traits; what is not known of an account is no trait.
    """
    accounts = pc.unique(member_details["account_id"])
    accounts = accounts.take(pc.sort_indices(accounts))
    owner = np.asarray(pc.index_in(member_details["account_id"], value_set=accounts).to_numpy(), np.int64)
    account, trait, values, kinds = [], [], list[str](), list[int]()
    known = np.zeros(len(TRAIT_KINDS), np.int64)
    for place, kind in enumerate(TRAIT_KINDS):
        rows, words = _values(member_details[kind.column])
        names = pc.unique(words)
        names = names.take(pc.sort_indices(names))
        code = np.asarray(pc.index_in(words, value_set=names).to_numpy(zero_copy_only=False), np.int64)
        pair = np.unique(owner[rows] * max(len(names), 1) + code)
        account.append(pair // max(len(names), 1))
        trait.append(pair % max(len(names), 1) + len(values))
        known[place] = len(np.unique(account[-1]))
        values += names.to_pylist()
        kinds += [place] * len(names)
    joined, codes = np.concatenate(account), np.concatenate(trait)
    order = np.lexsort((codes, joined))
    return CaseTraits(
        accounts=accounts,
        values=values,
        kind=np.array(kinds, np.int64),
        account=joined[order],
        trait=codes[order],
        known=known,
        holders=np.bincount(codes, minlength=len(values)),
    )


def _values(column: pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """Row and text of each known value of a column; a moment becomes the begin of its sign-up window."""
    column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # an empty one stays in chunks
        column = pa.array([], column.type)
    if pa.types.is_list(column.type):
        rows, words = pc.list_parent_indices(column), pc.list_flatten(column)
    else:
        rows, words = pa.array(np.arange(len(column))), column
    if pa.types.is_timestamp(words.type):
        moments = pc.floor_temporal(words, SIGN_UP_HOURS, unit="hour")
        words = pc.strftime(moments, format="%Y-%m-%d %H:00 UTC")
    stated = pc.and_kleene(pc.is_valid(words), pc.not_equal(words, UNKNOWN))
    stated = pc.fill_null(stated, False)
    return np.asarray(rows.filter(stated).to_numpy(zero_copy_only=False), np.int64), words.filter(stated)
