"""The declaration of one kind of evidence: everything that any part of the program needs to know of it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.arrays import Floats, Ints
from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.base.families import FAMILY_OF
from stillhunt.base.parameters import Origin, Provenance
from stillhunt.base.schema import ACCOUNTS, REQUESTS
from stillhunt.base.wording import fill
from stillhunt.score.evidence.finding import CandidateCase, Finding, examples
from stillhunt.score.stats.shared_keys import SharedKey

Calls = Literal["any", "even", "every"]
"""Which calls a kind must see: any fair sample of them; parts of the log that are sampled evenly; or every call."""


@dataclass(frozen=True)
class NeededColumn:
    """A column that a kind reads."""

    name: str  # column of REQUESTS, or `accounts.` and a column of ACCOUNTS
    # what the column adds, as a noun phrase: "without NAME no GIVES"; empty where nothing is lost that other columns do
    # not give
    gives: str = ""
    enough: bool = True  # True where this column alone, beside the required ones, lets the family yield evidence


@dataclass(frozen=True)
class Null:
    """The honest side of the likelihood ratio."""

    honest: str
    provenance: Provenance


@dataclass(frozen=True)
class Wording:
    """Templates of the statements, see `base/wording.py`."""

    evidence_for: str  # where the bits are positive
    evidence_against: str
    insufficient: str  # where the log holds too little data; kinds that are silent then use it on pages only
    variants: tuple[str, ...] = ()  # further templates, among which the kind chooses by what it saw


@dataclass(frozen=True)
class MemberWording:
    """What the kind says about one member, as sentences without figures."""

    evidence_for: str
    evidence_against: str


@dataclass(frozen=True)
class EvidenceKind:
    """One kind of evidence."""

    name: str
    family: str  # of `base/families.py`
    measures: str  # what is measured, as a phrase
    null: Null
    columns: tuple[NeededColumn, ...]  # what it reads, beyond timestamp, account and model
    calls: Calls  # which calls it must see; in a sample a kind that must see more may be evidence against, but not for
    # most_bits, least_bits: bounds of its bits before the family's cap; None where only the family's cap bounds them
    most_bits: float | None
    least_bits: float | None
    wording: Wording
    members: MemberWording | None  # what it says about single members; None where it says nothing
    # looks at one candidate; None where there is nothing to say
    weigh: Callable[[EvidenceKind, CandidateCase], Finding | None]
    # place among the built-in kinds in tables and pages, in which bits are added, too; those of plugins follow by name
    order: int = 0
    # called once before a hunt reads requests, with the settings and ACCOUNTS (None where there are none); what it
    # returns is `case.log.prepared[name]`. It may refuse the hunt with a `ConfigError` or an `InputError`
    prepare: Callable[[Config, pa.Table | None], Any] | None = None
    # "volume" where what it says of a member is learned anew from the volumes of the confident core
    learns: Literal["", "volume"] = ""

    def finding(
        self,
        bits: float,
        figures: dict[str, Any],
        *,
        rows: Ints | None = None,
        count: int = 0,
        member_bits: Floats | None = None,
        independent: bool = False,
        variant: int | None = None,
    ) -> Finding:
        """A finding with its statement, its bits within the kind's bounds.

        Args:
            bits: log2 likelihood ratio for the whole candidate.
            rows: requests that show it; `Finding` keeps some of them.
            variant: which of the wording's variants says it; the template for or against where None.
        """
        if self.most_bits is not None:
            bits = min(bits, self.most_bits)
        if self.least_bits is not None:
            bits = max(bits, self.least_bits)
        template = self.wording.evidence_for if bits > 0 else self.wording.evidence_against
        if variant is not None:
            template = self.wording.variants[variant]
        shown, statement = np.zeros(0, np.int64) if rows is None else examples(rows), fill(template, **figures)
        return Finding(self.family, self.name, statement, bits, shown, count, member_bits, independent=independent)

    def insufficient(self, figures: dict[str, Any] | None = None, member_bits: Floats | None = None) -> Finding:
        """A finding that says what the log lacks, with bits of members where there are some all the same."""
        statement = fill(self.wording.insufficient, **(figures or {}))
        return Finding(self.family, self.name, statement, 0.0, member_bits=member_bits, insufficient=True)


def declared_kind(
    name: str,
    weigh: Callable[[EvidenceKind, CandidateCase], Finding | None],
    *,
    most_bits: float | None,
    least_bits: float | None,
) -> EvidenceKind:
    """A kind whose words and needs `kinds.toml` holds: the fields of `EvidenceKind` and of what it is made of.

    Raises ContractError: the file has no such kind, or it lacks an entry or has one that is not known.
    """
    said = dict(_declared_kinds().get(name, {}))
    try:
        (origin,) = [one for one in get_args(Origin) if one in said]
        null = Null(said.pop("honest"), Provenance(origin, said.pop(origin)))
        evidence_for = said.pop("for")
        variants = tuple(said.pop("variants", ()))
        wording = Wording(evidence_for, said.pop("against", evidence_for), said.pop("insufficient"), variants)
        of_members = said.pop("member_for", None), said.pop("member_against", None)
        columns = tuple(map(_needed_column, said.pop("columns")))
        return EvidenceKind(
            name=name,
            null=null,
            columns=columns,
            most_bits=most_bits,
            least_bits=least_bits,
            wording=wording,
            members=MemberWording(*of_members) if all(of_members) else None,
            weigh=weigh,
            **said,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(f"the kind is not declared completely: {error}", where=f"kinds.toml: {name}") from error


@cache
def _declared_kinds() -> dict[str, dict[str, Any]]:
    return tomllib.loads(Path(__file__).with_name("kinds.toml").read_text("utf-8"))


def _needed_column(text: str) -> NeededColumn:
    name, _, gives = text.partition(": ")
    return NeededColumn(name.removesuffix("?"), gives, enough=not name.endswith("?"))


def members_sharing(sharing: int, members: int) -> str:
    """How many members share something, for the beginning of a sentence: `All 70 accounts`, `12 of 70 accounts`."""
    words = formatting.part_of(sharing, members, "account")
    return words[:1].upper() + words[1:]


def sharing_figures(found: SharedKey, members: int) -> dict[str, Any]:
    """What statements say of a shared key."""
    sharing = found.sharing
    return {"members": members_sharing(sharing, members), "sharing": sharing, "values": found.values}


def missing_parts(kind: EvidenceKind) -> list[str]:
    """Parts that a declaration lacks, in words."""
    faults = [f"no {one.name}" for one in fields(kind) if getattr(kind, one.name) == "" and one.name != "learns"]
    faults += [] if kind.family in FAMILY_OF else [f"no such family of evidence: {kind.family}"]
    faults += [] if kind.null.honest and kind.null.provenance.how else ["no null, or not where it comes from"]
    faults += [] if kind.calls in get_args(Calls) else [f"unknown calls {kind.calls}"]
    for column in kind.columns:
        table, name = (ACCOUNTS, column.name[9:]) if column.name.startswith("accounts.") else (REQUESTS, column.name)
        if name not in table.names:
            faults.append(f"no column {column.name}")
    if kind.least_bits is not None and kind.most_bits is not None and kind.least_bits > kind.most_bits:
        faults.append("the least bits are above the most bits")
    wording = (kind.wording.evidence_for, kind.wording.evidence_against, kind.wording.insufficient)
    faults += [] if all(wording) and all(kind.wording.variants) else ["no wording for, against or insufficient data"]
    if kind.members is not None and not (kind.members.evidence_for and kind.members.evidence_against):
        faults.append("no wording for or against a member")
    return faults
