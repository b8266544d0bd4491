"""Which models and sampling settings of a campaign may be named: those that enough accounts use."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhunt.case import OTHER, UNKNOWN
from stillhunt.logs import SAMPLING_PARAMETERS
from stillhunt_evidence.sharing.parameters import MOST_SHARED_VALUES, SHARED_VALUE_CHARS, P
from stillhunt_evidence.sharing.shared_campaign import SharedValue


def settings_of(cited: Iterable[Mapping[str, Any]]) -> tuple[SharedValue, ...]:
    """The combinations of temperature, top_p and max_tokens that enough accounts use.

    Misleads: only requests that findings cite are counted, at most 50 of each finding.

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


LEAST_SHARE = 0.05
"""Share of the requests of a campaign from which a value is a trait of it. Judgement: rarer ones are chance."""
_LONGEST = 4 * SHARED_VALUE_CHARS
_FINE_TUNED = re.compile(r"(ft:[^:]*):.*", re.DOTALL)
_PUBLIC = re.compile(
    r"arn:[^:]*:bedrock:[^:]*:\d*:(?:foundation-model|inference-profile)/(?P<bedrock>[^/]+)"
    r"|projects/.*/publishers/[^/]+/models/(?P<vertex>[^/]+)"
)
_PRIVATE = re.compile(
    r"(?i)arn:|/?projects/|/?subscriptions/|.*(?:custom-model|imported-model|provisioned-model|(?<!\d)\d{12}(?!\d))",
    re.DOTALL,
)
"""Names that say whose a model or deployment is: resources of a cloud, and numbers of accounts of AWS."""


def base_model(text: str) -> str:
    """The name of a model without a customer's part; empty for one that has no other part.

    `text`: from a log; may be hostile and megabytes long.
    """
    name = _FINE_TUNED.sub(r"\1", text[:_LONGEST])
    if public := _PUBLIC.fullmatch(name):
        name = public["bedrock"] or public["vertex"]
    return "" if _PRIVATE.match(name) else name


def models_to_share(
    row: Mapping[str, Any], taken: Sequence[Mapping[str, Any]], cited: Sequence[Mapping[str, Any]]
) -> dict[str, int]:
    """The models of a campaign that may leave.

    Where requests of enough accounts are cited, a model leaves if so many of them use it. Where they are not, the case
    does not tell accounts: then its share of the requests decides, and without counts only the most used one leaves.

    Returns:
        Name without a customer's part -> harvested requests; 0 where they are not counted.
    """
    if row["accounts"] < P.least_accounts:
        return {}
    requests: dict[str, int] = defaultdict(int)
    for one in taken:
        if one["aspect"] == "model":
            requests[base_model(one["value"])] += one["requests"]
    accounts: dict[str, set[str]] = defaultdict(set)
    for one in cited:
        accounts[base_model(one["model"])].add(one["account_id"])
    named = list(requests) or list(dict.fromkeys(base_model(one) for one in row["models"]))
    if len(set().union(*accounts.values())) >= P.least_accounts:
        chosen = [name for name in named if len(accounts[name]) >= P.least_accounts]
    elif requests:
        chosen = [name for name in named if requests[name] >= LEAST_SHARE * row["requests"]]
    else:
        chosen = named[:1]
    return {name: requests.get(name, 0) for name in chosen if name not in (OTHER, UNKNOWN, "")}


def withheld_names(names: Iterable[str], leaving: Iterable[str]) -> set[str]:
    """Names of models that no sentence may have either."""
    known = set(leaving)
    return {one for one in names if one not in known and not any(one in other for other in known)}
