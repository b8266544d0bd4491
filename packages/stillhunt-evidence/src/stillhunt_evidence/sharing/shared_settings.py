"""The sampling settings that the accounts of a campaign have in common, by the requests that findings cite."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from stillhunt.base.shared_parameters import SAMPLING_PARAMETERS
from stillhunt_evidence.sharing.parameters import MOST_SHARED_VALUES, P
from stillhunt_evidence.sharing.shared_campaign import SharedValue


def settings_of(cited: Iterable[Mapping[str, Any]]) -> tuple[SharedValue, ...]:
    """The combinations of temperature, top_p and max_tokens that enough accounts use.

    Misleads: only requests that findings cite are counted, at most 50 of each finding.

    Args:
        cited: rows of the CITED table about one campaign.

    Returns:
        Combinations such as `temperature=0.7 max_tokens=2048`, the most used first.
    """
    requests: dict[str, set[str]] = defaultdict(set)
    accounts: dict[str, set[str]] = defaultdict(set)
    for row in cited:
        given = [f"{name}={row[name]:g}" for name in SAMPLING_PARAMETERS if row[name] is not None]
        if given:
            requests[" ".join(given)].add(row["request_id"])
            accounts[" ".join(given)].add(row["account_id"])
    shared = [
        SharedValue(value, len(requests[value]), len(accounts[value]))
        for value in requests
        if len(accounts[value]) >= P.least_accounts
    ]
    return tuple(sorted(shared, key=lambda one: (-one.requests, one.value))[:MOST_SHARED_VALUES])
