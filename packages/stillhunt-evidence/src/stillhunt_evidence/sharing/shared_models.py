"""Which models of a campaign may be named: those that enough accounts use, without what tells whose they are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt_evidence.sharing.parameters import SHARED_VALUE_CHARS, P

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

    Args:
        text: from a log; may be hostile and megabytes long.
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

    Args:
        taken: rows of the TAKEN table about it.
        cited: rows of the CITED table about it.

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
    """Names of models that no sentence may have either.

    Args:
        names: as the case has them.
    """
    known = set(leaving)
    return {one for one in names if one not in known and not any(one in other for other in known)}
