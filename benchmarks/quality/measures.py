"""How good a case is, by the truth of a simulated world; the definitions are those of README.md, the same everywhere.

Everything is counted from the case tables and the truth tables alone; nothing here knows how the hunt works.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import pyarrow as pa
from scipy.stats import chi2


@dataclass(frozen=True)
class Quality:
    """How a case compares with the truth.

    Attributes:
        recall: flagged harvesting accounts / harvesting accounts; None in an honest world.
        precision: flagged harvesting accounts / flagged accounts; None where nobody is flagged.
        false_by_persona: flagged honest accounts by persona.
        honest_accounts: accounts that harvest nothing.
        bcubed_f1: B-cubed F1 of the harvesting accounts' main campaigns; None in an honest world.
        request_recall: truly harvested requests that harvest.parquet lists / truly harvested requests.
        request_precision: listed requests that are truly harvested / listed requests.
        request_ari: adjusted Rand index over the truly harvested requests, by campaign; unlisted = one class; None with
            fewer than two true campaigns, where the index is 0 by definition.
        recall_by_campaign: recall of each true campaign's accounts.
        acts, reviews: campaigns with that verdict.
    """

    recall: float | None
    precision: float | None
    false_by_persona: dict[str, int]
    honest_accounts: int
    bcubed_f1: float | None
    request_recall: float | None
    request_precision: float | None
    request_ari: float | None
    recall_by_campaign: dict[str, float]
    acts: int
    reviews: int


def measure(tables: Mapping[str, pa.Table], truth_accounts: pa.Table, truth_requests: pa.Table) -> Quality:
    """Compare case tables with the truth.

    Args:
        tables: case tables: accounts, harvest, campaigns.
        truth_accounts: account_id, persona, campaign.
        truth_requests: request_id, account_id, campaign (empty = honest).
    """
    campaign_of = _lookup(truth_requests, "request_id", "campaign")
    persona = _lookup(truth_accounts, "account_id", "persona")
    listed = _lookup(tables["harvest"], "request_id", "campaign_id")
    main_campaign = _lookup(tables["accounts"], "account_id", "campaign_id")
    flagged = {account for account, acted in _lookup(tables["accounts"], "account_id", "flagged").items() if acted}
    harvested = {request for request, campaign in campaign_of.items() if campaign}
    # An account of a shared pool counts as harvesting if any of its requests is harvested.
    serves: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for request, account in _lookup(truth_requests, "request_id", "account_id").items():
        if campaign_of[request]:
            serves[account][campaign_of[request]] += 1
    hits = listed.keys() & harvested
    ordered = sorted(serves)
    main_truth = [min((-n, name) for name, n in serves[a].items())[1] for a in ordered]
    main_found = [main_campaign[a] if a in flagged else f"alone:{a}" for a in ordered]
    members: defaultdict[str, list[bool]] = defaultdict(list)
    for account in ordered:
        for campaign in serves[account]:
            members[campaign].append(account in flagged)
    verdicts = tables["campaigns"]["verdict"].to_pylist()
    true_requests = sorted(harvested)
    return Quality(
        recall=len(flagged & serves.keys()) / len(serves) if serves else None,
        precision=len(flagged & serves.keys()) / len(flagged) if flagged else None,
        false_by_persona=dict(sorted(Counter(persona.get(a, "unknown") for a in flagged - serves.keys()).items())),
        honest_accounts=sum(a not in serves for a in persona),
        bcubed_f1=bcubed_f1(main_truth, main_found) if serves else None,
        request_recall=len(hits) / len(harvested) if harvested else None,
        request_precision=len(hits) / len(listed) if listed else None,
        request_ari=adjusted_rand_index(
            [campaign_of[r] for r in true_requests], [listed.get(r, "unlisted") for r in true_requests]
        )
        if len(members) > 1
        else None,
        recall_by_campaign={name: sum(seen) / len(seen) for name, seen in sorted(members.items())},
        acts=verdicts.count("act"),
        reviews=verdicts.count("review"),
    )


def _lookup(table: pa.Table, key: str, value: str) -> dict[str, Any]:
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))


def bcubed_f1(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """B-cubed F1 of a partition (Bagga and Baldwin 1998).

    Args:
        truth: true class of each item.
        found: class it was put in.
    """
    both, of_truth, of_found = Counter(zip(truth, found, strict=True)), Counter(truth), Counter(found)
    precision = sum(n * n / of_found[f] for (_, f), n in both.items()) / len(truth)
    recall = sum(n * n / of_truth[t] for (t, _), n in both.items()) / len(truth)
    return 2 * precision * recall / (precision + recall)


def adjusted_rand_index(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985); 1 where both partitions are the same.

    Args:
        truth: true class of each item.
        found: class it was put in.
    """
    pairs = sum(comb(n, 2) for n in Counter(zip(truth, found, strict=True)).values())
    of_truth = sum(comb(n, 2) for n in Counter(truth).values())
    of_found = sum(comb(n, 2) for n in Counter(found).values())
    total = comb(len(truth), 2)
    if not total:
        return 1.0
    expected = of_truth * of_found / total
    most = (of_truth + of_found) / 2
    return (pairs - expected) / (most - expected) if most != expected else 1.0


def upper_bound(events: int, worlds: int) -> float:
    """Upper 95 % bound of the mean number of events per world, exact for Poisson counts.

    Args:
        events: events seen in all worlds together.
        worlds: independent worlds.
    """
    return float(chi2.ppf(0.95, 2 * (events + 1)) / 2 / worlds)
