"""What the input allows to find: which evidence families have their columns, and what is lost without them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhunt.base.needs import EvidenceNeeds, FamilyNeed
from stillhunt.base.schema import ACCOUNTS

MOST = 0.5
"""Share of requests from which on a column counts as filled; below it the share is told."""
LOOK_UP = "give collect.mmdb (an MMDB file) for networks and countries"


@dataclass(frozen=True)
class FamilyCoverage:
    """One evidence family and the columns it lives on.

    Args:
        family: content, queue, timing, network, identity or conduct.
        available: whether it can yield any evidence.
        missing: columns without values, `accounts.` before those of the accounts table.
        sentence: for the screen.
        rare: columns that few requests have.
    """

    family: str
    available: bool
    missing: tuple[str, ...]
    sentence: str
    rare: tuple[str, ...] = ()


def coverage(
    needs: EvidenceNeeds, present: frozenset[str], accounts: pa.Table | None, filled: Mapping[str, float] | None = None
) -> list[FamilyCoverage]:
    """What is absent for each evidence family and what that costs.

    Args:
        needs: what the evidence needs, as the room that weighs it declares.
        present: optional request columns that carry values (`RequestLog.present`).
        accounts: ACCOUNTS, or None where the user has no such table.
        filled: request column -> share of requests that have a value, 0 to 1, where it was counted.

    Returns:
        One per family, in the order of the needs.
    """
    have = set(present)
    if accounts is not None:
        have |= {f"accounts.{name}" for name in ACCOUNTS.names if accounts.column(name).null_count < accounts.num_rows}
    rare = {name: share for name, share in (filled or {}).items() if name in have and share < MOST}
    return [_of_family(family, need, have, accounts is None, rare) for family, need in needs.families.items()]


def by_address_sentence(count: int) -> str:
    """What it means that requests name no account.

    Args:
        count: how many, at least one.
    """
    who = f"{count:,} requests name no account; they stand under their clients' addresses"
    if count == 1:
        who = "1 request names no account; it stands under its client's address"
    return f"{who}, and network evidence says nothing of {'it' if count == 1 else 'them'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _of_family(
    family: str, need: FamilyNeed, have: set[str], no_accounts: bool, rare: Mapping[str, float]
) -> FamilyCoverage:
    missing = tuple(name for name, _cost in need.helpful if name not in have)
    available = not need.enough or any(name in have for name in need.enough)
    if not available:
        named = "an accounts table" if family == "identity" and no_accounts else " or ".join(need.enough)
        return FamilyCoverage(family, False, missing, f"{family}: no evidence of {need.shows}, for want of {named}")
    few = tuple(name for name, _cost in need.helpful if name in rare)
    thin = [f"{name} in {_percent(rare[name])} of requests" for name in few]
    if not missing and not thin:
        return FamilyCoverage(family, True, missing, f"{family}: complete")
    lost = "; ".join(thin + [f"without {name} no {cost}" for name, cost in need.helpful if name not in have])
    if "country" in missing and "client_ip" in have:
        lost += "; " + LOOK_UP
    return FamilyCoverage(family, True, missing, f"{family}: partly; {lost}", few)


_ENRICHMENTS = (
    ("ip_kind", "client_ip", "kinds of addresses (hosting, vpn, tor, mobile)", "GeoIP2-Anonymous-IP or IPinfo privacy"),
    ("asn_name", "client_ip", "names of networks", "GeoLite2-ASN or IPinfo lite"),
)
"""Columns that no evidence needs and that people ask for, what each needs, and a file that has them."""


def unenriched(present: frozenset[str], *, browsers: bool) -> list[str]:
    """What could be told of addresses and clients with files or packages that are not there.

    Args:
        present: optional request columns that carry values.
        browsers: whether ua-parser is there.

    Returns:
        Short sentences; no evidence depends on any of it.
    """
    missing = [
        f"no {what}: give collect.mmdb a file such as {file}"
        for name, needed, what, file in _ENRICHMENTS
        if name not in present and needed in present
    ]
    if "user_agent" in present and not browsers:
        missing.append("no names of browsers: pip install 'stillhunt[enrich]'")
    return missing


def sampled_facts(needs: EvidenceNeeds, rates: Mapping[float, int], requests: int) -> dict[str, Any]:
    """What it means that a log is a sample, for run.json; nothing where it is none.

    Args:
        needs: what the evidence needs.
        rates: share of calls that a log keeps -> requests of which it is known.
        requests: all requests.

    Returns:
        sampled requests, all that there would be, the sentence.
    """
    parts = {rate: count for rate, count in rates.items() if rate < 1.0}
    if not parts:
        return {}
    sampled = sum(parts.values())
    whole = round(requests - sampled + sum(count / rate for rate, count in parts.items()))
    least, most = (f"{100 * rate:.3g} %" for rate in (min(parts), max(parts)))
    kept = least if least == most else f"{least} to {most}"
    mixed = len(parts) > 1 or sampled < requests
    silent = (*needs.every_call, *needs.even_sampling) if mixed else needs.every_call
    sentence = (
        f"{sampled:,} of {requests:,} requests are of logs that keep {kept} of calls: about {whole:,} calls. Tokens "
        f"and money of campaigns are told as of all calls; small groups are missed, and nothing is counted in favour "
        f"that must see every call ({', '.join(silent)})"
    )
    return {"requests": sampled, "estimated_requests": whole, "sentence": sentence}
