"""What can be found in the input: which families of evidence have their columns, and what is lost without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.needs import EvidenceNeeds, FamilyNeed
from stillhunt.base.schema import ACCOUNTS

MIN_FILLED_SHARE = 0.5
"""A column that fewer requests have is named with its share."""
LOOK_UP = "to look up networks and countries, add an MMDB file to collect.mmdb"


@dataclass(frozen=True)
class FamilyCoverage:
    """One family of evidence and the columns that it needs.

    Attributes:
        family: content, queue, timing, network, identity or conduct.
        available: whether it can yield any evidence.
        missing: columns without values, `accounts.` before those of the accounts table.
        sentence: the above in words, after the name of the family and a colon.
        rare: columns that fewer than `MIN_FILLED_SHARE` of requests have.
    """

    family: str
    available: bool
    missing: tuple[str, ...]
    sentence: str
    rare: tuple[str, ...] = ()


def coverage(
    needs: EvidenceNeeds, present: frozenset[str], accounts: pa.Table | None, filled: Mapping[str, float] | None = None
) -> list[FamilyCoverage]:
    """What each family of evidence lacks, and what is lost by it.

    Args:
        present: optional request columns that hold values (`RequestLog.present`).
        accounts: ACCOUNTS, or None if there is no such table.
        filled: request column -> share of requests that have a value, 0 to 1; only columns for which it is known.

    Returns:
        One per family, in the order of the needs.
    """
    have = set(present)
    if accounts is not None:
        have |= {f"accounts.{name}" for name in ACCOUNTS.names if accounts.column(name).null_count < accounts.num_rows}
    rare = {name: share for name, share in (filled or {}).items() if name in have and share < MIN_FILLED_SHARE}
    return [_of_family(family, need, have, accounts is None, rare) for family, need in needs.families.items()]


def by_address_sentence(count: int) -> str:
    """What follows from requests that name no account."""
    if count == 1:
        return (
            "1 request names no account: its client's address stands for the account, and network evidence does not "
            "apply to it"
        )
    return (
        f"{formatting.count(count)} requests name no account: their clients' addresses stand for accounts, and network "
        "evidence does not apply to them"
    )


def _of_family(
    family: str, need: FamilyNeed, have: set[str], no_accounts: bool, rare: Mapping[str, float]
) -> FamilyCoverage:
    missing = tuple(name for name, _cost in need.helpful if name not in have)
    if need.enough and not have.intersection(need.enough):
        reason = f"{formatting.join_words(need.enough)} {formatting.verb(len(need.enough), 'is', 'are')} missing"
        if family == "identity" and no_accounts:
            reason = "there is no accounts table"
        return FamilyCoverage(family, False, missing, f"{family}: no evidence of {need.shows}, because {reason}")
    few = tuple(name for name, _cost in need.helpful if name in rare)
    gaps = [f"{name} is filled in {formatting.percent(rare[name])} of requests" for name in few]
    gaps += [f"without {name} no {cost}" for name, cost in need.helpful if name not in have]
    if "country" in missing and "client_ip" in have:
        gaps.append(LOOK_UP)
    return FamilyCoverage(family, True, missing, f"{family}: {'; '.join(gaps) or 'nothing is missing'}", few)


_ENRICHMENTS = (
    ("ip_kind", "client_ip", "kinds of addresses (hosting, vpn, tor, mobile)", "GeoIP2-Anonymous-IP or IPinfo privacy"),
    ("asn_name", "client_ip", "names of networks", "GeoLite2-ASN or IPinfo lite"),
)
"""Columns that no evidence needs but that readers ask for: (column, column it is looked up by, its name in words, files
that hold it)."""


def unenriched(present: frozenset[str], *, browsers: bool) -> list[str]:
    """What the log does not say of addresses and clients, and how it could be looked up.

    Args:
        browsers: whether ua-parser is installed, which finds the names of browsers.

    Returns:
        Short notes, one for each thing not looked up; no evidence depends on any of them.
    """
    notes = [
        f"{what}: add a file such as {file} to collect.mmdb"
        for name, needed, what, file in _ENRICHMENTS
        if name not in present and needed in present
    ]
    if "user_agent" in present and not browsers:
        notes.append("names of browsers: run pip install 'stillhunt[enrich]'")
    return notes


def sampled_facts(needs: EvidenceNeeds, rates: Mapping[float, int], requests: int) -> dict[str, Any]:
    """What follows from logs that keep only a sample of calls, for run.json.

    Args:
        rates: share of calls that a log keeps -> number of requests from such logs.

    Returns:
        Requests from sampled logs, estimated number of all calls, and both in a sentence; empty if no log is a sample.
    """
    parts = {rate: count for rate, count in rates.items() if rate < 1.0}
    if not parts:
        return {}
    sampled = sum(parts.values())
    estimated = round(requests - sampled + sum(count / rate for rate, count in parts.items()))
    least, most = formatting.exact_percent(min(parts)), formatting.exact_percent(max(parts))
    kept = least if least == most else f"{least} to {most}"
    mixed = len(parts) > 1 or sampled < requests
    silent = (*needs.every_call, *needs.even_sampling) if mixed else needs.every_call
    sentence = formatting.sentence_case(
        f"{formatting.part_of(sampled, requests, 'request')} {formatting.verb(sampled, 'comes', 'come')} from logs "
        f"that keep {kept} of calls: there were about {formatting.plural(estimated, 'call')}. Tokens and money of "
        "campaigns are estimates for all calls; small groups are missed, and no campaign gains bits from evidence "
        f"that must see every call ({', '.join(silent)})"
    )
    return {"requests": sampled, "estimated_requests": estimated, "sentence": sentence}
